"""Which attempts are being executed, kept so that other processes can show it. Best effort, and cheap."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable

from binex.models.event import TaskStarted
from binex.stores.backends import rows
from binex.stores.backends.lease import RunLease
from binex.stores.backends.writer import Writer

Attempt = tuple[str, str, int]
"""A run, a task and the number of an attempt."""


class Notes:
    """Knows which attempts have a row, so that most records need not look for one."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._written: set[Attempt] = set()

    def write(self, lease: RunLease, started: Iterable[TaskStarted]) -> None:
        """Have rows written with the next commit.

        Raises:
            StoreError: an earlier write failed.
        """
        values = [(lease.key, one.task, one.attempt, rows.started_doc(one)) for one in started]

        def insert(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR REPLACE INTO running (run, task, attempt, doc) VALUES (?, ?, ?, ?)", values
            )

        self._writer.submit(insert, lease).add_done_callback(ignore_failure)
        self._written |= {(lease.run_id, task, attempt) for _, task, attempt, _ in values}

    def end(self, run_id: str, attempts: Iterable[tuple[str, int]]) -> Callable[[sqlite3.Connection, int], None] | None:
        """What deletes the rows of attempts (task, number) that end; None where there is no such row."""
        ended = self._written and self._written.intersection((run_id, *attempt) for attempt in attempts)
        if not ended:
            return None
        self._written -= ended

        def delete(connection: sqlite3.Connection, key: int) -> None:
            connection.executemany(
                "DELETE FROM running WHERE run = ? AND task = ? AND attempt = ?",
                [(key, task, attempt) for _, task, attempt in ended],
            )

        return delete

    def end_run(self, run_id: str) -> None:
        """Forget a run that this process no longer executes."""
        self._written = {attempt for attempt in self._written if attempt[0] != run_id}


def ignore_failure(result: "asyncio.Future[object]") -> None:
    """For what nobody waits for: a failure that is final is heard of at the next write."""
    if not result.cancelled():
        result.exception()
