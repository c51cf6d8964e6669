"""What two sequences have in common, in order: the runs of elements that are the same, and those between them.

With rapidfuzz (the extra ``diff``) it is found about a thousand times as fast as without, so that far longer sequences
are compared as a whole. Both ways find a longest or nearly longest common subsequence; where there are several, they
may choose another one.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from math import isqrt
from typing import Final, NamedTuple

_MOST_PAIRS: Final = 40_000_000
"""How many pairs of elements rapidfuzz may have to compare; it keeps a bit of each, so this is 5 MB."""
_MOST_PAIRS_SLOWLY: Final = 400_000
"""The same for difflib, whose time grows with their number: about 0.1 s."""
_FEW_PAIRS: Final = 2_500
"""So few are compared by difflib before rapidfuzz would be imported."""


class Run(NamedTuple):
    """``before[start:end]`` and ``after[after_start:after_end]`` in its place; one of them may be empty."""

    is_same: bool
    start: int
    end: int
    after_start: int
    after_end: int


def align(before: Sequence[str], after: Sequence[str]) -> list[Run] | None:
    """How *before* becomes *after*: runs that are the same and runs that are not, in turn.

    None where they are too long to be compared.
    """
    head, tail = _ends(before, after)
    middle, middle_after = before[head : len(before) - tail], after[head : len(after) - tail]
    if _are_too_many(len(middle) * len(middle_after)):
        return None
    return list(_runs(before, after, head, tail, _blocks(middle, middle_after)))


def can_align(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether they are not too long to be compared."""
    ends = sum(_ends(before, after))
    return not _are_too_many((len(before) - ends) * (len(after) - ends))


def longest() -> int:
    """How long two sequences may be that can be compared whatever is in them."""
    return isqrt(_MOST_PAIRS_SLOWLY if _fast_blocks() is None else _MOST_PAIRS)


def _ends(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many elements are the same at the beginning, and how many of the others at the end."""
    most = min(len(before), len(after))
    head = next((i for i in range(most) if before[i] != after[i]), most)
    return head, next((i for i in range(most - head) if before[-1 - i] != after[-1 - i]), most - head)


def _are_too_many(pairs: int) -> bool:
    return pairs > _MOST_PAIRS_SLOWLY and (pairs > _MOST_PAIRS or _fast_blocks() is None)


def _runs(
    before: Sequence[str], after: Sequence[str], head: int, tail: int, blocks: Sequence[tuple[int, int, int]]
) -> Iterator[Run]:
    """The runs between and in the *blocks* that are the same, which stand behind the first *head* elements."""
    ends = (len(before) - tail, len(after) - tail, tail)
    i = j = 0
    same_from: tuple[int, int] | None = None
    for start, after_start, length in ((0, 0, head), *((head + a, head + b, size) for a, b, size in blocks), ends):
        if (start, after_start) != (i, j):
            if same_from is not None:
                yield Run(True, same_from[0], i, same_from[1], j)
                same_from = None
            yield Run(False, i, start, j, after_start)
        if length and same_from is None:
            same_from = (start, after_start)
        i, j = start + length, after_start + length
    if same_from is not None:
        yield Run(True, same_from[0], i, same_from[1], j)


def _blocks(before: Sequence[str], after: Sequence[str]) -> Sequence[tuple[int, int, int]]:
    """Where both are the same: the place in each, and how many elements."""
    if not before or not after:
        return ()
    if len(before) * len(after) > _FEW_PAIRS and (fast := _fast_blocks()) is not None:
        return fast(before, after)
    from difflib import SequenceMatcher

    blocks = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    return [(block.a, block.b, block.size) for block in blocks]


_Blocks = Callable[[Sequence[str], Sequence[str]], list[tuple[int, int, int]]]


@cache
def _fast_blocks() -> _Blocks | None:
    try:
        from rapidfuzz.distance import Indel
    except ImportError:
        return None

    def blocks(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int, int]]:
        return [(block.a, block.b, block.size) for block in Indel.editops(before, after).as_matching_blocks()]

    return blocks
