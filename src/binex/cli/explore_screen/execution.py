"""A fork or a replay that is executed while the screen goes on being used."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from binex.cli.explore_screen.page import Draw, error_text
from binex.cli.explore_screen.place import Place
from binex.cli.render.progress import PlainProgress
from binex.cli.render.text import escape
from binex.errors import BinexError
from binex.models.event import Event, RunStarted, TaskSettled
from binex.models.names import item_of
from binex.models.run import Run, RunSummary
from binex.runtime.session import Session, open_session

_MOST_LINES: Final = 2_000
LEAVE_WITHIN_S: Final = 3.5
"""How long what is executed may take to end when it is told to."""

Work = Callable[[Session], Awaitable[RunSummary]]


class Execution:
    """What is executed, what has been heard of it, and what came of it."""

    def __init__(self, place: Place, parent: Run, name: str, command: str, work: Work) -> None:
        self.parent = parent
        self.name = name
        """What it is, as in `fork of 1k3x from plan`."""
        self.command = command
        """What somebody would type after ``binex`` to do the same."""
        self.summary: RunSummary | None = None
        self.result: Draw | None = None
        """What is said of it at the end, where that is not the difference to its parent."""
        self.lines: list[str] = []
        self.settled = 0
        self.on_change: Callable[[], None] = lambda: None
        self._place = place
        self._work = work
        self._session: Session | None = None
        self._has_started = False
        self._progress = PlainProgress(self._write, place.look_at(80), directory=place.directory)
        self._doing: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it is not at its end."""
        return self._doing is not None and not self._doing.done()

    def start(self, on_end: Callable[[], None]) -> None:
        """Begin; *on_end* is called when it is over, however it ended."""
        self._doing = asyncio.create_task(self._execute())
        self._doing.add_done_callback(lambda _: on_end())

    async def leave(self) -> None:
        """Interrupt it, and wait for its end for a while."""
        if self._doing is None:
            return
        if self._session is not None and self._has_started:
            self._session.interrupt()
        else:
            self._doing.cancel()
        await asyncio.wait({self._doing}, timeout=LEAVE_WITHIN_S)

    async def _execute(self) -> None:
        with suppress(asyncio.CancelledError):
            try:
                async with open_session(self._place.folder, listeners=(self._hear,)) as session:
                    self._session = session
                    self.summary = await self._work(session)
            except BinexError as error:
                failure = error
                self.result = lambda width: error_text(failure, self._place, width)
            except Exception as error:  # noqa: BLE001 - it would end nothing but this task, and nobody would hear of it
                said = escape(f"internal error: {type(error).__name__}: {error}", is_block=True)
                self.result = lambda _: said
            finally:
                self._session = None

    def _hear(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._has_started = True
        if isinstance(event, TaskSettled) and item_of(event.record.task) is None:
            self.settled += 1
        self._progress(event)
        self.on_change()

    def _write(self, line: str) -> None:
        self.lines.append(line)
        del self.lines[:-_MOST_LINES]
