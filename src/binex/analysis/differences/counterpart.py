"""With which run one is compared where only one was named."""

from enum import StrEnum
from itertools import count
from typing import Final, NamedTuple

from binex.analysis.state import as_seen
from binex.errors import InputError
from binex.models.run import Run
from binex.stores.run_store import RunStore

_BATCH: Final = 20


class Relation(StrEnum):
    """How the run that was found is related to the one that was named."""

    PARENT = "the run that it was made from"
    PREVIOUS = "the previous run of the workflow"


class Counterpart(NamedTuple):
    """A run to compare with, and why it was taken."""

    run: Run
    relation: Relation


async def find_counterpart(store: RunStore, run: Run) -> Counterpart:
    """The run that *run* was made from, or else the previous one of the same workflow.

    Raises:
        InputError: there is neither.
    """
    if run.origin is not None:
        parent = await store.get_run(run.origin.parent)
        if parent is not None:
            return Counterpart(await as_seen(store, parent), Relation.PARENT)
    is_passed = False
    for start in count(0, _BATCH):
        batch = await store.list_runs(limit=_BATCH, offset=start, workflow=run.workflow)
        for found in batch:
            if is_passed:
                return Counterpart(await as_seen(store, found), Relation.PREVIOUS)
            is_passed = found.id == run.id
        if not batch:  # one that is only shorter has runs that cannot be read
            break
    raise InputError(
        f"there is no earlier run of workflow '{run.workflow:.60}' to compare run {run.id} with",
        fix="name both runs: binex diff A B",
    )
