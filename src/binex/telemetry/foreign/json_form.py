"""Reads traces as OTLP in JSON, as exporters write it, and a collector line by line."""

from collections.abc import Iterator
from math import isfinite
from typing import Final

from pydantic import JsonValue

from binex.telemetry.foreign.fields import (
    LONGEST_NAME,
    read_id,
    read_parent,
    require_few_attributes,
    require_few_events,
    require_shallow,
)
from binex.telemetry.foreign.json_walk import Walker
from binex.telemetry.foreign.span import ForeignEvent, ForeignSpan, Resource, TraceError, writable

_SCOPES: Final = ("scopeSpans", "instrumentationLibrarySpans")

Json = dict[str, JsonValue]


def spans_of_json(walker: Walker) -> Iterator[ForeignSpan]:
    """The spans of the requests in a file: one, a list of them, or one a line.

    Raises:
        TraceError: it is no trace, or has too much.
        ValueError: it is not JSON.
        RecursionError: neither is that.
    """
    if walker.peek() == "[":
        for at in walker.items():
            yield from _request(walker, f"[{at}]")
        if walker.peek():
            raise ValueError("there is more behind the list")
        return
    while walker.peek():
        yield from _request(walker, "" if walker.line == 1 else f"line {walker.line}: ")


def _request(walker: Walker, where: str) -> Iterator[ForeignSpan]:
    has_list = False
    for name in walker.members() if walker.peek() == "{" else _none(walker):
        if name == "resourceSpans" and walker.peek() == "[":
            has_list = True
            for at in walker.items():
                yield from _resource_spans(walker, f"{where}resourceSpans[{at}]")
        else:
            walker.pass_by()
    if not has_list:
        raise TraceError(f"{where or 'it '}has no list 'resourceSpans', as OTLP has")


def _none(walker: Walker) -> Iterator[str]:
    """The members of what is no object."""
    walker.pass_by()
    yield from ()


def _resource_spans(walker: Walker, where: str) -> Iterator[ForeignSpan]:
    resource = Resource()
    for name in walker.members() if walker.peek() == "{" else _none(walker):
        if name == "resource":
            said = walker.value()
            resource.tell(_attributes(said, f"{where}.resource") if isinstance(said, dict) else {})
        elif name in _SCOPES and walker.peek() == "[":
            for at in walker.items():
                yield from _scope_spans(walker, resource, f"{where}.{name}[{at}]")
        else:
            walker.pass_by()


def _scope_spans(walker: Walker, resource: Resource, where: str) -> Iterator[ForeignSpan]:
    for name in walker.members() if walker.peek() == "{" else _none(walker):
        if name == "spans" and walker.peek() == "[":
            for at in walker.items():
                span = walker.value()
                if isinstance(span, dict):
                    yield _span(span, resource, f"{where}.spans[{at}]")
        else:
            walker.pass_by()


def _span(span: Json, resource: Resource, where: str) -> ForeignSpan:
    status = span.get("status")
    said: Json = status if isinstance(status, dict) else {}
    code = said.get("code")
    events = _objects(span, "events")
    require_few_events(len(events), where)
    return ForeignSpan(
        trace_id=read_id(span.get("traceId"), 32, f"{where}.traceId"),
        span_id=read_id(span.get("spanId"), 16, f"{where}.spanId"),
        parent_id=read_parent(span.get("parentSpanId"), f"{where}.parentSpanId"),
        name=writable(str(span.get("name") or "span"))[:LONGEST_NAME],
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
    require_few_attributes(len(pairs), where)
    return {str(pair.get("key", "")): _value(pair.get("value"), where, 0) for pair in pairs}


def _value(value: JsonValue, where: str, depth: int) -> JsonValue:  # noqa: PLR0911 - one case a type
    """What an ``AnyValue`` holds."""
    require_shallow(depth, where)
    if not isinstance(value, dict):
        return None
    for name, held in value.items():
        match name:
            case "stringValue" | "bytesValue" if isinstance(held, str):
                return held
            case "boolValue" if isinstance(held, bool):
                return held
            case "intValue":
                return _whole(held)
            case "doubleValue":
                return held if isinstance(held, int) or (isinstance(held, float) and isfinite(held)) else None
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
