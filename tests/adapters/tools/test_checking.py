"""Faults in a node's tools that are found by reading alone."""

from collections.abc import Sequence

import pytest

from binex.adapters.tools.toolbox import check_tools
from binex.models.agent_settings import McpServer
from tests.adapters.tools.bench import ToolBench

SERVERS = {
    "library": McpServer(command="no-such-program"),
    "archive": McpServer(url="http://127.0.0.1:9/mcp"),
    "neither": McpServer(),
    "both": McpServer(command="a", url="http://b"),
    "headed": McpServer(command="a", headers={"x": "y"}),
    "fed": McpServer(url="http://b", env={"x": "y"}),
}


@pytest.fixture
def kit(bench: ToolBench) -> ToolBench:
    bench.write("raise SystemExit\n\ndef search(query: str) -> str: ...\n")
    bench.write("def broken(:\n", "broken.py")
    return bench


def faults(kit: ToolBench, uris: Sequence[str]) -> list[tuple[tuple[str | int, ...], str, str | None]]:
    return [(fault.path, fault.message, fault.fix) for fault in check_tools(uris, SERVERS, kit.folder)]


async def test_tools_that_can_be_there_have_no_faults_and_nothing_runs(kit: ToolBench) -> None:
    assert faults(kit, ["python://kit.search", "mcp://library", "mcp://archive/find", "mcp://archive/read"]) == []
    assert kit.pids == []


@pytest.mark.parametrize(
    ("uri", "message", "fix"),
    [
        ("kit.search", "'kit.search' does not name a tool", "write python://module.function, mcp://server/tool, or"),
        ("python://kit", "'python://kit' does not name a function", "write python://module.function, for a module"),
        ("python://echo", "'python://echo' does not name a function", "write python://module.function, for a module"),
        ("mcp://", "'mcp://' does not name a tool", "write python://module.function, mcp://server/tool, or"),
        (
            "builtin://web_search",
            "'builtin://web_search' is not supported yet",
            "write a function and name it as python://",
        ),
        ("builtin://", "'builtin://' is not supported yet", "write a function and name it as python://"),
        ("python://kit.serch", "module 'kit' has no function 'serch'", "did you mean 'search'?"),
        ("python://kti.search", "there is no module 'kti' in the workflow's folder", "did you mean 'kit'?"),
        ("python://broken.it", "broken.py:1: invalid syntax", ""),
        ("mcp://libary/find", "there is no MCP server 'libary'", "did you mean 'library'? mcp_servers: archive, both"),
        ("mcp://neither", "mcp_servers.neither has neither 'command' nor 'url'", "give it one of them"),
        ("mcp://both/x", "mcp_servers.both has both 'command' and 'url'", "remove one of them"),
        ("mcp://headed", "mcp_servers.headed: 'headers' are only sent to a 'url'", "use 'env', or remove them"),
        ("mcp://fed", "mcp_servers.fed: 'args' and 'env' are only for a 'command'", "use 'headers', or remove them"),
    ],
)
async def test_a_fault_has_its_place_and_a_way_out(kit: ToolBench, uri: str, message: str, fix: str) -> None:
    ((place, said, way_out),) = faults(kit, ["python://kit.search", uri])
    assert place == ("tools", 1)
    assert said.startswith(message)
    assert (way_out or "").startswith(fix)


async def test_a_tool_that_is_given_twice_is_a_fault(kit: ToolBench) -> None:
    uris = ["mcp://library/find", "mcp://library", "python://kit.search", "python://kit.search"]
    assert [(place, message) for place, message, _ in faults(kit, uris)] == [
        (("tools", 0), "the tool mcp://library/find is given twice: mcp://library has it too"),
        (("tools", 3), "the tool python://kit.search is given twice"),
    ]
