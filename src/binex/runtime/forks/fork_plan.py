"""What a fork would do and what that will probably cost, told before anything is paid for."""

from binex.adapters.registry import Registry
from binex.analysis.probable_cost import probable_cost
from binex.models.call import Spend
from binex.models.fork import Decision, ForkPlan, NodePlan
from binex.models.names import node_of
from binex.models.task import ExecutionRecord
from binex.runtime.forks.forking import Fork
from binex.runtime.forks.parent import ParentRecords
from binex.runtime.forks.reach import compare_nodes
from binex.runtime.forks.request import origin_for, points_of
from binex.stores.run_store import RunStore

_RUNNING = (Decision.RUN, Decision.MAY_RUN)


async def plan_of(store: RunStore, registry: Registry, fork: Fork) -> ForkPlan:
    """What happens to every node, and what it cost when it was executed last."""
    parent, before, bound, reach, records = fork.parent, fork.before, fork.bound, fork.reach, fork.records
    spent = await _spent(store, records)
    tasks: dict[str, int] = {}
    for path in records.final:
        tasks[node_of(path)] = tasks.get(node_of(path), 0) + 1
    added, removed, changed = compare_nodes(before.spec, bound.spec)
    nodes = []
    for node_id, node in bound.dag.nodes.items():
        decision = reach.of(node_id)
        cost: float | None = 0.0
        if decision in _RUNNING:
            old = before.spec.nodes.get(node_id)
            is_same_agent = old is not None and old.agent == node.spec.agent
            cost = probable_cost(registry, node.spec.agent, spent.get(node_id), is_same_agent=is_same_agent)
        why, count = reach.reasons.get(node_id, ""), tasks.get(node_id, 1)
        nodes.append(NodePlan(node=node_id, decision=decision, why=why, tasks=count, cost_usd=cost))
    origin = origin_for(fork.request, parent, fork.given)
    return ForkPlan(
        parent=parent.id,
        changes=origin.changes,
        fork_points=points_of(fork.request),
        nodes=tuple(nodes),
        added=tuple(added),
        removed=tuple(removed),
        changed=tuple(changed),
        certain_cost_usd=sum(node.cost_usd or 0.0 for node in nodes if node.decision is Decision.RUN),
        highest_cost_usd=sum(node.cost_usd or 0.0 for node in nodes if node.decision in _RUNNING),
        unpriced=tuple(node.node for node in nodes if node.cost_usd is None),
    )


async def _spent(store: RunStore, records: ParentRecords) -> dict[str, Spend]:
    """What the tasks of each node cost where they were executed; nodes that never ended are missing."""
    runs: dict[str, list[ExecutionRecord]] = {}
    spent: dict[str, Spend] = {}
    for record in records.final.values():
        run_id, _ = record.executed_as
        if run_id not in runs:
            runs[run_id] = await store.list_records(run_id)
    by_task: dict[tuple[str, str], Spend] = {}
    for run_id, of_run in runs.items():
        for record in of_run:
            if record.spend is not None:
                key = (run_id, record.task)
                by_task[key] = by_task.get(key, Spend()).plus(record.spend)
    for record in records.final.values():
        node_id = node_of(record.task)
        cost = by_task.get(record.executed_as, Spend())
        spent[node_id] = spent.get(node_id, Spend()).plus(cost)
    return spent
