"""The HTTP client for agents: connects to checked addresses only, follows nothing, and reads so much and no more.

Imports the HTTP library, and is imported at the first connection only.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from functools import cache
from typing import Final

import httpcore
import httpx

from binex.adapters.a2a.address import AddressRule
from binex.adapters.a2a.reading import bad_reply
from binex.errors import RemoteError

CONNECT_S: Final = 10.0
SILENCE_S: Final = 60.0
"""How long an agent may say nothing at all before a connection counts as broken."""
BLOCKING_SILENCE_S: Final = 3_600.0
"""The same for an agent that was asked to answer only when it is done."""


def open_client(rule: AddressRule, *, most_bytes: int, silence_s: float = SILENCE_S) -> httpx.AsyncClient:
    """A client for one attempt. Proxies of the environment are not used: they would connect for us, unchecked."""
    return httpx.AsyncClient(
        transport=GuardedTransport(rule, most_bytes),
        timeout=httpx.Timeout(silence_s, connect=CONNECT_S, pool=None),
        headers={"Accept-Encoding": "identity", "User-Agent": "binex"},
        follow_redirects=False,
        trust_env=False,
    )


class GuardedTransport(httpx.AsyncHTTPTransport):
    """Keeps to an :class:`AddressRule`, and cuts answers that are too long."""

    def __init__(self, rule: AddressRule, most_bytes: int) -> None:
        # The base class would make a pool that resolves names by itself, and offers no other way to say so.
        self._pool = httpcore.AsyncConnectionPool(ssl_context=_tls(), network_backend=CheckedBackend(rule))
        self._most_bytes = most_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        host = request.url.host
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            await response.aclose()
            raise bad_reply(host, f"compressed as {encoding:.40}, which was not asked for")
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _CutStream(response.stream, self._most_bytes, host)
        return response


class CheckedBackend(httpcore.AnyIOBackend):
    """Resolves a name once, checks every address that comes of it, and connects to one of those."""

    def __init__(self, rule: AddressRule) -> None:
        self._rule = rule

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await _resolve(host, port, timeout)
        for address in addresses:
            self._check(host, address)
        error: Exception | None = None
        for address in addresses:
            try:
                stream = await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
                continue
            peer = stream.get_extra_info("server_addr")
            try:
                self._check(host, str(peer[0]))
            except BaseException:
                await stream.aclose()
                raise
            return stream
        raise error or httpcore.ConnectError(f"{host} has no address")

    def _check(self, host: str, address: str) -> None:
        if not self._rule.is_allowed(host, address):
            raise RemoteError(
                f"refused to connect to {host}: its address {address} is not a public one",
                fix="write the address itself into the agent's URI, or allow it: config.allow_private: true",
                host=host,
                is_retryable=False,
            )


class _CutStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, most_bytes: int, host: str) -> None:
        self._stream = stream
        self._left = self._most_bytes = most_bytes
        self._host = host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            self._left -= len(data)
            if self._left < 0:
                raise bad_reply(self._host, f"longer than {self._most_bytes:,} bytes", is_retryable=False)
            yield data

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _resolve(host: str, port: int, seconds: float | None) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time") from None
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} cannot be resolved: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@cache
def _tls() -> ssl.SSLContext:
    """Made once: reading all certificates takes tens of milliseconds."""
    return httpx.create_ssl_context()
