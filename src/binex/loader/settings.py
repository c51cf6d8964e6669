"""Reads ``binex.toml``, which stands beside the ``.binex`` folder. Nothing in it is evaluated."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from binex.errors import Fault, InputError, suggest
from binex.loader.files import read_file
from binex.loader.report import workflow_error
from binex.models.base import Model
from binex.models.settings import DevAgent, DevSettings, ProjectSettings, Rates, Redaction

FILE_NAME: Final = "binex.toml"
MAX_BYTES: Final = 1024 * 1024

_KEY: Final = r"""(?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
_HEADER: Final = re.compile(rf"\s*\[\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]")
_ENTRY: Final = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")
_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

_TABLES: Final[dict[tuple[str, ...], type[Model]]] = {
    (): ProjectSettings,
    ("prices",): Rates,  # whatever model it is for
    ("redaction",): Redaction,
    ("dev",): DevSettings,
    ("dev", "agents"): DevAgent,  # whatever its name is
}
_LISTS: Final = {
    "patterns": 'patterns = ["ACME-[0-9]{6}"]',
    "args": 'args = ["agent.py", "--port", "{port}"]',
    "env": 'env = ["OPENAI_API_KEY"]',
}


def load_settings(folder: Path) -> ProjectSettings:
    """What *folder*'s ``binex.toml`` says; without one, the defaults.

    Raises:
        InputError: the file cannot be read or used; with every fault in it, by its line.
    """
    path = folder / FILE_NAME
    if not path.exists() and not path.is_symlink():
        return ProjectSettings()
    text = _read(path)
    try:
        return ProjectSettings.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise workflow_error(str(path), [_syntax_fault(str(error))]) from error
    except RecursionError:
        raise workflow_error(str(path), [Fault("is nested too deep")]) from None
    except ValidationError as error:
        places = list(_places(text))
        raise workflow_error(str(path), [_fault(found, places) for found in error.errors()]) from error


def _read(path: Path) -> str:
    try:
        data = read_file(path, MAX_BYTES)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", fix=error.fix) from error
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: is larger than {MAX_BYTES:,} bytes", fix="shorten it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path}: is not UTF-8: byte 0x{data[error.start]:02X} at offset {error.start:,}"
        raise InputError(message, fix="save it as UTF-8") from error


def _syntax_fault(message: str) -> Fault:
    place = _AT.search(message)
    line, column = (int(place[1]), int(place[2])) if place and place[1] else (None, None)
    return Fault(f"is not TOML: {_AT.sub('', message)}", line, column)


def _fault(found: ErrorDetails, places: list[tuple[tuple[str, ...], int, int]]) -> Fault:
    path = tuple(str(part) for part in found["loc"] if part != "[key]")
    line, column = _place_of(path, places)
    name = ".".join(path)
    if found["type"] == "extra_forbidden":
        known = _TABLES[path[:2] if path[:2] in _TABLES else path[:1] if len(path) > 1 else ()].model_fields
        return Fault(f"unknown key '{name}'", line, column, suggest(path[-1], known, "keys"))
    message = found["msg"].removeprefix("Value error, ")
    if found["type"] == "tuple_type":
        example = _LISTS.get(path[-1], _LISTS["patterns"])
        return Fault(f"'{name}' must be a list", line, column, example)
    if found["type"] == "missing":
        if path[0] == "dev":
            return Fault(f"'{name}' is missing", line, column, 'say what is started: command = "{python}"')
        return Fault(f"'{name}' is missing", line, column, "give both sides: input = 0.15, output = 0.60")
    return Fault(f"'{name}': {message[:1].lower()}{message[1:]}", line, column)


def _place_of(path: tuple[str, ...], places: list[tuple[tuple[str, ...], int, int]]) -> tuple[int | None, int | None]:
    """Where the key of *path* stands, or the nearest one above it."""
    for length in range(len(path), 0, -1):
        for keys, line, column in places:
            if keys[:length] == path[:length]:
                return line, column
    return None, None


def _places(text: str) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Every key that begins a line, in full, with its place. What stands in an inline table has its table's."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _keys(header[1])
            yield table, number, header.start(1) + 1
        elif entry := _ENTRY.match(line):
            yield (*table, *_keys(entry[1])), number, entry.start(1) + 1


def _keys(text: str) -> tuple[str, ...]:
    """The parts of a key such as ``prices."openai/gpt-4o"``."""
    try:
        value: object = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return ()  # it only looked like one, inside a text of several lines
    keys = []
    while isinstance(value, dict):
        ((key, value),) = value.items()
        keys.append(key)
    return tuple(keys)
