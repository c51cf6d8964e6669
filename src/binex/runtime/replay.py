"""Chooses which outcomes are already known, so that the same loop can go on with the rest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from binex.errors import DamagedDataError
from binex.graph.dag import DAG
from binex.models.names import node_of
from binex.models.task import Artifact, ExecutionRecord, Outcome, SkipReason, TaskStatus, final_records
from binex.stores.run_store import RunStore

_RETRIED = (TaskStatus.FAILED, TaskStatus.TIMED_OUT, TaskStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Known:
    """What a record says already: how tasks ended, and how many attempts were made at each."""

    outcomes: tuple[Outcome, ...]
    attempts: dict[str, int]
    records: tuple[ExecutionRecord, ...] = ()
    """How all these tasks ended, items of known lists included."""


async def settled_outcomes(store: RunStore, dag: DAG, run_id: str, *, retry_failed: bool = False) -> Known:
    """Everything that is settled in a run, for going on with the rest of it.

    With *retry_failed* the failed tasks count as unsettled, and so does what they blocked. Artifacts are
    read and verified only where something that is left to run may need them.

    Raises:
        DamagedDataError: an artifact that is needed is missing or altered.
    """
    records = await store.list_records(run_id)
    attempts: dict[str, int] = {}
    for record in records:
        attempts[record.task] = max(attempts.get(record.task, 0), record.attempt)
    settled = {path: record for path, record in final_records(records).items() if node_of(path) in dag.nodes}
    if retry_failed:
        settled = _without_failures(settled)
    needed = _needed_nodes(dag, settled)
    outcomes = [
        Outcome(
            record=record,
            artifacts=await _read(store, record) if node_of(path) in needed else (),
        )
        for path, record in settled.items()
        if path == node_of(path) or node_of(path) not in settled  # items of a settled node are in its list
    ]
    return Known(tuple(outcomes), attempts, tuple(settled.values()))


def _without_failures(settled: dict[str, ExecutionRecord]) -> dict[str, ExecutionRecord]:
    return {
        path: record
        for path, record in settled.items()
        if record.status not in _RETRIED and record.skip_reason is not SkipReason.BLOCKED
    }


def _needed_nodes(dag: DAG, settled: Iterable[str]) -> set[str]:
    """Nodes whose artifacts are needed: by a node that is left, or by the list that its own items become."""
    done = set(settled)
    left = [node for node in dag.nodes.values() if node.id not in done]
    return {upstream for node in left for upstream in node.depends_on} | {node.id for node in left}


async def _read(store: RunStore, record: ExecutionRecord) -> tuple[Artifact, ...]:
    artifacts: Sequence[Artifact | None] = [await store.get(artifact_id) for artifact_id in record.output_artifacts]
    missing = [i for i, artifact in zip(record.output_artifacts, artifacts, strict=True) if artifact is None]
    if missing:
        raise DamagedDataError(
            f"task {record.task} is recorded as {record.status}, and its artifact {missing[0]} is missing",
            fix="binex doctor shows all damage",
        )
    return tuple(artifact for artifact in artifacts if artifact is not None)
