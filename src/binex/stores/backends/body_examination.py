"""How the doctor looks at the bodies of calls: every blob, every link, and whether calls find what they name."""

import json
import sqlite3
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from binex.errors import DamagedDataError, StoreError
from binex.stores.backends.bodies import Blob, hex_of, link_id, read_blob
from binex.stores.backends.failures import shown
from binex.stores.backends.filesystem import BLOBS, blob_path
from binex.stores.backends.findings import Finding, damage, info
from binex.stores.backends.lease import live_owners

_FIX: Final = "the other calls can be read; a replay from its node makes this one again"


def examine_bodies(connection: sqlite3.Connection, folder: Path, *, repair: str) -> Iterator[Finding]:
    """Everything that is wrong with bodies; *repair* is the command that removes what nobody needs."""
    users = _Users(connection)
    # What lies there is listed before it is asked for, so that what comes meanwhile is no stranger.
    files = _files_in(folder / BLOBS)
    for sha256, size, content in connection.execute("SELECT sha256, size, content FROM blobs ORDER BY seq"):
        try:
            read_blob(folder, Blob(hex_of(sha256), size, content))
        except (DamagedDataError, StoreError) as error:
            yield damage(f"blob {hex_of(sha256)[:12]}", f"{error.message}; {users.of_blob(sha256)}", error.fix)
    yield from _examine_links(connection, users)
    yield from _examine_calls(connection)
    if not any(live_owners(folder)):
        for path in _without_row(connection, folder, files):
            yield info(shown(path), "was written, but no call names it: a process died in between", repair)
    for path in _strangers(folder, files):
        yield info(shown(path), "is not Binex's")


def remove_orphans(connection: sqlite3.Connection, folder: Path) -> Iterator[Path]:
    """Remove the files of blobs that no commit names; nobody else may be writing.

    Raises:
        OSError: one cannot be removed.
        sqlite3.Error: the database is busy or cannot be read.
    """
    connection.execute("BEGIN IMMEDIATE")  # who begins a run meanwhile waits, and writes its blobs after that
    try:
        if not any(live_owners(folder)):
            for path in _without_row(connection, folder, _files_in(folder / BLOBS)):
                path.unlink(missing_ok=True)
                yield path
    finally:
        connection.execute("ROLLBACK")


def _examine_links(connection: sqlite3.Connection, users: "_Users") -> Iterator[Finding]:
    links = connection.execute(
        "SELECT one.id, one.previous, one.blob, length(one.previous) = 0 OR before.id IS NOT NULL,"
        " blobs.seq IS NOT NULL FROM links AS one LEFT JOIN links AS before ON before.id = one.previous"
        " LEFT JOIN blobs ON sha256 = one.blob"
    )
    for id, previous, sha256, has_previous, has_blob in links:
        name = f"link {hex_of(id)[:12]}"
        if link_id(hex_of(previous), hex_of(sha256)) != hex_of(id):
            yield damage(name, f"is not what was kept; {users.of_link(id)}", _FIX)
            continue
        if not has_previous:
            yield damage(name, f"link {hex_of(previous)[:12]} before it is missing; {users.of_link(id)}", _FIX)
        if not has_blob:
            yield damage(name, f"its blob {hex_of(sha256)[:12]} is missing; {users.of_link(id)}", _FIX)


def _examine_calls(connection: sqlite3.Connection) -> Iterator[Finding]:
    for name, side, last in _bodies(connection):
        if connection.execute("SELECT 1 FROM links WHERE id = ?", (last,)).fetchone() is None:
            yield damage(name, f"the body of its {side} is missing: there is no link {last.hex()[:12]}", _FIX)


class _Users:
    """Which call needs a link or a blob; found out when it is first asked for, since mostly it never is."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._of_link: dict[bytes, str] | None = None

    def of_link(self, id: bytes) -> str:
        if self._of_link is None:
            self._of_link = self._find()
        name = self._of_link.get(id)
        return "no call needs it" if name is None else f"{name} needs it"

    def of_blob(self, sha256: bytes) -> str:
        links = self._connection.execute("SELECT id FROM links WHERE blob = ?", (sha256,))
        found = [text for (id,) in links if (text := self.of_link(id)).endswith("needs it")]
        return found[0] if found else "no call needs it"

    def _find(self) -> dict[bytes, str]:
        users: dict[bytes, str] = {}
        for name, _, last in _bodies(self._connection):
            at = last
            while at and at not in users:
                users[at] = name
                row = self._connection.execute("SELECT previous FROM links WHERE id = ?", (at,)).fetchone()
                at = row[0] if row is not None and isinstance(row[0], bytes) else b""
        return users


def _bodies(connection: sqlite3.Connection) -> Iterator[tuple[str, str, bytes]]:
    """The bodies that calls name: by which call, on which side, and their last link."""
    calls = connection.execute(
        "SELECT runs.id, task, attempt, number, calls.doc FROM calls JOIN runs ON runs.seq = run ORDER BY calls.seq"
    )
    for run_id, task, attempt, number, doc in calls:
        for side in ("request", "response"):
            try:
                last = bytes.fromhex(json.loads(doc)[side]["last"])
            except (ValueError, TypeError, KeyError):  # it has none, or is told of elsewhere
                continue
            if last:
                yield f"call {number} of attempt {attempt} at {task} in run {run_id}", side, last


def _files_in(blobs: Path) -> list[Path]:
    folders = sorted(blobs.iterdir()) if blobs.is_dir() else []
    return list(chain.from_iterable(sorted(path.iterdir()) if path.is_dir() else [path] for path in folders))


def _without_row(connection: sqlite3.Connection, folder: Path, files: list[Path]) -> Iterator[Path]:
    for path in files:
        if _is_blob(folder, path):
            known = connection.execute("SELECT 1 FROM blobs WHERE sha256 = ?", (bytes.fromhex(path.name),))
            if known.fetchone() is None:
                yield path


def _strangers(folder: Path, files: list[Path]) -> Iterator[Path]:
    return (path for path in files if not _is_blob(folder, path))


def _is_blob(folder: Path, path: Path) -> bool:
    is_hash = len(path.name) == 64 and not set(path.name) - set("0123456789abcdef")
    return is_hash and path == blob_path(folder, path.name) and not path.is_dir()
