"""Takes runs from elsewhere into a store on disk, whole or not at all.

Large contents are staged first, under temporary names. Then one transaction writes all rows, and moves what is staged
into its place right before it is committed. Should the process die between the two, files lie there that no row
names: so a mark, made before and removed after, says whose they are, and whoever next opens the store for writing
removes them. Runs that are removed leave the same marks. Files of small artifacts follow the commit, like those of a
run that is executed here.
"""

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic_core import to_json

from binex.errors import StoreError
from binex.models.task import Artifact, ArtifactInfo, ExecutionRecord
from binex.stores.backends import rows
from binex.stores.backends.filesystem import (
    ARTIFACTS,
    TEMPORARY,
    artifact_path,
    blob_path,
    create_private_file,
    file_pieces,
    file_size,
    is_dead_temporary,
    make_private_folder,
    reporting,
    sync_folder,
    temporary_name,
    write_all,
)
from binex.stores.backends.lease import live_owners
from binex.stores.backends.questions import asking
from binex.stores.backends.statements import INLINE_BYTES, artifact_row, keep_snapshot, key_of
from binex.stores.bundle_store import Cargo, Content

KeepRecords = Callable[[str, Sequence[ExecutionRecord]], Callable[[sqlite3.Connection], None]]
"""Makes what keeps some records of a run as a part of a transaction."""
_BATCH: Final = 256
_numbers: Final = itertools.count()


class Importing:
    """One cargo on its way into a store: :meth:`stage` it, :meth:`keep` it in a transaction, then :meth:`finish`.

    :meth:`abandon` removes what an import that failed has left.
    """

    def __init__(self, folder: Path, cargo: Cargo, *, is_synced: bool) -> None:
        self._folder = folder
        self._cargo = cargo
        self._is_synced = is_synced
        self._artifacts: dict[Path, Path] = {}
        self._blobs: dict[Path, Path] = {}
        self._marks = [folder / TEMPORARY / mark_of(run.id) for run in cargo.runs]

    def stage(self, connection: sqlite3.Connection) -> None:
        """Write all that is too large for the database under temporary names.

        Raises:
            InputError: the cargo is no longer what was verified.
            StoreError: a file cannot be written.
            sqlite3.Error: the database cannot be read.
        """
        with reporting("write", self._folder / TEMPORARY / "a run that is being imported"):
            for info, content in self._cargo.artifacts():
                if info.size > INLINE_BYTES:
                    before, between, _, after = file_pieces(to_json(info), b"")
                    path = artifact_path(self._folder, info.run_id, info.id)
                    self._artifacts[path] = self._write([before, between], content, after)
            for content in self._cargo.blobs():
                path = blob_path(self._folder, content.sha256)
                if content.size > INLINE_BYTES and not self._has_file(connection, content):
                    self._blobs[path] = self._write([], content, b"")
            if self._artifacts:
                for mark in self._marks:
                    mark.unlink(missing_ok=True)
                    os.close(create_private_file(mark))

    def keep(self, connection: sqlite3.Connection, keep_records: KeepRecords) -> None:
        """Write every row, and bring what was staged into its place.

        Raises:
            InputError: the cargo is no longer what was verified.
            StoreError: there is a run with one of the ids already, or a file cannot be moved.
            sqlite3.Error: the database cannot be written.
        """
        cargo = self._cargo
        for run in cargo.runs:
            inserted = connection.execute(
                "INSERT OR IGNORE INTO runs (id, workflow, status, epoch, doc) VALUES (?, ?, ?, 1, ?)",
                (run.id, run.workflow, run.status, rows.run_doc(run)),
            )
            if not inserted.rowcount:
                raise StoreError(f"there is a run {run.id} already; the first one stays")
        for workflow_hash, source in cargo.sources.items():
            keep_snapshot(connection, rows.source_row(workflow_hash, source))
        for run_id, records in _batches(cargo.records()):
            keep_records(run_id, records)(connection)
        self._keep_artifacts(connection)
        self._keep_calls(connection)
        for question in cargo.questions():
            asking(question)(connection)
        self._move()
        for bookmark in cargo.bookmarks():
            connection.execute(
                "INSERT INTO bookmarks (run, task, name, doc) VALUES (?, ?, ?, ?)",
                (key_of(connection, bookmark.run_id), bookmark.task, bookmark.name, to_json(bookmark.value).decode()),
            )

    def finish(self) -> None:
        """The transaction was committed."""
        for mark in self._marks:
            mark.unlink(missing_ok=True)

    def abandon(self, connection: sqlite3.Connection) -> None:
        """The transaction was not made: remove all files that were written for it.

        Raises:
            OSError: a file cannot be removed.
            sqlite3.Error: the database cannot be read.
        """
        for staged in (*self._artifacts.values(), *self._blobs.values()):
            staged.unlink(missing_ok=True)
        clear(connection, self._folder, [mark for mark in self._marks if mark.exists()])
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not any(live_owners(self._folder)):  # who executes a run may need the same blob, and not have said so
                for path in self._blobs:
                    if not _is_kept(connection, path.name):
                        path.unlink(missing_ok=True)
        finally:
            connection.execute("ROLLBACK")

    def _write(self, before: Iterable[bytes], content: Content, after: bytes) -> Path:
        path = self._folder / TEMPORARY / temporary_name(f"import-{next(_numbers)}")
        path.unlink(missing_ok=True)
        file = create_private_file(path)
        try:
            for piece in itertools.chain(before, content.pieces, (after,)):
                write_all(file, piece)
            if self._is_synced:
                os.fsync(file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)
        return path

    def _keep_artifacts(self, connection: sqlite3.Connection) -> None:
        for info, content in self._cargo.artifacts():
            if info.size > INLINE_BYTES:
                values = _row_of_large(info)
            else:
                fields = {field: getattr(info, field) for field in ArtifactInfo.model_fields}
                artifact = Artifact.model_construct(**fields, data=b"".join(content.pieces))
                values, _ = artifact_row(artifact, to_json(info))  # its file is written after the commit
            connection.execute(
                "INSERT INTO artifacts (run, name, place, is_confirmed, size, file_size, sha256, doc, content)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key_of(connection, info.run_id), *values),
            )

    def _keep_calls(self, connection: sqlite3.Connection) -> None:
        for content in self._cargo.blobs():
            data = None if self._has_file(connection, content) else b"".join(content.pieces)
            connection.execute(
                "INSERT OR IGNORE INTO blobs (sha256, size, content) VALUES (?, ?, ?)",
                (bytes.fromhex(content.sha256), content.size, data),
            )
        for link in self._cargo.links():
            connection.execute(
                "INSERT OR IGNORE INTO links (id, previous, blob) VALUES (?, ?, ?)", tuple(map(bytes.fromhex, link))
            )
        for call in self._cargo.calls():
            connection.execute(
                "INSERT INTO calls (run, task, attempt, number, doc) VALUES (?, ?, ?, ?, ?)",
                (key_of(connection, call.run_id), call.task, call.attempt, call.number, rows.call_doc(call)),
            )

    def _has_file(self, connection: sqlite3.Connection, content: Content) -> bool:
        """Whether a file holds the blob; one that was there may have been removed while others were staged."""
        if content.size <= INLINE_BYTES:
            return False
        path = blob_path(self._folder, content.sha256)
        return path in self._blobs or (path.exists() and _is_kept(connection, content.sha256))

    def _move(self) -> None:
        """Give what was staged its name. Nothing is done twice where the transaction has to be made again."""
        with reporting("write", self._folder / ARTIFACTS):
            for path, staged in (*self._artifacts.items(), *self._blobs.items()):
                if staged.exists():
                    make_private_folder(path.parent)
                    staged.rename(path)
            if self._is_synced:
                folders = {path.parent for path in (*self._artifacts, *self._blobs)}
                for folder in sorted(folders | {folder.parent for folder in folders}):
                    sync_folder(folder)


# --- what a process that died has left --------------------------------------------------------------------------


def unfinished_imports(folder: Path) -> dict[Path, str]:
    """The marks of imports and removals that go on or have died, and the runs that they are of."""
    found = {}
    with suppress(FileNotFoundError):
        for path in (folder / TEMPORARY).iterdir():
            if run_id := _run_of(path.name):
                found[path] = run_id
    return found


def clear_unfinished(connection: sqlite3.Connection, folder: Path) -> list[Path]:
    """Remove the files of runs that were being imported, or removed, by processes that died; the files' folders.

    Raises:
        OSError: a file cannot be removed.
        sqlite3.Error: the database is busy or cannot be read.
    """
    marks = [mark for mark in unfinished_imports(folder) if is_dead_temporary(mark.name)]
    return clear(connection, folder, marks) if marks else []


def clear(connection: sqlite3.Connection, folder: Path, marks: Sequence[Path]) -> list[Path]:
    """Remove the files of the runs with these marks that have no row, and the marks; the files' folders.

    Files are moved into their place inside a transaction: while this one lasts, what no row names has died.

    Raises:
        OSError: a file cannot be removed.
        sqlite3.Error: the database is busy or cannot be read.
    """
    cleared = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        for mark in marks:
            run_id = _run_of(mark.name)
            place = folder / ARTIFACTS / run_id
            if connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone() is None and place.is_dir():
                for path in place.iterdir():
                    path.unlink(missing_ok=True)
                place.rmdir()
                cleared.append(place)
            mark.unlink(missing_ok=True)
    finally:
        connection.execute("ROLLBACK")
    return cleared


def mark_of(run_id: str) -> str:
    """The name of the mark that says that files of a run are about to have no row."""
    return temporary_name(f"imports-{run_id}")


def _run_of(name: str) -> str:
    """The run that a mark is of; empty where the name is not one's."""
    _, _, use = name.removeprefix(".tmp-").partition("-")
    return use.removeprefix("imports-") if use.startswith("imports-") else ""


def _is_kept(connection: sqlite3.Connection, sha256: str) -> bool:
    return connection.execute("SELECT 1 FROM blobs WHERE sha256 = ?", (bytes.fromhex(sha256),)).fetchone() is not None


def _row_of_large(info: ArtifactInfo) -> tuple[object, ...]:
    envelope = to_json(info)
    name = rows.artifact_name(info.run_id, info.id)
    sha256 = bytes.fromhex(info.sha256)
    return (name, "file", True, info.size, file_size(envelope, info.size), sha256, envelope.decode(), None)


def _batches(records: Iterator[ExecutionRecord]) -> Iterator[tuple[str, list[ExecutionRecord]]]:
    """Records in their order, those of one run that follow each other together, a few hundred at a time."""
    for run_id, group in itertools.groupby(records, key=lambda record: record.run_id):
        while batch := list(itertools.islice(group, _BATCH)):
            yield run_id, batch
