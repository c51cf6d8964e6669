"""Recorded responses, as urllib3 reads them."""

from http.client import IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING, Any

from binex.tape.exchange import headers_to_play
from binex.tape.playback import play, wait_out
from binex.tape.recorder import Recorded

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse


def play_response(recorded: Recorded, method: str, url: str) -> "HTTPResponse":
    """The recorded response.

    Raises:
        urllib3.exceptions.ProtocolError: what was recorded is that there was none.
    """
    from urllib3 import HTTPHeaderDict
    from urllib3.exceptions import ProtocolError
    from urllib3.response import HTTPResponse

    if recorded.status is None:
        wait_out(recorded)
        raise _error(recorded.error)
    headers = HTTPHeaderDict(headers_to_play(recorded.headers))
    if any(name.lower() == "transfer-encoding" for name, _ in recorded.headers):
        headers["Transfer-Encoding"] = "chunked"
    broken = None if recorded.is_complete else ProtocolError(recorded.error or "the recording ends here")
    body: Any = _Body(recorded, broken)  # like a response of http.client, which is no file either
    return HTTPResponse(
        body=body,
        headers=headers,
        status=recorded.status,
        preload_content=False,
        request_method=method,
        request_url=url,
    )


def _error(text: str | None) -> Exception:
    """An error like the recorded one, whose text begins with the name of its class."""
    from urllib3.exceptions import ProtocolError

    name, _, message = (text or "").partition(": ")
    if "Timeout" in name or name == "timeout":
        return TimeoutError(message or name)
    if name == "RemoteDisconnected":
        return RemoteDisconnected(message)
    return ProtocolError(text or "the recording ends here")


class _Body:
    """A recorded body, in place of a response of ``http.client``; where the recording broke off, so does this.

    Read as a whole or in part, it says what was said. Read chunk by chunk, as what came in chunks is, it says it in
    the pieces in which it came, each behind a line with its size, as on the wire.
    """

    def __init__(self, recorded: Recorded, broken: Exception | None) -> None:
        self.closed = False
        self.fp: _Body | None = self
        self._pieces = play(recorded)
        self._piece = memoryview(b"")
        self._is_at_end = False
        self._has_said_so = False
        self._broken = broken

    def read(self, size: int | None = None, /) -> bytes:
        """So many bytes, or all; fewer only at the end."""
        is_all = size is None or size < 0
        data = bytearray()
        while is_all or len(data) < (size or 0):
            if not self._piece and not self._has_next():
                break
            wanted = len(self._piece) if is_all else (size or 0) - len(data)
            data += self._piece[:wanted]
            self._piece = self._piece[wanted:]
        if self._broken is not None and self._is_at_end:
            if is_all:
                raise IncompleteRead(bytes(data))
            if size and not data:
                raise self._broken
        return bytes(data)

    def read1(self, size: int = -1, /) -> bytes:
        """What there is of the next piece."""
        if not self._piece and not self._has_next():
            return self.read(1)
        return self.read(len(self._piece) if size < 0 else min(size, len(self._piece)))

    def readline(self, _limit: int = -1, /) -> bytes:
        """The line that says how long the next piece is."""
        if self._has_next():
            return b"%x\r\n" % len(self._piece)
        if self._broken is not None:
            raise self._broken
        if self._has_said_so:
            self.close()
            return b""
        self._has_said_so = True
        return b"0\r\n"

    def _safe_read(self, size: int) -> bytes:
        """So many bytes of the piece, or the end of the line behind it."""
        return self.read(size) if self._piece else b"\r\n"

    def _has_next(self) -> bool:
        piece = next(self._pieces, None)
        self._piece, self._is_at_end = memoryview(piece or b""), piece is None
        return piece is not None

    def close(self) -> None:
        """Nobody reads on."""
        self.closed = True
        self.fp = None
