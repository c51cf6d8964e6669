"""Refuses the network where only a tape may answer.

Refused is every attempt at it that Python knows of, whatever library makes it: sockets that are connected or sent
from, names that are looked up, and the modules of the standard library that do so. Sockets of this machine (Unix)
are left alone, and so is what needs no wire, as the lookup of an address that is a number.

Known by its context, an attempt is refused in the name of its task. A thread that the user's code has started has no
such context: it is refused while a hermetic run goes on in this process, unless another run there is not hermetic.

Not seen: what other programs do that a task starts, libraries in C that open sockets themselves (as those of
databases may), and what is sent over sockets that were connected before; connections of ``http.client`` are seen.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final

from binex.errors import ReplayError
from binex.tape.recorder import current_recorder
from binex.tape.redaction import REDACTED
from binex.tape.secret_names import cut_url

_FIX: Final = (
    "reach it through httpx, requests, urllib3 or aiohttp, which are recorded and replayed, or run the task live with "
    "`--from`"
)


class _Watch:
    """What goes on in this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.has_begun = False
        self.live_runs = 0
        """How many runs go on that may use the network."""
        self.listeners: list[Callable[[str], object]] = []
        """Who hears of refusals: one for each run that is hermetic."""

    @property
    def is_hermetic(self) -> bool:
        """Whether every run is hermetic, so that a thread without a task can only belong to one of those."""
        return bool(self.listeners) and not self.live_runs


_watch: Final = _Watch()


_is_allowed: ContextVar[bool] = ContextVar("binex_network_is_allowed", default=False)


@contextmanager
def refusing_network(listen: Callable[[str], object] = lambda _: None) -> Iterator[None]:
    """A hermetic run goes on in the block; *listen* is told what is refused to threads that belong to no task."""
    watch_network()
    with _watch.lock:
        _watch.listeners.append(listen)
    try:
        yield
    finally:
        with _watch.lock:
            _watch.listeners.remove(listen)


@contextmanager
def needing_network() -> Iterator[None]:
    """A run goes on in the block that is not hermetic: threads that belong to no task may be its own."""
    with _watch.lock:
        _watch.live_runs += 1
    try:
        yield
    finally:
        with _watch.lock:
            _watch.live_runs -= 1


@contextmanager
def allowing_network() -> Iterator[None]:
    """What the block does belongs to no run: it tells others about them, for example."""
    token = _is_allowed.set(True)
    try:
        yield
    finally:
        _is_allowed.reset(token)


def watch_network() -> None:
    """Watch it from now on; that cannot be undone, and costs next to nothing. To do it again changes nothing."""
    with _watch.lock:
        if _watch.has_begun:
            return
        _watch.has_begun = True
    sys.addaudithook(_audit)
    _watch_lookups()


def _audit(event: str, args: tuple[Any, ...]) -> None:
    find = _EVENTS.get(event)
    if find is None:
        return
    recorder = current_recorder()
    if recorder is None:
        if not _watch.is_hermetic or _is_allowed.get():
            return
    elif not recorder.is_sealed:
        return
    place = find(args)
    if place is None:
        return
    if event == "socket.connect":
        args[0].close()  # the standard library only closes it where an OSError is raised
    _refuse(event, place)


def _refuse(event: str, place: str) -> None:
    recorder = current_recorder()
    place = cut_url(place, REDACTED)
    if recorder is not None:
        what = recorder.refuse(f"task '{recorder.task}' tried to reach {place} ({event})")
    else:
        what = f"thread '{threading.current_thread().name}' tried to reach {place} ({event})"
        with _watch.lock:
            listeners = list(_watch.listeners)
        for listen in listeners:
            listen(what)
    raise ReplayError(f"the network is refused: {what}", fix=_FIX)


def _watch_lookups() -> None:
    """See who looks up a name on a loop, which does it in a thread without context."""
    from asyncio.base_events import BaseEventLoop

    lookup = BaseEventLoop.getaddrinfo

    @wraps(lookup)
    async def getaddrinfo(self: BaseEventLoop, host: Any, port: Any, **kwargs: Any) -> Any:
        if current_recorder() is not None:
            _audit("socket.getaddrinfo", (host, port))
        return await lookup(self, host, port, **kwargs)

    BaseEventLoop.getaddrinfo = getaddrinfo  # type: ignore[method-assign]


def _of_socket(args: tuple[Any, ...]) -> str | None:
    """Where a socket is connected or sends to; None where that is on this machine, or was refused when it connected."""
    import socket

    opened, address = args[0], args[1]
    if address is None or opened.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    return _place(*address[:2]) if isinstance(address, tuple) else str(address)


def _of_lookup(args: tuple[Any, ...]) -> str | None:
    """Which name is looked up; None for a number, which nobody has to be asked about."""
    host, port = args[0], args[1] if len(args) > 1 else None
    if not host or _is_number(host):
        return None
    return _place(host, port)


def _of_address(args: tuple[Any, ...]) -> str | None:
    """Whose name is looked up."""
    address = args[0]
    return _place(*address[:2]) if isinstance(address, tuple) else _place(address, None)


def _of_request(args: tuple[Any, ...]) -> str | None:
    """What ``urllib`` asks for; None where that is no business of the network's."""
    url, method = str(args[0]), args[3]
    return f"{method} {url}" if url.partition(":")[0].lower() in ("http", "https", "ftp") else None


def _of_connection(args: tuple[Any, ...]) -> str | None:
    """Where a module of the standard library connects to."""
    return _place(args[1], args[2])


def _of_sending(args: tuple[Any, ...]) -> str | None:
    """Where a connection of ``http.client`` sends to that was kept; None for a Unix socket."""
    import socket

    connection = args[0]
    opened = getattr(connection, "sock", None)
    if opened is None or getattr(opened, "family", None) == socket.AF_UNIX:
        return None
    return _place(connection.host, connection.port)


def _place(host: object, port: object) -> str:
    name = host.decode("utf-8", "replace") if isinstance(host, bytes) else str(host)
    if ":" in name and port:
        name = f"[{name}]"
    return f"{name}:{port}" if port else name


def _is_number(host: object) -> bool:
    import socket

    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, name.partition("%")[0])
        except (OSError, ValueError):
            continue
        return True
    return False


_EVENTS: Final[dict[str, Callable[[tuple[Any, ...]], str | None]]] = {
    "socket.connect": _of_socket,
    "socket.sendto": _of_socket,
    "socket.sendmsg": _of_socket,
    "socket.getaddrinfo": _of_lookup,
    "socket.gethostbyname": _of_lookup,
    "socket.gethostbyaddr": _of_address,
    "socket.getnameinfo": _of_address,
    "urllib.Request": _of_request,
    "http.client.connect": _of_connection,
    "http.client.send": _of_sending,
    "ftplib.connect": _of_connection,
    "imaplib.open": _of_connection,
    "nntplib.connect": _of_connection,
    "poplib.connect": _of_connection,
    "smtplib.connect": _of_connection,
    "telnetlib.Telnet.open": _of_connection,
}
"""What Python says before it reaches out, and who finds in it where to."""
