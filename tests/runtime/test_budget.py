"""Budgets: money is set apart before calls are made, so that nobody overshoots by being many."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.adapters.attempt import Ask
from binex.errors import BudgetError, CheaperModelError, InputError
from binex.models.budget import Budget, BudgetPolicy
from binex.models.call import Spend
from binex.models.decision import GoOnWith, RaiseTo, Stop, read_decision
from binex.models.money import dollars
from binex.models.names import node_of
from binex.models.question import Answer, Question, QuestionKind, QuestionState
from binex.models.task import TaskNode
from binex.runtime.account import Measures
from binex.runtime.budget import Past, RunLedger

AT = datetime(2026, 1, 2, tzinfo=UTC)
MODEL = "openai/gpt-4o"


def task(path: str = "a", run: str = "r1") -> TaskNode:
    return TaskNode(run_id=run, path=path, node_id=node_of(path), agent=f"llm://{MODEL}", inputs={})


@dataclass
class Counter:
    """A desk whose people say one thing after the other, and what else a ledger does to its run."""

    answers: list[JsonValue] = field(default_factory=list)
    asked: list[tuple[str, Ask]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    wound_down: int = 0
    changes: int = 0
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    def desk_of(self, task: TaskNode) -> "Desk":
        return Desk(self, task.path)

    def wind_down(self) -> None:
        self.wound_down += 1

    def note_change(self) -> None:
        self.changes += 1

    def ledger(
        self, budget: Budget | None, nodes: Mapping[str, Budget] | None = None, past: Past | None = None
    ) -> RunLedger:
        measures = Measures(self.desk_of, self.wind_down, self.notices.append, self.note_change)
        return RunLedger(budget, nodes or {}, measures, past)


@dataclass
class Desk:
    counter: Counter
    path: str

    async def ask(self, ask: Ask) -> Answer:
        self.counter.asked.append((self.path, ask))
        if not self.counter.answers:
            await self.counter.is_open.wait()
        return Answer(value=self.counter.answers.pop(0), at=AT)


def budget(max_cost: float, policy: BudgetPolicy = BudgetPolicy.STOP) -> Budget:
    return Budget(max_cost=max_cost, policy=policy)


def ask(max_cost: float) -> Budget:
    return budget(max_cost, BudgetPolicy.ASK)


async def call(
    ledger: RunLedger, cost: float | None, *, estimate: float | None = None, path: str = "a", model: str = MODEL
) -> None:
    async with ledger.for_task(task(path)).reserve(cost if estimate is None else estimate, model=model) as reservation:
        await asyncio.sleep(0)
        reservation.spend(cost)


async def settle() -> None:
    """Let everything go on that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def held_up(ledger: RunLedger, paths: list[str]) -> set[str]:
    return {path for path in paths if ledger.is_held_up(path)}


# --- never too much -----------------------------------------------------------------------------------------


async def test_of_fifty_calls_at_once_only_those_are_made_that_the_budget_is_for() -> None:
    ledger = Counter().ledger(budget(1.0))
    ended = await asyncio.gather(*(call(ledger, 0.1, path=f"a[{i}]") for i in range(50)), return_exceptions=True)
    assert ended[:10] == [None] * 10
    assert all(isinstance(error, BudgetError) for error in ended[10:])


async def test_sums_of_cents_are_exact() -> None:
    ledger = Counter().ledger(budget(0.3))
    for _ in range(3):
        await call(ledger, 0.1)
    with pytest.raises(BudgetError):
        await call(ledger, 0.000001)


async def test_what_a_call_did_not_cost_is_there_for_those_that_wait() -> None:
    ledger = Counter().ledger(budget(1.0))
    await asyncio.gather(*(call(ledger, 0.1, estimate=0.6, path=f"a[{i}]") for i in range(5)))
    with pytest.raises(BudgetError, match=r"\$0\.50 is spent"):
        await call(ledger, 0.6)


async def test_those_that_wait_are_served_in_the_order_in_which_they_came() -> None:
    ledger = Counter().ledger(budget(1.0))
    order: list[int] = []

    async def one(number: int, estimate: float) -> None:
        async with ledger.for_task(task(f"a[{number}]")).reserve(estimate, model=MODEL) as reservation:
            order.append(number)
            await asyncio.sleep(0)
            reservation.spend(0.02)

    await asyncio.gather(*(one(number, 0.2 if number % 2 else 0.8) for number in range(8)))
    assert order == list(range(8))


async def test_a_call_that_fails_or_is_stopped_gives_back_what_was_set_apart() -> None:
    ledger = Counter().ledger(budget(1.0))
    with pytest.raises(ValueError, match="no luck"):
        async with ledger.for_task(task()).reserve(0.9, model=MODEL):
            raise ValueError("no luck")
    held = asyncio.ensure_future(_hold(ledger, 0.9))
    waiting = asyncio.ensure_future(_hold(ledger, 0.9))
    await settle()
    waiting.cancel()
    held.cancel()
    await asyncio.wait({held, waiting})
    await call(ledger, 1.0)


async def _hold(ledger: RunLedger, estimate: float) -> None:
    async with ledger.for_task(task()).reserve(estimate, model=MODEL):
        await asyncio.Event().wait()


async def test_a_call_within_a_call_of_the_same_task_is_refused_and_waits_for_nobody() -> None:
    ledger = Counter().ledger(budget(1.0))
    async with asyncio.timeout(5), ledger.for_task(task()).reserve(0.9, model=MODEL) as outer:
        with pytest.raises(BudgetError):
            await call(ledger, 0.9)
        outer.spend(0.9)


async def test_two_tasks_that_wait_for_each_other_s_calls_do_not_wait_for_ever() -> None:
    ledger = Counter().ledger(budget(1.0))

    async def nested(path: str) -> None:
        async with ledger.for_task(task(path)).reserve(0.5, model=MODEL) as outer:
            await asyncio.sleep(0)
            await call(ledger, 0.5, path=path)
            outer.spend(0.5)

    async with asyncio.timeout(5):
        ended = await asyncio.gather(nested("a"), nested("b"), return_exceptions=True)
    assert any(isinstance(error, BudgetError) for error in ended)


async def test_a_cost_that_stays_unknown_counts_as_it_was_estimated() -> None:
    ledger = Counter().ledger(budget(1.0))
    await call(ledger, None, estimate=0.6)
    with pytest.raises(BudgetError):
        await call(ledger, 0.6)


async def test_a_call_that_cost_more_than_it_was_to_leaves_nothing_even_for_free_ones() -> None:
    ledger = Counter().ledger(budget(1.0))
    await call(ledger, 1.5, estimate=0.5)
    with pytest.raises(BudgetError):
        await call(ledger, 0.0, model="mock/m")


async def test_what_is_free_may_be_called_without_any_money() -> None:
    await call(Counter().ledger(budget(0.0)), 0.0, model="mock/m")


calls = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 100), st.integers(0, 6), st.booleans(), st.sampled_from("ab")),
    max_size=50,
)


@settings(max_examples=150, deadline=None)
@given(calls=calls, most=st.integers(0, 1500), of_node=st.integers(0, 800))
def test_what_is_spent_and_set_apart_is_never_more_than_the_budget(
    calls: Sequence[tuple[int, int, int, bool, str]], most: int, of_node: int
) -> None:
    """Estimates in cents, what part of them the call costs, how long it takes, whether it fails, and its node."""
    committed = {"run": 0.0, "a": 0.0}
    limits = {"run": most / 100, "a": of_node / 100}
    ended: list[object] = []

    def commit(node: str, usd: float) -> None:
        for purse in ("run", node):
            if purse in committed:
                committed[purse] += usd
                assert committed[purse] <= limits[purse] + 1e-9

    async def one(ledger: RunLedger, number: int) -> None:
        cents, part, turns, fails, node = calls[number]
        estimate, cost = cents / 100, 0.0 if fails else cents * part / 10_000
        try:
            async with ledger.for_task(task(f"{node}[{number}]")).reserve(estimate, model=MODEL) as reservation:
                commit(node, estimate)
                for _ in range(turns):
                    await asyncio.sleep(0)
                commit(node, cost - estimate)
                if not fails:
                    reservation.spend(cost)
        except BudgetError as error:
            ended.append(error)
        else:
            ended.append(None)

    async def run() -> None:
        ledger = Counter().ledger(budget(limits["run"]), {"a": budget(limits["a"])})
        async with asyncio.timeout(20):
            await asyncio.gather(*(one(ledger, number) for number in range(len(calls))))

    asyncio.run(run())
    assert len(ended) == len(calls)


# --- stop ---------------------------------------------------------------------------------------------------


async def test_without_a_budget_everything_goes() -> None:
    counter = Counter()
    await call(counter.ledger(None), None)
    await call(counter.ledger(None), 1e6)
    assert counter.notices == []


async def test_the_run_s_budget_winds_the_run_down_and_says_how_to_go_on() -> None:
    counter = Counter()
    ledger = counter.ledger(budget(1.0))
    await call(ledger, 0.9)
    with pytest.raises(BudgetError) as caught:
        await call(ledger, 0.2, path="b[3]")
    assert caught.value.message == (
        "the budget of the run ($1.00) does not allow the next call: "
        "$0.90 is spent, and the call to openai/gpt-4o may cost $0.20"
    )
    assert caught.value.fix == "go on with more: binex resume r1 --budget AMOUNT"
    assert not caught.value.is_retryable
    assert counter.wound_down == 1
    assert ledger.was_refused("b[3]")
    assert not ledger.was_refused("a")


async def test_nothing_new_starts_in_a_run_that_winds_down_and_what_is_in_flight_ends() -> None:
    ledger = Counter().ledger(budget(1.0))
    async with ledger.for_task(task("long")).reserve(0.1, model=MODEL) as reservation:
        refused = asyncio.ensure_future(call(ledger, 0.95, path="b"))
        await settle()
        assert not refused.done()  # the long one may cost less
        reservation.spend(0.1)
    with pytest.raises(BudgetError):
        await refused
    with pytest.raises(BudgetError, match="is used up, and the call to openai/gpt-4o was not made"):
        await call(ledger, 0.01, path="c")
    assert ledger.was_refused("c")


async def test_a_node_s_budget_fails_that_node_alone() -> None:
    counter = Counter()
    ledger = counter.ledger(budget(10.0), {"a": budget(0.5)})
    await call(ledger, 0.4, path="a[0]")
    with pytest.raises(BudgetError, match="the budget of node 'a'"):
        await call(ledger, 0.4, path="a[1]")
    await call(ledger, 0.1, path="a[2]")
    await call(ledger, 5.0, path="b")
    assert counter.wound_down == 0
    assert not ledger.was_refused("a[1]")


async def test_a_node_that_the_run_refuses_gets_its_own_money_back() -> None:
    ledger = Counter().ledger(budget(1.0), {"a": budget(5.0)})
    with pytest.raises(BudgetError, match="of the run"):
        await call(ledger, 3.0, path="a")
    assert ledger.was_refused("a")


async def test_what_earlier_sessions_spent_counts() -> None:
    past = Past(Spend(cost_usd=0.9, model_calls=3), {"b": Spend(cost_usd=0.4)})
    ledger = Counter().ledger(budget(2.0), {"b": budget(0.5)}, past)
    with pytest.raises(BudgetError, match=r"of node 'b'.*\$0\.40 is spent"):
        await call(ledger, 0.2, path="b")
    with pytest.raises(BudgetError, match=r"of the run.*\$0\.90 is spent"):
        await call(ledger, 1.2, path="a")


# --- unknown prices, and warnings -----------------------------------------------------------------------------


async def test_an_unknown_price_is_told_once_for_each_model_and_not_counted() -> None:
    counter = Counter()
    ledger = counter.ledger(budget(0.1))
    for model in ("own/x", "own/x", "own/y"):
        await call(ledger, None, model=model)
    assert counter.notices == [
        "the price of own/x is unknown, so the budget cannot count it",
        "the price of own/y is unknown, so the budget cannot count it",
    ]


async def test_a_warning_comes_once_and_the_run_goes_on() -> None:
    counter = Counter()
    ledger = counter.ledger(budget(1.0, BudgetPolicy.WARN))
    await asyncio.gather(*(call(ledger, 0.4, path=f"a[{i}]") for i in range(5)))
    assert counter.notices == ["the budget of the run ($1.00) is exceeded; the run goes on (policy: warn)"]


# --- ask ----------------------------------------------------------------------------------------------------


async def test_somebody_may_allow_more() -> None:
    counter = Counter(answers=["raise to 5"])
    ledger = counter.ledger(ask(1.0))
    for _ in range(4):
        await call(ledger, 0.9)
    ((path, asked),) = counter.asked
    assert path == "a"
    assert (asked.kind, asked.key, asked.choices) == (QuestionKind.BUDGET, "budget-1", ())
    assert asked.text.startswith("the budget of the run ($1.00) does not allow the next call: $0.90 is spent")
    assert "'raise to AMOUNT'" in asked.text


async def test_the_next_breach_is_the_next_question() -> None:
    counter = Counter(answers=["raise 1.5", "raise 3"])
    ledger = counter.ledger(ask(1.0))
    for _ in range(3):
        await call(ledger, 0.7)
    assert [asked.key for _, asked in counter.asked] == ["budget-1", "budget-2"]


async def test_all_that_meet_the_limit_wait_for_one_answer() -> None:
    counter = Counter()
    ledger = counter.ledger(ask(0.1))
    waiting = [asyncio.ensure_future(call(ledger, 0.2, path=f"a[{i}]")) for i in range(10)]
    await settle()
    assert len(counter.asked) == 1
    assert held_up(ledger, [f"a[{i}]" for i in range(10)]) == {f"a[{i}]" for i in range(1, 10)}
    assert counter.changes == 9
    counter.answers.append("raise to 2")
    counter.is_open.set()
    await asyncio.gather(*waiting)
    assert len(counter.asked) == 1
    assert not held_up(ledger, [f"a[{i}]" for i in range(10)])


async def test_who_waits_for_one_that_waits_for_an_answer_is_held_up_too() -> None:
    counter = Counter()
    ledger = counter.ledger(ask(0.1), {"a": budget(0.5)})
    calls = [asyncio.ensure_future(call(ledger, 0.4, path=path)) for path in ("a[0]", "a[1]", "a[2]", "b")]
    await settle()
    assert [path for path, _ in counter.asked] == ["a[0]"]  # it has the node's money, and waits for the run's
    assert held_up(ledger, ["a[0]", "a[1]", "a[2]", "b"]) == {"a[1]", "a[2]", "b"}
    counter.answers.append("raise to 9")
    counter.is_open.set()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(error) for error in ended] == [type(None), BudgetError, BudgetError, type(None)]


async def test_who_waits_beside_a_call_of_its_own_is_not_held_up() -> None:
    ledger = Counter().ledger(budget(1.0))
    flying = asyncio.ensure_future(_hold(ledger, 0.9))
    waiting = asyncio.ensure_future(call(ledger, 0.9, path="a"))
    other = asyncio.ensure_future(call(ledger, 0.9, path="b"))
    await settle()
    assert held_up(ledger, ["a", "b"]) == {"b"}
    for one in (flying, waiting, other):
        one.cancel()
    await asyncio.wait({flying, waiting, other})


async def test_when_the_one_that_asked_is_stopped_the_next_one_asks() -> None:
    counter = Counter()
    ledger = counter.ledger(ask(0.1))
    first, second = (asyncio.ensure_future(call(ledger, 0.2, path=path)) for path in "ab")
    await settle()
    first.cancel()
    await settle()
    assert [path for path, _ in counter.asked] == ["a", "b"]
    counter.answers.append("raise to 2")
    counter.is_open.set()
    await second


async def test_a_cheaper_model_is_for_this_call_and_all_that_follow() -> None:
    counter = Counter(answers=["cheaper llm://openai/gpt-4o-mini"])
    ledger = counter.ledger(ask(1.0))
    with pytest.raises(CheaperModelError) as caught:
        await call(ledger, 2.0)
    assert caught.value.model == "llm://openai/gpt-4o-mini"
    await call(ledger, 0.1, model="openai/gpt-4o-mini")
    with pytest.raises(CheaperModelError):
        await call(ledger, 0.1, path="b")
    assert len(counter.asked) == 1
    assert counter.wound_down == 0


async def test_a_model_that_is_cheaper_and_still_too_dear_is_asked_about_again() -> None:
    counter = Counter(answers=["cheaper x/small", "cheaper llm://x/small", "raise 9"])
    ledger = counter.ledger(ask(1.0))
    with pytest.raises(CheaperModelError):
        await call(ledger, 2.0)
    await call(ledger, 1.5, model="x/small")
    assert "is the model that there is too little for" in counter.asked[2][1].text


async def test_somebody_may_stop_the_run() -> None:
    counter = Counter(answers=["stop"])
    ledger = counter.ledger(ask(1.0))
    ended = await asyncio.gather(*(call(ledger, 2.0, path=path) for path in "abc"), return_exceptions=True)
    assert all(isinstance(error, BudgetError) for error in ended)
    assert str(ended[0]).endswith("; somebody decided to stop")
    assert len(counter.asked) == 1
    assert counter.wound_down == 3
    assert all(ledger.was_refused(path) for path in "abc")


async def test_an_answer_that_does_not_help_is_followed_by_another_question() -> None:
    counter = Counter(answers=["perhaps", "raise to 0.5", "raise to 3"])
    ledger = counter.ledger(ask(1.0))
    await call(ledger, 0.9)
    await call(ledger, 0.9)
    assert [asked.key for _, asked in counter.asked] == ["budget-1", "budget-2", "budget-3"]
    assert counter.asked[1][1].text.startswith("'perhaps' is no answer to that. the budget of the run")
    assert counter.asked[2][1].text.startswith("$0.50 is no more than there was, or than is spent. ")


async def test_stopping_a_node_fails_the_node_and_not_the_run() -> None:
    counter = Counter(answers=["stop"])
    ledger = counter.ledger(None, {"a": ask(0.1)})
    for _ in range(2):
        with pytest.raises(BudgetError):
            await call(ledger, 0.2)
    await call(ledger, 7.0, path="b")
    assert [asked.key for _, asked in counter.asked] == ["node-budget-1"]
    assert counter.wound_down == 0


def question(key: str, answer: JsonValue, path: str = "a") -> Question:
    return Question(
        id=f"r1~{path}~{key}",
        run_id="r1",
        task=path,
        kind=QuestionKind.BUDGET,
        text="?",
        asked_at=AT,
        state=QuestionState.OPEN if answer is None else QuestionState.ANSWERED,
        answer=None if answer is None else Answer(value=answer, at=AT),
    )


async def test_what_was_decided_before_still_holds_when_the_run_is_resumed() -> None:
    counter = Counter(answers=["stop"])
    said = [question("budget-1", "raise to 2"), question("node-budget-1", "cheaper x/small", "b")]
    ledger = counter.ledger(ask(1.0), {"b": ask(0.5)}, Past(Spend(cost_usd=1.0), questions=said))
    await call(ledger, 0.9)
    with pytest.raises(CheaperModelError):
        await call(ledger, 0.01, path="b")
    with pytest.raises(BudgetError):
        await call(ledger, 0.9)
    assert [asked.key for _, asked in counter.asked] == ["budget-2"]


async def test_a_question_that_is_still_open_is_the_same_one_when_the_run_is_resumed() -> None:
    counter = Counter(answers=["raise to 2"])
    ledger = counter.ledger(ask(1.0), past=Past(questions=[question("budget-1", None)]))
    await call(ledger, 1.5)
    assert [asked.key for _, asked in counter.asked] == ["budget-1"]


@pytest.mark.parametrize(("node_id", "key"), [(None, "budget-1"), ("a", "node-budget-1")])
async def test_stop_that_was_said_while_nobody_listened_is_followed_when_the_run_is_resumed(
    node_id: str | None, key: str
) -> None:
    counter = Counter()
    past = Past(questions=[question(key, "stop")], left_at=AT)
    ledger = counter.ledger(None if node_id else ask(9.0), {node_id: ask(9.0)} if node_id else {}, past)
    with pytest.raises(BudgetError, match="is used up"):
        await call(ledger, 0.1)
    assert counter.asked == []
    assert counter.wound_down == (node_id is None)


async def test_a_run_that_somebody_stopped_can_go_on_with_a_larger_budget() -> None:
    counter = Counter()
    ledger = counter.ledger(ask(10.0), past=Past(Spend(cost_usd=1.0), questions=[question("budget-1", "stop")]))
    await call(ledger, 8.0)
    assert counter.asked == []


# --- words --------------------------------------------------------------------------------------------------


def _understood() -> Iterator[tuple[JsonValue, object]]:
    for text in ("raise 5", "raise to 5", "Raise to $5.00", "raise 5 USD", "5", " 5.0 ", 5, 5.0):
        yield text, RaiseTo(5.0)
    for text in ("cheaper llm://x/y:1", "cheaper x/y:1", "CHEAPER: llm://x/y:1"):
        yield text, GoOnWith("llm://x/y:1")
    yield "Stop", Stop()


@pytest.mark.parametrize(("said", "meant"), list(_understood()))
def test_answers_are_understood(said: JsonValue, meant: object) -> None:
    assert read_decision(said) == meant


@pytest.mark.parametrize(
    "said", ["", "raise", "raise -5", "raise 1e9", "cheaper", "cheaper x", "no", None, True, ["stop"], "raise nan", -1]
)
def test_other_answers_are_refused_with_what_can_be_said(said: JsonValue) -> None:
    with pytest.raises(InputError) as caught:
        read_decision(said)
    assert "raise to AMOUNT" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (0, "$0"),
        (12.5, "$12.50"),
        (1234.567, "$1,234.57"),
        (0.5, "$0.50"),
        (0.0034, "$0.0034"),
        (0.01234, "$0.0123"),
        (0.9999, "$1.00"),
        (-0.5, "$-0.50"),
        (1.2e-7, "$0.00000012"),
    ],
)
def test_amounts_are_shown_with_the_digits_that_matter(usd: float, shown: str) -> None:
    assert dollars(usd) == shown
