"""Records what httpx and httpx2 send over the wire: both have the same transports."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING

from binex.tape.exchange import Exchange
from binex.tape.httpx_streams import Streams
from binex.tape.recorder import Recorder, current_recorder
from binex.tape.trace_context import HEADER

if TYPE_CHECKING:
    import httpx


def hook(module: ModuleType) -> None:
    """Change the transports of *module*, which is httpx or httpx2."""
    streams = Streams(module)
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
            request.stream = streams.whole(body)
        exchange = _begin(recorder, request, body)
        if body is None:
            request.stream = streams.sent(sent, exchange)
        try:
            recorded = exchange.answer(body or b"")
            with _naming_trace(request, exchange):
                response = send(self, request) if recorded is None else streams.play(request, recorded)
        except BaseException as error:
            exchange.fail(error)
            raise
        finally:
            request.stream = sent
        return streams.tape(response, exchange)

    @wraps(send_async)
    async def handle_async_request(self: object, request: "httpx.Request") -> "httpx.Response":
        recorder = current_recorder()
        if recorder is None:
            return await send_async(self, request)
        sent = request.stream
        body = _known_body(request)
        if body is None and recorder.is_playing:
            body = b"".join([piece async for piece in sent])  # type: ignore[union-attr]
            request.stream = streams.whole(body)
        exchange = _begin(recorder, request, body)
        if body is None:
            request.stream = streams.async_sent(sent, exchange)
        try:
            recorded = exchange.answer(body or b"")
            with _naming_trace(request, exchange):
                sending = send_async(self, request) if recorded is None else streams.async_play(request, recorded)
                response = await sending
        except BaseException as error:
            exchange.fail(error)
            raise
        finally:
            request.stream = sent
        return streams.async_tape(response, exchange)

    sync_transport.handle_request = handle_request
    async_transport.handle_async_request = handle_async_request


@contextmanager
def _naming_trace(request: "httpx.Request", exchange: Exchange) -> Iterator[None]:
    """Let *request* name its trace while it is sent; one that follows it, after a redirect, belongs to another span."""
    header = exchange.traceparent
    if header is None:
        yield
        return
    request.headers[HEADER] = header
    try:
        yield
    finally:
        del request.headers[HEADER]


def _known_body(request: "httpx.Request") -> bytes | None:
    """The body, unless it is made while it is sent."""
    body = getattr(request, "_content", None)
    return body if isinstance(body, bytes) else None


def _begin(recorder: Recorder, request: "httpx.Request", body: bytes | None) -> Exchange:
    return Exchange(recorder, request.method, str(request.url), request.headers.multi_items(), body)
