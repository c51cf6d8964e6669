"""What a run cost, by the calls that were kept of it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from binex.errors import BinexError
from binex.models.budget import Budget
from binex.models.call import CallKind, Spend
from binex.models.cost import BudgetUse, CostReport, ModelCost, NodeCost
from binex.models.decision import decisions_about, highest
from binex.models.names import node_of
from binex.models.question import Question
from binex.models.run import Run
from binex.stores.run_store import RunStore

if TYPE_CHECKING:
    from binex.analysis.tasks.values import Binds


async def cost_of(store: RunStore, run: Run, bind: "Binds") -> CostReport:
    """What the calls of models cost in *run*, and what is left of its budget and of those of its nodes.

    *bind* reads the snapshot of its workflow (`loader.bind_source`).
    """
    by_node: defaultdict[str, Spend] = defaultdict(Spend)
    by_model: defaultdict[str, Spend] = defaultdict(Spend)
    sources: defaultdict[str, set[str]] = defaultdict(set)
    total = Spend()
    for call in await store.list_calls(run.id):
        if call.kind is not CallKind.MODEL:
            continue
        total = total.plus(call.spend)
        by_node[node_of(call.task)] = by_node[node_of(call.task)].plus(call.spend)
        by_model[call.target] = by_model[call.target].plus(call.spend)
        if call.priced_by:
            sources[call.target].add(call.priced_by)
    questions = await store.list_questions(run.id)
    node_budgets = await _budgets_of(store, run, bind)
    nodes = [
        NodeCost(node=node, spend=spend, budget=_use(node_budgets.get(node), spend, questions, node))
        for node, spend in by_node.items()
    ]
    models = [
        ModelCost(model=model, spend=spend, priced_by=tuple(sorted(sources[model])))
        for model, spend in by_model.items()
    ]
    return CostReport(
        run=run,
        total=total,
        nodes=tuple(sorted(nodes, key=lambda cost: (-cost.spend.cost_usd, cost.node))),
        models=tuple(sorted(models, key=lambda cost: (-cost.spend.cost_usd, cost.model))),
        budget=_use(run.budget, total, questions, None),
    )


async def _budgets_of(store: RunStore, run: Run, bind: "Binds") -> dict[str, Budget]:
    """The budgets of the nodes, by the workflow that the run was started with; none where that cannot be read."""
    try:
        source = await store.get_source(run.workflow_hash)
        nodes = bind(source)[0].nodes if "budget" in source.text else {}  # to read it takes longer than all the rest
    except BinexError:
        return {}
    return {node_id: node.budget for node_id, node in nodes.items() if node.budget is not None}


def _use(budget: Budget | None, spend: Spend, questions: Sequence[Question], node: str | None) -> BudgetUse | None:
    if budget is None:
        return None
    max_cost = highest(budget.max_cost, decisions_about(questions, node))
    return BudgetUse(max_cost=max_cost, policy=budget.policy, left=round(max_cost - spend.cost_usd, 9))
