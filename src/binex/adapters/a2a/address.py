"""Where an agent is: ``a2a://host[:port][/path]``, and which network addresses may be connected to for it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from binex.errors import InputError

SCHEME: Final = "a2a://"
CARD_PATHS: Final = ("/.well-known/agent-card.json", "/.well-known/agent.json")
"""Where an agent's card is: since protocol 0.3, and before."""

_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?\.?\Z")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*/?\Z")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_NAMEABLE: Final = tuple(
    ip_network(net) for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
"""Addresses that are not public but may be written into a workflow; others, as 169.254.169.254, need more."""


@dataclass(frozen=True, slots=True)
class AgentAddress:
    """An agent's URI, read."""

    scheme: str
    """``http`` or ``https``."""
    host: str
    """In lower case; an IPv6 address without its brackets."""
    port: int | None
    path: str
    """Empty, or with a slash in front and none at the end."""

    @classmethod
    def of(cls, agent: str, scheme: str | None = None) -> Self:
        """Read *agent*; *scheme* is used instead of what follows from the URI.

        Raises:
            InputError: it is no such URI.
        """
        rest = agent.removeprefix(SCHEME)
        written = re.match(r"(https?)://", rest, re.IGNORECASE)
        parts = _split(agent, rest[written.end() :] if written else rest)
        host = (parts.hostname or "").lower()
        if _literal(host) is None and not _HOST.match(host):
            raise _bad(agent, f"'{host:.80}' is no host name" if host else "it names no host")
        if not _PATH.match(parts.path):
            raise _bad(agent, f"'{parts.path:.80}' is no path")
        scheme = scheme or (written[1].lower() if written else "http" if is_loopback_name(host) else "https")
        return cls(scheme, host, parts.port, parts.path.rstrip("/"))

    @property
    def origin(self) -> str:
        """Host and port, as they stand in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """The URI in its one form, which also names the agent on the tape."""
        return f"{SCHEME}{self.origin}{self.path}"

    @property
    def card_urls(self) -> tuple[str, ...]:
        """Where the agent's card may be, in the order in which to ask."""
        return tuple(f"{self.scheme}://{self.origin}{self.path}{card}" for card in CARD_PATHS)


def is_loopback_name(host: str) -> bool:
    """Whether *host* means this machine by itself, without asking the name service."""
    literal = _literal(host)
    return literal.is_loopback if literal is not None else host == "localhost" or host.endswith(".localhost")


def is_same_host(one: str, other: str) -> bool:
    """Whether two names mean the same host; all names of this machine do."""
    one, other = one.lower().rstrip("."), other.lower().rstrip(".")
    return one == other or (is_loopback_name(one) and is_loopback_name(other))


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Which network addresses may be connected to: public ones, and what the workflow names itself."""

    named: tuple[str, ...]
    """The hosts that the workflow's author wrote down."""
    is_private_allowed: bool = False

    @classmethod
    def of(cls, address: AgentAddress, allowed: Iterable[str] = (), *, is_private_allowed: bool = False) -> Self:
        """The rule for an agent at *address*."""
        return cls((address.host, *allowed), is_private_allowed)

    def is_allowed(self, host: str, address: str) -> bool:
        """Whether *host*, which was found to have *address*, may be connected to."""
        if self.is_private_allowed:
            return True
        found = _innermost(ip_address(address.partition("%")[0]))
        if found.is_global and not found.is_multicast:
            return True
        if not any(is_same_host(host, named) for named in self.named):
            return False
        if found.is_loopback:
            return is_loopback_name(host)
        return _literal(host) is not None and any(found in net for net in _NAMEABLE)


def _split(agent: str, rest: str) -> SplitResult:
    if not agent.startswith(SCHEME):
        raise _bad(agent, f"it does not start with {SCHEME}")
    if not rest.isprintable() or " " in rest:
        raise _bad(agent, "it has blanks or control characters")
    try:
        parts = urlsplit(f"//{rest}")
        if parts.port == 0:
            raise _bad(agent, "there is no port 0")
    except ValueError as error:
        raise _bad(agent, str(error)) from None
    if parts.username is not None:
        raise InputError(
            f"{SCHEME}{parts.hostname} is written with a user or password in front of the host",
            fix="keep keys out of the URI: config.token: ${secret.NAME}",
        )
    if parts.query or parts.fragment or rest.endswith(("?", "#")):
        raise _bad(agent, "it has a query or a fragment")
    return parts


def _bad(agent: str, why: str) -> InputError:
    return InputError(f"{agent[:120]!r} is not the URI of an A2A agent: {why}", fix="write a2a://host[:port][/path]")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _innermost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address carries inside, and else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
