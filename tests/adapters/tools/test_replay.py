"""Toolboxes that a tape answers for: no server is started, and no function of a tool is called."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from binex.adapters.tools.mcp_servers import McpServers
from binex.adapters.tools.toolbox import open_toolbox
from binex.errors import RemoteError, ReplayError
from binex.models.agent_settings import McpServer
from binex.models.task import TaskNode
from tests.adapters.tools.bench import ToolBench
from tests.attempts import FakeSurroundings

GONE = McpServer(command="no-such-program")


@contextmanager
def replaying(recorded: FakeSurroundings, task: TaskNode) -> Iterator[FakeSurroundings]:
    again = FakeSurroundings(player=recorded.player_of(task))
    with again.attempt(task):
        yield again


def told_of(surroundings: FakeSurroundings) -> list[Mapping[str, object]]:
    return [
        {"target": call.target, "asked": call.asked, "error": call.error, "said": surroundings.response_of(call)}
        for call in surroundings.calls
    ]


async def test_a_replay_tells_the_same_without_the_server_and_without_calling(bench: ToolBench) -> None:
    bench.write(
        f"""
        from pathlib import Path

        def note(text: str) -> int:
            with Path({str(bench.folder / "noted")!r}).open("a") as file:
                return file.write(text)
        """
    )
    uris = ("mcp://odd/echo", "mcp://odd/refuse", "python://kit.note")
    calls = [
        bench.call("echo", a=1),
        bench.call("refuse"),
        bench.call("note", text="x"),
        bench.call("note"),
        bench.call("nobody"),
    ]
    async with bench.open(*uris, odd=bench.odd()) as box:
        specs = box.specs
        told = [await box.call(call) for call in calls]

    task = bench.task(*uris, odd=GONE)
    with replaying(bench.surroundings, task) as again:
        async with open_toolbox(task, servers=McpServers()) as box:
            assert box.specs == specs
            assert [await box.call(call) for call in calls] == told
            with pytest.raises(ReplayError):
                await box.call(bench.call("echo", a=2))
    assert (bench.folder / "noted").read_text() == "x"
    assert told_of(again) == told_of(bench.surroundings)


async def test_a_server_that_died_then_dies_again(bench: ToolBench) -> None:
    async with bench.open("mcp://odd", odd=bench.odd()) as box:
        with pytest.raises(RemoteError) as then:
            await box.call(bench.call("die"))
    task = bench.task("mcp://odd", odd=GONE)
    with replaying(bench.surroundings, task):
        async with open_toolbox(task, servers=McpServers()) as box:
            with pytest.raises(RemoteError) as now:
                await box.call(bench.call("die"))
    assert vars(now.value) == vars(then.value) and now.value.message == then.value.message
