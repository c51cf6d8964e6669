"""Serves the page: listens, tells the address with the token, and ends with everything that it has started."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import uvicorn
from starlette.types import Scope

from binex.adapters.base import AgentAdapter
from binex.errors import InputError, StoreError
from binex.server.app import create_app
from binex.server.connections import Connection, most_waiting
from binex.server.event_hub import EventHub
from binex.server.executing import Executions
from binex.server.hosts import Hosts, is_loopback
from binex.server.keys import Keys
from binex.server.parts import Parts
from binex.server.reading import open_reader
from binex.server.watching import Watching

_LONGEST_HEAD: Final = 64 * 1024
_END_WITHIN_S: Final = 1.0
_MOST_TOLD: Final = 100


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What somebody wants served, and how."""

    directory: Path
    """The ``.binex`` folder."""
    folder: Path | None = None
    """The folder of the workflow files; the one that the store is in, where none is given."""
    allow_paths: tuple[Path, ...] = ()
    """Folders elsewhere that prompts may be in."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 is for one that is free."""
    token: str | None = None
    is_exposed: bool = False
    """Whether somebody has said that other machines may reach it."""
    is_read_only: bool = False
    who: str = ""
    """Who answers questions here."""
    stands_in: Mapping[str, AgentAdapter] | None = None
    """Adapters that take the place of others in the runs that it executes."""
    say: Callable[[str], None] = lambda _: None
    """Hears what the person should know who has started it."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers."""

    url: str
    """The address to open, with the token behind the ``#``, which no browser sends."""
    port: int
    token: str
    executions: Executions
    hub: EventHub


@asynccontextmanager
async def serving(options: ServerOptions) -> AsyncIterator[Served]:
    """A server that answers in the block; at its end, runs that it executes are interrupted.

    Raises:
        InputError: other machines could reach it, and nobody has said that they may.
        StoreError: the address cannot be listened on.
    """
    _require_safe(options)
    listening = _listen(options)
    port: int = listening.getsockname()[1]
    try:
        keys = Keys(options.token, port)
        async with _saying_what_goes_wrong(options.say), open_reader(options.directory, options.say) as reader:
            hub = EventHub()
            executions = Executions(
                options.directory,
                hub.publish,
                options.say,
                allow_paths=options.allow_paths,
                stands_in=options.stands_in,
            )
            watching = Watching(reader, hub, executions.is_here)
            parts = Parts(
                directory=options.directory,
                folder=options.folder or options.directory.parent,
                keys=keys,
                reader=reader,
                executions=executions,
                hub=hub,
                watching=watching,
                is_read_only=options.is_read_only,
                who=options.who,
            )
            hosts = Hosts(options.host, port)
            server = _Server(lambda cut: create_app(parts, hosts, say=options.say, cut=cut))
            answering = asyncio.create_task(server.serve([listening]))
            try:
                await server.wait_until_it_answers(answering)
                shown = f"[{options.host}]" if ":" in options.host else options.host
                url = f"http://{shown}:{port}/#token={quote(keys.token, safe='')}"
                yield Served(url, port, keys.token, executions, hub)
            finally:
                hub.close()
                server.should_exit = True
                await asyncio.gather(executions.close(), watching.close())
                _, left = await asyncio.wait({answering}, timeout=_END_WITHIN_S + 0.5)
                if left:
                    answering.cancel()
    finally:
        listening.close()


class _Server(uvicorn.Server):
    """Leaves signals to whoever has started it, and says nothing."""

    def __init__(self, make_app: Callable[[Callable[[Scope], None]], object]) -> None:
        config = uvicorn.Config(
            make_app(self.cut),  # type: ignore[arg-type]
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=_LONGEST_HEAD,
            backlog=most_waiting(),
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def wait_until_it_answers(self, answering: "asyncio.Task[None]") -> None:
        """Return when it does.

        Raises:
            StoreError: it does not.
        """
        while not self.started:
            if answering.done():
                await answering
                raise StoreError("the server has ended before it answered")
            await asyncio.sleep(0.005)

    def cut(self, scope: Scope) -> None:
        """End a connection here and now, whatever was still to be sent."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if getattr(connection, "client", None) == scope["client"] and transport is not None:
                reset = struct.pack("ii", 1, 0)  # or the system would go on sending what it has taken
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                transport.abort()


@asynccontextmanager
async def _saying_what_goes_wrong(say: Callable[[str], None]) -> AsyncIterator[None]:
    """In the block what nobody waits for, such as accepting a connection, fails in one line, and in each only once."""
    loop = asyncio.get_running_loop()
    before, told = loop.get_exception_handler(), set[str]()

    def tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = context["message"] if error is None else f"{context['message']}: {type(error).__name__}: {error}"
        if message not in told and len(told) < _MOST_TOLD:
            told.add(message)
            say(f"the server goes on, and something went wrong: {message}")

    loop.set_exception_handler(tell)
    try:
        yield
    finally:
        loop.set_exception_handler(before)


def _require_safe(options: ServerOptions) -> None:
    if is_loopback(options.host):
        return
    if not options.is_exposed or options.token is None:
        raise InputError(
            f"other machines could reach {options.host}, and whoever has the token can execute programs here",
            fix="if that is wanted, say --expose and choose a --token; else leave --host out",
        )


def _listen(options: ServerOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio sets no TCP_NODELAY
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((options.host, options.port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        fix = "choose another --port, or leave it out" if options.port else "choose another --host, or leave it out"
        raise StoreError(f"cannot listen on {options.host}:{options.port}: {reason}", fix=fix) from error
    return listening
