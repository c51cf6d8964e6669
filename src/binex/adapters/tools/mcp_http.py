"""MCP over HTTP: streamable, and with server-sent events as older servers speak it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from binex.adapters.retry_after import read_retry_after
from binex.adapters.tools.mcp_process import LINE_BYTES
from binex.errors import BadReplyError
from binex.models.agent_settings import McpServer

if TYPE_CHECKING:
    import httpx2

MESSAGE_BYTES: Final = LINE_BYTES
"""How long one message may be."""
CONNECT_S: Final = 30.0
READ_S: Final = 300.0
"""How long a server may say nothing while it works; a deadline of the attempt usually ends it before."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status that says no."""

    status: int
    reason: str
    retry_after_ms: int | None = None


refusals: ContextVar[list[Refusal] | None] = ContextVar("binex_mcp_refusals", default=None)
"""Where the refusals are put that requests of this context meet; the SDK does not pass them on."""


def place_of(url: str) -> str:
    """The address without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


@asynccontextmanager
async def streamable(server: McpServer) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of a server that speaks streamable HTTP, as the SDK makes them."""
    from mcp.client.streamable_http import streamable_http_client

    async with (
        _client(server.headers) as client,
        streamable_http_client(server.url or "", http_client=client, max_sse_event_size=MESSAGE_BYTES) as made,
    ):
        yield made


@asynccontextmanager
async def server_sent(server: McpServer) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of a server that only speaks the transport of before 2025."""
    from mcp.client.sse import sse_client

    def make(
        headers: dict[str, str] | None = None,
        timeout: object = None,  # noqa: ARG001 - the SDK's, in place of which we have our own
        auth: object = None,  # noqa: ARG001 - never given
    ) -> "httpx2.AsyncClient":
        return _client(headers or {})

    async with sse_client(server.url or "", headers=server.headers, httpx_client_factory=make) as made:
        yield made


def _client(headers: dict[str, str]) -> "httpx2.AsyncClient":
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        """A body, as long as it is not too long."""

        def __init__(self, stream: httpx2.AsyncByteStream) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for data in self._stream:
                size += len(data)
                if size > MESSAGE_BYTES:
                    raise BadReplyError(f"an answer is longer than {MESSAGE_BYTES:,} bytes")
                yield data

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def note(response: "httpx2.Response") -> None:
        is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
        if not is_stream and isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = Bounded(response.stream)
        noted = refusals.get()
        if noted is not None and response.status_code >= 400:
            wait = read_retry_after(response.headers)
            noted.append(Refusal(response.status_code, response.reason_phrase, wait))

    timeout = httpx2.Timeout(CONNECT_S, read=READ_S)
    return httpx2.AsyncClient(headers=headers, timeout=timeout, event_hooks={"response": [note]})
