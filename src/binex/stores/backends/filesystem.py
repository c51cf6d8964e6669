"""The files of a store: who may see them, and how artifacts come to lie beside the database.

An artifact's file is its envelope with the content as the last field::

    {"id": …, "run_id": …, …, "content": <the exact bytes of the content>}

The envelope is for people and other programs. Binex reads nothing from it: type, size and hash are
columns of the database.
"""

import hashlib
import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from binex.errors import DamagedDataError, InputError, StoreError
from binex.stores.backends.failures import os_failure, shown

DATABASE: Final = "binex.db"
ARTIFACTS: Final = "artifacts"
LOCKS: Final = "locks"
BACKUPS: Final = "backups"
TEMPORARY: Final = "tmp"
BLOBS: Final = "blobs"
_FOLDERS: Final = (ARTIFACTS, LOCKS, TEMPORARY, BLOBS)
_MARK: Final = b',"content":'
_CHUNK: Final = 64
"""How many files are written before the event loop gets its turn."""
_OPEN_FOLDERS: Final = 8
_numbers: Final = itertools.count()
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


# --- the folder ---------------------------------------------------------------------------------------------


def require_folder(folder: Path, *, for_writing: bool) -> None:
    """Refuse a folder that must not be used.

    Raises:
        InputError: there is none.
        StoreError: it is a file, a symbolic link, or (for writing) somebody else's.
    """
    try:
        status = folder.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"no {folder.name} folder in {shown(folder.parent)}: nothing has been run here",
            fix="run a workflow first (binex run), or name the folder with --dir",
        ) from None
    except OSError as error:
        raise os_failure("read", folder, error) from error
    if stat.S_ISLNK(status.st_mode):
        raise StoreError(f"{shown(folder)} is a symbolic link, not a folder", fix="name the real folder with --dir")
    if not stat.S_ISDIR(status.st_mode):
        raise StoreError(f"{shown(folder)} is a file, not a folder", fix="move it away, or use --dir")
    if for_writing and status.st_uid != os.geteuid():
        raise StoreError(
            f"{shown(folder)} belongs to another user (uid {status.st_uid})",
            fix="run as that user, or use a folder of your own with --dir",
        )


def prepare_folder(folder: Path) -> None:
    """Make the folder and what stands in it, for its owner only.

    Raises:
        StoreError: that cannot be done, or the folder must not be used.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_private_folder(folder)
    except OSError as error:
        if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
            require_folder(folder, for_writing=True)
        raise os_failure("write", folder, error) from error
    require_folder(folder, for_writing=True)
    try:
        for name in _FOLDERS:
            make_private_folder(folder / name)
        with suppress(FileExistsError), (folder / ".gitignore").open("x") as file:
            file.write("*\n")
            os.fchmod(file.fileno(), 0o600)
    except OSError as error:
        raise os_failure("write", folder / (getattr(error, "filename", None) or ""), error) from error


def make_private_folder(path: Path) -> None:
    """Make one folder with mode 0700, whatever the umask, unless it is there."""
    try:
        path.mkdir(0o700)
    except FileExistsError:
        if path.is_symlink() or not path.is_dir():
            raise
        return
    path.chmod(0o700)


def create_private_file(path: Path) -> int:
    """A file descriptor of a new file with mode 0600, whatever the umask."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.fchmod(file, 0o600)
    return file


def temporary_name(use: str) -> str:
    """A name for a temporary file that says whose it is."""
    return f".tmp-{os.getpid()}-{use}"


def is_dead_temporary(name: str) -> bool:
    """Whether *name* is that of a temporary file whose process is gone."""
    mark, _, rest = name.partition("-")
    pid, _, _ = rest.partition("-")
    return mark == ".tmp" and pid.isdecimal() and not _is_alive(int(pid))


def remove_dead_temporaries(folder: Path) -> None:
    """Remove the temporary files of processes that are gone from one folder."""
    for path in folder.iterdir():
        if is_dead_temporary(path.name):
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    with suppress(OSError, IndexError):
        # A dead process keeps its id until somebody waits for it, which in a container may be never; see proc(5).
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    return True


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- one artifact -------------------------------------------------------------------------------------------


def file_name(artifact_id: str) -> str:
    """The name of an artifact's file: its id, shortened by a hash where a file system would refuse it."""
    if len(artifact_id) <= 240:
        return f"{artifact_id}.json"
    return f"{artifact_id[:180]}~{hashlib.sha256(artifact_id.encode()).hexdigest()[:32]}.json"


def artifact_path(folder: Path, run_id: str, artifact_id: str) -> Path:
    """Where an artifact's file lies."""
    return folder / ARTIFACTS / run_id / file_name(artifact_id)


def file_pieces(envelope: bytes, content: bytes) -> tuple[bytes, ...]:
    """What an artifact's file holds. The content is not encoded again: its bytes stand there as they are."""
    return envelope[:-1], _MARK, content, b"}"


def file_bytes(envelope: bytes, content: bytes) -> bytes:
    """What an artifact's file holds, as one."""
    return b"".join(file_pieces(envelope, content))


def file_size(envelope: bytes, content_size: int) -> int:
    """How many bytes an artifact's file has."""
    return len(envelope) + len(_MARK) + content_size


def read_content(path: Path, artifact_id: str, size: int, sha256: str) -> bytes:
    """The content in an artifact's file, verified; the envelope is not looked at.

    Raises:
        DamagedDataError: the file is missing or its content is not what was stored.
        StoreError: it is there and cannot be read.
    """
    fix = f"restore {shown(path)} from a copy, or make it again by a replay from its node"
    try:
        whole = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DamagedDataError(f"artifact {artifact_id} is missing: {shown(path)} is gone", fix=fix) from None
    except IsADirectoryError:
        raise DamagedDataError(f"artifact {artifact_id} is missing: {shown(path)} is a folder", fix=fix) from None
    except OSError as error:
        raise os_failure("read", path, error) from error
    content = whole[-1 - size : -1]
    found = hashlib.sha256(content).hexdigest()
    if found == sha256 and whole.endswith(b"}") and whole[: -1 - size].endswith(b'"content":'):
        return content
    # What lies behind the mark is what a person would call the content, whatever its length.
    at = whole.find(_MARK)
    found = hashlib.sha256(whole[at + len(_MARK) : -1] if at >= 0 else whole).hexdigest()
    raise DamagedDataError(
        f"artifact {artifact_id} is not what was stored: {shown(path)} has sha256 {found}"
        f" ({len(whole)} bytes in the file), expected {sha256} ({size} bytes of content)",
        fix=fix,
    )


# --- large files --------------------------------------------------------------------------------------------


def blob_path(folder: Path, sha256: str) -> Path:
    """Where the bytes with a hash lie, if they are too large for the database."""
    return folder / BLOBS / sha256[:2] / sha256


def write_large(path: Path, pieces: Sequence[bytes], *, temporaries: Path, is_synced: bool, is_first: bool) -> None:
    """Bring a large file into its place; ready to be named in a commit on return.

    Until it is whole it lies in the folder *temporaries*. With *is_first* nobody has synced the entry of the
    file's folder yet, whoever made that.

    Raises:
        StoreError: it cannot be written; nothing stands under the final name.
    """
    temporary = temporaries / temporary_name(f"large-{next(_numbers)}")
    try:
        make_private_folder(path.parent)
        temporary.unlink(missing_ok=True)
        try:
            file = create_private_file(temporary)
            try:
                for piece in pieces:
                    write_all(file, piece)
                if is_synced:
                    os.fsync(file)
            finally:
                os.close(file)
            temporary.rename(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        if is_synced:
            sync_folder(path.parent)
            if is_first:
                sync_folder(path.parent.parent)
    except OSError as error:
        raise os_failure("write", path, error) from error


def write_all(file: int, data: bytes) -> None:
    """Write every byte; a full disk may take only some of them at first."""
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, memoryview(data)[written:])


# --- the mirror ---------------------------------------------------------------------------------------------


class MirrorFile(NamedTuple):
    """A file to be written."""

    run_id: str
    name: str
    data: bytes


class Mirror:
    """Writes the files of small artifacts, right after the commit that holds their content.

    Files are written unsynced: until they are confirmed, the database has the content as well.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._staged: list[MirrorFile] = []
        self._waiting: list[MirrorFile] = []
        self._folders: dict[str, int] = {}
        self._temporary = temporary_name(f"mirror-{id(self):x}")
        self._needs_mode: bool | None = None

    def stage(self, file: MirrorFile) -> None:
        """Note the file of an artifact whose content is part of the transaction being made."""
        self._staged.append(file)

    def forget_staged(self) -> None:
        """The transaction was rolled back."""
        self._staged.clear()

    def accept_staged(self) -> bool:
        """The transaction was committed. Whether there is anything to write now."""
        if not self._staged:
            return False
        was_idle = not self._waiting
        self._waiting += self._staged
        self._staged.clear()
        return was_idle

    @property
    def is_done(self) -> bool:
        """Whether no file is waiting to be written."""
        return not self._waiting

    def write_some(self) -> None:
        """Write the next few files.

        Raises:
            StoreError: one could not be written; nothing else is.
        """
        some, self._waiting = self._waiting[:_CHUNK], self._waiting[_CHUNK:]
        for file in some:
            try:
                self.write(file)
            except OSError as error:
                self._waiting.clear()
                raise os_failure("write", self._folder / ARTIFACTS / file.run_id / file.name, error) from error

    def close(self) -> None:
        for folder in self._folders.values():
            os.close(folder)
        self._folders.clear()

    def write(self, file: MirrorFile) -> None:
        """Write one file: a temporary name, then a rename, so that nobody sees half of it.

        Raises:
            OSError: it cannot be written.
        """
        folder = self._folder_of(file.run_id)
        name = self._temporary
        # In the same folder, where a rename costs least. Left by a crash, it is found by the repair of its run.
        try:
            handle = os.open(name, _NEW_FILE, 0o600, dir_fd=folder)
        except FileNotFoundError:  # the run was removed, and has been imported again
            os.close(self._folders.pop(file.run_id))
            folder = self._folder_of(file.run_id)
            handle = os.open(name, _NEW_FILE, 0o600, dir_fd=folder)
        try:
            if self._needs_mode is None:  # an odd umask takes even the owner's rights
                self._needs_mode = stat.S_IMODE(os.fstat(handle).st_mode) != 0o600
            if self._needs_mode:
                os.fchmod(handle, 0o600)
            write_all(handle, file.data)
        except OSError:
            os.unlink(name, dir_fd=folder)
            raise
        finally:
            os.close(handle)
        os.rename(name, file.name, src_dir_fd=folder, dst_dir_fd=folder)

    def _folder_of(self, run_id: str) -> int:
        folder = self._folders.get(run_id)
        if folder is None:
            while len(self._folders) >= _OPEN_FOLDERS:
                os.close(self._folders.pop(next(iter(self._folders))))
            path = self._folder / ARTIFACTS / run_id
            make_private_folder(path)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            folder = self._folders[run_id] = os.open(path, flags)
        return folder


@contextmanager
def reporting(action: str, path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a StoreError that names *path*."""
    try:
        yield
    except OSError as error:
        raise os_failure(action, path, error) from error
