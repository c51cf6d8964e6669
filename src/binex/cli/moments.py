"""Moments as people type them: ``2h``, ``3d``, ``2026-11-20``, ``2026-11-20T14:30``."""

import re
from datetime import UTC, datetime, timedelta

import click

_AGO = re.compile(r"(\d{1,7})([smhdw])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_moment(context: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    """So long ago, or a date or time, which is meant where the reader is unless it names its zone. For an option."""
    if text is None:
        return None
    ago = _AGO.match(text.strip())
    try:
        if ago is not None:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        # A year at the edge of the calendar has no moment in UTC.
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        what = f"'{text[:60]}' is no time: as in 2h, 3d, 2026-11-20 or 2026-11-20T14:30."
        raise click.BadParameter(what, context, parameter) from None
