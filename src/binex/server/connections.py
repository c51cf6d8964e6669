"""One connection of somebody who asks: bounded in number and in time, and refused in JSON where it speaks no HTTP."""

import asyncio
import resource
from http import HTTPStatus
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from binex.server.refusals import JSON, RefusedError, document
from binex.server.security import COMMON_HEADERS, policy

_MOST: Final = 1_000
_MOST_WAITING: Final = 512
_HEAD_WITHIN_S: Final = 20.0
"""How long a connection may take to ask something, from its beginning or from the last answer on."""


def most_connections() -> int:
    """How many there may be at once: half of what may be open, since stores, agents and programs need files as well."""
    return min(_MOST, _open_files() // 2)


def most_waiting() -> int:
    """How many may wait to be accepted. They are all accepted in one go, before any can be refused."""
    return min(_MOST_WAITING, _open_files() // 4)


def _open_files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST * 2 if soft == resource.RLIM_INFINITY else soft


class Connection(H11Protocol):
    """What uvicorn has, and says what is wrong in the words that everything else is refused with."""

    _leaving: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            self._end_with(RefusedError(503, "busy", "too many connections are open already", "close some of them"))
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_idle:
            self._wait()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_idle:
            self._wait()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - says less
        """What was sent is no HTTP; where an answer has begun already, there is nothing more to be said."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._end_with(RefusedError(400, "http", "this is no HTTP that could be answered"))
        else:
            self.transport.close()

    @property
    def _is_idle(self) -> bool:
        """Whether nothing is being answered: nothing was asked yet, or the answer has been given."""
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._leaving is None and not self.transport.is_closing():
            self._leaving = self.loop.call_later(_HEAD_WITHIN_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def _end_with(self, refusal: RefusedError) -> None:
        data = document(refusal)
        headers = {
            **COMMON_HEADERS,
            "content-security-policy": policy(),
            "content-type": JSON,
            "content-length": str(len(data)),
            "connection": "close",
        }
        head = f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"{head}{lines}\r\n".encode() + data)
        self.transport.close()
