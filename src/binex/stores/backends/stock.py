"""What is in a store on disk: every run with what it takes and what it needs, in a handful of queries."""

import os
import re
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Final

from binex.stores.backends.filesystem import (
    ARTIFACTS,
    BACKUPS,
    BLOBS,
    DATABASE,
    TEMPORARY,
    is_dead_temporary,
)
from binex.stores.backends.lease import live_owners
from binex.stores.backends.statements import removals_in
from binex.stores.removal_store import FolderSizes, Moment, Stock, StoredBody, StoredRun

_BYTES: Final = "length(CAST(doc AS BLOB))"
_TABLES: Final = {
    "records": _BYTES,
    "artifacts": f"{_BYTES} + ifnull(length(content), 0)",
    "running": _BYTES,
    "calls": _BYTES,
    "questions": _BYTES,
    "bookmarks": _BYTES,
}
"""What belongs to one run, and how many bytes of each row are counted."""
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z")
_ROW_BYTES: Final = 48
"""What a row takes besides its document: its other columns, and its places in the indexes."""
_REFERENCE: Final = re.compile(r'"([A-Za-z0-9_-][A-Za-z0-9_.-]{0,63})~')
_REUSED: Final = re.compile(r'"reused_from":"([A-Za-z0-9_-][A-Za-z0-9_.-]{0,63})"')


def take_stock(connection: sqlite3.Connection, folder: Path) -> Stock:
    """Everything that is there, as one snapshot.

    Raises:
        sqlite3.Error: the database cannot be read.
        OSError: a folder cannot be read.
    """
    connection.execute("BEGIN")
    try:
        block = os.statvfs(folder).f_frsize or 4096
        said = _Said.of(connection, block)
        runs = list(_runs(connection, folder, said, block))
        return Stock(
            runs=runs,
            bodies=said.bodies,
            shared_rows=_bytes_of_snapshots(connection) + said.unused_rows(run.bodies for run in runs),
            folder=_folder_sizes(connection, folder, said.filed),
            has_live_owner=any(live_owners(folder)),
            moment=moment_of(connection, {run.id: run.epoch for run in runs}),
        )
    finally:
        connection.execute("ROLLBACK")


def moment_of(connection: sqlite3.Connection, epochs: Mapping[str, int]) -> Moment:
    """How far the store has come."""
    last_run, last_record = (
        connection.execute(f"SELECT ifnull(max(seq), 0) FROM {table}").fetchone()[0] for table in ("runs", "records")
    )
    return Moment(removals_in(connection), last_run, last_record, epochs)


def references_in(doc: str) -> set[str]:
    """The ids of runs that the document of a record names, whether or not it can be read as JSON."""
    return set(_REFERENCE.findall(doc)) | set(_REUSED.findall(doc))


# --- runs -----------------------------------------------------------------------------------------------------


def _runs(connection: sqlite3.Connection, folder: Path, said: "_Said", block: int) -> Iterator[StoredRun]:
    rows: defaultdict[int, int] = defaultdict(int)
    counted: dict[str, dict[int, int]] = {}
    for table, size in _TABLES.items():
        counted[table] = {}
        for run, count, total in connection.execute(f"SELECT run, count(*), sum({size}) FROM {table} GROUP BY run"):
            rows[run] += total + count * _ROW_BYTES
            counted[table][run] = count
    files = dict(
        connection.execute(
            f"SELECT run, sum((file_size + {block - 1}) / {block} * {block}) FROM artifacts GROUP BY run"
        )
    )
    references = _references(connection)
    kept = {run: name or "" for run, name in connection.execute("SELECT run, name FROM kept")}
    asked = {run for (run,) in connection.execute("SELECT run FROM questions WHERE state = 'open'")}
    owned = {owner.run_id for owner in live_owners(folder)}
    lasts = _bodies_by_run(connection)
    found = connection.execute(
        "SELECT seq, id, workflow, status, epoch, length(CAST(doc AS BLOB)),"
        " CASE WHEN json_valid(doc) THEN json_extract(doc, '$.started_at') END,"
        " CASE WHEN json_valid(doc) THEN json_extract(doc, '$.origin.parent') END FROM runs ORDER BY seq"
    )
    for seq, id, workflow, status, epoch, size, started_at, parent in found:
        yield StoredRun(
            id=id,
            workflow=workflow,
            status=status,
            started_at=_moment(started_at),
            epoch=epoch,
            is_owned=id in owned,
            has_questions=seq in asked,
            kept_as=kept.get(seq),
            parent=parent if isinstance(parent, str) else None,
            takes_from=frozenset(references.get(seq, ())) - {id},
            rows=rows[seq] + size + _ROW_BYTES,
            files=files.get(seq, 0),
            artifacts=counted["artifacts"].get(seq, 0),
            calls=counted["calls"].get(seq, 0),
            bodies=said.in_calls(lasts.get(seq, ())),
        )


def _references(connection: sqlite3.Connection) -> dict[int, set[str]]:
    """The runs that others took something over from. Only where a record says so, or its run was made from another."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for run, doc in connection.execute(
        "SELECT run, doc FROM records WHERE doc GLOB '*\"reused_from\"*'"
        " OR run IN (SELECT seq FROM runs WHERE doc GLOB '*\"origin\"*')"
    ):
        found[run] |= references_in(doc)
    return found


def _moment(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


# --- what was said --------------------------------------------------------------------------------------------


class _Said:
    """Which bodies stand behind which links. Hashes are known by their first 64 bits: this only measures."""

    def __init__(self) -> None:
        self.bodies: list[StoredBody] = []
        self.filed: set[str] = set()
        self._of_link: dict[int, int] = {}
        self._before = array("q")
        self._body = array("q")
        self._seen_by = array("q")
        self._asked = 0

    @classmethod
    def of(cls, connection: sqlite3.Connection, block: int) -> "_Said":
        said = cls()
        places: dict[int, int] = {}
        for sha256, size, inline in connection.execute("SELECT sha256, size, length(content) FROM blobs ORDER BY seq"):
            places[_short(sha256)] = len(said.bodies)
            said.bodies.append(
                StoredBody(0, -(-size // block) * block) if inline is None else StoredBody(inline + _ROW_BYTES, 0)
            )
            if inline is None:
                said.filed.add(sha256.hex())
        links = connection.execute("SELECT id, previous, blob FROM links").fetchall
        for number, (id, previous, blob) in enumerate(links()):
            said._of_link[_short(id)] = number
            said._before.append(_short(previous))
            said._body.append(places.get(_short(blob), -1))
        for number, previous in enumerate(said._before):
            said._before[number] = said._of_link.get(previous, -1)
        said._seen_by = array("q", bytes(8 * len(said._before)))
        return said

    def in_calls(self, lasts: Iterable[int]) -> "array[int]":
        """The bodies that are said where bodies end with these links, each once."""
        self._asked += 1
        found = set()
        for last in lasts:
            at = self._of_link.get(last, -1)
            while at >= 0 and self._seen_by[at] != self._asked:
                self._seen_by[at] = self._asked
                found.add(self._body[at])
                at = self._before[at]
        found.discard(-1)
        return array("q", sorted(found))

    def unused_rows(self, used: Iterable[Iterable[int]]) -> int:
        """How many bytes of rows no call needs."""
        is_used = bytearray(len(self.bodies))
        for index in chain.from_iterable(used):
            is_used[index] = 1
        return sum(body.rows for body, used_here in zip(self.bodies, is_used, strict=True) if not used_here)


def _bodies_by_run(connection: sqlite3.Connection) -> dict[int, list[int]]:
    """The last links of the bodies of each run's calls."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    sides = ", ".join(f"json_extract(doc, '$.{side}.last')" for side in ("request", "response"))
    for run, *lasts in connection.execute(f"SELECT run, {sides} FROM calls WHERE json_valid(doc)"):
        found[run] += [int(last[:15], 16) for last in lasts if is_hash(last)]
    return found


def is_hash(text: object) -> bool:
    """Whether *text* is a SHA-256 in hexadecimal."""
    return isinstance(text, str) and _HASH.match(text) is not None


def _short(hash: object) -> int:
    return int(hash.hex()[:15] or "-1", 16) if isinstance(hash, bytes) else -1


def _bytes_of_snapshots(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT count(*), ifnull(sum(length(CAST(doc AS BLOB))), 0) FROM workflows").fetchone()
    return int(row[0]) * _ROW_BYTES + int(row[1])


# --- files ----------------------------------------------------------------------------------------------------


def _folder_sizes(connection: sqlite3.Connection, folder: Path, filed: set[str]) -> FolderSizes:
    page = connection.execute("PRAGMA page_size").fetchone()[0]
    database, log, backups, temporary, orphans, other = 0, 0, 0, 0, 0, _on_disk(folder)
    with os.scandir(folder) as entries:
        for entry in entries:
            size = _on_disk(entry)
            if entry.name == DATABASE:
                database = size
            elif entry.name == f"{DATABASE}-wal":
                log = size
            elif entry.name == BACKUPS:
                backups = sum(map(_on_disk, _below(entry.path)))
                other += size
            elif entry.name == BLOBS:
                files = [path for path in _below(entry.path) if path.name not in filed]
                orphans = sum(_on_disk(path) for path in files if is_hash(path.name))
                other += size + sum(_on_disk(path) for path in files if not is_hash(path.name))
            elif entry.name == ARTIFACTS:  # its files are known by their rows
                other += size + sum(map(_on_disk, os.scandir(entry.path)))
            elif entry.name == TEMPORARY:
                files = list(_below(entry.path))
                temporary = sum(_on_disk(path) for path in files if is_dead_temporary(path.name))
                other += size + sum(_on_disk(path) for path in files if not is_dead_temporary(path.name))
            else:
                other += size + (sum(map(_on_disk, _below(entry.path))) if entry.is_dir(follow_symlinks=False) else 0)
    free = connection.execute("PRAGMA freelist_count").fetchone()[0] * page
    return FolderSizes(database, free, log, backups, temporary, orphans, other)


def _below(path: str) -> Iterator[Path]:
    return Path(path).rglob("*")


def _on_disk(entry: "os.DirEntry[str] | Path") -> int:
    """How much room a file or a folder takes itself; POSIX counts in units of 512 bytes."""
    try:
        return (entry.lstat() if isinstance(entry, Path) else entry.stat(follow_symlinks=False)).st_blocks * 512
    except FileNotFoundError:  # gone meanwhile
        return 0
