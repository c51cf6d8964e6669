"""Records what urllib3 sends over the wire, and with it requests and boto. Versions before 2 are left alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from http.client import IncompleteRead
from types import ModuleType
from typing import TYPE_CHECKING, Any

from binex.tape.exchange import Exchange
from binex.tape.recorder import current_recorder
from binex.tape.trace_context import HEADER
from binex.tape.urllib3_played import play_response

if TYPE_CHECKING:
    from urllib3 import HTTPConnectionPool
    from urllib3.response import HTTPResponse


def hook(module: ModuleType) -> None:
    """Change the connection pools of *module*: each request on the wire is one call, each retry another."""
    pool: type[Any] = module.HTTPConnectionPool
    if not str(module.__version__).startswith("2."):
        return
    send: Callable[..., HTTPResponse] = pool._make_request

    @wraps(send)
    def make_request(  # noqa: PLR0913 - it is urllib3's
        self: "HTTPConnectionPool",
        conn: object,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *args: Any,
        preload_content: bool = True,
        decode_content: bool = True,
        **kwargs: Any,
    ) -> "HTTPResponse":
        recorder = current_recorder()
        if recorder is None:
            kwargs.update(preload_content=preload_content, decode_content=decode_content)
            return send(self, conn, method, url, body, headers, *args, **kwargs)
        known = _known_body(body)
        if known is None and recorder.is_playing:
            body = known = _bytes_of(body.read()) if hasattr(body, "read") else b"".join(map(_bytes_of, body))
        listed = list((self.headers if headers is None else headers).items())
        exchange = Exchange(recorder, method, _whole_url(self, url), [(_text(k), _text(v)) for k, v in listed], known)
        try:
            recorded = exchange.answer(known or b"")
            if recorded is not None:
                response = play_response(recorded, method, url)
            else:
                sent = body if known is not None else _taped(body, exchange)
                kwargs.update(preload_content=False, decode_content=decode_content)
                traced = _naming_trace(self.headers if headers is None else headers, exchange)
                response = send(self, conn, method, url, sent, traced, *args, **kwargs)
            _Tap(response, exchange)
            if preload_content:
                response.read(decode_content=decode_content, cache_content=True)
        except BaseException as error:
            exchange.fail(error)
            raise
        return response

    prepare: Callable[..., None] = module.HTTPSConnectionPool._prepare_proxy

    @wraps(prepare)
    def prepare_proxy(self: object, conn: object) -> None:
        recorder = current_recorder()
        if recorder is None or not recorder.is_sealed:
            prepare(self, conn)  # it connects, before a request is made

    pool._make_request = make_request
    module.HTTPSConnectionPool._prepare_proxy = prepare_proxy


def _naming_trace(headers: Mapping[str, str], exchange: Exchange) -> Mapping[str, str]:
    """*headers*, with the one that names the trace where there is to be one."""
    from urllib3 import HTTPHeaderDict

    header = exchange.traceparent
    if header is None:
        return headers
    # A dict would lose headers that are there twice, and urllib3's own those whose names are bytes.
    traced = headers.copy() if isinstance(headers, HTTPHeaderDict) else dict(headers)
    traced[HEADER] = header
    return traced


def _known_body(body: Any) -> bytes | None:
    """The body, unless it is made while it is sent."""
    if body is None:
        return b""
    if isinstance(body, str | bytes | bytearray | memoryview):
        return _bytes_of(body)
    return None


def _bytes_of(piece: Any) -> bytes:
    return piece.encode("utf-8") if isinstance(piece, str) else bytes(piece)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _whole_url(pool: "HTTPConnectionPool", url: str) -> str:
    if not url.startswith("/"):
        return url  # as it is sent to a proxy
    default = {"http": 80, "https": 443}.get(pool.scheme or "")
    port = "" if pool.port in (None, default) else f":{pool.port}"
    return f"{pool.scheme}://{pool.host}{port}{url}"


def _taped(body: Any, exchange: Exchange) -> Any:
    """*body*, which goes on the tape while it is sent."""
    return _Sent(body, exchange) if hasattr(body, "read") else _sent(body, exchange)


class _Sent:
    """A file that goes on the tape while it is sent."""

    def __init__(self, file: Any, exchange: Exchange) -> None:
        self._file = file
        self._exchange = exchange

    def read(self, size: int = -1) -> Any:
        piece = self._file.read(size)
        self._exchange.ask(_bytes_of(piece))
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _sent(pieces: Iterable[Any], exchange: Exchange) -> Iterator[Any]:
    """The pieces of a body, which go on the tape while they are sent."""
    for piece in pieces:
        exchange.ask(_bytes_of(piece))
        yield piece


class _Tap:
    """Lets the body of a response go on the tape while it is read, in whichever of urllib3's ways."""

    def __init__(self, response: Any, exchange: Exchange) -> None:
        exchange.begin_response(response.status, list(response.headers.items()))
        self._response = response
        self._exchange = exchange
        self._is_reading = False
        self._raw_read, self._handle_chunk = response._raw_read, response._handle_chunk
        self._update_chunk_length, self._close = response._update_chunk_length, response.close
        response._raw_read, response._handle_chunk = self.read, self.read_chunk
        response._update_chunk_length, response.close = self.read_chunk_length, self.close
        if response.length_remaining == 0:
            exchange.end()

    def read(self, amt: int | None = None, **kwargs: Any) -> Any:
        data = self._watch(self._raw_read, amt, **kwargs)
        if data:
            self._exchange.take(data)
        if (not data and amt != 0) or self._response.length_remaining == 0 or self._response.closed:
            self._exchange.end()
        return data

    def read_chunk(self, amt: int | None) -> Any:
        data = self._watch(self._handle_chunk, amt)
        self._exchange.take(data)
        return data

    def read_chunk_length(self) -> None:
        self._watch(self._update_chunk_length)
        if self._response.chunk_left == 0:
            self._exchange.end()

    def close(self) -> None:
        if not self._is_reading:  # else the error that it is closed for is on its way
            self._exchange.abandon()
        self._close()

    def _watch(self, read: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._is_reading = True
        try:
            return read(*args, **kwargs)
        except BaseException as error:
            self._exchange.take(_read_before(error))
            self._exchange.fail(error)
            raise
        finally:
            self._is_reading = False


def _read_before(error: BaseException | None) -> bytes:
    """What had been read when a read of all that there is broke off."""
    while error is not None:
        if isinstance(error, IncompleteRead) and isinstance(error.partial, bytes):  # urllib3's own has only a number
            return error.partial
        error = error.__cause__ or error.__context__
    return b""
