"""Runs that are kept, and runs that go: what is theirs alone goes with them, and nothing else does."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from binex.analysis.room.stored_size import total_of
from binex.errors import InputError, RunError, StoreError
from binex.models.run import Origin, Run, RunMode, RunStatus
from binex.stores.doctor import Severity, examine, repair, salvage
from binex.stores.removal_store import Kept
from binex.stores.run_store import RunStore
from binex.tape.bodies import Chains
from tests.stores.making import (
    SOURCE,
    OpenStore,
    bodies_of,
    keep_exchange,
    make_artifact,
    make_call,
    make_question,
    make_record,
    make_run,
)

SMALL, LARGE = b"x" * 300, b"y" * 100_000


async def keep(store: RunStore, id: str, *said: bytes, **fields: Any) -> Run:
    """A completed run with a record, an artifact, and a call for each thing that was said."""
    run = make_run(id, status=RunStatus.COMPLETED, **fields)
    async with store.open_run(run, SOURCE):
        artifact = make_artifact(id, content={"made by": id})
        for number, one in enumerate(said, start=1):
            keep_exchange(store, make_call(id, number=number), one)
        await store.settle([make_record(id, output_artifacts=(artifact.id,), key="ab" * 32)], [artifact])
        await store.save_run(run)
    await store.flush()
    return run


async def remove(store: RunStore, *ids: str) -> None:
    stock = await store.take_stock()
    await store.remove_runs(ids, stock.moment)
    await store.remove_unneeded()


def damage(folder: Path) -> list[str]:
    return [str(found) for found in examine(folder) if found.severity is not Severity.INFO]


# --- keeping --------------------------------------------------------------------------------------------------


async def test_a_run_is_kept_under_a_name_until_it_no_longer_is(store: RunStore) -> None:
    await keep(store, "1a")
    await store.keep_run("1a", "baseline")
    assert await store.list_kept() == [Kept("1a", "baseline")]
    assert await store.release_run("1a")
    assert await store.list_kept() == []
    assert not await store.release_run("1a")


async def test_a_name_moves_to_the_run_that_is_given_it_and_both_stay_kept(store: RunStore) -> None:
    for id in ("1a", "1b"):
        await keep(store, id)
        await store.keep_run(id, "baseline")
    assert await store.list_kept() == [Kept("1b", "baseline"), Kept("1a", "")]


async def test_several_runs_may_be_kept_without_a_name(store: RunStore) -> None:
    for id in ("1a", "1b"):
        await keep(store, id)
        await store.keep_run(id)
    assert await store.list_kept() == [Kept("1b", ""), Kept("1a", "")]


async def test_what_is_not_there_cannot_be_kept(store: RunStore) -> None:
    with pytest.raises(InputError, match="no run '1a'"):
        await store.keep_run("1a")
    assert not await store.release_run("1a")


# --- removing -------------------------------------------------------------------------------------------------


async def test_a_run_that_is_removed_leaves_nothing_and_the_others_are_as_they_were(store: RunStore) -> None:
    await keep(store, "1a", SMALL, b"both")
    await keep(store, "1b", b"both", LARGE)
    await remove(store, "1a")
    assert await store.get_run("1a") is None
    assert await store.list_records("1a") == []
    assert await store.list_artifacts("1a") == []
    assert await store.list_calls("1a") == []
    assert await store.get("1a~plan~output") is None
    artifact = await store.get("1b~plan~output")
    assert artifact is not None and artifact.content == {"made by": "1b"}
    assert [await bodies_of(store, call) for call in await store.list_calls("1b")] == [(b"both", b""), (LARGE, b"")]
    assert len((await store.take_stock()).bodies) == 2


async def test_questions_and_bookmarks_go_with_their_run(store: RunStore) -> None:
    await keep(store, "1a")
    await store.ask(make_question("1a"))
    await store.keep_bookmark("1a", "plan", "at", 3)
    await remove(store, "1a")
    assert await store.list_questions() == []
    await keep(store, "1a")
    assert await store.list_bookmarks("1a") == {}


async def test_a_beginning_that_another_conversation_shares_stays(store: RunStore) -> None:
    turns = [b'{"messages":[%s]}' % b",".join(b'{"n":"%d%s"}' % (n, b"z" * 2000) for n in range(k)) for k in (2, 4)]
    for id, body in zip(("1a", "1b"), turns, strict=True):
        run = make_run(id)
        async with store.open_run(run, SOURCE):
            keep_exchange(store, make_call(id), body, b"", Chains())
    await store.flush()
    await remove(store, "1b")
    (call,) = await store.list_calls("1a")
    assert (await bodies_of(store, call))[0] == turns[0]


async def test_a_kept_run_an_owned_one_and_one_that_went_on_meanwhile_are_refused(store: RunStore) -> None:
    for id in ("1a", "1b", "1c"):
        await keep(store, id)
    moment = (await store.take_stock()).moment
    await store.keep_run("1a")
    with pytest.raises(RunError):
        await store.remove_runs(["1a"], moment)
    async with store.take_run("1b"):
        with pytest.raises(RunError):
            await store.remove_runs(["1b"], moment)
    with pytest.raises(RunError):
        await store.remove_runs(["1b"], moment)
    assert len(await store.list_runs()) == 3


async def test_a_run_that_a_newer_one_has_come_to_need_is_refused(store: RunStore) -> None:
    await keep(store, "1a")
    await keep(store, "1b")
    moment = (await store.take_stock()).moment
    await keep(store, "1c", origin=Origin(parent="1a", mode=RunMode.REPLAY))
    async with store.take_run("1c"):
        await store.settle([make_record("1c", "more", reused_from="1b", output_artifacts=("1b~plan~output",))])
    for id in ("1a", "1b"):
        with pytest.raises(RunError):
            await store.remove_runs([id], moment)
    assert len(await store.list_runs()) == 3


async def test_bodies_stay_while_a_run_is_executed_and_it_is_said_why(store: RunStore) -> None:
    await keep(store, "1a", SMALL)
    async with store.open_run(make_run("1b"), SOURCE):
        stock = await store.take_stock()
        assert stock.has_live_owner
        await store.remove_runs(["1a"], stock.moment)
        freed = await store.remove_unneeded()
        assert freed.bodies == 0 and "1b" in freed.is_left
    assert (await store.remove_unneeded()).bodies == 1
    assert (await store.take_stock()).bodies == []


async def test_the_newest_record_s_number_may_be_given_again_and_its_key_is_found(store: RunStore) -> None:
    await keep(store, "1a")
    await keep(store, "1b")
    await store.index_keys()
    await remove(store, "1b")
    await keep(store, "1c")
    await store.index_keys()
    assert [record.run_id for record in await store.find_by_key("ab" * 32, run_id="1x")] == ["1c", "1a"]


async def test_stock_says_what_each_run_needs(store: RunStore) -> None:
    await keep(store, "1a", SMALL)
    await keep(store, "1b", SMALL, LARGE, origin=Origin(parent="1a", mode=RunMode.FORK))
    async with store.take_run("1b"):
        await store.settle([make_record("1b", "more", input_artifacts=("1z~plan~output",), reused_from="1a")])
        owned = (await store.take_stock()).runs[1]
    first, second = (await store.take_stock()).runs
    assert owned.is_owned and not second.is_owned
    assert (first.parent, first.takes_from) == (None, frozenset())
    assert (second.parent, second.takes_from) == ("1a", frozenset({"1a", "1z"}))
    assert first.calls == 1 and second.calls == 2
    assert set(first.bodies) < set(second.bodies)


# --- on disk --------------------------------------------------------------------------------------------------


async def test_files_go_and_the_doctor_finds_nothing_wrong(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        for id in ("1a", "1b", "1c"):
            await keep(store, id, id.encode() * 50_000, LARGE)
        await remove(store, "1a", "1c")
        await store.give_back(is_rebuilt=True)
        assert not damage(folder)
    assert [path.name for path in (folder / "artifacts").iterdir()] == ["1b"]
    assert len(list(folder.glob("blobs/*/*"))) == 2
    assert not damage(folder)
    assert list((folder / "tmp").iterdir()) == []


async def test_the_stock_adds_up_to_what_du_says(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        for number in range(20):
            await keep(store, f"1a{number}", str(number).encode() * 40_000, LARGE, SMALL)
        (folder / "backups").mkdir()
        (folder / "backups" / "old.db").write_bytes(b"x" * 10_000)
        (folder / "blobs" / "ab").mkdir(exist_ok=True)
        (folder / "blobs" / "ab" / ("ab" * 32)).write_bytes(b"x" * 9_000)
        stock = await store.take_stock()
        said = int(subprocess.check_output(["du", "-s", "-B1", str(folder)]).split()[0])
    assert abs(total_of(stock) - said) <= max(0.02 * said, 64 * 1024)
    assert stock.folder.orphans >= 9_000 and stock.folder.backups >= 10_000


async def test_what_another_process_remembers_to_be_there_is_written_again_once_it_was_removed(
    open_store: OpenStore, folder: Path
) -> None:
    async with open_store() as one, open_store() as other:
        await keep(one, "1a", SMALL, LARGE)
        await remove(other, "1a")
        assert not list(folder.glob("blobs/*/*"))
        await keep(one, "1b", SMALL, LARGE)
        await keep(one, "1c", SMALL, LARGE)
        for id in ("1b", "1c"):
            calls = await other.list_calls(id)
            assert [await bodies_of(other, call) for call in calls] == [(SMALL, b""), (LARGE, b"")]
    assert not damage(folder)


async def test_an_outcome_of_a_run_that_was_removed_meanwhile_is_refused(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as one, open_store() as other:
        await keep(one, "1a")
        async with one.open_run(make_run("1b"), SOURCE):
            await remove(other, "1a")
            with pytest.raises(StoreError, match="removed meanwhile"):
                await one.settle([make_record("1b", reused_from="1a", output_artifacts=("1a~plan~output",))])
    assert not damage(folder)


async def test_a_process_that_was_paused_cannot_write_into_the_run_that_got_the_number_of_its_own(
    open_store: OpenStore, folder: Path
) -> None:
    async with open_store() as one, open_store() as other, one.open_run(make_run("1a"), SOURCE):
        (folder / "locks" / "1a.1").unlink()  # as though its process had been stopped
        await remove(other, "1a")
        async with other.open_run(make_run("1b"), SOURCE):
            with pytest.raises(StoreError):
                await one.settle([make_record("1a")])
            assert await other.list_records("1b") == []


async def test_two_that_remove_at_once_do_not_trust_each_other_s_plans(open_store: OpenStore) -> None:
    async with open_store() as one, open_store() as other:
        for id in ("1a", "1b"):
            await keep(one, id)
        moment = (await one.take_stock()).moment
        await remove(other, "1a")
        with pytest.raises(RunError, match="another process has removed"):
            await one.remove_runs(["1b"], moment)


class _Forked(list[str]):
    """Ids of runs, the last of which another process forks after the first step has removed the newest numbers."""

    folder: Path

    def __getitem__(self, at: Any) -> Any:
        if at.start:  # the second step
            with closing(sqlite3.connect(self.folder / "binex.db")) as connection, connection:
                connection.execute(
                    "INSERT INTO runs (id, workflow, status, epoch, doc) SELECT '9z', workflow, status, 1,"
                    " json_set(doc, '$.id', '9z', '$.origin', json_object('parent', id, 'mode', 'fork'))"
                    " FROM runs WHERE id = ?",
                    (list(self)[-1],),
                )
        return super().__getitem__(at)


async def test_a_fork_that_gets_the_number_of_a_run_just_removed_keeps_its_parent(
    open_store: OpenStore, folder: Path
) -> None:
    async with open_store() as store:
        ids = [f"1r{number:03}" for number in range(101)]
        for id in ids:
            async with store.open_run(make_run(id, status=RunStatus.COMPLETED), SOURCE):
                pass
        going = _Forked([*reversed(ids[1:]), ids[0]])
        going.folder = folder
        with pytest.raises(RunError, match="9z was made from run 1r000"):
            await store.remove_runs(going, (await store.take_stock()).moment)
        assert [run.id for run in await store.list_runs()] == ["9z", "1r000"]


async def test_a_call_that_cannot_be_read_keeps_all_bodies(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        await keep(store, "1a", SMALL)
        await keep(store, "1b", SMALL)
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        connection.execute("UPDATE calls SET doc = 'torn' WHERE run = 1")
    async with open_store() as store:
        freed = await store.remove_unneeded()
        assert freed.bodies == 0 and "damaged" in freed.is_left


async def test_salvage_keeps_what_is_kept_and_does_not_take_gaps_for_losses(
    open_store: OpenStore, folder: Path
) -> None:
    async with open_store() as store:
        for id in ("1a", "1b", "1c"):
            await keep(store, id)
        await store.keep_run("1c", "good")
        await remove(store, "1a", "1b")
    assert not [found for found in salvage(folder) if found.severity is Severity.DAMAGE]
    async with open_store() as store:
        assert await store.list_kept() == [Kept("1c", "good")]


async def test_marks_of_a_removal_that_was_not_made_take_nothing_away(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        await keep(store, "1a")
    (folder / "tmp" / ".tmp-4194999-imports-1a").touch()
    async with open_store() as store:
        assert await store.get("1a~plan~output") is not None
    assert (folder / "artifacts" / "1a").is_dir()
    assert not list((folder / "tmp").iterdir())
    assert not repair(folder)
