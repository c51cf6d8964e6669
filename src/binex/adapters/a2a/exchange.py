"""One exchange with an agent on the tape: a message, and one line of JSON for each event."""

from collections.abc import Callable
from typing import Final

from pydantic_core import from_json

from binex.adapters.a2a.message import Json
from binex.adapters.a2a.reading import TaskReading
from binex.errors import AgentError, AuthenticationError, BadReplyError, RemoteError
from binex.models.json_value import encode_json
from binex.tape.recorder import Recorded, Taping

_ERRORS: Final = {error.__name__: error for error in (RemoteError, BadReplyError, AuthenticationError)}


class Exchange:
    """Takes the events of one message: each goes on the tape, into the reading, and its text onto the screen."""

    def __init__(self, reading: TaskReading, taping: Taping, show: Callable[[str], None]) -> None:
        self.reading = reading
        self._taping = taping
        self._show = show
        self.has_begun = False
        """Whether the agent has said anything about it."""
        self._last: Json | None = None
        taping.respond(media_type="application/x-ndjson")

    def note(self, event: Json) -> None:
        """The next event has come in; a task that stands where it stood is not kept again.

        Raises:
            BadReplyError: it is not a valid one.
        """
        if "task" in event and event == self._last:
            return
        self._last, self.has_begun = event, True
        self._taping.chunk(encode_json(event) + b"\n")
        if text := self.reading.take(event):
            self._show(text)

    def note_failure(self, error: AgentError) -> None:
        """It ended with *error*; a replay will end with it too."""
        failure: Json = {
            "type": type(error).__name__,
            "message": error.message,
            "fix": error.fix,
            "isRetryable": error.is_retryable,
            "retryAfterMs": error.retry_after_ms,
        }
        if isinstance(error, RemoteError):
            failure.update(host=error.host, status=error.status, body=error.body)
        self._taping.chunk(encode_json({"error": failure}) + b"\n")


def replay(recorded: Recorded, exchange: Exchange) -> None:
    """Take the events of an exchange from the tape.

    Raises:
        AgentError: the one with which the recorded exchange ended.
    """
    for line in recorded.body.splitlines():
        match from_json(line):
            case {"error": dict(failure)}:
                error = _error_of(failure)
                exchange.note_failure(error)
                raise error
            case event:
                exchange.note(event)
    if not exchange.reading.is_settled:
        raise AgentError(recorded.error or "the recorded exchange with the agent has no end", is_retryable=False)


def _error_of(failure: Json) -> AgentError:
    message, fix = str(failure.get("message")), failure.get("fix")
    status, pause = failure.get("status"), failure.get("retryAfterMs")
    kind = _ERRORS.get(str(failure.get("type")))
    known_fix = fix if isinstance(fix, str) else None
    known_pause = pause if isinstance(pause, int) else None
    is_retryable = bool(failure.get("isRetryable"))
    if kind is None:
        return AgentError(message, fix=known_fix, is_retryable=is_retryable, retry_after_ms=known_pause)
    return kind(
        message,
        fix=known_fix,
        host=str(failure.get("host") or ""),
        status=status if isinstance(status, int) else None,
        body=str(failure.get("body") or ""),
        is_retryable=is_retryable,
        retry_after_ms=known_pause,
    )
