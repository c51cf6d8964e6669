"""Threads that hold up nobody."""

import asyncio
import contextvars
import gc
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from binex.adapters.threads import Threads
from tests.adapters.workbench import Workbench


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop and the threads go on until *condition* holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


def is_gone(thread: threading.Thread) -> bool:
    return not thread.is_alive()


async def test_a_call_returns_its_value_or_raises_its_error() -> None:
    threads = Threads()
    assert await threads.run("task", divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run("task", divmod, 7, 0)


async def test_a_thread_bears_the_name_of_its_task_and_is_reused() -> None:
    threads = Threads()

    def who() -> tuple[str, int | None]:
        return threading.current_thread().name, threading.get_ident()

    first, second = await threads.run("search[3]", who), await threads.run("plan", who)
    assert (first[0], second[0]) == ("search[3]", "plan")
    assert first[1] == second[1] != threading.get_ident()


async def test_a_call_sees_the_context_of_its_caller_and_changes_only_a_copy() -> None:
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("caller's")

    def look_and_change() -> str:
        seen = variable.get()
        variable.set("changed")
        return seen

    assert await Threads().run("task", look_and_change) == "caller's"
    assert variable.get() == "caller's"


async def test_calls_that_block_get_as_many_threads_as_are_allowed_and_no_more() -> None:
    """All of them meet at a barrier, which opens only when as many are there as may be."""
    threads = Threads(limit=40)
    barrier = threading.Barrier(40)
    async with asyncio.timeout(20):
        await asyncio.gather(*(threads.run("task", barrier.wait) for _ in range(80)))
    running = most = 0
    lock = threading.Lock()

    def count() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1

    few = Threads(limit=3)
    await asyncio.gather(*(few.run("task", count) for _ in range(30)))
    assert most == 3


async def test_short_calls_take_turns_on_few_threads() -> None:
    threads = Threads()
    used: set[int] = set()
    await asyncio.gather(*(threads.run("task", lambda: used.add(threading.get_ident())) for _ in range(500)))
    assert 1 <= len(used) < 100


async def test_a_cancelled_caller_leaves_its_thread_behind_and_its_answer_is_dropped() -> None:
    threads = Threads(limit=1)
    started, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def stubborn() -> str:
        started.set()
        gate.wait()
        ended.set()
        return "too late"

    call = asyncio.create_task(threads.run("task", stubborn))
    await until(started.is_set)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert threads.abandoned == 1
    assert await threads.run("next", len, "abc") == 3, "a thread that was left behind takes up no place"
    gate.set()
    await until(lambda: threads.abandoned == 0)
    assert ended.is_set()
    assert await threads.run("next", len, "abc") == 3


async def test_a_call_that_is_cancelled_while_it_waits_never_starts() -> None:
    threads = Threads(limit=1)
    gate = threading.Event()
    calls: list[str] = []
    blocking = asyncio.create_task(threads.run("task", gate.wait))
    waiting = asyncio.create_task(threads.run("task", calls.append, "must not happen"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert threads.abandoned == 0
    gate.set()
    await blocking
    await threads.run("task", calls.append, "last")
    assert calls == ["last"]


async def test_waiting_calls_go_on_when_a_blocked_one_is_abandoned() -> None:
    threads = Threads(limit=1)
    started, gate = threading.Event(), threading.Event()

    def block() -> None:
        started.set()
        gate.wait()

    blocked = asyncio.create_task(threads.run("task", block))
    waiting = asyncio.create_task(threads.run("task", len, "abc"))
    await until(started.is_set)
    blocked.cancel()
    async with asyncio.timeout(20):
        assert await waiting == 3
    gate.set()


def test_an_answer_for_a_closed_loop_is_dropped() -> None:
    threads = Threads()
    started, gate = threading.Event(), threading.Event()

    def block() -> None:
        started.set()
        gate.wait()

    async def leave() -> None:
        call = asyncio.create_task(threads.run("task", block))
        await until(started.is_set)
        call.cancel()

    asyncio.run(leave())
    gate.set()

    async def go_on() -> None:
        await until(lambda: threads.abandoned == 0)
        assert await threads.run("task", len, "abc") == 3

    asyncio.run(go_on())


async def test_idle_threads_leave_and_new_ones_come() -> None:
    threads = Threads(idle_s=0.01)
    for _ in range(3):
        worker = await threads.run("task", threading.current_thread)
        await until(partial(is_gone, worker))


async def test_an_idle_thread_keeps_nothing_alive() -> None:
    class Big:
        pass

    threads, big = Threads(), Big()
    gone = weakref.ref(big)
    assert await threads.run("task", lambda it: it is not None, big)
    del big
    await until(lambda: bool(gc.collect() + 1) and gone() is None)


async def test_a_blocking_function_does_not_hold_up_its_neighbours(bench: Workbench) -> None:
    """It reads a pipe that is only written to after a hundred others have run."""
    gate = bench.folder / "gate"
    bench.write("""
        import os
        def block(gate):
            with open(gate) as pipe:
                return pipe.read()
        def quick(n): return n
        async def quick_later(n): return n
    """)
    import os

    os.mkfifo(gate)
    blocked = asyncio.create_task(bench.value_of("steps.block", {"gate": str(gate)}))
    async with asyncio.timeout(20):
        numbers = await asyncio.gather(
            *(bench.value_of(f"steps.{name}", {"n": n}) for n in range(50) for name in ("quick", "quick_later"))
        )
    assert numbers == [n for n in range(50) for _ in range(2)]
    assert not blocked.done()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.shield(blocked)
    blocked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await blocked
    assert bench.adapter.abandoned == 1
    gate.write_text("done")
    await until(lambda: bench.adapter.abandoned == 0)


def test_the_process_ends_although_a_function_still_blocks(tmp_path: Path) -> None:
    script = """
        import asyncio, sys, threading, time
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        from tests.adapters.workbench import Workbench

        async def main():
            bench = Workbench(Path(sys.argv[1]))
            bench.write("def block():\\n    while True: pass\\ndef sleep():\\n    import time; time.sleep(600)\\n")
            for name in ("block", "sleep"):
                try:
                    async with asyncio.timeout(0.2):
                        await bench.value_of(f"steps.{name}")
                except TimeoutError:
                    pass
            print(bench.adapter.abandoned)
        asyncio.run(main())
        print(time.monotonic())
    """
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "flow"), str(root)]
    done = subprocess.run(command, check=True, timeout=60, stdout=subprocess.PIPE, text=True)
    abandoned, ended = done.stdout.split()
    assert abandoned == "2"
    assert time.monotonic() - float(ended) < 5


async def test_the_cost_of_a_hop_is_shown(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    threads, count = Threads(), 2_000
    started = time.perf_counter()
    for _ in range(count):
        await threads.run("task", int)
    one_by_one = (time.perf_counter() - started) / count
    started = time.perf_counter()
    await asyncio.gather(*(threads.run("task", int) for _ in range(count)))
    together = (time.perf_counter() - started) / count
    with capsys.disabled():
        print(f"\na call in a thread: {one_by_one * 1e6:.0f} µs one by one, {together * 1e6:.0f} µs together")
