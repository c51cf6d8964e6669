"""What the fields of a span may hold, whichever form it comes in."""

from typing import Final

from pydantic import JsonValue

from binex.telemetry.foreign.span import TraceError

MOST_ATTRIBUTES: Final = 10_000
"""Of one span."""
MOST_EVENTS: Final = 10_000
"""Of one span."""
DEEPEST: Final = 64
"""How many lists and objects an attribute may stand in."""
LONGEST_NAME: Final = 500
_BASE64: Final = {24: 32, 12: 16}
"""How long an id is that somebody has written in base64, and how long it is in hexadecimal."""


def require_few_attributes(count: int, where: str) -> None:
    """Raises TraceError where there are too many."""
    if count > MOST_ATTRIBUTES:
        raise TraceError(f"{where} has more than {MOST_ATTRIBUTES:,} attributes")


def require_few_events(count: int, where: str) -> None:
    """Raises TraceError where there are too many."""
    if count > MOST_EVENTS:
        raise TraceError(f"{where} has more than {MOST_EVENTS:,} events")


def require_shallow(depth: int, where: str) -> None:
    """Raises TraceError where it is too deep."""
    if depth > DEEPEST:
        raise TraceError(f"{where}: an attribute is nested deeper than {DEEPEST} levels")


def read_id(value: JsonValue, length: int, where: str) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if isinstance(value, str) and _BASE64.get(len(value)) == length:  # what protobuf's own JSON has, against OTLP's
        text = _from_base64(value)
    if len(text) != length or text.strip("0123456789abcdef") or not text.strip("0"):
        raise TraceError(f"{where} is {value!r:.60}, which is no id of {length} hexadecimal digits")
    return text


def read_parent(value: JsonValue, where: str) -> str:
    return (
        ""
        if value is None or value == "" or (isinstance(value, str) and not value.strip("0"))
        else read_id(value, 16, where)
    )


def _from_base64(text: str) -> str:
    import base64
    import binascii

    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""
