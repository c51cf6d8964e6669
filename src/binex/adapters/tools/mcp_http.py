"""MCP over HTTP: streamable, and with server-sent events as older servers speak it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from binex.models.workflow import McpServer

if TYPE_CHECKING:
    import httpx2

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

    async with _client(server.headers) as client, streamable_http_client(server.url or "", http_client=client) as made:
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

    async def note(response: "httpx2.Response") -> None:
        noted = refusals.get()
        if noted is not None and response.status_code >= 400:
            wait = response.headers.get("retry-after", "")
            noted.append(
                Refusal(response.status_code, response.reason_phrase, int(wait) * 1000 if wait.isdecimal() else None)
            )

    timeout = httpx2.Timeout(CONNECT_S, read=READ_S)
    return httpx2.AsyncClient(headers=headers, timeout=timeout, event_hooks={"response": [note]})
