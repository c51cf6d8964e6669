"""The HTTP clients under the providers' libraries: one for each event loop and address, closed when the loop ends.

They hold nothing of a node: no keys, no cookies, no time limits but the one for connecting. They never repeat a
request and follow no redirect.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from weakref import WeakKeyDictionary

from binex.adapters.llm.reply import Response, response_hook

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS: Final = 10.0
_KEPT_SECONDS: Final = 30.0
_T = TypeVar("_T")


class Closing(Protocol):
    """What has to be closed."""

    async def aclose(self) -> None: ...


class LoopClients:
    """What is shared by the requests of one event loop, by key."""

    def __init__(self) -> None:
        self._made: dict[object, object] = {}
        self._open: list[Closing] = []
        self._end: AsyncIterator[None] | None = None

    async def close_with_loop(self) -> None:
        """See to it that everything is closed when the loop ends: a loop finishes its generators."""
        self._end = self._until_the_end()
        await anext(self._end)

    def get(self, key: object, make: Callable[[], _T]) -> _T:
        """What was made for *key*, made now if need be."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value]  # a key says what it is for

    def opened(self, client: _T) -> _T:
        """*client*, to be closed in the end."""
        self._open.append(client)  # type: ignore[arg-type]  # clients of both generations can be closed
        return client

    async def close(self) -> None:
        """Close all connections; what is asked for next is made anew."""
        clients, self._open = self._open, []
        self._made.clear()
        for client in clients:
            await client.aclose()

    async def _until_the_end(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self.close()
            self._end = None  # a generator knows its loop, which would be kept for ever


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, LoopClients] = WeakKeyDictionary()


async def loop_clients() -> LoopClients:
    """The clients of the running loop."""
    loop = asyncio.get_running_loop()
    clients = _by_loop.get(loop)
    if clients is None:
        clients = _by_loop[loop] = LoopClients()
        await clients.close_with_loop()
    return clients


def options(
    stream_type: type, timeout: object, limits: object, is_over: Callable[[Response], None] = lambda _: None
) -> dict[str, Any]:
    """The arguments of a client of either generation of httpx."""
    return {
        "verify": tls_context(),
        "timeout": timeout,
        "limits": limits,
        "event_hooks": {"request": [_limit_connecting], "response": [response_hook(stream_type, is_over)]},
        "headers": {"Accept-Encoding": "identity"},
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        "follow_redirects": False,
    }


async def _limit_connecting(request: Any) -> None:
    """Some libraries replace a client's time limits by none at all."""
    request.extensions["timeout"] = {**request.extensions.get("timeout", {}), "connect": CONNECT_SECONDS}


def http_client(clients: LoopClients, base_url: str) -> "httpx2.AsyncClient":
    """The client for an address, for libraries that take one of ours."""
    import httpx2

    from binex.adapters.llm.spread_client import SpreadClient

    timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=_KEPT_SECONDS)

    def make(is_over: Callable[[Response], None]) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(**options(httpx2.AsyncByteStream, timeout, limits, is_over))

    def spread() -> SpreadClient:
        headers = {"Accept-Encoding": "identity"}
        return clients.opened(SpreadClient(make, timeout=timeout, verify=tls_context(), headers=headers))

    return clients.get(("http", base_url), spread)


@cache
def tls_context() -> ssl.SSLContext:
    """Whom to trust: takes some 20 ms to make, and never changes."""
    import httpx2

    return httpx2.create_ssl_context()
