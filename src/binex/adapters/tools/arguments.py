"""The arguments of a tool, as a model wrote them."""

import json

from pydantic import JsonValue


class BadArgumentsError(Exception):
    """What a model gave is not what the tool takes: for the model to read."""


def read_arguments(text: str) -> dict[str, JsonValue]:
    """The object that *text* is; some models write nothing at all where there are no arguments.

    Raises:
        BadArgumentsError: it is no JSON, or no object.
    """
    try:
        value = json.loads(text or "{}", parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadArgumentsError(f"they are not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadArgumentsError("they are not a JSON object")
    return value


def _refuse(name: str) -> JsonValue:
    raise ValueError(f"{name} is no number of JSON")
