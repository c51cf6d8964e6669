"""Which runs go when room is to be made, which stay although they were asked for, and what stays replayable."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from binex.analysis.room.stored_size import Rooms, total_of
from binex.models.base import Model
from binex.models.run import RunStatus
from binex.stores.removal_store import Stock, StoredRun


class Retention(Model):
    """Which runs may go. Everything that is said narrows it: those go that all of it fits."""

    runs: frozenset[str] | None = None
    """Only these, by their ids."""
    workflow: str | None = None
    """Only runs of this workflow."""
    statuses: frozenset[RunStatus] = frozenset()
    """Only runs in one of these states; any where there is none."""
    began_before: datetime | None = None
    """Only runs that began before."""
    keep_last: int | None = None
    """So many stay in any case, the newest of those that the conditions above but the age fit."""
    is_per_workflow: bool = False
    """Whether so many of each workflow stay."""
    max_size: int | None = None
    """Only as many, the oldest first, as it takes for the store to have at most so many bytes."""
    includes_unfinished: bool = False
    """Whether runs may go that somebody could still go on with."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said about which runs may go."""
        return self == Retention(is_per_workflow=self.is_per_workflow, includes_unfinished=self.includes_unfinished)


class Protection(StrEnum):
    """Why a run stays that was asked for."""

    KEPT = "kept"
    """Somebody keeps it for good."""
    EXECUTED = "executed"
    """A process executes it."""
    UNFINISHED = "unfinished"
    """It was interrupted or waits for somebody, and can be gone on with."""
    NEEDED = "needed"
    """A run that stays was made from it, or has taken its outcomes over."""
    UNREADABLE = "unreadable"
    """Its row is damaged, so that nobody knows what it is."""


class GoingRun(Model):
    """A run that goes."""

    id: str
    workflow: str
    status: RunStatus
    """How it ended."""
    started_at: datetime | None
    frees: int
    """What is given back when it goes after those before it, in bytes."""


class ProtectedRun(Model):
    """A run that was asked for and stays."""

    id: str
    workflow: str
    why: Protection
    name: str = ""
    """The name that it is kept under."""
    needed_by: str | None = None
    """A run that stays and needs it."""


class CleaningReport(Model):
    """What `binex clean --json` prints: the plan, and what became of it."""

    plan: "CleaningPlan"
    is_done: bool = False
    """Whether it was carried out."""
    bodies: int = 0
    """How many parts of what was said in calls went."""
    bodies_left: str = ""
    """Why those that no run needs any more are there still, where that is so."""
    size: int
    """What the store takes now, in bytes on the disk."""
    unused: int = 0
    """What is unused in the database, and is used again before it grows."""


class CleaningPlan(Model):
    """What goes, what stays, and what comes of it."""

    runs: tuple[GoingRun, ...] = ()
    """Those that go, each before those that it needs."""
    protected: tuple[ProtectedRun, ...] = ()
    """Those that were asked for and stay."""
    staying: int = 0
    """How many runs stay."""
    replayable: int = 0
    """How many of them have all that a replay needs; nothing that is removed takes it from them."""
    incomplete: tuple[str, ...] = ()
    """Those that stay and had lost something that they need before; they are shown, and replay in part at most."""
    frees: int = 0
    """What is given back, in bytes on the disk: runs, and what nobody needs any more."""
    leftovers: int = 0
    """How much of that is of no use already: orphans, what dead processes left, the database's log."""
    size: int = 0
    """What the store takes now, in bytes on the disk."""
    is_enough: bool = True
    """Whether the store will be as small as was asked for."""
    bodies_wait: bool = False
    """Whether what was said in calls cannot be given back now, since some run is being executed."""


def plan_cleaning(stock: Stock, wanted: Retention) -> CleaningPlan:
    """What goes of *stock*."""
    by_id = {run.id: run for run in stock.runs}
    asked = _asked_for(stock.runs, wanted)
    refused = {run.id: why for run in asked if (why := _protection(run, wanted)) is not None}
    may_go = {run.id for run in asked} - refused.keys()
    needed = needed_by_staying(by_id, may_go)
    order = removal_order([by_id[id] for id in may_go - needed.keys()])
    rooms = Rooms(stock)
    size = total_of(stock)
    leftovers = stock.folder.orphans + stock.folder.temporary + stock.folder.log
    left = size - leftovers
    going: list[GoingRun] = []
    for run in order:
        if wanted.max_size is not None and left <= wanted.max_size:
            break
        frees = rooms.take_away(run)
        left -= frees
        going.append(
            GoingRun(id=run.id, workflow=run.workflow, status=status_of(run), started_at=run.started_at, frees=frees)
        )
    gone = {run.id for run in going}
    staying = [run for run in stock.runs if run.id not in gone]
    incomplete = tuple(run.id for run in staying if not run.takes_from <= by_id.keys() or run.started_at is None)
    return CleaningPlan(
        runs=tuple(going),
        protected=tuple(_protected(run, refused, needed) for run in asked if run.id in refused or run.id in needed),
        staying=len(staying),
        replayable=len(staying) - len(incomplete),
        incomplete=incomplete,
        frees=size - left,
        leftovers=leftovers,
        size=size,
        is_enough=wanted.max_size is None or left <= wanted.max_size,
        bodies_wait=stock.has_live_owner,
    )


def needed_by_staying(by_id: Mapping[str, StoredRun], may_go: Iterable[str]) -> dict[str, str]:
    """The runs that others need which stay, directly or through others, and one that needs each."""
    may_go = set(may_go)
    waiting = [run for id, run in by_id.items() if id not in may_go]
    needed: dict[str, str] = {}
    while waiting:
        run = waiting.pop()
        for id in run.needs:
            if id in may_go and id not in needed:
                needed[id] = run.id
                waiting.append(by_id[id])
    return needed


def removal_order(runs: Sequence[StoredRun]) -> list[StoredRun]:
    """The oldest first, where a run is as young as the youngest that needs it, which goes before it."""
    by_age = sorted(runs, key=lambda run: _began(run.started_at))
    age = {run.id: number for number, run in enumerate(by_age)}
    youngest = dict(age)
    distance = dict.fromkeys(age, 0)
    for run in _users_first(by_age):
        for id in run.needs & age.keys():
            youngest[id] = max(youngest[id], youngest[run.id])
            distance[id] = max(distance[id], distance[run.id] + 1)
    return sorted(by_age, key=lambda run: (youngest[run.id], distance[run.id]))


def _users_first(runs: Sequence[StoredRun]) -> Iterator[StoredRun]:
    """Each run before those that it needs; those that need each other, as only a bundle can say, in any order."""
    by_id = {run.id: run for run in runs}
    users = Counter(id for run in runs for id in run.needs if id in by_id)
    ready = [run for run in runs if not users[run.id]]
    while ready:
        run = ready.pop()
        yield by_id.pop(run.id)
        for id in run.needs:
            users[id] -= 1
            if id in by_id and not users[id]:
                ready.append(by_id[id])
    yield from by_id.values()


def status_of(run: StoredRun) -> RunStatus:
    """Where a run stands: one that is marked as running and that nobody executes was interrupted."""
    try:
        status = RunStatus(run.status)
    except ValueError:  # its row is damaged
        return RunStatus.INTERRUPTED
    return RunStatus.INTERRUPTED if status is RunStatus.RUNNING and not run.is_owned else status


def _asked_for(runs: Sequence[StoredRun], wanted: Retention) -> list[StoredRun]:
    """The runs that the conditions fit, whatever needs them."""
    if wanted.is_empty:
        return []
    fitting = [
        run
        for run in runs
        if (wanted.runs is None or run.id in wanted.runs)
        and (wanted.workflow is None or run.workflow == wanted.workflow)
        and (not wanted.statuses or status_of(run) in wanted.statuses)
    ]
    newest: set[str] = set()
    if wanted.keep_last is not None:
        counted: defaultdict[str, int] = defaultdict(int)
        for run in reversed(fitting):
            group = run.workflow if wanted.is_per_workflow else ""
            counted[group] += 1
            if counted[group] <= wanted.keep_last:
                newest.add(run.id)
    return [
        run
        for run in fitting
        if run.id not in newest
        and (wanted.began_before is None or (run.started_at is not None and run.started_at < wanted.began_before))
    ]


def _protection(run: StoredRun, wanted: Retention) -> Protection | None:
    if run.kept_as is not None:
        return Protection.KEPT
    if run.is_owned:
        return Protection.EXECUTED
    if run.started_at is None:
        return Protection.UNREADABLE
    is_unfinished = run.has_questions or status_of(run) in (RunStatus.INTERRUPTED, RunStatus.WAITING)
    return Protection.UNFINISHED if is_unfinished and not wanted.includes_unfinished else None


def _protected(run: StoredRun, refused: Mapping[str, Protection], needed: Mapping[str, str]) -> ProtectedRun:
    why = refused.get(run.id, Protection.NEEDED)
    return ProtectedRun(id=run.id, workflow=run.workflow, why=why, name=run.kept_as or "", needed_by=needed.get(run.id))


def _began(at: datetime | None) -> datetime:
    return datetime.min.replace(tzinfo=UTC) if at is None else at
