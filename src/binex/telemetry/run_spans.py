"""The spans of a run, its tasks and their attempts, made of records as they come: after the fact, or live."""

from collections.abc import Iterator
from dataclasses import dataclass

from binex.models.names import item_of, node_of
from binex.models.run import Run, RunStatus
from binex.models.span_ids import attempt_span_id, run_span_id, task_span_id, trace_id_of
from binex.models.task import ErrorInfo, ExecutionRecord, TaskStatus
from binex.telemetry import conventions as names
from binex.telemetry.call_spans import ns_after, ns_of
from binex.telemetry.span import Span, SpanEvent, SpanLink, Value

_FAILED_RUNS = (RunStatus.FAILED, RunStatus.OVER_BUDGET)
_FAILED_TASKS = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)


@dataclass(slots=True)
class _Extent:
    """From when to when something went on, as far as is known."""

    start_ns: int
    end_ns: int

    def reach(self, start_ns: int, end_ns: int) -> None:
        self.start_ns, self.end_ns = min(self.start_ns, start_ns), max(self.end_ns, end_ns)


class RunSpans:
    """Makes the spans of one run. Tell it the records in their order; it remembers how long what took."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._trace_id = trace_id_of(run.id)
        self._extents: dict[str, _Extent] = {}
        """By the path of a task, or of a foreach node."""

    def note(self, record: ExecutionRecord) -> None:
        """Know *record*, whose spans are somebody else's."""
        for _ in self.take(record, {}):
            pass

    def take(
        self, record: ExecutionRecord, contents: dict[str, Value], *, is_last: bool | None = None
    ) -> Iterator[Span]:
        """The span of an attempt that has ended, and of its task if that has; *contents* are what the task made.

        A task that was tried again after it had ended ends again; *is_last* is false where that is known to come.
        """
        attempt = self._attempt(record)
        if attempt is not None:
            self._reach(record.task, attempt.start_ns, attempt.end_ns)
            yield attempt
        if record.is_final if is_last is None else is_last:
            yield self._task(record, contents)

    def unfinished(self, task: str, start_ns: int, end_ns: int) -> Span:
        """The span of a task that has not ended, so far."""
        self._reach(task, start_ns, end_ns)
        extent = self._extents[task]
        said: dict[str, Value] = {**self._names(task), names.SPAN: "task", names.STATUS: TaskStatus.RUNNING.value}
        return self._span(task_span_id(self.run.id, task), self._parent_of(task), f"task {task}", extent, said)

    def unfinished_attempt(self, task: str, attempt: int, start_ns: int, end_ns: int) -> Span:
        """The span of an attempt of which nothing is recorded but its calls."""
        said: dict[str, Value] = {**self._names(task), names.SPAN: "attempt", names.ATTEMPT: attempt}
        said[names.STATUS] = TaskStatus.RUNNING.value
        span_id = attempt_span_id(self.run.id, task, attempt)
        parent_id = task_span_id(self.run.id, task)
        return self._span(span_id, parent_id, f"attempt {attempt} of {task}", _Extent(start_ns, end_ns), said)

    def root(self, run: Run, contents: dict[str, Value]) -> Span:
        """The span of the run as it stands now."""
        said: dict[str, Value] = {
            names.SPAN: "run",
            names.OPERATION: names.INVOKE_WORKFLOW,
            names.WORKFLOW: run.workflow,
            names.RUN_ID: run.id,
            names.RUN_STATUS: run.status.value,
            names.COST: run.spend.cost_usd,
        }
        failure = None
        if run.status in _FAILED_RUNS:
            failed = sum(run.counts.get(status, 0) for status in _FAILED_TASKS)
            failure = run.error or f"{run.status}: {failed} task{'' if failed == 1 else 's'} failed"
            said[names.ERROR_TYPE] = run.status.value
        links: tuple[SpanLink, ...] = ()
        if run.origin is not None:
            parent = run.origin.parent
            links = (SpanLink(trace_id_of(parent), run_span_id(parent), {names.LINK: run.origin.mode.value}),)
        start = ns_of(run.started_at)
        extent = _Extent(start, start if run.ended_at is None else max(start, ns_of(run.ended_at)))
        for known in self._extents.values() if run.ended_at is None else ():
            extent.reach(extent.start_ns, known.end_ns)
        name = f"{names.INVOKE_WORKFLOW} {run.workflow}"
        return self._span(run_span_id(run.id), "", name, extent, said | contents, links=links, failure=failure)

    def _attempt(self, record: ExecutionRecord) -> Span | None:
        if record.started_at is None or record.reused_from is not None:
            return None
        start = ns_of(record.started_at)
        extent = _Extent(start, ns_after(start, record.duration_ms))
        said: dict[str, Value] = {
            **self._names(record.task),
            names.SPAN: "attempt",
            names.AGENT: record.agent,
            names.ATTEMPT: record.attempt,
            names.STATUS: record.status.value,
            names.QUEUED_MS: record.queued_ms,
        }
        if record.spend is not None:
            said[names.COST] = record.spend.cost_usd
        if record.retry_in_ms is not None:
            said[names.RETRY_IN_MS] = record.retry_in_ms
        span_id = attempt_span_id(self.run.id, record.task, record.attempt)
        parent_id = task_span_id(self.run.id, record.task)
        events = () if record.error is None else (_exception(record.error, extent.end_ns),)
        name = f"attempt {record.attempt} of {record.task}"
        return self._span(
            span_id, parent_id, name, extent, said | _failed(record), events=events, failure=_failure(record)
        )

    def _task(self, record: ExecutionRecord, contents: dict[str, Value]) -> Span:
        ended = ns_of(record.ended_at)
        extent = self._extents.get(record.task) or _Extent(ended, ended)  # kept: a failed task may be tried again
        said: dict[str, Value] = {
            **self._names(record.task),
            names.SPAN: "task",
            names.AGENT: record.agent,
            names.STATUS: record.status.value,
        }
        if record.attempt:
            said[names.ATTEMPT] = record.attempt
        if record.skip_reason is not None:
            said[names.SKIP_REASON] = record.skip_reason.value
        if record.blocked_by is not None:
            said[names.BLOCKED_BY] = record.blocked_by
        if record.is_edited:
            said[names.IS_EDITED] = True
        links: tuple[SpanLink, ...] = ()
        if record.reused_from is not None:
            said[names.REUSED_FROM] = record.reused_from
            run_id, task = record.executed_as
            links = (SpanLink(trace_id_of(run_id), task_span_id(run_id, task), {names.LINK: "reused"}),)
        if item_of(record.task) is not None:
            self._reach(node_of(record.task), extent.start_ns, extent.end_ns)
        return self._span(
            task_span_id(self.run.id, record.task),
            self._parent_of(record.task),
            f"task {record.task}",
            extent,
            said | _failed(record) | contents,
            links=links,
            failure=_failure(record),
        )

    def _reach(self, task: str, start_ns: int, end_ns: int) -> None:
        known = self._extents.get(task)
        if known is None:
            self._extents[task] = _Extent(start_ns, end_ns)
        else:
            known.reach(start_ns, end_ns)

    def _parent_of(self, task: str) -> str:
        return run_span_id(self.run.id) if item_of(task) is None else task_span_id(self.run.id, node_of(task))

    def _names(self, task: str) -> dict[str, Value]:
        return {names.RUN_ID: self.run.id, names.TASK: task, names.NODE: node_of(task)}

    def _span(  # noqa: PLR0913 - what a span is made of
        self,
        span_id: str,
        parent_id: str,
        name: str,
        extent: _Extent,
        said: dict[str, Value],
        *,
        events: tuple[SpanEvent, ...] = (),
        links: tuple[SpanLink, ...] = (),
        failure: str | None = None,
    ) -> Span:
        return Span(
            trace_id=self._trace_id,
            span_id=span_id,
            parent_id=parent_id,
            name=name,
            start_ns=extent.start_ns,
            end_ns=extent.end_ns,
            attributes=said,
            events=events,
            links=links,
            failure=failure,
        )


def _failure(record: ExecutionRecord) -> str | None:
    if record.status not in _FAILED_TASKS:
        return None
    return record.error.message if record.error is not None else record.status.value


def _failed(record: ExecutionRecord) -> dict[str, Value]:
    """What the attributes say of a failure; never its text, which stands in the event and the status."""
    if record.error is None:
        return {}
    return {names.ERROR_TYPE: record.error.type, names.ERROR_KIND: record.error.kind.value}


def _exception(error: ErrorInfo, at_ns: int) -> SpanEvent:
    said: dict[str, Value] = {names.EXCEPTION_TYPE: error.type, names.EXCEPTION_MESSAGE: error.message}
    if error.traceback is not None:
        said[names.EXCEPTION_STACKTRACE] = error.traceback
    return SpanEvent(names.EXCEPTION, at_ns, said)
