"""One request over HTTP on tape, whatever library makes it."""

from collections import deque

from binex.models.call import CallKind
from binex.tape.content_coding import Decoder, decoder_of
from binex.tape.recorder import Headers, Recorded, Recorder
from binex.tape.trace_context import HEADER, is_trace_passed_on

_LAST_EVENTS = (b"data: [DONE]", b"event: message_stop", b"event: response.completed")
_LAST_PIECES = 32
"""In so many pieces the last event of a stream may come."""
_MOST_ASKED = 64 << 20
"""How much of a request is kept: an upload may be larger than memory."""


class Exchange:
    """A request and its response, as they go over the wire. A library's hook tells it what happens."""

    __slots__ = (
        "_decode",
        "_has_asked",
        "_headers",
        "_is_events",
        "_last",
        "_recorder",
        "_request",
        "_room",
        "_taping",
        "_target",
    )

    def __init__(self, recorder: Recorder, method: str, url: str, headers: Headers, body: bytes | None) -> None:
        """Begin; *body* is None where it is not known before it is sent."""
        self._recorder = recorder
        self._target = f"{method} {url}"
        self._headers = headers
        self._request: list[bytes] = []
        self._room = _MOST_ASKED
        self._last: deque[bytes] = deque(maxlen=_LAST_PIECES)
        self._is_events = False
        self._decode: Decoder | None = None
        self._taping = recorder.begin(
            CallKind.HTTP,
            self._target,
            (body or b"")[:_MOST_ASKED],
            media_type=_value(headers, "content-type"),
            headers=headers,
        )
        self._has_asked = body is not None

    @property
    def traceparent(self) -> str | None:
        """The header that is to be sent along; None where there is to be none, or there is one already."""
        if not is_trace_passed_on() or any(name.lower() == HEADER for name, _ in self._headers):
            return None
        return self._taping.traceparent

    def ask(self, piece: bytes) -> None:
        """A piece of the request has been sent."""
        if self._room:
            self._request.append(bytes(piece)[: self._room])
            self._room -= len(self._request[-1])

    def answer(self, body: bytes) -> Recorded | None:
        """What the tape answers instead of the outside, if anything.

        Raises:
            ReplayError: only the tape may answer, and it has nothing that fits.
        """
        media_type = _value(self._headers, "content-type")
        return self._recorder.answer(CallKind.HTTP, self._target, body[:_MOST_ASKED], media_type=media_type)

    def begin_response(self, status: int, headers: Headers, *, is_decoded: bool = False) -> None:
        """The response begins; *is_decoded* where its body will come without its content coding."""
        self._ask_whole()
        media_type = _value(headers, "content-type")
        self._is_events = media_type.startswith("text/event-stream")
        if not is_decoded:
            self._decode = decoder_of(_value(headers, "content-encoding"))
        self._taping.respond(media_type=media_type, status=status, headers=headers)

    def take(self, data: bytes) -> None:
        """A piece of the response has been read."""
        if self._decode is not None:
            data = self._decode(data)
        if data:
            self._taping.chunk(data)
            if self._is_events:
                self._last.append(data)

    def fail(self, error: BaseException) -> None:
        """It broke off."""
        self._ask_whole()
        self._taping.fail(error)

    def end(self) -> None:
        """The response came to its end."""
        self._taping.end()

    def abandon(self) -> None:
        """Nobody reads on. That is no loss where the last event says that it is the last."""
        last = b"".join(self._last)
        self._taping.end(is_complete=self._is_events and any(event in last for event in _LAST_EVENTS))

    def _ask_whole(self) -> None:
        if not self._has_asked:
            self._has_asked = True
            body = b"".join(self._request)
            self._request.clear()
            self._taping.ask(body, media_type=_value(self._headers, "content-type"), headers=self._headers)


def headers_to_play(headers: Headers) -> list[tuple[str, str]]:
    """The headers of a recorded response without those that only concerned its way over the wire."""
    gone = ("content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive")
    return [(name, value) for name, value in headers if name.lower() not in gone]


def _value(headers: Headers, wanted: str) -> str:
    for name, value in headers:
        if name.lower() == wanted:
            return value
    return ""
