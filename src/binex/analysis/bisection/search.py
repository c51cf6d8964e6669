"""The search for the changes that move an outcome: pure logic, given somebody who can try any set of them."""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, TypeAlias


class Moved(StrEnum):
    """What trying a set of changes has shown."""

    YES = "yes"
    """The outcome is that of the bad run."""
    NO = "no"
    """It is still that of the good run."""
    UNKNOWN = "unknown"
    """The set cannot be tried."""


Oracle: TypeAlias = Callable[[frozenset[str]], Awaitable[Moved]]
"""Tries a set of changes. The search may ask for the same set more than once; who answers remembers."""

_HALVES: Final = 2


async def find_causes(changes: Sequence[str], move: Oracle) -> list[frozenset[str]]:
    """Sets of *changes* that each move the outcome, none of which can lose a member; empty where not even all do.

    One set after the other is taken out of all changes, until what is left no longer moves the outcome: putting
    only what was found back into the bad run makes it good then. No change is in two of the sets.
    """
    causes: list[frozenset[str]] = []
    left = list(changes)
    while left and await move(frozenset(left)) is Moved.YES:
        cause = await minimise(left, move)
        causes.append(cause)
        left = [name for name in left if name not in cause]
    return causes


async def minimise(changes: Sequence[str], move: Oracle) -> frozenset[str]:
    """A part of *changes*, which move the outcome, that moves it and does not without any one of its members.

    This is the algorithm ddmin of A. Zeller and R. Hildebrandt, "Simplifying and isolating failure-inducing input",
    IEEE Transactions on Software Engineering 28 (2002), 183-200, figure 6. Of n changes it tries n² + 3n sets at the
    most, and about 2 log₂ n where a single one is to blame. What cannot be tried counts as not moving it.
    """
    current = list(changes)
    parts = _HALVES
    while len(current) > 1:
        chunks = _split(current, parts)
        smaller = await _first_moving(chunks, move)
        if smaller is not None:
            current, parts = smaller, _HALVES
            continue
        without = [[name for name in current if name not in chunk] for chunk in chunks]
        smaller = await _first_moving(without, move)
        if smaller is not None:
            current, parts = smaller, max(parts - 1, _HALVES)
            continue
        if parts >= len(current):
            break
        parts = min(len(current), parts * 2)
    return frozenset(current)


def most_trials(count: int) -> int:
    """How many different sets of *count* changes are tried at the most."""
    return min(2**count - 1, count * count + 3 * count) if count else 0


async def _first_moving(candidates: Sequence[list[str]], move: Oracle) -> list[str] | None:
    for candidate in candidates:
        if await move(frozenset(candidate)) is Moved.YES:
            return candidate
    return None


def _split(names: Sequence[str], parts: int) -> list[list[str]]:
    """*names* in as many chunks of nearly the same size."""
    bounds = [len(names) * part // parts for part in range(parts + 1)]
    return [list(names[start:end]) for start, end in pairwise(bounds)]
