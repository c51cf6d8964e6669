"""Bringing the index of texts up to date before a search."""

import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from binex.cli.render.text import escape
from binex.cli.streams import write_note
from binex.errors import StoreError
from binex.stores.backends.sqlite import open_sqlite_store

_QUIET_S: Final = 0.5
"""Nothing is said about what takes less time."""


def index_texts(folder: Path) -> None:
    """Bring the index of the store in *folder* up to date; say so where that takes a moment.

    Where the store cannot be written, nothing is done: a search then looks through what is not in the index.
    """
    progress = _Progress()

    async def index() -> None:
        async with open_sqlite_store(folder, patience_s=5.0) as store:
            await store.index_texts(progress.show)

    try:
        asyncio.run(index())
    except StoreError as error:
        write_note(f"searching without an index, which takes longer: {escape(error.message)}")
    finally:
        progress.end()


class _Progress:
    """Says on stderr how far it is: on a terminal in one line that changes, otherwise once."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._is_terminal = sys.stderr.isatty()
        self._has_spoken = False

    def show(self, done: int, everything: int) -> None:
        if time.monotonic() - self._began < _QUIET_S or (self._has_spoken and not self._is_terminal):
            return
        self._has_spoken = True
        if self._is_terminal:
            self._rewrite(f"indexing texts: {done:,} of {everything:,}")
        else:
            write_note(f"indexing {everything:,} artifacts and calls, once")

    def end(self) -> None:
        if self._has_spoken and self._is_terminal:
            self._rewrite("")

    def _rewrite(self, line: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
