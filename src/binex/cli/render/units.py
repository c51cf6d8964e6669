"""Times and sizes as people read them."""

from datetime import datetime, timedelta

from binex.models.task import now
from binex.models.units import count, duration, size

__all__ = ["ago", "count", "duration", "moment", "size"]


def ago(at: datetime) -> str:
    """``just now``, ``12 s ago``, ``5 m ago``, ``3 h ago``, ``2 d ago``, or the date."""
    seconds = (now() - at) / timedelta(seconds=1)
    if seconds < 2:
        return "just now"
    for limit, divisor, unit in ((120, 1, "s"), (7200, 60, "m"), (172_800, 3600, "h"), (2_592_000, 86_400, "d")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit} ago"
    return at.astimezone().strftime("%Y-%m-%d")


def moment(at: datetime) -> str:
    """A time of day with its date, where the reader is."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
