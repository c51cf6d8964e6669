"""The workflow files of one folder: listed, read, and written under a name of their own. No other file is reached."""

import hashlib
import os
import re
import secrets
import stat
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from binex.models.base import Model
from binex.server.refusals import MissingError, RefusedError

MOST_FILES: Final = 500
_MOST_SEEN: Final = 5_000
_MOST_BYTES: Final = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}\.ya?ml\Z")
_WRITTEN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}\.yaml\Z")
_IS_WORKFLOW = re.compile(rb"^nodes[ \t]*:", re.MULTILINE)


class WorkflowFile(Model):
    """One workflow file, without what it says."""

    name: str
    """Its name in the folder."""
    size: int
    """How many bytes it has."""
    sha256: str
    """The hash of its text, as `If-Match` wants it."""
    modified_at: datetime
    """When it was written."""


class WorkflowFiles(Model):
    """The workflow files of the folder."""

    folder: str
    """The folder's own name."""
    workflows: tuple[WorkflowFile, ...]
    """By name."""


class WorkflowText(Model):
    """One workflow file, word for word."""

    name: str
    text: str
    sha256: str


class WorkflowFolder:
    """Opens every file from the folder itself, by a checked name and through no link."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list(self) -> WorkflowFiles:
        """The files that look like workflows; at most :data:`MOST_FILES`."""
        found: list[WorkflowFile] = []
        names: list[str] = []
        with suppress(OSError):  # it is gone, or somebody else's
            names = sorted(path.name for path in islice(self.folder.iterdir(), _MOST_SEEN))
        for name in names:
            if len(found) == MOST_FILES or not _NAME.match(name):
                continue
            try:
                data, modified = self._read(name)
            except (MissingError, RefusedError):
                continue
            if _IS_WORKFLOW.search(data):
                found.append(WorkflowFile(name=name, size=len(data), sha256=_hash(data), modified_at=modified))
        return WorkflowFiles(folder=self.folder.name, workflows=tuple(found))

    def path_of(self, name: str) -> Path:
        """The path of a file that is there, for what reads workflows.

        Raises:
            RefusedError: it is no name of a workflow file.
            MissingError: there is none of that name.
        """
        _require(name, _NAME)
        self._read(name)
        return self.folder / name

    def read(self, name: str) -> WorkflowText:
        """What a file says.

        Raises:
            RefusedError: it is no name of a workflow file, or the file is no text.
            MissingError: there is none of that name.
        """
        _require(name, _NAME)
        data, _ = self._read(name)
        try:
            return WorkflowText(name=name, text=data.decode(), sha256=_hash(data))
        except UnicodeDecodeError:
            raise RefusedError(422, "input", f"{name} is not UTF-8") from None

    def write(self, name: str, text: str, *, before: str | None) -> WorkflowText:
        """Put *text* in the place of what has the hash *before*, at once or not at all; None is for a new file.

        Raises:
            RefusedError: it is no name of a workflow file, the text is too large, or the file is another by now.
        """
        _require(name, _WRITTEN)
        try:
            data = text.encode()
        except UnicodeEncodeError:
            raise RefusedError(422, "input", "the text has half a character in it") from None
        if len(data) > _MOST_BYTES:
            raise RefusedError(413, "body", f"a workflow has at most {_MOST_BYTES:,} bytes")
        try:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._replace(folder, name, data, before)
            finally:
                os.close(folder)
        except OSError as error:
            raise RefusedError(
                503, "file", f"{name} cannot be written: {error.strerror}", "look at its folder"
            ) from None
        return WorkflowText(name=name, text=text, sha256=_hash(data))

    def _replace(self, folder: int, name: str, data: bytes, before: str | None) -> None:
        mode = 0o644
        if before is not None:
            self._require_same(name, before)
            mode = stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        temporary = f".{name}.{secrets.token_hex(6)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        number = os.open(temporary, flags, mode, dir_fd=folder)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if before is None:
                self._link(folder, temporary, name)
            else:
                self._require_same(name, before)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                temporary = ""
        finally:
            if temporary:
                os.unlink(temporary, dir_fd=folder)
        os.fsync(folder)

    def _link(self, folder: int, temporary: str, name: str) -> None:
        try:
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            raise RefusedError(409, "changed", f"there is a file {name} already", "read it first") from None

    def _require_same(self, name: str, before: str) -> None:
        try:
            data, _ = self._read(name)
        except MissingError:
            raise RefusedError(409, "changed", f"{name} is not there any more", "write it as a new file") from None
        if _hash(data) != before:
            raise RefusedError(409, "changed", f"{name} was changed by somebody else meanwhile", "read it again first")

    def _read(self, name: str) -> tuple[bytes, datetime]:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            number = os.open(self.folder / name, flags)
        except FileNotFoundError:
            raise MissingError(f"there is no file {name}") from None
        except OSError as error:
            raise RefusedError(400, "file", f"{name} cannot be used: {error.strerror}") from None
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode):
            os.close(number)
            raise RefusedError(400, "file", f"{name} is no file")
        with os.fdopen(number, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise RefusedError(413, "file", f"{name} is larger than {_MOST_BYTES:,} bytes")
        return data, datetime.fromtimestamp(found.st_mtime, UTC)


def _require(name: str, pattern: re.Pattern[str]) -> None:
    if not pattern.match(name):
        fix = "use letters, digits, - and _, and the suffix .yaml"
        raise RefusedError(400, "name", f"'{name:.80}' is no name of a workflow file", fix)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
