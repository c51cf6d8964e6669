"""A connection to one MCP server, with a task of its own that opens it, keeps it, and closes it."""

import asyncio
import copy
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import Context
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import JsonValue, ValidationError

from binex import __version__
from binex.adapters.tools.mcp_failures import McpFailures
from binex.adapters.tools.mcp_http import Refusal, refusals, server_sent, streamable
from binex.adapters.tools.mcp_process import McpProcess
from binex.errors import AgentError
from binex.models.agent_settings import McpServer

if TYPE_CHECKING:
    from mcp import ClientSession

T = TypeVar("T")

PAGES: Final = 100
"""How many pages of tools are asked for."""
CLOSE_S: Final = 5.0
"""How long it may take to close a connection; a server that is asked to end its session may never answer."""
_SAID_OF_ARGUMENTS: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
"""What a server may answer with besides an error of the protocol, which is for the model to read."""
_LOGGERS: Final = ("mcp", "client")
"""The SDK's; without a handler Python would print its tracebacks to the terminal."""


class ToolRefusedError(Exception):
    """The server answered a call with an error of the protocol: for the model to read, not the end of anything."""


class McpConnection:
    """One server, shared by all that use it at a time.

    The SDK's streams must be closed by the task that opened them, so the connection has one; requests may be
    made from any task of the loop. It is opened in an empty context: it belongs to no attempt.
    """

    def __init__(
        self, name: str, server: McpServer, folder: str | None, *, start_s: float, close_s: float = CLOSE_S
    ) -> None:
        self.name = name
        self._server = server
        self._folder = folder
        self._start_s = start_s
        self._close_s = close_s
        self._opened = asyncio.Event()
        self._ended = asyncio.Event()
        self._session: ClientSession | None = None
        self._failure: AgentError | None = None
        self._failures = McpFailures(name, server)
        self._tools: list[JsonValue] | None = None
        self._listing = asyncio.Lock()
        self._process: McpProcess | None = None
        self.task = asyncio.create_task(self._live(), name=f"mcp {name}", context=Context())

    @property
    def is_over(self) -> bool:
        """Whether it can be used no more."""
        return self._ended.is_set() or self.task.done()

    def end(self) -> None:
        """Begin to end it: gently where it is open."""
        if not self._ended.is_set() and not self._opened.is_set():
            self.task.cancel()
        self._ended.set()

    async def close(self) -> None:
        """End it; it is gone when this has been awaited."""
        self.end()
        await asyncio.wait([self.task])

    async def list_tools(self) -> list[JsonValue]:
        """The server's tools, as it describes them; it is asked once.

        Raises:
            RemoteError: it cannot be asked.
        """
        await self._opened.wait()
        async with self._listing:
            if self._tools is None:
                try:
                    async with asyncio.timeout(self._start_s):
                        self._tools = await self._ask(_list_tools)
                except TimeoutError:
                    what = f"did not list its tools in {self._start_s:g} s"
                    raise self._failures.failed(what, self._process) from None
                except ToolRefusedError as error:
                    raise self._failures.failed(f"did not list its tools: {error}", self._process) from None
        return self._tools

    async def call_tool(self, tool: str, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """The result of a tool, as the server gave it.

        Raises:
            ToolRefusedError: the server says that it cannot be called so.
            RemoteError: the server cannot be asked, or is gone.
        """
        return await self._ask(lambda session: _call_tool(session, tool, arguments))

    async def _ask(self, request: "Callable[[ClientSession], Awaitable[T]]") -> T:
        await self._opened.wait()
        if self._session is None:
            raise await self._reason()
        from mcp.shared.exceptions import MCPError
        from mcp.types import CONNECTION_CLOSED

        met: list[Refusal] = []
        token = refusals.set(met)
        try:
            return await request(self._session)
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                if self._process is None and self._failure is None:
                    self._failure = self._failures.failed(f"broke off: {error.message}")
                self._ended.set()
                raise await self._reason() from None
            if met and met[-1].status == HTTPStatus.NOT_FOUND:
                self._ended.set()  # it has forgotten the session; the next attempt begins another
            if met and met[-1].status not in _SAID_OF_ARGUMENTS:
                raise self._failures.refused(met[-1], error.message) from None
            raise ToolRefusedError(error.message or f"error {error.code}") from None
        except ValidationError as error:
            raise self._failures.no_mcp(str(error)) from None
        finally:
            refusals.reset(token)

    async def _reason(self) -> AgentError:
        """Why it is over; known when its task has ended."""
        await asyncio.wait([self.task])
        failure = self._failure or self._failures.failed("was closed while it was used")
        return copy.copy(failure)  # each attempt raises its own

    async def _live(self) -> None:
        met: list[Refusal] = []
        refusals.set(met)
        last_resort: asyncio.TimerHandle | None = None
        try:
            await asyncio.to_thread(_load_sdk)
            async with self._open(met) as session:
                self._session = session
                self._opened.set()
                await self._ended.wait()
                last_resort = asyncio.get_running_loop().call_later(self._close_s, self.task.cancel)
        except Exception as error:  # noqa: BLE001 - whatever the libraries raise is why it failed
            self._failure = self._failures.of(error, self._process, met, self._start_s)
        else:
            if self._process is not None:
                self._failure = self._failures.died(self._process, "while it was used")
        finally:
            if last_resort is not None:
                last_resort.cancel()
            self._ended.set()
            self._opened.set()

    @asynccontextmanager
    async def _open(self, met: list[Refusal]) -> "AsyncIterator[ClientSession]":
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(self._start_s):  # anyio's would have to be left after what is opened in it
                if self._server.command is not None:
                    self._process = McpProcess(self.name, self._server, self._folder)
                    streams = await stack.enter_async_context(self._process.speak(self._ended))
                    session = await self._shake_hands(stack, streams)
                else:
                    session = await self._connect(stack, met)
            yield session

    async def _connect(self, stack: AsyncExitStack, met: list[Refusal]) -> "ClientSession":
        """Over HTTP: as servers speak it now, or else as they did before."""
        from mcp.shared.exceptions import MCPError

        async with AsyncExitStack() as first:
            try:
                session = await self._shake_hands(first, await first.enter_async_context(streamable(self._server)))
            except MCPError:
                if not any(refusal.status in (400, 404, 405) for refusal in met):
                    raise
            else:
                stack.push_async_exit(first.pop_all())
                return session
        met.clear()
        return await self._shake_hands(stack, await stack.enter_async_context(server_sent(self._server)))

    async def _shake_hands(self, stack: AsyncExitStack, streams: tuple[Any, Any]) -> "ClientSession":
        """Agree on a version: first as all servers can, then as only those can that know no other way."""
        from mcp import ClientSession
        from mcp.shared.exceptions import MCPError
        from mcp.types import Implementation
        from mcp_types import UNSUPPORTED_PROTOCOL_VERSION

        about = Implementation(name="binex", version=__version__)
        session = await stack.enter_async_context(ClientSession(*streams, client_info=about))
        try:
            await session.initialize()
        except MCPError as error:
            if error.code != UNSUPPORTED_PROTOCOL_VERSION:
                raise
            await session.discover()
        return session


async def _list_tools(session: "ClientSession") -> list[JsonValue]:
    """All pages."""
    from mcp.types import PaginatedRequestParams

    tools: list[JsonValue] = []
    cursor: str | None = None
    for _ in range(PAGES):
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
        tools += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
        if not page.next_cursor or page.next_cursor == cursor:
            return tools
        cursor = page.next_cursor
    raise ToolRefusedError(f"there are more than {PAGES} pages of them")


async def _call_tool(session: "ClientSession", tool: str, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
    from mcp.shared.exceptions import MCPError

    try:
        result = await session.call_tool(tool, dict(arguments))
    except MCPError:
        raise
    except RuntimeError as error:  # the SDK's word for a result that does not fit the tool's own schema
        raise ToolRefusedError(str(error)) from None
    made: dict[str, JsonValue] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    return made


def _load_sdk() -> None:
    """Import the SDK, which takes a second; and give its loggers a handler, so that it prints nothing."""
    import mcp.client.sse
    import mcp.client.streamable_http  # noqa: F401

    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
