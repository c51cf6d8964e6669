"""Text that is safe to show, and how much room it takes."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binex.cli.render.text import clip, escape, escape_json, first_line, pad, pretty_json, width_of

OBEYED = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, \u00e4\u00f6\u00fc \u4f60\u597d \U0001f600", "plain, \u00e4\u00f6\u00fc \u4f60\u597d \U0001f600"),
        ("\u001b[31mred\u001b[0m", r"\x1b[31mred\x1b[0m"),
        ("\u001b]0;title\u0007", r"\x1b]0;title\x07"),
        ("\u009b5m", r"\x9b5m"),
        ("a\rb\u0000c\u007f", r"a\x0db\x00c\x7f"),
        ("\u202eright to left", r"\u202eright to left"),
        ("\u2067\u2069\u200f", r"\u2067\u2069\u200f"),
        ("hidden\U000e0041", r"hidden\U000e0041"),
        ("half \ud83d of one", r"half \ud83d of one"),
        ("two\nlines\tand a tab", r"two\x0alines\x09and a tab"),
    ],
    ids=range(10),
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_a_block_keeps_its_lines_and_tabs() -> None:
    assert escape("two\nlines\tand\r\u001b", is_block=True) == "two\nlines\tand\\x0d\\x1b"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    assert not OBEYED.search(escape(text, is_block=True))
    assert "\n" not in escape(text)
    escape(text).encode()


@given(JSON)
def test_json_means_the_same_when_escaped_and_is_safe_to_show(value: object) -> None:
    shown = pretty_json(value)
    assert json.loads(shown) == value
    assert not OBEYED.search(shown)
    shown.encode()


def test_json_of_characters_beyond_the_first_plane_stays_valid() -> None:
    assert json.loads(escape_json('"\U000e0041\u009b"')) == "\U000e0041\u009b"


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))), st.integers(0, 40))
def test_clipped_text_fits(text: str, width: int) -> None:
    assert width_of(clip(text, width)) <= width
    if width_of(text) <= width:
        assert clip(text, width) == text


def test_wide_characters_take_two_columns() -> None:
    assert width_of("\u4f60\u597d") == 4
    assert width_of("e\u0301") == 1
    assert clip("\u4f60\u597d\u4f60\u597d", 5) == "\u4f60\u597d\u2026"
    assert clip("abcdef", 4, ellipsis="~") == "abc~"
    assert pad("\u4f60", 4) == "\u4f60  "
    assert pad("x", 3, is_right=True) == "  x"


def test_the_first_line_is_the_first_that_says_something() -> None:
    assert first_line("\n  \n  here\u001b \nthere") == "here\\x1b"
    assert first_line("") == ""
