"""What a store must be able to do for runs to be kept for good, measured, and removed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Kept(NamedTuple):
    """A run that nothing removes, and the name that somebody gave it."""

    run_id: str
    name: str
    """Empty where it has none."""


class StoredRun(NamedTuple):
    """What has to be known of a run to decide whether it may go, and what that gives back."""

    id: str
    workflow: str
    status: str
    """As it is marked; one that is marked as running and not owned was interrupted."""
    started_at: datetime | None
    """None where its row cannot be read."""
    epoch: int
    """Grows with every process that executes it."""
    is_owned: bool
    """Whether a live process executes it."""
    has_questions: bool
    """Whether somebody is still to answer something."""
    kept_as: str | None
    """Its name, perhaps an empty one, where it is kept for good."""
    parent: str | None
    """The run that it was made from."""
    takes_from: frozenset[str]
    """The runs whose artifacts and calls stand for its own."""
    rows: int
    """How many bytes its rows in the database hold, small contents included and bodies of calls left out."""
    files: int
    """How much room its artifacts' files take on the disk."""
    artifacts: int
    """How many artifacts it has made."""
    calls: int
    """How many calls it has made."""
    bodies: Sequence[int]
    """Which of the store's bodies were said in its calls, by their place in :attr:`Stock.bodies`."""

    @property
    def needs(self) -> frozenset[str]:
        """The runs that must stay as long as it stays."""
        return self.takes_from if self.parent is None else self.takes_from | {self.parent}


class StoredBody(NamedTuple):
    """Bytes that were said in calls, kept once however often they were said."""

    rows: int
    """How many bytes of it stand in the database."""
    files: int
    """How much room its file takes on the disk."""


class FolderSizes(NamedTuple):
    """What else takes room in the store's folder, in bytes on the disk."""

    database: int = 0
    free: int = 0
    """What is unused in the database, and is used again before it grows."""
    log: int = 0
    """Commits that were not moved into the database yet."""
    backups: int = 0
    temporary: int = 0
    """What processes that died have left."""
    orphans: int = 0
    """The files of bodies that no commit names."""
    other: int = 0
    """Folders, locks, and what is not Binex's."""


class Stock(NamedTuple):
    """Everything that is in a store, at one moment."""

    runs: Sequence[StoredRun]
    """Oldest first, in the order of their creation."""
    bodies: Sequence[StoredBody]
    shared_rows: int
    """How many bytes of rows belong to no run: snapshots of workflows, and bodies that no call needs."""
    folder: FolderSizes
    has_live_owner: bool
    """Whether any run is being executed."""
    moment: "Moment"
    """For :meth:`RemovalStore.remove_runs`."""


class Moment(NamedTuple):
    """How far a store had come when it was looked at."""

    removals: int
    """How often something was removed."""
    last_run: int
    last_record: int
    epochs: Mapping[str, int]


class Freed(NamedTuple):
    """What was given back besides runs."""

    bodies: int = 0
    """How many bodies of calls, that no call needed any more, were removed."""
    is_left: str = ""
    """Why nothing was removed, where that is so: who executes a run may need what seems to be of no use."""


class RemovalStore(Protocol):
    """Runs that are kept, and runs that go. Raises StoreError where the store cannot be read or written."""

    async def keep_run(self, run_id: str, name: str = "") -> None:
        """Keep a run for good, under a name which then is no other run's.

        Raises:
            InputError: there is no such run.
        """
        ...

    async def release_run(self, run_id: str) -> bool:
        """Keep a run no longer; whether it was kept. Its name is free again."""
        ...

    async def list_kept(self) -> list[Kept]:
        """The runs that are kept, newest first."""
        ...

    async def take_stock(self) -> Stock:
        """Everything that is there, as one consistent snapshot."""
        ...

    async def remove_runs(self, run_ids: Sequence[str], moment: Moment) -> None:
        """Remove runs with all that is theirs alone, in that order, some at a time: each before those that it needs.

        Each step is made whole or not at all, also if this process is killed. Nothing that came since *moment* loses
        what it needs.

        Raises:
            RunError: one of them is needed, kept, or executed by now; it and those after it stay.
        """
        ...

    async def remove_unneeded(self) -> Freed:
        """Remove what no run needs any more: bodies of calls, their files, and snapshots of workflows."""
        ...

    async def give_back(self, *, is_rebuilt: bool) -> None:
        """Give unused room back to the file system as far as that disturbs nobody.

        With *is_rebuilt* the database is written anew without its unused pages; who wants to write waits for that.
        """
        ...
