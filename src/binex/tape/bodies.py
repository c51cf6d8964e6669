"""Bytes of a call as a chain of parts: what bodies have in common at their beginning is one chain.

A conversation is sent again with every turn, a little longer each time. Its body is cut after each object of a
top-level array of its JSON (``messages``, ``contents``, ``input``, ``tools``), so that each turn adds only what is
new in it, and what stands behind the conversation. The bytes stay exactly what they were.
"""

from collections.abc import Iterator
from hashlib import sha256
from json import JSONDecoder
from re import compile as pattern
from typing import Final

from binex.models.call import Body, BodyPart

_WORTH_CUTTING: Final = 2048
"""Shorter bodies, in bytes, are kept as a whole."""
_SMALLEST: Final = 256
"""Shorter parts, in characters, are not worth a link of their own."""
_MOST_KNOWN: Final = 1 << 16

_space: Final = pattern(r"[ \t\n\r]*").match
_decode_at: Final = JSONDecoder(strict=False).raw_decode


class Chains:
    """Makes bodies, and remembers which of their parts have been handed over already."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def make(self, data: bytes, media_type: str, *, is_shared: bool) -> tuple[Body, list[BodyPart]]:
        """The body of *data*, and those of its parts that are new; *is_shared* where others may begin like it."""
        last, new = "", []
        for piece in _pieces(data) if is_shared else (data,) * bool(data):
            digest = sha256(piece).hexdigest()
            link = sha256(f"{last}{digest}".encode()).hexdigest()
            if link not in self._known:
                new.append(BodyPart(link, last, digest, piece))
            last = link
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()  # to hand a part over twice does no harm
        self._known.update(part.id for part in new)
        return Body(last=last, size=len(data), media_type=media_type), new


class Wholes:
    """Makes bodies of one part each, and remembers nothing: for calls that are only passed on."""

    def make(self, data: bytes, media_type: str, *, is_shared: bool) -> tuple[Body, list[BodyPart]]:  # noqa: ARG002 - that of chains
        """The body of *data*, and its only part; none where there is no data."""
        digest = sha256(data).hexdigest() if data else ""
        parts = [BodyPart(digest, "", digest, data)] if data else []
        return Body(last=digest, size=len(data), media_type=media_type), parts


def _pieces(data: bytes) -> Iterator[bytes]:
    """*data* in the pieces that its parts are made of."""
    if len(data) < _WORTH_CUTTING or not data.startswith(b"{"):
        if data:
            yield data
        return
    try:
        text = data.decode()
        cuts = list(_cuts(text))
    except (ValueError, IndexError, RecursionError):  # not JSON, or stranger than it needs to be
        yield data
        return
    start = 0
    for cut in cuts:
        yield text[start:cut].encode()
        start = cut
    yield text[start:].encode()


def _cuts(text: str) -> Iterator[int]:
    """Where to cut the JSON object *text*: before the objects of its arrays, and after each that is worth it.

    The same for all texts that begin alike, as far as they do.
    """
    last, at = 0, _after_space(text, 1)
    while text[at] == '"':
        _, at = _decode_at(text, at)
        at = _after_space(text, at)
        if text[at] != ":":
            raise ValueError("no value")
        at = _after_space(text, at + 1)
        if text[at] != "[":
            _, at = _decode_at(text, at)
        else:
            at = _after_space(text, at + 1)
            if text[at] == "{":
                last = at
                yield at
            while text[at] != "]":
                is_object = text[at] == "{"
                _, at = _decode_at(text, at)
                if is_object and at - last >= _SMALLEST:
                    last = at
                    yield at
                at = _after_separator(text, at, "]")
            at += 1
        at = _after_separator(text, at, "}")
    if text[at] != "}":
        raise ValueError("no end")


def _after_separator(text: str, at: int, end: str) -> int:
    at = _after_space(text, at)
    if text[at] == ",":
        return _after_space(text, at + 1)
    if text[at] != end:
        raise ValueError("no separator")
    return at


def _after_space(text: str, at: int) -> int:
    found = _space(text, at)
    return found.end() if found else at
