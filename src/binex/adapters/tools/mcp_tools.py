"""``mcp://server/tool``: what an MCP server offers, as tools."""

from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from binex.adapters.attempt import current_attempt
from binex.adapters.named_secrets import secrets_in
from binex.adapters.tools.answer import ERROR, shorten, told_error, told_result
from binex.adapters.tools.arguments import BadArgumentsError, read_arguments
from binex.adapters.tools.mcp_connection import ToolRefusedError
from binex.adapters.tools.mcp_servers import Lease, McpServers
from binex.adapters.tools.signature import LONGEST_DESCRIPTION
from binex.adapters.tools.taped import Answered, ask_taped
from binex.errors import AgentError, BadReplyError, suggest
from binex.models.agent_settings import McpServer
from binex.models.json_value import encode_json
from binex.models.task import TaskNode

SCHEMA_BYTES: Final = 100_000
"""How long the schema of one tool may be."""


class ServerOfAttempt:
    """One server as one attempt uses it: connected when it is first needed, which may be never where a tape answers."""

    def __init__(self, name: str, task: TaskNode, servers: McpServers) -> None:
        server = task.mcp_servers.get(name)
        if server is None or (server.command is None) == (server.url is None):
            what = "has neither 'command' nor 'url', or both" if server else "is not defined"
            fix = suggest(name, task.mcp_servers, "mcp_servers")
            raise AgentError(f"the MCP server '{name}' {what}", fix=fix, is_retryable=False)
        self.name = name
        self._server = server
        self._task = task
        self._servers = servers
        self._lease: Lease | None = None
        _hide_secrets(server)

    async def list_tools(self) -> "list[ServerTool]":
        """What the server offers.

        Raises:
            AgentError: the server cannot be asked, or what it offers is beyond the limits.
        """
        listed = await ask_taped(f"mcp://{self.name}", b"", self._list)
        tools = listed.get("tools") if isinstance(listed, dict) else None
        entries = tools if isinstance(tools, list) else []
        return [tool for entry in entries if (tool := ServerTool.of(self, entry)) is not None]

    async def _list(self) -> Answered:
        return Answered({"tools": await self._lend().connection.list_tools()})

    async def call(self, tool: str, arguments: dict[str, JsonValue]) -> Answered:
        """The result of a tool."""
        try:
            result = await self._lend().connection.call_tool(tool, arguments)
        except ToolRefusedError as error:
            return Answered(told_error(str(error)), str(error))
        return Answered(result, told_result(result).removeprefix(ERROR) if result.get("isError") else None)

    def release(self) -> None:
        """The attempt is over."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def _lend(self) -> Lease:
        if self._lease is None:
            self._lease = self._servers.take(self._task.run_id, self.name, self._server, self._task.folder)
        return self._lease


@dataclass(frozen=True, slots=True)
class ServerTool:
    """One tool of a server. What the server says about it is shown to models, and to nobody else."""

    server: ServerOfAttempt
    name: str
    description: str
    schema: dict[str, JsonValue]

    @classmethod
    def of(cls, server: ServerOfAttempt, listed: JsonValue) -> "ServerTool | None":
        """The tool that is *listed*; None where it has no name or no schema.

        Raises:
            BadReplyError: its schema is too long.
        """
        match listed:
            case {"name": str(name), "inputSchema": dict(schema), **rest} if name:
                description = rest.get("description")
            case _:
                return None
        size = len(encode_json(schema))
        if size > SCHEMA_BYTES:
            raise BadReplyError(
                f"the schema of the tool mcp://{server.name}/{name:.100} is {size:,} bytes, limit {SCHEMA_BYTES:,}",
                fix=f"name the tools that you need in the node's tools: mcp://{server.name}/…",
                host=f"mcp://{server.name}",
                is_retryable=False,
            )
        text = shorten(description, LONGEST_DESCRIPTION) if isinstance(description, str) else ""
        return cls(server, name, text, {**schema, "type": "object"})

    @property
    def uri(self) -> str:
        return f"mcp://{self.server.name}/{self.name}"

    @property
    def origin(self) -> str:
        return self.server.name

    async def use(self, arguments: str) -> Answered:
        """Ask the server; what it refuses is told to the model."""
        try:
            given = read_arguments(arguments)
        except BadArgumentsError as error:
            said = f"bad arguments for {self.name}: {error}"
            return Answered(told_error(said), said)
        return await self.server.call(self.name, given)

    def tell(self, value: JsonValue) -> str:
        return told_result(value)


def _hide_secrets(server: McpServer) -> None:
    """Make known what the names of variables and headers say to be secret; references are known already."""
    hide = current_attempt().hide
    for secret in (*secrets_in(server.env), *secrets_in(server.headers)):
        hide(secret)
