"""One budget: what it allows, what is spent, what is set apart, and what happens where that is not enough."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from binex.adapters.attempt import Ask, Desk
from binex.errors import BudgetError, CheaperModelError, InputError
from binex.models.budget import Budget, BudgetPolicy
from binex.models.call import Spend
from binex.models.decision import (
    HOW,
    NODE_KEY,
    RUN_KEY,
    Decision,
    GoOnWith,
    RaiseTo,
    Stop,
    count_ended,
    decisions_about,
    highest,
    read_decision,
)
from binex.models.money import dollars
from binex.models.question import Question, QuestionKind
from binex.models.task import TaskNode

_PER_DOLLAR: Final = 10**9
_MOST: Final = 1e15
"""No amount of dollars is larger than this; it keeps away from infinity."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What can be done where a budget is used up."""

    desk_of: Callable[[TaskNode], Desk]
    """Where people are asked on behalf of a task."""
    wind_down: Callable[[], None] = lambda: None
    """Lets the run end as over its budget, once what is in flight has ended."""
    notice: Callable[[str], None] = lambda _: None
    """Tells people something."""
    note_change: Callable[[], None] = lambda: None
    """Is called when one more task waits for others: it may be that nothing goes on any more."""


class Share:
    """A part of a budget that is set apart for one call."""

    def __init__(self, account: "Account", amount: int) -> None:
        self.amount = amount
        self.holder = asyncio.current_task()
        self._account = account
        self._is_settled = False

    def settle(self, cost: int) -> None:
        """Count what the call cost; what is settled stays so."""
        if not self._is_settled:
            self._is_settled = True
            self._account.settle(self, cost)


class Account:
    """One budget: what it allows, what is spent, and what is set apart, in billionths of a dollar."""

    def __init__(
        self,
        budget: Budget,
        node_id: str | None,
        spent: Spend,
        questions: Sequence[Question],
        measures: Measures,
        *,
        is_closed: bool = False,
    ) -> None:
        past = decisions_about(questions, node_id)
        self.is_of_run = node_id is None
        self.waiting: dict[str, int] = {}
        """How many requests of each task wait for others: for their turn, or for a call in flight to end."""
        self._policy = budget.policy
        self._name = "the budget of the run" if node_id is None else f"the budget of node '{node_id}'"
        self._key = RUN_KEY if node_id is None else NODE_KEY
        self._measures = measures
        self._maximum = to_nano(highest(budget.max_cost, past))
        self._spent = to_nano(spent.cost_usd)
        self._shares: set[Share] = set()
        self._set_apart = 0
        self._cheaper = next((one.model for one in reversed(past) if isinstance(one, GoOnWith)), None)
        self._asked = count_ended(questions, node_id)
        self._is_closed = is_closed
        self._has_warned = False
        self._turn = asyncio.Lock()  # first come, first served
        self._changed = asyncio.Event()
        self._waiters: set[asyncio.Task[object] | None] = set()

    async def admit(self, amount: int, model: str, task: TaskNode) -> Share:
        """Set *amount* apart for a call; where it does not fit, wait for the calls in flight, which may cost less.

        Raises:
            BudgetError: it does not fit, or nothing does any more.
            CheaperModelError: another model is to be asked.
        """
        if self._policy is BudgetPolicy.WARN:
            self._warn()
            return self._take(amount)
        with self._as_waiter():
            async with self._turn_of(task):
                while True:
                    self._check(model, task)
                    if self._spent + self._set_apart + amount <= self._maximum:
                        return self._take(amount)
                    if self._can_change():
                        self._changed.clear()
                        with self._held_up(task):
                            await self._changed.wait()
                    else:
                        await self._decide(amount, model, task)

    def settle(self, share: Share, cost: int) -> None:
        """A call has ended."""
        self._shares.discard(share)
        self._set_apart -= share.amount
        self._spent += cost
        self._changed.set()
        if self._policy is BudgetPolicy.WARN:
            self._warn()

    def _take(self, amount: int) -> Share:
        share = Share(self, amount)
        self._shares.add(share)
        self._set_apart += amount
        return share

    def _check(self, model: str, task: TaskNode) -> None:
        if self._is_closed:
            raise BudgetError(f"{self._name} is used up, and the call to {model} was not made", fix=self._way_out(task))
        if self._cheaper is not None and _named(model) != _named(self._cheaper):
            raise CheaperModelError(
                f"{self._name} is used up, and somebody decided to go on with {self._cheaper}", model=self._cheaper
            )

    def _can_change(self) -> bool:
        """Whether a call is in flight that can end: not one whose own task waits here."""
        return any(share.amount and share.holder not in self._waiters for share in self._shares)

    async def _decide(self, amount: int, model: str, task: TaskNode) -> None:
        """Do what the policy says about a call that does not fit; returns where it may be tried again."""
        situation = (
            f"{self._name} ({_shown(self._maximum)}) does not allow the next call: "
            f"{_shown(self._spent)} is spent, and the call to {model} may cost {_shown(amount)}"
        )
        if self._policy is BudgetPolicy.ASK:
            await self._ask(situation, model, task)
        else:
            self._is_closed = self.is_of_run
            raise BudgetError(situation, fix=self._way_out(task))

    async def _ask(self, situation: str, model: str, task: TaskNode) -> None:
        """Ask until somebody says something that helps."""
        text = f"{situation}. How to go on? {HOW[0].upper()}{HOW[1:]}"
        while True:
            key = f"{self._key}-{self._asked + 1}"
            answer = await self._measures.desk_of(task).ask(Ask(kind=QuestionKind.BUDGET, text=text, key=key))
            self._asked += 1
            try:
                self._follow(read_decision(answer.value), situation, model, task)
                return
            except InputError as error:
                text = f"{error.message}. {situation}. {HOW[0].upper()}{HOW[1:]}"

    def _follow(self, decision: Decision, situation: str, model: str, task: TaskNode) -> None:
        match decision:
            case RaiseTo(max_cost):
                if to_nano(max_cost) <= max(self._spent, self._maximum):
                    raise InputError(f"{dollars(max_cost)} is no more than there was, or than is spent")
                self._maximum = to_nano(max_cost)
            case GoOnWith(cheaper):
                if _named(cheaper) == _named(model):
                    raise InputError(f"{cheaper} is the model that there is too little for")
                self._cheaper = cheaper
            case Stop():
                self._is_closed = True
                raise BudgetError(f"{situation}; somebody decided to stop", fix=self._way_out(task))

    def _warn(self) -> None:
        if self._spent > self._maximum and not self._has_warned:
            self._has_warned = True
            self._measures.notice(f"{self._name} ({_shown(self._maximum)}) is exceeded; the run goes on (policy: warn)")

    def _way_out(self, task: TaskNode) -> str:
        if self.is_of_run:
            return f"go on with more: binex resume {task.run_id} --budget AMOUNT"
        return "give the node a larger budget, or a cheaper model"

    @asynccontextmanager
    async def _turn_of(self, task: TaskNode) -> AsyncIterator[None]:
        """Wait for the requests that came before; the block is the turn."""
        with self._held_up(task, is_likely=len(self._waiters) > 1):
            await self._turn.acquire()
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _held_up(self, task: TaskNode, *, is_likely: bool = True) -> Iterator[None]:
        """Let it be known, while the block lasts, that *task* waits for others."""
        self.waiting[task.path] = self.waiting.get(task.path, 0) + 1
        if is_likely:
            self._measures.note_change()
        try:
            yield
        finally:
            self.waiting[task.path] -= 1
            if not self.waiting[task.path]:
                del self.waiting[task.path]

    @contextmanager
    def _as_waiter(self) -> Iterator[None]:
        """Whoever waits here does not end what it has in flight meanwhile."""
        waiter = asyncio.current_task()
        self._waiters.add(waiter)
        self._changed.set()  # whoever waits for that to end must look again
        try:
            yield
        finally:
            self._waiters.discard(waiter)


def with_maximum(budget: Budget | None, max_cost: float | None) -> Budget | None:
    """The budget in force, where *max_cost* may have been given on top of what was said before.

    Raises:
        InputError: *max_cost* is no amount.
    """
    if max_cost is None:
        return budget
    if not 0 <= max_cost < math.inf:
        raise InputError(f"a budget cannot be {max_cost:g} US dollars", fix="give a number of at least 0")
    return Budget(max_cost=max_cost) if budget is None else budget.model_copy(update={"max_cost": max_cost})


def to_nano(usd: float) -> int:
    """An amount of dollars in billionths, so that sums are exact."""
    return round(min(usd, _MOST) * _PER_DOLLAR)


def _shown(nano: int) -> str:
    return dollars(nano / _PER_DOLLAR)


def _named(model: str) -> str:
    return model.removeprefix("llm://")
