"""Whether an MCP server is there: starts it, or connects to it, and asks what it offers."""

import asyncio
import time
from typing import Final

from binex.adapters.tools.mcp_connection import McpConnection
from binex.errors import AgentError
from binex.models.agent_settings import McpServer
from binex.models.health import AgentHealth, HealthStatus
from binex.models.task import now

PATIENCE_S: Final = 5.0
"""How long it may take."""


async def server_health(
    name: str, server: McpServer, folder: str | None = None, *, patience_s: float = PATIENCE_S
) -> AgentHealth:
    """How the server answers. It executes the user's command, so this is only for those who ask for it."""
    began = time.monotonic()
    connection = McpConnection(name, server, folder, start_s=patience_s)
    status, latency_ms = HealthStatus.UNREACHABLE, None
    try:
        async with asyncio.timeout(patience_s + 0.5):  # a server that does not even start says so by itself
            tools = await connection.list_tools()
        status, detail = HealthStatus.OK, f"{len(tools)} tools" if len(tools) != 1 else "1 tool"
        latency_ms = round((time.monotonic() - began) * 1000, 1)
    except AgentError as error:
        detail = error.message
    except TimeoutError:
        detail = f"the MCP server '{name}' did not list its tools in {patience_s:g} s"
    finally:
        await connection.close()
    return AgentHealth(agent=f"mcp://{name}", status=status, detail=detail, latency_ms=latency_ms, checked_at=now())
