"""Records what httpx and httpx2 send over the wire: both have the same transports."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING

from binex.tape.exchange import Exchange, headers_to_play, pieces_to_play
from binex.tape.recorder import Recorded, Recorder, current_recorder

if TYPE_CHECKING:
    import httpx


def hook(module: ModuleType) -> None:
    """Change the transports of *module*, which is httpx or httpx2."""
    streams = _streams_of(module)
    sync_transport, async_transport = module.HTTPTransport, module.AsyncHTTPTransport
    send: Callable[[object, httpx.Request], httpx.Response] = sync_transport.handle_request
    send_async: Callable[[object, httpx.Request], Awaitable[httpx.Response]] = async_transport.handle_async_request

    @wraps(send)
    def handle_request(self: object, request: "httpx.Request") -> "httpx.Response":
        recorder = current_recorder()
        if recorder is None:
            return send(self, request)
        sent = request.stream
        body = _known_body(request)
        if body is None and recorder.is_playing:
            body = b"".join(sent)  # type: ignore[arg-type]
            request.stream = module.ByteStream(body)
        exchange = _begin(recorder, request, body)
        recorded = exchange.answer(body or b"")
        if recorded is not None:
            response = streams.play(request, recorded)
        else:
            if body is None:
                request.stream = streams.Sent(sent, exchange)
            try:
                response = send(self, request)
            except BaseException as error:
                exchange.fail(error)
                raise
            finally:
                request.stream = sent
        return streams.tape(response, streams.Read(response.stream, exchange), exchange)

    @wraps(send_async)
    async def handle_async_request(self: object, request: "httpx.Request") -> "httpx.Response":
        recorder = current_recorder()
        if recorder is None:
            return await send_async(self, request)
        sent = request.stream
        body = _known_body(request)
        if body is None and recorder.is_playing:
            body = b"".join([piece async for piece in sent])  # type: ignore[union-attr]
            request.stream = module.ByteStream(body)
        exchange = _begin(recorder, request, body)
        recorded = exchange.answer(body or b"")
        if recorded is not None:
            response = streams.play(request, recorded)
        else:
            if body is None:
                request.stream = streams.AsyncSent(sent, exchange)
            try:
                response = await send_async(self, request)
            except BaseException as error:
                exchange.fail(error)
                raise
            finally:
                request.stream = sent
        return streams.tape(response, streams.AsyncRead(response.stream, exchange), exchange)

    sync_transport.handle_request = handle_request
    async_transport.handle_async_request = handle_async_request


def _known_body(request: "httpx.Request") -> bytes | None:
    """The body, unless it is made while it is sent."""
    body = getattr(request, "_content", None)
    return body if isinstance(body, bytes) else None


def _begin(recorder: Recorder, request: "httpx.Request", body: bytes | None) -> Exchange:
    return Exchange(recorder, request.method, str(request.url), request.headers.multi_items(), body)
