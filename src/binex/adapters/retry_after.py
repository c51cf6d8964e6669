"""How long another side asks to be left alone, in the headers of its response."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def read_retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> int | None:
    """In milliseconds, whether it says so in milliseconds, in seconds or as a date; None where it says nothing.

    The names of *headers* are in lower case, or found in any.
    """
    milliseconds = positive(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return int(milliseconds)
    given = headers.get("retry-after", "").strip()
    seconds = positive(given)
    if seconds is None and given:
        try:
            at = parsedate_to_datetime(given)
        except ValueError:
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = max(0.0, (at - (now or datetime.now(UTC))).total_seconds())
    return None if seconds is None else int(seconds * 1000)


def positive(text: str) -> float | None:
    """The number that *text* is, if it is one that can be waited for."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None
