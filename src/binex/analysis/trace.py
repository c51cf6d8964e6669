"""When everything in a run happened."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from pydantic import Field

from binex.analysis.state import as_seen
from binex.analysis.timing.waits import Waits
from binex.models.base import UNNOTED, Model
from binex.models.event import TaskStarted
from binex.models.names import item_of, node_of
from binex.models.question import Question
from binex.models.run import Run, RunStatus
from binex.models.task import ErrorInfo, ExecutionRecord, SkipReason, TaskStatus, now
from binex.stores.run_store import RunStore


class AttemptTrace(Model):
    """One try at a task. Times are in milliseconds; starts count from the start of the run."""

    attempt: int
    """Which try it was, from 1."""
    status: TaskStatus
    """How it ended, or `running`."""
    start_ms: float
    """When it began."""
    duration_ms: float
    """How long it took; so far, where it still runs or was cut off."""
    queued_ms: float = 0.0
    """How long the task had waited before, though it could have run."""
    error: ErrorInfo | None = None
    """Why it failed."""
    retry_in_ms: int | None = None
    """The pause before the next try, where there is one."""

    @property
    def end_ms(self) -> float:
        return self.start_ms + self.duration_ms


class Pause(Model):
    """A stretch of time."""

    start_ms: float
    duration_ms: float


class TaskTrace(Model):
    """One task of a run, with all its attempts; a foreach node has its items under it."""

    task: str
    """The path of the task."""
    node_id: str
    """The node in the workflow."""
    agent: str
    """The agent's URI."""
    status: TaskStatus
    """Where it stands."""
    start_ms: float | None = None
    """When its first attempt began, from the start of the run; None where it never started."""
    duration_ms: float = 0.0
    """From the start of its first attempt to the end of its last one, pauses included."""
    queued_ms: float = 0.0
    """How long it had waited before its first attempt, though it could have run."""
    attempts: tuple[AttemptTrace, ...] = ()
    """Its attempts, in order; none for a skipped task and for a foreach node, whose work its items do."""
    items: tuple["TaskTrace", ...] = ()
    """The items of a foreach node, in their order."""
    error: ErrorInfo | None = None
    """Why it failed."""
    skip_reason: SkipReason | None = None
    """Why it was skipped."""
    blocked_by: str | None = None
    """The task whose failure kept it from running."""
    asked: tuple[Pause, ...] = ()
    """When a person was being asked something for it."""
    reused_from: str | None = None
    """The run that its outcome was taken from; it was not executed here, so it has no start and took no time."""
    is_edited: bool = False
    """Whether a person changed what it was given or what it made."""
    was_cut_off: bool = False
    """Whether it was being executed when the run stopped; a resume runs it again."""
    settled_ms: float | None = None
    """When it settled, from the start of the run."""

    @property
    def end_ms(self) -> float | None:
        return None if self.start_ms is None else self.start_ms + self.duration_ms


class Trace(Model):
    """The timeline of a run."""

    run: Run
    """The run as it is now."""
    span_ms: float
    """From its start to its end, or to now, by the clock on the wall."""
    tasks: tuple[TaskTrace, ...]
    """What started or settled, by the time at which it did; the items of a foreach under their node."""
    taken_over: int = 0
    """How many tasks have outcomes of other runs and were not executed here; items count each."""
    unsettled: int = 0
    """How many nodes have not settled."""
    pauses: tuple[Pause, ...] = ()
    """Where nothing of the run was executed for long, such as the night before it was resumed."""
    slowest: tuple[str, ...] = Field(default=())
    """The tasks that took longest, the longest first; at most five, foreach nodes not counted."""


async def trace(store: RunStore, run: Run) -> Trace:
    """The timeline of *run*: every attempt, also of what runs now.

    Raises:
        DamagedDataError: its records cannot be read.
    """
    run = await as_seen(store, run)
    records = await store.list_records(run.id)
    running = [] if run.status.has_come_to_all else await store.list_running(run.id)
    return trace_of(run, records, running, await store.list_questions(run.id))


def trace_of(
    run: Run,
    records: Sequence[ExecutionRecord],
    running: Sequence[TaskStarted] = (),
    questions: Sequence[Question] = (),
) -> Trace:
    """The same from what was read already."""
    clock = _Clock(run)
    is_live = run.status is RunStatus.RUNNING
    by_task: dict[str, list[ExecutionRecord]] = {}
    for record in records:
        by_task.setdefault(record.task, []).append(record)
    recorded = {(record.task, record.attempt) for record in records}
    started = {event.task: event for event in running if (event.task, event.attempt) not in recorded}

    found = {path: _task(clock, path, kept, started.get(path), is_live) for path, kept in by_task.items()}
    found |= {path: _task(clock, path, [], event, is_live) for path, event in started.items() if path not in found}
    span_ms = clock.span_ms(found.values())
    for path, asked in _asked(Waits(run, questions, span_ms), questions, span_ms).items():
        if path in found:
            found[path] = found[path].model_copy(update={"asked": asked})
    tasks = _grouped(found)
    settled = sum(1 for task in tasks if task.settled_ms is not None)
    return Trace(
        run=run,
        span_ms=span_ms,
        tasks=tuple(tasks),
        taken_over=sum(1 for task in found.values() if task.reused_from is not None),
        unsettled=max(0, run.node_count - settled),
        pauses=tuple(_pauses(found.values())),
        slowest=_slowest(found.values()),
    )


class _Clock:
    """Turns times on the wall into milliseconds since the start of the run; never negative."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._now = now()

    def since_start(self, at: datetime) -> float:
        return max(0.0, (at - self._run.started_at) / timedelta(milliseconds=1))

    def running_for(self, started: datetime) -> float:
        return max(0.0, (self._now - started) / timedelta(milliseconds=1))

    def span_ms(self, tasks: Iterable[TaskTrace]) -> float:
        last = max((task.end_ms or task.settled_ms or 0.0 for task in tasks), default=0.0)
        if self._run.status is RunStatus.RUNNING:
            return max(last, self.running_for(self._run.started_at))
        if self._run.ended_at is not None:
            return max(last, self.since_start(self._run.ended_at) if self._run.resumed else self._run.duration_ms)
        return last


def _task(
    clock: _Clock, path: str, records: Sequence[ExecutionRecord], running: TaskStarted | None, is_live: bool
) -> TaskTrace:
    attempts = [_attempt(clock, record) for record in records if record.started_at is not None]
    if running is not None:
        attempts.append(
            AttemptTrace(
                attempt=running.attempt,
                status=TaskStatus.RUNNING,
                start_ms=clock.since_start(running.at),
                duration_ms=clock.running_for(running.at) if is_live else 0.0,
            )
        )
    last = records[-1] if records else None
    start = attempts[0].start_ms if attempts else None
    is_settled = last is not None and last.is_final and running is None
    return TaskTrace.model_construct(
        UNNOTED,
        task=path,
        node_id=last.node_id if last else node_of(path),
        agent=last.agent if last else running.agent if running else "",
        status=_status(last, running, is_live),
        start_ms=start,
        duration_ms=max((attempt.end_ms for attempt in attempts), default=0.0) - (start or 0.0),
        queued_ms=attempts[0].queued_ms if attempts else 0.0,
        attempts=tuple(attempts),
        error=last.error if last and is_settled else None,
        skip_reason=last.skip_reason if last else None,
        blocked_by=last.blocked_by if last else None,
        reused_from=last.reused_from if last else None,
        is_edited=last is not None and last.is_edited,
        was_cut_off=not is_live and not is_settled and (running is not None or _was_stopped(last)),
        settled_ms=clock.since_start(last.ended_at) if last and is_settled else None,
    )


def _status(last: ExecutionRecord | None, running: TaskStarted | None, is_live: bool) -> TaskStatus:
    if running is not None:
        return TaskStatus.RUNNING if is_live else TaskStatus.WAITING
    if last is None or not (last.is_final or last.status is TaskStatus.WAITING_FOR_HUMAN):
        return TaskStatus.READY if is_live else TaskStatus.WAITING
    return last.status


def _was_stopped(last: ExecutionRecord | None) -> bool:
    return last is not None and not last.is_final and last.status is TaskStatus.CANCELLED


def _attempt(clock: _Clock, record: ExecutionRecord) -> AttemptTrace:
    assert record.started_at is not None
    return AttemptTrace.model_construct(
        UNNOTED,
        attempt=record.attempt,
        status=record.status,
        start_ms=clock.since_start(record.started_at),
        duration_ms=max(0.0, record.duration_ms),
        queued_ms=record.queued_ms,
        error=record.error,
        retry_in_ms=record.retry_in_ms,
    )


def _asked(waits: Waits, questions: Iterable[Question], span_ms: float) -> dict[str, tuple[Pause, ...]]:
    return {
        task: tuple(Pause(start_ms=start, duration_ms=end - start) for start, end in waits.of(task, 0.0, span_ms))
        for task in {question.task for question in questions}
    }


def _grouped(found: dict[str, TaskTrace]) -> list[TaskTrace]:
    """Nodes by the time at which they began, items under their node in their own order."""
    items: dict[str, list[TaskTrace]] = {}
    nodes: list[TaskTrace] = []
    for path, task in found.items():
        if item_of(path) is None:
            nodes.append(task)
        else:
            items.setdefault(node_of(path), []).append(task)
    nodes = [_with_items(task, items.pop(task.task, [])) for task in nodes]
    nodes += [_unjoined(path, of_node) for path, of_node in items.items()]
    nodes.sort(key=lambda task: (_begin_of(task), task.settled_ms or 0.0))
    return nodes


def _begin_of(task: TaskTrace) -> float:
    if task.start_ms is not None:
        return task.start_ms
    return task.settled_ms if task.settled_ms is not None else float("inf")


def _with_items(node: TaskTrace, items: list[TaskTrace]) -> TaskTrace:
    if not items:
        return node
    begun = [item for item in items if item.start_ms is not None]
    start = min((item.start_ms for item in begun if item.start_ms is not None), default=None)
    end = max((item.end_ms for item in begun if item.end_ms is not None), default=None)
    return node.model_copy(
        update={
            "items": tuple(sorted(items, key=lambda item: item_of(item.task) or 0)),
            "start_ms": start,
            "duration_ms": 0.0 if start is None or end is None else end - start,
            "queued_ms": min((item.queued_ms for item in begun), default=0.0),
        }
    )


def _unjoined(path: str, items: list[TaskTrace]) -> TaskTrace:
    """A foreach node whose items have not all settled, so that nothing is recorded of itself."""
    is_running = any(item.status is TaskStatus.RUNNING for item in items)
    node = TaskTrace(
        task=path,
        node_id=path,
        agent=items[0].agent,
        status=TaskStatus.RUNNING if is_running else TaskStatus.WAITING,
        was_cut_off=any(item.was_cut_off for item in items),
    )
    return _with_items(node, items)


def _pauses(tasks: Iterable[TaskTrace]) -> list[Pause]:
    """Gaps that are long beside the work: at least a second, and a tenth of all that was worked."""
    busy = sorted((attempt.start_ms, attempt.end_ms) for task in tasks for attempt in task.attempts)
    merged: list[tuple[float, float]] = []
    for start, end in busy:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    least = max(1000.0, sum(end - start for start, end in merged) / 10)
    return [
        Pause(start_ms=end, duration_ms=start - end)
        for (_, end), (start, _) in pairwise(merged)
        if start - end >= least
    ]


def _slowest(tasks: Iterable[TaskTrace]) -> tuple[str, ...]:
    executed = sorted((task for task in tasks if task.attempts), key=lambda task: -task.duration_ms)
    return tuple(task.task for task in executed[:5])
