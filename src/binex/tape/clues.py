"""Looks for many texts in one, fast: most bodies have none of them, and streams say the same again and again."""

from collections.abc import Iterable
from typing import Final

_WORTH_IT: Final = 2048
_SHORTEST_TEMPLATE: Final = 24
_ROUNDS: Final = 3
_ALL_BYTES: Final = bytes(range(256))
_FROM_RARE: Final = b"QZXJKVYGWFUHBPMDLCROSNITAE@%+=qzxjkv0123456789_-./bywgpfmucdlhrsnioate "
"""Bytes by how rarely they stand in JSON and prose, roughly."""


class Clues:
    """Texts to look for, all at once."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        self._texts = tuple((text, _rarest(text)) for text in texts)
        self._are_plain = not any(mark in text for text, _ in self._texts for mark in (b'"', b"\n"))

    def find_in(self, data: bytes, shorter: bytes | None = None) -> list[bytes]:
        """Those that stand in *data*; *shorter* is what :func:`shorten` makes of it, where that is known."""
        if self._are_plain and shorter is not None:
            data = shorter
        absent = _ALL_BYTES.translate(None, data)
        return [text for text, rare in self._texts if rare not in absent and text in data]


def shorten(data: bytes) -> bytes:
    """A text in which everything stands that stands in *data* and has no quote or line break in it.

    The events of a stream are mostly the same but for a word. What two of them in the middle have in common at
    their beginning and end is taken out of all, and stands only once in what is left.
    """
    for _ in range(_ROUNDS):
        if len(data) < _WORTH_IT:
            break
        shorter = _without_template(data)
        if len(shorter) > len(data) * 3 // 4:
            break
        data = shorter
    return data


def _without_template(data: bytes) -> bytes:
    middle = len(data) // 2
    window = data[middle : middle + 2 * _WORTH_IT]
    lines = [line for line in window.split(b"\n")[1:-1] if len(line) >= _SHORTEST_TEMPLATE]
    if len(lines) < 2:
        return data
    one, *others = lines
    for other in others:
        start, end = _common(one, other)
        # Cut at quotes, so that what is looked for is never cut in two.
        head = one[: one.rfind(b'"', 0, start) + 1]
        tail = one[at:] if (at := one.find(b'"', len(one) - end)) >= 0 else b""
        if len(head) + len(tail) >= _SHORTEST_TEMPLATE:
            if head:
                data = data.replace(b"\n" + head, b"\n")
            if tail:
                data = data.replace(tail + b"\n", b"\n")
            return b"\n".join((head, tail, data))
    return data


def _common(one: bytes, other: bytes) -> tuple[int, int]:
    """How many bytes both have in common at the beginning, and how many of the rest at the end."""
    most = min(len(one), len(other))
    start = next((n for n in range(most) if one[n] != other[n]), most)
    end = next((n for n in range(most - start) if one[-1 - n] != other[-1 - n]), most - start)
    return start, end


def _rarest(text: bytes) -> int:
    return min(text, key=_FROM_RARE.find)
