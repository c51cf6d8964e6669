"""Cuts secrets out of the parts of a call: its target, its headers, its bodies.

Besides what the redactor finds, it knows a secret by the name that it goes under: the header ``Authorization``,
the parameter ``?key=``, the JSON member ``"api_key"``.

Not covered: a secret that neither has a known value nor a shape nor a name; one inside a compressed or encrypted
part of a body; and one that a provider says in pieces with other words between them, or in several choices by turns.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import Final, NamedTuple, TypeVar

from binex.tape.alignment import move
from binex.tape.clues import shorten
from binex.tape.recorder import Headers
from binex.tape.redaction import NOT_CUT, REDACTED, Redactor
from binex.tape.secret_names import cut_named, cut_parameters, cut_url, is_secret_name

_MARK: Final = REDACTED.encode()
_DROPPED: Final = f'"{NOT_CUT}"'.encode()
_BINARY: Final = re.compile(r"(?:image|audio|video|font)/|application/(?:octet-stream|zip|pdf|gzip)", re.IGNORECASE)
_SAYS: Final = re.compile(
    rb"(content|text|delta|arguments|partial_json|thinking|reasoning|reasoning_content|response|output|refusal|summary"
    rb'|message|answer|data|value)(?:"?\n|": ?["\n])'
)
"""Keys under which the events of a stream say a text piece by piece; `shorten` may have cut at any quote."""

T = TypeVar("T")


class Change(NamedTuple):
    """What stands from *start* to *end* becomes *text*."""

    start: int
    end: int
    text: bytes


class Cutter:
    """Cuts with a redactor. What it cannot cut it drops: better nothing than a secret."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    @property
    def edition(self) -> object:
        """See :attr:`Redactor.edition`."""
        return self._redactor.edition

    @property
    def has_values(self) -> bool:
        """See :attr:`Redactor.has_values`."""
        return self._redactor.has_values

    def cut_text(self, text: str) -> str:
        """A text, as that of an error."""
        return _writable(_closed(lambda: self._redactor.redact_text(cut_url(text, REDACTED), shapes=True), NOT_CUT))

    def cut_target(self, target: str) -> str:
        """Whom a call was made to."""
        return self.cut_text(target)

    def cut_headers(self, headers: Headers) -> tuple[tuple[str, str], ...]:
        """Headers; those that a secret goes under keep their names only."""
        return _closed(lambda: self._without_secrets(headers), ()) if headers else ()

    def cut_body(self, data: bytes, media_type: str) -> bytes:
        """A body as a whole."""
        return _closed(lambda: self._cut_body(data, media_type, shorten(data)), _DROPPED) if data else data

    def cut_stream(self, data: bytes, media_type: str, sizes: Sequence[int]) -> tuple[bytes, list[int]]:
        """A body that came in chunks of these sizes, and what the sizes are then; they add up to the same body.

        Where more was counted than *data* has, it is only counted afterwards too.
        """
        if not data:
            return data, list(sizes)
        shorter = shorten(data)
        cut = _closed(lambda: self._cut_body(data, media_type, shorter), _DROPPED)
        is_in_pieces = len(sizes) > 1 and cut is not _DROPPED and not _BINARY.match(media_type)
        changes = _closed(lambda: self._said(cut, shorter), None) if is_in_pieces else []
        if cut == data and changes == []:
            return data, list(sizes)
        ends = [0, *(min(end, len(data)) for end in accumulate(sizes))]
        moved = ends if cut == data else move(ends, data, cut, _MARK)
        if changes != []:
            cut, moved = _closed(lambda: _changed(cut, moved, changes), (_DROPPED, [0] * len(ends)))
        if ends[-1] == len(data):
            moved[-1] = len(cut)
        uncounted = [size - (end - start) for size, (start, end) in zip(sizes, pairwise(ends), strict=True)]
        return cut, [end - start + rest for rest, (start, end) in zip(uncounted, pairwise(moved), strict=True)]

    def _cut_body(self, data: bytes, media_type: str, shorter: bytes) -> bytes:
        if _BINARY.match(media_type):
            return self._redactor.redact_bytes(data)
        if media_type.startswith("application/x-www-form-urlencoded"):
            data = cut_parameters(data.decode("utf-8", "surrogateescape"), REDACTED).encode("utf-8", "surrogateescape")
        return self._redactor.redact_bytes(cut_named(data, _MARK, shorter), shapes=True, shorter=shorter)

    def _said(self, data: bytes, shorter: bytes) -> list[Change]:
        """What to change in a stream of JSON, so that it says no secret in pieces, each in an event of its own."""
        changes: list[Change] = []
        for key in set(_SAYS.findall(shorter)):
            said = _beginnings_under(key).findall(data)
            if len(said) > 1 and self._has_secret(b"".join(said)):
                changes += self._changes(list(_texts_under(key).finditer(data)))
        return sorted(changes)

    def _has_secret(self, text: bytes) -> bool:
        return self._redactor.redact_bytes(text, shapes=True) != text

    def _changes(self, pieces: Sequence[re.Match[bytes]]) -> Iterator[Change]:
        """What to put in the place of which of the *pieces* of one text."""
        texts = [piece["text"] for piece in pieces]
        whole = b"".join(texts)
        cut = self._redactor.redact_text(whole.decode("utf-8", "surrogateescape"), shapes=True)
        after = cut.encode("utf-8", "surrogateescape")
        moved = move([0, *accumulate(map(len, texts))], whole, after, _MARK)
        moved[-1] = len(after)
        for piece, (start, end) in zip(pieces, pairwise(moved), strict=True):
            if after[start:end] != piece["text"]:
                yield Change(*piece.span("text"), after[start:end])

    def _without_secrets(self, headers: Headers) -> tuple[tuple[str, str], ...]:
        listed = tuple([(_writable(name), REDACTED if is_secret_name(name) else value) for name, value in headers])
        values = "\n".join([value for _, value in listed])
        if self.cut_text(values) == values:  # one search for all; few have anything to hide
            return listed
        return tuple([(name, self.cut_text(value)) for name, value in listed])


def _writable(text: str) -> str:
    """*text*, in which lone surrogates, which UTF-8 has no form for, stand as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _closed(cut: Callable[[], T], dropped: T) -> T:
    """What *cut* gives, or *dropped* where it fails."""
    try:
        return cut()
    except Exception:  # noqa: BLE001 - whatever went wrong, the field may still hold a secret
        return dropped


@cache
def _texts_under(key: bytes) -> re.Pattern[bytes]:
    return re.compile(rb'"%b": ?"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)"' % key, re.DOTALL)


@cache
def _beginnings_under(key: bytes) -> re.Pattern[bytes]:
    """The same up to the first quote: fast, and enough to see whether there is a secret."""
    return re.compile(rb'"%b": ?"([^"]*)' % key)


def _changed(data: bytes, places: list[int], changes: Sequence[Change] | None) -> tuple[bytes, list[int]]:
    """*data* with the changes, and where *places* are then.

    Raises:
        ValueError: it could not be found out which changes there must be.
    """
    if changes is None:
        raise ValueError("no changes")
    pieces: list[bytes] = []
    at = 0
    for change in changes:
        pieces += (data[at : change.start], change.text)
        at = change.end
    shifts = [0, *accumulate(len(change.text) - (change.end - change.start) for change in changes)]
    starts = [change.start for change in changes]
    moved = []
    for place in places:
        n = bisect_right(starts, place - 1)  # how many changes begin before it
        inside = max(0, changes[n - 1].end - place) if n else 0
        moved.append(place + inside + shifts[n])
    return b"".join([*pieces, data[at:]]), moved
