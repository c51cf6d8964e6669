"""What came back over the wire for one request: watched while it comes in, cut where it does not end."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Protocol

MAX_BYTES: Final = 64 * 1024 * 1024
"""The size of a whole response."""
MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""The size of one line of a stream, which libraries keep whole in memory."""
MAX_TEXT: Final = 16 * 1024 * 1024
"""How many characters a model may say in one reply."""
HEAD_BYTES: Final = 16 * 1024
"""How much of the beginning is kept for messages."""


class TooLongError(Exception):
    """A response was cut. Deliberately none of ours: it passes through the libraries, and is translated outside."""


class EncodedError(Exception):
    """A response is compressed although that was not asked for, so that its size cannot be watched."""


@dataclass(slots=True)
class Reply:
    """The response to one request, as far as it has come in."""

    status: int | None = None
    """None as long as there is none: nobody answered."""
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    head: bytearray = field(default_factory=bytearray)
    _line: int = 0
    _response: "Response | None" = None

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The beginning of the body."""
        return self.head.decode("utf-8", "replace").strip()

    def begin(self, response: "Response") -> None:
        """The response has begun."""
        self.status, self.headers = response.status_code, dict(response.headers.items())
        self._response = response

    async def aclose(self) -> None:
        """Give the connection back, or close it where more would come: libraries leave that to their generators."""
        if self._response is not None:
            await self._response.aclose()

    def take(self, data: bytes) -> None:
        """More has come in.

        Raises:
            TooLongError: it was too much.
        """
        self.size += len(data)
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]
        newline = data.rfind(b"\n")
        self._line = self._line + len(data) if newline < 0 else len(data) - newline - 1
        if self.size > MAX_BYTES:
            raise TooLongError(f"longer than {MAX_BYTES // 1024**2} MiB")
        if self._line > MAX_LINE_BYTES:
            raise TooLongError(f"a line longer than {MAX_LINE_BYTES // 1024**2} MiB")


class _Stream(Protocol):
    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


class Response(Protocol):
    """What httpx and its successor have in common."""

    status_code: int
    headers: Mapping[str, str]
    stream: object
    request: object

    async def aclose(self) -> None: ...


_watched: ContextVar[Reply | None] = ContextVar("binex_reply", default=None)


@contextmanager
def watching(reply: Reply) -> Iterator[None]:
    """Keep what comes back for the request that is sent in the block in *reply*, also after the block."""
    token = _watched.set(reply)
    try:
        yield
    finally:
        _watched.reset(token)


def response_hook(
    stream_type: type, is_over: Callable[[Response], None] = lambda _: None
) -> Callable[[Response], object]:
    """The hook of an HTTP client that watches its responses, and tells *is_over* when one is closed.

    *stream_type* is what the client's streams derive from.
    """

    class Watched(stream_type):  # type: ignore[misc]  # the base is that of httpx or of its successor
        def __init__(self, response: Response, stream: _Stream, reply: Reply) -> None:
            self._response = response
            self._stream = stream
            self._reply = reply

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for data in self._stream:
                self._reply.take(data)
                yield data

        async def aclose(self) -> None:
            is_over(self._response)
            await self._stream.aclose()

    async def watch(response: Response) -> None:
        reply = _watched.get() or Reply()
        reply.begin(response)
        response.stream = Watched(response, response.stream, reply)  # type: ignore[arg-type]  # responses of async clients
        encoding = reply.headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            raise EncodedError(f"it is compressed ({encoding}), which was not asked for")

    return watch
