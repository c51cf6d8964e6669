"""Where places of a text are after parts of it were cut out."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import AnyStr


def move(places: Sequence[int], before: AnyStr, after: AnyStr, mark: AnyStr) -> list[int]:
    """Where *places* of *before* are in *after*, in which stretches were replaced by *mark*.

    A place inside such a stretch moves behind the mark. Where the texts have less in common than that, places move
    in proportion. Places that come in order stay in order.
    """
    kept = _kept(before, after, mark)
    if kept is None:
        return [place * len(after) // max(1, len(before)) for place in places]
    starts = [start for start, _, _ in kept]
    moved: list[int] = []
    for place in places:
        n = bisect_right(starts, place) - 1
        start, new, length = kept[n]
        if place <= start + length:
            moved.append(new + place - start)
        else:
            moved.append(kept[n + 1][1] if n + 1 < len(kept) else len(after))
    return moved


def _kept(before: AnyStr, after: AnyStr, mark: AnyStr) -> list[tuple[int, int, int]] | None:
    """The stretches that both have: where each begins in *before* and in *after*, and its length."""
    pieces = after.split(mark)
    kept: list[tuple[int, int, int]] = []
    old = new = 0
    for n, piece in enumerate(pieces):
        if n == len(pieces) - 1 and n:
            found = len(before) - len(piece)
            if found < old or not before.endswith(piece):
                return None
        else:
            found = before.find(piece, old)
            if found < 0 or (n == 0 and found):
                return None
        kept.append((found, new, len(piece)))
        old = found + len(piece)
        new += len(piece) + len(mark)
    return kept
