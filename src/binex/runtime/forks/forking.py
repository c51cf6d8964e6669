"""What a fork takes over from its parent, before anything is executed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from binex.adapters.base import NodeUse
from binex.graph import verdict
from binex.graph.dag import DAG
from binex.loader import Bound
from binex.models.fork import Decision
from binex.models.names import node_of
from binex.models.run import Run, Versions
from binex.models.task import Outcome, SkipReason
from binex.models.workflow_source import WorkflowSource
from binex.runtime.forks.edits import edited
from binex.runtime.forks.parent import ParentRecords
from binex.runtime.forks.reach import Reach
from binex.runtime.forks.request import Edit, ForkRequest
from binex.runtime.inheritance import inherited, read_artifacts
from binex.runtime.journal import TakenOver
from binex.stores.run_store import RunStore


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork before it starts, with all that was found out about it."""

    parent: Run
    request: ForkRequest
    recorded: WorkflowSource
    """What the parent's workflow was read from, as it was kept."""
    before: Bound
    bound: Bound
    source: WorkflowSource
    """What the fork's workflow was read from."""
    uses: Sequence[NodeUse]
    """How its nodes use their agents."""
    records: ParentRecords
    reach: Reach
    variables: Mapping[str, JsonValue]
    given: Mapping[str, JsonValue]
    """Those of the variables that were said anew."""
    versions: Versions


async def take_over(
    store: RunStore, run_id: str, dag: DAG, reach: Reach, records: ParentRecords, edits: Sequence[Edit] = ()
) -> TakenOver:
    """What the fork *run_id* has before it starts.

    Artifacts are only read where something that is executed may need them.

    Raises:
        DamagedDataError: one of those is missing or altered.
    """
    executed = reach.executed
    needed = {upstream for node_id in executed for upstream in dag.nodes[node_id].depends_on}
    edits_of: dict[str, list[Edit]] = {}
    for edit in edits:
        edits_of.setdefault(edit.task, []).append(edit)
    known: list[Outcome] = []
    taken: list[Outcome] = []
    for path, record in records.final.items():
        node_id = node_of(path)
        if node_id not in dag.nodes or (node_id in executed and path not in edits_of):
            continue
        if reach.of(node_id) is Decision.LEFT_OUT:
            continue
        copy = inherited(record, run_id)
        outcome = Outcome(record=copy)
        if path in edits_of:
            outcome = await edited(store, outcome, record, edits_of[path])
        elif path in needed:
            outcome = Outcome(record=copy, artifacts=await read_artifacts(store, record, path))
        taken.append(outcome)
        if path == node_id or node_id in executed:  # items of a settled node are in its list
            known.append(outcome)
    for node_id, decision in reach.decisions.items():
        if decision is Decision.LEFT_OUT:
            outcome = verdict.skipped(run_id, dag.nodes[node_id], node_id, SkipReason.LEFT_OUT)
            known.append(outcome)
            taken.append(outcome)
    return TakenOver(known, taken)
