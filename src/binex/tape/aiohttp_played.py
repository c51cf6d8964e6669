"""Recorded responses, as aiohttp reads them."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from binex.tape.exchange import headers_to_play
from binex.tape.playback import schedule, wait_out_async
from binex.tape.recorder import Recorded

if TYPE_CHECKING:
    from aiohttp import ClientRequest, ClientResponse, StreamReader

_MOST_WAITING: Final = 1 << 40
"""So many bytes may wait for a reader before it tells the connection to pause, which there is none of."""


async def play_response(request: "ClientRequest", recorded: Recorded) -> "ClientResponse":
    """The recorded response, made by hand: there is no connection.

    Raises:
        aiohttp.ClientError: what was recorded is that there was none.
    """
    import asyncio

    import aiohttp
    from aiohttp.base_protocol import BaseProtocol
    from aiohttp.helpers import TimerNoop
    from multidict import CIMultiDict, CIMultiDictProxy

    if recorded.status is None:
        await wait_out_async(recorded)
        raise _error(recorded.error)
    loop = asyncio.get_running_loop()
    made: Any = aiohttp.ClientResponse(
        request.method,
        request.url,
        writer=None,
        continue100=None,
        timer=TimerNoop(),
        request_info=request.request_info,
        traces=[],
        loop=loop,
        session=request.session,
        stream_writer=_NoWriter(),  # type: ignore[arg-type]
    )
    headers = headers_to_play(recorded.headers)
    made.version, made.status, made.reason = aiohttp.HttpVersion11, recorded.status, ""
    made._headers = CIMultiDictProxy(CIMultiDict(headers))
    made._raw_headers = tuple((name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers)
    made._closed = False
    protocol = BaseProtocol(loop)
    protocol.connection_made(_NoTransport())
    made.content = aiohttp.StreamReader(protocol, _MOST_WAITING, loop=loop)
    made._binex_feeder = _Feeder(made.content, recorded, loop)
    response: ClientResponse = made
    return response


class _NoTransport(asyncio.Transport):
    """A connection that a reader takes for one that is there."""

    def is_closing(self) -> bool:
        return False


class _NoWriter:
    """What has sent a request that was never sent."""

    output_size = 0


def _error(text: str | None) -> Exception:
    """An error like the recorded one, whose text begins with the name of its class."""
    import aiohttp

    name, _, message = (text or "").partition(": ")
    if "Timeout" in name:
        return aiohttp.ServerTimeoutError(message or name)
    if name == "ServerDisconnectedError":
        return aiohttp.ServerDisconnectedError(message or None)
    return aiohttp.ClientConnectionError(text or "the recording ends here")


class _Feeder:
    """Puts a recorded body into a reader: at once, or piece by piece when each is due."""

    def __init__(self, reader: "StreamReader", recorded: Recorded, loop: asyncio.AbstractEventLoop) -> None:
        self._reader = reader
        self._recorded = recorded
        self._loop = loop
        self._due = schedule(recorded, loop.time())
        self._timer: asyncio.TimerHandle | None = None
        self._feed()

    def stop(self) -> None:
        """Nobody reads on."""
        if self._timer is not None:
            self._timer.cancel()

    def _feed(self, piece: bytes = b"") -> None:
        """Put in *piece*, and whatever is due with it."""
        self._put(piece)
        for due, following in self._due:
            if due > self._loop.time():
                self._timer = self._loop.call_at(due, self._feed, following)
                return
            self._put(following)
        self._end()

    def _put(self, piece: bytes) -> None:
        if piece:
            self._reader.feed_data(piece)

    def _end(self) -> None:
        import aiohttp

        if self._recorded.is_complete:
            self._reader.feed_eof()
        elif not self._recorded.was_cancelled:
            error = aiohttp.ClientPayloadError(self._recorded.error or "the recording ends here")
            self._reader.set_exception(error)


def stop_playing(response: object) -> None:
    """Nobody reads *response* any more, which may be a recorded one."""
    feeder: _Feeder | None = vars(response).get("_binex_feeder")
    if feeder is not None:
        feeder.stop()
