"""What bundles need of a store on disk: the bytes of runs on their way out, and whole runs on their way in."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import suppress
from pathlib import Path

from binex.models.task import Artifact, ArtifactInfo, ExecutionRecord
from binex.stores.backends.bodies import read_blob
from binex.stores.backends.exporting import find_blob, find_links, large_pieces
from binex.stores.backends.filesystem import ARTIFACTS, DATABASE, Mirror, artifact_path, reporting
from binex.stores.backends.importing import Importing
from binex.stores.backends.reader import SqliteReader, patiently
from binex.stores.backends.repair import Repair, UnconfirmedRun
from binex.stores.backends.statements import INLINE_BYTES, key_of
from binex.stores.backends.threads import start_in_thread
from binex.stores.backends.writer import Writer
from binex.stores.bundle_store import Cargo, Link


class BundleReader(SqliteReader):
    """Reads what is in a store as it stands there, to be packed."""

    async def list_links(self, last: str, known: Container[str] = ()) -> list[Link]:
        return await patiently(
            lambda: find_links(self._connection, last, known), "read", self._database, self._patience_s
        )

    async def read_pieces(self, info: ArtifactInfo) -> AsyncIterator[bytes]:
        if info.size <= INLINE_BYTES:
            artifact = await self.get(info.id)
            if artifact is not None:
                yield artifact.data
            return
        for piece in large_pieces(artifact_path(self.folder, info.run_id, info.id), info):
            yield piece

    async def read_blob(self, sha256: str) -> bytes:
        blob = await patiently(lambda: find_blob(self._connection, sha256), "read", self._database, self._patience_s)
        return await start_in_thread(lambda: read_blob(self.folder, blob), f"read blob {sha256[:12]}")


class Intake:
    """Takes runs from elsewhere in, whole or not at all."""

    def __init__(
        self, folder: Path, connection: sqlite3.Connection, writer: Writer, mirror: Mirror, *, is_synced: bool
    ) -> None:
        self._folder = folder
        self._connection = connection
        self._writer = writer
        self._mirror = mirror
        self._is_synced = is_synced

    async def take_in(
        self,
        cargo: Cargo,
        keeping: Callable[[str, Sequence[ExecutionRecord], Sequence[Artifact]], Callable[[sqlite3.Connection], None]],
        *,
        patience_s: float,
        on_notice: Callable[[str], None],
    ) -> None:
        """Stage the files of *cargo*, write all its rows in one transaction, and then the files of small artifacts.

        *keeping* makes the part of a transaction that keeps the records of a run.
        """
        database = self._folder / DATABASE
        importing = Importing(self._folder, cargo, is_synced=self._is_synced)
        try:
            await patiently(lambda: importing.stage(self._connection), "read", database, patience_s)
            await self._writer.submit(
                lambda connection: importing.keep(connection, lambda run_id, records: keeping(run_id, records, ()))
            )
        except BaseException:
            with suppress(OSError, sqlite3.Error):  # what is left is removed when the store is next opened
                importing.abandon(self._connection)
            raise
        importing.finish()
        repair = Repair(self._connection, self._folder, self._mirror, on_notice)
        await patiently(lambda: self._write_files_of(cargo, repair), "read", database, patience_s)

    def _write_files_of(self, cargo: Cargo, repair: Repair) -> None:
        with reporting("write", self._folder / ARTIFACTS):
            for run in cargo.runs:
                repair.restore(UnconfirmedRun(key_of(self._connection, run.id), run.id, 1))
