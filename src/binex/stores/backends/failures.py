"""Failures of SQLite and the operating system, in words: what cannot be done, to which file, and the way out."""

import errno
import os
import sqlite3
from pathlib import Path
from typing import Final

from binex.errors import StoreDamagedError, StoreError

DAMAGE_FIX: Final = "look at it with: binex doctor; then: binex doctor --repair, or --salvage to save what can be read"

_FIXES: Final = {
    errno.ENOSPC: "free space on the disk that holds {folder}",
    errno.EDQUOT: "free space within your quota on the disk that holds {folder}",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or lower the concurrency",
    errno.ENFILE: "close other programs: the machine has no open files left",
    errno.EROFS: "the file system is read-only: use another folder with --dir",
    errno.EACCES: "check who owns {folder} and its permissions, or use another folder with --dir",
    errno.EPERM: "check who owns {folder} and its permissions, or use another folder with --dir",
    errno.EIO: "the disk failed: check it (dmesg), and copy {folder} away while it can still be read",
}


def shown(path: Path | str) -> str:
    """A path as a person would name it: relative where it lies below the current folder."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # the current folder is gone, or lies on another drive
        return str(path)
    return str(path) if relative.startswith("..") else relative


def os_failure(action: str, path: Path | str, error: OSError) -> StoreError:
    """The error for ``action`` (as in "write") on *path* having failed with *error*."""
    folder = shown(Path(path).parent)
    fix = _FIXES.get(error.errno or 0)
    reason = error.strerror or type(error).__name__
    return StoreError(f"cannot {action} {shown(path)}: {reason}", fix=fix.format(folder=folder) if fix else None)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds a lock; trying again will help."""
    return _primary(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file's contents are the problem, not the machine."""
    return (
        _primary(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        or getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHORT_READ
    )


def sqlite_failure(action: str, path: Path, error: sqlite3.Error) -> StoreError:
    """The error for ``action`` ("read" or "write") on the database at *path* having failed with *error*."""
    if is_damage(error):
        return StoreDamagedError(f"store damaged: {shown(path)}: {error}", fix=DAMAGE_FIX)
    match _primary(error):
        case sqlite3.SQLITE_FULL:
            return os_failure(action, path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return os_failure(action, path, reason_of_refusal(path))
        case sqlite3.SQLITE_IOERR:
            # SQLite keeps the errno to itself; its extended code at least says which step failed.
            name = getattr(error, "sqlite_errorname", "SQLITE_IOERR")
            reason = f"{os.strerror(errno.EIO)} ({name})"
            return os_failure(action, path, OSError(errno.EIO, reason))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreError(
                f"cannot {action} {shown(path)}: another process holds its lock",
                fix="find out which (fuser, lsof), let it finish or stop it",
            )
        case _:
            return StoreError(f"cannot {action} {shown(path)}: {error}")


def _primary(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def reason_of_refusal(path: Path) -> OSError:
    """Why a file cannot be written, found out by trying beside it.

    The file itself is not opened: closing it would end every lock that SQLite holds on it in this process; see
    https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
    """
    probe = path.with_name(f".tmp-{os.getpid()}-probe")
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        probe.unlink()
    except OSError as error:
        return error
    if not os.access(path, os.R_OK | os.W_OK):
        return PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return OSError(errno.EACCES, "SQLite cannot open it for writing")
