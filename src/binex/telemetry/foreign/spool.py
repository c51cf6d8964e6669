"""Keeps on disk, while traces are imported, all of them that need not be known at once."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from sys import intern
from tempfile import TemporaryFile
from typing import Final

from binex.telemetry import conventions as names
from binex.telemetry.foreign.kinds import Kind, kind_of
from binex.telemetry.foreign.span import ForeignEvent, ForeignSpan, Resource

_SIZE: Final = 8
"""How many bytes the length of an item takes."""
_LONGEST_OWN: Final = 16


class Spool:
    """Bytes one behind the other in a file that has no name and is gone with this."""

    def __init__(self) -> None:
        self._file = TemporaryFile(buffering=1 << 18)  # noqa: SIM115 - closed by close
        self._end = self._written = 0

    def add(self, data: bytes) -> int:
        """Keep *data*; where it is."""
        place = self._end
        self._file.write(len(data).to_bytes(_SIZE, "big"))
        self._file.write(data)
        self._end += _SIZE + len(data)
        return place

    def read(self, place: int) -> bytes:
        """What was kept there."""
        if self._written < self._end:
            self._file.flush()
            self._written = self._end
        file = self._file.fileno()
        return os.pread(file, int.from_bytes(os.pread(file, _SIZE, place), "big"), place + _SIZE)

    def __iter__(self) -> Iterator[bytes]:
        """All that was kept, in that order."""
        place = 0
        while place < self._end:
            data = self.read(place)
            place += _SIZE + len(data)
            yield data

    def close(self) -> None:
        self._file.close()


@dataclass(slots=True, eq=False)
class Outline:
    """What must be known of a span while others are looked at; all else of it is kept on disk."""

    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    kind: Kind
    own: str
    """What it is of where we have exported it: a run, a task, an attempt, a call; else empty."""
    resource: Resource
    place: int
    """Where the rest is."""
    digest: bytes
    """A hash of all that it says; what is said of the program that made it may come later."""


class SpanFile:
    """Spans on disk."""

    def __init__(self) -> None:
        self._spool = Spool()

    def __enter__(self) -> "SpanFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def add(self, span: ForeignSpan) -> Outline:
        """Keep *span*."""
        events = [(event.name, event.attributes) for event in span.events]
        said = (span.trace_id, span.name, span.attributes, events, span.status, span.message)
        place = self._spool.add(json.dumps(said).encode())
        own = intern(span.text(names.SPAN)[:_LONGEST_OWN])
        ids, times = (intern(span.span_id), intern(span.parent_id)), (span.start_ns, span.end_ns)
        digest = sha256(json.dumps((*ids, *times, *said), sort_keys=True).encode()).digest()
        return Outline(*ids, *times, kind_of(span), own, span.resource, place, digest)

    def read(self, outline: Outline) -> ForeignSpan:
        """The whole of a span, at the times that were found to be right for it."""
        trace_id, name, attributes, events, status, message = json.loads(self._spool.read(outline.place))
        return ForeignSpan(
            trace_id=trace_id,
            span_id=outline.span_id,
            parent_id=outline.parent_id,
            name=name,
            start_ns=outline.start_ns,
            end_ns=outline.end_ns,
            attributes=attributes,
            events=[ForeignEvent(event, told) for event, told in events],
            status=status,
            message=message,
            resource=outline.resource,
        )


def digest_of(outlines: Iterable[Outline]) -> str:
    """A hash of all that some spans say, whatever their order and form."""
    digest = sha256()
    for one in sorted(outline.digest + outline.resource.digest.encode() for outline in outlines):
        digest.update(one)
    return digest.hexdigest()
