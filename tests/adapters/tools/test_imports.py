"""What is loaded when: nothing heavy without an MCP server."""

import subprocess
import sys


def test_a_toolbox_of_functions_loads_no_library_of_mcp() -> None:
    program = """
import asyncio, sys
from binex.adapters.tools.toolbox import check_tools, open_toolbox
from binex.adapters.tools.health import server_health
from binex.models.task import TaskNode

async def main():
    task = TaskNode(run_id="r", path="n", node_id="n", agent="llm://mock/m", inputs={}, tools=("python://textwrap.dedent",))
    async with open_toolbox(task) as box:
        print([spec.name for spec in box.specs])

asyncio.run(main())
print(sorted({"mcp", "anyio", "httpx", "httpx2", "pydantic_ai", "fastmcp"} & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "['dedent']\n[]\n"


def test_without_the_library_the_command_that_installs_it_is_named() -> None:
    program = """
import asyncio, sys
sys.modules["mcp"] = None
from binex.adapters.tools.mcp_connection import McpConnection
from binex.errors import AgentError
from binex.models.agent_settings import McpServer

async def main():
    try:
        await McpConnection("library", McpServer(command="cat"), None, start_s=5).list_tools()
    except AgentError as error:
        print(error.message, error.fix, error.is_retryable, sep="|")

asyncio.run(main())
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("tools of MCP servers need a library that is not installed: mcp")
    assert said.stdout.endswith("|pip install 'binex[agents]'|False\n")
