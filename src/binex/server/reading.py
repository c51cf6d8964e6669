"""Asks the store in a thread of its own, so that reading a large run holds up nothing that is executed here."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from starlette.responses import Response

from binex.errors import BinexError
from binex.server.sharing import Sharing
from binex.stores.backends.filesystem import DATABASE
from binex.stores.backends.memory import MemoryStore
from binex.stores.backends.sqlite import open_sqlite_store
from binex.stores.run_store import RunStore

T = TypeVar("T")
Question = Callable[[RunStore], Awaitable[T]]

_AT_A_TIME: Final = 8
_PATIENCE_S: Final = 20.0
_MOST_NAMED: Final = 1_000
_END_WITHIN_S: Final = 1.0


@asynccontextmanager
async def open_reader(folder: Path, say: Callable[[str], None]) -> AsyncIterator["Reader"]:
    """What asks the store in *folder*, which is only read, until the block ends; *say* hears what is damaged there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_run, args=(loop,), name="binex-reader", daemon=True)
    thread.start()
    reader = Reader(folder, loop, say)
    try:
        yield reader
    finally:
        await reader.close()
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join, _END_WITHIN_S)


class Reader:
    """Made by :func:`open_reader`. A store that is not there yet is empty; one that cannot be opened is tried again."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._loop = loop
        self._say = say
        self._said: set[str] = set()
        self.answers: Sharing[Response] = Sharing()
        """What is made of what is read; for the loop outside the thread."""
        self._store: RunStore | None = None
        self._identity: tuple[int, int] | None = None
        self._opened = AsyncExitStack()
        self._turn = asyncio.Semaphore(_AT_A_TIME)
        self._opening = asyncio.Lock()

    async def ask(self, question: Question[T]) -> T:
        """The answer; to be awaited outside the thread."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._ask(question), self._loop))

    async def watch(self, question: Question[T]) -> T:
        """The answer to what takes long since it waits: it takes nobody's turn."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._watch(question), self._loop))

    async def close(self) -> None:
        """Drop what is still being asked, and close the store."""
        closing = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._close(), self._loop))
        await asyncio.wait({closing}, timeout=_END_WITHIN_S)

    async def _ask(self, question: Question[T]) -> T:
        async with self._turn:
            store = await self._open()
            return await question(store)

    async def _watch(self, question: Question[T]) -> T:
        return await question(await self._open())

    async def _open(self) -> RunStore:
        async with self._opening:
            identity = _identity(self._folder / DATABASE)
            if identity is None:
                return MemoryStore()
            if self._store is None or identity != self._identity:  # an earlier one may still be asked by others
                opening = open_sqlite_store(self._folder, read_only=True, on_notice=self._note, patience_s=_PATIENCE_S)
                self._store = await self._opened.enter_async_context(opening)
                self._identity = identity
            return self._store

    def _note(self, message: str) -> None:
        if message not in self._said and len(self._said) < _MOST_NAMED:
            self._said.add(message)
            self._say(f"damaged: {message}")

    async def _close(self) -> None:
        asked = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        for task in asked:
            task.cancel()
        if asked:
            await asyncio.wait(asked, timeout=_END_WITHIN_S / 2)
        try:
            await self._opened.aclose()
        except BinexError as error:
            self._say(error.message)


def _identity(database: Path) -> tuple[int, int] | None:
    """Which file it is, so that one that takes its place is noticed; None where there is none."""
    try:
        found = database.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
