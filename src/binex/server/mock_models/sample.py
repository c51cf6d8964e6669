"""A value that keeps to a JSON Schema, for models that have no script: the smallest that is easily made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

_DEEPEST: Final = 12
_MOST: Final = 50
_WORD: Final = "text"
_FORMATS: Final = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "somebody@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


@dataclass(slots=True)
class _Document:
    """The whole schema, and how many values may still be made: one that refers to itself has no end."""

    schema: JsonValue
    left: int = 2_000


def sample_of(schema: JsonValue) -> JsonValue:
    """A value for *schema*. What only a search would find, as for a pattern, is not looked for."""
    return _sample(schema, _Document(schema), 0)


def _sample(schema: JsonValue, document: _Document, depth: int) -> JsonValue:
    document.left -= 1
    if not isinstance(schema, dict) or depth > _DEEPEST or document.left < 0:
        return None
    if "$ref" in schema:
        return _sample(_referred(str(schema["$ref"]), document.schema), document, depth + 1)
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    for name in ("enum", "examples"):
        if isinstance(values := schema.get(name), list) and values:
            return values[0]
    for name in ("anyOf", "oneOf", "allOf"):
        if isinstance(choices := schema.get(name), list) and choices:
            return _sample(choices[0], document, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    make = _KINDS.get(str(kind), _object if "properties" in schema else _nothing)
    return make(schema, document, depth)


def _referred(reference: str, schema: JsonValue) -> JsonValue:
    """What a reference inside of the schema means."""
    found = schema
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _object(schema: Mapping[str, JsonValue], document: _Document, depth: int) -> JsonValue:
    properties = schema.get("properties")
    named = properties.items() if isinstance(properties, dict) else ()
    return {name: _sample(value, document, depth + 1) for name, value in named}


def _array(schema: Mapping[str, JsonValue], document: _Document, depth: int) -> JsonValue:
    return [_sample(schema.get("items"), document, depth + 1)] * max(1, min(_MOST, _whole(schema.get("minItems"), 1)))


def _string(schema: Mapping[str, JsonValue], document: _Document, depth: int) -> JsonValue:  # noqa: ARG001
    text = _FORMATS.get(str(schema.get("format")), _WORD)
    least, most = _whole(schema.get("minLength"), 0), _whole(schema.get("maxLength"), len(text) + 1_000)
    return text.ljust(min(least, 10_000), "x")[: max(0, most)]


def _number(schema: Mapping[str, JsonValue], document: _Document, depth: int) -> JsonValue:  # noqa: ARG001
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum")
    number = least + 1 if isinstance(least, int | float) and "minimum" not in schema else least
    if isinstance(number, int | float):
        return number
    return min(1, most) if isinstance(most, int | float) else 1


def _boolean(schema: Mapping[str, JsonValue], document: _Document, depth: int) -> JsonValue:  # noqa: ARG001
    return True


def _nothing(schema: Mapping[str, JsonValue], document: _Document, depth: int) -> JsonValue:  # noqa: ARG001
    return None


def _whole(value: JsonValue, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


_KINDS: Final[Mapping[str, Callable[[Mapping[str, JsonValue], _Document, int], JsonValue]]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
}
