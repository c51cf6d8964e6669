"""A span that somebody else made: whatever stands in it is data, and none of it is believed to make sense."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from pydantic import JsonValue

from binex.errors import InputError
from binex.models.json_value import decode_json
from binex.telemetry.conventions import SERVICE_NAME

ERROR: Final = 2
"""The status of what failed, in OTLP's numbers."""

_LONGEST_SERVICE: Final = 500

Attributes = Mapping[str, JsonValue]


class TraceError(InputError):
    """A file holds no traces, or none that can be taken in; nothing of it is kept."""

    def __init__(self, reason: str, *, fix: str | None = None) -> None:
        super().__init__(
            f"the trace is refused: {reason}; nothing was imported",
            fix=fix or "give it OTLP as JSON or protobuf, as an exporter or a collector writes it",
        )


@dataclass(frozen=True, slots=True)
class ForeignEvent:
    """Something that happened at one moment of a span."""

    name: str
    attributes: Attributes


@dataclass(slots=True)
class Resource:
    """A program that made spans; it may be told of before them or after."""

    service: str = ""
    """Its name."""
    digest: str = ""
    """A hash of all that is said of it."""

    def tell(self, attributes: Attributes) -> None:
        """Take what is said of it."""
        self.service = as_text(attributes.get(SERVICE_NAME))[:_LONGEST_SERVICE]
        self.digest = sha256(json.dumps(attributes, sort_keys=True).encode()).hexdigest() if attributes else ""


@dataclass(slots=True)
class ForeignSpan:
    """One span, as it was read."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    attributes: Attributes
    events: Sequence[ForeignEvent] = ()
    status: int = 0
    message: str = ""
    """What the status says."""
    resource: Resource = field(default_factory=Resource)
    """The program that made it."""

    def text(self, *names: str) -> str:
        """The first of these attributes that is text, or a number; empty where there is none."""
        for name in names:
            value = self.attributes.get(name)
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
                return writable(str(value))
        return ""

    def count(self, *names: str) -> int | None:
        """The first of these attributes that is a number of something."""
        for name in names:
            value = self.attributes.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53:
                return int(value)
        return None

    def value(self, *names: str) -> JsonValue:
        """The first of these attributes that there is; JSON where its text is that."""
        for name in names:
            value = self.attributes.get(name)
            if value is not None and value != "":
                return parsed(value)
        return None

    def indexed(self, prefix: str) -> list[dict[str, JsonValue]]:
        """What lists of objects are flattened to: ``prefix.0.name``, ``prefix.0.other``, ``prefix.1.name``."""
        return indexed(self.attributes, prefix)


def indexed(attributes: Attributes, prefix: str) -> list[dict[str, JsonValue]]:
    """See :meth:`ForeignSpan.indexed`."""
    found: dict[int, dict[str, JsonValue]] = {}
    start = f"{prefix}."
    for name, value in attributes.items():
        if name.startswith(start):
            number, _, rest = name[len(start) :].partition(".")
            if number.isascii() and number.isdigit() and len(number) < 7 and rest:
                found.setdefault(int(number), {})[rest] = value
    return [found[number] for number in sorted(found)]


def writable(text: str) -> str:
    """*text*, in which lone surrogates, which UTF-8 has no form for, stand as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def parsed(value: JsonValue) -> JsonValue:
    """A value; that of its JSON where it is text that begins like an object or a list."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return decode_json(value.encode())
        except (ValueError, RecursionError):
            return value
    return value


def as_text(value: JsonValue) -> str:
    """A value as somebody would say it: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
