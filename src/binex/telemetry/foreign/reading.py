"""Reads traces: OTLP as JSON, as lines of JSON, or as protobuf. Everything is bounded, and nothing is followed."""

import codecs
import io
import re
from collections.abc import Iterator
from typing import IO, Final

from binex.telemetry.foreign.json_form import spans_of_json
from binex.telemetry.foreign.json_walk import Walker
from binex.telemetry.foreign.protobuf_form import spans_of_protobuf
from binex.telemetry.foreign.span import ForeignSpan, TraceError
from binex.telemetry.foreign.spool import Outline, SpanFile

MOST_BYTES: Final = 128 << 20
"""The size of a file."""
MOST_SPANS: Final = 30_000
MOST_TRACES: Final = 5_000
_LOOKED_AT: Final = 4096
_JSON: Final = re.compile(rb'\s*(?:\{\s*(?:\}|"[^\x00-\x1f])|\[\s*[\[{\]])')
"""How JSON goes on where protobuf cannot: a control character would follow, or a message longer than that around it."""
_GZIP: Final = b"\x1f\x8b"
_FEWER: Final = "export fewer traces at a time"

Traces = dict[str, list[Outline]]


def is_trace(beginning: bytes) -> bool:
    """Whether a file that begins so is OTLP as JSON, and nothing else."""
    return beginning.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[") and b'"resourceSpans"' in beginning


def read_traces(file: IO[bytes], kept: SpanFile) -> Traces:
    """Put the spans in *file* into *kept*; their outlines by the trace that they belong to, in their order.

    Raises:
        TraceError: it holds no traces, or too much.
    """
    if file.seek(0, io.SEEK_END) > MOST_BYTES:
        raise TraceError(f"it has more than {MOST_BYTES:,} bytes", fix=_FEWER)
    traces: Traces = {}
    for count, span in enumerate(_spans_in(file), 1):
        if count > MOST_SPANS:
            raise TraceError(f"it has more than {MOST_SPANS:,} spans", fix=_FEWER)
        traces.setdefault(span.trace_id, []).append(kept.add(span))
        if len(traces) > MOST_TRACES:
            raise TraceError(f"it has more than {MOST_TRACES:,} traces", fix=_FEWER)
    if not traces:
        raise TraceError("there are no spans in it")
    return traces


def _spans_in(file: IO[bytes]) -> Iterator[ForeignSpan]:
    file.seek(0)
    beginning = file.read(_LOOKED_AT)
    start = len(codecs.BOM_UTF8) if beginning.startswith(codecs.BOM_UTF8) else 0
    file.seek(start)
    if beginning.startswith(_GZIP):
        raise TraceError("it is compressed", fix="unpack it first, as in: gunzip FILE")
    if not beginning[start:].strip():
        raise TraceError("it is empty")
    if not _is_json(beginning[start:]):
        file.seek(0)
        yield from spans_of_protobuf(file)
        return
    walker = Walker(file)
    try:
        yield from spans_of_json(walker)
    except (ValueError, RecursionError) as error:
        what = "it" if walker.line == 1 else f"line {walker.line}"
        raise TraceError(f"{what} is not JSON: {error}") from None


def _is_json(beginning: bytes) -> bool:
    """Whether that is JSON; protobuf begins with a line break, and its second byte, a length, may be any."""
    return beginning.lstrip()[:1] in (b"{", b"[") and (beginning[:1] != b"\n" or _JSON.match(beginning) is not None)
