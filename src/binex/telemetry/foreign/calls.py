"""The calls that foreign spans become, with what was said in them, secrets cut out."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from pydantic import JsonValue

from binex.models.call import Body, BodyPart, Call, CallKind
from binex.models.json_value import encode_json
from binex.tape.asked import hash_asked
from binex.tape.bodies import Chains
from binex.tape.cutting import Cutter
from binex.telemetry import conventions as names
from binex.telemetry.foreign.kinds import Kind
from binex.telemetry.foreign.plan import PlannedCall, PlannedTask
from binex.telemetry.foreign.span import ForeignSpan
from binex.telemetry.foreign.spool import SpanFile
from binex.telemetry.foreign.talk import Talk
from binex.telemetry.foreign.told import error_of, member_of, moment_of

PRICED_BY: Final = "the trace"
"""Who says what a call cost."""
_JSON: Final = "application/json"
_EVENTS: Final = "application/x-ndjson"
_CALL_KINDS: Final = {Kind.MODEL: CallKind.MODEL, Kind.HTTP: CallKind.HTTP, Kind.AGENT: CallKind.A2A}
"""What a call of such a span is; of others, a tool's."""


class TraceCalls:
    """Makes the calls of one run."""

    def __init__(self, run_id: str, spans: SpanFile, cutter: Cutter, keep: Callable[[BodyPart], None]) -> None:
        self._run_id = run_id
        self._spans = spans
        self._cutter = cutter
        self._chains = Chains()
        self._keep = keep
        """Is handed what the bodies of the calls are made of."""

    def of(self, task: PlannedTask) -> Iterator[Call]:
        """The calls of *task*, in the order in which they began."""
        counts: Counter[int] = Counter()
        numbers: dict[str, tuple[int, int]] = {}
        attempts = max(1, len(task.attempts))
        for planned in sorted(task.calls, key=lambda one: (one.span.start_ns, -one.span.end_ns)):
            attempt = min(planned.attempt, attempts)
            counts[attempt] += 1
            around = numbers.get(planned.span.parent_id, (0, 0))
            numbers[planned.span.span_id] = (attempt, counts[attempt])
            call = self._call(task, planned)
            parent = around[1] if around[0] == attempt else None
            yield call.model_copy(update={"attempt": attempt, "number": counts[attempt], "parent": parent})

    def _call(self, task: PlannedTask, planned: PlannedCall) -> Call:
        span, kind = self._spans.read(planned.span), _CALL_KINDS.get(planned.kind, CallKind.TOOL)
        kind = member_of(CallKind, span.text(names.CALL_KIND)) or kind
        talk = Talk(span) if kind is CallKind.MODEL else None
        media_type = _JSON if talk is None else _EVENTS
        if talk is not None:
            target, request, response = talk.target, talk.request(), talk.response()
        else:
            target = span.text(names.CALL_TARGET) or _target_of(span, task, kind)
            request, response = (
                _bytes_of(span.value(names.REQUEST, names.TOOL_ARGUMENTS, "input.value", "tool.parameters")),
                _bytes_of(span.value(names.RESPONSE, names.TOOL_RESULT, "output.value")),
            )
        target = self._cutter.cut_target(target)[:400]
        asked = self._cutter.cut_body(request, _JSON)
        error = error_of(span, self._cutter.cut_text)
        status = span.count(names.HTTP_STATUS, "http.status_code") if kind is CallKind.HTTP else None
        cost = talk.cost_usd if talk is not None else None
        return Call(
            run_id=self._run_id,
            task=task.path,
            attempt=1,
            number=1,
            kind=kind,
            target=target,
            asked=hash_asked(kind, target, asked),
            request=self._body(asked, _JSON, is_shared=True),
            response=self._body(self._cutter.cut_body(response, media_type), media_type),
            status=status if status is None or status < 1000 else None,
            is_complete=error is None,
            started_at=moment_of(span.start_ns),
            duration_ms=(span.end_ns - span.start_ns) / 1e6,
            usage=talk.usage if talk is not None else None,
            cost_usd=cost,
            priced_by=span.text(names.PRICED_BY)[:100] or ("" if cost is None else PRICED_BY),
            error=None if error is None else f"{error.type}: {error.message}",
        )

    def _body(self, data: bytes, media_type: str, *, is_shared: bool = False) -> Body | None:
        if not data:
            return None
        body, parts = self._chains.make(data, media_type, is_shared=is_shared)
        for part in parts:
            self._keep(part)
        return body


def _target_of(span: ForeignSpan, task: PlannedTask, kind: CallKind) -> str:
    if kind is CallKind.HTTP:
        method = span.text(names.HTTP_METHOD, "http.method") or "GET"
        url = span.text(names.URL, "http.url", "url.path", "http.target") or span.name
        return f"{method} {url.partition('?')[0]}"
    return task.agent


def _bytes_of(value: JsonValue) -> bytes:
    return b"" if value is None else encode_json(value)
