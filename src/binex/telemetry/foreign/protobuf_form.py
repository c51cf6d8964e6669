"""Reads traces as OTLP in protobuf, one span after the other: the messages around them are never held."""

import os
from collections.abc import Iterator
from math import isfinite
from typing import IO, Any, Final

from pydantic import JsonValue

from binex.telemetry.foreign.fields import (
    LONGEST_NAME,
    read_id,
    read_parent,
    require_few_attributes,
    require_few_events,
    require_shallow,
)
from binex.telemetry.foreign.span import ForeignEvent, ForeignSpan, Resource, TraceError
from binex.telemetry.sending import require_installed

MOST_BYTES_AT_ONCE: Final = 8 << 20
"""How long a span may be."""
_RESOURCE_SPANS: Final = 1
"""The number of a field of ExportTraceServiceRequest; the next two are of ResourceSpans, the last of ScopeSpans."""
_RESOURCE: Final = 1
_SCOPE_SPANS: Final = 2
_SPANS: Final = 2
_VARINT: Final = 0
"""How a field is written: Protocol Buffers, Encoding, "Message structure"."""
_BYTES: Final = 2
_FIXED: Final = {1: 8, 5: 4}
"""Those of a length that is not said."""
_LONGEST_VARINT: Final = 10
_NO_TRACE: Final = "it is neither JSON nor protobuf of OTLP"

Json = dict[str, JsonValue]


def spans_of_protobuf(file: IO[bytes]) -> Iterator[ForeignSpan]:
    """The spans of the request in a file.

    Raises:
        TraceError: it is no trace, or has too much.
        InputError: what reads protobuf is not installed.
    """
    require_installed("to read a trace as protobuf")
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    for i, resource_end in enumerate(_fields(file, _end_of(file), _RESOURCE_SPANS)):
        resource, j = Resource(), 0
        for number, scope_end in _all_fields(file, resource_end):
            if number == _RESOURCE:
                said = _parsed(ResourceMessage, file, scope_end)
                resource.tell(_pairs(said.attributes, f"resource_spans[{i}]"))
            elif number == _SCOPE_SPANS:
                for k, span_end in enumerate(_fields(file, scope_end, _SPANS)):
                    where = f"resource_spans[{i}].scope_spans[{j}].spans[{k}]"
                    yield _span(_parsed(Span, file, span_end, where), resource, where)
                j += 1


def _end_of(file: IO[bytes]) -> int:
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end


def _fields(file: IO[bytes], end: int, wanted: int) -> Iterator[int]:
    """Where each field with the number *wanted* ends; the file stands where it begins."""
    return (field_end for number, field_end in _all_fields(file, end) if number == wanted)


def _all_fields(file: IO[bytes], end: int) -> Iterator[tuple[int, int]]:
    """The number of each field that has a length, and where it ends; the file stands where it begins."""
    while file.tell() < end:
        tag = _varint(file)
        number, form = tag >> 3, tag & 7
        if form not in (_VARINT, _BYTES, *_FIXED):
            raise TraceError(_NO_TRACE)
        said = 0 if form in _FIXED else _varint(file)
        field_end = file.tell() + (said if form == _BYTES else _FIXED.get(form, 0))
        if field_end > end or not number:
            raise TraceError(_NO_TRACE)
        if form == _BYTES:
            yield number, field_end
        file.seek(field_end)


def _varint(file: IO[bytes]) -> int:
    number = 0
    for at in range(_LONGEST_VARINT):
        byte = file.read(1)
        if not byte:
            break
        number |= (byte[0] & 0x7F) << (7 * at)
        if byte[0] < 0x80:
            return number
    raise TraceError(_NO_TRACE)


def _parsed(message: Any, file: IO[bytes], end: int, where: str = "a resource") -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    length = end - file.tell()
    if length > MOST_BYTES_AT_ONCE:
        raise TraceError(f"{where} has more than {MOST_BYTES_AT_ONCE:,} bytes")
    try:
        return message.FromString(file.read(length))
    except DecodeError:
        raise TraceError(_NO_TRACE) from None


def _span(span: Any, resource: Resource, where: str) -> ForeignSpan:
    require_few_events(len(span.events), where)
    return ForeignSpan(
        trace_id=read_id(span.trace_id.hex(), 32, f"{where}.trace_id"),
        span_id=read_id(span.span_id.hex(), 16, f"{where}.span_id"),
        parent_id=read_parent(span.parent_span_id.hex(), f"{where}.parent_span_id"),
        name=(span.name or "span")[:LONGEST_NAME],
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_pairs(span.attributes, where),
        events=[ForeignEvent(event.name, _pairs(event.attributes, where)) for event in span.events],
        status=2 if span.status.code == 2 else 0,
        message=str(span.status.message),
        resource=resource,
    )


def _pairs(pairs: Any, where: str) -> Json:
    require_few_attributes(len(pairs), where)
    return {pair.key: _held(pair.value, where, 0) for pair in pairs}


def _held(value: Any, where: str, depth: int) -> JsonValue:  # noqa: PLR0911 - one case a type
    """What an ``AnyValue`` holds."""
    require_shallow(depth, where)
    match value.WhichOneof("value"):
        case "string_value":
            return str(value.string_value)
        case "bool_value":
            return bool(value.bool_value)
        case "int_value":
            return int(value.int_value)
        case "double_value":
            return value.double_value if isfinite(value.double_value) else None
        case "array_value":
            return [_held(one, where, depth + 1) for one in value.array_value.values]
        case "kvlist_value":
            return {pair.key: _held(pair.value, where, depth + 1) for pair in value.kvlist_value.values}
        case "bytes_value":
            return str(value.bytes_value.hex())
        case _:
            return None
