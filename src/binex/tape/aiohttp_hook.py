"""Records what aiohttp sends over the wire. Versions before 3.12, which have no middlewares, are left alone."""

import sys
from collections.abc import Awaitable, Callable
from functools import cache, wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from binex.tape.aiohttp_played import play_response, stop_playing
from binex.tape.exchange import Exchange
from binex.tape.recorder import current_recorder
from binex.tape.trace_context import HEADER

if TYPE_CHECKING:
    from aiohttp import ClientRequest, ClientResponse

    Handler = Callable[[ClientRequest], Awaitable[ClientResponse]]


def hook(module: ModuleType) -> None:
    """Put a middleware below all others: it sees each request on the wire, those after redirects too."""
    session: Any = module.ClientSession
    if not hasattr(module, "ClientRequest") or not hasattr(module, "ClientMiddlewareType"):
        return
    send: Callable[..., Awaitable[ClientResponse]] = session._request
    notify: Callable[[Any], None] = module.ClientResponse._notify_content

    @wraps(send)
    async def request(self: Any, *args: Any, **kwargs: Any) -> "ClientResponse":
        if current_recorder() is not None:
            others = kwargs.get("middlewares")
            kwargs["middlewares"] = (*(self._middlewares if others is None else others), _tape)
        return await send(self, *args, **kwargs)

    @wraps(notify)
    def notify_content(self: Any) -> None:
        stop_playing(self)
        exchange: Exchange | None = self.__dict__.get("_binex_exchange")
        if exchange is not None:
            error = sys.exc_info()[1]
            if error is None:
                exchange.abandon()
            else:
                exchange.fail(error)
        notify(self)

    session._request = request
    module.ClientResponse._notify_content = notify_content


async def _tape(request: "ClientRequest", handler: "Handler") -> "ClientResponse":
    """Send a request, and record it and what comes back while it is read."""
    recorder = current_recorder()
    if recorder is None:
        return await handler(request)
    body: Any = request.body
    known = _known_body(body)
    if known is None and recorder.is_playing:
        known = await body.as_bytes()
    exchange = Exchange(recorder, request.method, str(request.url), list(request.headers.items()), known)
    try:
        recorded = exchange.answer(known or b"")
        if recorded is not None:
            response = await play_response(request, recorded)
        else:
            if known is None:
                _tape_sent(body, exchange)
            if (header := exchange.traceparent) is not None:
                request.headers[HEADER] = header
            response = await handler(request)
        is_decoded = request.session.auto_decompress
        exchange.begin_response(response.status, list(response.headers.items()), is_decoded=is_decoded)
    except BaseException as error:
        exchange.fail(error)
        raise
    _tape_read(response, exchange)
    return response


def _known_body(body: Any) -> bytes | None:
    """The body, unless it is made while it is sent."""
    from aiohttp.payload import BytesPayload, StringPayload

    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if isinstance(body, BytesPayload | StringPayload):
        return bytes(body._value)
    return None if body else b""


def _tape_sent(payload: Any, exchange: Exchange) -> None:
    """Let a body go on the tape while it is sent."""
    write = payload.write_with_length

    async def write_taped(writer: Any, content_length: int | None) -> None:
        await write(_Sent(writer, exchange), content_length)

    payload.write_with_length = write_taped


class _Sent:
    """A connection, as a body sees it that is sent."""

    def __init__(self, writer: Any, exchange: Exchange) -> None:
        self._writer = writer
        self._exchange = exchange

    async def write(self, data: Any) -> None:
        self._exchange.ask(data)
        await self._writer.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


def _tape_read(response: Any, exchange: Exchange) -> None:
    """Let the body of *response* go on the tape while it is read."""
    from aiohttp import StreamReader

    reader = response.content
    if reader.at_eof():
        exchange.end()
        return
    if type(reader) is not StreamReader:
        exchange.abandon()  # somebody else's, of which nobody can see what is read
        return
    response._binex_exchange = exchange
    _read[id(reader)] = exchange
    reader.__class__ = _taped_reader()


_read: Final[dict[int, Exchange]] = {}
"""What is being read, by the reader's id: a reader has no room for more than its own, and no weak references."""


@cache
def _taped_reader() -> type:
    """What a reader becomes whose body is taped; nothing changes in it but its methods."""
    from aiohttp import StreamReader

    class TapedReader(StreamReader):
        __slots__ = ()

        def _read_nowait_chunk(self, n: int) -> bytes:
            data = super()._read_nowait_chunk(n)
            exchange = _read[id(self)]
            exchange.take(data)
            if self.at_eof():
                exchange.end()
            return data

        def feed_eof(self) -> None:
            super().feed_eof()
            if self.at_eof():
                _read[id(self)].end()

        def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
            _read[id(self)].fail(exc)
            super().set_exception(exc, *cause)

        def __del__(self) -> None:
            _read.pop(id(self), None)

    return TapedReader
