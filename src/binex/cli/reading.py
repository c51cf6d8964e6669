"""Asking the store a question without changing anything."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from binex.cli.render.text import escape, escape_json, pretty_json
from binex.cli.streams import write_note, write_result
from binex.errors import DamagedDataError
from binex.models.event import Event, Notice
from binex.runtime.session import open_session
from binex.stores.run_store import RunStore

_Answer = TypeVar("_Answer")


def read(directory: Path | None, question: Callable[[RunStore], Awaitable[_Answer]]) -> tuple[_Answer, int]:
    """The answer to *question*, asked of the store in *directory*, which is only read; and the exit code.

    What could not be read is left out of the answer and named on stderr; the exit code then says so.
    """
    code = 0

    def name_what_is_damaged(event: Event) -> None:
        nonlocal code
        if isinstance(event, Notice):
            code = DamagedDataError.exit_code
            write_note(f"damaged: {escape(event.message)}")

    async def ask() -> _Answer:
        async with open_session(directory, read_only=True, listeners=(name_what_is_damaged,)) as session:
            return await question(session.store)

    return asyncio.run(ask()), code


def print_json(model: BaseModel) -> None:
    """Print *model* whole, as JSON that is valid and safe to show."""
    write_result(json_of(model))


def json_of(model: BaseModel) -> str:
    """*model* whole, as JSON that is valid and safe to show."""
    try:
        return escape_json(model.model_dump_json(indent=2))
    except ValueError:  # text with lone surrogates, which UTF-8 has no form for
        return pretty_json(model.model_dump(mode="json"))
