"""Outcomes that one run takes over from another: the record is its own, the artifacts stay the other's."""

from binex.errors import DamagedDataError
from binex.models.task import Artifact, ExecutionRecord, now
from binex.stores.run_store import RunStore


def inherited(
    record: ExecutionRecord, run_id: str, path: str | None = None, node_id: str | None = None
) -> ExecutionRecord:
    """The record of a task of run *run_id* that ended as *record* says, without being executed."""
    return record.model_copy(
        update={
            "run_id": run_id,
            "task": path or record.task,
            "node_id": node_id or record.node_id,
            "started_at": None,
            "ended_at": now(),
            "duration_ms": 0.0,
            "queued_ms": 0.0,
            "spend": None,
            "idempotency_key": "",
            "reused_from": record.reused_from or record.run_id,
        }
    )


async def read_artifacts(store: RunStore, record: ExecutionRecord, path: str) -> tuple[Artifact, ...]:
    """What a task made, verified; *path* is what it is called where that is needed.

    Raises:
        DamagedDataError: some of it is missing or altered.
    """
    made: list[Artifact] = []
    for id in record.output_artifacts:
        try:
            artifact = await store.get(id)
        except DamagedDataError as error:
            error.fix = f"run it again: --from {path}; binex doctor shows all damage"
            raise
        if artifact is None:
            raise DamagedDataError(
                f"the output of {path} is missing: there is no artifact {id}",
                fix=f"run it again: --from {path}; binex doctor shows all damage",
            )
        made.append(artifact)
    return tuple(made)
