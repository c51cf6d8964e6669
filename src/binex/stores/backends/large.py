"""Contents that are too large for the database: their file is in its place before the commit that names it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from binex.models.task import Artifact
from binex.stores.backends.filesystem import write_large
from binex.stores.backends.threads import start_in_thread


class LargeFiles:
    """Writes large files in threads, never two for the same artifact at a time."""

    def __init__(self, folder: Path, *, is_synced: bool) -> None:
        self._folder = folder
        self._is_synced = is_synced
        self._busy: dict[str, asyncio.Event] = {}
        self._synced_runs: set[str] = set()

    @asynccontextmanager
    async def alone(self, artifacts: Sequence[Artifact]) -> AsyncIterator[None]:
        """Keep others away from these artifacts until the block ends."""
        ids = [artifact.id for artifact in artifacts]
        while (busy := next((self._busy[id] for id in ids if id in self._busy), None)) is not None:
            await busy.wait()
        done = asyncio.Event()
        self._busy |= dict.fromkeys(ids, done)
        try:
            yield
        finally:
            for id in ids:
                self._busy.pop(id, None)
            done.set()

    async def write(self, artifact: Artifact, envelope: bytes) -> None:
        """Bring one file into its place.

        Raises:
            StoreError: it cannot be written, or there is no thread for it.
        """
        is_first = artifact.run_id not in self._synced_runs
        written = start_in_thread(
            lambda: write_large(self._folder, artifact, envelope, is_synced=self._is_synced, is_first_of_run=is_first),
            f"write artifact {artifact.id}",
        )
        try:
            await asyncio.shield(written)
        except asyncio.CancelledError:
            await asyncio.wait([written])  # a thread cannot be stopped; leave nothing half done behind
            raise
        self._synced_runs.add(artifact.run_id)
