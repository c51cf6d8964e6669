"""The failed tasks of a run alone: their errors in full, what sort they are, and what shows that."""

from binex.analysis.artifacts import Damage
from binex.analysis.failures.classes import FailureClass, classify
from binex.analysis.failures.groups import FailureGroup, blocked_tasks, failed_records, group_failures
from binex.analysis.lost_records import find_lost_records
from binex.analysis.state import as_seen
from binex.analysis.trace import trace_of
from binex.analysis.verdict import verdict_of
from binex.models.base import Model
from binex.models.run import Run
from binex.models.task import ExecutionRecord
from binex.stores.run_store import RunStore


class FailedTask(Model):
    """One task that failed."""

    records: tuple[ExecutionRecord, ...]
    """The attempts that failed, in order, each with its error in full; the last one says how the task ended."""
    failure: FailureClass
    """What sort of failure it was, and what shows that."""
    blocked: tuple[str, ...] = ()
    """The tasks that were skipped because of it."""


class RunFailures(Model):
    """Why tasks of a run failed."""

    run: Run
    """The run as it is now."""
    verdict: str
    """What became of it, in one sentence."""
    causes: tuple[FailureGroup, ...] = ()
    """The tasks of one node together that failed for the same reason."""
    tasks: tuple[FailedTask, ...] = ()
    """Every task that failed, in the order in which they did."""
    damage: tuple[Damage, ...] = ()
    """What of it cannot be read."""


async def failures(store: RunStore, run: Run) -> RunFailures:
    """The failed tasks of *run*.

    Raises:
        StoreError: the store cannot be read.
    """
    run = await as_seen(store, run)
    records = await store.list_records(run.id)
    damage = find_lost_records(run, records)
    failed = failed_records(records)
    attempts: dict[str, list[ExecutionRecord]] = {record.task: [] for record in failed}
    blocked = blocked_tasks({record.task: record for record in records}.values())
    for record in records:
        if record.task in attempts:
            attempts[record.task].append(record)
    tasks = []
    for record in failed:
        calls = await store.list_calls(*record.executed_as)
        tasks.append(
            FailedTask(
                records=tuple(one for one in attempts[record.task] if one.error is not None),
                failure=classify(record, calls, attempts[record.task]),
                blocked=tuple(blocked.get(record.task, ())),
            )
        )
    causes = await group_failures(store, records)
    verdict = verdict_of(run, causes, trace_of(run, records), is_damaged=bool(damage))
    return RunFailures(run=run, verdict=verdict, causes=causes, tasks=tuple(tasks), damage=damage)
