"""What transactions are made of: one function, one question or one change."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, cast

from pydantic import JsonValue
from pydantic_core import to_json

from binex.errors import DamagedDataError, StoreError
from binex.models.task import Artifact, ExecutionRecord
from binex.stores.backends import rows
from binex.stores.backends.filesystem import MirrorFile, file_bytes, file_name, file_size

INLINE_BYTES: Final = 64 * 1024
"""Contents up to this size ride in the same transaction as their record."""
SELECT_QUESTIONS: Final = (
    "SELECT questions.id, runs.id, task, state, questions.doc FROM questions JOIN runs ON runs.seq = run"
)
"""Rows of questions, as they are read."""
_REMOVALS: Final = "removals"
"""The name under which the table ``indexed`` counts them."""


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


def removals_in(connection: sqlite3.Connection) -> int:
    """How often something was removed from the store."""
    row = connection.execute("SELECT last FROM indexed WHERE name = ?", (_REMOVALS,)).fetchone()
    return 0 if row is None else int(row[0])


def count_removal(connection: sqlite3.Connection) -> int:
    """Make it known that something was removed, so that nobody counts on it; how often that was."""
    removals = removals_in(connection) + 1
    connection.execute("INSERT OR REPLACE INTO indexed (name, last) VALUES (?, ?)", (_REMOVALS, removals))
    return removals


def require_runs(connection: sqlite3.Connection, records: Iterable[ExecutionRecord]) -> None:
    """Refuse outcomes whose artifacts are of a run that somebody has removed since they were looked up.

    Raises:
        StoreError: there is such a run.
    """
    reused = {
        record.reused_from
        for record in records
        if record.reused_from and any(id.startswith(f"{record.reused_from}~") for id in record.output_artifacts)
    }
    for run_id in sorted(reused):
        if connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone() is None:
            raise StoreError(
                f"run {run_id}, whose outcomes were being taken over, has been removed meanwhile",
                fix="go on without them: binex resume",
            )


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


def bookmarking(run_id: str, task: str, name: str, value: JsonValue) -> Callable[[sqlite3.Connection], None]:
    """What keeps a bookmark."""
    doc = to_json(value).decode()

    def keep(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO bookmarks (run, task, name, doc) VALUES (?, ?, ?, ?)",
            (key_of(connection, run_id), task, name, doc),
        )

    return keep


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
