"""Whether MCP servers are there."""

import pytest

from binex.adapters.tools.health import server_health
from binex.models.agent_settings import McpServer
from binex.models.health import HealthStatus
from tests.adapters.tools.bench import ToolBench


async def test_a_server_that_lists_its_tools_is_well_and_ended(bench: ToolBench) -> None:
    health = await server_health("odd", bench.odd(), str(bench.folder))
    assert (health.agent, health.status, health.detail) == ("mcp://odd", HealthStatus.OK, "12 tools")
    assert health.latency_ms is not None
    await bench.assert_all_gone()


@pytest.mark.parametrize(("mode", "said"), [("exits", "cannot open config.toml"), ("silent", "did not answer")])
async def test_a_server_that_does_not_start_says_why(bench: ToolBench, mode: str, said: str) -> None:
    health = await server_health("odd", bench.odd(mode), str(bench.folder), patience_s=1)
    assert health.status is HealthStatus.UNREACHABLE
    assert said in health.detail
    await bench.assert_all_gone()


async def test_a_program_that_is_not_there_is_unreachable(bench: ToolBench) -> None:
    health = await server_health("odd", McpServer(command="no-such-program"))
    assert health.status is HealthStatus.UNREACHABLE
    assert "no-such-program" in health.detail
