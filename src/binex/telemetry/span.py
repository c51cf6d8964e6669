"""A span as we make it: plain values, whatever sends it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

Value = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, Value]


class SpanKind(IntEnum):
    """What a span is to others, with the numbers of OTLP."""

    INTERNAL = 1
    CLIENT = 3


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened at one moment of a span."""

    name: str
    time_ns: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class SpanLink:
    """Another span that belongs to this one, perhaps in another trace."""

    trace_id: str
    span_id: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Times are nanoseconds since 1970; ids are hexadecimal."""

    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a root."""
    name: str
    start_ns: int
    end_ns: int
    kind: SpanKind = SpanKind.INTERNAL
    attributes: Attributes = field(default_factory=dict)
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()
    failure: str | None = None
    """Why what it is of failed; None where it did not."""
