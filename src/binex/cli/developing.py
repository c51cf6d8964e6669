"""The development environment in front of somebody: what is said about it, how it ends, which exit code it has."""

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, TextIO

from binex.cli.asking import whoever_types
from binex.cli.exit_codes import EXIT_CODES
from binex.cli.loop import CommandLoop
from binex.cli.render.dev import DevLines, JsonLines
from binex.cli.streams import results_apart, write_note
from binex.errors import InputError
from binex.models.run import RunSummary
from binex.runtime.journal import Listener
from binex.server.dev.environment import DevWish, open_development
from binex.server.dev.told import Tell

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FAILED: Final = 1


@dataclass(frozen=True, slots=True)
class Developing:
    """What ``binex dev`` does."""

    wish: DevWish
    as_json: bool
    has_page: bool

    def develop(self, *, is_once: bool) -> int:
        """Have everything running until it is told to stop, or until all was executed once."""
        loop = CommandLoop()
        with results_apart() as stream:
            code = loop.run(self._develop(stream, is_once=is_once))
        loop.leave_if_needed(code)
        return code

    async def _develop(self, stream: TextIO, *, is_once: bool) -> int:
        lines = DevLines(stream, self.wish.directory)
        tell: Tell = JsonLines(stream).tell if self.as_json else lines.tell
        listeners = () if self.as_json else (lines.note,)
        doing = asyncio.ensure_future(_work(self._with_page(), tell, listeners, is_once=is_once))
        with _stopping(doing) as received:
            try:
                return await doing
            except asyncio.CancelledError:
                if not received:
                    raise
                return 128 + received[0]

    def _with_page(self) -> DevWish:
        if not self.has_page:
            return self.wish
        from binex.server.dev.page import open_page

        return replace(self.wish, page=open_page, who=whoever_types())


async def _work(wish: DevWish, tell: Tell, listeners: Sequence[Listener], *, is_once: bool) -> int:
    async with open_development(wish, tell, listeners) as development:
        if not is_once:
            await development.follow()
        are_ready, summaries = await development.run_once()
        if not are_ready:
            return _FAILED
        return max((_code_of(summary) for summary in summaries), default=0)


def _code_of(summary: RunSummary | None) -> int:
    """The exit code of a run; where there was none, the workflow was not usable, or what it was given."""
    return InputError.exit_code if summary is None else EXIT_CODES.get(summary.status, _FAILED)


@contextmanager
def _stopping(doing: "asyncio.Future[int]") -> Iterator[list[int]]:
    """Have the first signal end what is done, and the second the process; those that came are in the list."""
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def stop(number: int) -> None:
        if received:
            os._exit(128 + number)  # the keepers of programs see it, and end them
        received.append(number)
        write_note("stopping; Ctrl-C again to leave at once")
        doing.cancel()

    numbers = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    try:
        yield received
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
