"""What a run cost, by calls whose cost is known here."""

from datetime import UTC, datetime
from typing import Any

import pytest

from binex.analysis.cost import cost_of
from binex.loader import bind_source
from binex.models.budget import Budget, BudgetPolicy
from binex.models.call import Call, CallKind, Spend, Usage
from binex.models.question import Answer, Question, QuestionKind, QuestionState
from binex.models.run import Run
from tests.analysis.conftest import Ledger

AT = datetime(2026, 1, 2, tzinfo=UTC)
TABLE = "genai-prices 1 (data of 2026-01-01)"

WITH_A_BUDGET = """
name: flow
nodes:
  plan: {agent: 'llm://mock/m', budget: {max_cost: 1.25}}
"""


def keep(ledger: Ledger, run: Run, task: str, number: int, cost: float | None, **fields: Any) -> None:
    """A call that read 100 tokens, 40 of them cached, and wrote 10, 4 of them reasoning."""
    values: dict[str, Any] = {
        "run_id": run.id,
        "task": task,
        "attempt": 1,
        "number": number,
        "kind": CallKind.MODEL,
        "target": "openai/gpt-4o",
        "started_at": AT,
        "usage": Usage(input_tokens=100, output_tokens=10, cached_tokens=40, reasoning_tokens=4),
        "cost_usd": cost,
        "priced_by": "" if cost is None else TABLE,
    }
    ledger.store.keep_call(Call(**values | fields), ())


async def test_calls_are_summed_by_node_and_by_model(ledger: Ledger) -> None:
    run = await ledger.run("1aaaaaaaaaaa")
    keep(ledger, run, "plan", 1, 0.25)
    keep(ledger, run, "search[0]", 1, 0.5)
    keep(ledger, run, "search[1]", 1, 0.5, attempt=2)
    keep(ledger, run, "search[1]", 2, 0.125, target="mock/m", priced_by="llm://mock is free")
    keep(ledger, run, "plan", 2, None, kind=CallKind.HTTP, usage=None)
    await ledger.store.flush()
    found = await cost_of(ledger.store, run, bind_source)
    assert found.total == Spend(
        cost_usd=1.375, model_calls=4, input_tokens=400, output_tokens=40, cached_tokens=160, reasoning_tokens=16
    )
    assert [(one.node, one.spend.cost_usd, one.spend.model_calls) for one in found.nodes] == [
        ("search", 1.125, 3),
        ("plan", 0.25, 1),
    ]
    assert [(one.model, one.spend.cost_usd, one.priced_by) for one in found.models] == [
        ("openai/gpt-4o", 1.25, (TABLE,)),
        ("mock/m", 0.125, ("llm://mock is free",)),
    ]
    assert found.budget is None


async def test_what_is_unknown_is_counted_as_unknown(ledger: Ledger) -> None:
    run = await ledger.run("1aaaaaaaaaaa")
    keep(ledger, run, "plan", 1, 0.25)
    keep(ledger, run, "plan", 2, None, target="own/x", usage=None)
    await ledger.store.flush()
    found = await cost_of(ledger.store, run, bind_source)
    assert (found.total.cost_usd, found.total.unpriced_calls) == (0.25, 1)
    assert [(one.model, one.spend.unpriced_calls, one.priced_by) for one in found.models] == [
        ("openai/gpt-4o", 0, (TABLE,)),
        ("own/x", 1, ()),
    ]


async def test_what_is_left_of_the_budgets_is_told_as_far_as_somebody_raised_them(ledger: Ledger) -> None:
    budget = Budget(max_cost=1.0, policy=BudgetPolicy.ASK)
    run = await ledger.run("1aaaaaaaaaaa", budget=budget, text=WITH_A_BUDGET)
    keep(ledger, run, "plan", 1, 1.5)
    for key, said in (("budget-1", "raise to 1.2"), ("budget-2", "what?"), ("budget-3", "raise to 4")):
        await ledger.store.ask(question(run, key))
        await ledger.store.answer(f"{run.id}~plan~{key}", Answer(value=said, at=AT))
    await ledger.store.flush()
    found = await cost_of(ledger.store, run, bind_source)
    assert found.budget is not None
    assert (found.budget.max_cost, found.budget.left, found.budget.policy) == (4.0, 2.5, BudgetPolicy.ASK)
    (plan,) = found.nodes
    assert plan.budget is not None
    assert plan.budget.left == pytest.approx(-0.25)


async def test_a_run_without_models_cost_nothing(ledger: Ledger) -> None:
    run = await ledger.run("1aaaaaaaaaaa")
    found = await cost_of(ledger.store, run, bind_source)
    assert (found.total, found.nodes, found.models) == (Spend(), (), ())


def question(run: Run, key: str) -> Question:
    return Question(
        id=f"{run.id}~plan~{key}",
        run_id=run.id,
        task="plan",
        kind=QuestionKind.BUDGET,
        text="?",
        asked_at=AT,
        state=QuestionState.OPEN,
    )
