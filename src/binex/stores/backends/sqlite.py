"""The store on disk: a SQLite database in WAL mode, and one JSON file an artifact.

What is settled is committed, together with everything else that was settled in the same turn of the event
loop; artifact files follow the commit, or precede it where they are too large to stand in the database.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from binex.errors import InputError, RunOwnedError, StoreError
from binex.models.call import BodyPart, Call
from binex.models.event import TaskStarted
from binex.models.names import is_name
from binex.models.question import Answer, Question, QuestionState
from binex.models.run import Durability, Run
from binex.models.task import Artifact, ExecutionRecord
from binex.models.workflow_source import WorkflowSource
from binex.stores.backends import rows
from binex.stores.backends.bundles import Intake
from binex.stores.backends.calls import Calls
from binex.stores.backends.failures import shown
from binex.stores.backends.filesystem import (
    ARTIFACTS,
    DATABASE,
    LOCKS,
    TEMPORARY,
    Mirror,
    artifact_path,
    file_pieces,
    prepare_folder,
    remove_dead_temporaries,
    reporting,
)
from binex.stores.backends.importing import clear_unfinished
from binex.stores.backends.large import LargeFiles
from binex.stores.backends.lease import ANSWERED, CANCEL, RunLease, find_owner, remove_lock, tell_owner
from binex.stores.backends.notes import Notes, ignore_failure
from binex.stores.backends.opening import open_reading, open_writing
from binex.stores.backends.questions import LONGEST_WAIT_S, answering, asking, closing
from binex.stores.backends.reader import patiently
from binex.stores.backends.removing import Removing
from binex.stores.backends.repair import Repair
from binex.stores.backends.statements import (
    INLINE_BYTES,
    artifact_row,
    bookmarking,
    confirmation,
    keep_snapshot,
    key_of,
    replace_unreadable,
    require_runs,
    require_same,
)
from binex.stores.backends.writer import Writer
from binex.stores.bundle_store import Cargo


@asynccontextmanager
async def open_sqlite_store(
    folder: Path,
    *,
    durability: Durability = Durability.FULL,
    read_only: bool = False,
    on_notice: Callable[[str], None] = lambda _: None,
    patience_s: float = 60.0,
) -> AsyncIterator["SqliteStore"]:
    """Open the store in *folder*, the ``.binex`` folder itself; make it where there is none.

    With *read_only* nothing is made, upgraded or repaired. *on_notice* hears what a person should know: waiting
    for another process, rows that cannot be read. *patience_s* is how long another process's lock is waited for.

    Raises:
        InputError: there is nothing to be read.
        StoreError: the store cannot be opened, is damaged or was written by a newer Binex.
    """
    database = folder / DATABASE
    if read_only:
        connection = await patiently(lambda: open_reading(database), "read", database, patience_s)
    else:
        prepare_folder(folder)
        connection = await patiently(lambda: open_writing(database, durability), "write", database, patience_s)
    store = SqliteStore(folder, connection, durability=durability, patience_s=patience_s, on_notice=on_notice)
    try:
        if read_only:
            store.refuse_writing()
        else:
            await store.tidy()
        yield store
        await store.flush()
    finally:
        store.close()


class SqliteStore(Removing):
    """A RunStore on disk. Opened by :func:`open_sqlite_store`; belongs to one event loop."""

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        *,
        durability: Durability,
        patience_s: float,
        on_notice: Callable[[str], None],
    ) -> None:
        super().__init__(folder, connection, patience_s=patience_s, on_notice=on_notice)
        self.durability = durability
        self._leases: dict[str, RunLease] = {}
        self._mirror = Mirror(folder)
        self._writer = Writer(
            connection, self._database, mirror=self._mirror, patience_s=patience_s, on_notice=on_notice
        )
        self._large = LargeFiles(is_synced=durability is Durability.FULL)
        self._calls = Calls(folder, connection, self._writer, self._large)
        self._notes = Notes(self._writer)

    # --- outcomes -------------------------------------------------------------------------------------------

    async def record(self, execution_record: ExecutionRecord) -> None:
        await self.settle([execution_record])

    async def store(self, artifact: Artifact) -> None:
        await self.settle([], [artifact])

    async def settle(self, records: Sequence[ExecutionRecord], artifacts: Sequence[Artifact] = ()) -> None:
        """Keep records and artifacts of one run; see the protocol.

        Where every record was kept before, the artifacts are not looked at: the first outcome stays whole.
        """
        run_ids = {record.run_id for record in records} | {artifact.run_id for artifact in artifacts}
        if not run_ids:
            return
        if len(run_ids) > 1:
            raise ValueError(f"an outcome belongs to one run, not to {', '.join(sorted(run_ids))}")
        (run_id,) = run_ids
        await self._calls.wait()
        large = [artifact for artifact in artifacts if len(artifact.data) > INLINE_BYTES]
        if not large:
            await self._writer.submit(self._keeping(run_id, records, artifacts), self._leases.get(run_id))
            return
        async with self._large.alone([artifact.id for artifact in large]):
            new = await patiently(lambda: self._not_kept(run_id, large), "read", self._database, self._patience_s)
            for artifact in new:
                path = artifact_path(self.folder, run_id, artifact.id)
                await self._large.write(
                    f"artifact {artifact.id}", path, file_pieces(rows.envelope_of(artifact), artifact.data)
                )
            await self._writer.submit(self._keeping(run_id, records, artifacts), self._leases.get(run_id))

    def _not_kept(self, run_id: str, artifacts: Sequence[Artifact]) -> list[Artifact]:
        """Those whose files have to be written; raises what the commit would, before anything is written for it."""
        self._writer.require_usable()
        if lease := self._leases.get(run_id):
            self._writer.require_owned(lease)
        key = key_of(self._connection, run_id)
        return [artifact for artifact in artifacts if not require_same(self._connection, key, artifact)]

    def _keeping(
        self, run_id: str, records: Sequence[ExecutionRecord], artifacts: Sequence[Artifact]
    ) -> Callable[[sqlite3.Connection], None]:
        """What keeps an outcome as a part of a transaction; all that can be made ready before is."""
        lease = self._leases.get(run_id)
        kept_records = [(record.task, record.attempt, rows.record_doc(record)) for record in records]
        kept_artifacts = [(artifact, *artifact_row(artifact, rows.envelope_of(artifact))) for artifact in artifacts]
        delete_notes = self._notes.end(run_id, [(record.task, record.attempt) for record in records])

        def keep(connection: sqlite3.Connection) -> None:
            execute = connection.execute
            key = key_of(connection, run_id) if lease is None else lease.key
            if lease is None:
                execute("UPDATE runs SET is_confirmed = 0 WHERE seq = ? AND is_confirmed = 1", (key,))
            is_new = not kept_records
            for row in kept_records:
                inserted = execute(
                    "INSERT OR IGNORE INTO records (run, task, attempt, doc) VALUES (?, ?, ?, ?)", (key, *row)
                )
                is_new |= bool(inserted.rowcount) or replace_unreadable(connection, key, run_id, row)
            if delete_notes is not None:
                delete_notes(connection, key)
            if not is_new:
                return
            if lease is not None:
                require_runs(connection, records)
            for artifact, values, file in kept_artifacts:
                inserted = execute(
                    "INSERT OR IGNORE INTO artifacts"
                    " (run, name, place, is_confirmed, size, file_size, sha256, doc, content)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (key, *values),
                )
                if not inserted.rowcount:
                    require_same(connection, key, artifact)
                elif file is not None:
                    self._mirror.stage(file)

        return keep

    # --- runs -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def open_run(self, run: Run, source: WorkflowSource) -> AsyncIterator[RunLease]:
        if not is_name(run.id):
            raise StoreError(f"not a run id: {run.id!r:.80}")
        row = (run.id, run.workflow, run.status, rows.run_doc(run))
        snapshot = rows.source_row(run.workflow_hash, source)
        lease: RunLease | None = None

        def insert(connection: sqlite3.Connection) -> None:
            nonlocal lease
            inserted = connection.execute(
                "INSERT OR IGNORE INTO runs (id, workflow, status, epoch, doc) VALUES (?, ?, ?, 1, ?)", row
            )
            if not inserted.rowcount:
                raise StoreError(f"there is a run {run.id} already; the first one stays")
            keep_snapshot(connection, snapshot)
            lease = lease or self._acquire(run.id, 1)
            lease.key = cast(int, inserted.lastrowid)

        try:
            await self._writer.submit(insert)
            assert lease is not None
            async with self._holding(lease):
                yield lease
        finally:
            if lease is not None:
                lease.release()

    @asynccontextmanager
    async def take_run(self, run_id: str) -> AsyncIterator[RunLease]:
        lease: RunLease | None = None

        def take(connection: sqlite3.Connection) -> None:
            nonlocal lease
            row = connection.execute("SELECT seq, epoch FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row is None:
                raise InputError(f"no run {run_id!r:.80} in {shown(self.folder)}", fix="list the runs with: binex runs")
            key, epoch = row
            with reporting("read", self.folder / LOCKS / run_id):
                owner = find_owner(self.folder, run_id, epoch)
            if owner is not None:
                raise RunOwnedError(str(owner), fix=f"let it end, or stop it with: binex cancel {run_id}")
            if lease is not None and lease.epoch != epoch + 1:  # taken and lost while this waited for its turn
                lease.release()
                lease = None
            lease = lease or self._acquire(run_id, epoch + 1)
            lease.key = key
            connection.execute("UPDATE runs SET epoch = ?, is_confirmed = 0 WHERE seq = ?", (lease.epoch, key))
            connection.execute("DELETE FROM running WHERE run = ?", (key,))

        try:
            await self._writer.submit(take)
            assert lease is not None
            remove_lock(self.folder, run_id, lease.epoch - 1)
            async with self._holding(lease):
                yield lease
        finally:
            if lease is not None:
                lease.release()

    def _acquire(self, run_id: str, epoch: int) -> RunLease:
        with reporting("write", self.folder / LOCKS / f"{run_id}.{epoch}"):
            return RunLease.acquire(self.folder, run_id, epoch)

    @asynccontextmanager
    async def _holding(self, lease: RunLease) -> AsyncIterator[None]:
        with reporting("write", self.folder / LOCKS / lease.run_id):
            lease.listen()
        self._leases[lease.run_id] = lease
        try:
            yield
        finally:
            if self._leases.get(lease.run_id) is lease:
                del self._leases[lease.run_id]
            self._notes.end_run(lease.run_id)

    async def is_owned(self, run_id: str) -> bool:
        epoch = await self._epoch_of(run_id)
        with reporting("read", self.folder / LOCKS / run_id):
            return epoch is not None and find_owner(self.folder, run_id, epoch) is not None

    async def request_cancel(self, run_id: str) -> bool:
        epoch = await self._epoch_of(run_id)
        return epoch is not None and tell_owner(self.folder, run_id, epoch, CANCEL)

    async def _epoch_of(self, run_id: str) -> int | None:
        found = await self._read("SELECT epoch FROM runs WHERE id = ?", run_id)
        return found[0][0] if found else None

    async def save_run(self, run: Run) -> None:
        row = (run.workflow, run.status, rows.run_doc(run), run.id)

        def update(connection: sqlite3.Connection) -> None:
            if not connection.execute("UPDATE runs SET workflow = ?, status = ?, doc = ? WHERE id = ?", row).rowcount:
                raise StoreError(f"there is no run {run.id} in {shown(self.folder)}")

        await self._writer.submit(update, self._leases.get(run.id))

    async def note_running(self, started: Sequence[TaskStarted]) -> None:
        for run_id in {one.run_id for one in started}:
            if lease := self._leases.get(run_id):
                self._notes.write(lease, [one for one in started if one.run_id == run_id])

    # --- calls ----------------------------------------------------------------------------------------------

    def keep_call(self, call: Call, parts: Sequence[BodyPart]) -> None:
        self._calls.keep(call, parts, self._leases.get(call.run_id))

    async def keep_bookmark(self, run_id: str, task: str, name: str, value: JsonValue) -> None:
        await self._writer.submit(bookmarking(run_id, task, name, value), self._leases.get(run_id))

    # --- questions ------------------------------------------------------------------------------------------

    async def ask(self, question: Question) -> Question:
        return cast(Question, await self._writer.submit(asking(question), self._leases.get(question.run_id)))

    async def answer(self, question_id: str, answer: Answer) -> Question:
        # Bound to no lease: whoever is asked need not execute the run.
        question = cast(Question, await self._writer.submit(answering(question_id, answer)))
        await self._wake(question.run_id)
        return question

    async def close_question(self, question_id: str, state: QuestionState, answer: Answer | None = None) -> Question:
        question = cast(Question, await self._writer.submit(closing(question_id, state, answer)))
        await self._wake(question.run_id)
        return question

    async def _wake(self, run_id: str) -> None:
        """Tell the owner of a run that one of its questions has ended."""
        if lease := self._leases.get(run_id):
            lease.hear_answer()
        elif (epoch := await self._epoch_of(run_id)) is not None:
            tell_owner(self.folder, run_id, epoch, ANSWERED)

    async def wait_for_answer(self, run_id: str) -> None:
        lease = self._leases.get(run_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT_S):
                await (asyncio.sleep(LONGEST_WAIT_S) if lease is None else lease.wait_for_answer())

    # --- bundles --------------------------------------------------------------------------------------------

    async def take_in(self, cargo: Cargo) -> None:
        self._writer.require_usable()
        is_synced = self.durability is Durability.FULL
        intake = Intake(self.folder, self._connection, self._writer, self._mirror, is_synced=is_synced)
        await intake.take_in(cargo, self._keeping, patience_s=self._patience_s, on_notice=self._on_notice)

    # --- the whole ------------------------------------------------------------------------------------------

    async def flush(self) -> None:
        await self._calls.wait()
        await self._writer.finish()

    async def tidy(self) -> None:
        """Set right what processes that died have left: temporary files, and artifact files not yet written.

        Raises:
            StoreError: the folder cannot be written.
        """
        repair = Repair(self._connection, self.folder, self._mirror, self._on_notice)

        def restore() -> list[tuple[int, list[int]]]:
            with reporting("write", self.folder / ARTIFACTS):
                clear_unfinished(self._connection, self.folder)
                remove_dead_temporaries(self.folder / TEMPORARY)
                repair.restore_interrupted()
                return repair.confirm_some()

        for key, artifacts in await patiently(restore, "read", self._database, self._patience_s):
            self._writer.submit(confirmation(key, artifacts)).add_done_callback(ignore_failure)

    def refuse_writing(self) -> None:
        """Fail every write from now on: the store was opened for reading."""
        self._writer.refuse(StoreError(f"{shown(self.folder)} was opened for reading only"))

    def close(self) -> None:
        """Give everything back. What was acknowledged is durable; files still to be written are, at the next open."""
        self._calls.close()
        self._writer.close()
        self._mirror.close()
        self._connection.close()
