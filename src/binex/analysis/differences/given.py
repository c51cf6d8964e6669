"""Where a task got something from, told by hashes alone: reading a large workflow takes longer than all else."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Final, NamedTuple

from pydantic import JsonValue

from binex.analysis.hashes import Hashes
from binex.models.json_value import encode_json
from binex.models.task import ExecutionRecord

_CHARACTERS: Final = 16
"""How much of a hash stands in the parts of keys, as the runtime makes them."""


class Given:
    """The variables of one run, by their hashes as they stand in the parts of its tasks' keys."""

    def __init__(self, variables: Mapping[str, JsonValue]) -> None:
        self._variables = variables

    def names(self, part: str) -> set[str]:
        """The variables with that hash."""
        return self._names.get(part, set())

    def has_within(self, part: str) -> bool:
        """Whether something with that hash is part of a variable."""
        return part in self._within

    @cached_property
    def _names(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for name, value in self._variables.items():
            found.setdefault(_hash(value), set()).add(name)
        return found

    @cached_property
    def _within(self) -> set[str]:
        return {_hash(part) for value in self._variables.values() for part in _parts_of(value)}


class Told(NamedTuple):
    """What hashes tell of one side of a task."""

    given: Given
    parts: Mapping[str, str]
    """Those of its key."""
    outputs: frozenset[str]
    """Those of the artifacts that it was given, as they would stand in its key."""

    @classmethod
    async def of(cls, given: Given, record: ExecutionRecord, hashes: Hashes) -> "Told":
        """The side that has *record*."""
        outputs = [await hashes.of(id) for id in record.input_artifacts]
        return cls(given, record.key_parts, frozenset(one[:_CHARACTERS] for one in outputs))


def variables_in_part(name: str, sides: tuple[Told, Told], changed: Collection[str]) -> tuple[str, ...] | None:
    """Those of the *changed* variables with which a part of the keys was filled in; None where hashes do not tell.

    They tell where it is the output of another task and nothing in the variables is the same, and where it is a
    variable and the task was given no outputs.
    """
    parts = [side.parts.get(name, "") for side in sides]
    if any(side.given.has_within(part) for side, part in zip(sides, parts, strict=True)):
        return None
    named = [side.given.names(part) for side, part in zip(sides, parts, strict=True)]
    if not any(side.outputs for side in sides):
        common = named[0] & named[1] & set(changed)
        return tuple(common) if len(common) == 1 else None
    are_outputs = all(part in side.outputs for side, part in zip(sides, parts, strict=True))
    return () if are_outputs and not any(named) else None


def _parts_of(value: JsonValue) -> Iterator[JsonValue]:
    """What is within a value, however deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield part
        yield from _parts_of(part)


def _hash(value: JsonValue) -> str:
    return hashlib.sha256(encode_json(value)).hexdigest()[:_CHARACTERS]
