"""What a run of a workflow would do, before it does anything: its nodes in waves, whom they ask, what that may cost."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Final

from binex.adapters.registry import Registry
from binex.analysis.agents import AgentEntry, Agents
from binex.analysis.probable_cost import probable_cost
from binex.graph.dag import DAG
from binex.models.base import Model
from binex.models.budget import Budget
from binex.models.call import Spend
from binex.models.complaint import Complaint
from binex.models.run import RunStatus
from binex.models.run_query import RunQuery
from binex.models.task import ExecutionRecord
from binex.models.workflow import WorkflowSpec
from binex.stores.run_store import RunStore

LOOKED_AT: Final = 3
"""So many earlier runs say what a node costs."""


class NodePreview(Model):
    """What a run would do with one node."""

    node: str
    agent: str
    """The agent's URI."""
    wave: int
    """From 1; a node can begin when those of the waves before it that it depends on have ended."""
    after: tuple[str, ...] = ()
    """What it depends on."""
    when: str | None = None
    """The condition without which it is skipped."""
    foreach: str | None = None
    """The list for whose items it is executed, each by itself."""
    price: str = ""
    """What its agent takes, in words; empty where it costs nothing that is known of."""
    cost_usd: float | None = 0.0
    """What it will probably cost: what it did on average in the runs before; None where that is unknown."""
    tasks: int | None = None
    """How many tasks it was in the last run before; None where it has not been executed."""


class RunPreview(Model):
    """What a run would do, what it lacks, and what it will probably cost."""

    workflow: str
    can_begin: bool
    """Whether nothing is missing."""
    missing: tuple[Complaint, ...] = ()
    """Variables, and values and keys in the environment, without which it cannot begin."""
    nodes: tuple[NodePreview, ...] = ()
    """By wave, and in the order of the workflow."""
    waves: int = 0
    """How many waves there are: the length of the longest chain."""
    agents: tuple[AgentEntry, ...] = ()
    """Whom it would talk to; nobody was asked."""
    probable_cost_usd: float = 0.0
    """What all will probably cost, as far as that is known; conditions are taken to hold."""
    unpriced: tuple[str, ...] = ()
    """Nodes whose cost is unknown."""
    budget: Budget | None = None
    """What may be spent."""
    known_from: tuple[str, ...] = ()
    """The runs that say what nodes cost, newest first."""


async def preview_run(
    store: RunStore,
    spec: WorkflowSpec,
    dag: DAG,
    registry: Registry,
    environ: Mapping[str, str],
    missing: Sequence[Complaint] = (),
) -> RunPreview:
    """What a run of the workflow would do; *missing* is what is known already to be lacking.

    Nothing is executed, and nobody is asked.
    """
    agents = Agents(spec, dag, registry, environ).list().agents
    prices = {use.node: entry.price for entry in agents for use in entry.uses if use.role == "agent"}
    runs, before = await _before(store, spec.name)
    waves = _waves(dag)
    nodes = []
    for node_id, wave in waves.items():
        node = dag.nodes[node_id]
        spent = _average(before.get(node_id, ()), node.spec.agent)
        nodes.append(
            NodePreview(
                node=node_id,
                agent=node.spec.agent,
                wave=wave,
                after=node.depends_on,
                when=node.spec.when,
                foreach=node.spec.foreach,
                price=prices.get(node_id, ""),
                cost_usd=probable_cost(registry, node.spec.agent, spent[0], is_same_agent=spent[1]),
                tasks=_tasks(before.get(node_id, ())),
            )
        )
    missing = (*missing, *_missing_keys(agents, missing))
    return RunPreview(
        workflow=spec.name,
        can_begin=not missing,
        missing=missing,
        nodes=tuple(nodes),
        waves=max(waves.values(), default=0),
        agents=agents,
        probable_cost_usd=round(sum(node.cost_usd or 0.0 for node in nodes), 9),
        unpriced=tuple(node.node for node in nodes if node.cost_usd is None),
        budget=spec.budget,
        known_from=runs,
    )


def _waves(dag: DAG) -> dict[str, int]:
    """The wave of every node; by wave, and in the order of the workflow."""
    order = {node_id: place for place, node_id in enumerate(dag.nodes)}
    sorter = TopologicalSorter({node.id: node.depends_on for node in dag.nodes.values()})
    sorter.prepare()
    waves: dict[str, int] = {}
    wave = 0
    while sorter.is_active():
        wave += 1
        ready = sorted(sorter.get_ready(), key=order.__getitem__)
        waves.update(dict.fromkeys(ready, wave))
        sorter.done(*ready)
    return waves


async def _before(
    store: RunStore, workflow: str
) -> tuple[tuple[str, ...], Mapping[str, Sequence[list[ExecutionRecord]]]]:
    """The last runs of the workflow that completed, newest first, and what was executed of each node in each."""
    query = RunQuery(workflow=workflow, statuses=(RunStatus.COMPLETED,), is_whole=True)
    found = (await store.find_runs(query, limit=LOOKED_AT)).runs
    nodes: defaultdict[str, list[list[ExecutionRecord]]] = defaultdict(list)
    for run in found:
        of_run: defaultdict[str, list[ExecutionRecord]] = defaultdict(list)
        for record in await store.list_records(run.id):
            if record.attempt and record.reused_from is None:
                of_run[record.node_id].append(record)
        for node_id, records in of_run.items():
            nodes[node_id].append(records)
    return tuple(run.id for run in found), nodes


def _average(before: Sequence[list[ExecutionRecord]], agent: str) -> tuple[Spend | None, bool]:
    """What a node cost on average, with this agent if it had it, and whether it had; None where it was not executed."""
    same = [records for records in before if all(record.agent == agent for record in records)]
    counted = same or before
    if not counted:
        return None, False
    total = Spend()
    for records in counted:
        for record in records:
            total = total.plus(record.spend or Spend())
    share = {
        name: round(value / len(counted)) if isinstance(value, int) else value / len(counted)
        for name, value in total.model_dump(exclude={"unpriced_calls"}).items()
    }
    return Spend(**share, unpriced_calls=total.unpriced_calls), bool(same)


def _tasks(before: Sequence[list[ExecutionRecord]]) -> int | None:
    return len({record.task for record in before[0]}) if before else None


def _missing_keys(agents: Sequence[AgentEntry], missing: Sequence[Complaint]) -> Iterator[Complaint]:
    """The keys that are not there, but for those of which that is said already."""
    needed: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for entry in agents:
        for place in entry.keys:
            is_said = any(name in complaint.message for complaint in missing for name in place.variables)
            if not place.is_set and not is_said:
                needed[place.variables].append(entry.agent)
    for variables, by in needed.items():
        yield Complaint(
            message=f"{' or '.join(variables)} is not in the environment, for {', '.join(by)}",
            fix=f"set it, as in 'export {variables[0]}=...'",
        )
