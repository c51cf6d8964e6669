"""Writes what happened, then tells the listeners. The only place where a run is written."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from binex.errors import BinexError, StoreError
from binex.graph.fan_out import FanOut
from binex.models.call import BodyPart, Call, CallKind
from binex.models.collecting import collecting_later
from binex.models.event import (
    CallRecorded,
    Event,
    FanOutStarted,
    Notice,
    RunEnded,
    RunStarted,
    TaskRetrying,
    TaskSettled,
    TaskStarted,
)
from binex.models.names import item_of
from binex.models.question import Question
from binex.models.run import Run, RunStatus, RunSummary, TaskFailure
from binex.models.task import Artifact, ErrorInfo, ExecutionRecord, Outcome, SkipReason, TaskNode, TaskStatus, now
from binex.runtime.failure import MAX_BODY, MAX_MESSAGE
from binex.stores.execution_store import Lease
from binex.stores.run_store import RunStore
from binex.tape.live import StreamRedactor
from binex.tape.redaction import Redactor

Listener: TypeAlias = Callable[[Event], None]
"""Is told what happened, never asked; one that raises is not told again."""


class TakenOver(NamedTuple):
    """Outcomes that a run has before it begins."""

    known: Sequence[Outcome] = ()
    """What its loop builds on."""
    inherited: Sequence[Outcome] = ()
    """What was executed in another run, and is to be recorded in this one."""
    counted: Sequence[ExecutionRecord] = ()
    """How everything ended that has ended already, items of what is known included."""


NOTE_RUNNING_AFTER_S = 0.25
"""Attempts shorter than this are never written as running: their record comes soon enough."""

_FAILURES = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)


class Journal:
    """Opens runs on one store, for one set of listeners."""

    def __init__(self, store: RunStore, listeners: Sequence[Listener] = ()) -> None:
        self._store = store
        self._listeners = list(listeners)

    @asynccontextmanager
    async def open_run(
        self, run: Run, lease: AbstractAsyncContextManager[Lease], redactor: Redactor, taken: TakenOver
    ) -> AsyncIterator["RunLog"]:
        """Own *run* until the block ends; however it ends, the final status is written.

        Whatever the block raises goes through: the run is then ``interrupted``.
        """
        async with lease as held:
            log = RunLog(run, held, self._store, redactor, self.tell if self._listeners else None)
            await log.take_over(taken)
            self.tell(RunStarted(run=run, node_count=run.node_count, reused=log.reused))
            try:
                yield log
            except BaseException as error:
                log.end_as(RunStatus.INTERRUPTED, _reason(error))
                await _best_effort(log.close())
                if type(error) is StoreError:
                    raise log.going_on_after(error) from error
                raise
            await log.close()
        self.tell(RunEnded(summary=log.summary()))

    def listen(self, listener: Listener) -> None:
        """Tell *listener* everything from the next run on."""
        self._listeners.append(listener)

    def tell(self, event: Event) -> None:
        """Tell every listener; none of them can harm the run."""
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - a listener's failure is not the run's
                self._listeners.remove(listener)
                run_id = event.run_id if isinstance(event, TaskStarted | FanOutStarted | Notice) else ""
                name = getattr(listener, "__qualname__", type(listener).__name__)
                self.tell(
                    Notice(run_id=run_id, message=f"listener {name} failed and is not told any more: {error!r:.200}")
                )


class RunLog:
    """One run while it is executed."""

    def __init__(self, run: Run, lease: Lease, store: RunStore, redactor: Redactor, tell: Listener | None) -> None:
        self.lease = lease
        self.reused = 0
        self._recalled = 0
        self._run = run
        self._store = store
        self._redactor = redactor
        self._tell: Listener = tell or (lambda _: None)
        self.is_heard = tell is not None  # whether there is any listener
        self._started = time.monotonic()
        self._counts: Counter[TaskStatus] = Counter()
        self._settled: set[str] = set()
        self._has_cancelled = False
        self._failures: dict[str, ExecutionRecord] = {}
        self._blocked: dict[str, list[str]] = {}
        self._status: RunStatus | None = None
        self._error: str | None = None
        self._questions: tuple[Question, ...] = ()
        self._starting: dict[str, tuple[TaskNode, datetime]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._spend = run.spend
        self._writing: set[asyncio.Task[None]] = set()

    @property
    def trace_id(self) -> str:
        """What ties all exchanges of the run together in other systems."""
        return self._run.id

    async def take_over(self, taken: TakenOver) -> None:
        """Count outcomes that nobody executes here, and keep those that are another run's."""
        self.reused = len(taken.known)
        if taken.inherited:
            with collecting_later():
                await self._keep(taken.inherited)
        for record in taken.counted or [outcome.record for outcome in taken.inherited or taken.known]:
            self._count(record)

    async def record(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Make outcomes durable in one commit, then tell them.

        Returns what was kept, which is what others may build on.
        """
        outcomes = [self._redacted(outcome) for outcome in outcomes]
        if outcomes:
            await self._keep(outcomes)
        for outcome in outcomes:
            self._starting.pop(outcome.path, None)
            self._count(outcome.record)
            self._recalled += outcome.record.reused_from is not None
            if self.is_heard:
                self._tell(TaskSettled(record=outcome.record))
        return outcomes

    async def _keep(self, outcomes: Sequence[Outcome]) -> None:
        """Keep the records, and the artifacts that are this run's own; those of other runs stay theirs."""
        if any(outcome.record.run_id != self._run.id for outcome in outcomes):
            raise ValueError(f"a record of another run cannot become one of {self._run.id}")
        await self._store.settle(
            [outcome.record for outcome in outcomes],
            [made for outcome in outcomes for made in outcome.artifacts if made.run_id == self._run.id],
        )

    def note_started(self, task: TaskNode, at: datetime) -> None:
        self._starting[task.path] = (task, at)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(NOTE_RUNNING_AFTER_S, self._note_running)
        if self.is_heard:
            self._tell(_started(task, at))

    def note_retry(self, record: ExecutionRecord) -> None:
        record = self._redacted(Outcome(record=record)).record
        self._starting.pop(record.task, None)
        self._write(self._store.record(record))
        self._tell(TaskRetrying(record=record))

    def note_fan_out(self, fan_out: FanOut) -> None:
        self._tell(FanOutStarted(run_id=self._run.id, task=fan_out.path, item_count=len(fan_out)))

    def take_call(self, call: Call, parts: Sequence[BodyPart]) -> None:
        """Keep a call; may be called in any thread. A task's record comes after the calls of its attempts."""
        if threading.get_ident() == self._thread:
            self._take_call(call, parts)
        else:
            self._loop.call_soon_threadsafe(self._take_call, call, parts)

    def _take_call(self, call: Call, parts: Sequence[BodyPart]) -> None:
        if call.kind is CallKind.MODEL:
            self._spend = self._spend.plus(call.spend)
        with suppress(StoreError):  # the store refuses the next record as well, which ends the run
            self._store.keep_call(call, parts)
        if self.is_heard:
            self._tell(CallRecorded(call=call))

    def tell(self, event: Event) -> None:
        """Pass on what somebody else has to tell about the run."""
        self._tell(event)

    def notice(self, message: str) -> None:
        self._tell(Notice(run_id=self._run.id, message=message))

    def end_as(self, status: RunStatus, error: str | None = None, *, questions: Sequence[Question] = ()) -> None:
        """Decide how the run will have ended; without this its tasks decide. *questions* are those left open."""
        self._status, self._error, self._questions = status, error, tuple(questions)

    def going_on_after(self, error: StoreError) -> StoreError:
        """*error*, with what is safe and how to go on."""
        saved = sum(item_of(path) is None for path in self._settled)
        return StoreError(
            f"{error.message}; {saved} of {self._run.node_count} nodes are saved",
            fix=f"{error.fix or 'set that right'}, then: binex resume {self._run.id}",
        )

    async def close(self) -> None:
        """Make everything durable, the final status last."""
        if self._timer is not None:
            self._timer.cancel()
        if self._writing:
            await asyncio.gather(*self._writing)
        await self._store.flush()
        self._run = self._run.model_copy(
            update={
                "status": self._status or self._status_of_tasks(),
                "ended_at": now(),
                "duration_ms": round(self._run.duration_ms + (time.monotonic() - self._started) * 1000, 3),
                "counts": dict(self._counts),
                "spend": self._spend,
                "error": self._error and self._redactor.redact_text(self._error, shapes=True),
            }
        )
        await self._store.save_run(self._run)

    def summary(self) -> RunSummary:
        """How the run went; its outputs are left to whoever can read them."""
        failures = tuple(
            TaskFailure(
                task=record.task,
                status=record.status,
                error=record.error,
                attempts=record.attempt,
                blocked=tuple(self._blocked.get(record.task, ())),
            )
            for record in self._failures.values()
            if record.error is not None
        )
        return RunSummary(
            run=self._run,
            reused=self.reused,
            recalled=self._recalled,
            failures=failures,
            questions=self._questions,
        )

    def _status_of_tasks(self) -> RunStatus:
        """How a run ends whose tasks decide: no run is completed of which something was stopped."""
        if any(item_of(path) is None for path in self._failures):
            return RunStatus.FAILED
        return RunStatus.CANCELLED if self._has_cancelled else RunStatus.COMPLETED

    def _count(self, record: ExecutionRecord) -> None:
        self._counts[record.status] += 1
        self._has_cancelled |= record.status is TaskStatus.CANCELLED and item_of(record.task) is None
        if record.is_final:
            self._settled.add(record.task)
        if record.status in _FAILURES:
            self._failures[record.task] = record
        elif record.skip_reason is SkipReason.BLOCKED and record.blocked_by:
            self._blocked.setdefault(record.blocked_by, []).append(record.task)

    def _note_running(self) -> None:
        self._timer = None
        if self._starting:
            self._write(self._store.note_running([_started(task, at) for task, at in self._starting.values()]))
            self._starting.clear()

    def _write(self, writing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(writing)
        self._writing.add(task)
        task.add_done_callback(self._written)

    def _written(self, task: "asyncio.Task[None]") -> None:
        # One that failed stays, and is raised by close(); the store refuses everything else from then on.
        if task.cancelled() or task.exception() is None:
            self._writing.discard(task)

    def _redacted(self, outcome: Outcome) -> Outcome:
        """The outcome without secrets: what is kept is what is passed on."""
        record, artifacts = outcome.record, outcome.artifacts
        if record.error is None and not self._redactor.has_values:
            return outcome
        if record.error is not None:
            record = record.model_copy(update={"error": self._redacted_error(record.error)})
        if self._redactor.has_values:
            artifacts = tuple(self._redacted_artifact(artifact) for artifact in artifacts)
        return Outcome(record=record, artifacts=artifacts)

    def _redacted_artifact(self, artifact: Artifact) -> Artifact:
        data = self._redactor.redact_bytes(artifact.data)
        return artifact if data == artifact.data else artifact.with_data(data)

    def _redacted_error(self, error: ErrorInfo) -> ErrorInfo:
        texts = {name: value for name, value in error if isinstance(value, str) and name != "kind"}
        cut = {name: self._redactor.redact_text(text, shapes=True) for name, text in texts.items()}
        for name, limit in (("message", MAX_MESSAGE), ("body", MAX_BODY)):
            if len(texts.get(name, "")) >= limit:  # it may end in the middle of a secret
                cut[name] = StreamRedactor(self._redactor).feed(texts[name]) or cut[name]
        return error.model_copy(update=cut)


def _started(task: TaskNode, at: datetime) -> TaskStarted:
    return TaskStarted(run_id=task.run_id, task=task.path, agent=task.agent, attempt=task.attempt, at=at)


def _reason(error: BaseException) -> str:
    if isinstance(error, BinexError):
        return error.message
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def _best_effort(closing: Coroutine[Any, Any, None]) -> None:
    """Write the end of a run that is failing anyway: the first error is the one that matters."""
    with suppress(BinexError):
        await closing
