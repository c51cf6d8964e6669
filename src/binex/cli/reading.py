"""Asking the store a question without changing anything.

The store is opened without a session: that would load all that it takes to execute a workflow.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from binex.analysis.location import find_directory
from binex.cli.render.text import escape
from binex.cli.streams import write_note
from binex.errors import DamagedDataError, InputError
from binex.stores.backends.sqlite import open_sqlite_store
from binex.stores.run_store import RunStore

_Answer = TypeVar("_Answer")


def read(directory: Path | None, question: Callable[[RunStore], Awaitable[_Answer]]) -> tuple[_Answer, int]:
    """The answer to *question*, asked of the store in *directory*, which is only read; and the exit code.

    What could not be read is left out of the answer and named on stderr; the exit code then says so.

    Raises:
        DamagedDataError: what was asked for was not found, and something that it may be cannot be read.
    """
    code = 0
    named: set[str] = set()
    answers: list[_Answer] = []  # asyncio puts the result of what it runs into words, even where nobody reads them

    def name_what_is_damaged(message: str) -> None:
        nonlocal code
        code = DamagedDataError.exit_code
        if message in named:  # several questions may come upon it
            return
        named.add(message)
        write_note(f"damaged: {escape(message)}")

    async def ask() -> None:
        async with open_sqlite_store(store_folder(directory), read_only=True, on_notice=name_what_is_damaged) as store:
            answers.append(await question(store))

    try:
        asyncio.run(ask())
    except InputError as error:  # what was meant may be what is damaged
        if not named:
            raise
        raise DamagedDataError(f"{error.message}, but not all that is there can be read", fix="binex doctor") from error
    return answers[0], code


def store_folder(directory: Path | None) -> Path:
    """The folder of the store: the one that was named, or the one that is found from here."""
    return find_directory() if directory is None else directory.absolute()
