"""What an answer must look like to become the node's outputs: text, or JSON that fits a schema."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from pydantic import JsonValue

from binex.errors import BadOutputError, SchemaError
from binex.models.json_schema import find_misses
from binex.models.json_value import decode_json
from binex.models.task import Artifact, TaskNode

_FENCED: Final = re.compile(r"^[ \t]*```[ \t]*[A-Za-z0-9]*[ \t]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
_MAX_STARTS: Final = 64
"""So many places are tried at which JSON could begin in a text that is not all JSON."""
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Shape:
    """What the answer to a task must look like."""

    outputs: tuple[str, ...]
    schema: dict[str, JsonValue] | None
    """What it must fit as JSON; None where it is text."""

    @classmethod
    def of(cls, task: TaskNode) -> Self:
        """The task's schema; several outputs need an object with exactly their names, whether there is one or not."""
        if task.output_schema is not None or len(task.outputs) == 1:
            return cls(task.outputs, task.output_schema)
        properties: dict[str, JsonValue] = {output: {} for output in task.outputs}
        names: list[JsonValue] = list(task.outputs)
        wanted: dict[str, JsonValue] = {"properties": properties, "required": names, "additionalProperties": False}
        return cls(task.outputs, {"type": "object", **wanted})

    @property
    def instruction(self) -> str:
        """What a model is told whose provider cannot hold it to the schema."""
        schema = json.dumps(self.schema, ensure_ascii=False, separators=(",", ":"))
        return f"Answer with JSON alone, without any other text, that fits this JSON Schema:\n{schema}"

    def repair_message(self, misses: list[str]) -> str:
        """What a model is told about an answer that does not do; a provider may have kept the schema from it."""
        listed = "\n".join(f"- {miss}" for miss in misses)
        return f"Your answer does not fit what was asked for:\n{listed}\n{self.instruction}"

    def read(self, text: str) -> tuple[JsonValue, list[str]]:
        """The value of an answer, and why it does not do, if it does not."""
        if self.schema is None:
            return text, []
        try:
            value = find_json(text)
        except ValueError as error:
            return None, [str(error)]
        misses = find_misses(self.schema, value)
        if not misses and len(self.outputs) > 1 and (not isinstance(value, dict) or value.keys() != set(self.outputs)):
            misses.append(f"it must be an object with exactly these keys: {', '.join(self.outputs)}")
        return value, misses

    def artifacts(self, task: TaskNode, value: JsonValue) -> list[Artifact]:
        """The outputs that an answer makes."""
        if len(self.outputs) == 1:
            return [Artifact.of(task, self.outputs[0], value)]
        if not isinstance(value, dict):
            raise BadOutputError(f"the answer is no object with {', '.join(self.outputs)}")
        return [Artifact.of(task, output, value[output]) for output in self.outputs]


def schema_error(misses: list[str], text: str, tries: int) -> SchemaError:
    """What remains to be said when asking again did not help."""
    after = f" after {tries} tries" if tries > 1 else ""
    message = f"the answer does not fit output_schema{after}: {'; '.join(misses)}; it begins with {text[:_SHOWN]!r}"
    return SchemaError(message, fix="say in the prompt what is wanted, or loosen output_schema")


def find_json(text: str) -> JsonValue:
    """The one JSON value in *text*, which may stand in a fence or in other text.

    Raises:
        ValueError: there is none, or more than one.
    """
    try:
        return decode_json(text.strip().encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        pass
    fenced = [value for block in _FENCED.findall(text) for value in _values_in(block, is_whole=True)]
    found = fenced or list(_values_in(text))
    if len(found) == 1:
        return found[0]
    if not found:
        raise ValueError("it is no JSON")
    raise ValueError("there is more than one JSON value in it")


def _values_in(text: str, *, is_whole: bool = False) -> Iterator[JsonValue]:
    """The objects and lists in a text, outermost only; with *is_whole*, the text if it is JSON as a whole."""
    if is_whole:
        try:
            yield decode_json(text.strip().encode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return
        return
    decoder = json.JSONDecoder(parse_constant=_refuse)
    at, tried = 0, 0
    while (start := _start_of_json(text, at)) >= 0 and tried < _MAX_STARTS:
        tried += 1
        try:
            value, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            at = start + 1
        else:
            yield value


def _start_of_json(text: str, at: int) -> int:
    starts = [found for found in (text.find("{", at), text.find("[", at)) if found >= 0]
    return min(starts, default=-1)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
