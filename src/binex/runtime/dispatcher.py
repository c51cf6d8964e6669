"""Runs one task: adapter, deadline, retries; an outcome comes back, whatever the agent did."""

import random
import time
from asyncio import CancelledError, Future, Task, TimerHandle, get_running_loop
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from binex.adapters.base import AgentAdapter
from binex.adapters.registry import Registry
from binex.errors import AgentError, BadOutputError
from binex.graph.scheduler import Work
from binex.models.limits import Limits
from binex.models.task import (
    Artifact,
    ErrorInfo,
    ErrorKind,
    ExecutionRecord,
    Lineage,
    Outcome,
    TaskNode,
    TaskStatus,
    now,
)
from binex.models.workflow import Backoff, RetryPolicy
from binex.runtime.failure import describe

GRACE_S = 2.0
"""How long an agent that was told to stop may take before it is left behind."""
_MAX_RETRY_AFTER_MS = 300_000


class AttemptLog(Protocol):
    """Is told about attempts; never waited for."""

    def note_started(self, task: TaskNode, at: datetime) -> None: ...

    def note_retry(self, record: ExecutionRecord) -> None: ...

    def notice(self, message: str) -> None: ...


class Dispatcher:
    """Gives tasks to their agents. *chance* spreads the pauses between attempts: a number from 0 to 1 at each call."""

    def __init__(
        self,
        registry: Registry,
        *,
        limits: Limits,
        grace_s: float = GRACE_S,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._registry = registry
        self._limits = limits
        self._grace_s = grace_s
        self._chance = chance
        self._watches: dict[str, _Watch] = {}
        self._is_stopping = False

    def stop(self, path: str) -> None:
        """End a task at once: its outcome is ``cancelled``."""
        watch = self._watches.get(path)
        if watch is not None:
            watch.stop(TaskStatus.CANCELLED)

    def stop_all(self) -> None:
        """End every task at once, and each one that is still to come."""
        self._is_stopping = True
        for watch in list(self._watches.values()):
            watch.stop(TaskStatus.CANCELLED)

    async def dispatch(self, work: Work, trace_id: str, log: AttemptLog) -> Outcome:
        """Try *work* until an attempt completes or no further one may help."""
        assert work.task is not None
        task, policy = work.task, work.retry_policy
        last = task.attempt + policy.max_retries
        while True:
            spare = task.model_copy(deep=True) if task.attempt < last else None  # an agent may change its inputs
            attempt = _Attempt(task, work, self._limits.output_bytes)
            log.note_started(task, attempt.started_at)
            watch = self._watches[task.path] = _Watch(self._grace_s)
            if self._is_stopping:
                watch.stop(TaskStatus.CANCELLED)
            try:
                await self._execute(attempt, watch, trace_id)
                if watch.was_left_behind:
                    log.notice(f"{task.path} did not stop when told to; it was left behind")
                pause_ms = self._pause_ms(policy, attempt) if spare else None
                if pause_ms is None or spare is None:
                    return attempt.outcome()
                log.note_retry(attempt.record(retry_in_ms=pause_ms))
                if not await watch.sleep(pause_ms / 1000):
                    return attempt.outcome()
            finally:
                del self._watches[task.path]
            task = spare.model_copy(update={"attempt": task.attempt + 1})

    async def _execute(self, attempt: "_Attempt", watch: "_Watch", trace_id: str) -> None:
        task = attempt.task
        adapter = self._registry.adapter_for(task.agent)
        ended_by = await watch.run(adapter, task, attempt.inputs, trace_id)
        if ended_by is TaskStatus.TIMED_OUT:
            attempt.timed_out()
        elif ended_by is TaskStatus.CANCELLED:
            attempt.cancelled()
        else:
            attempt.take(watch.work)

    def _pause_ms(self, policy: RetryPolicy, attempt: "_Attempt") -> int | None:
        """The pause before the next attempt; None where there must not be one."""
        if not attempt.is_retryable:
            return None
        number = attempt.task.attempt - attempt.first_attempt
        factor = 2 ** min(number, 30) if policy.backoff is Backoff.EXPONENTIAL else 1
        pause = min(policy.delay_ms * factor, policy.max_delay_ms) * (1 - self._chance() / 2)
        return round(max(pause, min(attempt.retry_after_ms, _MAX_RETRY_AFTER_MS)))


class _Watch:
    """Waits for an attempt. A deadline or a stop ends the wait even where the agent does not end."""

    def __init__(self, grace_s: float) -> None:
        self._loop = get_running_loop()
        self._grace_s = grace_s
        self._done: Future[None] = self._loop.create_future()
        self._ended_by: TaskStatus | None = None
        self._timers: list[TimerHandle] = []
        self.work: Task[list[Artifact]] | None = None

    @property
    def was_left_behind(self) -> bool:
        return self.work is not None and not self.work.done()

    async def run(
        self, adapter: AgentAdapter, task: TaskNode, inputs: list[Artifact], trace_id: str
    ) -> TaskStatus | None:
        """Let *adapter* work until it is done, its deadline has passed or it is stopped; says which of the latter."""
        if self._ended_by is not None:
            return self._ended_by
        self.work = self._loop.create_task(adapter.execute(task, inputs, trace_id))
        self.work.add_done_callback(self._wake)
        if task.deadline_ms is not None:
            self._timers.append(self._loop.call_later(task.deadline_ms / 1000, self.stop, TaskStatus.TIMED_OUT))
        try:
            await self._done
        except CancelledError:
            self.work.cancel()
            raise
        finally:
            for timer in self._timers:
                timer.cancel()
        return self._ended_by

    def stop(self, why: TaskStatus) -> None:
        """Tell the agent to stop, and wait only a little longer for it."""
        if self._ended_by is not None or self._done.done():
            return
        self._ended_by = why
        if self.work is None:
            self._wake()
        else:
            self.work.cancel()
            self._timers.append(self._loop.call_later(self._grace_s, self._wake))

    async def sleep(self, seconds: float) -> bool:
        """Pause; false where the pause was ended by a stop."""
        self._done, self.work = self._loop.create_future(), None
        timer = self._loop.call_later(seconds, self._wake)
        try:
            await self._done
        finally:
            timer.cancel()
        return self._ended_by is None

    def _wake(self, work: object = None) -> None:
        if work is not None and isinstance(work, Task) and not work.cancelled():
            work.exception()  # looked at here, so that nobody complains about one left behind
        if not self._done.done():
            self._done.set_result(None)


class _Attempt:
    """One attempt while it lasts, and the record of it afterwards."""

    def __init__(self, task: TaskNode, work: Work, output_bytes: int) -> None:
        assert work.task is not None
        self.task = task
        self.inputs = list(work.inputs)
        self.first_attempt = work.task.attempt
        self.started_at = now()
        self.is_retryable = False
        self.retry_after_ms = 0
        self._started = time.monotonic()
        self._queued_ms = (self._started - work.ready_at) * 1000 if task.attempt == self.first_attempt else 0.0
        self._output_bytes = output_bytes
        self._status = TaskStatus.COMPLETED
        self._error: ErrorInfo | None = None
        self._artifacts: tuple[Artifact, ...] = ()
        self._input_ids = tuple(artifact.id for artifact in self.inputs)

    def take(self, work: "Task[list[Artifact]] | None") -> None:
        """Take in what the adapter answered or raised."""
        assert work is not None
        try:
            self._artifacts = self._seal(work.result())
        except CancelledError:
            self._fail(ErrorInfo(kind=ErrorKind.CODE, type="CancelledError", message="the agent cancelled itself"))
        except Exception as error:  # noqa: BLE001 - the one place: an agent's failure is an outcome
            self._fail(describe(error), error)

    def timed_out(self) -> None:
        message = f"no answer in {self.task.deadline_ms:,} ms (deadline_ms)"
        self._fail(
            ErrorInfo(kind=ErrorKind.DEADLINE, type="DeadlineExceeded", message=message), status=TaskStatus.TIMED_OUT
        )

    def cancelled(self) -> None:
        self._fail(
            ErrorInfo(kind=ErrorKind.CANCELLED, type="Cancelled", message="stopped before it was done"),
            status=TaskStatus.CANCELLED,
        )
        self.is_retryable = False

    def _fail(self, info: ErrorInfo, error: Exception | None = None, *, status: TaskStatus = TaskStatus.FAILED) -> None:
        self._status, self._error = status, info
        self.is_retryable = error.is_retryable if isinstance(error, AgentError) else True
        self.retry_after_ms = (error.retry_after_ms or 0) if isinstance(error, AgentError) else 0

    def _seal(self, answer: object) -> tuple[Artifact, ...]:
        """The answer in the order of the declared outputs, in envelopes of the runtime's own.

        Raises:
            BadOutputError: an output is missing, surplus or too large.
        """
        if not isinstance(answer, list) or not all(isinstance(artifact, Artifact) for artifact in answer):
            raise BadOutputError(f"the adapter answered with {type(answer).__name__}, not with a list of artifacts")
        made = {artifact.output: artifact for artifact in answer}
        if len(made) != len(answer) or made.keys() != set(self.task.outputs):
            found, wanted = ", ".join(a.output for a in answer) or "nothing", ", ".join(self.task.outputs)
            raise BadOutputError(f"the agent made {found}; the node declares {wanted}")
        for artifact in answer:
            if artifact.size > self._output_bytes:
                raise BadOutputError(
                    f"output '{artifact.output}' is {artifact.size:,} bytes, limit {self._output_bytes:,} "
                    "(limits.output_bytes)",
                    fix=f"return less, or allow more: --limit output_bytes={artifact.size}",
                )
        lineage = Lineage(
            task=self.task.path, agent=self.task.agent, attempt=self.task.attempt, derived_from=self._input_ids
        )
        return tuple(made[output].model_copy(update={"lineage": lineage}) for output in self.task.outputs)

    def record(self, *, retry_in_ms: int | None = None) -> ExecutionRecord:
        """How the attempt ended; not final where it will be repeated."""
        return ExecutionRecord(
            run_id=self.task.run_id,
            task=self.task.path,
            node_id=self.task.node_id,
            agent=self.task.agent,
            attempt=self.task.attempt,
            status=self._status,
            is_final=retry_in_ms is None,
            started_at=self.started_at,
            ended_at=now(),
            duration_ms=round((time.monotonic() - self._started) * 1000, 3),
            queued_ms=round(self._queued_ms, 3),
            input_artifacts=self._input_ids,
            output_artifacts=tuple(artifact.id for artifact in self._artifacts),
            error=self._error,
            retry_in_ms=retry_in_ms,
            idempotency_key=self.task.idempotency_key,
        )

    def outcome(self) -> Outcome:
        return Outcome(record=self.record(), artifacts=self._artifacts)
