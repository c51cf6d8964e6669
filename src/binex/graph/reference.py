"""References: ``${user.topic}``, ``${plan.questions.0}``, ``${env.TOKEN}``, ``${item.title}``; one grammar.

::

    reference = "${" name *( "." part ) "}"       name and part: A-Z a-z 0-9 _ -
    "$${"     is a literal "${"

Names may hold dots themselves. What a reference names is therefore settled against the names of the workflow:
the longest node id that fits, then the longest of its outputs (or the longest input); the rest are fields.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from pydantic import JsonValue

from binex.errors import ExpressionError, suggest


class Source(StrEnum):
    """Where the value of a reference comes from."""

    USER = "user"
    ENV = "env"
    SECRET = "secret"
    ITEM = "item"
    INDEX = "index"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Reference:
    """One bound reference: ``name`` is a variable or a node id, ``fields`` lead into the value."""

    text: str
    source: Source
    name: str = ""
    output: str = ""
    fields: tuple[str, ...] = ()


Lookup: TypeAlias = Callable[[Reference], JsonValue]
"""Gives the value of a reference, fields included; raises ExpressionError where there is none."""

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}?")
_MAX_PARTS = 32
"""A name of 64 characters has no more parts between its dots."""
_BODY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\Z")
_KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What references may name: nodes with their outputs, and variables where the workflow declares them.

    A node alone means its only output; those that are *implied*, since its agent makes them anyway, must be named.
    """

    outputs: Mapping[str, tuple[str, ...]]
    variables: frozenset[str] | None = None
    in_foreach: bool = False
    implied: Mapping[str, tuple[str, ...]] | None = None

    def bind(self, body: str) -> Reference:
        """The reference that ``${body}`` means.

        Raises:
            ExpressionError: it is malformed or names nothing; the nearest name is suggested.
        """
        text = f"${{{body}}}"
        if _BODY.match(body) is None:
            raise ExpressionError(
                f"{text:.80} is not a reference",
                fix="write ${user.name} or ${node.output}; for a literal '${' write '$${'",
            )
        head, *rest = body.split(".")
        if head in (Source.ITEM, Source.INDEX):
            return self._bind_item(text, Source(head), tuple(rest))
        if head in (Source.USER, Source.ENV, Source.SECRET):
            return self._bind_variable(text, Source(head), rest)
        if head == Source.NODE:
            body = body.partition(".")[2]
        return self._bind_node(text, body)

    def _bind_item(self, text: str, source: Source, fields: tuple[str, ...]) -> Reference:
        if not self.in_foreach:
            raise ExpressionError(f"{text} has a meaning only in a node with 'foreach'", fix="add foreach to the node")
        if source is Source.INDEX and fields:
            raise ExpressionError(f"{text}: an index is a number and has no fields", fix="write ${index}")
        return Reference(text, source, fields=fields)

    def _bind_variable(self, text: str, source: Source, rest: list[str]) -> Reference:
        if not rest:
            raise ExpressionError(f"{text} names no variable", fix=f"write ${{{source}.NAME}}")
        name, fields = rest[0], rest[1:]
        if source is not Source.USER:
            if fields:
                raise ExpressionError(f"{text}: an environment variable is text and has no fields")
        elif self.variables is not None:
            name, fields = _longest(rest, self.variables)
            if not name:
                raise ExpressionError(
                    f"{text} is not an input of this workflow", fix=suggest(rest[0], self.variables, "inputs")
                )
        return Reference(text, source, name, fields=tuple(fields))

    def _bind_node(self, text: str, body: str) -> Reference:
        parts = body.split(".")
        node, parts_of_output = _longest(parts, self.outputs)
        if node:
            return self._bind_output(text, node, parts_of_output)
        raise ExpressionError(f"{text} names no node of this workflow", fix=suggest(parts[0], self.outputs, "nodes"))

    def _bind_output(self, text: str, node: str, parts: list[str]) -> Reference:
        outputs = self.outputs[node]
        if not parts and len(outputs) == 1:
            return Reference(text, Source.NODE, node, outputs[0])
        named = (*outputs, *(self.implied or {}).get(node, ()))
        output, fields = _longest(parts, named)
        if output:
            return Reference(text, Source.NODE, node, output, tuple(fields))
        wanted = parts[0] if parts else ""
        raise ExpressionError(
            f"{text}: node '{node}' has no output '{wanted}'" if parts else f"{text} names no output of '{node}'",
            fix=suggest(wanted, named, f"outputs of '{node}'"),
        )


def _longest(parts: list[str], names: Collection[str]) -> tuple[str, list[str]]:
    """The longest of *names* that *parts* begin with, and the rest of them; an empty name where none fits."""
    for split in range(min(len(parts), _MAX_PARTS), 0, -1):
        name = ".".join(parts[:split])
        if name in names:
            return name, parts[split:]
    return "", parts


def follow(value: JsonValue, fields: tuple[str, ...], text: str) -> JsonValue:
    """The value that *fields* lead to; null leads to null.

    Raises:
        ExpressionError: there is no such field; the message names those there are.
    """
    for field in fields:
        match value:
            case None:
                return None
            case dict() if field in value:
                value = value[field]
            case list() if field.isdecimal() and len(field) < 10 and int(field) < len(value):
                value = value[int(field)]
            case dict():
                raise ExpressionError(f"{text}: there is no field '{field}'", fix=suggest(field, value, "fields"))
            case list():
                raise ExpressionError(f"{text}: there is no item {field}; the list has {len(value)}")
            case _:
                raise ExpressionError(f"{text}: {kind_of(value)} has no field '{field}'")
    return value


class Template:
    """A JSON value with references in its strings, read once and filled many times.

    A reference that fills a whole string keeps its JSON type; inside a longer string everything but text
    stands as JSON. Each filling is a new value that nobody else holds.
    """

    __slots__ = ("_root", "references")

    def __init__(self, value: JsonValue, names: Names) -> None:
        """Read *value*.

        Raises:
            ExpressionError: a reference in it is malformed or names nothing.
        """
        found: list[Reference] = []
        self._root = _read(value, names, found)
        self.references = tuple(found)

    def fill(self, lookup: Lookup) -> JsonValue:
        """The value with every reference replaced."""
        return self._root(lookup)


_Filler: TypeAlias = Callable[[Lookup], JsonValue]


def _read(value: JsonValue, names: Names, found: list[Reference]) -> _Filler:
    match value:
        case str() if "${" in value:
            return _read_text(value, names, found)
        case dict():
            items = [(key, _read(item, names, found)) for key, item in value.items()]
            return lambda lookup: {key: filler(lookup) for key, filler in items}
        case list():
            fillers = [_read(item, names, found) for item in value]
            return lambda lookup: [filler(lookup) for filler in fillers]
        case _:
            return lambda _: value


def _read_text(text: str, names: Names, found: list[Reference]) -> _Filler:
    parts: list[str | Reference] = []
    end = 0
    for match in _TOKEN.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        if match.group() == "$${":
            parts.append("${")
        elif not match.group().endswith("}"):
            raise ExpressionError(
                f"'{match.group():.40}' is never closed", fix="write ${...}; for a literal '${' write '$${'"
            )
        else:
            reference = names.bind(match.group(1).strip())
            found.append(reference)
            parts.append(reference)
    parts.append(text[end:])
    parts = [part for part in parts if part != ""]
    if len(parts) == 1 and isinstance(parts[0], Reference):
        whole = parts[0]
        return lambda lookup: lookup(whole)
    return lambda lookup: "".join(part if isinstance(part, str) else as_text(lookup(part)) for part in parts)


NOTHING: Final = Template({}, Names({}))
"""The template of an empty object."""


def as_text(value: JsonValue) -> str:
    """How a value stands inside a longer text: text as it is, everything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def kind_of(value: JsonValue) -> str:
    """What a value is, for messages; they never show the value, which may be secret."""
    return _KINDS.get(type(value), type(value).__name__)
