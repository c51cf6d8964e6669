"""A new database from all that can be read of a damaged one, and of the artifact files beside it."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from binex.errors import StoreError
from binex.models.names import is_name
from binex.models.run import Durability, Run, RunStatus, Versions
from binex.models.task import ArtifactInfo, now
from binex.stores.backends import rows, schema
from binex.stores.backends.failures import os_failure, shown, sqlite_failure
from binex.stores.backends.filesystem import (
    ARTIFACTS,
    DATABASE,
    blob_path,
    file_name,
    sync_folder,
    temporary_name,
)

_LATER_TABLES: Final = ("calls", "links", "blobs", "questions", "bookmarks")
"""Those that a store of version 1 does not have."""
_LATEST_TABLES: Final = ("kept",)
"""Those that one of version 3 does not have."""
_TABLES: Final = ("runs", "workflows", "records", "artifacts", "running", *_LATER_TABLES)
_MOST_PROBES: Final = 200_000
_SALVAGED: Final = "salvaged"
"""The workflow's name where a run's own row is lost."""


@dataclass
class Report:
    """What became of the old database, in sentences."""

    saved: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def rescue(folder: Path) -> Report:
    """Put a new database into the place of the old one, which moves to ``backups``.

    Raises:
        StoreError: the new one cannot be written; the old one stays where it is.
    """
    database = folder / DATABASE
    fresh = folder / temporary_name("salvage.db")
    report = Report()
    try:
        fresh.unlink(missing_ok=True)
        schema.create(fresh, Durability.FULL)
        with closing(schema.connect(fresh, Durability.FULL)) as target:
            target.execute("BEGIN IMMEDIATE")
            _copy_rows(database, target, report)
            _name_lost_runs(target, report)
            _read_files(folder, target, report)
            _find_blobs(folder, target, report)
            target.execute("COMMIT")
            target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if database.exists():
            kept = schema.keep_damaged(database)
            report.saved.append(f"the old database is kept as {shown(kept)}")
        for log in ("-wal", "-shm"):
            Path(f"{database}{log}").unlink(missing_ok=True)
        fresh.rename(database)
        sync_folder(folder)
    except OSError as error:
        raise os_failure("write", database, error) from error
    except sqlite3.Error as error:
        raise sqlite_failure("write", fresh, error) from error
    finally:
        for left in ("", "-wal", "-shm"):
            Path(f"{fresh}{left}").unlink(missing_ok=True)
    return report


def _copy_rows(database: Path, target: sqlite3.Connection, report: Report) -> None:
    try:
        version = schema.find_version(database)
        source = schema.connect_read_only(database)
    except (StoreError, FileNotFoundError, sqlite3.Error) as error:
        report.lost.append(f"no row of the old database can be read: {error}")
        return
    with closing(source):
        source.text_factory = bytes
        for table in (*_TABLES, *_LATEST_TABLES):
            if (version > 1 or table not in _LATER_TABLES) and (version > 3 or table not in _LATEST_TABLES):
                _copy_table(source, target, table, report)


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str, report: Report) -> None:
    wanted = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
    try:
        present = {row[1].decode() for row in source.execute(f"PRAGMA table_info({table})")}
    except sqlite3.Error:
        present = set()
    columns = ", ".join(column for column in wanted if column in present)
    if not columns:
        report.lost.append(f"{table}: nothing can be read")
        return
    marks = ", ".join("CAST(? AS TEXT)" if kind == "TEXT" else "?" for kind in _kinds(target, table, present))
    saved = 0
    key = "id" if table == "links" else "rowid"
    for row in _readable(source, table, key, columns):
        with suppress(sqlite3.IntegrityError, sqlite3.DataError):
            saved += target.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", row[1:]).rowcount
    report.saved.append(f"{table}: {saved} rows")
    try:
        missing = source.execute(f"SELECT count(*) FROM {table}").fetchone()[0] - saved
    except sqlite3.Error:
        report.lost.append(f"{table}: some rows cannot be read, nobody knows how many")
    else:
        if missing > 0:
            report.lost.append(f"{table}: up to {missing} rows cannot be read")


def _kinds(target: sqlite3.Connection, table: str, present: set[str]) -> list[str]:
    return [row[2] for row in target.execute(f"PRAGMA table_info({table})") if row[1] in present]


def _readable(source: sqlite3.Connection, table: str, key: str, columns: str) -> Iterator[Any]:
    """Every row that can be read: from the front to the damage, from the back to it, and by number between."""
    first, last = b"" if key == "id" else 0, None
    try:
        for row in source.execute(f"SELECT {key}, {columns} FROM {table} NOT INDEXED ORDER BY {key}"):
            first = row[0]
            yield row
        return
    except sqlite3.Error:
        pass
    with suppress(sqlite3.Error):
        for row in source.execute(
            f"SELECT {key}, {columns} FROM {table} NOT INDEXED WHERE {key} > ? ORDER BY {key} DESC", (first,)
        ):
            last = row[0]
            yield row
    if not isinstance(first, int):
        return
    for number in range(first + 1, min(first + _MOST_PROBES, last if last is not None else first + 10_000)):
        with suppress(sqlite3.Error):
            yield from source.execute(f"SELECT rowid, {columns} FROM {table} NOT INDEXED WHERE rowid = ?", (number,))


def _name_lost_runs(target: sqlite3.Connection, report: Report) -> None:
    """Give runs whose own row is lost one that says so, where an envelope tells their id; drop what has none."""
    nameless = target.execute(
        "SELECT run, min(doc) FROM artifacts WHERE run NOT IN (SELECT seq FROM runs) AND json_valid(doc) GROUP BY run"
    ).fetchall()
    for key, doc in nameless:
        run_id = json.loads(doc).get("run_id")
        if isinstance(run_id, str) and is_name(run_id):
            _insert_run(target, run_id, key)
            report.lost.append(f"run {run_id}: its own row; it is named '{_SALVAGED}' now")
    for table in ("records", "artifacts", "running", "calls", "questions", "bookmarks", "kept"):
        dropped = target.execute(f"DELETE FROM {table} WHERE run NOT IN (SELECT seq FROM runs)").rowcount
        if dropped:
            report.lost.append(f"{table}: {dropped} rows of runs that nothing is known about")


def _read_files(folder: Path, target: sqlite3.Connection, report: Report) -> None:
    """Take up artifact files that no row names. They are believed about themselves: nobody else knows them."""
    known = {
        file_name(f"{run_id}~{name}")
        for run_id, name in target.execute("SELECT id, name FROM artifacts JOIN runs ON runs.seq = run")
    }
    taken = 0
    for path in sorted((folder / ARTIFACTS).glob("*/*.json")):
        if path.name in known or not path.is_file() or path.is_symlink():
            continue
        row = _row_of(path)
        if row is None:
            report.lost.append(f"{shown(path)} cannot be read as an artifact")
            continue
        run_id = path.parent.name
        found = target.execute("SELECT seq FROM runs WHERE id = ?", (run_id,)).fetchone()
        key = found[0] if found else _insert_run(target, run_id, None)
        taken += target.execute(
            "INSERT OR IGNORE INTO artifacts (run, name, place, is_confirmed, size, file_size, sha256, doc)"
            " VALUES (?, ?, 'file', 1, ?, ?, ?, ?)",
            (key, *row),
        ).rowcount
    if taken:
        report.saved.append(f"artifacts: {taken} files whose rows are lost; their tasks run again in a resume")


def _find_blobs(folder: Path, target: sqlite3.Connection, report: Report) -> None:
    """Take up the files of blobs whose rows are lost, by their names, and tell which blobs are lost."""
    nameless = target.execute("SELECT DISTINCT blob FROM links WHERE blob NOT IN (SELECT sha256 FROM blobs)").fetchall()
    found = 0
    for (sha256,) in nameless:
        with suppress(OSError):
            size = blob_path(folder, sha256.hex()).stat().st_size
            target.execute("INSERT INTO blobs (sha256, size) VALUES (?, ?)", (sha256, size))
            found += 1
    if found:
        report.saved.append(f"blobs: {found} files whose rows are lost")
    if len(nameless) > found:
        report.lost.append(f"blobs: {len(nameless) - found} that calls name; what those said is not whole")


def _row_of(path: Path) -> tuple[str, int, int, bytes, str] | None:
    try:
        whole = path.read_bytes()
        fields = json.loads(whole)
        del fields["content"]
        info = ArtifactInfo.model_validate(fields)
        name = rows.artifact_name(path.parent.name, info.id)
    except (OSError, ValueError, TypeError, KeyError, ValidationError):
        return None
    content = whole[-1 - info.size : -1]
    sha256 = hashlib.sha256(content).digest()
    if sha256.hex() != info.sha256 or path.name != file_name(info.id) or info.run_id != path.parent.name:
        return None
    return name, info.size, len(whole), sha256, info.model_dump_json()


def _insert_run(target: sqlite3.Connection, run_id: str, key: int | None) -> int:
    run = Run(
        id=run_id,
        workflow=_SALVAGED,
        workflow_hash="",
        status=RunStatus.INTERRUPTED,
        started_at=now(),
        versions=Versions(binex="unknown", python="unknown"),
        error="the run's own row was lost; its artifacts were salvaged",
    )
    inserted = target.execute(
        "INSERT INTO runs (seq, id, workflow, status, epoch, doc) VALUES (?, ?, ?, ?, 1, ?)",
        (key, run_id, run.workflow, run.status, rows.run_doc(run)),
    )
    assert inserted.lastrowid is not None
    return inserted.lastrowid
