"""Keeps runs for good, and removes others: what is theirs alone goes, what somebody else needs stays.

Rows go in transactions of some runs each. A mark, made before and removed after, says whose files follow; whoever next
opens the store for writing removes those that a dead process has left, as after an import. Bodies of calls are shared:
they go in a transaction of their own, once no call can name them, and only while nobody executes a run, since who does
may count on bytes that no commit names yet. Every removal is counted: a process that remembers which bodies are there
forgets it when the number has changed.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, cast

from binex.errors import InputError, RunError
from binex.models.run import Durability
from binex.stores.backends import schema
from binex.stores.backends.body_examination import remove_orphans
from binex.stores.backends.failures import shown, sqlite_failure
from binex.stores.backends.filesystem import (
    ARTIFACTS,
    BLOBS,
    TEMPORARY,
    create_private_file,
    reporting,
    sync_folder,
)
from binex.stores.backends.importing import clear, mark_of
from binex.stores.backends.lease import find_owner, live_owners
from binex.stores.backends.reader import patiently
from binex.stores.backends.search import SearchReader
from binex.stores.backends.searching import forget
from binex.stores.backends.statements import count_removal, key_of, removals_in
from binex.stores.backends.stock import is_hash, moment_of, references_in, take_stock
from binex.stores.backends.threads import start_in_thread
from binex.stores.backends.writer import Writer
from binex.stores.removal_store import Freed, Kept, Moment, Stock

_AT_ONCE: Final = 100
"""So many runs go in one transaction, for which other processes wait: some 0.1 s in a store of 10,000 runs."""
_CHILDREN: Final = ("records", "artifacts", "running", "calls", "questions", "bookmarks", "kept")


class Removing(SearchReader):
    """The part of a store on disk that keeps and removes runs."""

    durability: Durability
    _writer: Writer

    # --- keeping --------------------------------------------------------------------------------------------

    async def keep_run(self, run_id: str, name: str = "") -> None:
        def keep(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone() is None:
                raise InputError(f"no run {run_id!r:.80} in {shown(self.folder)}", fix="list the runs with: binex runs")
            key = key_of(connection, run_id)
            connection.execute("UPDATE kept SET name = NULL WHERE name = ? AND run <> ?", (name, key))
            connection.execute("INSERT OR REPLACE INTO kept (run, name) VALUES (?, ?)", (key, name or None))

        await self._writer.submit(keep)

    async def release_run(self, run_id: str) -> bool:
        def release(connection: sqlite3.Connection) -> bool:
            gone = connection.execute("DELETE FROM kept WHERE run = (SELECT seq FROM runs WHERE id = ?)", (run_id,))
            return bool(gone.rowcount)

        return cast(bool, await self._writer.submit(release))

    async def list_kept(self) -> list[Kept]:
        found = await self._read("SELECT id, ifnull(name, '') FROM kept JOIN runs ON seq = run ORDER BY seq DESC")
        return [Kept(*row) for row in found]

    # --- removing -------------------------------------------------------------------------------------------

    async def take_stock(self) -> Stock:
        def take() -> Stock:
            with reporting("read", self.folder):
                return take_stock(self._connection, self.folder)

        return await patiently(take, "read", self._database, self._patience_s)

    async def remove_runs(self, run_ids: Sequence[str], moment: Moment) -> None:
        for start in range(0, len(run_ids), _AT_ONCE):
            step = run_ids[start : start + _AT_ONCE]
            marks = self._mark(step)
            try:
                moment = cast(Moment, await self._writer.submit(_removal(self.folder, step, moment)))
            finally:  # whatever became of it: the files of a run that has no row are nobody's
                for mark in marks:  # one at a time: others wait while files are removed
                    await patiently(lambda: self._clear(mark), "read", self._database, self._patience_s)  # noqa: B023
                    await asyncio.sleep(0)

    async def remove_unneeded(self) -> Freed:
        freed = cast(Freed, await self._writer.submit(lambda connection: _remove_unneeded(connection, self.folder)))

        def remove_files() -> None:
            with reporting("change", self.folder / BLOBS):
                for _ in remove_orphans(self._connection, self.folder):
                    pass

        await patiently(remove_files, "read", self._database, self._patience_s)
        return freed

    async def give_back(self, *, is_rebuilt: bool) -> None:
        await self._writer.finish()
        if is_rebuilt:
            await start_in_thread(self._rebuild, f"rebuild {shown(self._database)}")
        # Who reads meanwhile keeps the log as long as it is: nothing to wait for.
        await patiently(
            lambda: self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(),
            "write",
            self._database,
            self._patience_s,
        )

    def _rebuild(self) -> None:
        try:
            with closing(schema.connect(self._database, self.durability)) as connection:
                connection.execute(f"PRAGMA busy_timeout={int(self._patience_s * 1000)}")
                connection.execute("VACUUM")
        except sqlite3.Error as error:
            raise sqlite_failure("write", self._database, error) from error

    def _mark(self, run_ids: Iterable[str]) -> list[Path]:
        marks = [self.folder / TEMPORARY / mark_of(run_id) for run_id in run_ids]
        with reporting("write", self.folder / TEMPORARY):
            for mark in marks:
                mark.unlink(missing_ok=True)
                os.close(create_private_file(mark))
            if self.durability is Durability.FULL:
                sync_folder(self.folder / TEMPORARY)
        return marks

    def _clear(self, mark: Path) -> None:
        with reporting("change", self.folder / ARTIFACTS):
            clear(self._connection, self.folder, [mark])


def _removal(folder: Path, run_ids: Sequence[str], moment: Moment) -> Callable[[sqlite3.Connection], Moment]:
    """What removes the rows of runs, and returns the moment from which on the next ones are looked at."""

    def remove(connection: sqlite3.Connection) -> Moment:
        if removals_in(connection) != moment.removals:
            raise _changed("another process has removed runs")
        keys = list(_keys_of(connection, folder, run_ids, moment))
        _refuse_needed(connection, run_ids, keys, moment)
        which = f"({', '.join(map(str, keys))})"
        connection.execute(f"DELETE FROM keys WHERE record IN (SELECT seq FROM records WHERE run IN {which})")
        for table in _CHILDREN:
            connection.execute(f"DELETE FROM {table} WHERE run IN {which}")
        connection.execute(f"DELETE FROM runs WHERE seq IN {which}")
        # Numbers of rows that are gone are given out again, and must be indexed then.
        connection.execute(
            "UPDATE indexed SET last = min(last, (SELECT ifnull(max(seq), 0) FROM records)) WHERE name = 'keys'"
        )
        forget(connection)
        count_removal(connection)
        left = moment_of(connection, moment.epochs)  # what comes now may get numbers that were given before
        return left._replace(
            last_run=min(left.last_run, moment.last_run), last_record=min(left.last_record, moment.last_record)
        )

    return remove


def _keys_of(connection: sqlite3.Connection, folder: Path, run_ids: Iterable[str], moment: Moment) -> Iterator[int]:
    """The numbers of runs, which are as they were then.

    Raises:
        RunError: one is not.
    """
    for run_id in run_ids:
        row = connection.execute(
            "SELECT seq, epoch, EXISTS (SELECT 1 FROM kept WHERE run = seq) FROM runs WHERE id = ?", (run_id,)
        ).fetchone()
        if row is None:
            raise _changed(f"run {run_id} is gone")
        key, epoch, is_kept = row
        with reporting("read", folder):
            owner = find_owner(folder, run_id, epoch)
        if owner is not None or epoch != moment.epochs.get(run_id):
            raise _changed(f"somebody has gone on with run {run_id}")
        if is_kept:
            raise _changed(f"run {run_id} is kept")
        yield key


def _refuse_needed(connection: sqlite3.Connection, run_ids: Sequence[str], keys: Sequence[int], moment: Moment) -> None:
    """Raise RunError where a run that has come since, or a record, needs one of the runs."""
    going = set(run_ids)
    for id, parent in connection.execute(
        "SELECT id, json_extract(doc, '$.origin.parent') FROM runs WHERE seq > ? AND json_valid(doc)",
        (moment.last_run,),
    ):
        if parent in going:
            raise _changed(f"run {id} was made from run {parent}")
    for id, run, doc in connection.execute(
        "SELECT id, run, records.doc FROM records JOIN runs ON runs.seq = run WHERE records.seq > ?",
        (moment.last_record,),
    ):
        if run not in keys and (needed := references_in(doc) & going):
            raise _changed(f"run {id} has taken something over from run {min(needed)}")


def _remove_unneeded(connection: sqlite3.Connection, folder: Path) -> Freed:
    """Remove the rows of what no run names."""
    connection.execute(
        "DELETE FROM workflows WHERE hash NOT IN"
        " (SELECT json_extract(doc, '$.workflow_hash') FROM runs WHERE json_valid(doc)"
        " AND json_extract(doc, '$.workflow_hash') IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM runs WHERE NOT json_valid(doc))"
    )
    with reporting("read", folder):
        for owner in live_owners(folder):
            return Freed(is_left=str(owner))
    if connection.execute("SELECT 1 FROM calls WHERE NOT json_valid(doc)").fetchone():
        return Freed(is_left="the row of a call is damaged, and what it names is not known (binex doctor)")
    connection.execute("CREATE TEMP TABLE needed (id BLOB PRIMARY KEY) WITHOUT ROWID")  # a rollback removes it
    sides = ", ".join(f"json_extract(doc, '$.{side}.last')" for side in ("request", "response"))
    lasts = (last for row in connection.execute(f"SELECT {sides} FROM calls") for last in row if is_hash(last))
    connection.executemany("INSERT OR IGNORE INTO temp.needed VALUES (?)", ((bytes.fromhex(one),) for one in lasts))
    connection.execute(
        "WITH RECURSIVE chain (id) AS (SELECT id FROM temp.needed UNION"
        " SELECT previous FROM chain JOIN links ON links.id = chain.id)"
        " INSERT OR IGNORE INTO temp.needed SELECT id FROM chain"
    )
    connection.execute("DELETE FROM links WHERE id NOT IN (SELECT id FROM temp.needed)")
    gone = connection.execute("DELETE FROM blobs WHERE sha256 NOT IN (SELECT blob FROM links)").rowcount
    connection.execute("DROP TABLE temp.needed")
    if gone:
        forget(connection)
    count_removal(connection)
    return Freed(bodies=gone)


def _changed(what: str) -> RunError:
    return RunError(
        f"the store has changed since the plan was made: {what}; what was not removed yet stays",
        fix="look at a new plan with: binex clean",
    )
