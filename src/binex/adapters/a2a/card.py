"""The card on which an agent says what it can: fetched with a cache, and one of its interfaces chosen.

Imports the HTTP library, and is imported at the first connection only.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx
from pydantic import JsonValue
from pydantic_core import from_json

from binex.adapters.a2a.address import AgentAddress, is_same_host
from binex.adapters.a2a.failures import refusal_of, speaking_to
from binex.adapters.a2a.message import Json
from binex.adapters.a2a.reading import bad_reply
from binex.errors import RemoteError

BINDINGS: Final = ("JSONRPC", "HTTP+JSON")
MOST_BYTES: Final = 1 << 20
_MISSING: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE)
_VERSION: Final = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\D|\Z)")
_MAX_AGE: Final = re.compile(r"max-age=(\d{1,9})")

_Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Interface:
    """One way to speak to an agent, as its card offers it."""

    url: str
    binding: str
    version: str
    tenant: str
    index: int
    """Its place in the card."""

    @property
    def rank(self) -> int:
        """How good it is, the best first; -1 for a version of the protocol that is not known."""
        found = _VERSION.match(f"{self.version or '1.0'}.0")
        major, minor = (int(found[1]), int(found[2])) if found else (0, 0)
        if major == 1:
            return 0 if minor == 0 else 1
        return 2 if (major, minor) >= (0, 3) and major == 0 else -1


@dataclass(slots=True)
class _Kept:
    url: str
    data: bytes
    etag: str
    modified: str
    fresh_until: float


class Cards:
    """Fetches cards. A card is asked for again only when its time is over, and then with its ETag."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, _Kept]] = WeakKeyDictionary()

    async def fetch(self, client: httpx.AsyncClient, address: AgentAddress, headers: Mapping[str, str]) -> Json:
        """The card of the agent at *address*, a new value at every call.

        Raises:
            RemoteError: there is none to be had, or what is there is none.
        """
        cache = self._kept.setdefault(asyncio.get_running_loop(), {})
        key = (f"{address.scheme}:{address.target}", tuple(sorted(headers.items())))
        kept = cache.get(key)
        if kept is None or time.monotonic() >= kept.fresh_until:
            response = await self._ask(client, address, headers, kept)
            if kept is not None and response.status_code == HTTPStatus.NOT_MODIFIED:
                kept.fresh_until = _fresh_until(response)
            else:
                kept = cache[key] = _kept_of(response)
                if "no-store" in response.headers.get("cache-control", ""):
                    del cache[key]
        return _read(kept.data, address.host)

    async def _ask(
        self, client: httpx.AsyncClient, address: AgentAddress, headers: Mapping[str, str], kept: _Kept | None
    ) -> httpx.Response:
        known = {"If-None-Match": kept.etag, "If-Modified-Since": kept.modified} if kept is not None else {}
        asked = {**headers, "Accept": "application/json", **{name: value for name, value in known.items() if value}}
        missing: httpx.Response | None = None
        for url in (kept.url,) if kept is not None else address.card_urls:
            with speaking_to(address.host):
                response = await client.get(url, headers=asked)
            if response.is_success or response.status_code == HTTPStatus.NOT_MODIFIED:
                return response
            if response.status_code not in _MISSING:
                raise refusal_of(response)
            missing = missing or response
        assert missing is not None
        raise RemoteError(
            f"{address.host} answered {missing.status_code} to {missing.request.url}: there is no agent card",
            fix="an A2A agent serves its card there; is the address, with its path, right?",
            host=address.host,
            status=missing.status_code,
        )


def choose(card: Json, address: AgentAddress, allow_hosts: tuple[str, ...]) -> Interface:
    """The interface to use: of protocol 1.0 if there is one, and else the card's first that is understood.

    Raises:
        RemoteError: none can be used, or none may be.
    """
    offered = [
        _interface(index, entry) for index, entry in enumerate(_entries(card, address.host)) if isinstance(entry, dict)
    ]
    known = [interface for interface in offered if interface.binding in BINDINGS and interface.rank >= 0]
    usable = [interface for interface in known if not _refusal(interface, address, allow_hosts)]
    if usable:
        return min(usable, key=lambda interface: interface.rank)
    if known:
        raise RemoteError(
            f"refused: the agent card of {address.host} points to {known[0].url:.200}, "
            f"{_refusal(known[0], address, allow_hosts)}",
            fix="if you trust it, name its host in config.allow_hosts; plain http needs config.scheme: http",
            host=address.host,
            is_retryable=False,
        )
    there = ", ".join(f"{one.binding or '?'} {one.version}".strip() for one in offered) or "nothing"
    raise RemoteError(
        f"the agent at {address.host} offers {there:.200}; JSONRPC or HTTP+JSON of A2A 0.3 or 1.x is needed",
        host=address.host,
        is_retryable=False,
    )


def _refusal(interface: Interface, address: AgentAddress, allow_hosts: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(interface.url)
        host = parts.hostname or ""
    except ValueError:
        return "which is no URL"
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        return "which is no plain HTTP address"
    if not any(is_same_host(host, allowed) for allowed in (address.host, *allow_hosts)):
        return "which is another host"
    if parts.scheme == "http" and address.scheme == "https":
        return "where anyone could listen"
    return ""


def _entries(card: Json, host: str) -> list[JsonValue]:
    entries = card.get("supportedInterfaces")
    if not isinstance(entries, list):
        raise bad_reply(host, "the agent card names no interface")
    return list(entries)


def _interface(index: int, entry: Json) -> Interface:
    url, binding, version, tenant = (
        str(entry.get(key) or "") for key in ("url", "protocolBinding", "protocolVersion", "tenant")
    )
    return Interface(url, binding.upper(), version, tenant, index)


def _kept_of(response: httpx.Response) -> _Kept:
    if len(response.content) > MOST_BYTES:
        raise bad_reply(response.url.host, f"an agent card of more than {MOST_BYTES:,} bytes", is_retryable=False)
    headers = response.headers
    return _Kept(
        str(response.url),
        response.content,
        headers.get("etag", ""),
        headers.get("last-modified", ""),
        _fresh_until(response),
    )


def _fresh_until(response: httpx.Response) -> float:
    control = response.headers.get("cache-control", "")
    age = _MAX_AGE.search(control)
    return time.monotonic() + (int(age[1]) if age and "no-cache" not in control else 0)


def _read(data: bytes, host: str) -> Json:
    try:
        card = from_json(data)
    except ValueError as error:
        shown = data[:2000].decode("utf-8", "replace")
        raise bad_reply(host, f"the agent card is no JSON: {error}", body=shown) from None
    if not isinstance(card, dict):
        raise bad_reply(host, "the agent card is no object")
    return card
