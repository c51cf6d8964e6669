"""Writes one JSON object, a member at a time and a line for every element, without having all of it in memory."""

import json
from collections.abc import AsyncIterable, Iterable
from typing import IO, Final, TypeAlias

from pydantic import BaseModel, JsonValue

from binex.models.safe_text import escape_json

Piece: TypeAlias = BaseModel | JsonValue
"""What an element is made from."""


_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class Encoded(str):
    """Text that is a JSON value already."""

    __slots__ = ()


class JsonStream:
    """One object in *file*. What no terminal should obey, and lone surrogates, are written as ``\\u`` escapes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._has_members = False
        file.write(b"{")

    def member(self, name: str, value: "Piece | Encoded") -> None:
        """A member with one value."""
        self._begin(name)
        self._write(encoded(value))

    async def members(self, name: str, values: "AsyncIterable[Piece | Encoded]") -> int:
        """A member that is a list; how many elements it has."""
        self._begin(name)
        return await self._list(values)

    def listed(self, name: str, values: "Iterable[Piece | Encoded]") -> int:
        """The same for values that are at hand."""
        self._begin(name)
        count = 0
        self._write("[")
        for value in values:
            self._write(("," if count else "") + "\n  " + encoded(value))
            count += 1
        self._write("\n]" if count else "]")
        return count

    def end(self) -> None:
        """There are no more members."""
        self._write("\n}\n")

    async def _list(self, values: "AsyncIterable[Piece | Encoded]") -> int:
        count = 0
        self._write("[")
        async for value in values:
            self._write(("," if count else "") + "\n  " + encoded(value))
            count += 1
        self._write("\n]" if count else "]")
        return count

    def _begin(self, name: str) -> None:
        self._write(("," if self._has_members else "") + f"\n{encoded(name)}: ")
        self._has_members = True

    def _write(self, text: str) -> None:
        self._file.write(text.encode())


def encoded(value: "Piece | Encoded") -> str:
    """*value* as JSON text of one line."""
    if isinstance(value, Encoded):
        return value
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return escape_json(_ENCODE(value))


def one_line(data: bytes) -> Encoded:
    """JSON that is kept, as exactly as it is: it is not read and written again, so that numbers keep their digits.

    A line end in it stands between its pieces, never in a text.
    """
    return Encoded(escape_json(data.decode()).replace("\r", " ").replace("\n", " "))


def with_members(value: BaseModel, /, **members: str) -> Encoded:
    """*value* as an object in which *members*, JSON text already, stand as well, or in the place of its own."""
    text = encoded(value.model_dump(mode="json", exclude=set(members)))
    added = ", ".join(f"{encoded(name)}: {member}" for name, member in members.items())
    return Encoded(f"{text[:-1]}, {added}}}")
