"""JSON in and out: what an agent may return, and the exact bytes that are kept of it.

The fast path runs in pydantic's Rust core. What that refuses goes through a slow path that either finds
a lossless form (a tuple is a list; a lone surrogate is written as an escape) or says where the value
stops being JSON.
"""

import json
import math
from functools import cache
from typing import Final

from pydantic import ConfigDict, JsonValue, TypeAdapter
from pydantic_core import from_json, to_json

from binex.errors import BadOutputError

MAX_DEPTH: Final = 200
"""How many lists and objects a value may stand in; the limit of the Rust core's parser."""
MAX_DIGITS: Final = 4300
"""How long an integer may be; Python's own limit for reading one."""


@cache
def _json() -> TypeAdapter[JsonValue]:
    """Made when it is first used: that takes as long as several imports."""
    return TypeAdapter(JsonValue, config=ConfigDict(allow_inf_nan=False))


def encode_json(value: object) -> bytes:
    """The compact JSON text of *value*, in UTF-8, keys in their own order.

    Raises:
        BadOutputError: *value* is not JSON: NaN, bytes, a set, a key that is not text, a circle, something
            nested deeper than 200 levels, or an integer of more than 4,300 digits. The message names the
            place, as in ``.hits[3]``.
    """
    try:
        if type(value) is str:  # large texts are common, and there is nothing in them to find
            return to_json(value)
        data = to_json(_json().validate_python(value, strict=True))
        if len(data) > 2 * MAX_DEPTH:  # too short for what cannot be read back
            from_json(data)
        return data
    except (ValueError, RecursionError):
        pass
    plain = _as_plain_json(value, "", 0)
    # Escapes keep lone surrogates, which UTF-8 has no form for.
    return json.dumps(plain, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def is_same_json(one: JsonValue, other: JsonValue) -> bool:
    """Whether both have the same text: to Python 1, 1.0 and true are equal."""
    return one == other and encode_json(one) == encode_json(other)


def decode_json(data: bytes) -> JsonValue:
    """The value that :func:`encode_json` wrote: a new one at every call, so that nobody shares it.

    Raises:
        ValueError: *data* is not JSON text.
    """
    try:
        value: JsonValue = from_json(data, allow_inf_nan=False)
    except ValueError:
        value = json.loads(data, parse_constant=_refuse_constant)
    return value


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")


def _as_plain_json(value: object, where: str, depth: int) -> JsonValue:
    if depth > MAX_DEPTH:
        raise BadOutputError(f"not JSON: nested deeper than {MAX_DEPTH} levels, or a circle")
    match value:
        case None | bool() | str():
            return value
        case int():
            if abs(value) >= 10**MAX_DIGITS:
                raise BadOutputError(f"not JSON: an integer of more than {MAX_DIGITS:,} digits{_at(where)}")
            return int(value)
        case float():
            if not math.isfinite(value):
                raise BadOutputError(f"not JSON: {value!r}{_at(where)} is not a finite number")
            return float(value)
        case list() | tuple():
            return [_as_plain_json(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
        case dict():
            for key in value:
                if not isinstance(key, str):
                    raise BadOutputError(f"not JSON: the key {key!r:.60}{_at(where)} is {type(key).__name__}, not text")
            return {key: _as_plain_json(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
        case _:
            raise BadOutputError(f"not JSON: a value of type {type(value).__name__}{_at(where)}")


def _at(where: str) -> str:
    return f" at {where[:120]}" if where else ""
