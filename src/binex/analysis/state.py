"""The state of a run as it is, where its row still says what its dead process last wrote."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from binex.models.run import Run, RunStatus
from binex.models.task import ExecutionRecord, final_records
from binex.stores.run_store import RunStore


async def as_seen(store: RunStore, run: Run) -> Run:
    """*run*, shown as interrupted where it is marked as running and no live process executes it."""
    if run.status is RunStatus.RUNNING and not await store.is_owned(run.id):
        current = await store.get_run(run.id) or run  # it may have ended between the two looks
        if current.status is not RunStatus.RUNNING:
            return current
        return as_left(current, await store.list_records(run.id))
    return run


def as_left(run: Run, records: Sequence[ExecutionRecord]) -> Run:
    """*run*, whose process was killed and has not counted what it did: interrupted, with what its *records* say."""
    ends = [record.ended_at for record in records if record.reused_from is None]
    known = (max(ends) - run.started_at) / timedelta(milliseconds=1) if ends and not run.resumed else 0.0
    return run.model_copy(
        update={
            "status": RunStatus.INTERRUPTED,
            "counts": dict(Counter(record.status for record in final_records(records).values())),
            "duration_ms": round(max(run.duration_ms, known), 3),
        }
    )
