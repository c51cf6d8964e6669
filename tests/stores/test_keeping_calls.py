"""How the SQLite store keeps calls: in somebody else's commit, in linear space, for their owner only."""

import asyncio
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from binex.errors import DamagedDataError, LostLeaseError, StoreError
from binex.models.call import Call
from binex.stores.backends.sqlite import open_sqlite_store
from binex.stores.run_store import RunStore
from binex.tape.bodies import Chains
from tests.stores.making import (
    SOURCE,
    OpenStore,
    bodies_of,
    keep_exchange,
    make_body,
    make_call,
    make_record,
    make_run,
)
from tests.stores.test_doctor import change
from tests.stores.test_writing import count_commits


def calls_in(folder: Path) -> int:
    """How many calls another connection sees."""
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM calls").fetchone()[0])


def blob_files(folder: Path) -> list[Path]:
    return sorted((folder / "blobs").glob("*/*"))


# --- without hurry ------------------------------------------------------------------------------------------


async def test_calls_ride_in_the_commit_of_their_task(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE):
        before = count_commits(folder)
        for number in range(5):
            for call in range(10):
                keep_exchange(store, make_call(run.id, f"t{number}", call), b"asked", b"told")
            await store.settle([make_record(run.id, f"t{number}")])
            assert count_commits(folder) == before + number + 1
            assert calls_in(folder) == (number + 1) * 10


async def test_a_call_that_nothing_follows_is_committed_by_itself(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE):
        await store.flush()
        began = time.monotonic()
        keep_exchange(store, make_call(run.id), b"asked")
        assert calls_in(folder) == 0
        while not calls_in(folder):
            assert time.monotonic() - began < 5
            await asyncio.sleep(0.005)
        assert time.monotonic() - began > 0.05


@pytest.mark.parametrize("size", [10, 100_000])
async def test_closing_the_store_commits_what_waits(open_store: OpenStore, folder: Path, size: int) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE):
        keep_exchange(store, make_call(run.id), b"x" * size)
    assert calls_in(folder) == 1


async def test_a_program_that_breaks_keeps_its_calls(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    with pytest.raises(ZeroDivisionError):
        async with open_store() as store, store.open_run(run, SOURCE):
            keep_exchange(store, make_call(run.id), b"asked")
            raise ZeroDivisionError
    assert calls_in(folder) == 1


async def test_a_call_that_cannot_be_written_fails_the_next_commit(open_store: OpenStore) -> None:
    run = make_run()
    with pytest.raises(StoreError, match="there is no run nothing"):
        async with open_store() as store, store.open_run(run, SOURCE):
            store.keep_call(make_call("nothing"), [])
            await asyncio.sleep(0.2)
            with pytest.raises(StoreError, match="there is no run nothing"):
                await store.settle([make_record(run.id)])
            with pytest.raises(StoreError, match="there is no run nothing"):
                store.keep_call(make_call(run.id), [])


async def test_a_body_that_cannot_be_written_fails_the_settling_of_its_task(
    open_store: OpenStore, folder: Path
) -> None:
    run = make_run()
    with pytest.raises(StoreError, match=r"cannot write .*blobs"):
        async with open_store() as store, store.open_run(run, SOURCE):
            (folder / "blobs").rmdir()
            (folder / "blobs").write_text("in the way")
            keep_exchange(store, make_call(run.id), b"x" * 100_000)
            with pytest.raises(StoreError, match=r"cannot write .*blobs"):
                await store.settle([make_record(run.id)])
    assert calls_in(folder) == 0


async def test_a_run_that_was_lost_takes_no_calls_but_spares_those_of_others(
    open_store: OpenStore, folder: Path
) -> None:
    lost, other = make_run(), make_run()
    chains = Chains()
    async with open_store() as store, store.open_run(lost, SOURCE), store.open_run(other, SOURCE):
        await store.flush()
        change(folder, f"UPDATE runs SET epoch = epoch + 1 WHERE id = '{lost.id}'")
        keep_exchange(store, make_call(lost.id), b'{"messages": []}', chains=chains)
        with pytest.raises(LostLeaseError):
            await store.settle([make_record(lost.id)])
        kept = keep_exchange(store, make_call(other.id), b'{"messages": []}', chains=chains)
        await store.settle([make_record(other.id)])
        assert await store.list_calls(lost.id) == []
        assert await bodies_of(store, kept) == (b'{"messages": []}', b"")


async def test_large_bodies_do_not_hold_up_the_loop(open_store: OpenStore) -> None:
    run = make_run()
    data = os.urandom(20_000_000)
    body, parts = make_body(data)
    async with open_store() as store, store.open_run(run, SOURCE):
        began = time.monotonic()
        store.keep_call(make_call(run.id, request=body), parts)
        assert time.monotonic() - began < 0.01
        await store.settle([make_record(run.id)])
        assert await store.read_body(body) == data


@pytest.mark.parametrize("size", [50_000, 100_000])
async def test_on_a_full_disk_a_task_without_its_calls_is_not_settled(mount: Any, size: int) -> None:
    folder = mount("size=2m") / ".binex"
    run = make_run()
    settled = 0
    with pytest.raises(StoreError, match="No space left on device"):
        async with open_sqlite_store(folder) as store, store.open_run(run, SOURCE):
            for number in range(100):
                keep_exchange(store, make_call(run.id, f"t{number}"), os.urandom(size))
                await store.settle([make_record(run.id, f"t{number}")])
                settled += 1
    async with open_sqlite_store(folder, read_only=True) as store:
        records = await store.list_records(run.id)
        assert 0 < settled <= len(records) < 100
        for record in records:
            (call,) = await store.list_calls(run.id, record.task)
            assert len((await bodies_of(store, call))[0]) == size


# --- where and how large ------------------------------------------------------------------------------------


async def test_bodies_beyond_64_kib_are_files_named_by_their_hash(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE):
        keep_exchange(store, make_call(run.id), b"x" * 65_536, b"y" * 65_537)
        await store.flush()
        _, (part,) = make_body(b"y" * 65_537)
        (file,) = blob_files(folder)
        assert file == folder / "blobs" / part.sha256[:2] / part.sha256
        assert file.read_bytes() == part.data
        assert not list((folder / "tmp").iterdir())


@pytest.mark.parametrize("umask", [0o000, 0o777])
async def test_everything_is_its_owner_s_alone(open_store: OpenStore, folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        run = make_run()
        async with open_store() as store, store.open_run(run, SOURCE):
            keep_exchange(store, make_call(run.id), b"x" * 100_000)
            await store.flush()
    finally:
        os.umask(before)
    assert len(blob_files(folder)) == 1
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_a_conversation_takes_linear_space(open_store: OpenStore, folder: Path) -> None:
    run, chains = make_run(), Chains()
    stored: dict[int, int] = {}
    said = 0
    messages: list[str] = []
    calls: list[Call] = []
    bodies: list[bytes] = []
    for _turn in range(200):
        messages.append(f'{{"role":"user","content":"{os.urandom(250).hex()}"}}')
        bodies.append(f'{{"model":"m","messages":[{",".join(messages)}],"stream":true}}'.encode())
        answer = f'{{"role":"assistant","content":"{os.urandom(250).hex()}"}}'
        messages.append(answer)
        said += len(messages[-2]) + 2 * len(answer)
    taken = 0
    for stage in (50, 100, 200):
        async with open_store() as store, store.take_run(run.id) if taken else store.open_run(run, SOURCE):
            for number in range(taken, stage):
                call = make_call(run.id, number=number)
                calls.append(keep_exchange(store, call, bodies[number], messages[2 * number + 1].encode(), chains))
                await store.flush()
            taken = stage
        stored[stage] = sum(
            path.stat().st_size for path in [folder / "binex.db", *blob_files(folder)]
        )  # closing has moved the log into the database
    assert stored[200] - stored[100] < 1.1 * 2 * (stored[100] - stored[50])
    assert stored[200] < 2.5 * said
    assert sum(map(len, bodies)) > 30 * said, "what the bodies are together"
    async with open_store(read_only=True) as store:
        for number in (0, 49, 120, 199):
            assert (await bodies_of(store, calls[number]))[0] == bodies[number]


# --- damage -------------------------------------------------------------------------------------------------


async def keep_one(store: RunStore) -> Call:
    run = make_run()
    async with store.open_run(run, SOURCE):
        call = keep_exchange(store, make_call(run.id), b"small", b"x" * 100_000)
        await store.flush()
    return call


def remove_link(folder: Path) -> None:
    change(folder, "DELETE FROM links")


def alter_link(folder: Path) -> None:
    change(folder, "UPDATE links SET previous = x'00'")


def remove_blob(folder: Path) -> None:
    change(folder, "DELETE FROM blobs")


def alter_blob(folder: Path) -> None:
    change(folder, "UPDATE blobs SET content = CAST('smell' AS BLOB)")


def turn_blob_into_text(folder: Path) -> None:
    change(folder, "UPDATE blobs SET content = 'small'")


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        (remove_link, "its link [0-9a-f]{12} is missing"),
        (alter_link, "its link [0-9a-f]{12} is not what was kept"),
        (remove_blob, "its blob [0-9a-f]{12} is missing"),
        (alter_blob, "blob [0-9a-f]{12} in the database is not what was kept"),
        (turn_blob_into_text, "blob [0-9a-f]{12} in the database is not what was kept"),
    ],
)
async def test_a_body_that_is_damaged_in_the_database_is_a_named_error(
    open_store: OpenStore, folder: Path, harm: Callable[[Path], None], text: str
) -> None:
    async with open_store() as store:
        call = await keep_one(store)
        assert call.request is not None
        harm(folder)
        with pytest.raises(DamagedDataError, match=rf"the body {call.request.last[:12]} \(5 bytes\) .*: {text}"):
            await store.read_body(call.request)
        assert await store.list_calls(call.run_id) == [call]


async def test_a_body_whose_file_is_damaged_is_a_named_error(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        call = await keep_one(store)
        assert call.response is not None
        (file,) = blob_files(folder)
        for harm, text in (
            (lambda: file.write_bytes(b"y" * 100_000), "is not what was kept: .* has sha256"),
            (lambda: os.truncate(file, 1000), r"is not what was kept: .* \(1000 bytes\)"),
            (file.unlink, "is missing: .* is gone"),
            (file.mkdir, "is missing: .* is a folder"),
        ):
            harm()
            with pytest.raises(DamagedDataError, match=text):
                await store.read_body(call.response)


async def test_a_body_that_says_another_size_is_damaged(open_store: OpenStore) -> None:
    async with open_store() as store:
        call = await keep_one(store)
        assert call.request is not None
        with pytest.raises(DamagedDataError, match="its parts have 5 bytes"):
            await store.read_body(call.request.model_copy(update={"size": 6}))
        with pytest.raises(DamagedDataError, match="is missing"):
            await store.read_body(call.request.model_copy(update={"last": "../../etc"}))


async def test_a_damaged_row_is_left_out_with_a_notice(open_store: OpenStore, folder: Path, notices: list[str]) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE):
        for number in (1, 2):
            store.keep_call(make_call(run.id, number=number), [])
            await store.keep_bookmark(run.id, "plan", str(number), number)
        await store.flush()
        change(folder, "UPDATE calls SET doc = '{' WHERE number = 1", "UPDATE bookmarks SET doc = '{' WHERE name = '1'")
        assert [call.number for call in await store.list_calls(run.id)] == [2]
        assert await store.list_bookmarks(run.id) == {"plan": {"2": 2}}
    assert notices[0].startswith(f"call 1 of attempt 1 at plan in run {run.id} cannot be read")
    assert notices[1].startswith(f"the bookmark 1 of plan in run {run.id} cannot be read")
