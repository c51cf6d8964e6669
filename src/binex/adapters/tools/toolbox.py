"""The tools of one attempt: what a model is told of them, and how they are called."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from binex.adapters.llm.port import ToolCall, ToolSpec
from binex.adapters.tools.answer import cut, told_error
from binex.adapters.tools.checking import check_tools
from binex.adapters.tools.mcp_servers import McpServers
from binex.adapters.tools.mcp_tools import ServerOfAttempt
from binex.adapters.tools.naming import unique_names
from binex.adapters.tools.python_tools import load_function
from binex.adapters.tools.taped import ask_taped
from binex.adapters.tools.tool import Tool
from binex.adapters.tools.uris import McpUri, PythonUri, read_uri
from binex.errors import AgentError, InputError, suggest
from binex.models.task import TaskNode

__all__ = ["Toolbox", "check_tools", "close_servers", "open_toolbox"]

SERVERS: Final = McpServers()
OUTPUT_BYTES: Final = 10 << 20


class Toolbox:
    """Tools by the names under which a model knows them."""

    def __init__(self, tools: Mapping[str, Tool], output_bytes: int) -> None:
        self._tools = tools
        self._output_bytes = output_bytes
        self.specs = tuple(
            ToolSpec(name=name, description=tool.description, parameters=tool.schema) for name, tool in tools.items()
        )

    async def call(self, tool_call: ToolCall) -> str:
        """What to tell the model that asked. What went wrong in a tool, or in what was asked, is told as well.

        May be awaited for several calls at a time.

        Raises:
            RemoteError: the tool's server is gone.
            ReplayError: only the tape may answer, and it has nothing that fits.
        """
        tool = self._tools.get(tool_call.name)
        if tool is None:
            known = suggest(tool_call.name, self._tools, "tools")
            return told_error(f"there is no tool '{tool_call.name:.100}'; {known}")
        request = tool_call.arguments.encode("utf-8", "backslashreplace")
        answer = await ask_taped(tool.uri, request, lambda: tool.use(tool_call.arguments))
        return cut(tool.tell(answer), self._output_bytes)


@asynccontextmanager
async def open_toolbox(
    task: TaskNode, *, output_bytes: int = OUTPUT_BYTES, servers: McpServers = SERVERS
) -> AsyncIterator[Toolbox]:
    """The tools of *task*, within its attempt. What a tool answers beyond *output_bytes* is cut.

    Servers are shared with the other attempts of the run, and end about a second after the last one.

    Raises:
        AgentError: a tool cannot be found, imported or listed.
    """
    used: dict[str, ServerOfAttempt] = {}
    try:
        tools: list[Tool] = []
        offers: dict[str, Sequence[Tool]] = {}
        for uri in dict.fromkeys(task.tools):
            named = _read(uri)
            if isinstance(named, PythonUri):
                tools.append(await load_function(named, task.folder))
                continue
            if named.server not in used:
                used[named.server] = ServerOfAttempt(named.server, task, servers)
                offers[named.server] = await used[named.server].list_tools()
            tools += _chosen(named, offers[named.server])
        once = list({tool.uri: tool for tool in tools}.values())
        names = unique_names([(tool.origin, tool.name) for tool in once])
        yield Toolbox(dict(zip(names, once, strict=True)), output_bytes)
    finally:
        for server in used.values():
            server.release()


async def close_servers(run_id: str) -> None:
    """End the MCP servers of a run that is over, without waiting for them to be idle."""
    await SERVERS.close(run_id)


def _read(uri: str) -> PythonUri | McpUri:
    try:
        return read_uri(uri)
    except InputError as error:
        raise AgentError(error.message, fix=error.fix, is_retryable=False) from None


def _chosen(named: McpUri, offered: Sequence[Tool]) -> Sequence[Tool]:
    """The tools that *named* means."""
    if not named.tool:
        return offered
    found = [tool for tool in offered if tool.name == named.tool]
    if not found:
        fix = suggest(named.tool, [tool.name for tool in offered], "tools")
        raise AgentError(f"the MCP server '{named.server}' has no tool '{named.tool}'", fix=fix, is_retryable=False)
    return found
