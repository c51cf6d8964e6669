"""How texts differ word by word."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binex.analysis.differences import alignment
from binex.analysis.differences.text_diff import MOST_CHARACTERS, Change, Piece, TextDiff, diff_text

WORDS = st.text(alphabet="ab .,\n\t日本né'1-", max_size=60)


def sides(diff: TextDiff) -> tuple[str, str]:
    """The two texts that a diff is made of."""
    before = "".join(text for change, text in diff.pieces if change is not Change.INSERTED)
    after = "".join(text for change, text in diff.pieces if change is not Change.DELETED)
    return before, after


@given(WORDS | st.text(), WORDS | st.text())
def test_the_pieces_make_both_texts_again(before: str, after: str) -> None:
    diff = diff_text(before, after)
    assert sides(diff) == tuple(text.encode("utf-8", "backslashreplace").decode() for text in (before, after))
    assert diff.is_equal is (before == after)


@given(WORDS)
def test_a_text_is_equal_to_itself(text: str) -> None:
    assert {piece.change for piece in diff_text(text, text).pieces} <= {Change.SAME}


@contextmanager
def without_rapidfuzz() -> Iterator[None]:
    """As where the extra is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "rapidfuzz.distance", None)
        alignment._fast_blocks.cache_clear()
        yield
    alignment._fast_blocks.cache_clear()


@given(WORDS, WORDS)
def test_without_rapidfuzz_the_pieces_make_both_texts_again(before: str, after: str) -> None:
    with without_rapidfuzz():
        assert sides(diff_text(before, after)) == (before, after)


@pytest.mark.parametrize("has_rapidfuzz", [True, False])
@given(data=st.data())
def test_runs_that_are_the_same_and_others_stand_in_turn_and_in_order(data: st.DataObject, has_rapidfuzz: bool) -> None:
    letters = st.lists(st.sampled_from("abcdef"), min_size=60, max_size=80)
    before, after = data.draw(letters), data.draw(letters)
    with nullcontext() if has_rapidfuzz else without_rapidfuzz():
        runs = alignment.align(before, after)
    assert runs is not None
    assert [x for run in runs for x in before[run.start : run.end]] == before
    assert [x for run in runs for x in after[run.after_start : run.after_end]] == after
    for run in runs:
        assert (before[run.start : run.end] == after[run.after_start : run.after_end]) is run.is_same
    assert all(one.is_same is not other.is_same for one, other in pairwise(runs))


def test_a_word_is_changed_as_a_whole() -> None:
    diff = diff_text("Say it in three short words.", "Say it in thirteen short words.")
    assert diff.pieces == (
        Piece(Change.SAME, "Say it in "),
        Piece(Change.DELETED, "three"),
        Piece(Change.INSERTED, "thirteen"),
        Piece(Change.SAME, " short words."),
    )
    assert (diff.deleted, diff.inserted) == (1, 1)


def test_words_that_change_one_after_the_other_are_one_change() -> None:
    diff = diff_text("I like the old house a lot", "I like a new house a lot")
    assert [piece.text for piece in diff.pieces] == ["I like ", "the old", "a new", " house a lot"]


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("我喜欢黑色的猫", "我喜欢白色的猫", ["黑", "白"]),
        ("costs 1.25 USD today", "costs 1.50 USD today", ["1.25", "1.50"]),
        ("we don't know that yet", "we didn't know that yet", ["don't", "didn't"]),
        ("the na\u0131\u0308ve answer is here", "the wise answer is here", ["na\u0131\u0308ve", "wise"]),
    ],
)
def test_what_counts_as_a_word(before: str, after: str, changed: list[str]) -> None:
    pieces = diff_text(before, after).pieces
    assert [piece.text for piece in pieces if piece.change is not Change.SAME] == changed


def test_texts_with_nothing_in_common_stand_as_wholes() -> None:
    diff = diff_text("alpha beta gamma delta the epsilon", "one two three the four five six seven")
    assert [piece.change for piece in diff.pieces] == [Change.DELETED, Change.INSERTED]


def test_a_change_far_inside_a_huge_text_is_found_and_the_rest_left_out() -> None:
    long = "word " * 200_000
    diff = diff_text(long + "first " + long, long + "second " + long)
    changed = [piece.text.strip() for piece in diff.pieces if piece.change is not Change.SAME]
    assert changed == ["first", "second"]
    assert not diff.is_cut
    assert min(diff.skipped, diff.left_out) > 900_000
    assert sum(len(piece.text) for piece in diff.pieces) < 2_000


def test_what_lies_behind_the_cut_is_not_compared_and_that_is_said() -> None:
    before = "first " + "one " * 100_000 + "two"
    after = "second " + "one " * 100_000 + "three"
    diff = diff_text(before, after)
    assert diff.is_cut
    changed = [piece.text for piece in diff.pieces if piece.change is not Change.SAME]
    assert changed == ["first", "second"]


@pytest.mark.parametrize("has_rapidfuzz", [True, False])
def test_huge_texts_that_differ_everywhere_are_compared_in_bounded_time(has_rapidfuzz: bool) -> None:
    before = "".join(f"line {i} says {i * 7919 % 1000}\n" for i in range(8_000))
    after = "".join(f"line {i} says {i * 7907 % 1000}\n" for i in range(8_000))
    started = time.perf_counter()
    with nullcontext() if has_rapidfuzz else without_rapidfuzz():
        diff = diff_text(before, after)
    assert time.perf_counter() - started < 5
    assert sides(diff) == (before[:MOST_CHARACTERS], after[:MOST_CHARACTERS])


def test_lines_are_compared_before_words_where_words_are_too_many() -> None:
    lines = [f"line number {i} is the same in both of them" for i in range(600)]
    before = "\n".join(["an old beginning", *lines, "the old end"])
    after = "\n".join(["a new beginning", *lines, "the new end"])
    with without_rapidfuzz():
        pieces = diff_text(before, after).pieces
    assert [piece.text for piece in pieces if piece.change is not Change.SAME] == ["an old", "a new", "old", "new"]


def test_lone_surrogates_can_be_written() -> None:
    assert diff_text("a \ud800 b c d", "a x b c d").model_dump_json()
