"""Keeps what a run and its nodes spend within their budgets."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from binex.adapters.attempt import Ledger, Reservation
from binex.errors import BudgetError, CheaperModelError
from binex.models.budget import Budget
from binex.models.call import Spend
from binex.models.decision import Stop, decisions_about
from binex.models.names import node_of
from binex.models.question import Question
from binex.models.task import TaskNode
from binex.runtime.account import Account, Measures, Share, to_nano

_NOTHING: Final = Spend()


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier sessions of the run have spent, and what people have said about it."""

    spent: Spend = _NOTHING
    spent_by_node: Mapping[str, Spend] = field(default_factory=dict)
    questions: Sequence[Question] = ()
    attempts: Mapping[str, int] = field(default_factory=dict)
    """The last attempt at each task that has called anybody; one that a crash ended has calls and no record."""
    left_at: datetime | None = None
    """What was answered from this moment on, nobody was there to follow; None where all of it was."""

    def is_stopped(self, node_id: str | None) -> bool:
        """Whether somebody decided, about the budget of the run or of a node, to stop, and nobody has followed it."""
        left_at = self.left_at
        if left_at is None:
            return False
        unheard = (asked for asked in self.questions if asked.answer is not None and asked.answer.at >= left_at)
        return Stop() in decisions_about(unheard, node_id)


class RunLedger:
    """The money of one run. A node's budget holds for all items of a ``foreach`` together."""

    def __init__(
        self, budget: Budget | None, node_budgets: Mapping[str, Budget], measures: Measures, past: Past | None = None
    ) -> None:
        past = past or Past()
        self._measures = measures

        def account(budget: Budget, node_id: str | None, spent: Spend) -> Account:
            is_closed = past.is_stopped(node_id)
            return Account(budget, node_id, spent, past.questions, measures, is_closed=is_closed)

        self._run = None if budget is None else account(budget, None, past.spent)
        self._nodes = {
            node_id: account(own, node_id, past.spent_by_node.get(node_id, _NOTHING))
            for node_id, own in node_budgets.items()
        }
        self._in_flight: Counter[str] = Counter()
        self._refused: set[str] = set()
        self._unpriced: set[str] = set()

    def for_task(self, task: TaskNode) -> Ledger:
        """Where an attempt at *task* asks before it spends."""
        node = self._nodes.get(task.node_id)
        # The node's first: whoever waits for the run's budget then holds nothing of it.
        return _TaskLedger(self, task, [account for account in (node, self._run) if account is not None])

    def was_refused(self, path: str) -> bool:
        """Whether a task failed because the run's budget ended: it is not done, and a resumed run does it again."""
        return path in self._refused

    def is_held_up(self, path: str) -> bool:
        """Whether a task does nothing but wait for others, perhaps until somebody has answered one of them."""
        accounts = (self._run, self._nodes.get(node_of(path)))
        is_waiting = any(path in account.waiting for account in accounts if account is not None)
        return is_waiting and not self._in_flight[path]

    @contextmanager
    def in_flight(self, path: str) -> Iterator[None]:
        """A call for the task at *path* is made while the block lasts."""
        self._in_flight[path] += 1
        try:
            yield
        finally:
            self._in_flight[path] -= 1

    def note_unpriced(self, model: str) -> None:
        """A call whose price is unknown is about to be made."""
        if model not in self._unpriced:
            self._unpriced.add(model)
            self._measures.notice(f"the price of {model} is unknown, so the budget cannot count it")

    def note_refused(self, path: str) -> None:
        """A task may not go on, since the run's budget is used up."""
        self._refused.add(path)
        self._measures.wind_down()


class _TaskLedger:
    """A run's money, as one task sees it."""

    def __init__(self, whole: RunLedger, task: TaskNode, accounts: Sequence[Account]) -> None:
        self._whole = whole
        self._task = task
        self._accounts = accounts

    @asynccontextmanager
    async def reserve(self, estimate_usd: float | None, *, model: str) -> AsyncIterator[Reservation]:
        if estimate_usd is None and self._accounts:
            self._whole.note_unpriced(model)
        shares: list[Share] = []
        try:
            for account in self._accounts:
                shares.append(await self._admit(account, estimate_usd, model))
            with self._whole.in_flight(self._task.path):
                yield _Shares(shares)
        finally:
            for share in shares:
                share.settle(0)

    async def _admit(self, account: Account, estimate_usd: float | None, model: str) -> Share:
        try:
            return await account.admit(to_nano(estimate_usd or 0.0), model, self._task)
        except CheaperModelError:
            raise
        except BudgetError:
            if account.is_of_run:
                self._whole.note_refused(self._task.path)
            raise


class _Shares:
    """What a call may spend, of every budget that it falls under."""

    def __init__(self, shares: Sequence[Share]) -> None:
        self._shares = shares

    def spend(self, cost_usd: float | None) -> None:
        for share in self._shares:
            # A cost that stays unknown counts as it was estimated: better too much than without end.
            share.settle(share.amount if cost_usd is None else to_nano(cost_usd))
