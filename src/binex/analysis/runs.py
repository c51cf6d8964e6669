"""Which runs there are."""

from itertools import count

from binex.analysis.state import as_seen
from binex.models.base import Model
from binex.models.run import Run, RunStatus
from binex.stores.run_store import RunStore

_BATCH = 200


class RunPage(Model):
    """Some runs, newest first."""

    runs: tuple[Run, ...]
    """The runs; one whose process is gone counts as interrupted."""
    offset: int
    """How many newer ones were left out."""
    has_more: bool
    """Whether there are older ones."""


async def list_runs(
    store: RunStore,
    *,
    limit: int = 20,
    offset: int = 0,
    workflow: str | None = None,
    status: RunStatus | None = None,
) -> RunPage:
    """The runs of a workflow, or in a state, or all; newest first."""
    if status is None:
        found = await store.list_runs(limit=limit + 1, offset=offset, workflow=workflow)
        seen = [await as_seen(store, run) for run in found[:limit]]
        return RunPage(runs=tuple(seen), offset=offset, has_more=len(found) > limit)
    matching = await _matching(store, offset + limit + 1, workflow, status)
    page = tuple(matching[offset : offset + limit])
    return RunPage(runs=page, offset=offset, has_more=len(matching) > offset + limit)


async def _matching(store: RunStore, enough: int, workflow: str | None, status: RunStatus) -> list[Run]:
    matching: list[Run] = []
    for start in count(0, _BATCH):
        batch = await store.list_runs(limit=_BATCH, offset=start, workflow=workflow)
        for run in batch:
            # Only a run that is marked as running can be another thing than what it is marked as.
            if run.status is status or (run.status is RunStatus.RUNNING and status is RunStatus.INTERRUPTED):
                seen = await as_seen(store, run)
                if seen.status is status:
                    matching.append(seen)
        if not batch or len(matching) >= enough:  # a batch that is only shorter has runs that cannot be read
            break
    return matching
