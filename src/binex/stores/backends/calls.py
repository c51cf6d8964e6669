"""Keeps calls: without hurry, and never before the bytes that they name are in their place.

Which bytes are there is remembered, so that they are not written again. Other processes may remove what no call names
while nobody executes a run, and while this process is stopped: where something was removed since, all bytes of a call
stand in the transaction itself, whatever their size.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from binex.errors import LostLeaseError, StoreError
from binex.models.call import BodyPart, Call
from binex.stores.backends import rows
from binex.stores.backends.filesystem import TEMPORARY, blob_path
from binex.stores.backends.large import LargeFiles
from binex.stores.backends.lease import RunLease
from binex.stores.backends.statements import INLINE_BYTES, key_of, removals_in
from binex.stores.backends.writer import Apply, Writer

_MOST_KNOWN: Final = 1 << 16
_UNKNOWN: Final = -1


@dataclass(slots=True)
class _Kept:
    """A call on its way to the writer."""

    run_id: str
    row: tuple[str, int, int, str]
    all_parts: Sequence[BodyPart]
    parts: Sequence[BodyPart]
    """Those that are not known to be there."""
    removals: int
    """How often something had been removed from the store when that was found out."""
    lease: RunLease | None


class Calls:
    """Gives calls to the writer, in the order in which they come."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, writer: Writer, files: LargeFiles) -> None:
        self._folder = folder
        self._connection = connection
        self._writer = writer
        self._files = files
        self._known: set[str] = set()
        self._removals: int | None = None
        self._last: asyncio.Task[None] | None = None

    def keep(self, call: Call, parts: Sequence[BodyPart], lease: RunLease | None) -> None:
        """Keep a call with the next commit.

        Raises:
            StoreError: an earlier write failed.
        """
        self._writer.require_usable()
        row = (call.task, call.attempt, call.number, rows.call_doc(call))
        if self._removals is None:
            with suppress(sqlite3.Error):  # another process is in the way: then nothing is known
                self._removals = removals_in(self._connection)
        new = [part for part in parts if part.id not in self._known]
        kept = _Kept(call.run_id, row, parts, new, _UNKNOWN if self._removals is None else self._removals, lease)
        large = [part for part in kept.parts if len(part.data) > INLINE_BYTES]
        if large or self._last is not None:
            task = self._last = asyncio.create_task(self._keep_large(kept, large, self._last))
            task.add_done_callback(self._end)
        else:
            self._submit(kept)

    async def wait(self) -> None:
        """Return when all calls kept until now will be part of the next commit."""
        if self._last is not None:
            await asyncio.wait([self._last])

    def close(self) -> None:
        """Stop; what is not with the writer yet is not kept."""
        if self._last is not None:
            self._last.cancel()

    async def _keep_large(self, kept: _Kept, large: Sequence[BodyPart], before: "asyncio.Task[None] | None") -> None:
        async with self._files.alone([part.sha256 for part in large]):
            for part in large:
                path = blob_path(self._folder, part.sha256)
                name = f"blob {part.sha256[:12]}"
                await self._files.write(name, path, [part.data], temporaries=self._folder / TEMPORARY)
        if before is not None:
            await asyncio.wait([before])
        self._submit(kept)

    def _end(self, task: "asyncio.Task[None]") -> None:
        if self._last is task:
            self._last = None
        self._check(task)

    def _submit(self, kept: _Kept) -> None:
        if kept.all_parts:
            # Bound to no lease: calls of other runs may need the same parts, and believe them to be there.
            written = self._writer.submit(_inserting(kept), is_urgent=False)
            written.add_done_callback(self._check)
            written.add_done_callback(lambda result: self._learn(result, kept))

        def insert(connection: sqlite3.Connection) -> None:
            key = key_of(connection, kept.run_id) if kept.lease is None else kept.lease.key
            connection.execute(
                "INSERT OR IGNORE INTO calls (run, task, attempt, number, doc) VALUES (?, ?, ?, ?, ?)",
                (key, *kept.row),
            )

        self._writer.submit(insert, kept.lease, is_urgent=False).add_done_callback(self._check)

    def _check(self, result: "asyncio.Future[Any]") -> None:
        """Nobody waits for a call, so that one that could not be kept must be heard of at the next write."""
        error = None if result.cancelled() else result.exception()
        if error is None or isinstance(error, LostLeaseError):  # its run hears of that by itself
            return
        self._writer.fail(error if isinstance(error, StoreError) else StoreError(f"cannot keep a call: {error}"))

    def _learn(self, result: "asyncio.Future[object]", kept: _Kept) -> None:
        if result.cancelled() or result.exception() is not None:
            return
        removals = cast(int, result.result())
        if len(self._known) > _MOST_KNOWN or removals != self._removals:
            self._known.clear()
        self._removals = removals
        self._known.update(part.id for part in kept.parts)


def _inserting(kept: _Kept) -> Apply:
    """What keeps the parts of a call, and returns how often something was removed from the store until then."""

    def insert(connection: sqlite3.Connection) -> int:
        removals = removals_in(connection)
        is_same = removals == kept.removals
        parts = kept.parts if is_same else kept.all_parts
        blobs = []
        links = []
        for part in parts:
            sha256 = bytes.fromhex(part.sha256)
            links.append((bytes.fromhex(part.id), bytes.fromhex(part.previous), sha256))
            size = len(part.data)
            blobs.append((sha256, size, None if is_same and size > INLINE_BYTES else part.data))
        connection.executemany("INSERT OR IGNORE INTO blobs (sha256, size, content) VALUES (?, ?, ?)", blobs)
        connection.executemany("INSERT OR IGNORE INTO links (id, previous, blob) VALUES (?, ?, ?)", links)
        return removals

    return insert
