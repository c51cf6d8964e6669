"""A small HTTP server on the loopback interface, which can also break off, reset and hang where it is told to.

Not a web framework: those end every response well, whatever happens.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import h11

MAX_BODY: Final = 32 << 20
_CHUNK: Final = 65_536
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER without a time: closing sends a reset."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Response:
    """Answers one request: whole, piece by piece, or not to the end."""

    def __init__(self, connection: h11.Connection, writer: asyncio.StreamWriter) -> None:
        self._connection = connection
        self._writer = writer

    async def whole(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Say everything at once."""
        await self.begin(status, {**headers, "content-length": str(len(body))})
        await self.piece(body)
        await self.end()

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Say the head; what follows goes in pieces."""
        await self._send(h11.Response(status_code=status, headers=list(headers.items())))

    async def piece(self, data: bytes) -> None:
        """Say some of the body."""
        if data:
            await self._send(h11.Data(data=data))

    async def end(self) -> None:
        """There is no more."""
        await self._send(h11.EndOfMessage())

    def reset(self) -> None:
        """Reset the connection."""
        sock: socket.socket | None = self._writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    async def _send(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        data = self._connection.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()


Handler = Callable[[Request, Response], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, port: int = 0) -> AsyncIterator[int]:
    """Serve on loopback until the block ends; gives the port.

    Raises:
        OSError: the port is taken.
    """
    open_now: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(_talk(handler, reader, writer))
        open_now.add(task)
        task.add_done_callback(open_now.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(open_now):
            task.cancel()
        if open_now:
            await asyncio.wait(open_now, timeout=1)


async def _talk(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer all requests that come over one connection."""
    connection = h11.Connection(h11.SERVER)
    try:
        while (request := await _read(connection, reader)) is not None:
            response = Response(connection, writer)
            if not _is_local(request):
                await response.whole(421, b"this is a server for this machine alone", {"content-type": "text/plain"})
            elif not await _answer(handler, request, response, connection, reader):
                break
            if writer.is_closing() or connection.our_state is not h11.DONE:
                break
            if connection.their_state is h11.DONE:
                connection.start_next_cycle()
    except (ConnectionError, asyncio.IncompleteReadError, h11.ProtocolError, _TooLargeError):
        pass  # the other side left, or speaks something else
    except asyncio.CancelledError:
        pass  # the server ends
    finally:
        with suppress(OSError):
            writer.close()


async def _answer(
    handler: Handler,
    request: Request,
    response: Response,
    connection: h11.Connection,
    reader: asyncio.StreamReader,
) -> bool:
    """Answer one request; false where the other side left meanwhile."""
    loop = asyncio.get_running_loop()
    answering = asyncio.ensure_future(handler(request, response))
    listening = loop.create_task(reader.read(_CHUNK))
    try:
        await asyncio.wait({answering, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done() and listening.done() and not listening.result():
            return False
        await answering
        if listening.done():
            connection.receive_data(listening.result())
        return True
    finally:
        for task in (answering, listening):
            if not task.done():
                task.cancel()
        await asyncio.wait({answering, listening})
        for task in (answering, listening):
            if not task.cancelled():
                task.exception()  # it was seen


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    """The next request; None where there is none any more."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                raise _TooLargeError
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            path = head.target.decode("latin-1").partition("?")[0]
            return Request(head.method.decode("latin-1"), path, headers, bytes(body))
        else:
            return None


def _is_local(request: Request) -> bool:
    """Whether it was asked under a name of this machine: a page of somebody else's comes under another."""
    host = request.headers.get("host", "").lower()
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name in _LOOPBACK


class _TooLargeError(Exception):
    """A request is larger than any that a model is asked."""
