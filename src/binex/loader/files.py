"""Reading the user's files: regular files only, never more than is allowed, never waiting for anybody."""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from binex.errors import InputError, suggest

PROMPT_SCHEME: Final = "file://"
"""What a ``system_prompt`` starts with that is read from a file."""

_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_REASONS: Final = {
    errno.EACCES: ("may not be read", "allow yourself to read it, as in 'chmod u+r'"),
    errno.EPERM: ("may not be read", "allow yourself to read it, as in 'chmod u+r'"),
    errno.ENOENT: ("does not exist", None),
    errno.ENOTDIR: ("does not exist: a part of the path is not a folder", None),
    errno.ELOOP: ("is a symbolic link that leads nowhere or in a circle", "point it at a file"),
    errno.ENAMETOOLONG: ("does not exist: the name is too long", None),
    errno.EMFILE: ("cannot be opened: too many open files", "raise 'ulimit -n'"),
}


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a regular file, and one more than *limit* at most, so that the caller sees what is too large.

    A pipe or a device is refused without being waited for.

    Raises:
        InputError: it cannot be read. The message goes on where the file's name stands: ``does not exist``.
    """
    try:
        _refuse_what_is_no_file(path.stat().st_mode)  # before opening, which does things to some devices
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            _refuse_what_is_no_file(os.fstat(descriptor).st_mode)
            return file.read(limit + 1)
    except OSError as error:
        reason, fix = _REASONS.get(error.errno or 0, (f"cannot be read: {error.strerror or error}", None))
        raise InputError(reason, fix=fix or _nearest(path, error.errno)) from error
    except ValueError as error:  # a NUL in the name
        raise InputError("is not the name of a file") from error


def _refuse_what_is_no_file(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "not a regular file")
        raise InputError(f"is {kind}, not a file", fix="name a file")


def _nearest(path: Path, error: int | None) -> str | None:
    """For a name that does not exist: the nearest of the same kind in its folder."""
    if error != errno.ENOENT:
        return None
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry, _ in zip(entries, range(1000), strict=False)]
    except (OSError, ValueError):
        return f"there is no folder '{path.parent}' either"
    suffixes = {path.suffix} if path.suffix else {".yaml", ".yml", ".json"}
    return suggest(path.name, (name for name in names if Path(name).suffix in suffixes), "files there")


class PromptFolder:
    """Reads prompts, which must be inside the workflow's folder or inside a folder that was allowed."""

    def __init__(self, folder: Path | None, allowed: Sequence[Path], limit: int) -> None:
        self._folder = folder
        self._allowed = tuple(allowed)
        self._limit = limit

    def read(self, prompt: str) -> str:
        """The text of the file that *prompt* (``file://prompts/plan.md``) names.

        Raises:
            InputError: it cannot be read, is too large, is not UTF-8, or is somewhere else, if only by a link.
        """
        name = prompt.removeprefix(PROMPT_SCHEME)
        if "${" in name:
            raise InputError(
                f"the prompt file '{name}' cannot hold references",
                fix="write a fixed name; references may stand in the file",
            )
        if self._folder is None:
            raise InputError(
                f"the prompt file '{name}' has no folder to be found in",
                fix="pass the folder, or write the prompt here",
            )
        path = self._folder / name
        try:
            # What is read is the resolved path: a link put there in between is not followed.
            real = path.resolve()
            homes = [self._folder.resolve(), *(allowed.resolve() for allowed in self._allowed)]
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"the prompt file '{name}' is not the name of a file") from error
        if not any(real.is_relative_to(home) for home in homes):
            raise InputError(
                f"the prompt file '{name}' is outside the workflow's folder",
                fix=f"move it into the folder, or allow it with --allow-path {real.parent}",
            )
        try:
            data = read_file(real, self._limit)
        except InputError as error:
            raise InputError(f"the prompt file '{name}' {error.message}", fix=error.fix) from error
        if len(data) > self._limit:
            raise InputError(
                f"the prompt file '{name}' is larger than {self._limit:,} bytes (limits.file_bytes)",
                fix="shorten it, or raise limits.file_bytes",
            )
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(
                f"the prompt file '{name}' is not UTF-8: byte 0x{data[error.start]:02X} at offset {error.start:,}",
                fix="save it as UTF-8",
            ) from error
