"""Reads the body of a request, as much of it as is allowed, and only if it is JSON."""

import asyncio
from typing import Final

from pydantic import JsonValue
from pydantic_core import from_json
from starlette.types import Message, Receive

from binex.server.refusals import RefusedError

MOST_BYTES: Final = 2 * 1024 * 1024
MOST_DEPTH: Final = 64
_MOST_FIELDS: Final = 100
"""So many the body itself may have; what was made to have many would take seconds to be told of each."""
_WITHIN_S: Final = 30.0


async def read_json(receive: Receive, said_length: bytes | None, most: int = MOST_BYTES) -> bytes:
    """The body, checked; it has at most that many bytes.

    Raises:
        RefusedError: it is too large, too deep, no JSON, or does not come.
    """
    if said_length is not None and (not said_length.isdigit() or len(said_length) > 9 or int(said_length) > most):
        raise _too_large(most)
    try:
        async with asyncio.timeout(_WITHIN_S):
            data = await _read(receive, most)
    except TimeoutError:
        raise RefusedError(400, "body", f"the request did not come to its end in {_WITHIN_S:g} s") from None
    _refuse_if_odd(data)
    return data


def replayed(data: bytes, receive: Receive) -> Receive:
    """What gives *data* to an application that reads the body, and then whatever comes."""
    is_read = False

    async def replay() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": data, "more_body": False}

    return replay


async def _read(receive: Receive, most: int) -> bytes:
    data = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise RefusedError(400, "body", "the request did not come to its end")
        data += message.get("body", b"")
        if len(data) > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return bytes(data)


def _refuse_if_odd(data: bytes) -> None:
    try:
        value: JsonValue = from_json(data, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        raise RefusedError(400, "body", f"the body is not JSON: {error!s:.200}", "send a JSON document") from None
    if isinstance(value, dict) and len(value) > _MOST_FIELDS:
        raise RefusedError(400, "body", f"the body has more than {_MOST_FIELDS} fields")
    if _is_deeper(value, MOST_DEPTH):
        raise RefusedError(400, "body", f"the body is nested deeper than {MOST_DEPTH} levels")


def _is_deeper(value: JsonValue, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if not levels:
        return True
    return any(_is_deeper(part, levels - 1) for part in (value.values() if isinstance(value, dict) else value))


def _too_large(most: int) -> RefusedError:
    return RefusedError(413, "body", f"the body is larger than {most:,} bytes", "send less")
