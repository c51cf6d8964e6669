"""How JSON values differ by their structure."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.analysis.differences.json_diff import (
    MOST_CHANGES,
    JsonChangeKind,
    JsonDiff,
    diff_json,
    written,
)
from binex.models.json_value import is_same_json

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text("ab", max_size=3)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("xyz", max_size=1), inner, max_size=4),
    max_leaves=14,
)


def apply(value: JsonValue, diff: JsonDiff) -> JsonValue:
    """*value* with all the changes of *diff*: changes in place, then removals from the end, then additions in order."""
    made: Any = [copy.deepcopy(value)]  # a list around it, so that the root has a place too
    changes = [(change, (0, *change.path_before), (0, *change.path)) for change in diff.changes]
    for change, old, _ in changes:
        if change.kind is JsonChangeKind.CHANGED:
            at(made, old)[old[-1]] = copy.deepcopy(change.after)
    for change, old, _ in reversed(changes):
        if change.kind is JsonChangeKind.REMOVED:
            del at(made, old)[old[-1]]
    for change, _, new in changes:
        if change.kind is JsonChangeKind.ADDED:
            place = at(made, new)
            if isinstance(place, list):
                place.insert(int(new[-1]), copy.deepcopy(change.after))
            else:
                place[new[-1]] = copy.deepcopy(change.after)
    result: JsonValue = made[0]
    return result


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    """What the last step of *path* is in."""
    for step in path[:-1]:
        value = value[step]
    return value


def plain(value: JsonValue) -> JsonValue:
    """*value* with the fields of objects in order."""
    if isinstance(value, dict):
        return {name: plain(value[name]) for name in sorted(value)}
    return [plain(item) for item in value] if isinstance(value, list) else value


@given(VALUES, VALUES)
def test_applying_the_changes_to_the_first_gives_the_second(before: JsonValue, after: JsonValue) -> None:
    assert is_same_json(plain(apply(before, diff_json(before, after))), plain(after))


@given(VALUES)
def test_a_value_does_not_differ_from_itself(value: JsonValue) -> None:
    assert diff_json(value, copy.deepcopy(value)).changes == ()


@given(VALUES)
def test_the_order_of_fields_is_no_change(value: JsonValue) -> None:
    assert diff_json(value, plain(value)).changes == ()


def changes(before: JsonValue, after: JsonValue) -> list[tuple[str, str]]:
    return [(change.kind.value, written(change.path)) for change in diff_json(before, after).changes]


def test_one_item_that_is_inserted_is_the_only_change() -> None:
    before: JsonValue = [{"id": i, "text": f"item {i}"} for i in range(50)]
    assert isinstance(before, list)
    after: JsonValue = [*before[:10], {"id": 99, "text": "new"}, *before[10:]]
    assert changes(before, after) == [("added", "[10]")]


def test_an_item_that_is_changed_is_followed_to_its_new_place() -> None:
    before: JsonValue = [{"id": 1, "a": 1, "b": 2}, {"id": 2, "a": 1, "b": 2}]
    after: JsonValue = [{"id": 0, "z": 9}, {"id": 1, "a": 1, "b": 3}, {"id": 2, "a": 1, "b": 2}]
    (added, changed) = diff_json(before, after).changes
    assert (added.kind, added.path) == (JsonChangeKind.ADDED, (0,))
    assert (changed.path_before, changed.path, changed.before, changed.after) == ((0, "b"), (1, "b"), 2, 3)


def test_lists_in_a_list_are_paired_with_those_they_have_most_in_common_with() -> None:
    found = diff_json([["ann", 1], ["bob", 2]], [["zoe", 0], ["ann", 7], ["bob", 8]]).changes
    assert [(change.kind.value, change.path) for change in found] == [
        ("added", (0,)),
        ("changed", (1, 1)),
        ("changed", (2, 1)),
    ]


@pytest.mark.parametrize(("before", "after"), [(1, 1.0), (1, True), (0, False), ("1", 1), (None, False), ([], {})])
def test_values_that_python_takes_for_the_same_are_not(before: JsonValue, after: JsonValue) -> None:
    assert changes({"x": before}, {"x": after}) == [("changed", "x")]


def test_a_null_that_was_added_is_told_from_nothing() -> None:
    assert changes({}, {"x": None}) == [("added", "x")]
    assert changes({"x": None}, {}) == [("removed", "x")]


def test_longer_texts_inside_are_compared_word_by_word() -> None:
    (change,) = diff_json({"t": "the quick brown fox jumps over"}, {"t": "the quick red fox jumps over"}).changes
    assert change.text is not None
    assert [piece.text for piece in change.text.pieces] == ["the quick ", "brown", "red", " fox jumps over"]


def test_names_that_are_no_words_are_written_so_that_they_can_be_told() -> None:
    assert written(("a", 3, "odd name", "b.c", "")) == 'a[3]["odd name"]["b.c"][""]'


def test_values_with_nothing_in_common_are_cut() -> None:
    diff = diff_json({f"a{i}": i for i in range(MOST_CHANGES)}, {f"b{i}": i for i in range(MOST_CHANGES)})
    assert diff.is_cut
    assert len(diff.changes) == MOST_CHANGES
