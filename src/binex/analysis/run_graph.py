"""The nodes of a run as a graph: what each one depends on, and how it went."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from pydantic import Field

from binex.analysis.artifacts import Damage
from binex.analysis.state import as_seen
from binex.analysis.tasks.values import Binds
from binex.analysis.trace import TaskTrace, trace_of
from binex.errors import BinexError, DamagedDataError
from binex.graph.dag import DAG, PlannedNode
from binex.graph.reference import Source
from binex.models.base import Model
from binex.models.event import TaskStarted
from binex.models.names import node_of, read_artifact_id
from binex.models.run import Run
from binex.models.task import ErrorKind, ExecutionRecord, SkipReason, TaskStatus, final_records
from binex.stores.run_store import RunStore

_SHOWN_OF_ERROR: Final = 200


class EdgeKind(StrEnum):
    """Why a node comes after another."""

    DATA = "data"
    """It is given something that the other makes."""
    CONDITION = "condition"
    """Its condition asks for something that the other makes."""
    ORDER = "order"
    """The workflow says so, and nothing is passed on."""


class GraphNode(Model):
    """One node of the workflow, and how it went in the run."""

    id: str
    """The node in the workflow."""
    agent: str
    """The agent's URI."""
    status: TaskStatus | None
    """Where it stands; None where that cannot be read."""
    attempts: int = 0
    """How many attempts were made at it; none at a foreach node, whose work its items do."""
    duration_ms: float = 0.0
    """From the start of its first attempt, or its first item, to the end of the last one."""
    items: dict[TaskStatus, int] = Field(default_factory=dict)
    """How many items of a foreach stand where."""
    skip_reason: SkipReason | None = None
    """Why it was skipped."""
    blocked_by: str | None = None
    """The task whose failure kept it from running."""
    reused_from: str | None = None
    """The run that its outcome was taken from."""
    is_edited: bool = False
    """Whether a person changed what it was given or what it made."""
    was_cut_off: bool = False
    """Whether it was being executed when the run stopped."""
    error: str | None = None
    """Why it failed, in one line."""
    error_kind: ErrorKind | None = None
    """What sort of failure it was."""


class GraphEdge(Model):
    """One dependency."""

    before: str
    """The node, or the group, that comes first."""
    after: str
    """The one that depends on it."""
    kinds: tuple[EdgeKind, ...] = ()
    """Why; empty where only the records say that there was something to wait for."""
    references: tuple[str, ...] = ()
    """The references that make it, as in `${plan.output}`."""


class RunGraph(Model):
    """The graph of a run. Without cycles."""

    run: Run
    """The run as it is now."""
    nodes: tuple[GraphNode, ...]
    """In the order of the workflow."""
    edges: tuple[GraphEdge, ...]
    """By the node that depends on another, in the order in which it names them."""
    taken_over: int = 0
    """How many tasks have outcomes of other runs and were not executed here; items count each."""
    damage: tuple[Damage, ...] = ()
    """What could not be read."""


async def run_graph(store: RunStore, run: Run, bind: Binds) -> RunGraph:
    """The graph of *run*; *bind* reads the snapshot of its workflow.

    Where the snapshot cannot be used, the graph is what the records say: what never settled is not in it then.

    Raises:
        StoreError: the store cannot be read.
    """
    run = await as_seen(store, run)
    damage: list[Damage] = []
    records: Sequence[ExecutionRecord] | None = None
    running: Sequence[TaskStarted] = ()
    try:
        records = await store.list_records(run.id)
        running = [] if run.status.has_come_to_all else await store.list_running(run.id)
    except DamagedDataError as error:
        damage.append(Damage(where="records", message=error.message, fix=error.fix))
    dag = None
    try:
        _, dag = bind(await store.get_source(run.workflow_hash))
    except BinexError as error:
        message = f"the workflow's snapshot cannot be used ({error.message}): this is what the records say"
        damage.append(Damage(where="workflow", message=message, fix=error.fix))
    return graph_of(run, dag, records, running, damage)


def graph_of(
    run: Run,
    dag: DAG | None,
    records: Sequence[ExecutionRecord] | None,
    running: Sequence[TaskStarted] = (),
    damage: Sequence[Damage] = (),
) -> RunGraph:
    """The same from what was read already; *records* are None where they cannot be read."""
    timeline = trace_of(run, records or (), running)
    tasks = {task.task: task for task in timeline.tasks}
    if dag is None:
        nodes = [_node(task.task, task.agent, task) for task in tasks.values()]
        edges = _recorded_edges(records or ())
    else:
        unknown = TaskStatus.WAITING if records is not None else None
        nodes = [_node(node.id, node.spec.agent, tasks.get(node.id), unknown) for node in dag.nodes.values()]
        edges = [edge for node in dag.nodes.values() for edge in _edges_to(node, dag)]
    return RunGraph(
        run=run, nodes=tuple(nodes), edges=tuple(edges), taken_over=timeline.taken_over, damage=tuple(damage)
    )


def _node(id: str, agent: str, task: TaskTrace | None, unknown: TaskStatus | None = TaskStatus.WAITING) -> GraphNode:
    if task is None:
        return GraphNode(id=id, agent=agent, status=unknown)
    return GraphNode(
        id=id,
        agent=agent,
        status=task.status,
        attempts=len(task.attempts),
        duration_ms=task.duration_ms,
        items=dict(Counter(item.status for item in task.items)),
        skip_reason=task.skip_reason,
        blocked_by=task.blocked_by,
        reused_from=task.reused_from,
        is_edited=task.is_edited,
        was_cut_off=task.was_cut_off,
        error=None if task.error is None else _short(task.error.message),
        error_kind=None if task.error is None else task.error.kind,
    )


def _short(message: str) -> str:
    line = next((line.strip() for line in message.splitlines() if line.strip()), "")
    return line if len(line) <= _SHOWN_OF_ERROR else line[: _SHOWN_OF_ERROR - 1] + "…"


def _edges_to(node: PlannedNode, dag: DAG) -> Iterable[GraphEdge]:
    """The dependencies of a node, one for each node that it depends on."""
    in_condition = () if node.when is None else node.when.references
    asked: dict[str, list[str]] = {}
    given: dict[str, list[str]] = {}
    for references, found in ((in_condition, asked), (Counter(node.references) - Counter(in_condition), given)):
        for reference in references:
            if reference.source is Source.NODE:
                found.setdefault(reference.name, []).append(reference.text)
    if node.spec.inputs is None:
        for _, upstream, output in dag.default_inputs(node):
            given.setdefault(upstream, []).append(f"${{{upstream}.{output}}}")
    for upstream in node.depends_on:
        kinds = [EdgeKind.DATA] if upstream in given else []
        kinds += [EdgeKind.CONDITION] if upstream in asked else []
        texts = dict.fromkeys([*given.get(upstream, ()), *asked.get(upstream, ())])
        yield GraphEdge(
            before=upstream, after=node.id, kinds=tuple(kinds) or (EdgeKind.ORDER,), references=tuple(texts)
        )


def _recorded_edges(records: Iterable[ExecutionRecord]) -> list[GraphEdge]:
    """What tasks were given by others, by the records; only of what settled before them, so that there is no cycle."""
    settled = final_records(records)
    made_by = {id: node_of(path) for path, record in settled.items() for id in record.output_artifacts}
    place: Mapping[str, int] = {path: index for index, path in enumerate(settled)}
    found: dict[tuple[str, str], None] = {}
    for path, record in settled.items():
        node = node_of(path)
        needed = [made_by.get(id) or node_of(read_artifact_id(id).task) for id in record.input_artifacts]
        if record.blocked_by is not None:
            needed.append(node_of(record.blocked_by))
        for other in needed:
            if other != node and place.get(other, len(place)) < place.get(node, len(place)):
                found[other, node] = None
    return [GraphEdge(before=before, after=after) for before, after in found]
