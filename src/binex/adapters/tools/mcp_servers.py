"""The MCP servers that are open: shared by the attempts of a run, and closed soon after the last one."""

import asyncio
from dataclasses import dataclass
from typing import Final, NamedTuple

from binex.adapters.tools.mcp_connection import McpConnection
from binex.models.agent_settings import McpServer

IDLE_S: Final = 1.0
"""How long a server that nobody uses is kept, for the next attempt."""
START_S: Final = 60.0
"""How long a server may take until it answers; some are downloaded when they are started."""


class _Key(NamedTuple):
    """What attempts must have in common to share a connection."""

    loop: asyncio.AbstractEventLoop
    run_id: str
    name: str
    definition: str
    folder: str | None


@dataclass(slots=True)
class _Kept:
    connection: McpConnection
    users: int = 0
    closing: asyncio.TimerHandle | None = None


class McpServers:
    """Connections by run and definition, with a count of those who use them."""

    def __init__(self, *, idle_s: float = IDLE_S, start_s: float = START_S) -> None:
        self._idle_s = idle_s
        self._start_s = start_s
        self._kept: dict[_Key, _Kept] = {}

    def take(self, run_id: str, name: str, server: McpServer, folder: str | None) -> "Lease":
        """The connection to *server*, opened if it is not; it stays until the lease is released."""
        key = _Key(asyncio.get_running_loop(), run_id, name, server.model_dump_json(), folder)
        kept = self._kept.get(key)
        if kept is None or kept.connection.is_over:
            kept = _Kept(McpConnection(name, server, folder, start_s=self._start_s))
            self._kept[key] = kept
            kept.connection.task.add_done_callback(lambda _: self._forget(key, kept))
        if kept.closing is not None:
            kept.closing.cancel()
            kept.closing = None
        kept.users += 1
        return Lease(self, key, kept)

    async def close(self, run_id: str | None = None) -> None:
        """End the servers of a run that is over, or of all, and wait until they are gone: a few seconds at most."""
        loop = asyncio.get_running_loop()
        ending = [kept for key, kept in self._kept.items() if key.loop is loop and run_id in (None, key.run_id)]
        await asyncio.gather(*(kept.connection.close() for kept in ending))

    def _release(self, key: _Key, kept: _Kept) -> None:
        kept.users -= 1
        if kept.users == 0 and not kept.connection.is_over:
            kept.closing = key.loop.call_later(self._idle_s, kept.connection.end)

    def _forget(self, key: _Key, kept: _Kept) -> None:
        if kept.closing is not None:
            kept.closing.cancel()
        if self._kept.get(key) is kept:
            del self._kept[key]


@dataclass(slots=True)
class Lease:
    """The right to use a connection; to be released once."""

    _servers: McpServers
    _key: _Key
    _kept: _Kept

    @property
    def connection(self) -> McpConnection:
        return self._kept.connection

    def release(self) -> None:
        self._servers._release(self._key, self._kept)
