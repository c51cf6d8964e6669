"""Names, task paths, artifact ids and run ids."""

import itertools
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binex.models.names import (
    Segment,
    artifact_id,
    is_name,
    item_of,
    item_path,
    new_run_id,
    node_of,
    parse_path,
)

names = st.text("aZ09_.-", min_size=1, max_size=64).filter(is_name)
numbers = st.integers(0, 999_999_999)
segments = st.builds(Segment, names, st.none() | numbers.filter(bool), st.none() | numbers)


def written(segment: Segment) -> str:
    iteration = "" if segment.iteration is None else f"#{segment.iteration}"
    item = "" if segment.item is None else f"[{segment.item}]"
    return f"{segment.node_id}{iteration}{item}"


@pytest.mark.parametrize(
    "text", ["a", "plan", "web.search", "-x", "_", "a..b", "9", "A" * 64, "console", "com0", "x.con"]
)
def test_a_name_is_one_to_64_letters_digits_and_marks(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", ".a", "a/b", "../x", "a b", "A" * 65, "a\n", "a\0", "ä", "a[0]", "a#1", "a~b", "a+b", "*", "${a}"],
)
def test_what_could_be_a_path_or_a_trick_is_no_name(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize("text", ["con", "CON", "aux.txt", "nul", "com1", "LPT9.x", "Prn"])
def test_names_that_windows_keeps_for_devices_are_refused(text: str) -> None:
    assert not is_name(text)


@given(st.lists(segments, min_size=1, max_size=4))
def test_a_task_path_says_what_it_was_made_of(parts: list[Segment]) -> None:
    assert parse_path("/".join(written(part) for part in parts)) == tuple(parts)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "a[",
        "a[]",
        "a[-1]",
        "a[01]",
        "a#0",
        "a#",
        "a[1]#2",
        "a[1][2]",
        "a[9999999999]",
        "a\n",
    ],
)
def test_what_is_not_a_task_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a task path"):
        parse_path(path)


@given(st.lists(segments, min_size=1, max_size=3), names, numbers)
def test_the_path_of_an_item_leads_back_to_its_node(before: list[Segment], node: str, index: int) -> None:
    path = "/".join([*(written(part) for part in before), node])
    assert node_of(item_path(path, index)) == node_of(path) == path
    assert item_of(item_path(path, index)) == index
    assert item_of(path) is None


@pytest.mark.parametrize(
    "text", ["", "]", "draft]", "draft[]", "draft[x]", "draft[-1]", "draft[ 1]", "draft[" + "9" * 5000 + "]"]
)
def test_what_is_typed_and_is_no_path_names_no_item(text: str) -> None:
    assert item_of(text) is None
    assert node_of(text) in (text, "draft")


tasks = st.tuples(st.lists(segments, min_size=1, max_size=2), names)


@given(tasks, tasks)
def test_two_artifacts_never_share_an_id(one: tuple[list[Segment], str], other: tuple[list[Segment], str]) -> None:
    first, second = (artifact_id("run", "/".join(written(part) for part in path), name) for path, name in (one, other))
    assert (first == second) == (one == other)
    assert "/" not in first


def test_run_ids_sort_by_time() -> None:
    ids = []
    for _ in range(200):
        ids.append(new_run_id())
        tick = time.time_ns() // 1000
        while time.time_ns() // 1000 == tick:
            pass
    assert all(first < second for first, second in itertools.pairwise(ids))


def test_a_run_id_is_short_and_a_name() -> None:
    assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{12}", new_run_id())
    assert is_name(new_run_id())
