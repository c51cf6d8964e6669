"""How the doctor looks at a store: every file, every row, and whether they fit together."""

import hashlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from binex.errors import BinexError, StoreError
from binex.models.run import RunStatus
from binex.stores.backends import rows, schema
from binex.stores.backends.body_examination import examine_bodies
from binex.stores.backends.failures import DAMAGE_FIX, shown, sqlite_failure
from binex.stores.backends.filesystem import (
    ARTIFACTS,
    DATABASE,
    TEMPORARY,
    artifact_path,
    file_name,
    is_dead_temporary,
    read_content,
    require_folder,
)
from binex.stores.backends.findings import Finding, damage, info, of, warning
from binex.stores.backends.importing import unfinished_imports
from binex.stores.backends.lease import find_owner
from binex.stores.backends.searching import is_sound
from binex.stores.backends.statements import INLINE_BYTES

REPAIR: Final = "binex doctor --repair"
SALVAGE: Final = "binex doctor --salvage"
_TABLES_OF_RUNS: Final[tuple[tuple[str, str, Callable[[str, Any], object]], ...]] = (
    ("records", "task, attempt", rows.read_record),
    ("running", "task, attempt", rows.read_started),
    ("calls", "task, attempt, number", rows.read_call),
    ("questions", "id, task, state", lambda run_id, row: rows.read_question((row[0], run_id, *row[1:]))),
    ("bookmarks", "task, name", rows.read_bookmark),
)
_FIRST_SAFE_SQLITE: Final = (3, 51, 3)
_LITTLE_SPACE: Final = 100 * 1024 * 1024


def findings_in(folder: Path) -> Iterator[Finding]:
    """Everything that is wrong with the store in *folder*, which is there; nothing is changed."""
    try:
        require_folder(folder, for_writing=True)
    except StoreError as error:
        yield of(error, shown(folder))
        if folder.is_symlink() or not folder.is_dir():
            return
    yield from _examine_modes(folder)
    yield from _examine_machine(folder)
    yield from _examine_leftovers(folder)
    database = folder / DATABASE
    if not database.exists():
        if any((folder / ARTIFACTS).glob("*")):
            yield damage(shown(database), "is gone, though there are artifacts beside it", SALVAGE)
        return
    try:
        version = schema.find_version(database)
        schema.refuse_newer(database, version, len(schema.MIGRATIONS))
        with closing(schema.connect_read_only(database)) as connection:
            if problems := integrity(connection):
                yield from (damage(shown(database), problem, DAMAGE_FIX) for problem in problems)
            if version < len(schema.MIGRATIONS):
                message = f"has version {version}; this Binex would upgrade it to {len(schema.MIGRATIONS)}"
                yield info(shown(database), message, "the next run does, after a backup")
                return
            if not is_sound(connection):
                yield damage(shown(database), "its index of texts cannot be read; the texts are not in it", REPAIR)
            connection.text_factory = lambda data: data.decode(errors="surrogateescape")
            yield from _examine_rows(connection)
            yield from _examine_artifacts(connection, folder)
            yield from _examine_strangers(connection, folder)
            yield from examine_bodies(connection, folder, repair=REPAIR)
            yield from _examine_owners(connection, folder)
    except StoreError as error:
        yield of(error, shown(database))
    except sqlite3.Error as error:
        yield of(sqlite_failure("read", database, error), shown(database))


def _examine_modes(folder: Path) -> Iterator[Finding]:
    for path in ours(folder):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & 0o077 and not path.is_symlink():
            yield warning(shown(path), f"others may use it (mode {mode:04o})", REPAIR)


def _examine_machine(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    if free < _LITTLE_SPACE:
        yield warning(shown(folder), f"its disk has only {free / 1024 / 1024:.0f} MB left", "free some space")
    if sqlite3.sqlite_version_info < _FIRST_SAFE_SQLITE:
        message = (
            f"version {sqlite3.sqlite_version} has a rare race when two processes move its log at the same moment;"
            " Binex writes through one connection, which makes it rarer still"
        )
        yield info("SQLite", message, "a Python with SQLite 3.51.3 or newer is free of it")


def _examine_leftovers(folder: Path) -> Iterator[Finding]:
    for path in dead_temporaries(folder):
        yield info(shown(path), "was left by a process that died", REPAIR)


def _examine_rows(connection: sqlite3.Connection) -> Iterator[Finding]:
    ids = dict(connection.execute("SELECT seq, id FROM runs"))
    yield from _unreadable(connection, "SELECT id, workflow, status, doc FROM runs", rows.read_run)
    for table, columns, read in _TABLES_OF_RUNS:
        for run, *row in connection.execute(f"SELECT run, {columns}, doc FROM {table} ORDER BY seq"):
            if run not in ids:
                yield damage(f"{table}: {row[0]}", f"belongs to run number {run}, which is not there", SALVAGE)
                continue
            yield from _tried(f"{ids[run]}: {row[0]}", lambda: read(ids[run], tuple(row)))  # noqa: B023 - called at once
    snapshots = connection.execute(
        "SELECT runs.id, json_extract(runs.doc, '$.workflow_hash') AS name, sha256, workflows.doc FROM runs"
        " LEFT JOIN workflows ON hash = name WHERE json_valid(runs.doc)"
    )
    for run_id, name, sha256, doc in snapshots:
        row = None if sha256 is None else (sha256, doc)
        yield from _tried(f"run {run_id}", lambda: rows.read_source(str(name), row))  # noqa: B023 - called at once


def _unreadable(connection: sqlite3.Connection, query: str, read: Callable[[Any], object]) -> Iterator[Finding]:
    for row in connection.execute(query):
        yield from _tried(f"run {row[0]}", lambda: read(row))  # noqa: B023 - called at once


def _examine_artifacts(connection: sqlite3.Connection, folder: Path) -> Iterator[Finding]:
    query = (
        "SELECT runs.id, runs.epoch, name, size, sha256, artifacts.doc, content, file_size"
        " FROM artifacts JOIN runs ON runs.seq = run ORDER BY artifacts.seq"
    )
    known: dict[str, set[str]] = {}
    for run_id, epoch, name, size, sha256, doc, content, file_size in connection.execute(query):
        id = f"{run_id}~{name}"
        known.setdefault(run_id, set()).add(id)
        yield from _tried(id, lambda: rows.read_artifact(run_id, (name, size, sha256, doc)))  # noqa: B023 - called at once
        path = artifact_path(folder, run_id, id)
        is_inline = content is not None
        if is_inline and not is_content(content, sha256):
            yield damage(id, "its content in the database is not what was stored", REPAIR)
            is_inline = False
        if not is_inline:
            yield from _tried(id, lambda: read_content(path, id, size, sha256.hex()))  # noqa: B023 - called at once
        elif _size_of(path) != file_size and find_owner(folder, run_id, epoch) is None:
            yield warning(id, f"{shown(path)} is missing or torn; the database has its content", REPAIR)
    for run_id, task, doc in connection.execute(
        "SELECT runs.id, task, records.doc FROM records JOIN runs ON runs.seq = run"
        " WHERE json_valid(records.doc) AND json_extract(records.doc, '$.reused_from') IS NULL"
    ):
        for id in rows.output_artifacts(doc):
            if id.startswith(f"{run_id}~") and id not in known.get(run_id, ()):
                yield damage(f"run {run_id}: {task}", f"its record names artifact {id}, which is not there")


def _examine_strangers(connection: sqlite3.Connection, folder: Path) -> Iterator[Finding]:
    """Files that no row names. Small ones follow their commit: where that is gone, something lost it."""
    # What lies there is listed before it is asked for, so that what comes meanwhile is no stranger.
    folders = sorted((folder / ARTIFACTS).iterdir()) if (folder / ARTIFACTS).is_dir() else []
    sizes = {path: _sizes_in(path) for path in folders if path.is_dir()}
    epochs = dict(connection.execute("SELECT id, epoch FROM runs"))
    names: dict[str, set[str]] = {run_id: set() for run_id in epochs}
    for run_id, name in connection.execute("SELECT id, name FROM artifacts JOIN runs ON runs.seq = run"):
        names[run_id].add(file_name(f"{run_id}~{name}"))
    unfinished = set(unfinished_imports(folder).values())
    for path in folders:
        if path not in sizes:
            yield info(shown(path), "is not Binex's")
        elif path.name not in epochs:
            if path.name in unfinished:
                yield info(
                    shown(path),
                    "is of an import that has not ended, or of a run that is removed; nothing else of it is there",
                    REPAIR,
                )
            elif sizes[path]:
                yield damage(shown(path), "the database knows nothing of this run: its commits were lost", SALVAGE)
        elif find_owner(folder, path.name, epochs[path.name]) is None:
            strangers = {name: size for name, size in sizes[path].items() if name not in names[path.name]}
            lost = sorted(name for name, size in strangers.items() if size <= INLINE_BYTES)
            if lost:
                message = f"{len(lost)} artifact files have no record (such as {lost[0]}): their commits were lost"
                yield damage(f"run {path.name}", message, "a resume runs what made them again; the files stay")
            for name in sorted(strangers.keys() - set(lost)):
                yield info(shown(path / name), "was written, but its record never was: a process died in between")


def _sizes_in(folder: Path) -> dict[str, int]:
    return {path.name: _size_of(path) or 0 for path in folder.iterdir() if not path.name.startswith(".")}


def _examine_owners(connection: sqlite3.Connection, folder: Path) -> Iterator[Finding]:
    running = connection.execute("SELECT id, epoch FROM runs WHERE status = ?", (RunStatus.RUNNING,))
    for run_id, epoch in running:
        if find_owner(folder, run_id, epoch) is None:
            yield info(f"run {run_id}", "its process died or is stopped", f"binex resume {run_id}")


# --- parts that repairing needs, too --------------------------------------------------------------------------


def ours(folder: Path) -> Iterator[Path]:
    """The folder and what stands in it directly; what is deeper is behind these."""
    yield folder
    yield from sorted(path for path in folder.iterdir() if path.name != ".gitignore")


def dead_temporaries(folder: Path) -> list[Path]:
    places = [folder, folder / TEMPORARY, *(path for path in (folder / ARTIFACTS).glob("*") if path.is_dir())]
    found = (path for place in places if place.is_dir() for path in place.iterdir())
    return sorted(path for path in found if is_dead_temporary(path.name))


def integrity(connection: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with its file, shortened."""
    try:
        lines = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [line.replace("\n", "; ")[:300] for line in lines if line != "ok"]


def is_content(content: object, sha256: bytes) -> bool:
    return isinstance(content, bytes) and hashlib.sha256(content).digest() == sha256


def _size_of(path: Path) -> int | None:
    try:
        return os.lstat(path).st_size
    except OSError:
        return None


def _tried(subject: str, action: Callable[[], object]) -> Iterator[Finding]:
    try:
        action()
    except BinexError as error:
        yield of(error, subject)
