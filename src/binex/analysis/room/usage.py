"""What a store takes on the disk: by kind, by workflow and by run; and how much of it is of no use."""

from collections import defaultdict
from datetime import datetime

from binex.analysis.room.retention import needed_by_staying, status_of
from binex.analysis.room.stored_size import Rooms, total_of
from binex.errors import InputError
from binex.models.base import Model
from binex.models.run import RunStatus
from binex.stores.removal_store import Stock, StoredRun


class Usage(Model):
    """What one run takes, or several together; all in bytes on the disk."""

    rows: int
    """In the database: records, small contents, descriptions of calls; with its part of the indexes."""
    artifacts: int
    """Files of artifacts."""
    bodies: int
    """What was said in calls of theirs alone."""
    shared_bodies: int
    """What others have said as well, and what therefore is counted for each of them."""

    @property
    def own(self) -> int:
        """What nobody else uses."""
        return self.rows + self.artifacts + self.bodies


class RunUsage(Usage):
    """What one run takes."""

    id: str
    workflow: str
    status: RunStatus
    started_at: datetime | None
    kept_as: str | None
    """Its name, perhaps an empty one, where it is kept for good."""
    artifact_count: int
    call_count: int


class WorkflowUsage(Usage):
    """What the runs of one workflow take; what only they have said counts as theirs alone."""

    workflow: str
    runs: int


class Unneeded(Model):
    """What could be given back without removing any run, in bytes."""

    orphans: int
    """Files of bodies that no commit names, and rows of bodies that no call needs."""
    temporary: int
    """What processes that died have left."""
    log: int
    """Commits that were not moved into the database yet."""
    unused: int
    """Pages of the database that hold nothing; part of the database's size."""
    backups: int
    """The database as it was before upgrades and repairs."""


class StoreUsage(Model):
    """What a store takes, in bytes on the disk."""

    total: int
    """All of it: the sum of the kinds below."""
    rows: int
    """Rows of runs in the database."""
    artifacts: int
    """Files of artifacts."""
    bodies: int
    """What was said in calls, each part counted once."""
    shared_rows: int
    """Snapshots of workflows, and what no run needs, in the database."""
    unneeded: Unneeded
    """What could be given back now."""
    other: int
    """Folders, locks, and what is not Binex's."""
    workflows: tuple[WorkflowUsage, ...]
    """By workflow, the largest first."""
    runs: tuple[RunUsage, ...]
    """By run, the largest first."""


class RunUsageDetail(Model):
    """What one run takes, and whom it binds."""

    usage: RunUsage
    needs: tuple[str, ...]
    """The runs that must stay as long as it does."""
    needed_by: tuple[str, ...]
    """The runs that cannot stay without it."""
    frees: int
    """What is given back when it goes alone, in bytes."""


def measure(stock: Stock) -> StoreUsage:
    """What is in *stock* takes."""
    rooms = Rooms(stock)
    by_workflow: defaultdict[str, list[StoredRun]] = defaultdict(list)
    for run in stock.runs:
        by_workflow[run.workflow].append(run)
    runs = [_usage_of(run, rooms) for run in stock.runs]
    rows = sum(run.rows for run in runs)
    bodies = rooms.all_bodies()
    folder = stock.folder
    unclaimed = sum(body.files for body in stock.bodies) + folder.database - folder.free - rows - bodies
    orphans = rooms.unused_files()
    shared_rows = max(0, unclaimed - orphans)
    return StoreUsage(
        total=total_of(stock),
        rows=rows,
        artifacts=sum(run.artifacts for run in runs),
        bodies=bodies,
        shared_rows=shared_rows,
        unneeded=Unneeded(
            orphans=folder.orphans + orphans,
            temporary=folder.temporary,
            log=folder.log,
            unused=folder.free,
            backups=folder.backups,
        ),
        other=folder.other,
        workflows=tuple(
            sorted((_workflow(name, of, rooms) for name, of in by_workflow.items()), key=lambda one: -one.own)
        ),
        runs=tuple(sorted(runs, key=lambda run: -run.own)),
    )


def measure_run(stock: Stock, run_id: str) -> RunUsageDetail:
    """What one run takes.

    Raises:
        InputError: it is not there.
    """
    by_id = {run.id: run for run in stock.runs}
    if run_id not in by_id:
        raise InputError(f"no run {run_id!r:.80}", fix="'binex runs' lists them")
    run, rooms = by_id[run_id], Rooms(stock)
    usage = _usage_of(run, rooms)
    needed = needed_by_staying(by_id, by_id.keys() - {run_id})
    return RunUsageDetail(
        usage=usage,
        needs=tuple(id for id in by_id if id in needed),
        needed_by=tuple(other.id for other in stock.runs if run_id in other.needs),
        frees=rooms.take_away(run),
    )


def _usage_of(run: StoredRun, rooms: Rooms) -> RunUsage:
    return RunUsage(
        id=run.id,
        workflow=run.workflow,
        status=status_of(run),
        started_at=run.started_at,
        kept_as=run.kept_as,
        artifact_count=run.artifacts,
        call_count=run.calls,
        rows=rooms.rows_of(run),
        artifacts=run.files,
        bodies=rooms.exclusive_bodies_of(run),
        shared_bodies=rooms.shared_bodies_of(run),
    )


def _workflow(name: str, runs: list[StoredRun], rooms: Rooms) -> WorkflowUsage:
    own = rooms.exclusive_bodies_of_all(runs)
    return WorkflowUsage(
        workflow=name,
        runs=len(runs),
        rows=sum(map(rooms.rows_of, runs)),
        artifacts=sum(run.files for run in runs),
        bodies=own,
        shared_bodies=rooms.bodies_of(runs) - own,
    )
