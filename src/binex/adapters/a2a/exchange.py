"""One exchange with an agent on the tape: a message, and one line of JSON for each event."""

from collections.abc import Callable

from pydantic_core import from_json

from binex.adapters.a2a.message import Json
from binex.adapters.a2a.reading import TaskReading
from binex.adapters.taped_calls import lines_to_play
from binex.errors import AgentError
from binex.models.failure import decode_failure, encode_failure
from binex.models.json_value import encode_json
from binex.tape.recorder import Recorded, Taping


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
        self._taping.chunk(encode_failure(error) + b"\n")


async def replay(recorded: Recorded, exchange: Exchange) -> None:
    """Take the events of an exchange from the tape.

    Raises:
        AgentError: the one with which the recorded exchange ended.
    """
    async for line in lines_to_play(recorded):
        failure = decode_failure(line)
        if failure is not None:
            exchange.note_failure(failure)
            raise failure
        exchange.note(from_json(line))
    if not exchange.reading.is_settled:
        raise AgentError(recorded.error or "the recorded exchange with the agent has no end", is_retryable=False)
