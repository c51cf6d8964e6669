"""The loop: the scheduler decides, the dispatcher does, the journal remembers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from binex.graph.dag import DAG
from binex.graph.scheduler import Scheduler, Work
from binex.graph.scope import RunContext
from binex.models.run import Run, RunStatus, RunSummary
from binex.models.task import Outcome, TaskStatus
from binex.models.workflow import WorkflowSpec
from binex.runtime.dispatcher import Dispatcher
from binex.runtime.journal import Journal, RunLog
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


class Orchestrator:
    """Executes one run."""

    def __init__(self, dispatcher: Dispatcher, journal: Journal) -> None:
        self._dispatcher = dispatcher
        self._journal = journal
        self._outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self._stopped_as: RunStatus | None = None
        self._executing = 0

    def stop(self, status: RunStatus) -> None:
        """End the run as *status*: nothing starts any more, and what runs is stopped."""
        if self._stopped_as is None:
            self._stopped_as = status
            self._dispatcher.stop_all()
            self._outcomes.put_nowait(None)  # wakes the loop where nothing runs

    async def run_workflow(self, plan: RunPlan, *, known: Sequence[Outcome] = ()) -> RunSummary:
        """Execute *plan* until every node is settled, or until it is stopped.

        A node that fails does not stop the others: only the nodes that need its output are skipped. Replay
        and resume pass *known* outcomes; those nodes do not run again.

        Raises:
            StoreError: something could not be kept; nothing that was reported is lost.
        """
        scheduler = Scheduler(plan.dag, plan.context, known=known, concurrency=plan.spec.concurrency)
        async with self._journal.open_run(plan.run, plan.lease, plan.redactor, known) as log, _task_group() as group:
            cancel = group.create_task(self._wait_for_cancel(log.lease))
            while not scheduler.is_complete():
                if self._stopped_as is None:
                    for work in scheduler.ready_work():
                        self._executing += 1
                        group.create_task(self._execute(work, log))
                    for fan_out in scheduler.new_fan_outs():
                        log.note_fan_out(fan_out)
                elif not self._executing:
                    log.end_as(self._stopped_as)
                    break
                await self._settle(scheduler)
            cancel.cancel()
        return log.summary()

    async def _execute(self, work: Work, log: RunLog) -> None:
        outcome = work.decided or await self._dispatcher.dispatch(work, log.trace_id, log)
        if self._stopped_as is RunStatus.INTERRUPTED and outcome.status is TaskStatus.CANCELLED:
            # The attempt ended, not the task: a resume runs it again.
            outcome = outcome.model_copy(update={"record": outcome.record.model_copy(update={"is_final": False})})
        outcome = await log.record(outcome)  # durable before anyone may build on it
        self._outcomes.put_nowait(outcome)

    async def _settle(self, scheduler: Scheduler) -> None:
        """Take in the next outcome, and all others that are there by now: they share a commit from here on."""
        outcome = await self._outcomes.get()
        while True:
            if outcome is not None:
                self._executing -= 1
                if self._stopped_as is None or outcome.status is not TaskStatus.CANCELLED:
                    scheduler.settle(outcome)
            if self._outcomes.empty():
                break
            outcome = self._outcomes.get_nowait()
        for path in scheduler.to_cancel():
            self._dispatcher.stop(path)

    async def _wait_for_cancel(self, lease: Lease) -> None:
        await lease.wait_for_cancel()
        self.stop(RunStatus.CANCELLED)


@asynccontextmanager
async def _task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup that raises a lone error as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        if len(errors.exceptions) == 1:
            raise errors.exceptions[0] from None
        first = next((error for error in errors.exceptions if not isinstance(error, asyncio.CancelledError)), errors)
        raise first from None
