"""Models as answers in JSON, none of them without end."""

import json
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from pydantic import BaseModel, JsonValue
from pydantic_core import to_json
from starlette.responses import Response

from binex.analysis.find import find_run
from binex.errors import InputError
from binex.models.run import Run
from binex.server.reading import Reader
from binex.server.refusals import JSON, MissingError, RefusedError
from binex.stores.run_store import RunStore

MOST_BYTES: Final = 32 * 1024 * 1024
"""What is larger is no answer that a page could show."""


def as_json(value: BaseModel | JsonValue) -> bytes:
    """*value* as JSON, whatever its texts hold."""
    try:
        return value.model_dump_json(warnings=False).encode() if isinstance(value, BaseModel) else to_json(value)
    except ValueError:  # text with lone surrogates, which UTF-8 has no form for
        plain = value.model_dump(mode="json", warnings=False) if isinstance(value, BaseModel) else value
        return json.dumps(plain, ensure_ascii=True, separators=(",", ":")).encode()


def answer(value: BaseModel | JsonValue, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """*value* as an answer.

    Raises:
        RefusedError: it is too large for one.
    """
    data = as_json(value)
    if len(data) > MOST_BYTES:
        size = f"{len(data):,} bytes, and {MOST_BYTES:,} are the most"
        raise RefusedError(413, "answer", f"the answer is too large for a page: {size}", "ask the command line")
    return Response(data, status_code=status, media_type=JSON, headers=headers and dict(headers))


@contextmanager
def naming() -> Iterator[None]:
    """In the block a mistake is one in the address: what is named there does not exist.

    Raises:
        MissingError: it does not.
    """
    try:
        yield
    except MissingError:
        raise
    except InputError as error:
        raise MissingError(error.message, fix=error.fix) from error


async def named_run(store: RunStore, text: str) -> Run:
    """The run that an address names.

    Raises:
        MissingError: there is none, or there are several.
    """
    with naming():
        return await find_run(store, text)


async def about_run(
    reader: Reader, run: str, question: Callable[..., Awaitable[BaseModel | JsonValue]], *about: Hashable
) -> Response:
    """The answer to *question*, a function that is given the store, the run and what the question is *about*.

    To whoever asks the same at the same time it is the same one; a function that is made anew is never the same.
    """

    async def ask(store: RunStore) -> Response:
        return answer(await question(store, await named_run(store, run), *about))

    return await reader.answers.get((run, question, about), lambda: reader.ask(ask))
