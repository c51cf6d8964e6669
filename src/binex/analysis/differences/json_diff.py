"""How one JSON value became another, by its structure: fields by name, items of lists by what they are."""

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import zip_longest
from typing import Final

from pydantic import JsonValue

from binex.analysis.differences.alignment import align
from binex.analysis.differences.text_diff import TextDiff, diff_text
from binex.models.base import Model

Path = tuple[str | int, ...]

MOST_CHANGES: Final = 1_000
"""How many changes are listed; values that differ in more are not alike."""
_LEAST_TEXT: Final = 24
"""Shorter texts are seen at a glance, and not compared word by word."""
_MOST_PAIRED: Final = 40
"""How many items in a row are paired by likeness; more are paired by their places."""
_LEAST_LIKE: Final = 0.5
"""Items that are less alike than this are one removed and one added."""


class JsonChangeKind(StrEnum):
    """What became of a value."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


class JsonChange(Model):
    """One value that was changed, added or removed."""

    kind: JsonChangeKind
    path: Path
    """Where it is in the second value; in the first, where it was removed."""
    path_before: Path
    """Where it was in the first value; where something was added, the same as ``path``."""
    before: JsonValue = None
    """What it was."""
    after: JsonValue = None
    """What it is."""
    text: TextDiff | None = None
    """How it changed word by word, where both are longer texts."""


class JsonDiff(Model):
    """How one JSON value became another."""

    changes: tuple[JsonChange, ...] = ()
    """In the order of the fields; empty where only the order of fields is different."""
    is_cut: bool = False
    """Whether there are more."""


def diff_json(before: JsonValue, after: JsonValue) -> JsonDiff:
    """How *before* became *after*; the order of the fields of an object does not count."""
    changes: list[JsonChange] = []
    for change in _changes(before, after, (), ()):
        if len(changes) == MOST_CHANGES:
            return JsonDiff(changes=tuple(changes), is_cut=True)
        changes.append(change)
    return JsonDiff(changes=tuple(changes))


def written(path: Path) -> str:
    """A path as people write it: ``hits[3].title``, ``["odd name"]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("_", "a").replace("-", "a").isalnum():
            text += f".{step}"
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text.removeprefix(".")


def _changes(before: JsonValue, after: JsonValue, old: Path, new: Path) -> Iterator[JsonChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            if name not in after:
                yield _removed(before[name], (*old, name))
            elif name not in before:
                yield _added(after[name], (*new, name))
            else:
                yield from _changes(before[name], after[name], (*old, name), (*new, name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _changed_items(before, after, old, new)
    elif not _is_same(before, after):
        is_text = isinstance(before, str) and isinstance(after, str)
        text = None
        if is_text and min(len(str(before)), len(str(after))) >= _LEAST_TEXT:
            text = diff_text(str(before), str(after))
        kind = JsonChangeKind.CHANGED
        yield JsonChange(kind=kind, path=new, path_before=old, before=before, after=after, text=text)


def _changed_items(before: list[JsonValue], after: list[JsonValue], old: Path, new: Path) -> Iterator[JsonChange]:
    runs = align([_canonical(item) for item in before], [_canonical(item) for item in after])
    if runs is None:
        places: list[tuple[int | None, int | None]] = [
            (i if i < len(before) else None, i if i < len(after) else None) for i in range(max(len(before), len(after)))
        ]
    else:
        places = []
        for run in runs:
            if not run.is_same:
                gone, come = range(run.start, run.end), range(run.after_start, run.after_end)
                places += _paired(before, after, gone, come)
    for i, j in places:
        if j is None and i is not None:
            yield _removed(before[i], (*old, i))
        elif i is None and j is not None:
            yield _added(after[j], (*new, j))
        elif i is not None and j is not None:
            yield from _changes(before[i], after[j], (*old, i), (*new, j))


def _paired(
    before: Sequence[JsonValue], after: Sequence[JsonValue], gone: range, come: range
) -> list[tuple[int | None, int | None]]:
    """Which items stand for each other: in order, such that together they are most alike."""
    if len(gone) == len(come) == 1 or max(len(gone), len(come)) > _MOST_PAIRED:
        return list(zip_longest(gone, come))
    best = [[0.0] * (len(come) + 1) for _ in range(len(gone) + 1)]
    like = [[_likeness(before[i], after[j]) for j in come] for i in gone]
    for i in reversed(range(len(gone))):
        for j in reversed(range(len(come))):
            pair = best[i + 1][j + 1] + like[i][j] if like[i][j] >= _LEAST_LIKE else -1.0
            best[i][j] = max(pair, best[i + 1][j], best[i][j + 1])
    pairs: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < len(gone) and j < len(come):
        if like[i][j] >= _LEAST_LIKE and best[i][j] == best[i + 1][j + 1] + like[i][j]:
            pairs.append((gone[i], come[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((gone[i], None))
            i += 1
        else:
            pairs.append((None, come[j]))
            j += 1
    return [*pairs, *((left, None) for left in gone[i:]), *((None, left) for left in come[j:])]


def _likeness(before: JsonValue, after: JsonValue) -> float:
    """From 0 to 1: the share of equal fields, items or words; other values are alike where they are of one type."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = before.keys() | after.keys()
        same = sum(name in before and name in after and _is_same(before[name], after[name]) for name in names)
        return same / len(names) if names else 1.0
    if isinstance(before, str) and isinstance(after, str):
        words, others = set(before.split()), set(after.split())
        return len(words & others) / max(1, len(words | others))
    if isinstance(before, list) and isinstance(after, list):
        same = sum(_is_same(one, other) for one, other in zip(before, after, strict=False))
        return _LEAST_LIKE + (1 - _LEAST_LIKE) * same / max(1, len(before), len(after))
    return _LEAST_LIKE if type(before) is type(after) else 0.0


def _is_same(before: JsonValue, after: JsonValue) -> bool:
    """Whether both have the same text, whatever the order of fields: to Python 1, 1.0 and true are equal."""
    return before == after and _canonical(before) == _canonical(after)


def _canonical(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def _removed(value: JsonValue, path: Path) -> JsonChange:
    return JsonChange(kind=JsonChangeKind.REMOVED, path=path, path_before=path, before=value)


def _added(value: JsonValue, path: Path) -> JsonChange:
    return JsonChange(kind=JsonChangeKind.ADDED, path=path, path_before=path, after=value)
