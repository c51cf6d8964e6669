"""Which tasks of two runs belong together."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from binex.analysis.differences.model import BEFORE, Likeness
from binex.analysis.differences.side import RunSide
from binex.models.names import node_of
from binex.models.task import ExecutionRecord


class Pair(NamedTuple):
    """One task: its path in either run, where that has it, and how both were found to belong together."""

    before: str | None
    after: str | None
    by: Likeness = Likeness.NAME
    has_namesake: bool = False
    """Whether another task is called in the later run as this one, which is only in the earlier one."""

    @property
    def name(self) -> str:
        """What it is called in the comparison: by its path, in the later run where that has it."""
        return f"{self.before}{BEFORE}" if self.has_namesake else self.after or self.before or ""


def match_tasks(before: RunSide, after: RunSide) -> list[Pair]:
    """The tasks of both runs, in the order in which they ended in the later one.

    Those that only the earlier one has stand where they ended there.
    """
    renamed = {} if before.run.workflow_hash == after.run.workflow_hash else _renamed(before, after)
    nodes = {node_of(path): node_of(path) for path in after.paths if node_of(path) in before.last} | {
        new: old for old, new in renamed.items()
    }
    pairs: dict[str, Pair] = {}
    for path in after.paths:
        old = nodes.get(node_of(path))
        by = Likeness.NAME if old == node_of(path) else _likeness(before, after, old, node_of(path))
        if old is None:
            pairs[path] = Pair(None, path)
        elif path == node_of(path):
            pairs[path] = Pair(old if old in before.last else None, path, by)
    for new, old in nodes.items():
        for pair in _match_items(before, after, old, new):
            if pair.after is not None:
                pairs[pair.after] = pair
    ordered = [pairs[path] for path in after.paths if path in pairs]
    return _with_gone(before, after, ordered)


def _with_gone(before: RunSide, after: RunSide, pairs: Sequence[Pair]) -> list[Pair]:
    """The *pairs*, and each task that only the earlier run has behind the one that it stands behind there."""
    known = {pair.before for pair in pairs}
    gone: dict[str | None, list[Pair]] = {}
    last: str | None = None
    for path in before.paths:
        if path in known:
            last = path
        else:
            gone.setdefault(last, []).append(Pair(path, None, has_namesake=path in after.last))
    merged = gone.pop(None, [])
    for pair in pairs:
        merged.append(pair)
        if pair.before is not None:
            merged += gone.get(pair.before, ())
    return merged


def _match_items(before: RunSide, after: RunSide, old: str, new: str) -> Iterator[Pair]:
    """The items of a foreach: those that were given the same first, then those between them by their places.

    What an item was given is told by the parts of the keys that are not the same for all items of a run.
    """
    olds, news = before.items.get(old, []), after.items.get(new, [])
    names = _varying(before.last[path] for path in olds) | _varying(after.last[path] for path in news)
    waiting: dict[tuple[str, ...], deque[int]] = {}
    for place, path in enumerate(olds):
        waiting.setdefault(_signature(before.last[path], names), deque()).append(place)
    found: list[int | None] = []
    for j, path in enumerate(news):
        alike = waiting.get(_signature(after.last[path], names))
        if not names or not alike:
            found.append(None)
        elif j in alike:  # of several that are the same, the one at the same place
            alike.remove(j)
            found.append(j)
        else:
            found.append(alike.popleft())
    for i, place_after in _by_place(found, len(olds)):
        path_before, path_after = None if i is None else olds[i], None if place_after is None else news[place_after]
        is_moved = i is not None and place_after is not None and i != place_after
        yield Pair(path_before, path_after, Likeness.ITEM if is_moved else Likeness.NAME)


def _by_place(found: Sequence[int | None], count: int) -> Iterator[tuple[int | None, int | None]]:
    """All pairs of places, given those that are *found*; the others are paired where they stand behind the same one."""
    taken = {i for i in found if i is not None}
    left: dict[int, list[int]] = {}
    behind = -1
    for i in range(count):
        if i in taken:
            behind = i
        else:
            left.setdefault(behind, []).append(i)
    come: dict[int, list[int]] = {}
    behind = -1
    for j, known in enumerate(found):
        if known is None:
            come.setdefault(behind, []).append(j)
        else:
            behind = known
            yield known, j
    for place in {**left, **come}:
        yield from zip_longest(left.get(place, ()), come.get(place, ()))


def _varying(records: Iterable[ExecutionRecord]) -> set[str]:
    """The parts of the keys that are not the same for all."""
    seen: dict[str, set[str]] = {}
    for record in records:
        for name, value in record.key_parts.items():
            seen.setdefault(name, set()).add(value)
    return {name for name, values in seen.items() if len(values) > 1}


def _signature(record: ExecutionRecord, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(record.key_parts.get(name, "") for name in sorted(names))


def _renamed(before: RunSide, after: RunSide) -> dict[str, str]:
    """The nodes that have another name in the later run, by their name in the earlier one."""
    gone = {node_of(path): None for path in before.paths if node_of(path) not in after.last}
    come = {node_of(path): None for path in after.paths if node_of(path) not in before.last}
    found: dict[str, str] = {}
    keys = {key: node for node in gone if (key := _key(before, node))}
    for node in come:
        old = keys.pop(_key(after, node), None)
        if old is not None:
            found[old] = node
    for node in come:
        if node in found.values():
            continue
        place = _place(after, node, {})
        old = next((old for old in gone if old not in found and _place(before, old, found) == place), None)
        if old is not None:
            found[old] = node
    return found


def _likeness(before: RunSide, after: RunSide, old: str | None, new: str) -> Likeness:
    is_same = old is not None and _key(before, old) and _key(before, old) == _key(after, new)
    return Likeness.KEY if is_same else Likeness.PLACE


def _first(side: RunSide, node: str) -> ExecutionRecord | None:
    """What stands for a node: its own record where that has a key, else that of its first item."""
    own = side.last.get(node)
    if own is not None and own.key:
        return own
    items = side.items.get(node)
    return side.last[items[0]] if items else own


def _key(side: RunSide, node: str) -> str:
    record = _first(side, node)
    return "" if record is None else record.key


def _place(side: RunSide, node: str, renamed: Mapping[str, str]) -> tuple[object, ...]:
    """What makes two nodes the same although their names differ: agent, prompt, and what they are given."""
    record = _first(side, node)
    if record is None or not record.key_parts:
        return (side.run.id, node)  # nothing is known of it, so it is like no other
    given = {node_of(side.made_by[id]) for id in record.input_artifacts if id in side.made_by}
    names = frozenset(renamed.get(one, one) for one in given)
    return (record.agent, record.key_parts.get("prompt"), names, node in side.items)
