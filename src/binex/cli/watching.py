"""``binex runs --watch``: the list of runs as it changes, whoever changes it."""

import asyncio
import sys
from pathlib import Path
from shutil import get_terminal_size
from typing import Final

from binex.analysis.runs import RunPage, list_runs
from binex.cli.reading import read
from binex.cli.render.look import Look
from binex.cli.render.run_list import run_line, run_list
from binex.cli.streams import write_note
from binex.models.run import Run
from binex.models.run_query import RunQuery
from binex.stores.run_store import RunStore

_PAUSE_S: Final = 0.5
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def watch_runs(directory: Path | None, query: RunQuery, *, limit: int, page: int) -> int:
    """Show the runs that *query* asks for until Ctrl-C: on a terminal the list, in a pipe a line for each change."""
    look = Look.of(sys.stdout)

    async def watch(store: RunStore) -> int:
        before: RunPage | None = None
        is_read = True
        while is_read:
            now = await list_runs(store, query, limit=limit, offset=(page - 1) * limit)
            if look.is_terminal:
                is_read = _show(_screen(run_list(now, page, Look.of(sys.stdout))))
            elif changed := _changed(before, now):
                is_read = _show("".join(f"{run_line(run, look)}\n" for run in changed))
            before = now
            await asyncio.sleep(_PAUSE_S)
        return 0

    try:
        return read(directory, watch)[0]
    except KeyboardInterrupt:
        if look.is_terminal:
            write_note("")
        return 130


def _screen(text: str) -> str:
    """What puts *text* in the place of all that is on the screen, as much of it as there is room for.

    Line by line: a screen that is emptied first would flicker.
    """
    room = max(2, get_terminal_size().lines - 1)
    return _HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in text.split("\n")[:room]) + _CLEAR_BELOW


def _show(text: str) -> bool:
    """Write *text* to stdout; whether anybody reads it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        return False
    return True


def _changed(before: RunPage | None, now: RunPage) -> list[Run]:
    """The runs that have come or changed, the oldest first."""
    known = {} if before is None else {run.id: run for run in before.runs}
    return [run for run in reversed(now.runs) if known.get(run.id) != run]
