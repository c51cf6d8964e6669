"""What transactions are made of: one function, one question or one change."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, cast

from binex.errors import DamagedDataError, StoreError
from binex.models.task import Artifact
from binex.stores.backends import rows
from binex.stores.backends.filesystem import MirrorFile, file_bytes, file_name, file_size

INLINE_BYTES: Final = 64 * 1024
"""Contents up to this size ride in the same transaction as their record."""
SELECT_QUESTIONS: Final = (
    "SELECT questions.id, runs.id, task, state, questions.doc FROM questions JOIN runs ON runs.seq = run"
)
"""Rows of questions, as they are read."""


def key_of(connection: sqlite3.Connection, run_id: str) -> int:
    """The number of a run.

    Raises:
        StoreError: there is no such run.
    """
    row = connection.execute("SELECT seq FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise StoreError(f"there is no run {run_id} in the store")
    return cast(int, row[0])


def artifact_row(artifact: Artifact, envelope: bytes) -> tuple[tuple[object, ...], MirrorFile | None]:
    """The row (without the run), and the file that has to follow the commit where none precedes it."""
    name = rows.artifact_name(artifact.run_id, artifact.id)
    sha256 = bytes.fromhex(artifact.sha256)
    size = len(artifact.data)
    doc = envelope.decode()
    if size > INLINE_BYTES:
        return (name, "file", True, size, file_size(envelope, size), sha256, doc, None), None
    file = MirrorFile(artifact.run_id, file_name(artifact.id), file_bytes(envelope, artifact.data))
    return (name, "inline", False, size, len(file.data), sha256, doc, artifact.data), file


def require_same(connection: sqlite3.Connection, key: int, artifact: Artifact) -> bool:
    """Whether the artifact is in the store.

    Raises:
        StoreError: there is another one with its id.
    """
    where = (key, rows.artifact_name(artifact.run_id, artifact.id))
    row = connection.execute("SELECT sha256 FROM artifacts WHERE run = ? AND name = ?", where).fetchone()
    if row is None:
        return False
    if row[0] != bytes.fromhex(artifact.sha256):
        raise StoreError(f"there is an artifact {artifact.id} already, with other content; the first one stays")
    return True


def replace_unreadable(connection: sqlite3.Connection, key: int, run_id: str, row: tuple[str, int, str]) -> bool:
    """Put a record in the place of one that is damaged; without that, its task could never end again."""
    task, attempt, doc = row
    where = (key, task, attempt)
    old = connection.execute("SELECT doc FROM records WHERE run = ? AND task = ? AND attempt = ?", where)
    try:
        rows.read_record(run_id, (task, attempt, old.fetchone()[0]))
    except DamagedDataError:
        connection.execute("UPDATE records SET doc = ? WHERE run = ? AND task = ? AND attempt = ?", (doc, *where))
        return True
    return False


def keep_snapshot(connection: sqlite3.Connection, row: tuple[str, bytes, str]) -> None:
    """Keep a snapshot, unless it is there; one that is damaged is replaced."""
    workflow_hash = row[0]
    old = connection.execute("SELECT sha256, doc FROM workflows WHERE hash = ?", (workflow_hash,)).fetchone()
    if old is not None:
        with suppress(DamagedDataError):
            rows.read_source(workflow_hash, old)
            return
    connection.execute("INSERT OR REPLACE INTO workflows (hash, sha256, doc) VALUES (?, ?, ?)", row)


def confirmation(key: int, artifacts: Iterable[int]) -> Callable[[sqlite3.Connection], None]:
    """What leaves the files of artifacts (their rows' numbers) as the only copies of their contents."""

    def confirm(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "UPDATE artifacts SET is_confirmed = 1, content = NULL WHERE seq = ?", [(seq,) for seq in artifacts]
        )
        connection.execute(
            "UPDATE runs SET is_confirmed = 1 WHERE seq = ?"
            " AND NOT EXISTS (SELECT 1 FROM artifacts WHERE run = runs.seq AND is_confirmed = 0)",
            (key,),
        )

    return confirm
