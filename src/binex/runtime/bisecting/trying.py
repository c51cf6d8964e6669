"""Executes mixtures of two runs, as forks, within one budget and until somebody stops it."""

import asyncio
from collections.abc import Callable
from typing import Final

from binex.analysis.bisection.judge import Judge
from binex.analysis.bisection.report import StoppedBy, Trial
from binex.analysis.repetition.wilson import wilson_interval
from binex.errors import InputError
from binex.models.budget import BudgetPolicy
from binex.models.call import Spend
from binex.models.run import Run, RunStatus, RunSummary
from binex.runtime.bisecting.hybrids import Hybrid
from binex.runtime.bisecting.request import PARALLEL
from binex.runtime.session import Session

_LOOK_AGAIN_S: Final = 0.02
_STOPPED: Final = {
    RunStatus.INTERRUPTED: StoppedBy.INTERRUPTED,
    RunStatus.CANCELLED: StoppedBy.INTERRUPTED,
    RunStatus.WAITING: StoppedBy.WAITING,
}


class Stopped(Exception):  # noqa: N818 - it is no error
    """Nothing more is to be executed."""


class Trying:
    """The forks of one bisection.

    With a budget they are executed one after the other, each with all that is left; otherwise several at a time.
    """

    def __init__(self, session: Session, judge: Judge, times: int, max_cost: float | None) -> None:
        self.summaries: list[RunSummary] = []
        """How the forks went, in the order in which they ended."""
        self.stopped_by: StoppedBy | None = None
        self.listener: Callable[[Trial], None] = lambda _: None
        """Is told of each attempt when it has ended."""
        self._session = session
        self._judge = judge
        self._times = times
        self._max_cost = max_cost
        self._spent = 0.0
        self._running: set[asyncio.Task[RunSummary]] = set()
        self._interrupting: asyncio.Task[None] | None = None

    async def attempt(self, hybrid: Hybrid, changes: tuple[str, ...]) -> Trial:
        """Execute a mixture as often as was asked for, and judge each time.

        Raises:
            Stopped: it is not to be executed, or not to its end.
        """
        trial = await self._attempt(hybrid, changes)
        self.listener(trial)
        return trial

    async def _attempt(self, hybrid: Hybrid, changes: tuple[str, ...]) -> Trial:
        trial = Trial(changes=changes, base=hybrid.base.id, why=hybrid.obstacle)
        if hybrid.obstacle:
            return trial
        if hybrid.is_recorded:
            return await self._judged(trial, hybrid, [hybrid.base.side.run])
        try:
            made = await self._execute(hybrid, 1)  # what is wrong with the mixture shows at the first one
        except InputError as error:
            return trial.model_copy(update={"why": error.message})
        made += await self._execute(hybrid, self._times - 1)
        return await self._judged(trial, hybrid, [summary.run for summary in made])

    def interrupt(self) -> None:
        """Begin no more, and end what is being executed as ``interrupted``."""
        self.stopped_by = self.stopped_by or StoppedBy.INTERRUPTED
        if self._interrupting is None:
            self._interrupting = asyncio.get_running_loop().create_task(self._interrupt_all())

    async def leave(self) -> None:
        """End what is still being executed; where nothing went wrong, that is nothing."""
        if self._interrupting is not None:
            self._interrupting.cancel()
        await self._interrupt_all()

    async def _interrupt_all(self) -> None:
        """Also what is only being prepared, as soon as it has become a run."""
        while any(not task.done() for task in self._running):
            self._session.interrupt()
            await asyncio.wait(self._running, timeout=_LOOK_AGAIN_S)

    async def _execute(self, hybrid: Hybrid, times: int) -> list[RunSummary]:
        made: list[RunSummary] = []
        while len(made) < times:
            width = min(times - len(made), PARALLEL if self._max_cost is None else 1)
            made += await self._side_by_side(hybrid, width)
        return made

    async def _side_by_side(self, hybrid: Hybrid, width: int) -> list[RunSummary]:
        if self.stopped_by is not None:
            raise Stopped
        most = self._allowance(hybrid.base.side.run)
        loop = asyncio.get_running_loop()
        forks = [
            loop.create_task(self._session.fork(hybrid.base.id, hybrid.request, max_cost=most)) for _ in range(width)
        ]
        self._running = set(forks)
        await asyncio.wait(forks)
        self._running = set()
        errors = [error for fork in forks if (error := fork.exception()) is not None]
        made = [fork.result() for fork in forks if fork.exception() is None]
        self.summaries += made
        self._spent += sum(summary.run.spend.cost_usd for summary in made)
        if errors:
            raise errors[0]
        for summary in made:
            self._require_end(summary, hybrid.base.side.run)
        return made

    def _allowance(self, base: Run) -> float | None:
        """What one fork may cost: what is left, or what the workflow allows where that is less."""
        if self._max_cost is None:
            return None
        left = max(0.0, self._max_cost - self._spent)
        if self._max_cost and not left:
            self._stop(StoppedBy.BUDGET)
        own = _own_maximum(base)
        return left if own is None else min(left, own)

    def _require_end(self, summary: RunSummary, base: Run) -> None:
        """Raise Stopped where a fork says nothing about the mixture, since it did not come to its end."""
        if summary.status in _STOPPED:
            self._stop(_STOPPED[summary.status])
        if summary.status is RunStatus.OVER_BUDGET and self._max_cost is not None:
            own, left = _own_maximum(base), self._max_cost - self._spent + summary.run.spend.cost_usd
            if own is None or own > left:  # else it is what the workflow allows, and so the outcome of the mixture
                self._stop(StoppedBy.BUDGET)

    def _stop(self, reason: StoppedBy) -> None:
        self.stopped_by = self.stopped_by or reason
        raise Stopped

    async def _judged(self, trial: Trial, hybrid: Hybrid, runs: list[Run]) -> Trial:
        """*trial*, with what was made of it; runs that executed other code than they should count for nothing."""
        passed = total = 0
        why, spend = "", Spend()
        for run in runs:
            if not hybrid.is_recorded:
                spend = spend.plus(run.spend)
                if wrong := hybrid.wrong_code(await self._executed(run)):
                    why = why or wrong
                    continue
            try:
                judged = await self._judge.judge(self._session.store, run)
            except InputError as error:  # a function that cannot judge this
                why = why or error.message
                continue
            total += 1
            passed += judged.is_passed
            why = why or ("" if judged.is_passed else judged.said)
        low, high = wilson_interval(passed, total)
        return trial.model_copy(
            update={
                "runs": tuple(run.id for run in runs),
                "passed": passed,
                "total": total,
                "rate": passed / total if total else 0.0,
                "low": low,
                "high": high,
                "why": why,
                "spend": spend,
            }
        )

    async def _executed(self, run: Run) -> set[str]:
        """The nodes that *run* has executed itself."""
        records = await self._session.store.list_records(run.id)
        return {record.node_id for record in records if record.started_at is not None and record.reused_from is None}


def _own_maximum(base: Run) -> float | None:
    """The most that the workflow itself allows a run to cost."""
    budget = base.budget
    return budget.max_cost if budget is not None and budget.policy is BudgetPolicy.STOP else None
