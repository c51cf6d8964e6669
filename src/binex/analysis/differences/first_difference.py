"""Where two texts differ first, with a little of what stands around it."""

from itertools import takewhile
from typing import Final

_AROUND: Final = 40
"""How many characters are shown before the first difference."""
_SHOWN: Final = 120


def excerpts(before: str, after: str) -> tuple[str, str]:
    """The two texts from a little before their first difference, each cut to a line's length."""
    start = max(_common(before, after) - _AROUND, 0)
    return _from(before, start), _from(after, start)


def _common(before: str, after: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))


def _from(text: str, start: int) -> str:
    end = start + _SHOWN
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
