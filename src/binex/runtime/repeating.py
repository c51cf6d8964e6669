"""Executes one task of a run many times, each time in a fork of its own: the same inputs, and answers that are live."""

import asyncio
from dataclasses import dataclass
from typing import Final

from binex.analysis.find import find_run
from binex.analysis.repetition.expectation import Expectation
from binex.analysis.repetition.report import RepeatReport, Repetition, StopReason, compare_repetitions
from binex.errors import InputError
from binex.models.fork import ForkPlan
from binex.models.names import item_of, node_of
from binex.models.run import RunStatus, RunSummary
from binex.runtime.account import with_maximum
from binex.runtime.forks.request import ForkRequest
from binex.runtime.session import Session

PARALLEL: Final = 8
"""How many repetitions are executed at a time where nothing is said."""
_ASKS_PEOPLE: Final = "human://"
_LOOK_AGAIN_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class RepeatRequest:
    """What is to be executed, and how often."""

    fork: ForkRequest
    """With ``only``, and whatever that task is to have otherwise."""
    times: int
    parallel: int = PARALLEL
    """How many at a time; tasks that ask people are executed one after the other."""
    max_cost: float | None = None
    """What all of them may cost together, in US dollars."""
    expect: str | None = None
    """What their outputs should be like, in the grammar of ``when``; see :class:`Expectation`."""


@dataclass(frozen=True, slots=True)
class _Allowance:
    """What one repetition may cost."""

    amount: float
    is_whole: bool
    """Whether it is all that is left, with nothing else being executed."""


class Repeater:
    """The repetitions of one task.

    Each run has a ledger of its own, so each gets a part of what is left of the budget, such that all that are being
    executed can never spend more together; no more are executed at a time than it probably suffices for. Where a
    part turns out to be too small for a call, the next repetitions are executed one after the other, each with all
    that is left; what that does not allow ends them. The runs whose part was too small are on record, as over their
    budget, and made again.
    """

    def __init__(
        self, session: Session, plan: ForkPlan, task: str, request: RepeatRequest, expectation: Expectation | None
    ) -> None:
        self.parent = plan.parent
        self.task = task
        self.probable_cost_usd = _probable_cost(plan, task)
        """What one repetition will probably cost, going by what the task has cost; None where that is unknown."""
        self.summaries: list[RunSummary] = []
        """How the repetitions went, in the order in which they ended."""
        self._session = session
        self._request = request
        self._expectation = expectation
        self._width = request.parallel
        self._running: dict[asyncio.Task[RunSummary], _Allowance | None] = {}
        self._made = 0
        self._spent = 0.0
        self._stopped_by: StopReason | None = None
        self._interrupting: asyncio.Task[None] | None = None

    @classmethod
    async def prepare(cls, session: Session, run: str, request: RepeatRequest) -> "Repeater":
        """Find out all that can be wrong, before anything is paid for.

        Raises:
            InputError: something that is named does not exist, or the expectation cannot be read.
        """
        task = request.fork.only
        if task is None or request.fork.from_:
            raise InputError("only one node can be executed several times", fix="say which one, as in --only NODE")
        if request.times < 1 or request.parallel < 1:
            raise InputError("a node is executed at least once, and at least one at a time")
        with_maximum(None, request.max_cost)
        parent = await find_run(session.store, run)  # once: each repetition is the latest run for a while
        plan = await session.plan_fork(parent.id, request.fork)
        bound = await session.workflow_of(parent.id, request.fork.workflow)
        expectation = None
        if request.expect is not None:
            expectation = Expectation(request.expect, task, *bound)
            changed = {*request.fork.variables, *(node_of(edit.task) for edit in request.fork.edits)}
            await expectation.check(session.store, parent, changed=changed)
        repeater = cls(session, plan, task, request, expectation)
        agents = [bound.spec.nodes[node_of(task)].agent]
        agents += [str(field.value) for field in request.fork.fields if field.path == ("agent",)]
        if any(agent.startswith(_ASKS_PEOPLE) for agent in agents):
            repeater._width = 1
        return repeater

    async def run(self) -> Repetition:
        """Execute the task as often as was asked for, or until something stops it.

        Raises:
            StoreError: something could not be kept.
        """
        try:
            self._start()
            while self._running:
                ended, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    allowance = self._running.pop(task)
                    self._note(task.result(), allowance)
                self._start()
        finally:
            await self._leave()
        return Repetition(
            parent=self.parent,
            task=self.task,
            times=self._request.times,
            runs=tuple(sorted(summary.run_id for summary in self.summaries)),  # ids sort by time
            max_cost=self._request.max_cost,
            stopped_by=self._stopped_by if self._made < self._request.times else None,
        )

    async def report(self, repetition: Repetition) -> RepeatReport:
        """Compare what the repetitions have made."""
        return await compare_repetitions(self._session.store, repetition, self._expectation)

    def interrupt(self) -> None:
        """Begin no more, and end what the session executes as ``interrupted``."""
        self._stopped_by = StopReason.INTERRUPTED
        if self._interrupting is None:
            self._interrupting = asyncio.get_running_loop().create_task(self._interrupt_all())

    async def _interrupt_all(self) -> None:
        """Also those that are only being prepared, as soon as they have become runs."""
        while any(not task.done() for task in self._running):
            self._session.interrupt()
            await asyncio.wait(self._running, timeout=_LOOK_AGAIN_S)

    def _start(self) -> None:
        """Begin as many repetitions as may be executed at a time."""
        while self._stopped_by is None:
            missing = self._request.times - self._made - len(self._running)
            free = min(self._width - len(self._running), missing)
            if self._request.max_cost is not None:
                free = min(free, self._affordable(self._request.max_cost))
            if free < 1:
                return
            allowance = None
            if self._request.max_cost is not None:
                amount = self._left(self._request.max_cost) / free
                allowance = _Allowance(amount, is_whole=free == 1 and not self._running)
            max_cost = None if allowance is None else allowance.amount
            fork = self._session.fork(self.parent, self._request.fork, max_cost=max_cost)
            self._running[asyncio.get_running_loop().create_task(fork)] = allowance

    def _left(self, max_cost: float) -> float:
        """What is neither spent nor set apart for what is being executed."""
        set_apart = sum(allowance.amount for allowance in self._running.values() if allowance is not None)
        return max(0.0, max_cost - self._spent - set_apart)

    def _affordable(self, max_cost: float) -> int:
        """For how many repetitions what is left probably suffices; one is always tried in the end."""
        probable = self.probable_cost_usd
        affordable = int(self._left(max_cost) / probable) if probable else self._width
        return affordable if self._running else max(1, affordable)

    def _note(self, summary: RunSummary, allowance: _Allowance | None) -> None:
        """A repetition has ended."""
        self.summaries.append(summary)
        self._spent += summary.run.spend.cost_usd
        match summary.status:
            case RunStatus.INTERRUPTED:
                self.interrupt()
            case RunStatus.WAITING:
                self._stop(StopReason.WAITING)
            case RunStatus.OVER_BUDGET if allowance is not None and not allowance.is_whole:
                self._width = 1
            case RunStatus.OVER_BUDGET:
                self._stop(StopReason.BUDGET)
            case _:
                self._made += 1
        if self._request.max_cost is not None and self._spent and self._spent >= self._request.max_cost:
            self._stop(StopReason.BUDGET)  # a workflow whose policy is to warn would go on

    def _stop(self, reason: StopReason) -> None:
        self._stopped_by = self._stopped_by or reason

    async def _leave(self) -> None:
        """End what is still being executed; where nothing went wrong, that is nothing."""
        if self._interrupting is not None:
            self._interrupting.cancel()
        await self._interrupt_all()
        for task in self._running:
            task.exception()  # the first error is on its way already; nobody asks for those of the others


def _probable_cost(plan: ForkPlan, task: str) -> float | None:
    """What one execution of the task has cost; that of an item, its share in what all items have cost."""
    node = next(node for node in plan.nodes if node.node == node_of(task))
    if node.cost_usd is None or item_of(task) is None:
        return node.cost_usd
    return node.cost_usd / max(1, node.tasks - 1)  # the node is a task as well
