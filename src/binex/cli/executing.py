"""Executing a run in front of somebody: progress, signals, results, and how it went."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Final, Protocol, Self, TextIO

from pydantic import BaseModel

from binex.cli.asking import TerminalAsker, is_somebody_there, is_something_piped
from binex.cli.exit_codes import EXIT_CODES
from binex.cli.limits import read_limits
from binex.cli.loop import CommandLoop
from binex.cli.main import report
from binex.cli.options import ExecutionOptions, typed
from binex.cli.printing import json_of
from binex.cli.reading import store_folder
from binex.cli.render.look import Look
from binex.cli.render.progress import PlainProgress, Silence
from binex.cli.render.results import ending, results
from binex.cli.render.stream import SpokenLines
from binex.cli.streams import results_apart, write_note, write_result
from binex.errors import BinexError
from binex.models.event import Event, RunStarted
from binex.models.limits import Limits
from binex.models.run import Durability, RunStatus, RunSummary
from binex.runtime.assembly import People
from binex.runtime.desk import Patience
from binex.runtime.session import Session, open_session
from binex.runtime.stops.stops import Stops
from binex.stores.backends.filesystem import DATABASE
from binex.stores.backends.opening import require_store

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR: Final = b"\x1b[?25h"


class Progress(Protocol):
    """A listener that can also be told something that is no event."""

    def __call__(self, event: Event) -> None: ...

    def say(self, message: str) -> None: ...

    def pause(self) -> AbstractContextManager[None]:
        """Write nothing in the block: somebody is being asked something."""
        ...


@dataclass(frozen=True, slots=True)
class Execution:
    """How a run is to be executed and shown."""

    directory: Path | None = None
    durability: Durability = Durability.FULL
    limits: Limits = field(default_factory=Limits)
    is_quiet: bool = False
    as_json: bool = False
    is_streamed: bool = False
    waits: bool | None = None
    """Whether to wait for people however long it takes; None leaves that to the deadlines of their questions."""
    stops: Stops = field(default_factory=Stops)
    """Where the run is to stop; with any, what is piped to the command are answers."""
    is_trusting: bool = False
    """Whether a run that was imported may execute functions and programs."""
    is_traced: bool = False
    """Whether spans are to be sent while it is executed."""
    needs_store: bool = False
    """Whether it is about a run that must be there; otherwise a store is made where there is none."""
    end: Callable[[RunSummary, Look, Path | None], str] = ending
    """Says how it went."""
    show: Callable[[RunSummary, Look], str] = results
    """The result, as text."""
    document: Callable[[RunSummary], BaseModel] = lambda summary: summary
    """The result whole, for ``--json``."""
    judge: Callable[[RunSummary], int | None] = lambda _: None
    """The exit code of a run that ended by itself, where its status does not say it."""
    interrupt: Callable[[Session], None] = Session.interrupt
    """Ends what is executed when a signal says so."""
    progress: Callable[[], AbstractContextManager[Progress]] | None = None
    """Shows how it goes on, where that is not done as for any single run."""

    @classmethod
    def of(
        cls,
        options: ExecutionOptions,
        end: Callable[[RunSummary, Look, Path | None], str] = ending,
        *,
        stops: Stops | None = None,
    ) -> Self:
        """What was asked for on the command line.

        Raises:
            InputError: a limit does not exist, or cannot be that; or what sends spans is not installed.
        """
        return cls(
            directory=options.directory,
            durability=Durability(options.durability),
            limits=read_limits(options.limits),
            is_quiet=options.is_quiet,
            as_json=options.as_json,
            is_streamed=options.is_streamed,
            is_traced=_is_traced(is_wanted=options.is_traced),
            waits=options.waits,
            stops=stops or Stops(),
            end=end,
        )

    @classmethod
    def of_run(
        cls,
        options: ExecutionOptions,
        end: Callable[[RunSummary, Look, Path | None], str] = ending,
        *,
        stops: Stops | None = None,
        is_trusting: bool = False,
    ) -> Self:
        """The same for what is done with a run that is there: where there is no store, none is made."""
        return replace(cls.of(options, end, stops=stops), needs_store=True, is_trusting=is_trusting)

    def execute(self, work: Callable[[Session], Awaitable[RunSummary]]) -> int:
        """Do *work*, print what it made on stdout and everything else on stderr, and return the exit code."""
        stop, loop = _Stop(), CommandLoop()
        with results_apart() as stream:
            try:
                with stop.on_signals():
                    summary = loop.run(self._run(work, stop))
                if summary is not None:
                    self._print(summary, stream)
            except Exception as error:
                self._name_folder(error)
                if loop.has_left_something():  # Python would wait for it before it ends
                    loop.leave_if_needed(report(error))
                raise
        if summary is None or summary.status is RunStatus.INTERRUPTED:
            code = stop.exit_code
        else:
            judged = self.judge(summary)
            code = EXIT_CODES.get(summary.status, 1) if judged is None else judged
        loop.leave_if_needed(code)
        return code

    async def _run(self, work: Callable[[Session], Awaitable[RunSummary]], stop: "_Stop") -> RunSummary | None:
        if self.needs_store:
            require_store(store_folder(self.directory) / DATABASE)
        with self._progress() as progress:
            async with open_session(
                self.directory,
                durability=self.durability,
                limits=self.limits,
                listeners=(progress, stop.note_start),
                people=self._people(progress),
                is_trusting=self.is_trusting,
                is_traced=self.is_traced,
            ) as session:
                doing = asyncio.ensure_future(work(session))
                stop.listen(doing, lambda: self.interrupt(session), progress.say)
                try:
                    return await doing
                except asyncio.CancelledError:
                    if stop.received is None:
                        raise
                    return None  # told to stop before the run began

    def _people(self, progress: Progress) -> People:
        if self.waits is False:
            return People(patience=Patience.NONE)
        is_asked_here = is_somebody_there() or (self.stops.is_any and is_something_piped())
        asker = TerminalAsker(progress.pause, self.directory) if is_asked_here else None
        return People(asker, Patience.ENDLESS if self.waits else Patience.DEADLINE)

    def _progress(self) -> AbstractContextManager[Progress]:
        if self.progress is not None:
            return self.progress()
        if self.is_quiet:
            return nullcontext(Silence(write_note, self.directory))
        look = Look.of(sys.stderr)
        spoken = SpokenLines() if self.is_streamed else None
        if not look.is_terminal or os.environ.get("TERM") == "dumb":
            return nullcontext(PlainProgress(write_note, look, spoken, self.directory))
        from binex.cli.render.live import live_progress

        return live_progress(look, spoken, self.directory)

    def _name_folder(self, error: Exception) -> None:
        """Let the command that an error ends with name the folder, as it would have to be typed here."""
        if self.directory is not None and isinstance(error, BinexError) and error.fix:
            before, command, run = error.fix.rpartition("binex resume ")
            if command and " " not in run:
                error.fix = before + typed(f"resume {run}", self.directory)

    def _print(self, summary: RunSummary, stream: TextIO) -> None:
        if self.as_json:
            write_result(json_of(self.document(summary)), stream)
        elif text := self.show(summary, Look.of(stream)):
            write_result(text, stream)
        is_told = not self.is_quiet or summary.status is not RunStatus.COMPLETED
        if is_told and (text := self.end(summary, Look.of(sys.stderr), self.directory)):
            write_note(text)


def _is_traced(*, is_wanted: bool) -> bool:
    """Whether spans are to be sent: somebody says so, or the environment names a collector.

    Raises:
        InputError: somebody says so, and what sends them is not installed.
    """
    if not is_wanted and not any(name.startswith("OTEL_EXPORTER_OTLP_") for name in os.environ):
        return False
    from binex.telemetry import sending

    if is_wanted:
        sending.require_installed("--otel")
    elif not sending.is_wanted_by_environment():
        return False
    elif not sending.is_installed():
        write_note(f"note: no spans are sent, as OpenTelemetry is not installed: {sending.INSTALL}")
        return False
    return True


class _Stop:
    """Turns the first signal into the end of the run, and the second into the end of the process."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._has_started = False
        self._stop: Callable[[], object] | None = None

    @property
    def exit_code(self) -> int:
        return 128 + (self.received or signal.SIGINT)

    def note_start(self, event: Event) -> None:
        """A listener: from the start of the run on it can be told to stop; before, everything can be dropped."""
        if isinstance(event, RunStarted):
            self._has_started = True

    def listen(
        self, doing: "asyncio.Future[RunSummary]", interrupt: Callable[[], None], say: Callable[[str], None]
    ) -> None:
        """Know what to stop from now on."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if self._has_started:
                say("stopping; Ctrl-C again to leave at once")
                interrupt()
            else:
                doing.cancel()

        self._stop = lambda: loop.call_soon_threadsafe(stop)
        if self.received is not None:
            stop()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Hear signals in the block; one that was ignored before, as under nohup, stays ignored."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            if sys.stderr.isatty():
                os.write(2, _SHOW_CURSOR)
            os._exit(128 + number)
        self.received = signal.Signals(number)
        if self._stop is not None:
            self._stop()
