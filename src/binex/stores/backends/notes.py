"""Which attempts are being executed, kept so that other processes can show it. Best effort, and cheap."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from binex.errors import StoreError
from binex.models.event import TaskStarted
from binex.stores.backends import rows
from binex.stores.backends.lease import RunLease
from binex.stores.backends.writer import Writer

_DELAY_S: Final = 0.25
"""Attempts that end sooner are never written: nobody could have looked."""

Attempt = tuple[str, str, int]
"""A run, a task and the number of an attempt."""


class Notes:
    """Holds beginnings back for a moment, and writes those that have not ended by then."""

    def __init__(self, writer: Writer, lease_of: Callable[[str], RunLease | None]) -> None:
        self._writer = writer
        self._lease_of = lease_of
        self._new: dict[Attempt, TaskStarted] = {}
        self._written: set[Attempt] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, started: Iterable[TaskStarted]) -> None:
        """Note that attempts began."""
        self._new.update({(one.run_id, one.task, one.attempt): one for one in started})
        if self._timer is None and self._new:
            self._timer = asyncio.get_running_loop().call_later(_DELAY_S, self.write)

    def end(self, attempt: Attempt) -> bool:
        """Forget an attempt that ended. Whether there is a row to be deleted."""
        self._new.pop(attempt, None)
        if attempt in self._written:
            self._written.discard(attempt)
            return True
        return False

    def end_run(self, run_id: str) -> None:
        """Forget a run that this process no longer executes."""
        self._written = {attempt for attempt in self._written if attempt[0] != run_id}

    def write(self) -> None:
        """Hand what is held back to the writer."""
        self.stop()
        notes, self._new = self._new, {}
        by_run: dict[str, list[TaskStarted]] = {}
        for started in notes.values():
            by_run.setdefault(started.run_id, []).append(started)
        for run_id, started_ones in by_run.items():
            lease = self._lease_of(run_id)
            if lease is None:  # it ended meanwhile
                continue
            self._written |= {(run_id, one.task, one.attempt) for one in started_ones}
            with suppress(StoreError):
                self._writer.submit(_insertion(lease, started_ones), lease).add_done_callback(ignore_failure)

    def stop(self) -> None:
        """Write nothing by itself any more, until the next :meth:`add`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _insertion(lease: RunLease, started: Iterable[TaskStarted]) -> Callable[[sqlite3.Connection], None]:
    values = [(lease.key, one.task, one.attempt, rows.started_doc(one)) for one in started]

    def insert(connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT OR REPLACE INTO running (run, task, attempt, doc) VALUES (?, ?, ?, ?)", values)

    return insert


def ignore_failure(result: "asyncio.Future[object]") -> None:
    """For what nobody waits for: a failure that is final is heard of at the next write."""
    if not result.cancelled():
        result.exception()
