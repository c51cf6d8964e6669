"""Executes runs in the background, in the loop of the server, until they end or the server does."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from binex.adapters.base import AgentAdapter
from binex.errors import BinexError
from binex.models.event import Event, Notice, RunEnded, RunStarted
from binex.models.run import RunSummary
from binex.runtime.assembly import People
from binex.runtime.desk import Patience
from binex.runtime.session import Session, open_session
from binex.server.refusals import RefusedError
from binex.server.told import Told, tell_change

Work = Callable[[Session], Awaitable[RunSummary]]

MOST_AT_A_TIME: Final = 50
_INTERRUPT_WITHIN_S: Final = 2.5
_CLOSE_WITHIN_S: Final = 0.7


@dataclass(eq=False, slots=True)
class _Doing:
    """One run from the moment on at which somebody wanted it."""

    begun: "asyncio.Future[str]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    run_id: str | None = None
    work: "asyncio.Task[RunSummary] | None" = None


class _Kind(NamedTuple):
    """A session: what it may do."""

    is_trusting: bool = False
    is_read_only: bool = False


_current: ContextVar[_Doing | None] = ContextVar("_current", default=None)
"""What the task belongs to in which an event is told."""


class Executions:
    """The runs of one server, on sessions that are opened when they are first needed."""

    def __init__(
        self,
        directory: Path,
        publish: Callable[[Event | Told], None],
        say: Callable[[str], None],
        *,
        allow_paths: tuple[Path, ...] = (),
        stands_in: Mapping[str, AgentAdapter] | None = None,
    ) -> None:
        self._directory = directory
        self.allow_paths = allow_paths
        """Folders elsewhere that prompts of what is executed here may be in."""
        self.stands_in = stands_in
        """Adapters that take the place of others in what is executed here."""
        self._publish = publish
        self._say = say
        self._opening: dict[_Kind, asyncio.Task[Session]] = {}
        self._owners: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._doing: set[_Doing] = set()
        self._here: set[str] = set()

    def is_here(self, run_id: str) -> bool:
        """Whether the run is executed in this process."""
        return run_id in self._here

    async def session(self, *, is_trusting: bool = False) -> Session:
        """What runs are executed with; where *is_trusting*, also programs that an imported run names.

        Raises:
            StoreError: the store cannot be written.
        """
        return await self._session(_Kind(is_trusting=is_trusting))

    async def looking_session(self) -> Session:
        """What plans are made with: nothing is executed or connected to, and the store stays as it is.

        Raises:
            StoreError: the store cannot be read.
        """
        return await self._session(_Kind(is_read_only=True))

    async def _session(self, kind: _Kind) -> Session:
        opening = self._opening.get(kind)
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
            opening = self._opening[kind] = asyncio.create_task(self._open(kind))
        return await asyncio.shield(opening)

    async def start(self, work: Work, *, is_trusting: bool = False) -> str:
        """Begin *work* and return the id of its run as soon as that is there; the rest happens in the background.

        Raises:
            BinexError: it did not come to a run.
            RefusedError: enough is executed already.
        """
        if len(self._doing) >= MOST_AT_A_TIME:
            raise RefusedError(503, "busy", f"{MOST_AT_A_TIME} runs are executed already", "wait for one, or cancel it")
        doing = _Doing()
        self._doing.add(doing)  # before anything is waited for, so that many at once are counted as well
        doing.work = asyncio.create_task(self._do(doing, work, is_trusting=is_trusting))
        doing.work.add_done_callback(lambda _: self._end(doing))
        either: set[asyncio.Future[Any]] = {doing.begun, doing.work}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if doing.begun.done():
            return doing.begun.result()
        return (await doing.work).run_id  # there was nothing left to do

    async def close(self) -> None:
        """Interrupt what is executed, so that it can be resumed, and close the sessions; within a few seconds."""
        for opening in self._opening.values():
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                opening.result().interrupt()
        for doing in self._doing:
            if doing.run_id is None and doing.work is not None:
                doing.work.cancel()
        working = {doing.work for doing in self._doing if doing.work is not None}
        if working:
            _, left = await asyncio.wait(working, timeout=_INTERRUPT_WITHIN_S)
            for work in left:
                work.cancel()
        self._closing.set()
        ending: set[asyncio.Future[Any]] = {*self._owners, *self._opening.values()}
        if ending:
            _, stuck = await asyncio.wait(ending, timeout=_CLOSE_WITHIN_S)
            for one in stuck:
                one.cancel()

    async def _open(self, kind: _Kind) -> Session:
        ready: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
        owner = asyncio.create_task(self._own(ready, kind))
        self._owners.add(owner)
        owner.add_done_callback(self._owners.discard)
        either: set[asyncio.Future[Any]] = {ready, owner}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await owner
        return ready.result()

    async def _own(self, ready: "asyncio.Future[Session]", kind: _Kind) -> None:
        """Hold a session open, in the one task that opens it and closes it."""
        people = People(patience=Patience.ENDLESS)  # whoever looks at the page can answer
        opening = open_session(
            self._directory,
            listeners=(self.hear,),
            allow_paths=self.allow_paths,
            people=people,
            is_trusting=kind.is_trusting,
            read_only=kind.is_read_only,
            stands_in=self.stands_in,
        )
        async with opening as session:
            ready.set_result(session)
            await self._closing.wait()

    async def _do(self, doing: _Doing, work: Work, *, is_trusting: bool) -> RunSummary:
        session = await self.session(is_trusting=is_trusting)
        _current.set(doing)
        try:
            return await work(session)
        except BaseException as error:
            if doing.run_id is not None:
                await self._tell_failure(session, doing.run_id, error)
            raise

    async def _tell_failure(self, session: Session, run_id: str, error: BaseException) -> None:
        """Tell that a run broke off, which it could not tell itself."""
        message = error.message if isinstance(error, BinexError) else f"{type(error).__name__}: {error}"
        self._say(f"run {run_id}: {message}")
        self._publish(Notice(run_id=run_id, message=message))
        try:
            run = await session.store.get_run(run_id)
        except BinexError:
            return
        if run is not None:
            self._publish(tell_change(run)._replace(name="end"))

    def _end(self, doing: _Doing) -> None:
        self._doing.discard(doing)
        if doing.run_id is not None:
            self._here.discard(doing.run_id)
        if doing.work is not None and not doing.work.cancelled():
            doing.work.exception()  # it was told

    def hear(self, event: Event) -> None:
        """A listener, also of other sessions of this process: passes on what happens, and knows what runs here."""
        if threading.get_ident() != self._thread:  # what runs in a thread may have something to note as well
            self._loop.call_soon_threadsafe(self.hear, event)
            return
        if isinstance(event, RunStarted):
            self._here.add(event.run.id)
            doing = _current.get()
            if doing is not None and doing.run_id is None:
                doing.run_id = event.run.id
                doing.begun.set_result(event.run.id)
        elif isinstance(event, RunEnded):
            self._here.discard(event.summary.run.id)
        self._publish(event)
