"""Gives tasks to their agents: adapter, deadline, retries. An outcome comes back, whatever the agent does."""

import asyncio
import random
import threading
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias

from binex.adapters.attempt import AttemptContext, attempting
from binex.adapters.base import AgentAdapter, KeepsDeadlines, LeavesWorkBehind
from binex.adapters.registry import Registry
from binex.errors import AgentError, ReplayError
from binex.graph.scheduler import Work
from binex.models.call import Spend
from binex.models.limits import Limits
from binex.models.task import Artifact, ExecutionRecord, Outcome, TaskNode, TaskStatus
from binex.models.workflow import Backoff
from binex.runtime.attempt import Attempt
from binex.runtime.keys import TaskKey

GRACE_S = 2.0
"""How long an agent that was told to stop may take before it is left behind."""
_MAX_RETRY_AFTER_MS = 300_000


class Ended(NamedTuple):
    """What was found out about an attempt besides its answer."""

    spend: Spend | None = None
    progress: str = ""
    """How far the call came that was going on at the end, in words."""
    refused: str = ""
    """What was refused because only a tape may answer, where the agent went on all the same."""


EndAs: TypeAlias = Callable[[TaskStatus], None]
"""Ends an attempt with a status, as its deadline does."""


class AttemptLog(Protocol):
    """Is told about attempts; never waited for."""

    @property
    def trace_id(self) -> str: ...

    def note_started(self, task: TaskNode, at: datetime) -> None: ...

    def note_retry(self, record: ExecutionRecord) -> None: ...

    def notice(self, message: str) -> None: ...


class Surroundings(Protocol):
    """Makes what an attempt finds around it: its recorder, people, money."""

    def enter(self, task: TaskNode, end_as: EndAs) -> AttemptContext:
        """An attempt at *task* begins; *end_as* ends it from outside, and may be called in any thread."""
        ...

    def leave(self, context: AttemptContext) -> Ended:
        """It has ended; nothing of it is recorded from now on."""
        ...


class Dispatcher:
    """Executes tasks side by side.

    *chance* spreads the pauses between attempts: from 0 to 1 at each call; with *is_pausing* false there are none.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        limits: Limits,
        grace_s: float = GRACE_S,
        chance: Callable[[], float] = random.random,
        is_pausing: bool = True,
    ) -> None:
        self.registry = registry
        self.limits = limits
        self.grace_s = grace_s
        self.chance = chance
        self.is_pausing = is_pausing

    @asynccontextmanager
    async def open(
        self, log: AttemptLog, surroundings: Surroundings, settled: Callable[[Outcome], None]
    ) -> AsyncIterator["Executions"]:
        """Execute tasks until the block ends; what is then still running is stopped.

        *settled* is called once for every task that was started, in the loop's own thread.
        """
        executions = Executions(self, log, surroundings, settled)
        try:
            yield executions
        finally:
            await executions.close()


class Executions:
    """The tasks of one run that are being executed."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        log: AttemptLog,
        surroundings: Surroundings,
        settled: Callable[[Outcome], None],
    ) -> None:
        self.dispatcher = dispatcher
        self.log = log
        self.surroundings = surroundings
        self.loop: AbstractEventLoop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.agents: set[asyncio.Task[None]] = set()
        self._settled = settled
        self._by_path: dict[str, _Execution] = {}

    def __len__(self) -> int:
        return len(self._by_path)

    def __reversed__(self) -> Iterator[str]:
        """The paths of the tasks, the latest first."""
        return reversed(self._by_path)

    def start(self, work: Work, key: TaskKey) -> None:
        """Begin to execute *work*, whose record gets *key*."""
        assert work.task is not None
        adapter = self.dispatcher.registry.adapter_for(work.task.agent)
        execution = self._by_path[work.path] = _Execution(self, adapter, work, key)
        execution.begin(work.task)

    def stop(self, path: str) -> None:
        """End a task at once: its outcome will be ``cancelled``."""
        if path in self._by_path:
            self._by_path[path].stop()

    def stop_all(self) -> None:
        """End every task at once."""
        for execution in list(self._by_path.values()):
            execution.stop()

    def settle(self, outcome: Outcome) -> None:
        """Hand over how a task ended."""
        del self._by_path[outcome.path]
        self._settled(outcome)

    async def close(self) -> None:
        """Stop the agents that still work, and wait for them for as long as the grace allows."""
        self._settled = lambda _: None
        self.stop_all()
        if self.agents:
            await asyncio.wait(self.agents, timeout=self.dispatcher.grace_s)


class _Execution:
    """One task, over all its attempts. An attempt ends with an answer, at its deadline, or when it is stopped."""

    def __init__(self, executions: Executions, adapter: AgentAdapter, work: Work, key: TaskKey) -> None:
        assert work.task is not None
        self._key = key
        self._executions = executions
        self._adapter = adapter
        self._work = work
        self._first_attempt = work.task.attempt
        self._last_attempt = self._first_attempt + work.retry_policy.max_retries
        self._spare: TaskNode | None = None
        self._began = 0.0
        self._attempt: Attempt | None = None
        self._context: AttemptContext | None = None
        self._agent: asyncio.Task[None] | None = None
        self._timer: TimerHandle | None = None
        self._told_to_stop: TaskStatus | None = None
        self._abandoned_before = 0

    def begin(self, task: TaskNode) -> None:
        """Start the next attempt."""
        # An agent may change what it is given, so the next attempt gets a copy that was made before.
        self._spare = task.model_copy(deep=True) if task.attempt < self._last_attempt else None
        self._told_to_stop = None
        executions, loop = self._executions, self._executions.loop
        attempt = self._attempt = Attempt(task, self._work, self._key, executions.dispatcher.limits.output_bytes)
        self._began = self._began or loop.time()
        executions.log.note_started(task, attempt.started_at)
        context = self._context = executions.surroundings.enter(task, partial(self._end_as, attempt))
        self._agent = loop.create_task(self._execute(attempt, context))
        executions.agents.add(self._agent)
        self._agent.add_done_callback(partial(self._note_end, attempt))
        if task.deadline_ms is not None and not isinstance(self._adapter, KeepsDeadlines):
            self._timer = loop.call_later(task.deadline_ms / 1000, self._tell_to_stop, TaskStatus.TIMED_OUT)

    def _end_as(self, attempt: Attempt, status: TaskStatus) -> None:
        """End *attempt* from outside; in the loop's thread at once."""
        if threading.get_ident() != self._executions.thread:
            self._executions.loop.call_soon_threadsafe(self._end_as, attempt, status)
        elif attempt is self._attempt:
            self._tell_to_stop(status)

    def stop(self) -> None:
        """End the task; a pause before the next attempt ends at once."""
        if self._attempt is not None:
            self._tell_to_stop(TaskStatus.CANCELLED)
        elif self._spare is not None:
            self._cancel_timer()
            attempt = Attempt(self._spare, self._work, self._key, 0)
            attempt.end_as(TaskStatus.CANCELLED)
            self._executions.settle(attempt.outcome())

    async def _execute(self, attempt: Attempt, context: AttemptContext) -> None:
        answer: list[Artifact] | BaseException
        try:
            with attempting(context):
                answer = await self._adapter.execute(attempt.task, attempt.inputs, self._executions.log.trace_id)
        except asyncio.CancelledError as error:
            answer = error  # raised by us or by the agent itself: _end() knows
        except Exception as error:  # noqa: BLE001 - the one place: an agent's failure is an outcome
            answer = error
        self._end(attempt, answer)

    def _note_end(self, attempt: Attempt, agent: asyncio.Task[None]) -> None:
        self._executions.agents.discard(agent)
        if agent.cancelled():  # before its first step: what had begun would have ended the attempt itself
            self._end(attempt, asyncio.CancelledError())
            return
        error = agent.exception()
        if error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):  # those two end the loop
            self._end(attempt, AgentError(f"the agent raised {type(error).__name__}"))

    def _tell_to_stop(self, why: TaskStatus) -> None:
        attempt, agent = self._attempt, self._agent
        if self._told_to_stop is None and attempt is not None and agent is not None:
            self._told_to_stop = why
            self._abandoned_before = _abandoned(self._adapter)
            agent.cancel()
            self._cancel_timer()
            grace_s = self._executions.dispatcher.grace_s
            self._timer = self._executions.loop.call_later(grace_s, self._leave_behind, attempt)

    def _leave_behind(self, attempt: Attempt) -> None:
        self._executions.log.notice(f"{self._work.path} did not stop when told to; it was left behind")
        if self._agent is not None:
            self._executions.agents.discard(self._agent)
        self._end(attempt, None)

    def _end(self, attempt: Attempt, answer: list[Artifact] | BaseException | None) -> None:
        if attempt is not self._attempt:
            return  # it was left behind, and what it says now comes too late
        assert self._context is not None
        ended = self._executions.surroundings.leave(self._context)
        attempt.spend = ended.spend
        self._attempt, self._agent, self._context = None, None, None
        self._cancel_timer()
        if self._told_to_stop is not None:
            attempt.end_as(self._told_to_stop, ended.progress)
            if _abandoned(self._adapter) > self._abandoned_before:
                self._executions.log.notice(
                    f"{self._work.path} goes on in its thread, which nobody can stop; 'isolation: process' can be"
                )
        elif ended.refused and not isinstance(answer, BaseException):
            attempt.take(ReplayError(f"the network is refused: {ended.refused}; the agent went on without it"))
        else:
            attempt.take(answer)
        pause_ms = self._pause_ms(attempt) if self._spare is not None else None
        if pause_ms is None or self._spare is None:
            tries = attempt.task.attempt - self._first_attempt + 1
            if tries > 1:
                attempt.note_tries(tries, self._executions.loop.time() - self._began)
            self._executions.settle(attempt.outcome())
            return
        self._executions.log.note_retry(attempt.record(retry_in_ms=pause_ms))
        self._spare = self._spare.model_copy(update={"attempt": attempt.task.attempt + 1})
        self._timer = self._executions.loop.call_later(pause_ms / 1000, self.begin, self._spare)

    def _pause_ms(self, attempt: Attempt) -> int | None:
        """The pause before the next attempt; None where there must not be one."""
        if not attempt.is_retryable:
            return None
        if not self._executions.dispatcher.is_pausing:
            return 0
        policy = self._work.retry_policy
        number = attempt.task.attempt - self._first_attempt
        factor = 2 ** min(number, 30) if policy.backoff is Backoff.EXPONENTIAL else 1
        pause = min(policy.delay_ms * factor, policy.max_delay_ms) * (1 - self._executions.dispatcher.chance() / 2)
        return round(max(pause, min(attempt.retry_after_ms, _MAX_RETRY_AFTER_MS)))

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _abandoned(adapter: AgentAdapter) -> int:
    return adapter.abandoned if isinstance(adapter, LeavesWorkBehind) else 0
