"""Reads traces: OTLP as JSON, as lines of JSON, or as protobuf. Everything is bounded, and nothing is followed."""

from collections.abc import Iterator
from math import isfinite
from typing import IO, Any, Final

from pydantic import JsonValue

from binex.models.json_value import decode_json
from binex.telemetry.foreign.span import ForeignEvent, ForeignSpan, TraceError, writable
from binex.telemetry.sending import require_installed

MOST_BYTES: Final = 128 << 20
"""The size of a file."""
MOST_SPANS: Final = 100_000
MOST_VALUES: Final = 4_000_000
"""How many values may stand in one document: a short text can be a lot of memory."""
MOST_ATTRIBUTES: Final = 10_000
"""Of one span."""
MOST_EVENTS: Final = 10_000
"""Of one span."""
DEEPEST: Final = 64
"""How many lists and objects an attribute may stand in."""
_LONGEST_NAME: Final = 500
_BASE64: Final = {24: 32, 12: 16}
"""How long an id is that somebody has written in base64, and how long it is in hexadecimal."""

Traces = dict[str, list[ForeignSpan]]
Json = dict[str, JsonValue]


def is_trace(beginning: bytes) -> bool:
    """Whether a file that begins so is OTLP as JSON, and nothing else."""
    return beginning.lstrip()[:1] in (b"{", b"[") and b'"resourceSpans"' in beginning


def read_traces(file: IO[bytes]) -> Traces:
    """The spans in *file*, by the trace that they belong to, in their order.

    Raises:
        TraceError: it holds no traces, or too much.
    """
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise TraceError(f"it has more than {MOST_BYTES:,} bytes", fix="export fewer traces at a time")
    traces: Traces = {}
    for count, span in enumerate(_spans_in(data), 1):
        if count > MOST_SPANS:
            raise TraceError(f"it has more than {MOST_SPANS:,} spans", fix="export fewer traces at a time")
        traces.setdefault(span.trace_id, []).append(span)
    if not traces:
        raise TraceError("there are no spans in it")
    return traces


def _spans_in(data: bytes) -> Iterator[ForeignSpan]:
    start = data.lstrip()[:1]
    if not start:
        raise TraceError("it is empty")
    if start in (b"{", b"["):
        for where, document in _documents(data):
            yield from _of_json(document, where)
    else:
        yield from _of_protobuf(data)


# --- JSON -----------------------------------------------------------------------------------------------------


def _documents(data: bytes) -> Iterator[tuple[str, JsonValue]]:
    """The requests in a file: one, a list of them, or one a line; and where each stands."""
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_VALUES:
        raise TraceError(f"it has more than {MOST_VALUES:,} values", fix="export fewer traces at a time")
    try:
        whole = decode_json(data)
    except (ValueError, RecursionError) as error:
        lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
        if len(lines) < 2 or not _is_json(lines[0][1]):
            raise TraceError(f"it is not JSON: {error}") from None
    else:
        for at, one in enumerate(whole) if isinstance(whole, list) else ():
            yield f"[{at}]", one
        if not isinstance(whole, list):
            yield "", whole
        return
    for number, line in lines:
        try:
            yield f"line {number}: ", decode_json(line)
        except (ValueError, RecursionError) as error:
            raise TraceError(f"line {number} is not JSON: {error}") from None


def _is_json(line: bytes) -> bool:
    try:
        decode_json(line)
    except (ValueError, RecursionError):
        return False
    return True


def _of_json(document: JsonValue, where: str) -> Iterator[ForeignSpan]:
    if not isinstance(document, dict) or not isinstance(document.get("resourceSpans"), list):
        raise TraceError(f"{where or 'it '}has no list 'resourceSpans', as OTLP has")
    for i, resource_spans in enumerate(_objects(document, "resourceSpans")):
        resource = resource_spans.get("resource")
        said = _attributes(resource if isinstance(resource, dict) else {}, where)
        for scopes in ("scopeSpans", "instrumentationLibrarySpans"):
            for j, scope in enumerate(_objects(resource_spans, scopes)):
                for k, span in enumerate(_objects(scope, "spans")):
                    yield _span_of_json(span, said, f"{where}resourceSpans[{i}].{scopes}[{j}].spans[{k}]")


def _span_of_json(span: Json, resource: Json, where: str) -> ForeignSpan:
    status = span.get("status")
    said: Json = status if isinstance(status, dict) else {}
    code = said.get("code")
    events = _objects(span, "events")
    if len(events) > MOST_EVENTS:
        raise TraceError(f"{where} has more than {MOST_EVENTS:,} events")
    return ForeignSpan(
        trace_id=_id(span.get("traceId"), 32, f"{where}.traceId"),
        span_id=_id(span.get("spanId"), 16, f"{where}.spanId"),
        parent_id=_parent(span.get("parentSpanId"), f"{where}.parentSpanId"),
        name=writable(str(span.get("name") or "span"))[:_LONGEST_NAME],
        start_ns=_nanoseconds(span.get("startTimeUnixNano"), f"{where}.startTimeUnixNano"),
        end_ns=_nanoseconds(span.get("endTimeUnixNano"), f"{where}.endTimeUnixNano"),
        attributes=_attributes(span, where),
        events=[ForeignEvent(str(event.get("name", "")), _attributes(event, where)) for event in events],
        status=2 if code in (2, "STATUS_CODE_ERROR") else 0,
        message=writable(str(said.get("message") or "")),
        resource=resource,
    )


def _objects(holder: Json, name: str) -> list[Json]:
    listed = holder.get(name)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _attributes(holder: Json, where: str) -> Json:
    pairs = _objects(holder, "attributes")
    if len(pairs) > MOST_ATTRIBUTES:
        raise TraceError(f"{where} has more than {MOST_ATTRIBUTES:,} attributes")
    return {str(pair.get("key", "")): _value(pair.get("value"), where, 0) for pair in pairs}


def _value(value: JsonValue, where: str, depth: int) -> JsonValue:  # noqa: PLR0911 - one case a type
    """What an ``AnyValue`` holds."""
    if depth > DEEPEST:
        raise TraceError(f"{where}: an attribute is nested deeper than {DEEPEST} levels")
    if not isinstance(value, dict):
        return None
    for name, held in value.items():
        match name:
            case "stringValue" | "boolValue" | "bytesValue":
                return held
            case "intValue":
                return _whole(held)
            case "doubleValue":
                return float(held) if isinstance(held, int | float) else None
            case "arrayValue" if isinstance(held, dict):
                listed = held.get("values")
                return [_value(one, where, depth + 1) for one in listed] if isinstance(listed, list) else []
            case "kvlistValue" if isinstance(held, dict):
                pairs = _objects(held, "values")
                return {str(pair.get("key", "")): _value(pair.get("value"), where, depth + 1) for pair in pairs}
            case _:
                pass
    return None


def _whole(value: JsonValue) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    is_number = len(text) < 21 and text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()
    return int(text) if is_number else None


def _nanoseconds(value: JsonValue, where: str) -> int:
    if value is None:
        return 0
    found = _whole(value)
    if found is None:
        raise TraceError(f"{where} is {value!r:.60}, which is no number of nanoseconds")
    return found


def _id(value: JsonValue, length: int, where: str) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if isinstance(value, str) and _BASE64.get(len(value)) == length:  # what protobuf's own JSON has, against OTLP's
        text = _from_base64(value)
    if len(text) != length or text.strip("0123456789abcdef") or not text.strip("0"):
        raise TraceError(f"{where} is {value!r:.60}, which is no id of {length} hexadecimal digits")
    return text


def _parent(value: JsonValue, where: str) -> str:
    return (
        ""
        if value is None or value == "" or (isinstance(value, str) and not value.strip("0"))
        else _id(value, 16, where)
    )


def _from_base64(text: str) -> str:
    import base64
    import binascii

    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""


# --- protobuf -------------------------------------------------------------------------------------------------


def _of_protobuf(data: bytes) -> Iterator[ForeignSpan]:
    require_installed("to read a trace as protobuf")
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        request = ExportTraceServiceRequest.FromString(data)
    except DecodeError:
        raise TraceError("it is neither JSON nor protobuf of OTLP") from None
    for i, resource_spans in enumerate(request.resource_spans):
        resource = _pairs(resource_spans.resource.attributes, f"resource_spans[{i}]")
        for j, scope in enumerate(resource_spans.scope_spans):
            for k, span in enumerate(scope.spans):
                yield _span_of_protobuf(span, resource, f"resource_spans[{i}].scope_spans[{j}].spans[{k}]")


def _span_of_protobuf(span: Any, resource: Json, where: str) -> ForeignSpan:
    if len(span.events) > MOST_EVENTS:
        raise TraceError(f"{where} has more than {MOST_EVENTS:,} events")
    return ForeignSpan(
        trace_id=_id(span.trace_id.hex(), 32, f"{where}.trace_id"),
        span_id=_id(span.span_id.hex(), 16, f"{where}.span_id"),
        parent_id=_parent(span.parent_span_id.hex(), f"{where}.parent_span_id"),
        name=(span.name or "span")[:_LONGEST_NAME],
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_pairs(span.attributes, where),
        events=[ForeignEvent(event.name, _pairs(event.attributes, where)) for event in span.events],
        status=2 if span.status.code == 2 else 0,
        message=str(span.status.message),
        resource=resource,
    )


def _pairs(pairs: Any, where: str) -> Json:
    if len(pairs) > MOST_ATTRIBUTES:
        raise TraceError(f"{where} has more than {MOST_ATTRIBUTES:,} attributes")
    return {pair.key: _held(pair.value, where, 0) for pair in pairs}


def _held(value: Any, where: str, depth: int) -> JsonValue:  # noqa: PLR0911 - one case a type
    """What an ``AnyValue`` holds."""
    if depth > DEEPEST:
        raise TraceError(f"{where}: an attribute is nested deeper than {DEEPEST} levels")
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
