"""Spans as OTLP/JSON, the text form of an ``ExportTraceServiceRequest``; needs nothing of OpenTelemetry.

As the OTLP specification has it: names in lowerCamelCase, ids in hexadecimal, enums as numbers, and 64-bit integers
as texts. Written a span at a time, since all of them may be more than memory.
"""

import json
import os
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import IO, Final

from binex import __version__
from binex.telemetry import conventions as names
from binex.telemetry.span import Attributes, Span, SpanEvent, SpanLink, Value

SCOPE: Final = "binex"
"""Who made the spans."""
_ERROR: Final = 2
_SAMPLED: Final = 1

Json = Mapping[str, object]


def service_name() -> str:
    """Under which name spans are sent: what the environment says, as every SDK of OpenTelemetry reads it."""
    return os.environ.get("OTEL_SERVICE_NAME") or SCOPE


async def write_json(file: IO[bytes], spans: AsyncIterable[Span]) -> int:
    """Write one request with all *spans*; gives how many there were."""
    resource = {"attributes": _attributes({names.SERVICE_NAME: service_name()})}
    scope = {"name": SCOPE, "version": __version__}
    file.write(b'{"resourceSpans":[{"resource":%b,' % _text(resource))
    file.write(b'"schemaUrl":%b,' % _text(names.SCHEMA_URL))
    file.write(b'"scopeSpans":[{"scope":%b,"schemaUrl":%b,"spans":[' % (_text(scope), _text(names.SCHEMA_URL)))
    count = 0
    async for span in spans:
        file.write((b",\n" if count else b"\n") + _text(json_of(span)))
        count += 1
    file.write(b"\n]}]}]}\n")
    return count


def json_of(span: Span) -> Json:
    """One span as it stands in a request."""
    said: dict[str, object] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": int(span.kind),
        "flags": _SAMPLED,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(span.attributes),
    }
    if span.parent_id:
        said["parentSpanId"] = span.parent_id
    if span.events:
        said["events"] = [_event(event) for event in span.events]
    if span.links:
        said["links"] = [_link(link) for link in span.links]
    if span.failure is not None:
        said["status"] = {"code": _ERROR, "message": span.failure}
    return said


def _event(event: SpanEvent) -> Json:
    return {"name": event.name, "timeUnixNano": str(event.time_ns), "attributes": _attributes(event.attributes)}


def _link(link: SpanLink) -> Json:
    return {"traceId": link.trace_id, "spanId": link.span_id, "attributes": _attributes(link.attributes)}


def _attributes(attributes: Attributes) -> Iterable[Json]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: Value) -> Json:
    match value:
        case bool():
            return {"boolValue": value}
        case str():
            return {"stringValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"arrayValue": {"values": [_value(one) for one in value]}}


def _text(value: object) -> bytes:
    # Escapes keep lone surrogates and what no terminal should obey out of the file.
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
