"""Showing a run of another process live, until it ends. The run itself is not touched."""

import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from binex.analysis.find import find_run
from binex.analysis.following import events_of
from binex.cli.exit_codes import EXIT_CODES
from binex.cli.reading import read
from binex.cli.render.look import Look
from binex.cli.render.progress import PlainProgress
from binex.cli.render.results import ending
from binex.cli.render.text import escape_json
from binex.cli.streams import write_note, write_result
from binex.models.event import Event, RunEnded
from binex.models.run import RunSummary
from binex.stores.run_store import RunStore

_WORD_START: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def follow(run: str, directory: Path | None, *, as_json: bool) -> int:
    """Show what happens in *run*; the exit code is the one that executing it would have ended with."""
    summary: RunSummary | None = None

    async def ask(store: RunStore) -> None:
        nonlocal summary
        from binex.loader import bind_source

        found = await find_run(store, run)
        with _listener(directory, as_json=as_json) as listen:
            async for events in events_of(store, found, bind_source):
                for event in events:
                    listen(event)
                    if isinstance(event, RunEnded):
                        summary = event.summary

    _, code = read(directory, ask)
    assert summary is not None
    if not as_json:
        write_note(ending(summary, Look.of(sys.stderr), directory))
    return code or EXIT_CODES.get(summary.status, 1)


def _listener(directory: Path | None, *, as_json: bool) -> AbstractContextManager[Callable[[Event], None]]:
    if as_json:
        return nullcontext(_write_line)
    look = Look.of(sys.stderr)
    if not look.is_terminal or os.environ.get("TERM") == "dumb":
        return nullcontext(PlainProgress(write_note, look, directory=directory))
    from binex.cli.render.live import live_progress

    return live_progress(look, directory=directory)


def _write_line(event: Event) -> None:
    """One event as one line of JSON, ``event`` saying which it is: ``task_settled``."""
    name = _WORD_START.sub("_", type(event).__name__).lower()
    write_result(escape_json(json.dumps({"event": name, **event.model_dump(mode="json")}, ensure_ascii=False)))
