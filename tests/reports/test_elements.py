"""HTML is made of elements in which text is escaped, whoever wrote it."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from binex.models.safe_text import escape
from binex.reports.html.elements import LONGEST, Markup, element, markup
from binex.reports.html.room import VALUE_LENGTH, Room

TEXT = st.text(st.characters(exclude_categories=[]))


class Read(HTMLParser):
    """What a parser sees in HTML."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts += data


@given(TEXT, TEXT)
def test_text_is_text_and_attributes_are_attributes_whatever_is_in_them(said: str, title: str) -> None:
    found = Read(element("p", said, title=title, class_="x"))
    assert found.tags == [("p", {"title": escape(title), "class": "x"})]
    assert found.texts == escape(said, is_block=True)


def test_what_is_not_there_is_left_out() -> None:
    assert element("p", None, [], title=None, open=False, hidden=True) == "<p hidden></p>"
    assert element("rect", x=1.0, y=0.126, aria_label="a&b") == '<rect x="1" y="0.13" aria-label="a&amp;b"></rect>'
    assert element("br") == "<br>"


def test_names_and_titles_are_bounded() -> None:
    """Whoever wrote an imported run may call a tool by the text of a book."""
    found = Read(element("p", "<" * 1_000_000, title='"' * 1_000_000))
    assert found.texts == "<" * LONGEST + "… [cut]"
    assert found.tags == [("p", {"title": '"' * LONGEST + "… [cut]"})]
    assert len(element("p", Markup("x" * 1_000_000))) > 1_000_000


def test_only_what_was_made_here_is_markup() -> None:
    assert markup("<b>", Markup("<i>"), ["&", None]) == "&lt;b&gt;<i>&amp;"


def test_a_value_that_is_too_long_is_cut_and_says_how_to_have_all_of_it() -> None:
    room = Room()
    shown = room.block("x" * (VALUE_LENGTH + 1), hint="binex artifacts show 1 a")
    assert "x" * VALUE_LENGTH in shown
    assert "x" * (VALUE_LENGTH + 1) not in shown
    assert "Cut here: the first 65,536 of 65,537 characters." in shown
    assert "<code>binex artifacts show 1 a</code>" in shown
    assert room.cut == 1


def test_a_page_that_is_full_takes_no_more_values_and_names_what_is_missing() -> None:
    room = Room()
    while not room.is_used_up:
        room.block("ü" * VALUE_LENGTH)
    assert room.block("more") == '<p class="notice">Cut here: 4 characters not shown.</p>'


def test_a_line_end_at_the_start_of_a_value_is_not_lost() -> None:
    assert Room().block("\n\nx") == '<pre class="value" tabindex="0">\n\n\nx</pre>'
