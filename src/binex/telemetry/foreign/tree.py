"""The spans of one trace as a tree, whatever they say: each once, each below one that is there, in an order.

Which span came before which is told by time alone: of the spans below the same one, one came before another if it
had ended when the other began.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from binex.telemetry.foreign.spool import Outline

_EARLIEST_NS: Final = 0
_LATEST_NS: Final = 7_258_118_400 * 10**9
"""The year 2200: what says to be later has a broken clock."""
MOST_BEFORE: Final = 32
"""So many spans are said to have come right before one; with more of them the last ones to end."""


@dataclass(slots=True, eq=False)
class Branch:
    """One span with those below it."""

    span: Outline
    around: "Branch | None" = None
    below: list["Branch"] = field(default_factory=list)
    """In the order in which they began."""
    before: list["Branch"] = field(default_factory=list)
    """Of those below the same one, those that came right before it."""


@dataclass(slots=True)
class Tree:
    """One trace."""

    roots: list[Branch]
    notes: list[str]
    """What was not as it should be."""

    def each(self) -> Iterator[Branch]:
        """Every branch, those below before the one that they are below: nothing comes of what is later here."""
        stack: list[tuple[Branch, int]] = [(root, 0) for root in reversed(self.roots)]
        while stack:
            branch, at = stack.pop()
            if at < len(branch.below):
                stack += [(branch, at + 1), (branch.below[at], 0)]
            else:
                yield branch


def grow(spans: list[Outline]) -> Tree:
    """The tree of the spans of one trace; there is at least one."""
    notes: list[str] = []
    branches: dict[str, Branch] = {}
    doubles = 0
    for span in spans:
        known = branches.get(span.span_id)
        if known is None:
            branches[span.span_id] = Branch(span)
        else:  # what is exported while it goes on is exported again at its end
            doubles += 1
            known.span = max(known.span, span, key=lambda one: one.end_ns)
    _note(notes, doubles, "came more than once", "the last one counts")
    _note(notes, _set_times(branches), "had impossible times", "they were moved")
    orphans = 0
    for branch in branches.values():
        branch.around = branches.get(branch.span.parent_id)
        orphans += bool(branch.span.parent_id) and branch.around is None
    _note(notes, orphans, "named a parent that is not there", "they stand at the top")
    _note(notes, _cut_circles(branches), "stood below themselves", "the circle was cut")
    roots: list[Branch] = []
    for branch in sorted(branches.values(), key=lambda one: (one.span.start_ns, one.span.end_ns, one.span.span_id)):
        (roots if branch.around is None else branch.around.below).append(branch)
    for siblings in (roots, *(branch.below for branch in branches.values())):
        _order(siblings)
    return Tree(roots, notes)


def _note(notes: list[str], count: int, what: str, so: str) -> None:
    if count:
        notes.append(f"{count:,} span{'' if count == 1 else 's'} {what}: {so}")


def _set_times(branches: dict[str, Branch]) -> int:
    """Give every span times that can be; how many had none."""
    spans = [branch.span for branch in branches.values()]
    first = min((span.start_ns for span in spans if _is_possible(span.start_ns)), default=_EARLIEST_NS)
    moved = 0
    for span in spans:
        start = span.start_ns if _is_possible(span.start_ns) else first
        end = span.end_ns if _is_possible(span.end_ns) and span.end_ns >= start else start
        moved += (start, end) != (span.start_ns, span.end_ns)
        span.start_ns, span.end_ns = start, end
    return moved


def _is_possible(at_ns: int) -> bool:
    return _EARLIEST_NS < at_ns < _LATEST_NS


def _cut_circles(branches: dict[str, Branch]) -> int:
    """Let no span be below itself; how many circles there were."""
    circles = 0
    done: set[str] = set()
    for branch in branches.values():
        path: dict[str, Branch] = {}
        at: Branch | None = branch
        while at is not None and at.span.span_id not in done:
            if at.span.span_id in path:
                at.around = None
                circles += 1
                break
            path[at.span.span_id] = at
            at = at.around
        done.update(path)
    return circles


def _order(siblings: list[Branch]) -> None:
    """Find what came right before each: had ended when it began, with nothing in between."""
    running: list[tuple[int, int]] = []
    ended: list[int] = []
    last_start = _EARLIEST_NS
    for at, branch in enumerate(siblings):
        while running and running[0][0] <= branch.span.start_ns:
            number = heappop(running)[1]
            ended.append(number)
            last_start = max(last_start, siblings[number].span.start_ns)
        for number in reversed(ended[-MOST_BEFORE:]):
            # What had ended before another of them began is before that one, and so not right before this.
            if siblings[number].span.end_ns <= last_start and siblings[number].span.start_ns != last_start:
                break
            branch.before.append(siblings[number])
        heappush(running, (branch.span.end_ns, at))
