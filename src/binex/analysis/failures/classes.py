"""What sort of failure a task met, what shows that, and what to do about it."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field

from binex.analysis.calls import name_of
from binex.analysis.failures.kind import ADVICE, FailureKind, is_of_a_request, kind_of, kind_of_status, status_said
from binex.analysis.failures.user_frame import Frame, last_user_frame
from binex.models.base import AnyText, Model
from binex.models.call import NOT_MADE, Call, CallKind
from binex.models.task import ErrorInfo, ErrorKind, ExecutionRecord
from binex.telemetry.foreign.kinds import SCHEME

__all__ = ["Evidence", "FailureClass", "FailureKind", "Frame", "PendingCall", "classify"]


class PendingCall(Model):
    """A call that an attempt was in when it was ended."""

    name: str
    """What it is called within the run, as in `plan:1.2`."""
    target: AnyText
    """Whom it spoke with."""
    waited_ms: float
    """How long it had taken when the attempt ended."""


class Evidence(Model):
    """What shows the kind of a failure. None and empty where it says nothing about it."""

    error: AnyText
    """The class of the exception."""
    message: AnyText
    """What it said, in full."""
    host: AnyText | None = None
    """Who said so, for what is remote."""
    status: int | None = None
    """The HTTP status."""
    body: AnyText | None = None
    """The beginning of what the other side said."""
    call: str | None = None
    """The call that failed, as `binex calls show` takes it: `plan:1.2`."""
    retry_after_ms: int | None = None
    """The pause that the other side asked for."""
    frame: Frame | None = None
    """Where it happened: the last line of the user's own code."""
    misses: tuple[AnyText, ...] = ()
    """What of the answer does not fit the schema."""
    deadline_ms: int | None = None
    """How long the attempt was allowed to take."""
    took_ms: float = 0.0
    """How long the last attempt took."""
    pending: tuple[PendingCall, ...] = ()
    """What it was waiting for at its deadline, or when it was stopped."""
    attempts: int = 0
    """How many attempts there were."""
    over_ms: float = 0.0
    """From the start of the first one to the end of the last one, pauses included."""
    other_kinds: dict[FailureKind, int] = Field(default_factory=dict)
    """In which other ways earlier attempts failed, and how often."""


class FailureClass(Model):
    """Why a task failed: the kind, the evidence, and a way out."""

    task: str
    """The path of the task."""
    kind: FailureKind
    """What sort of failure it was."""
    cause: AnyText
    """What it was in a few words, the same for failures that are alike: `rate limited by api.host`."""
    evidence: Evidence
    """What shows that."""
    advice: str
    """What to do about it, in one line."""


_DEADLINE: Final = re.compile(r"in ([\d,]+) ms \(deadline_ms\)")
_CAUSES: Final = {
    FailureKind.RATE_LIMIT: "rate limited by {host}",
    FailureKind.AUTHENTICATION: "{host} did not accept the key{status}",
    FailureKind.UNREACHABLE: "{host} could not be reached, or failed{status}",
    FailureKind.REFUSED: "{host} refused the request{status}",
    FailureKind.BAD_REPLY: "no valid reply from {host}",
    FailureKind.SCHEMA: "the answer does not fit output_schema",
}
"""What it was, the same for failures that are alike."""
_ELSEWHERE: Final = "mend it in the program that was traced: nothing of a trace is executed here"
_FORBIDDEN: Final = "{host} does not allow that with this key{status}"
_FAILED_THERE: Final = "{host} failed{status}"


def classify(
    record: ExecutionRecord,
    calls: Sequence[Call] = (),
    attempts: Sequence[ExecutionRecord] = (),
    folder: str | None = None,
) -> FailureClass:
    """What sort of failure *record* is, which has an error.

    *calls* are those of its task, *attempts* all records of its task. *folder* is the workflow's, where the user's
    own code lies.

    Raises:
        ValueError: the record has no error.
    """
    if record.error is None:
        raise ValueError(f"attempt {record.id} has not failed")
    own = [call for call in calls if call.attempt == record.attempt]
    kind, wire = kind_of(record.error), None
    if is_of_a_request(record.error):
        wire = _failed_call(own)
        status = status_said(record.error) if wire is None else wire.status
        kind = kind if wire is None and status is None else kind_of_status(status)
    evidence = _evidence(record, record.error, own, attempts, wire, folder)
    return FailureClass(
        task=record.task,
        kind=kind,
        cause=_cause(kind, record.error, evidence),
        evidence=evidence,
        advice=_ELSEWHERE if record.agent.startswith(SCHEME) else _advice(kind, record.error, evidence),
    )


def _failed_call(calls: Sequence[Call]) -> Call | None:
    """The last request over HTTP, if that one failed."""
    requests = [call for call in calls if call.kind is CallKind.HTTP]
    last = requests[-1] if requests else None
    return last if last is not None and (last.error is not None or (last.status or 0) >= 400) else None


def _evidence(
    record: ExecutionRecord,
    error: ErrorInfo,
    calls: Sequence[Call],
    attempts: Sequence[ExecutionRecord],
    wire: Call | None,
    folder: str | None,
) -> Evidence:
    kept = [attempt for attempt in attempts if attempt.started_at is not None] or [record]
    first = kept[0].started_at
    failed = wire or next((call for call in reversed(calls) if _says_more(call)), None)
    limit = _DEADLINE.search(error.message) if error.kind is ErrorKind.DEADLINE else None
    earlier = [attempt.error for attempt in kept if attempt.error is not None and attempt.attempt != record.attempt]
    kind = kind_of(error)
    return Evidence(
        error=error.type,
        message=error.message,
        host=error.host or (_host_of(wire) if wire is not None else None),
        status=error.status or status_said(error) if wire is None else wire.status,
        body=error.body,
        call=None if failed is None else name_of(failed),
        retry_after_ms=_retry_after_ms(calls),
        frame=last_user_frame(error.traceback, folder) if error.traceback else None,
        misses=_misses(error.message) if error.kind is ErrorKind.SCHEMA else (),
        deadline_ms=None if limit is None else int(limit[1].replace(",", "")),
        took_ms=record.duration_ms,
        pending=tuple(_pending(calls)) if error.kind in (ErrorKind.DEADLINE, ErrorKind.CANCELLED) else (),
        attempts=len(kept) if record.started_at is not None else 0,
        over_ms=(record.ended_at - first) / timedelta(milliseconds=1) if first is not None else 0.0,
        other_kinds=dict(Counter(other for one in earlier if (other := kind_of(one)) is not kind)),
    )


def _says_more(call: Call) -> bool:
    """Whether it failed, and looking at it word for word says more: not where it was never made, or asks a person."""
    has_failed = call.error is not None or not call.is_complete
    return has_failed and call.kind is not CallKind.HUMAN and call.priced_by != NOT_MADE


def _pending(calls: Sequence[Call]) -> list[PendingCall]:
    """The calls that had no end; of one that was made for another only that one, which says more."""
    cut_off = [call for call in calls if not call.is_complete and (call.error or "").startswith("Cancelled")]
    outer = {call.number for call in cut_off}
    return [
        PendingCall(name=name_of(call), target=call.target, waited_ms=call.duration_ms)
        for call in cut_off
        if call.parent not in outer
    ]


def _retry_after_ms(calls: Sequence[Call]) -> int | None:
    """What the last refusal asked for."""
    for call in reversed(calls):
        headers = {name.lower(): value for name, value in call.response_headers}
        if call.status in (429, 503) and "retry-after" in headers:
            from binex.adapters.retry_after import read_retry_after  # looking at runs mostly does without adapters

            return read_retry_after(headers, now=call.started_at)
    return None


def _misses(message: str) -> tuple[str, ...]:
    """What is listed in the message of a SchemaError."""
    listed = message.partition("output_schema")[2].partition(": ")[2]
    return tuple(listed.partition("; it begins with ")[0].split("; ")) if listed else ()


def _host_of(call: Call) -> str | None:
    """The host of a request, whose target is ``GET https://host/path``."""
    try:
        return urlsplit(call.target.partition(" ")[2]).hostname
    except ValueError:
        return None


def _cause(kind: FailureKind, error: ErrorInfo, evidence: Evidence) -> str:
    host = evidence.host or "the other side"
    if kind is FailureKind.DEADLINE:
        return _deadline(evidence)
    if kind is FailureKind.HUMAN and error.message.startswith("nobody answered by "):
        return "nobody answered in time"
    if kind in (FailureKind.CODE, FailureKind.PROCESS) and evidence.frame is not None:
        return f"{error.type} at {evidence.frame.place}"
    if kind in _CAUSES and (evidence.status is not None or kind is not FailureKind.AUTHENTICATION):
        return _of_remote(kind, evidence.status).format(
            host=host, status="" if evidence.status is None else f" ({evidence.status})"
        )
    said = _first_line(error.message)
    if kind is FailureKind.BUDGET:
        return said.partition(": ")[0]
    return f"{error.type}: {said}" if kind is FailureKind.CODE else said


def _of_remote(kind: FailureKind, status: int | None) -> str:
    if kind is FailureKind.AUTHENTICATION and status == 403:
        return _FORBIDDEN
    return _FAILED_THERE if kind is FailureKind.UNREACHABLE and status is not None else _CAUSES[kind]


def _deadline(evidence: Evidence) -> str:
    waited = f", waiting for {evidence.pending[0].target}" if evidence.pending else ""
    limit = "its deadline" if evidence.deadline_ms is None else f"{evidence.deadline_ms:,} ms"
    return f"no answer within {limit}{waited}"


def _advice(kind: FailureKind, error: ErrorInfo, evidence: Evidence) -> str:
    if error.fix:
        return _first_line(error.fix)
    match kind:
        case FailureKind.DEADLINE if evidence.pending:
            return f"{evidence.pending[0].target} was too slow: give it a larger deadline_ms, or ask less of it"
        case FailureKind.CODE if evidence.frame is not None:
            return f"correct {evidence.frame.place}, then go on from there"
        case _:
            return ADVICE[kind]


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), text)
