"""The development environment in front of somebody: what is said about it, how it ends, which exit code it has."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TextIO

from binex.cli.asking import whoever_types
from binex.cli.exit_codes import EXIT_CODES
from binex.cli.loop import CommandLoop
from binex.cli.render.dev import DevLines, JsonLines
from binex.cli.stop_signals import stop_signals
from binex.cli.streams import results_apart, write_note
from binex.errors import InputError
from binex.models.run import RunSummary
from binex.runtime.journal import Listener
from binex.server.dev.environment import DevWish, open_development
from binex.server.dev.told import Tell

_FAILED: Final = 1


@dataclass(frozen=True, slots=True)
class Developing:
    """What ``binex dev`` does."""

    wish: DevWish
    named: Path | None
    """The folder of the store, where it was named: the commands that are shown name it then as well."""
    as_json: bool
    has_page: bool

    def develop(self) -> int:
        """Have everything running until it is told to stop, or until all was executed once."""
        loop = CommandLoop()
        with results_apart() as stream:
            code = loop.run(self._develop(stream))
        loop.leave_if_needed(code)
        return code

    async def _develop(self, stream: TextIO) -> int:
        lines = DevLines(stream, self.named)
        tell: Tell = JsonLines(stream).tell if self.as_json else lines.tell
        listeners = () if self.as_json else (lines.note,)
        doing = asyncio.ensure_future(_work(self._with_page(), tell, listeners))
        received: list[int] = []

        def stop(number: int) -> None:
            received.append(number)
            write_note("stopping; Ctrl-C again to leave at once")  # the keepers of programs see it, and end them
            doing.cancel()

        with stop_signals(stop):
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


async def _work(wish: DevWish, tell: Tell, listeners: Sequence[Listener]) -> int:
    async with open_development(wish, tell, listeners) as development:
        if not wish.is_once:
            await development.follow()
        are_ready, summaries = await development.run_once()
        if not are_ready:
            return _FAILED
        return max((_code_of(summary) for summary in summaries), default=0)


def _code_of(summary: RunSummary | None) -> int:
    """The exit code of a run; where there was none, the workflow was not usable, or what it was given."""
    return InputError.exit_code if summary is None else EXIT_CODES.get(summary.status, _FAILED)
