"""Outcomes are found by what their tasks are known by, however many there are."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from binex.models.run import Origin, RunMode, RunStatus
from binex.models.task import ExecutionRecord, TaskStatus
from binex.stores.backends import schema
from binex.stores.doctor import salvage
from binex.stores.run_store import RunStore
from tests.stores.making import SOURCE, OpenStore, make_record, make_run
from tests.stores.test_doctor import damage

ONE, OTHER = "1" * 64, "2" * 64


async def keep(store: RunStore, *records: dict[str, Any], **fields_of_run: Any) -> str:
    """A run with these records, each by what is special about it; its id."""
    run = make_run(**fields_of_run)
    async with store.open_run(run, SOURCE):
        for fields in records:
            await store.settle([make_record(run.id, **{"task": "plan", "key": ONE, **fields})])
        await store.save_run(run.model_copy(update={"status": RunStatus.COMPLETED}))
    return run.id


async def found(store: RunStore, run_id: str, key: str = ONE, **options: Any) -> list[tuple[str, str]]:
    return [(record.run_id, record.task) for record in await store.find_by_key(key, run_id=run_id, **options)]


@pytest.fixture(params=["indexed", "not indexed"])
async def indexing(request: pytest.FixtureRequest, store: RunStore) -> Any:
    """Brings the index up to date, or does not: what is found is the same."""

    async def index() -> None:
        if request.param == "indexed":
            await store.index_keys()

    return index


async def test_the_newest_task_of_another_run_comes_first(store: RunStore, indexing: Any) -> None:
    first, second = await keep(store, {}), await keep(store, {}, {"task": "other", "key": OTHER})
    own = await keep(store, {})
    await indexing()
    assert await found(store, own) == [(second, "plan"), (first, "plan")]
    assert await found(store, own, OTHER) == [(second, "other")]
    assert await found(store, own, "3" * 64) == []


async def test_a_task_at_the_same_path_comes_before_newer_ones(store: RunStore, indexing: Any) -> None:
    asked = [{"task": f"ask[{number}]"} for number in range(3)]
    first = await keep(store, *asked)
    own = await keep(store)
    await indexing()
    assert await found(store, own, task="ask[1]", limit=2) == [(first, "ask[1]"), (first, "ask[2]")]


@pytest.mark.parametrize(
    "fields",
    [
        {"status": TaskStatus.FAILED},
        {"status": TaskStatus.TIMED_OUT},
        {"reused_from": "1p8t6y0b459y"},
        {"is_edited": True},
        {"key": ""},
    ],
)
async def test_what_did_not_complete_by_itself_is_not_found(
    store: RunStore, indexing: Any, fields: dict[str, Any]
) -> None:
    await keep(store, fields)
    own = await keep(store)
    await indexing()
    assert await found(store, own) == []
    assert await found(store, own, "") == []


async def test_what_an_imported_run_says_is_not_found(store: RunStore, indexing: Any) -> None:
    await keep(store, {}, is_imported=True)
    own = await keep(store)
    await indexing()
    assert await found(store, own) == []


async def test_what_a_replay_was_answered_by_a_tape_is_not_found(store: RunStore, indexing: Any) -> None:
    first = await keep(store, {})
    await keep(store, {}, origin=Origin(parent=first, mode=RunMode.REPLAY))
    fork = await keep(store, {}, origin=Origin(parent=first, mode=RunMode.FORK))
    own = await keep(store)
    await indexing()
    assert await found(store, own) == [(fork, "plan"), (first, "plan")]


async def test_only_older_runs_are_looked_at_where_that_is_asked_for(store: RunStore, indexing: Any) -> None:
    first = await keep(store, {})
    own = await keep(store)
    newer = await keep(store, {})
    await indexing()
    assert await found(store, own, is_older=True) == [(first, "plan")]
    assert await found(store, own) == [(newer, "plan"), (first, "plan")]


@pytest.mark.parametrize("odd", ["", "zz", "1", "'; DROP TABLE keys; --", "\udcff", "1" * 10_000])
async def test_an_odd_key_is_only_unknown(store: RunStore, indexing: Any, odd: str) -> None:
    await keep(store, {})
    await indexing()
    assert await found(store, "nothing", odd) == []
    assert await store.find_alike(odd, task=odd) is None
    assert await store.find_alike(odd, agent=odd) is None


async def test_the_last_task_alike_is_that_of_an_older_run_of_the_same_workflow(store: RunStore) -> None:
    await keep(store, {"agent": "llm://a"})
    second = await keep(store, {"agent": "llm://b"}, {"attempt": 2, "key": OTHER}, {"task": "late", "key": ""})
    elsewhere = await keep(store, {"agent": "llm://a"}, workflow="another")
    own = await keep(store, {})
    await keep(store, {})

    def place(record: ExecutionRecord | None) -> tuple[str, int] | None:
        return None if record is None else (record.run_id, record.attempt)

    assert place(await store.find_alike(own, task="plan")) == (second, 2)
    assert place(await store.find_alike(own, task="late")) is None
    assert place(await store.find_alike(own, agent="llm://a")) == (elsewhere, 1)
    assert place(await store.find_alike(own, agent="llm://c")) is None


# --- on disk ------------------------------------------------------------------------------------------------


def rows_of(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        return connection.execute(query).fetchall()


async def test_nothing_is_indexed_before_somebody_looks(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        await keep(store, *({"task": f"t{number}"} for number in range(5)))
        await store.flush()
        assert rows_of(folder, "SELECT count(*) FROM keys") == [(0,)]
        await store.index_keys()
        await store.index_keys()
    assert rows_of(folder, "SELECT count(*) FROM keys") == [(5,)]
    assert rows_of(folder, "SELECT name, last FROM indexed") == [("keys", 5)]
    assert damage(folder) == []


async def test_thousands_of_records_are_indexed_in_parts_and_the_rest_later(
    open_store: OpenStore, folder: Path
) -> None:
    async with open_store() as store:
        run = make_run()
        async with store.open_run(run, SOURCE):
            await store.settle([make_record(run.id, f"t{number}", key=f"{number:064x}") for number in range(4500)])
        await store.index_keys()
        assert len(rows_of(folder, "SELECT 1 FROM keys")) == 4500
        more = await keep(store, {})
    async with open_store() as store:
        own = await keep(store)
        await store.index_keys()
        assert await found(store, own, f"{4499:064x}") == [(run.id, "t4499")]
        assert await found(store, own) == [(more, "plan")]


async def test_what_was_recorded_since_the_index_was_made_is_found_by_who_only_reads(open_store: OpenStore) -> None:
    async with open_store() as store:
        first = await keep(store, {})
        await store.index_keys()
        second = await keep(store, {})
    async with open_store(read_only=True) as store:
        assert await found(store, "nothing") == [(second, "plan"), (first, "plan")]


async def test_a_record_that_cannot_be_read_is_left_out(
    open_store: OpenStore, folder: Path, notices: list[str]
) -> None:
    async with open_store() as store:
        first = await keep(store, {})
        second, third = await keep(store, {}), await keep(store, {})
        own = await keep(store)
        await store.index_keys()
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        connection.execute("UPDATE records SET doc = 'torn' WHERE seq = 3")
        connection.execute("UPDATE records SET doc = replace(doc, ?, ?) WHERE seq = 2", (ONE, OTHER))
    async with open_store() as store:
        assert await found(store, own) == [(first, "plan")]
        assert (await store.find_alike(own, task="plan")) is not None
    assert any(third in notice for notice in notices)
    assert any(second in notice and "not the one that was indexed" in notice for notice in notices)


async def test_a_torn_record_does_not_keep_the_others_from_being_indexed(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        await keep(store, {})
        second = await keep(store, {})
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        connection.execute("UPDATE records SET doc = '{' WHERE seq = 1")
    async with open_store() as store:
        await store.index_keys()
        assert await found(store, "nothing") == [(second, "plan")]
        assert await store.find_alike(second, agent="local://research.plan") is None


async def test_a_salvaged_store_makes_its_index_anew(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        first = await keep(store, {})
        await store.index_keys()
    salvage(folder)
    async with open_store() as store:
        assert rows_of(folder, "SELECT count(*) FROM keys") == [(0,)]
        await store.index_keys()
        assert await found(store, "nothing") == [(first, "plan")]


async def test_a_store_of_version_2_is_upgraded_and_its_records_are_found(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        first = await keep(store, {})
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        for table in ("keys", "indexed", "kept", "texts", "places", "heard"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 2")
    async with open_store() as store:
        await store.index_keys()
        assert await found(store, "nothing") == [(first, "plan")]
    with closing(sqlite3.connect(folder / "backups" / "binex.db.v2")) as connection:
        assert schema.version_of(connection) == 2
    assert rows_of(folder, "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
    assert damage(folder) == []
