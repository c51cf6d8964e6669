"""JSON Schema, draft 2020-12: whether a schema is one, and where a value does not fit it.

Nothing is ever fetched: a ``$ref`` reaches only what stands in the schema itself.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from binex.errors import INSTALL_AGENTS, AgentError, FieldFault, suggest

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

MAX_MISSES: Final = 20
"""So many places where a value does not fit are named; nobody reads more."""
_MAX_MESSAGE: Final = 300
_META_SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")


def check_schema(schema: JsonValue) -> list[FieldFault]:
    """What is wrong with *schema* itself, by place in it."""
    try:
        meta = _compiled(json.dumps({"$ref": _META_SCHEMA}))
        faults = _distinct(_as_fault(error) for error in meta.iter_errors(schema))
        if faults:
            return faults
        _compiled(_text_of(schema))
    except ImportError:
        return [FieldFault((), "to check a schema the package 'jsonschema_rs' is needed", INSTALL_AGENTS)]
    except (ValueError, RecursionError) as error:
        return [_fault_of_reference(schema, _shortened(error))]
    return []


def find_misses(schema: Mapping[str, JsonValue], value: JsonValue) -> list[str]:
    """Where *value* does not fit *schema*, in words, each with its place as in ``.hits[3]``; empty where it fits.

    Raises:
        AgentError: the schema cannot be used at all.
    """
    try:
        found = _compiled(_text_of(schema)).iter_errors(value)
        misses: list[str] = []
        for error in found:
            misses.append(_as_miss(error))
            if len(misses) == MAX_MISSES:
                break
        return misses
    except UnicodeEncodeError:
        return ["a text in it has half of a character (a lone surrogate)"]
    except ImportError:
        message = "to check an answer against 'output_schema' the package 'jsonschema_rs' is needed"
        raise AgentError(message, fix=INSTALL_AGENTS, is_retryable=False) from None
    except (ValueError, RecursionError) as error:
        message = f"'output_schema' cannot be used: {_shortened(error)}"
        raise AgentError(message, fix="correct the schema", is_retryable=False) from None


@lru_cache(maxsize=256)
def _compiled(schema: str) -> "Draft202012Validator":
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(json.loads(schema), offline=True)


def _text_of(schema: object) -> str:
    return json.dumps(schema, sort_keys=True)


def _as_miss(error: "ValidationError") -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    return f"{place[:120]}: {_shortened(error)}" if place else _shortened(error)


def _as_fault(error: "ValidationError") -> FieldFault:
    path = tuple(error.instance_path)
    if path[-1:] == ("type",) and isinstance(error.instance, str):
        return FieldFault(path, f"'{error.instance:.40}' is no type of JSON", suggest(error.instance, _TYPES, "types"))
    return FieldFault(
        path, f"no valid JSON Schema: {_shortened(error)}", "see https://json-schema.org/understanding-json-schema"
    )


def _distinct(faults: Iterable[FieldFault]) -> list[FieldFault]:
    return list(dict.fromkeys(faults))[:MAX_MISSES]


def _fault_of_reference(schema: JsonValue, why: str) -> FieldFault:
    """A schema that is well formed can fail at its references only; the first that leads out of it, or nowhere."""
    for path, reference in _references(schema, ()):
        if not reference.startswith("#"):
            message = f"'{reference:.80}' is outside of the schema, and nothing is fetched"
            return FieldFault(path, message, "put what it refers to under '$defs' and write '#/$defs/<name>'")
        if reference in why or reference.removeprefix("#") in why:
            return FieldFault(path, f"'{reference:.80}' leads nowhere: {why}", "define it under '$defs'")
    return FieldFault((), f"no valid JSON Schema: {why}", "see https://json-schema.org/understanding-json-schema")


def _references(part: JsonValue, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    items: Iterable[tuple[str | int, JsonValue]] = ()
    if isinstance(part, dict):
        items = part.items()
    elif isinstance(part, list):
        items = enumerate(part)
    for key, value in items:
        if key in ("$ref", "$dynamicRef") and isinstance(value, str):
            yield (*path, key), value
        else:
            yield from _references(value, (*path, key))


def _shortened(error: Exception) -> str:
    message, half = str(getattr(error, "message", "") or error), _MAX_MESSAGE // 2
    return message if len(message) <= _MAX_MESSAGE else f"{message[:half]} … {message[-half:]}"
