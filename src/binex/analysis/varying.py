"""Which tasks do not come out the same each time they are replayed, although they are answered the same."""

from collections.abc import Sequence

from binex.analysis.hashes import Hashes
from binex.analysis.replayed import ReplayVerdict
from binex.models.base import Model
from binex.models.names import node_of, read_artifact_id
from binex.models.run import Run
from binex.models.task import ExecutionRecord, final_records
from binex.stores.run_store import RunStore

"""Runs that came to all of their tasks."""


class VaryingTask(Model):
    """A task that came out in several ways."""

    task: str
    ways: int
    """In how many different ways it came out, the recorded one included."""
    is_steady: bool = False
    """Whether all replays made the same, which only is not what was recorded: its code may have changed, say."""
    follows_from: tuple[str, ...] = ()
    """The varying tasks that it needs; empty where it varies by itself."""


class Variation(Model):
    """What several replays of a run had in common, and what not."""

    parent: str
    replays: tuple[str, ...]
    """The replays, in the order in which they were made."""
    is_deterministic: bool
    """Whether all came out as the run did."""
    tasks: tuple[VaryingTask, ...] = ()
    """Those that varied, in the order in which the run's tasks ended."""


async def find_varying(store: RunStore, parent: Run, verdicts: Sequence[ReplayVerdict]) -> Variation:
    """Compare replays of *parent* with it and with each other.

    Raises:
        StoreError: the store cannot be read.
    """
    hashes = Hashes(store)
    ends = [
        final_records(await store.list_records(run_id))
        for run_id in (parent.id, *(verdict.run.id for verdict in verdicts))
    ]
    first: dict[str, ExecutionRecord] = {}
    for of_run in ends if parent.status.has_come_to_all else ends[:1]:
        for path, record in of_run.items():
            first.setdefault(path, record)
    varying: dict[str, int] = {}
    steady: set[str] = set()
    for path in first:
        ways = [await _way(of_run.get(path), hashes) for of_run in ends]
        if len(set(ways)) > 1:
            varying[path] = len(set(ways))
            if len(set(ways[1:])) == 1:
                steady.add(path)
    return Variation(
        parent=parent.id,
        replays=tuple(verdict.run.id for verdict in verdicts),
        is_deterministic=not varying,
        tasks=tuple(
            VaryingTask(task=path, ways=count, is_steady=path in steady, follows_from=_needed(first[path], varying))
            for path, count in varying.items()
        ),
    )


async def _way(record: ExecutionRecord | None, hashes: Hashes) -> tuple[str, ...]:
    """How a task came out; nothing where there was no such task, as an item of a shorter list."""
    return () if record is None else (record.status, *[await hashes.of(id) for id in record.output_artifacts])


def _needed(record: ExecutionRecord, varying: dict[str, int]) -> tuple[str, ...]:
    needed = {read_artifact_id(id).task for id in record.input_artifacts}
    items = {path for path in varying if path != record.task and node_of(path) == record.task}
    return tuple(path for path in varying if path in needed | items)
