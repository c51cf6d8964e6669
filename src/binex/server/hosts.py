"""By which names a server may be asked, so that no other site's name can be made to mean it."""

import ipaddress
import socket
from dataclasses import dataclass


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    if host.lower() == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names of one server."""

    host: str
    """The address that it listens on."""
    port: int

    def is_own(self, header: bytes) -> bool:
        """Whether a ``Host`` header means this server.

        On loopback that is ``localhost`` or a loopback address. Elsewhere it is also any address, since a name that
        somebody else controls is what a browser would be lured with, and the name of this machine.
        """
        try:
            name, separator, port = header.decode("ascii").rpartition(":")
        except UnicodeDecodeError:
            return False
        if not separator:
            name, port = port, "80"
        if port != str(self.port):
            return False
        has_brackets = name.startswith("[") and name.endswith("]")
        if has_brackets != (":" in name) or "%" in name:
            return False  # an address of version 6 has brackets and no zone here, and nothing else has
        name = name[1:-1] if has_brackets else name
        if is_loopback(self.host):
            return is_loopback(name)
        return _address(name) is not None or name.lower() in ("localhost", self.host.lower(), _own_name())


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _own_name() -> str:
    return socket.gethostname().lower()
