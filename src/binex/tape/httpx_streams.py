"""The bodies of httpx and httpx2, on their way through a tape, or out of it.

Each library insists on streams of its own base classes, so they are made for each.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from binex.tape.exchange import Exchange, headers_to_play
from binex.tape.playback import play, play_async, wait_out, wait_out_async
from binex.tape.recorder import Recorded

if TYPE_CHECKING:
    import httpx


class Streams:
    """Makes the streams of one library."""

    def __init__(self, library: ModuleType) -> None:
        self._library = library
        sync_base, async_base = library.SyncByteStream, library.AsyncByteStream
        self._sent: Callable[..., Any] = type("TapedRequest", (_Sent, sync_base), {})
        self._async_sent: Callable[..., Any] = type("AsyncTapedRequest", (_AsyncSent, async_base), {})
        self._read: Callable[..., Any] = type("TapedResponse", (_Read, sync_base), {})
        self._async_read: Callable[..., Any] = type("AsyncTapedResponse", (_AsyncRead, async_base), {})
        self._played: Callable[..., Any] = type("PlayedResponse", (_Played, sync_base, async_base), {})

    def whole(self, body: bytes) -> Any:
        """A body that is known."""
        return self._library.ByteStream(body)

    def sent(self, stream: Any, exchange: Exchange) -> Any:
        """The body of a request, which goes on the tape while it is sent."""
        return self._sent(stream, exchange)

    def async_sent(self, stream: Any, exchange: Exchange) -> Any:
        """The same for an async client."""
        return self._async_sent(stream, exchange)

    def tape(self, response: "httpx.Response", exchange: Exchange) -> "httpx.Response":
        """*response*, whose body goes on the tape while it is read."""
        exchange.begin_response(response.status_code, response.headers.multi_items())
        response.stream = self._read(response.stream, exchange)
        return response

    def async_tape(self, response: "httpx.Response", exchange: Exchange) -> "httpx.Response":
        """The same for an async client."""
        exchange.begin_response(response.status_code, response.headers.multi_items())
        response.stream = self._async_read(response.stream, exchange)
        return response

    def play(self, request: "httpx.Request", recorded: Recorded) -> "httpx.Response":
        """The recorded response.

        Raises:
            httpx.TransportError: what was recorded is that there was none.
        """
        if recorded.status is None:
            wait_out(recorded)
        return self._response(request, recorded)

    async def async_play(self, request: "httpx.Request", recorded: Recorded) -> "httpx.Response":
        """The same for an async client."""
        if recorded.status is None:
            await wait_out_async(recorded)
        return self._response(request, recorded)

    def _response(self, request: "httpx.Request", recorded: Recorded) -> "httpx.Response":
        if recorded.status is None:
            raise self._error(recorded.error, self._library.ConnectError, request)
        error = None if recorded.is_complete else self._error(recorded.error, self._library.ReadError, request)
        response: httpx.Response = self._library.Response(
            recorded.status,
            headers=headers_to_play(recorded.headers),
            stream=self._played(recorded, error),
            extensions={"http_version": b"HTTP/1.1"},
        )
        return response

    def _error(self, text: str | None, default: Callable[..., Exception], request: "httpx.Request") -> Exception:
        """An error like the recorded one, whose text begins with the name of its class."""
        name, _, message = (text or "the recording ends here").partition(": ")
        found = getattr(self._library, name, None)
        is_fitting = isinstance(found, type) and issubclass(found, self._library.TransportError)
        make: Callable[..., Exception] = found if is_fitting and found is not None else default
        return make(message or name, request=request)


class _Sent:
    def __init__(self, stream: Iterable[bytes], exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._exchange.ask(piece)
            yield piece


class _AsyncSent:
    def __init__(self, stream: AsyncIterable[bytes], exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._exchange.ask(piece)
            yield piece


class _Read:
    def __init__(self, stream: Any, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        exchange = self._exchange
        try:
            for piece in self._stream:
                exchange.take(piece)
                yield piece
        except GeneratorExit:
            exchange.abandon()
            raise
        except BaseException as error:
            exchange.fail(error)
            raise
        exchange.end()

    def close(self) -> None:
        self._exchange.abandon()
        self._stream.close()


class _AsyncRead:
    def __init__(self, stream: Any, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        exchange = self._exchange
        try:
            async for piece in self._stream:
                exchange.take(piece)
                yield piece
        except GeneratorExit:
            exchange.abandon()
            raise
        except BaseException as error:
            exchange.fail(error)
            raise
        exchange.end()

    async def aclose(self) -> None:
        self._exchange.abandon()
        await self._stream.aclose()


class _Played:
    def __init__(self, recorded: Recorded, error: Exception | None) -> None:
        self._recorded = recorded
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield from play(self._recorded)
        if self._error is not None:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in play_async(self._recorded):
            yield piece
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """There is nothing to close."""

    async def aclose(self) -> None:
        """There is nothing to close."""
