"""The loop: the scheduler decides, the dispatcher does, the journal remembers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from binex.graph.dag import DAG
from binex.graph.scheduler import Scheduler, Work
from binex.graph.scope import RunContext
from binex.models.run import Run, RunStatus, RunSummary
from binex.models.task import Outcome, TaskStatus
from binex.models.workflow import WorkflowSpec
from binex.runtime.course import Course
from binex.runtime.desk import RunDesk
from binex.runtime.dispatcher import Dispatcher, Executions, Surroundings
from binex.runtime.journal import Journal, RunLog, TakenOver
from binex.runtime.keys import Keys
from binex.runtime.recall import Recall
from binex.runtime.stops.holding import Holds, Loop
from binex.stores.execution_store import Lease
from binex.tape.redaction import Redactor


@dataclass(frozen=True, slots=True)
class RunPlan:
    """Everything that a run is made of before it starts."""

    spec: WorkflowSpec
    dag: DAG
    run: Run
    context: RunContext
    redactor: Redactor
    lease: AbstractAsyncContextManager[Lease]
    surround: Callable[[RunLog], Surroundings]
    """Makes what every attempt finds around it, once the run is open."""
    desk: RunDesk
    """Where its tasks ask people."""
    keys: Keys
    """Computes what its tasks are known by."""
    holds: Holds
    """Holds tasks where somebody wants the run to stop."""
    recall: Recall | None = None
    """Knows outcomes of other runs that may stand for its tasks'."""
    course: Course | None = None
    """The order in which outcomes are heard of, where that is prescribed."""
    is_held_up: Callable[[str], bool] = lambda _: False
    """Whether the task at a path waits for what somebody will say to another task."""
    was_refused: Callable[[str], bool] = lambda _: False
    """Whether the task at a path failed only because the run's budget ended; it is not done."""


class Orchestrator:
    """Executes one run."""

    def __init__(self, dispatcher: Dispatcher, journal: Journal) -> None:
        self._dispatcher = dispatcher
        self._journal = journal
        self._inbox = _Inbox()
        self._executions: Executions | None = None
        self._holds: Holds | None = None
        self._stopped_as: RunStatus | None = None
        self._is_winding_down = False

    async def run_workflow(
        self, plan: RunPlan, *, known: Sequence[Outcome] = (), inherited: Sequence[Outcome] = ()
    ) -> RunSummary:
        """Execute *plan* until every node is settled, or until it is stopped.

        A node that fails does not stop the others: only the nodes that need its output are skipped. Replay
        and resume pass *known* outcomes; those nodes do not run again. What a fork has *inherited* from
        another run becomes a part of its own record before anything starts.

        Raises:
            StoreError: something could not be kept; nothing that was reported is lost.
        """
        self._holds = plan.holds
        scheduler = Scheduler(plan.dag, plan.context, known=known, concurrency=plan.spec.concurrency)
        async with (
            self._journal.open_run(plan.run, plan.lease, plan.redactor, TakenOver(known, inherited)) as log,
            plan.desk.open(self._inbox.wake),
            plan.holds.open(Loop(log, partial(self._hear, plan), self._inbox.wake, self._quit)),
            self._dispatcher.open(log, plan.surround(log), plan.holds.take) as self._executions,
            self._cancelled_on_request(log.lease),
        ):
            while not scheduler.is_complete() and not self._is_stopped():
                for fan_out in scheduler.new_fan_outs():
                    log.note_fan_out(fan_out)
                await self._begin_what_is_ready(plan, scheduler)
                await self._leave_if_all_wait(plan)
                self._hear_the_rest(plan)
                # What settled since the last turn shares one commit, and is durable before anyone builds on it.
                for outcome in await log.record([self._final(plan, outcome) for outcome in await self._inbox.take()]):
                    if not outcome.record.is_final:
                        continue
                    if self._stopped_as is None or outcome.status is not TaskStatus.CANCELLED:
                        scheduler.settle(outcome)
                    await plan.desk.withdraw(outcome.path)
                for path in scheduler.to_cancel():
                    if plan.course is None or not plan.course.comes_to_an_end(path):
                        self._executions.stop(path)
                        plan.holds.stop(path)
            if scheduler.is_complete() or self._stopped_as is RunStatus.CANCELLED:
                await plan.desk.withdraw_all()
            if self._stopped_as is not None and not scheduler.is_complete():
                log.end_as(self._stopped_as, questions=plan.desk.open_questions)
        return log.summary()

    def stop(self, status: RunStatus) -> None:
        """End the run as *status*: nothing starts any more, and what runs is told to stop.

        The first word counts, but for that of somebody who cancels: then nothing is to go on later.
        """
        if self._stopped_as is None or self._is_winding_down or status is RunStatus.CANCELLED:
            self._stopped_as, self._is_winding_down = status, False
            if self._executions is not None:
                self._executions.stop_all()
            if self._holds is not None:
                self._holds.leave(for_good=status is RunStatus.CANCELLED)
            self._inbox.wake()

    def _quit(self) -> None:
        self.stop(RunStatus.INTERRUPTED)

    def wind_down(self, status: RunStatus) -> None:
        """End the run as *status*: nothing starts any more, and what runs may finish."""
        if self._stopped_as is None:
            self._stopped_as, self._is_winding_down = status, True
            if self._holds is not None:
                self._holds.leave()
            self._inbox.wake()

    def look(self) -> None:
        """See whether anything goes on: something outside the loop has changed."""
        self._inbox.wake()

    async def _begin_what_is_ready(self, plan: RunPlan, scheduler: Scheduler) -> None:
        for work in scheduler.ready_work() if self._stopped_as is None else ():
            if not plan.holds.hold(work):
                await self._begin(plan, work)
            if self._stopped_as is not None:
                break  # there may be thousands more to look for
        for work in plan.holds.take_released():
            await self._begin(plan, work)

    async def _begin(self, plan: RunPlan, work: Work) -> None:
        """Have *work* done, unless its outcome is known without."""
        assert self._executions is not None
        if work.task is None:
            if work.decided is not None:
                self._hear(plan, work.decided)
            return
        key = plan.keys.of(work.task)
        known = None
        if plan.recall is not None and not plan.holds.is_again(work.path):
            known = await plan.recall.find(work, key)
            if self._stopped_as is not None:
                return  # meanwhile the run was stopped, and nothing starts any more
        if known is None:
            self._executions.start(work, key)
        else:
            self._hear(plan, known)

    def _hear(self, plan: RunPlan, outcome: Outcome) -> None:
        """Take in how a task ended, now or when it is its turn."""
        for heard in (outcome,) if plan.course is None else plan.course.put(outcome):
            self._inbox.put(heard)

    def _hear_the_rest(self, plan: RunPlan) -> None:
        """Where nothing goes on any more, nothing that was held back is waited for."""
        if plan.course is not None and not self._executions and not plan.holds and self._inbox.is_empty:
            for heard in plan.course.release():
                self._inbox.put(heard)

    async def _leave_if_all_wait(self, plan: RunPlan) -> None:
        """Stop where all that runs waits for people, and none of them can be expected to answer meanwhile."""
        if self._all_wait(plan):
            await plan.desk.look()  # somebody may have answered just now
            if self._all_wait(plan):
                self.stop(self._stopped_as or RunStatus.WAITING)

    def _all_wait(self, plan: RunPlan) -> bool:
        if self._stopped_as is not None and not self._is_winding_down:
            return False  # it is being stopped already
        waiting = plan.desk.waiting
        if not waiting or not (self._executions or plan.holds) or not self._inbox.is_empty:
            return False
        # The latest are those that most likely still work.
        if not all(path in waiting or plan.is_held_up(path) for path in reversed(self._executions or ())):
            return False
        if not all(path in waiting for path in plan.holds.asking):
            return False
        return not plan.desk.has_hope

    def _is_stopped(self) -> bool:
        return self._stopped_as is not None and not self._executions and self._inbox.is_empty

    def _final(self, plan: RunPlan, outcome: Outcome) -> Outcome:
        """An attempt that the end of the run ended does not end its task, unless it was cancelled: a resume goes on."""
        update: dict[str, object] = {"is_final": False}
        if outcome.status is TaskStatus.CANCELLED and self._stopped_as not in (None, RunStatus.CANCELLED):
            if plan.desk.is_asking_for(outcome.path):
                update |= {"status": TaskStatus.WAITING_FOR_HUMAN, "error": None}
        elif outcome.status is not TaskStatus.FAILED or not plan.was_refused(outcome.path):
            return outcome
        return outcome.model_copy(update={"record": outcome.record.model_copy(update=update)})

    @asynccontextmanager
    async def _cancelled_on_request(self, lease: Lease) -> AsyncIterator[None]:
        """Listen, while the block lasts, for somebody who wants the run cancelled."""
        listening = asyncio.get_running_loop().create_task(self._listen(lease))  # a TaskGroup would wrap errors
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def _listen(self, lease: Lease) -> None:
        await lease.wait_for_cancel()
        self.stop(RunStatus.CANCELLED)


class _Inbox:
    """Outcomes that the loop has not seen yet."""

    def __init__(self) -> None:
        self._outcomes: list[Outcome] = []
        self._waiting: asyncio.Future[None] | None = None
        self._was_woken = False  # also while the loop was busy

    @property
    def is_empty(self) -> bool:
        return not self._outcomes

    def put(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self.wake()

    def wake(self) -> None:
        self._was_woken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def take(self) -> list[Outcome]:
        """Everything there is; waits only where there is nothing. Empty when somebody woke it."""
        if not self._outcomes and not self._was_woken:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        self._was_woken = False
        taken, self._outcomes = self._outcomes, []
        return taken
