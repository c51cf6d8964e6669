"""The place where a text was found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binex.analysis.search import excerpt_of
from binex.models.run_query import FoundText
from binex.stores.wording import find_phrases, holds, read_search, words_of


def shown(text: str, asked: str) -> tuple[str, list[str]]:
    hit = excerpt_of(FoundText(run_id="1a", task="n", text=text), asked)
    return hit.excerpt, [hit.excerpt[start:end] for start, end in hit.marks]


@pytest.mark.parametrize(
    ("text", "asked", "marked"),
    [
        ("ebb and flow", "flow ebb", ["ebb", "flow"]),
        ("die Küche,\n die KÜCHE", "kuche", ["Küche"]),
        ("ebbing and ebb", "ebb", ["ebb"]),
        ("ebbing", "ebb*", ["ebb"]),
        ("今天天气很好", "天气", ["天气"]),
        ("a_b c", '"a b"', ["a_b"]),
        ("nothing of it", "ebb", []),
    ],
)
def test_what_was_found_is_marked_where_it_stands(text: str, asked: str, marked: list[str]) -> None:
    assert shown(text, asked)[1] == marked


def test_an_excerpt_is_one_short_line_around_the_place() -> None:
    excerpt, marked = shown("before \n" * 1000 + "needle" + "\n after" * 1000, "needle")
    assert marked == ["needle"]
    assert len(excerpt) < 140
    assert "\n" not in excerpt
    assert excerpt.startswith("…")
    assert excerpt.endswith("…")


@given(st.text(), st.text(min_size=1))
def test_a_word_of_a_text_is_found_in_it(text: str, other: str) -> None:
    words = words_of(f"{text} {other}")
    for word in words_of(text).split()[:5]:
        phrases = read_search(word)
        assert holds(words, phrases)
    assert words_of(words) == words


@given(st.lists(st.sampled_from(["Ebbe", "über", "x1", "天", "_", ",", "\n", "Straße"]), min_size=1))
def test_a_text_is_found_as_a_phrase_and_its_place_is_known(pieces: list[str]) -> None:
    text = " ".join(pieces)
    if not words_of(text):
        return
    phrases = read_search(f'"{text}"')
    assert holds(words_of(text), phrases)
    ((start, end),) = find_phrases(text, phrases)
    assert words_of(text[start:end]) == words_of(text)
