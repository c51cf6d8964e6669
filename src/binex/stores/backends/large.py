"""Contents that are too large for the database: their file is in its place before the commit that names it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from binex.stores.backends.filesystem import write_large
from binex.stores.backends.threads import start_in_thread


class LargeFiles:
    """Writes large files in threads, never two with the same name at a time."""

    def __init__(self, *, is_synced: bool) -> None:
        self._is_synced = is_synced
        self._busy: dict[str, asyncio.Event] = {}
        self._synced_folders: set[Path] = set()

    @asynccontextmanager
    async def alone(self, names: Sequence[str]) -> AsyncIterator[None]:
        """Keep others away from what has these names until the block ends."""
        while (busy := next((self._busy[name] for name in names if name in self._busy), None)) is not None:
            await busy.wait()
        done = asyncio.Event()
        self._busy |= dict.fromkeys(names, done)
        try:
            yield
        finally:
            for name in names:
                self._busy.pop(name, None)
            done.set()

    async def write(self, name: str, path: Path, pieces: Sequence[bytes], *, temporaries: Path | None = None) -> None:
        """Bring one file into its place; until then it lies in *temporaries*, where that is not its own folder.

        Raises:
            StoreError: it cannot be written, or there is no thread for it.
        """
        is_first = path.parent not in self._synced_folders
        before = temporaries or path.parent
        written = start_in_thread(
            lambda: write_large(path, pieces, temporaries=before, is_synced=self._is_synced, is_first=is_first),
            f"write {name}",
        )
        try:
            await asyncio.shield(written)
        except asyncio.CancelledError:
            await asyncio.wait([written])  # a thread cannot be stopped; leave nothing half done behind
            raise
        self._synced_folders.add(path.parent)
