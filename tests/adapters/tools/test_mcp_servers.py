"""The life of MCP servers: shared while they are used, and gone afterwards, whatever happened."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from binex.cli.loop import CommandLoop
from tests.adapters.tools.bench import ToolBench, is_alive, until


async def test_attempts_at_a_time_share_one_server(bench: ToolBench) -> None:
    async def attempt() -> str:
        async with bench.open("mcp://odd/meet", odd=bench.odd()) as box:
            return await box.call(bench.call("meet"))

    told = await asyncio.gather(attempt(), attempt())
    assert len(set(told)) == 2
    assert all(text.startswith("met as ") for text in told)
    assert len(bench.pids) == 1


async def test_a_fan_out_starts_one_process(bench: ToolBench) -> None:
    async def attempt(at: int) -> str:
        async with bench.open("mcp://odd/echo", odd=bench.odd()) as box:
            return await box.call(bench.call("echo", at=at))

    assert await asyncio.gather(*map(attempt, range(100))) == [f'{{"at": {at}}}' for at in range(100)]
    assert len(bench.pids) == 1
    assert len(bench.surroundings.calls) == 200


async def test_attempts_one_after_the_other_share_one_server_too(bench: ToolBench) -> None:
    for _ in range(3):
        async with bench.open("mcp://odd/echo", odd=bench.odd()) as box:
            await box.call(bench.call("echo"))
    assert len(bench.pids) == 1


async def test_another_run_and_another_definition_have_servers_of_their_own(bench: ToolBench) -> None:
    async with (
        bench.open("mcp://odd/echo", odd=bench.odd()),
        bench.open("mcp://odd/echo", odd=bench.odd(), run_id="other"),
        bench.open("mcp://odd/echo", odd=bench.odd("good", ODD="1")),
    ):
        assert len(bench.pids) == 3


async def test_a_server_that_nobody_uses_is_ended_with_all_that_it_started(bench: ToolBench) -> None:
    async with bench.open("mcp://odd/pids", odd=bench.odd()) as box:
        pids = json.loads(await box.call(bench.call("pids")))
        assert all(map(is_alive, pids))
    await until(lambda: not any(map(is_alive, pids)), 4)


async def test_a_server_that_does_not_want_to_end_is_killed_with_its_group(bench: ToolBench) -> None:
    async with bench.open("mcp://odd/echo", odd=bench.odd("stubborn")):
        assert len(bench.pids) == 2
    began = time.monotonic()
    await bench.servers.close("run")
    assert time.monotonic() - began < 4
    await bench.assert_all_gone()


async def test_the_servers_of_one_run_can_be_ended_without_the_others(bench: ToolBench) -> None:
    async with bench.open("mcp://odd/echo", odd=bench.odd()):
        (first,) = bench.pids
        async with bench.open("mcp://odd/echo", odd=bench.odd(), run_id="other"):
            (second,) = set(bench.pids) - {first}
            await bench.servers.close("run")
            assert not is_alive(first)
            assert is_alive(second)


async def test_an_attempt_that_is_cancelled_tells_the_server_and_leaves_nothing(bench: ToolBench) -> None:
    called = asyncio.Event()

    async def attempt() -> None:
        async with bench.open("mcp://odd", odd=bench.odd()) as box:
            called.set()
            await box.call(bench.call("hang"))

    task = asyncio.create_task(attempt())
    await called.wait()
    await until(lambda: len(bench.surroundings.calls) == 1, 2)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(Path(bench.folder, "cancelled").exists, 2)
    assert bench.surroundings.calls[-1].error == "CancelledError"
    await bench.assert_all_gone()


async def test_a_cancelled_attempt_does_not_disturb_the_others(bench: ToolBench) -> None:
    async with bench.open("mcp://odd", odd=bench.odd()) as box:
        hanging = asyncio.create_task(box.call(bench.call("hang")))
        await box.call(bench.call("echo"))
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert await box.call(bench.call("echo")) == "{}"
        assert len(bench.pids) == 1


async def test_an_attempt_that_is_cancelled_while_the_server_starts_leaves_nothing(bench: ToolBench) -> None:
    async def attempt() -> None:
        async with bench.open("mcp://odd", odd=bench.odd("silent")):
            pass

    task = asyncio.create_task(attempt())
    await until(lambda: bool(bench.pids), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bench.assert_all_gone()


def test_a_loop_that_ends_ends_the_servers_in_it(tmp_path: Path) -> None:
    bench = ToolBench(tmp_path / "flow")

    async def run() -> None:
        async with bench.open("mcp://odd/echo", odd=bench.odd("stubborn")) as box:
            await box.call(bench.call("echo"))
            asyncio.create_task(stay())  # noqa: RUF006 - it is there to be cancelled

    async def stay() -> None:
        async with bench.open("mcp://odd/hang", odd=bench.odd("stubborn")) as box:
            await box.call(bench.call("hang"))

    asyncio.run(run())
    assert len(bench.pids) == 2
    assert not any(map(is_alive, bench.pids))


def test_a_command_that_ends_waits_for_no_server(tmp_path: Path) -> None:
    bench = ToolBench(tmp_path / "flow")

    async def run() -> None:
        async with bench.open("mcp://odd/echo", odd=bench.odd()) as box:
            await box.call(bench.call("echo"))

    loop = CommandLoop()
    loop.run(run())
    assert not loop.has_left_something()
    assert not any(map(is_alive, bench.pids))


def test_a_loop_that_ends_while_a_server_is_being_ended_ends_it_at_once(tmp_path: Path) -> None:
    bench = ToolBench(tmp_path / "flow")

    async def run() -> None:
        async with bench.open("mcp://odd/echo", odd=bench.odd("stubborn")) as box:
            await box.call(bench.call("echo"))
        closing = asyncio.create_task(bench.servers.close())
        await asyncio.sleep(0.05)
        closing.cancel()

    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < 2
    assert len(bench.pids) == 2
    assert not any(map(is_alive, bench.pids))
