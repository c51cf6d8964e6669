"""Opening the explorer on a terminal, and giving the terminal back as it was."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from binex.analysis.find import find_run
from binex.cli.explore_screen.app import Explorer
from binex.cli.explore_screen.place import Place
from binex.cli.loop import CommandLoop
from binex.cli.reading import store_folder
from binex.cli.render.look import Look
from binex.cli.render.text import escape
from binex.cli.streams import write_note
from binex.errors import DamagedDataError
from binex.stores.backends.sqlite import open_sqlite_store

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def explore(run: str | None, directory: Path | None) -> int:
    """Show the store in *directory*, beginning with *run* where one is named, and return the exit code."""
    loop = CommandLoop()
    look = Look.of(sys.stdout)
    damage: list[str] = []
    with _terminal_apart():
        code = loop.run(_explore(run, directory, look, damage))
    for message in damage:
        write_note(f"damaged: {escape(message)}")
    if damage and code == 0:
        code = DamagedDataError.exit_code
    loop.leave_if_needed(code)
    return code


async def _explore(run: str | None, directory: Path | None, look: Look, damage: list[str]) -> int:
    place: Place | None = None

    def note(message: str) -> None:
        if place is not None:
            place.note_damage(message)
        else:
            damage.append(message)

    folder = store_folder(directory)
    async with open_sqlite_store(folder, read_only=True, on_notice=note) as store:
        place = Place(store, folder, look, directory, damage)
        explorer = Explorer(place, await find_run(store, run) if run is not None else None)
        with _stopped_by_signals(explorer):
            code = await explorer.run_async()
    return (explorer.return_code or 0) if code is None else code


@contextmanager
def _stopped_by_signals(explorer: Explorer) -> Iterator[None]:
    """Leave the explorer in order when a signal says so."""
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, explorer.stop, 128 + number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


@contextmanager
def _terminal_apart() -> Iterator[None]:
    """Keep the terminal for the explorer: what agents and their child processes print in the block goes nowhere.

    Textual writes to ``sys.__stderr__`` and asks ``sys.__stdout__`` how large the terminal is.
    """
    kept = sys.__stdout__, sys.__stderr__
    numbers = os.dup(1), os.dup(2)
    terminal = open(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123, SIM115
    nowhere = os.open(os.devnull, os.O_WRONLY)
    sys.stdout.flush()
    sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc]
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        terminal.flush()
        sys.__stdout__, sys.__stderr__ = kept  # type: ignore[misc]
        for number, before in zip((1, 2), numbers, strict=True):
            os.dup2(before, number)
            os.close(before)
        os.close(nowhere)
        terminal.close()
