"""Files that a command writes: there whole, or not at all."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from binex.errors import InputError


@contextmanager
def new_file(path: Path, *, replaces: bool) -> Iterator[IO[bytes]]:
    """A file that has its name only once the block has ended well; its owner's alone.

    Raises:
        InputError: there is such a file already, or it cannot be written.
    """
    if path.is_dir():
        raise InputError(f"'{path}' is a folder", fix=f"name a file in it, as in -o DIR/run{path.suffix or '.binex'}")
    taken = InputError(f"there is a file '{path}' already", fix="write over it with --force, or name another with -o")
    if not replaces and os.path.lexists(path):
        raise taken
    try:
        number, name = tempfile.mkstemp(prefix=".tmp-", suffix=".binex", dir=path.parent)  # mode 0600
        temporary = Path(name)
        try:
            with open(number, "w+b") as file:  # noqa: PTH123 - a descriptor
                yield file
                file.flush()
                os.fsync(number)
            if replaces:
                temporary.replace(path)
            else:
                _give_name(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise taken from None
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror}") from error


@contextmanager
def stdout_file(*, allows_terminal: bool) -> Iterator[IO[bytes]]:
    """A file that goes to stdout once the block has ended well.

    Raises:
        InputError: stdout is a terminal, which shows nothing of it, or it cannot be written.
    """
    if sys.stdout.isatty() and not allows_terminal:
        raise InputError("that is nothing for a terminal", fix="redirect it (> FILE), or name a file with -o")
    with tempfile.TemporaryFile() as file:
        yield file
        file.seek(0)
        try:
            with suppress(BrokenPipeError):
                shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.flush()
        except OSError as error:
            raise InputError(f"cannot write to stdout: {error.strerror}") from error


def _give_name(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)  # unlike a rename, never in the place of another
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        temporary.rename(path)
