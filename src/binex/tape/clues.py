"""Looks for many texts in one, fast: most bodies have none of them, and streams say the same again and again."""

import re
from collections.abc import Collection
from typing import Final

_WORTH_IT: Final = 2048
_SHORT: Final = 16384
"""In a text of fewer bytes, one expression for many short texts is faster than to look for each."""
_SHORTEST_TEMPLATE: Final = 24
_ROUNDS: Final = 3
_ALL_BYTES: Final = bytes(range(256))
_FROM_RARE: Final = b'QZXJKVYGWFUHBPMDLCROSNITAE@%+=_-qzxjkv/0123456789.bywgpfmucdlhrsnioate \n,:{}"'
"""Bytes by how rarely they stand in JSON and prose, roughly."""


class Clues:
    """Texts to look for, all at once; *are_short* where most are a few bytes long."""

    def __init__(self, texts: Collection[bytes], *, are_short: bool = False) -> None:
        self._texts = tuple((text, text[_rarest(text)]) for text in texts)
        self._are_plain = not any(mark in text for text, _ in self._texts for mark in (b'"', b"\n"))
        self._any = re.compile(b"|".join(map(_anchored, sorted(texts)))) if are_short else None

    def find_in(self, data: bytes, shorter: bytes | None = None) -> list[bytes]:
        """Those that stand in *data*; *shorter* is what :func:`shorten` makes of it, where that is known."""
        if self._are_plain and shorter is not None:
            data = shorter
        if self._any is not None and len(data) < _SHORT and not self._any.search(data):
            return []
        absent = _ALL_BYTES.translate(None, data)
        return [text for text, rare in self._texts if rare not in absent and text in data]


def shorten(data: bytes) -> bytes:
    """A text in which everything stands that stands in *data* and has no quote or line break in it.

    The events of a stream are mostly the same but for a word. What two of them in the middle have in common at
    their beginning and end is taken out of all, and stands only once in what is left, as does each line. Where a text
    is cut, there is a quote or a line break before and behind it.
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
    lines = [line for line in window.split(b"\n")[1:-1] if len(line) >= _SHORTEST_TEMPLATE and b'"' in line]
    if len(lines) < 2:
        return data
    one, *others = lines
    for other in others:
        start, end = _common(one, other)
        # Cut at quotes, so that what is looked for is never cut in two.
        head = one[: one.rfind(b'"', 0, start) + 1]
        tail = one[at:] if (at := one.find(b'"', len(one) - end)) >= 0 else b""
        if len(head) + len(tail) >= _SHORTEST_TEMPLATE:
            different = dict.fromkeys(data.split(b"\n"))
            return b"\n".join((head, tail, *[line.removeprefix(head).removesuffix(tail) for line in different], b""))
    return data


def _common(one: bytes, other: bytes) -> tuple[int, int]:
    """How many bytes both have in common at the beginning, and how many of the rest at the end."""
    most = min(len(one), len(other))
    start = next((n for n in range(most) if one[n] != other[n]), most)
    end = next((n for n in range(most - start) if one[-1 - n] != other[-1 - n]), most - start)
    return start, end


def _rarest(text: bytes) -> int:
    """The place of the byte that is the rarest elsewhere."""
    return min(range(len(text)), key=lambda place: _FROM_RARE.find(text[place]))


def _anchored(text: bytes) -> bytes:
    """An expression for *text* that begins with its rarest byte, so that there is little to try."""
    at = _rarest(text)
    before = b"(?<=%b)" % re.escape(text[: at + 1]) if at else b""
    return re.escape(text[at : at + 1]) + before + re.escape(text[at + 1 :])
