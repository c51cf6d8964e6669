"""A process that is killed while it cleans: what is to stay is whole, what goes is gone whole, and nothing is left."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from binex.analysis.room.retention import Retention, plan_cleaning
from binex.errors import RunError
from binex.models.run import Durability, Origin, RunMode, RunStatus
from binex.runtime.cleaning import clean
from binex.stores.backends.sqlite import SqliteStore, open_sqlite_store
from binex.stores.doctor import Severity, examine
from tests.faults.tracing import injecting, needs_strace
from tests.stores.making import (
    SOURCE,
    bodies_of,
    heard,
    keep_exchange,
    make_artifact,
    make_call,
    make_record,
    make_run,
    other_process,
)

RUNS = 30
STAYING = ("1r03", "1r04", "1r29")
"""One that is kept, what that was made from, and one that is kept by a name."""
CLEANING = """
    from binex.analysis.room.retention import Retention, plan_cleaning
    from binex.runtime.cleaning import clean
    async with open_sqlite_store(folder, durability=Durability(sys.argv[2])) as store:
        stock = await store.take_stock()
        plan = plan_cleaning(stock, Retention(keep_last=0))
        say("begin")
        await clean(store, plan, stock.moment, is_rebuilt=True)
        say("end")
"""


def said_by(number: int) -> tuple[bytes, bytes]:
    """What the run with a number said: something of its own, sometimes large, and what every third one says."""
    return f"{number} ".encode() * (20 if number % 2 else 20_000), b"everybody " * (number % 3) * 9_000


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqliteStore]:
    async with open_sqlite_store(folder, durability=Durability.NORMAL) as store:
        yield store


async def fill(folder: Path) -> None:
    async with opened(folder) as store:
        for number in range(RUNS):
            id = f"1r{number:02}"
            origin = Origin(parent="1r03", mode=RunMode.FORK) if id == "1r04" else None
            run = make_run(id, status=RunStatus.COMPLETED, origin=origin)
            async with store.open_run(run, SOURCE):
                artifact = make_artifact(id, content=id * (10 if number % 4 else 30_000))
                keep_exchange(store, make_call(id), *said_by(number))
                await store.settle([make_record(id, output_artifacts=(artifact.id,), key="ab" * 32)], [artifact])
                await store.save_run(run)
        await store.keep_run("1r04")
        await store.keep_run("1r29", "good")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full") / ".binex"
    asyncio.run(fill(folder))
    return folder


@pytest.fixture
def folder(full: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(full, tmp_path / ".binex"))


async def check(folder: Path) -> None:
    """What is there is whole; once more, and everything that was to go is gone."""
    async with opened(folder) as store:
        assert not [found for found in examine(folder) if found.severity is not Severity.INFO]
        assert not [path for path in (folder / "tmp").iterdir() if "imports" in path.name]
        left = {run.id for run in await store.list_runs(limit=100)}
        assert left.issuperset(STAYING)
        for id in left:
            artifact = await store.get(f"{id}~plan~output")
            assert artifact is not None and str(artifact.content).startswith(id)
            (call,) = await store.list_calls(id)
            assert await bodies_of(store, call) == said_by(int(id[2:]))
        assert {path.name for path in (folder / "artifacts").iterdir()} == left
        assert [kept.run_id for kept in await store.list_kept()] == ["1r29", "1r04"]
        stock = await store.take_stock()
        await clean(store, plan_cleaning(stock, Retention(keep_last=0)), stock.moment)
        assert {run.id for run in await store.list_runs(limit=100)} == set(STAYING)
        stock = await store.take_stock()
        assert stock.folder.orphans == stock.folder.temporary == 0
    assert not [found for found in examine(folder) if found.severity is not Severity.INFO]
    needed = {body for id in STAYING for body in said_by(int(id[2:])) if len(body) > 65_536}
    assert len(list((folder / "blobs").glob("*/*"))) == len(needed)


@pytest.mark.parametrize("seed", range(8))
async def test_a_kill_at_any_moment_loses_nothing_that_stays(folder: Path, seed: int) -> None:
    process = other_process(CLEANING, folder, "normal")
    assert heard(process) == "begin"
    await asyncio.sleep(random.Random(seed).uniform(0, 0.08))
    process.kill()
    process.communicate()
    await check(folder)


@needs_strace
@pytest.mark.parametrize(
    ("call", "number"),
    [
        *(("unlink", number) for number in (2, 31, 33, 40, 65, 80)),
        *(("rmdir", number) for number in (1, 14, 27)),
        *(("pwrite64", number) for number in (3, 8, 20, 45)),
        *(("fdatasync", number) for number in (1, 2, 3)),
    ],
)
async def test_a_kill_at_any_system_call_loses_nothing_that_stays(folder: Path, call: str, number: int) -> None:
    process = other_process(CLEANING, folder, "full", before=injecting(call, f"signal=KILL:when={number}"))
    said, complaints = process.communicate(timeout=60)
    assert "end" not in said and "Error" not in complaints, complaints
    await check(folder)


WRITING = """
    import itertools
    async with open_sqlite_store(folder, durability=Durability.NORMAL) as store:
        before, refused = None, 0
        for number in range(60):
            run = make_run(f"2w{number:02}", status=RunStatus.COMPLETED)
            async with store.open_run(run, SOURCE):
                artifact = make_artifact(run.id, content={"n": number})
                keep_exchange(store, make_call(run.id), b"shared " * 20_000, b"small")
                await store.settle([make_record(run.id, output_artifacts=(artifact.id,))], [artifact])
                if before is not None and await store.get(f"{before}~plan~output"):
                    try:
                        taken = dict(reused_from=before, output_artifacts=(f"{before}~plan~output",))
                        await store.settle([make_record(run.id, "taken", **taken)])
                    except StoreError:
                        refused += 1
                await store.save_run(run)
            before = run.id if number % 3 == 0 else before
            if number == 0:
                say("begin")
        say(f"end {refused}")
"""


async def test_cleaning_beside_a_process_that_takes_outcomes_over_leaves_nothing_without_what_it_needs(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ".binex"
    process = other_process(WRITING, folder)
    assert heard(process) == "begin"
    cleaned = 0
    async with opened(folder) as store:
        while process.poll() is None:
            stock = await store.take_stock()
            plan = plan_cleaning(stock, Retention(keep_last=2))
            with suppress(RunError):  # the plan was overtaken
                await clean(store, plan, stock.moment)
                cleaned += len(plan.runs)
            await asyncio.sleep(0)
        said, complaints = process.communicate()
        assert "end" in said, complaints
        left = {run.id for run in await store.list_runs(limit=100)}
        for id in left:
            for record in await store.list_records(id):
                assert record.reused_from is None or record.reused_from in left
            (call,) = await store.list_calls(id)
            assert await bodies_of(store, call) == (b"shared " * 20_000, b"small")
    assert cleaned > 5
    assert not [found for found in examine(folder) if found.severity is not Severity.INFO]
