"""Stopping, cancelling and going on."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from binex.errors import InputError, RunError, RunOwnedError, StoreError
from binex.models.event import TaskStarted
from binex.models.limits import Limits
from binex.models.run import RunStatus, RunSummary
from binex.models.task import TaskNode, TaskStatus
from tests.runtime.conftest import Bench
from tests.scripted import ScriptedAdapter, forever

OpenBench = Callable[..., Awaitable[Bench]]

CHAIN = """
    nodes:
      a: {agent: "script://a", inputs: {x: 1}}
      b: {agent: "script://b", inputs: {x: "${a.output}"}}
      c: {agent: "script://c", inputs: {x: "${b.output}"}}
"""


class Gate:
    """A behaviour that waits until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.is_open = False

    async def __call__(self, task: TaskNode) -> Any:
        self.reached.set()
        return dict(task.inputs) if self.is_open else await forever(task)


async def stopped_at_b(bench: Bench, gate: Gate) -> RunSummary:
    running = asyncio.create_task(bench.run(CHAIN))
    await gate.reached.wait()
    bench.session.interrupt()
    return await running


async def test_an_interrupted_run_goes_on_where_it_stopped(open_bench: OpenBench) -> None:
    gate = Gate()
    bench = await open_bench(agents=ScriptedAdapter(b=gate))
    first = await stopped_at_b(bench, gate)
    assert first.status is RunStatus.INTERRUPTED
    gate.is_open = True
    run = await bench.session.resume("latest")
    assert (run.run_id, run.status, run.reused) == (first.run_id, RunStatus.COMPLETED, 1)
    assert bench.agents.calls == {"a": 1, "b": 2, "c": 1}
    assert run.outputs == {"c": {"output": {"x": {"x": {"x": 1}}}}}
    assert run.run.resumed == 1
    b = [record for record in await bench.session.store.list_records(run.run_id) if record.task == "b"]
    assert [(record.attempt, record.status, record.is_final) for record in b] == [
        (1, TaskStatus.CANCELLED, False),
        (2, TaskStatus.COMPLETED, True),
    ]
    assert b[0].idempotency_key == b[1].idempotency_key


async def test_items_that_are_settled_do_not_run_again(open_bench: OpenBench) -> None:
    gate = Gate()

    async def third_waits(task: TaskNode) -> Any:
        return await gate(task) if task.inputs["n"] == 2 else task.inputs["n"]

    bench = await open_bench(agents=ScriptedAdapter(x=third_waits))
    text = """
        inputs: {all: {type: array, default: [0, 1, 2, 3]}}
        nodes:
          each: {agent: "script://x", foreach: "${user.all}", inputs: {n: "${item}"}}
          sum: {agent: "script://sum", inputs: {values: "${each.output}"}}
    """
    settled = asyncio.Event()
    bench.session.listen(lambda event: settled.set() if "each[3]" in str(getattr(event, "record", "")) else None)
    running = asyncio.create_task(bench.run(text))
    await settled.wait()
    bench.session.interrupt()
    assert (await running).status is RunStatus.INTERRUPTED
    gate.is_open = True
    run = await bench.session.resume("latest")
    assert run.outputs == {"sum": {"output": {"values": [0, 1, {"n": 2}, 3]}}}
    assert bench.agents.calls == {"each[0]": 1, "each[1]": 1, "each[2]": 2, "each[3]": 1, "sum": 1}


async def test_resuming_a_completed_run_does_nothing(open_bench: OpenBench) -> None:
    bench = await open_bench()
    first = await bench.run(CHAIN)
    again = await bench.session.resume(first.run_id[:10])
    assert again.was_done
    assert again.outputs == first.outputs
    assert sum(bench.agents.calls.values()) == 3


async def test_failed_tasks_stay_failed_unless_asked_to_try_again(open_bench: OpenBench) -> None:
    luck = {"has": False}

    def unlucky(task: TaskNode) -> Any:
        if not luck["has"]:
            raise ValueError("no luck")
        return "found"

    bench = await open_bench(agents=ScriptedAdapter(b=unlucky))
    first = await bench.run(CHAIN)
    luck["has"] = True
    assert (await bench.session.resume(first.run_id)).was_done
    run = await bench.session.resume(first.run_id, retry_failed=True)
    assert run.status is RunStatus.COMPLETED
    assert bench.agents.calls == {"a": 1, "b": 2, "c": 1}


async def test_a_run_that_is_executed_cannot_be_resumed(open_bench: OpenBench) -> None:
    gate = Gate()
    bench = await open_bench(agents=ScriptedAdapter(b=gate))
    running = asyncio.create_task(bench.run(CHAIN))
    await gate.reached.wait()
    with pytest.raises(RunOwnedError, match="is executed by pid"):
        await bench.session.resume("latest")
    bench.session.interrupt()
    await running


async def test_cancelling_stops_the_work_and_is_final(open_bench: OpenBench) -> None:
    gate = Gate()
    bench = await open_bench(agents=ScriptedAdapter(b=gate))
    running = asyncio.create_task(bench.run(CHAIN))
    await gate.reached.wait()
    run = await bench.session.cancel("latest")
    assert run.status is RunStatus.CANCELLED
    assert (await running).status is RunStatus.CANCELLED
    assert bench.agents.calls == {"a": 1, "b": 1}
    with pytest.raises(RunError, match="has ended already: cancelled"):
        await bench.session.cancel("latest")


async def test_an_interrupted_run_can_be_cancelled_without_its_process(open_bench: OpenBench) -> None:
    gate = Gate()
    bench = await open_bench(agents=ScriptedAdapter(b=gate))
    await stopped_at_b(bench, gate)
    assert (await bench.session.cancel("latest")).status is RunStatus.CANCELLED


async def test_a_run_stopped_while_it_waits_to_try_again_ends_at_once(open_bench: OpenBench) -> None:
    def broken(task: TaskNode) -> Any:
        raise ValueError("no")

    bench = await open_bench(agents=ScriptedAdapter(a=broken))
    retrying = asyncio.Event()
    bench.session.listen(lambda event: retrying.set() if type(event).__name__ == "TaskRetrying" else None)
    running = asyncio.create_task(
        bench.run('nodes: {a: {agent: "script://a", retry_policy: {max_retries: 1, delay_ms: 60000}}}')
    )
    await retrying.wait()
    bench.session.interrupt()
    assert (await running).status is RunStatus.INTERRUPTED


async def test_a_cancelled_caller_leaves_an_interrupted_run_behind(open_bench: OpenBench) -> None:
    gate = Gate()
    bench = await open_bench(agents=ScriptedAdapter(b=gate))
    running = asyncio.create_task(bench.run(CHAIN))
    await gate.reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    run = (await bench.session.store.list_runs())[0]
    assert run.status is RunStatus.INTERRUPTED
    assert not await bench.session.store.is_owned(run.id)


async def test_variables_that_looked_like_secrets_have_to_be_given_again(open_bench: OpenBench) -> None:
    gate = Gate()
    bench = await open_bench(agents=ScriptedAdapter(b=gate))
    key = "sk-" + "a1B2c3D4" * 6
    text = """
        nodes:
          a: {agent: "script://a", inputs: {key: "${user.key}"}}
          b: {agent: "script://b", inputs: {key: "${user.key}"}, depends_on: [a]}
    """
    running = asyncio.create_task(bench.run(text, key=key))
    await gate.reached.wait()
    bench.session.interrupt()
    run = await running
    assert key not in str(run.run.variables)
    with pytest.raises(InputError, match="looked like a secret"):
        await bench.session.resume("latest")
    gate.is_open = True
    assert (await bench.session.resume("latest", vars={"key": key})).status is RunStatus.COMPLETED
    assert bench.agents.tasks[-1].inputs["key"] == key


async def test_every_started_event_has_a_task_that_can_be_named(open_bench: OpenBench) -> None:
    bench = await open_bench()
    await bench.run(CHAIN)
    assert [event.task for event in bench.told(TaskStarted) if isinstance(event, TaskStarted)] == ["a", "b", "c"]


async def test_a_run_whose_owner_died_before_its_last_word_is_ended_by_a_resume(open_bench: OpenBench) -> None:
    bench = await open_bench()
    first = await bench.run(CHAIN)
    await bench.session.store.save_run(
        first.run.model_copy(update={"status": RunStatus.RUNNING, "ended_at": None, "counts": {}})
    )
    run = await bench.session.resume(first.run_id)
    assert run.status is RunStatus.COMPLETED
    assert run.run.counts == {TaskStatus.COMPLETED: 3}
    assert sum(bench.agents.calls.values()) == 3


async def test_a_store_that_cannot_be_written_says_what_is_safe_and_how_to_go_on(open_bench: OpenBench) -> None:
    gate = Gate()
    bench = await open_bench(agents=ScriptedAdapter(b=gate), limits=Limits(store_wait_ms=50))
    running = asyncio.create_task(bench.run(CHAIN))
    await gate.reached.wait()
    with sqlite3.connect(bench.session.directory / "binex.db") as other:
        other.execute("BEGIN IMMEDIATE")
        bench.agents.behaviours["b"] = lambda task: 1
        bench.session.interrupt()
        with pytest.raises(StoreError) as failure:
            await running
    other.close()
    run = (await bench.session.store.list_runs())[0]
    assert "another process held its lock" in failure.value.message
    assert "1 of 3 nodes are saved" in failure.value.message
    assert failure.value.fix is not None
    assert failure.value.fix.endswith(f"then: binex resume {run.id}")
