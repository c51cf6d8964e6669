"""The state of a run as it is, where its row still says what its dead process last wrote."""

from binex.models.run import Run, RunStatus
from binex.stores.run_store import RunStore


async def as_seen(store: RunStore, run: Run) -> Run:
    """*run*, shown as interrupted where it is marked as running and no live process executes it."""
    if run.status is RunStatus.RUNNING and not await store.is_owned(run.id):
        current = await store.get_run(run.id) or run  # it may have ended between the two looks
        if current.status is not RunStatus.RUNNING:
            return current
        return run.model_copy(update={"status": RunStatus.INTERRUPTED})
    return run
