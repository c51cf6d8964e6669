"""Who executes a run: a lock that the kernel releases when its holder dies.

``locks/{run_id}.{epoch}`` is locked with flock by the owner and says who that is; the lock is the truth,
the text only for messages. Beside it, the FIFO ``….control`` carries what other processes have to say, a word
a line: that the run should be cancelled, or that a question was answered. A new owner takes the next epoch,
and every commit of the old one is refused because the run's epoch in the database has moved.
"""

import asyncio
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from binex.stores.backends.filesystem import LOCKS, TEMPORARY, create_private_file, temporary_name

CANCEL: Final = b"cancel"
ANSWERED: Final = b"answer"
_LONGEST_WORD: Final = 64


class Owner(NamedTuple):
    """Who holds a run; ``pid`` is 0 where the lock does not say."""

    run_id: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"run {self.run_id} is executed by pid {self.pid or '?'} since {self.since}"


class RunLease:
    """The right to execute one run; see the protocol ``Lease``.

    ``key`` is the run's number in the database. Made by :meth:`acquire`, given back by :meth:`release`.
    """

    def __init__(self, folder: Path, run_id: str, epoch: int, lock: int) -> None:
        self.run_id = run_id
        self.epoch = epoch
        self.key = 0
        self._path = lock_path(folder, run_id, epoch)
        self._lock = lock
        self._control: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_cancel_requested = asyncio.Event()
        self._answered = asyncio.Event()
        self._heard = b""

    @classmethod
    def acquire(cls, folder: Path, run_id: str, epoch: int) -> "RunLease":
        """Lock the run for this process. The file appears under its name only once it is locked.

        Raises:
            OSError: the lock cannot be made.
        """
        path = lock_path(folder, run_id, epoch)
        temporary = folder / TEMPORARY / temporary_name(f"lock-{run_id}.{epoch}")
        temporary.unlink(missing_ok=True)
        lock = create_private_file(temporary)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            pid = os.getpid()
            about = {
                "pid": pid,
                "boot_id": _boot_id(),
                "process": _process_start(pid),
                "namespace": _pid_namespace(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            os.write(lock, json.dumps(about).encode())
            temporary.rename(path)
        except BaseException:
            os.close(lock)
            temporary.unlink(missing_ok=True)
            raise
        return cls(folder, run_id, epoch, lock)

    def listen(self) -> None:
        """Begin to hear what other processes say.

        Raises:
            OSError: the FIFO cannot be made.
        """
        control = self._control_path
        control.unlink(missing_ok=True)
        os.mkfifo(control, 0o600)
        # Reading and writing: a FIFO that only readers have open would be at its end all the time.
        self._control = os.open(control, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        os.fchmod(self._control, 0o600)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._control, self._hear)

    async def wait_for_cancel(self) -> None:
        await self._is_cancel_requested.wait()

    async def wait_for_answer(self) -> None:
        """Return when an answer is heard of, at once if one was since somebody last waited."""
        await self._answered.wait()
        self._answered.clear()

    def hear_answer(self) -> None:
        """Wake all who wait for an answer, or whoever comes next."""
        self._answered.set()

    def release(self) -> None:
        """Give the run up; nothing can fail."""
        if self._control is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._control)
            os.close(self._control)
            self._control = None
        with suppress(OSError):
            self._control_path.unlink()
        with suppress(OSError):
            self._path.unlink()
        os.close(self._lock)

    @property
    def _control_path(self) -> Path:
        return self._path.with_name(f"{self._path.name}.control")

    def _hear(self) -> None:
        assert self._control is not None
        with suppress(BlockingIOError):
            *words, rest = (self._heard + os.read(self._control, 4096)).split(b"\n")
            self._heard = rest[:_LONGEST_WORD]
            if CANCEL in words:
                self._is_cancel_requested.set()
            if ANSWERED in words:
                self.hear_answer()


def lock_path(folder: Path, run_id: str, epoch: int) -> Path:
    return folder / LOCKS / f"{run_id}.{epoch}"


def find_owner(folder: Path, run_id: str, epoch: int) -> Owner | None:
    """The live process that executes a run; None where it died, ended or is stopped.

    Raises:
        OSError: the lock is there and cannot be opened.
    """
    path = lock_path(folder, run_id, epoch)
    try:
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        # Shared, so that two who look at the same time do not take each other for the owner.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        about = _read_about(lock)
        return None if _is_stopped_or_gone(about) else _owner(run_id, about)
    finally:
        os.close(lock)
    return None


def remove_lock(folder: Path, run_id: str, epoch: int) -> None:
    """Remove what a dead owner left."""
    path = lock_path(folder, run_id, epoch)
    for left in (path, path.with_name(f"{path.name}.control")):
        with suppress(OSError):
            left.unlink()


def tell_owner(folder: Path, run_id: str, epoch: int, word: bytes) -> bool:
    """Say a word to the owner of a run; False where nobody listens."""
    path = lock_path(folder, run_id, epoch)
    try:
        control = os.open(
            path.with_name(f"{path.name}.control"), os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        )
    except OSError:  # ENOENT: no owner; ENXIO: it died
        return False
    try:
        os.write(control, word + b"\n")
    except OSError:
        return False
    finally:
        os.close(control)
    return True


def live_owners(folder: Path) -> Iterator[Owner]:
    """Every run of the store that a live process executes."""
    try:
        names = sorted(path.name for path in (folder / LOCKS).iterdir())
    except FileNotFoundError:
        return
    for name in names:
        run_id, _, epoch = name.rpartition(".")
        if epoch.isdecimal() and (owner := find_owner(folder, run_id, int(epoch))):
            yield owner


def _owner(run_id: str, about: dict[str, object]) -> Owner:
    pid = about.get("pid")
    return Owner(run_id, pid if isinstance(pid, int) else 0, str(about.get("since") or "an unknown time"))


def _read_about(lock: int) -> dict[str, object]:
    try:
        about = json.loads(os.pread(lock, 4096, 0))
    except ValueError:
        return {}
    return about if isinstance(about, dict) else {}


def _is_stopped_or_gone(about: dict[str, object]) -> bool:
    """Whether the process that made a lock cannot go on now, though the kernel still holds the lock.

    It may be stopped; or it may be dead while a child that it forked keeps the lock open. Both are safe to
    take over from: whatever they write afterwards has an old epoch. In doubt, it is alive.
    """
    pid = about.get("pid")
    here = {"boot_id": _boot_id(), "namespace": _pid_namespace()}
    if not isinstance(pid, int) or here["boot_id"] is None or here.items() - about.items():
        return False
    for _ in range(4):
        try:
            state, started = _process_state(pid)
        except OSError as error:
            return isinstance(error, FileNotFoundError)
        if state != "t" or started != about.get("process"):
            return state in "TZX" or started != about.get("process")
        time.sleep(0.01)  # tracers stop a process for moments; only one that stays stopped counts
    return True


def _process_state(pid: int) -> tuple[str, int]:
    """The state letter and the start time (in ticks since boot) of a process; proc(5)."""
    # The command's name stands in brackets and may hold anything, so count from the last bracket.
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _process_start(pid: int) -> int | None:
    try:
        return _process_state(pid)[1]
    except OSError:
        return None


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _pid_namespace() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None
