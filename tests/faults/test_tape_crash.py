"""A process that dies while it keeps calls: what was settled has its calls, and nothing is half there."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from binex.models.run import Durability
from binex.stores.backends.sqlite import SqliteStore, open_sqlite_store
from binex.stores.doctor import Severity, examine, repair
from tests.faults.tracing import injecting, needs_strace
from tests.stores.making import bodies_of, heard, keep_exchange, make_call, other_process

SIZES = (10, 70_000, 300)


def body_of(task: int, call: int) -> bytes:
    """The request of a call; some are small, some too large for the database."""
    return f"{task}.{call} ".encode() + b"x" * SIZES[call]


KEEPING = """
    from binex.tape.bodies import Chains
    from tests.faults.test_tape_crash import SIZES, body_of
    run, chains = make_run("therun"), Chains()
    async with open_sqlite_store(folder, durability=Durability(sys.argv[2])) as store:
        async with store.open_run(run, SOURCE):
            say("begin")
            for task in range(12):
                for call in range(len(SIZES)):
                    keep_exchange(store, make_call(run.id, f"t{task}", call), body_of(task, call), b"told", chains)
                await store.settle([make_record(run.id, f"t{task}")])
                say(f"settled {task}")
            say("end")
"""


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqliteStore]:
    async with open_sqlite_store(folder, durability=Durability.NORMAL) as store:
        yield store


async def check(folder: Path, acknowledged: int) -> None:
    """Every settled task has all its calls, whole; nothing is damaged, and what is left over can be removed."""
    assert not [finding for finding in examine(folder) if finding.severity is Severity.DAMAGE]
    async with opened(folder) as store:
        records = {record.task for record in await store.list_records("therun")}
        calls = await store.list_calls("therun")
        assert {f"t{task}" for task in range(acknowledged)} <= records
        for task in range(len(records)):
            own = [call for call in calls if call.task == f"t{task}"]
            assert [call.number for call in own] == list(range(len(SIZES)))
        for call in calls:
            assert await bodies_of(store, call) == (body_of(int(call.task[1:]), call.number), b"told")
    assert not list((folder / "tmp").iterdir()), "temporary files are left"
    repair(folder)
    kept = sum(call.request is not None and call.request.size > 65_536 for call in calls)
    assert len(list((folder / "blobs").glob("*/*"))) == kept


@pytest.mark.parametrize("lines", [1, 2, 5, 12])
@pytest.mark.parametrize("durability", ["full", "normal"])
async def test_every_settled_task_has_its_calls_whenever_the_process_is_killed(
    tmp_path: Path, durability: str, lines: int
) -> None:
    folder = tmp_path / ".binex"
    process = other_process(KEEPING, folder, durability)
    said = [heard(process) for _ in range(lines)]
    process.kill()
    rest, _ = process.communicate()
    acknowledged = sum(line.startswith("settled") for line in [*said, *rest.splitlines()])
    await check(folder, acknowledged)


@needs_strace
@pytest.mark.parametrize(
    ("call", "number"),
    [("rename", 2), ("rename", 9), ("fsync", 7), ("fdatasync", 4), ("pwrite64", 310), ("pwrite64", 400)],
)
async def test_every_settled_task_has_its_calls_whichever_system_call_was_the_last(
    tmp_path: Path, call: str, number: int
) -> None:
    folder = tmp_path / ".binex"
    process = other_process(KEEPING, folder, "full", before=injecting(call, f"signal=KILL:when={number}"))
    said, complaints = process.communicate(timeout=60)
    assert "begin" in said, complaints
    await check(folder, sum(line.startswith("settled") for line in said.splitlines()))


async def killed(folder: Path, body: str) -> None:
    process = other_process(body, folder)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, complaints


async def test_a_kill_between_the_blob_s_file_and_the_commit_leaves_an_orphan_that_nobody_sees(tmp_path: Path) -> None:
    folder = tmp_path / ".binex"
    await killed(
        folder,
        """
        run = make_run("therun")
        async with open_sqlite_store(folder) as store, store.open_run(run, SOURCE):
            keep_exchange(store, make_call(run.id), b"x" * 100_000)
            while not any(folder.glob("blobs/*/*")):
                await asyncio.sleep(0)
            die()
        """,
    )
    findings = examine(folder)
    assert not [finding for finding in findings if finding.severity is Severity.DAMAGE]
    assert any("no call names it" in finding.message for finding in findings)
    async with opened(folder) as store:
        assert await store.list_calls("therun") == []
        async with store.take_run("therun"):
            call = keep_exchange(store, make_call("therun"), b"x" * 100_000)
            await store.flush()
            assert await bodies_of(store, call) == (b"x" * 100_000, b"")
    assert not any("no call names it" in finding.message for finding in examine(folder))


async def test_a_kill_before_anything_settles_may_lose_calls_but_damages_none(tmp_path: Path) -> None:
    folder = tmp_path / ".binex"
    await killed(
        folder,
        """
        run = make_run("therun")
        async with open_sqlite_store(folder) as store, store.open_run(run, SOURCE):
            for number in range(50):
                keep_exchange(store, make_call(run.id, number=number), b"x" * (number * 2000))
            await asyncio.sleep(0.01)
            die()
        """,
    )
    assert not [finding for finding in examine(folder) if finding.severity is Severity.DAMAGE]
    async with opened(folder) as store:
        for call in await store.list_calls("therun"):
            await bodies_of(store, call)
    assert not list((folder / "tmp").iterdir()), "temporary files are left"


async def test_what_waited_for_a_tenth_of_a_second_survives_a_kill(tmp_path: Path) -> None:
    folder = tmp_path / ".binex"
    await killed(
        folder,
        """
        run = make_run("therun")
        async with open_sqlite_store(folder) as store, store.open_run(run, SOURCE):
            keep_exchange(store, make_call(run.id), b"asked", b"told")
            await asyncio.sleep(0.3)
            die()
        """,
    )
    async with opened(folder) as store:
        (call,) = await store.list_calls("therun")
        assert await bodies_of(store, call) == (b"asked", b"told")
