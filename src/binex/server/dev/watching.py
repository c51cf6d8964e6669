"""Notices which files of a project are saved."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from binex.errors import InputError
from binex.server.extra import needing_extra

if TYPE_CHECKING:
    from watchfiles import DefaultFilter

DEBOUNCE_MS: Final = 60
"""Saves that follow each other within that time are one: editors write a file in several steps."""
_STEP_MS: Final = 10
_EMPTY_FOR_MS: Final = 200
"""So long an empty file may be one that is being written: some programs empty it first."""
_LARGEST: Final = 4 << 20
_IGNORED: Final = (".binex", "dist", "build", "site-packages")


class Contents:
    """What files hold, to tell a save that changed something from one that did not."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def __contains__(self, file: Path) -> bool:
        return file in self._known

    def note(self, files: Iterable[Path]) -> None:
        """Remember what these hold now."""
        for file in files:
            self._known[file] = _hash_of(file)

    def changed(self, files: Iterable[Path]) -> list[Path]:
        """Those that hold something else than when they were seen last; one that was never seen does."""
        return [file for file in files if self._known.get(file) != _hash_of(file)]


class Saves:
    """The files that are saved, as it happens."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[set[Path] | InputError] = asyncio.Queue()

    def put(self, found: "set[Path] | InputError") -> None:
        """Some were saved, or will not be noticed any more."""
        self._queue.put_nowait(found)

    async def next(self) -> set[Path]:
        """Those that were saved since it was asked before.

        Raises:
            InputError: the folder cannot be watched.
        """
        saved: set[Path] = set()
        while not saved or not self._queue.empty():
            found = await self._queue.get()
            if isinstance(found, InputError):
                raise found
            saved |= found
        return saved


@asynccontextmanager
async def watching(folder: Path, others: Iterable[Path]) -> AsyncIterator[Saves]:
    """Watch all of *folder*, and *others*, files and folders elsewhere, while the block lasts.

    Raises:
        InputError: what notices it is not installed.
    """
    with needing_extra():
        import watchfiles  # noqa: F401 - whether it is there
    saved = Saves()
    tasks = [asyncio.create_task(_watch(saved, folder, None))]
    for other in others:
        if not other.is_relative_to(folder):
            watched = (other, None) if other.is_dir() else (other.parent, other)
            tasks.append(asyncio.create_task(_watch(saved, *watched)))
    await asyncio.sleep(0)  # each task watches before it waits for the first time, so that no save is missed
    try:
        yield saved
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(saved: Saves, folder: Path, only: Path | None) -> None:
    """Note what is saved in *folder*; where one file is named, that alone, and nothing further below."""
    from watchfiles import awatch

    changes = awatch(
        folder,
        watch_filter=_filter(),
        debounce=DEBOUNCE_MS,
        step=_STEP_MS,
        rust_timeout=200,
        recursive=only is None,
        ignore_permission_denied=True,
    )
    try:
        async with aclosing(changes):
            async for batch in changes:
                files = {Path(name) for _, name in batch}
                if only is not None:
                    files &= {only}
                if files:
                    await _wait_until_written(files)
                    saved.put(files)
    except (OSError, RuntimeError) as error:  # as where the system watches no more files
        saved.put(InputError(f"{folder} cannot be watched: {error}", fix="name a smaller folder"))


async def _wait_until_written(files: Iterable[Path]) -> None:
    """Wait a moment for those that are empty to be filled."""
    waits = _EMPTY_FOR_MS // _STEP_MS
    while waits and any(map(_is_empty, files)):
        waits -= 1
        await asyncio.sleep(_STEP_MS / 1000)


def _is_empty(file: Path) -> bool:
    try:
        return file.stat().st_size == 0
    except OSError:
        return False


def _filter() -> "DefaultFilter":
    from watchfiles import DefaultFilter

    return DefaultFilter(ignore_dirs=(*DefaultFilter.ignore_dirs, *_IGNORED))


def _hash_of(file: Path) -> str:
    """What tells its content from another; empty where there is no such file."""
    try:
        with file.open("rb") as stream:
            return hashlib.sha256(stream.read(_LARGEST)).hexdigest()
    except OSError:
        return ""
