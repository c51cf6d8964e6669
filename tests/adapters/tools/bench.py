"""A workflow's folder with tools in it, and what surrounds an attempt that uses them."""

import asyncio
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from pydantic import JsonValue
from pydantic_core import to_json

from binex.adapters.llm.port import ToolCall
from binex.adapters.tools.mcp_servers import McpServers
from binex.adapters.tools.toolbox import Toolbox, open_toolbox
from binex.models.agent_settings import McpServer
from binex.models.task import TaskNode
from tests.attempts import FakeSurroundings

HERE = Path(__file__).parent


class ToolBench:
    """Opens toolboxes, and shows what became of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pids_folder = folder / "pids"
        self.pids_folder.mkdir(parents=True)
        self.surroundings = FakeSurroundings()
        self.servers = McpServers(idle_s=0.1, start_s=20)
        self._numbers = count(1)

    def allow_s(self, start_s: float) -> None:
        """How long servers may take to start."""
        self.servers = McpServers(idle_s=0.1, start_s=start_s)

    async def assert_all_gone(self) -> None:
        """No process is left of those that servers were."""
        assert self.pids
        await until(lambda: not any(map(is_alive, self.pids)), 5)

    def write(self, text: str, file: str = "kit.py") -> None:
        (self.folder / file).write_text(textwrap.dedent(text), "utf-8")

    def odd(self, mode: str = "good", **env: str) -> McpServer:
        """A server that misbehaves as *mode* says."""
        return McpServer(command=sys.executable, args=(str(HERE / "odd_server.py"), mode), env=env)

    def real(self) -> McpServer:
        """A FastMCP server."""
        return McpServer(command=sys.executable, args=(str(HERE / "real_server.py"),))

    def task(self, *tools: str, run_id: str = "run", **mcp_servers: McpServer) -> TaskNode:
        return TaskNode(
            run_id=run_id,
            path="node",
            node_id="node",
            agent="llm://mock/model",
            inputs={},
            outputs=("output",),
            folder=str(self.folder),
            tools=tools,
            mcp_servers=mcp_servers,
        )

    @asynccontextmanager
    async def open(
        self, *tools: str, run_id: str = "run", output_bytes: int = 1 << 20, **mcp_servers: McpServer
    ) -> AsyncIterator[Toolbox]:
        task = self.task(*tools, run_id=run_id, **mcp_servers)
        with self.surroundings.attempt(task):
            async with open_toolbox(task, output_bytes=output_bytes, servers=self.servers) as box:
                yield box

    def call(self, name: str, **arguments: JsonValue) -> ToolCall:
        """What a model would ask."""
        return self.raw_call(name, to_json(arguments).decode())

    def raw_call(self, name: str, arguments: str) -> ToolCall:
        return ToolCall(id=f"call_{next(self._numbers)}", name=name, arguments=arguments)

    async def told(self, uri: str, **arguments: JsonValue) -> str:
        """What a model is told when it uses the only tool."""
        async with self.open(uri) as box:
            return await box.call(self.call(box.specs[0].name, **arguments))

    @property
    def pids(self) -> list[int]:
        """The processes that servers have said they are."""
        return [int(file.name) for file in self.pids_folder.iterdir()]


def is_alive(pid: int) -> bool:
    """Whether the process is there; one that nobody has waited for is not."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state = said.stdout.strip()
    return bool(state) and not state.startswith("Z")


async def until(is_so: Callable[[], bool], within_s: float) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, f"it was not so within {within_s} s"
        await asyncio.sleep(0.01)
