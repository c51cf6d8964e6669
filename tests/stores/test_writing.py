"""How the SQLite store writes: together, patiently, and never more than it owns."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from binex.errors import LostLeaseError, RunOwnedError, StoreError
from binex.models.run import Durability
from binex.stores.backends import schema
from binex.stores.backends.sqlite import open_sqlite_store
from tests.stores.making import (
    SOURCE,
    OpenStore,
    artifact_file,
    ended,
    finish,
    heard,
    make_artifact,
    make_record,
    make_run,
)


def count_commits(folder: Path) -> int:
    """How many transactions stand in the log; https://www.sqlite.org/fileformat2.html#walformat"""
    log = (folder / "binex.db-wal").read_bytes()
    page_size, salt = int.from_bytes(log[8:12]), log[16:24]
    frames = (log[at : at + 24] for at in range(32, len(log), 24 + page_size))
    return sum(frame[8:16] == salt and frame[4:8] != bytes(4) for frame in frames)


# --- group commit -------------------------------------------------------------------------------------------


async def test_what_settles_together_shares_one_commit(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE):

        async def settle_many(name: str) -> int:
            before = count_commits(folder)
            async with asyncio.TaskGroup() as group:
                for number in range(100):
                    task = f"{name}[{number}]"
                    group.create_task(store.settle([make_record(run.id, task)], [make_artifact(run.id, task)]))
            return count_commits(folder) - before

        # The first may go ahead alone, where everything before came one at a time.
        assert await settle_many("a") <= 2
        assert await settle_many("b") == 1
        assert await settle_many("c") == 1


async def test_one_at_a_time_is_one_commit_each(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE):
        before = count_commits(folder)
        for number in range(10):
            await store.settle([make_record(run.id, f"t{number}")], [make_artifact(run.id, f"t{number}")])
            assert count_commits(folder) == before + number + 1


async def test_what_was_acknowledged_is_seen_by_other_connections_at_once(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE):
        with closing(sqlite3.connect(folder / "binex.db")) as other:
            for number in range(5):
                await store.record(make_record(run.id, f"t{number}"))
                assert other.execute("SELECT count(*) FROM records").fetchone() == (number + 1,)


@pytest.mark.parametrize(("durability", "synchronous"), [(Durability.FULL, 2), (Durability.NORMAL, 1)])
async def test_durability_is_what_sqlite_is_told(
    open_store: OpenStore, folder: Path, durability: Durability, synchronous: int
) -> None:
    async with open_store(durability=durability):
        with closing(schema.connect(folder / "binex.db", durability)) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# --- under strace: counting, killing and failing system calls ------------------------------------------------

SETTLING = """
    run = make_run("therun")
    async with open_sqlite_store(folder, durability=Durability(sys.argv[2])) as store:
        async with store.open_run(run, SOURCE):
            say("begin")
            for number in range(8):
                artifact = make_artifact(run.id, f"t{number}", f"{number}" * int(sys.argv[3]))
                await store.settle([make_record(run.id, artifact.task)], [artifact])
                say(f"settled {number}")
            say("end")
"""


@pytest.fixture
def strace(tmp_path: Path) -> Any:
    """``strace(...)`` is the beginning of a command that traces into ``strace.calls``."""
    if shutil.which("strace") is None:
        pytest.skip("this needs strace")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")

    class Strace:
        calls = tmp_path / "calls"

        def __call__(self, *options: str) -> list[str]:
            return ["strace", "-f", "-o", str(self.calls), *options]

    return Strace()


@pytest.mark.parametrize(
    ("durability", "size", "least", "most"),
    [("full", 10, 8, 12), ("normal", 10, 0, 0), ("full", 100_000, 24, 32), ("normal", 100_000, 0, 0)],
)
def test_every_commit_is_synced_in_full_and_none_in_normal(
    start: Any, strace: Any, durability: str, size: int, least: int, most: int
) -> None:
    finish(start(SETTLING, durability, str(size), before=strace("-e", "trace=fsync,fdatasync,write")))
    settling = strace.calls.read_text().partition('"begin')[2].partition('"end')[0]
    assert least <= settling.count("sync(") <= most


@pytest.mark.parametrize(
    "last",
    [
        ("pwrite64", 160, 10),
        ("pwrite64", 183, 10),
        ("fdatasync", 6, 10),
        ("renameat", 4, 10),
        ("fsync", 12, 100_000),
        ("rename", 4, 100_000),
        ("pwrite64", 170, 100_000),
    ],
)
async def test_what_was_acknowledged_is_there_whichever_system_call_was_the_last(
    open_store: OpenStore, folder: Path, start: Any, strace: Any, last: tuple[str, int, int]
) -> None:
    call, number, size = last
    kill = ("-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
    process = start(SETTLING, "full", str(size), before=strace(*kill))
    said = (await asyncio.to_thread(process.communicate))[0].split("\n")
    acknowledged = {f"t{line.split()[1]}" for line in said if line.startswith("settled ")}
    async with open_store() as store:
        if await store.get_run("therun") is None:
            assert "begin" not in said
            return
        async with store.take_run("therun"):
            records = {record.task for record in await store.list_records("therun")}
            infos = await store.list_artifacts("therun")
            assert acknowledged <= records
            assert {info.task for info in infos} == records
            for info in infos:
                artifact = await store.get(info.id)
                assert artifact is not None and artifact_file(folder, artifact).exists()


def test_a_sync_that_fails_once_is_never_claimed(start: Any, strace: Any) -> None:
    process = start(
        """
        run = make_run()
        async with open_sqlite_store(folder) as store:
            async with store.open_run(run, SOURCE):
                for number in range(30):
                    try:
                        await store.record(make_record(run.id, f"t{number}"))
                        say("kept")
                    except StoreError as error:
                        say(f"{error}")
                        if number == 25:
                            raise SystemExit
        """,
        before=strace("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=9"),
    )
    said = process.communicate(timeout=30)[0].splitlines()
    kept = said.index(next(line for line in said if line != "kept"))
    assert 0 < kept < 12
    assert all("cannot write" in line and "Input/output error (SQLITE_IOERR_" in line for line in said[kept:])


# --- another process in the way -----------------------------------------------------------------------------


async def test_a_foreign_lock_is_waited_for_with_a_notice_while_the_loop_goes_on(
    open_store: OpenStore, folder: Path
) -> None:
    run = make_run()
    noticed = asyncio.Event()
    told: list[str] = []

    def hear(message: str) -> None:
        told.append(message)
        noticed.set()

    async with open_store(on_notice=hear) as store, store.open_run(run, SOURCE):
        with closing(sqlite3.connect(folder / "binex.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            settling = [asyncio.create_task(store.record(make_record(run.id, "a")))]
            await asyncio.sleep(0)
            settling.append(asyncio.create_task(store.record(make_record(run.id, "b"))))
            await asyncio.wait_for(noticed.wait(), 5)
            assert not any(task.done() for task in settling)
            assert await store.list_records(run.id) == []
            other.execute("ROLLBACK")
        await asyncio.gather(*settling)
        assert [record.task for record in await store.list_records(run.id)] == ["a", "b"]
    assert len(told) == 1
    assert told[0].startswith("waiting for the store: another process holds the lock of ")


async def test_a_foreign_lock_is_not_waited_for_forever_and_can_be_survived(
    open_store: OpenStore, folder: Path
) -> None:
    run = make_run()
    async with open_store(patience_s=0.05) as store, store.open_run(run, SOURCE):
        with closing(sqlite3.connect(folder / "binex.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for task in ("a", "b"):
                with pytest.raises(StoreError, match=r"cannot write .*binex\.db: another process held its lock"):
                    await store.record(make_record(run.id, task))
            other.execute("ROLLBACK")
        await store.record(make_record(run.id, "c"))
        assert [record.task for record in await store.list_records(run.id)] == ["c"]


async def test_a_store_that_another_process_locks_whole_is_opened_when_it_is_free(
    open_store: OpenStore, folder: Path, start: Any
) -> None:
    async with open_store():
        pass
    other = start("""
        import sqlite3
        connection = sqlite3.connect(folder / "binex.db", isolation_level=None)
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("UPDATE runs SET epoch = epoch")
        say("locked")
        sys.stdin.readline()
        connection.close()
    """)
    assert heard(other) == "locked"

    async def open_it() -> None:
        async with open_store() as store:
            assert await store.list_runs() == []

    opening = asyncio.create_task(open_it())
    done, _ = await asyncio.wait([opening], timeout=0.2)
    assert not done
    await asyncio.to_thread(other.communicate, "go on\n")
    await asyncio.wait_for(opening, 10)


def test_ten_processes_use_one_folder_without_a_lock_error(folder: Path, start: Any) -> None:
    body = """
        async with open_sqlite_store(folder, durability=Durability.NORMAL) as store:
            run = make_run()
            async with store.open_run(run, SOURCE):
                for number in range(20):
                    artifact = make_artifact(run.id, f"t{number}", number)
                    await store.settle([make_record(run.id, f"t{number}")], [artifact])
                await store.list_runs()
            await store.flush()
            assert len(await store.list_records(run.id)) == 20
        say(run.id)
    """
    processes = [start(body) for _ in range(10)]
    runs = {line for process in processes for line in finish(process)}
    assert len(runs) == 10
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (10,)
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (200,)
    assert len(list((folder / "artifacts").glob("*/*.json"))) == 200


# --- owners -------------------------------------------------------------------------------------------------

OWNER = """
    async with open_sqlite_store(folder) as store:
        run = make_run(sys.argv[2])
        async with store.open_run(run, SOURCE) as lease:
            await store.record(make_record(run.id, "before"))
            say("owned")
            loop = asyncio.get_running_loop()
            word = await loop.run_in_executor(None, sys.stdin.readline)
            try:
                await store.settle([make_record(run.id, "after")], [make_artifact(run.id, "after")])
                say("kept")
            except LostLeaseError as error:
                say(f"lost: {error}")
            other = make_run()
            async with store.open_run(other, SOURCE):
                await store.record(make_record(other.id))
            say("other runs go on")
"""


async def test_who_was_stopped_and_replaced_can_write_nothing_more(
    open_store: OpenStore, folder: Path, start: Any
) -> None:
    owner = start(OWNER, "therun")
    assert heard(owner) == "owned"
    async with open_store() as store:
        with pytest.raises(RunOwnedError, match=f"run therun is executed by pid {owner.pid} since 20"):
            async with store.take_run("therun"):
                pytest.fail("it was taken from a live process")
        os.kill(owner.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, owner.pid, os.WSTOPPED | os.WNOWAIT)
        assert not await store.is_owned("therun")
        async with store.take_run("therun") as lease:
            assert lease.epoch == 2
            await store.settle([make_record("therun", "by the new owner")])
            os.kill(owner.pid, signal.SIGCONT)
            out, complaints = await asyncio.to_thread(owner.communicate, "go on\n")
            assert owner.returncode == 0, complaints
            lost, others = out.splitlines()
            assert lost.startswith("lost: another process took run therun over while this one was paused")
            assert others == "other runs go on"
            assert await store.is_owned("therun")
            await store.settle([make_record("therun", "still by the new owner")])
        tasks = [record.task for record in await store.list_records("therun")]
        assert tasks == ["before", "by the new owner", "still by the new owner"]
        assert [info.task for info in await store.list_artifacts("therun")] == []
    assert not any((folder / "locks").iterdir())


async def test_a_lost_lease_spares_what_settles_beside_it(open_store: OpenStore, folder: Path) -> None:
    one, two = make_run(), make_run()
    async with open_store() as store, store.open_run(one, SOURCE), store.open_run(two, SOURCE):
        with closing(sqlite3.connect(folder / "binex.db")) as other, other:
            other.execute("UPDATE runs SET epoch = 2 WHERE id = ?", (one.id,))
        answers = await asyncio.gather(
            store.record(make_record(one.id)), store.record(make_record(two.id)), return_exceptions=True
        )
        assert isinstance(answers[0], LostLeaseError) and answers[1] is None
        for writing in (store.save_run(one), store.store(make_artifact(one.id, content="x" * 100_000))):
            with pytest.raises(LostLeaseError):
                await writing
        assert not (folder / "artifacts" / one.id).exists()
        assert await store.list_records(one.id) == []


async def test_a_dead_owner_needs_no_force(open_store: OpenStore, folder: Path, start: Any) -> None:
    owner = start(OWNER, "therun")
    assert heard(owner) == "owned"
    owner.kill()
    assert await ended(owner) == -signal.SIGKILL
    async with open_store() as store:
        assert not await store.is_owned("therun")
        assert not await store.request_cancel("therun")
        async with store.take_run("therun") as lease:
            assert lease.epoch == 2
    assert not any((folder / "locks").iterdir())


async def test_a_child_that_outlives_its_owner_does_not_own_the_run(
    open_store: OpenStore, folder: Path, start: Any
) -> None:
    owner = start("""
        async with open_sqlite_store(folder) as store:
            async with store.open_run(make_run("therun"), SOURCE):
                if os.fork() == 0:
                    say("child")
                    sys.stdin.readline()
                    os._exit(0)
                await asyncio.Event().wait()
    """)
    assert heard(owner) == "child"
    os.kill(owner.pid, signal.SIGKILL)
    await ended(owner)
    async with open_store() as store, store.take_run("therun") as lease:
        assert lease.epoch == 2
    await asyncio.to_thread(owner.communicate, "go\n")


async def test_of_two_processes_that_take_a_run_one_gets_it(open_store: OpenStore, folder: Path, start: Any) -> None:
    async with open_store() as store, store.open_run(make_run("therun"), SOURCE):
        pass
    body = """
        async with open_sqlite_store(folder) as store:
            say("ready")
            sys.stdin.readline()
            try:
                async with store.take_run("therun") as lease:
                    say(f"took {lease.epoch}")
                    sys.stdin.readline()
            except RunOwnedError as error:
                say(f"{error}")
    """
    takers = [start(body) for _ in range(2)]
    for taker in takers:
        assert heard(taker) == "ready"
    for taker in takers:
        taker.stdin.write("now\n")
        taker.stdin.flush()
    said = [heard(taker) for taker in takers]
    winner = takers[said.index("took 2")]
    assert said.count("took 2") == 1
    assert sum(line.startswith(f"run therun is executed by pid {winner.pid} since") for line in said) == 1
    for taker in takers:
        taker.stdin.write("end\n")
        finish(taker)


async def test_a_lock_of_an_earlier_boot_or_of_a_reused_pid_is_nobody_s(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store, store.open_run(make_run("therun"), SOURCE):
        pass
    # The file is there and names a live process, this one; only nobody holds it.
    (folder / "locks" / "therun.1").write_text(f'{{"pid": {os.getpid()}, "boot_id": "of another day"}}')
    async with open_store() as store:
        assert not await store.is_owned("therun")
        async with store.take_run("therun"):
            assert await store.is_owned("therun")
    assert not any((folder / "locks").iterdir())


async def test_another_process_can_ask_for_a_run_to_be_cancelled(
    folder: Path, open_store: OpenStore, start: Any
) -> None:
    owner = start("""
        async with open_sqlite_store(folder) as store:
            async with store.open_run(make_run("therun"), SOURCE) as lease:
                say("owned")
                await lease.wait_for_cancel()
                say("cancelled")
    """)
    assert heard(owner) == "owned"
    async with open_store(read_only=True) as store:
        assert await store.is_owned("therun")
        assert await store.request_cancel("therun")
    assert finish(owner) == ["cancelled"]


# --- failures that are final --------------------------------------------------------------------------------


async def test_a_full_disk_is_named_and_ends_all_writing_but_no_reading(mount: Any) -> None:
    folder = mount("size=1500k") / ".binex"
    run = make_run()
    kept = 0
    full = r"cannot write .*\.binex/.*: No space left on device"
    with pytest.raises(StoreError, match=full) as caught:
        async with open_sqlite_store(folder) as store:
            with pytest.raises(StoreError, match=full):
                async with store.open_run(run, SOURCE):
                    for number in range(1000):
                        artifact = make_artifact(run.id, f"t{number}", "x" * 20_000)
                        await store.settle([make_record(run.id, f"t{number}")], [artifact])
                        kept += 1
            for writing in (store.record(make_record(run.id, "more")), store.save_run(run), store.flush()):
                with pytest.raises(StoreError, match=full):
                    await writing
            assert kept > 5
            assert len(await store.list_records(run.id)) >= kept
    # Who closes the store hears it as well: not everything is where it belongs.
    assert caught.value.fix and caught.value.fix.startswith("free space on the disk")


@pytest.mark.parametrize("size", [1_000, 400_000])
async def test_after_a_full_disk_everything_acknowledged_is_there(mount: Any, size: int) -> None:
    disk = mount("size=4m")
    folder = disk / ".binex"
    (disk / "ballast").write_bytes(bytes(2_500_000))
    run = make_run()
    kept = []
    with pytest.raises(StoreError, match="No space left on device"):
        async with open_sqlite_store(folder) as store, store.open_run(run, SOURCE):
            for number in range(3000):
                artifact = make_artifact(run.id, f"t{number}", f"{number}" + "x" * size)
                await store.settle([make_record(run.id, artifact.task)], [artifact])
                kept.append(artifact)
    (disk / "ballast").unlink()
    async with open_sqlite_store(folder) as store, store.take_run(run.id):
        records = {record.task for record in await store.list_records(run.id)}
        assert records >= {artifact.task for artifact in kept}
        for info in await store.list_artifacts(run.id):
            assert await store.get(info.id) is not None
        for artifact in kept:
            assert await store.get(artifact.id) == artifact
            assert artifact_file(folder, artifact).exists()
        await store.record(make_record(run.id, "more"))


async def test_no_files_left_to_open_is_named(open_store: OpenStore, start: Any) -> None:
    process = start("""
        import resource
        run = make_run()
        async with open_sqlite_store(folder) as store:
            async with store.open_run(run, SOURCE):
                await store.store(make_artifact(run.id, "a"))
                held = []
                resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
                try:
                    while True:
                        held.append(os.open("/dev/null", os.O_RDONLY))
                except OSError:
                    pass
                try:
                    await store.store(make_artifact(run.id, "b"))
                    await store.flush()
                except StoreError as error:
                    say(f"{error}; {error.fix}")
                for one in held:
                    os.close(one)
                raise SystemExit
    """)
    assert "cannot write" in (line := heard(process))
    assert "Too many open files" in line and "ulimit -n" in line


async def test_what_was_written_is_not_held_in_memory(open_store: OpenStore) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE):
        tracemalloc.start()
        try:
            for number in range(400):
                artifact = make_artifact(run.id, f"t{number}", f"{number}" + "x" * 60_000)
                await store.settle([make_record(run.id, artifact.task)], [artifact])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 2_000_000


async def test_a_closed_store_says_so(open_store: OpenStore) -> None:
    async with open_store() as store:
        pass
    with pytest.raises(StoreError, match="is closed"):
        await store.record(make_record("x"))
