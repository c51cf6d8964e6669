"""What foreign spans tell in few words: moments, failures, and words of a fixed set."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from binex.models.task import ErrorInfo, ErrorKind
from binex.telemetry import conventions as names
from binex.telemetry.foreign.kinds import Cut
from binex.telemetry.foreign.span import ERROR, ForeignSpan, as_text

E = TypeVar("E", bound=StrEnum)

LONGEST_TEXT: Final = 8_000
"""How much of a message is kept, in characters."""
_KINDS: Final = {
    "ratelimit": ErrorKind.RATE_LIMIT, "429": ErrorKind.RATE_LIMIT,
    "authentication": ErrorKind.AUTHENTICATION, "401": ErrorKind.AUTHENTICATION, "403": ErrorKind.AUTHENTICATION,
    "timeout": ErrorKind.DEADLINE,
    "connect": ErrorKind.UNREACHABLE, "serviceunavailable": ErrorKind.UNREACHABLE,
}  # fmt: skip
"""What the class of an error, or its status, has in it, and what sort of failure that is."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(at_ns: int) -> datetime:
    """A moment in nanoseconds since 1970, as a time."""
    return _EPOCH + timedelta(microseconds=at_ns // 1000)


def member_of(kind: type[E], text: str) -> E | None:
    """The member of a set of words that *text* is."""
    try:
        return kind(text)
    except ValueError:
        return None


def error_of(span: ForeignSpan, cut: Cut) -> ErrorInfo | None:
    """Why what a span is of failed; None where it did not."""
    if span.status != ERROR:
        return None
    raised = next((event.attributes for event in reversed(span.events) if event.name == names.EXCEPTION), {})
    message = as_text(raised.get(names.EXCEPTION_MESSAGE)) or span.message or f"{span.name} failed"
    type_name = as_text(raised.get(names.EXCEPTION_TYPE)) or span.text(names.ERROR_TYPE) or "Error"
    traceback = as_text(raised.get(names.EXCEPTION_STACKTRACE))
    return ErrorInfo(
        kind=member_of(ErrorKind, span.text(names.ERROR_KIND)) or _kind_of(type_name, has_raised=bool(raised)),
        type=cut(type_name)[:200],
        message=cut(message)[:LONGEST_TEXT] or "it failed",
        traceback=cut(traceback)[: 4 * LONGEST_TEXT] or None,
    )


def _kind_of(type_name: str, *, has_raised: bool) -> ErrorKind:
    """What sort of failure it was, by the name of its class."""
    said = type_name.rpartition(".")[2].lower()
    found = next((kind for clue, kind in _KINDS.items() if clue in said), None)
    return found or (ErrorKind.CODE if has_raised else ErrorKind.AGENT)
