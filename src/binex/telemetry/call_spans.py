"""The span of one call: with a model, a tool, an agent, a person, or over HTTP."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from binex.models.call import NOT_MADE, Call, CallKind
from binex.models.names import node_of
from binex.models.span_ids import attempt_span_id, call_span_id, trace_id_of
from binex.telemetry import conventions as names
from binex.telemetry.messages import reply_in, request_in
from binex.telemetry.span import Span, SpanEvent, SpanKind, Value

LONGEST: Final = 1 << 20
"""How many bytes of a content a span may have; longer ones are left out, and named."""
_FIRST_FAILURE: Final = 400
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND: Final = timedelta(microseconds=1)


class Bodies(NamedTuple):
    """What was said in a call, both sides; empty where it is not known."""

    request: bytes = b""
    response: bytes = b""


def ns_of(at: datetime) -> int:
    """A moment in nanoseconds since 1970, which a float could not hold."""
    return (at - _EPOCH) // _MICROSECOND * 1000


def ns_after(start_ns: int, duration_ms: float) -> int:
    """The moment *duration_ms* after another; never before it."""
    return start_ns + max(0, round(duration_ms * 1e6))


def has_span(call: Call) -> bool:
    """Whether a call has a span: moments and random numbers that a function was given have none."""
    return call.kind is not CallKind.VALUE


def needs_bodies(call: Call, *, with_content: bool) -> bool:
    """Whether the span says more where it is known what was said."""
    return with_content or call.kind is CallKind.MODEL


def span_of_call(call: Call, bodies: Bodies = Bodies(), *, with_content: bool = False) -> Span:  # noqa: B008 - a value
    """The span of *call*; *bodies* tell how a model was asked, and *with_content* stand in the span themselves."""
    start = ns_of(call.started_at)
    end = ns_after(start, call.duration_ms)
    own: dict[str, Value] = {
        names.SPAN: "call",
        names.RUN_ID: call.run_id,
        names.TASK: call.task,
        names.NODE: node_of(call.task),
        names.ATTEMPT: call.attempt,
        names.CALL_NUMBER: call.number,
        names.CALL_KIND: call.kind.value,
        names.CALL_TARGET: _without_query(call.target),
    }
    name, kind, said = _SORTS[call.kind](call, bodies, with_content)
    failure = _failure_of(call)
    events: tuple[SpanEvent, ...] = ()
    if failure is not None:
        own[names.ERROR_TYPE] = _error_type(call)
    if call.error is not None:
        told: dict[str, Value] = {
            names.EXCEPTION_TYPE: _class_in(call.error),
            names.EXCEPTION_MESSAGE: _message_in(call.error),
        }
        events = (SpanEvent(names.EXCEPTION, end, told),)
    around = call.parent
    return Span(
        trace_id=trace_id_of(call.run_id),
        span_id=call_span_id(call.run_id, call.task, call.attempt, call.number),
        parent_id=attempt_span_id(call.run_id, call.task, call.attempt)
        if around is None
        else call_span_id(call.run_id, call.task, call.attempt, around),
        name=name,
        start_ns=start,
        end_ns=end,
        kind=kind,
        attributes=own | said,
        events=events,
        failure=failure,
    )


Sort = tuple[str, SpanKind, dict[str, Value]]
"""The name of a span, what it is to others, and what only its sort of call has."""


def _model(call: Call, bodies: Bodies, with_content: bool) -> Sort:
    provider, _, model = call.target.partition("/")
    said: dict[str, Value] = {
        names.OPERATION: names.CHAT,
        names.PROVIDER: names.PROVIDERS.get(provider, provider),
        names.REQUEST_MODEL: model,
    }
    usage = call.usage
    if usage is not None:
        counted = {
            names.INPUT_TOKENS: usage.input_tokens,
            names.OUTPUT_TOKENS: usage.output_tokens,
            names.CACHED_TOKENS: usage.cached_tokens,
            names.REASONING_TOKENS: usage.reasoning_tokens,
        }
        said |= {name: count for name, count in counted.items() if count is not None}
    if call.cost_usd is not None:
        said[names.COST] = call.cost_usd
    if call.priced_by:
        said[names.PRICED_BY] = call.priced_by
    if call.chunks and call.priced_by != NOT_MADE:
        said[names.FIRST_CHUNK] = call.chunks[0].offset_ms / 1000
    host = next((value for name, value in call.response_headers if name == "host"), "")
    if host:
        said |= _server(host)
    said |= request_in(bodies.request, with_content=with_content)
    said |= reply_in(bodies.response, with_content=with_content)
    return f"{names.CHAT} {model}", SpanKind.CLIENT, _shortened(said)


def _tool(call: Call, bodies: Bodies, with_content: bool) -> Sort:
    said: dict[str, Value] = {names.OPERATION: names.EXECUTE_TOOL, names.TOOL_TYPE: "function"}
    name = call.target.partition("://")[2] or call.target
    said[names.TOOL_NAME] = name
    if with_content:
        said |= {names.TOOL_ARGUMENTS: _text(bodies.request), names.TOOL_RESULT: _text(bodies.response)}
    is_remote = call.target.startswith("mcp://")
    kind = SpanKind.CLIENT if is_remote else SpanKind.INTERNAL
    return f"{names.EXECUTE_TOOL} {name}", kind, _shortened(said)


def _a2a(call: Call, bodies: Bodies, with_content: bool) -> Sort:
    parts = urlsplit(call.target)
    name = parts.hostname or call.target
    said: dict[str, Value] = {names.OPERATION: names.INVOKE_AGENT, names.AGENT_NAME: name} | _server(parts.netloc)
    return f"{names.INVOKE_AGENT} {name}", SpanKind.CLIENT, said | _contents(bodies, with_content)


def _http(call: Call, bodies: Bodies, with_content: bool) -> Sort:
    method, _, url = call.target.partition(" ")
    said: dict[str, Value] = {names.HTTP_METHOD: method, names.URL: _without_query(url)}
    said |= _server(urlsplit(url).netloc)
    if call.status is not None:
        said[names.HTTP_STATUS] = call.status
    return method, SpanKind.CLIENT, said | _contents(bodies, with_content)


def _human(call: Call, bodies: Bodies, with_content: bool) -> Sort:
    return f"ask {call.target}", SpanKind.INTERNAL, _contents(bodies, with_content)


_SORTS: Final[dict[CallKind, Callable[[Call, Bodies, bool], Sort]]] = {
    CallKind.MODEL: _model,
    CallKind.TOOL: _tool,
    CallKind.A2A: _a2a,
    CallKind.HTTP: _http,
    CallKind.HUMAN: _human,
}


def _contents(bodies: Bodies, with_content: bool) -> dict[str, Value]:
    if not with_content:
        return {}
    return _shortened({names.REQUEST: _text(bodies.request), names.RESPONSE: _text(bodies.response)})


def _shortened(said: dict[str, Value]) -> dict[str, Value]:
    """What is said, without contents that are empty or too long for a span; the latter are named."""
    cut = [name for name, value in said.items() if isinstance(value, str) and len(value) > LONGEST]
    kept = {name: value for name, value in said.items() if value != "" and name not in cut}
    return kept | ({names.CUT: cut} if cut else {})


def _server(netloc: str) -> dict[str, Value]:
    try:
        parts = urlsplit(f"//{netloc}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return {}
    said: dict[str, Value] = {names.SERVER_ADDRESS: host} if host else {}
    return said | ({names.SERVER_PORT: port} if port else {})


def _without_query(target: str) -> str:
    """A target without what stands behind the path, where queries have their keys and people their names."""
    return target.partition("?")[0].partition("#")[0]


def _failure_of(call: Call) -> str | None:
    if call.error is not None:
        return call.error
    if call.kind is CallKind.HTTP and call.status is not None and call.status >= _FIRST_FAILURE:
        return f"HTTP {call.status}"
    return None


def _error_type(call: Call) -> str:
    """What the conventions want: an HTTP status, or the class of an error; never its text."""
    if call.status is not None and call.status >= _FIRST_FAILURE:
        return str(call.status)
    return "not_made" if call.priced_by == NOT_MADE else _class_in(call.error or "")


def _class_in(error: str) -> str:
    """The class that the text of an error begins with."""
    name = error.partition(":")[0]
    return name if name.isidentifier() else "_OTHER"


def _message_in(error: str) -> str:
    name, _, message = error.partition(": ")
    return message if message and name.isidentifier() else error


def _text(data: bytes) -> str:
    """Bytes as text; empty where they are none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return ""
