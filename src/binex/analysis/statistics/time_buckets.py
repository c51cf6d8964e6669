"""A span of time in equal parts, by the clock and the calendar of whoever reads."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

from binex.errors import InputError

_T = TypeVar("_T")
_MOST: Final = 2000


class Span(StrEnum):
    """How long a part is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """From Monday on."""


_LENGTHS: Final = {Span.HOUR: timedelta(hours=1), Span.DAY: timedelta(days=1), Span.WEEK: timedelta(weeks=1)}


class TimeBuckets(NamedTuple):
    """The parts, without gaps."""

    span: Span
    starts: list[datetime]
    end: datetime

    @classmethod
    def over(cls, first: datetime, last: datetime, span: Span | None = None) -> "TimeBuckets":
        """The parts from the moment *first* to *last*; their length, where none is given, is chosen by the span.

        Raises:
            InputError: they would be too many.
        """
        span = span or _fitting(last - first)
        length = _LENGTHS[span]
        if (last - first) / length > _MOST:
            raise InputError(
                f"too many parts of one {span} in {(last - first).days:,} days", fix="use --by week, or --since"
            )
        # Hours are counted as they pass; days and weeks begin at midnight, also where the clock is changed.
        is_elapsed = span is Span.HOUR
        at = _floor(first.astimezone(), span)
        starts = []
        while at <= last:
            starts.append(at)
            at = (at + length).astimezone() if is_elapsed else (at.replace(tzinfo=None) + length).astimezone()
        return cls(span, starts, at)

    def part_of(self, moment: datetime) -> int:
        """Which part a moment is in."""
        return bisect_right(self.starts, moment) - 1

    def new(self, make: Callable[[], _T]) -> list[_T]:
        """A new thing for each part."""
        return [make() for _ in self.starts]


def _fitting(length: timedelta) -> Span:
    if length <= timedelta(days=2):
        return Span.HOUR
    return Span.DAY if length <= timedelta(days=90) else Span.WEEK


def _floor(moment: datetime, span: Span) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if span is Span.HOUR:
        return hour
    day = hour.replace(hour=0, tzinfo=None)
    return (day - timedelta(days=day.weekday() if span is Span.WEEK else 0)).astimezone()
