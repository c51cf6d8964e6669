"""What a store that is opened for writing sets right: artifact files that a crash kept from being written.

Until an artifact is confirmed, the database holds its content too, and its file is a copy. Confirming means:
the file was compared and synced; from then on it is the only one.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from binex.errors import DamagedDataError
from binex.stores.backends.filesystem import (
    ARTIFACTS,
    Mirror,
    MirrorFile,
    file_bytes,
    file_name,
    is_dead_temporary,
    sync_folder,
)
from binex.stores.backends.lease import find_owner
from binex.stores.backends.rows import read_artifact
from binex.stores.backends.statements import INLINE_BYTES

_CHECKING_S: Final = 0.003
_CONFIRMING_S: Final = 0.005
"""How long an opening may take for what is not urgent; a file takes some 60 us to be compared and synced."""
_RUNS_AN_OPENING: Final = 200
_FILES_AN_OPENING: Final = 256
_SETTLING_S: Final = 60.0
"""The age at which the operating system has long written a file by itself, so that a sync costs little."""


class UnconfirmedRun(NamedTuple):
    """A run some of whose artifact files may be missing or torn."""

    key: int
    id: str
    epoch: int


class Repair:
    """Sets the artifact files of one store right."""

    def __init__(
        self, connection: sqlite3.Connection, folder: Path, mirror: Mirror, on_notice: Callable[[str], None]
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._mirror = mirror
        self._on_notice = on_notice

    def restore_interrupted(self) -> None:
        """Restore the files of all runs that died, and of as many others as can be checked in a moment.

        Raises:
            OSError: a file cannot be read or written.
            sqlite3.Error: the database cannot be read.
        """
        for run in self._unconfirmed("AND status = 'running' ORDER BY seq"):
            self.restore(run, is_interrupted=True)
        end = time.monotonic() + _CHECKING_S
        for run in self._unconfirmed(f"AND status <> 'running' ORDER BY seq DESC LIMIT {_RUNS_AN_OPENING}"):
            self.restore(run)
            if time.monotonic() > end:
                return

    def restore(self, run: UnconfirmedRun, *, is_interrupted: bool = False) -> int:
        """Write the files of a run that are missing or have a wrong size; how many those were.

        Raises:
            OSError: a file cannot be read or written.
            sqlite3.Error: the database cannot be read.
        """
        sizes = self._sizes_in(run.id)
        restored = 0
        expected = self._connection.execute(
            "SELECT seq, name, file_size FROM artifacts WHERE run = ? AND is_confirmed = 0", (run.key,)
        ).fetchall()
        for seq, name, size in expected:
            if sizes.get(file_name(f"{run.id}~{name}")) != size:
                restored += self._write(run, seq)
        if is_interrupted and len(sizes) > len(expected):
            self._report_strangers(run, sizes)
        return restored

    def confirm_some(self) -> list[tuple[int, list[int]]]:
        """Compare and sync files that have lain for a while, for a moment: (run, the rows of its artifacts).

        Raises:
            OSError: a file cannot be read, written or synced.
            sqlite3.Error: the database cannot be read.
        """
        end = time.monotonic() + _CONFIRMING_S
        left = _FILES_AN_OPENING
        confirmed = []
        for run in self._unconfirmed(f"ORDER BY seq LIMIT {_RUNS_AN_OPENING}"):
            folder = self._folder / ARTIFACTS / run.id
            try:
                age_s = time.time() - folder.stat().st_mtime
            except FileNotFoundError:
                age_s = _SETTLING_S
            if age_s < _SETTLING_S:
                break  # and so are those that came later
            rows = self._connection.execute(
                "SELECT seq FROM artifacts WHERE run = ? AND is_confirmed = 0 ORDER BY seq LIMIT ?", (run.key, left)
            ).fetchall()
            done = []
            for (seq,) in rows:
                if self._confirm(run, seq):
                    done.append(seq)
                if time.monotonic() > end:
                    break
            if done:
                sync_folder(folder)
                sync_folder(folder.parent)
            confirmed.append((run.key, done))
            left -= len(rows)
            if left <= 0 or time.monotonic() > end:
                break
        return confirmed

    def _unconfirmed(self, condition: str) -> Iterator[UnconfirmedRun]:
        found = self._connection.execute(f"SELECT seq, id, epoch FROM runs WHERE is_confirmed = 0 {condition}")
        for run in map(UnconfirmedRun._make, found.fetchall()):
            if find_owner(self._folder, run.id, run.epoch) is None:
                yield run

    def _sizes_in(self, run_id: str) -> dict[str, int]:
        try:
            with os.scandir(self._folder / ARTIFACTS / run_id) as entries:
                sizes = {entry.name: entry.stat(follow_symlinks=False).st_size for entry in entries}
        except FileNotFoundError:
            return {}
        for name in [name for name in sizes if name.startswith(".")]:
            del sizes[name]
            if is_dead_temporary(name):
                (self._folder / ARTIFACTS / run_id / name).unlink(missing_ok=True)
        return sizes

    def _file(self, run: UnconfirmedRun, seq: int) -> MirrorFile | None:
        row = self._connection.execute(
            "SELECT name, size, sha256, doc, content FROM artifacts WHERE seq = ?", (seq,)
        ).fetchone()
        *row, content = row
        try:
            info = read_artifact(run.id, tuple(row))
        except DamagedDataError as error:
            self._on_notice(f"{error.message}; {error.fix}")
            return None
        return None if content is None else MirrorFile(run.id, file_name(info.id), file_bytes(row[3].encode(), content))

    def _write(self, run: UnconfirmedRun, seq: int) -> int:
        file = self._file(run, seq)
        if file is None:
            return 0
        self._mirror.write(file)
        return 1

    def _confirm(self, run: UnconfirmedRun, seq: int) -> bool:
        file = self._file(run, seq)
        if file is None:
            return False
        path = self._folder / ARTIFACTS / run.id / file.name
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            self._mirror.write(file)
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.pread(handle, len(file.data) + 1, 0) != file.data:
                os.close(handle)
                self._mirror.write(file)
                handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            os.fsync(handle)
        finally:
            os.close(handle)
        return True

    def _report_strangers(self, run: UnconfirmedRun, sizes: dict[str, int]) -> None:
        """Small files are written after their commit: one that no row names tells of a commit that is gone."""
        names = self._connection.execute("SELECT name FROM artifacts WHERE run = ?", (run.key,)).fetchall()
        small = {name for name, size in sizes.items() if size <= INLINE_BYTES}
        strangers = small - {file_name(f"{run.id}~{name}") for (name,) in names}
        if strangers:
            self._on_notice(
                f"run {run.id}: {len(strangers)} artifact files have no record; their commits were lost"
                " (power loss, or a damaged binex.db-wal), and what made them runs again"
            )
