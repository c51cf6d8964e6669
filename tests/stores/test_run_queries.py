"""Queries for runs give in every store what going through all runs gives."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.models.call import ENDED_FIRST, NOT_MADE, CallKind, Spend, Usage
from binex.models.run import Durability, Origin, Run, RunMode, RunStatus
from binex.models.run_query import RunOrigin, RunQuery
from binex.models.task import TaskStatus
from binex.stores.backends.memory import MemoryStore
from binex.stores.backends.sqlite import open_sqlite_store
from binex.stores.run_store import RunStore
from tests.stores.making import SOURCE, OpenStore, make_call, make_record, make_run

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOMENTS = [START + timedelta(seconds=step, microseconds=step % 3 * 250_000) for step in range(0, 5000, 700)]
COSTS = (0.0, 0.002, 0.1, 0.25, 1.5)
VALUES: tuple[JsonValue, ...] = ("tides", "5", 5, 5.5, True, None, [1, "a"], {"k": "ü"}, 'with "quotes"', "")
TYPED = ("tides", "5", "5.5", "true", "null", '[1, "a"]', '{"k": "ü"}', 'with "quotes"', '"tides"', "", "nothing")
ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.INTERRUPTED, RunStatus.OVER_BUDGET)


@st.composite
def run_fields(draw: st.DrawFn) -> dict[str, Any]:
    mode = draw(st.sampled_from((None, None, RunMode.FORK, RunMode.REPLAY)))
    return {
        "workflow": draw(st.sampled_from(("a", "b"))),
        "status": draw(st.sampled_from((*ENDED, RunStatus.RUNNING))),
        "started_at": draw(st.sampled_from(MOMENTS)),
        "spend": Spend(cost_usd=draw(st.sampled_from(COSTS))),
        "variables": draw(st.dictionaries(st.sampled_from(("topic", "odd name", 'a"b')), st.sampled_from(VALUES))),
        "origin": None if mode is None else Origin(parent="1parent", mode=mode),
        "is_imported": draw(st.booleans()),
    }


queries = st.builds(
    RunQuery,
    statuses=st.lists(st.sampled_from((*ENDED, RunStatus.RUNNING)), max_size=3, unique=True).map(tuple),
    workflow=st.sampled_from((None, None, "a", "c")),
    since=st.sampled_from((None, None, *MOMENTS)),
    until=st.sampled_from((None, None, *MOMENTS)),
    min_cost=st.sampled_from((None, None, *COSTS)),
    max_cost=st.sampled_from((None, None, *COSTS)),
    variables=st.lists(
        st.tuples(st.sampled_from(("topic", "odd name", 'a"b', "no")), st.sampled_from(TYPED)), max_size=1
    ).map(tuple),
    origin=st.sampled_from((None, None, *RunOrigin)),
    is_whole=st.booleans(),
    is_live=st.booleans(),
)
JSON_OF: dict[str, JsonValue] = {"5": 5, "5.5": 5.5, "true": True, "null": None, '[1, "a"]': [1, "a"]}
JSON_OF |= {'{"k": "ü"}': {"k": "ü"}, '"tides"': "tides"}


def is_same(one: JsonValue, other: JsonValue) -> bool:
    return type(one) is type(other) and one == other


def is_asked_for(run: Run, query: RunQuery) -> bool:
    """What a query means, in as many words; no run is being executed."""
    status = RunStatus.INTERRUPTED if run.status is RunStatus.RUNNING else run.status
    origin = {RunOrigin.IMPORTED} if run.is_imported else set[RunOrigin]()
    if run.origin is not None:
        origin.add(RunOrigin.FORK if run.origin.mode is RunMode.FORK else RunOrigin.REPLAY)
    for name, value in query.variables:
        if name not in run.variables:
            return False
        held = run.variables[name]
        if not (is_same(held, value) or (value in JSON_OF and is_same(held, JSON_OF[value]))):
            return False
    return all(
        (
            not query.statuses or status in query.statuses,
            query.workflow is None or run.workflow == query.workflow,
            query.since is None or run.started_at >= query.since,
            query.until is None or run.started_at < query.until,
            query.min_cost is None or run.spend.cost_usd >= query.min_cost,
            query.max_cost is None or run.spend.cost_usd <= query.max_cost,
            query.origin is None or query.origin in (origin or {RunOrigin.RUN}),
            not query.is_whole or run.origin is None,
            not query.is_live or run.origin is None or run.origin.mode is not RunMode.REPLAY,
        )
    )


async def fill(store: RunStore, runs: Sequence[Run]) -> None:
    for run in runs:
        async with store.open_run(run, SOURCE):
            pass


@settings(max_examples=60, deadline=None)
@given(st.lists(run_fields(), min_size=1, max_size=12), st.lists(queries, min_size=5, max_size=10))
async def test_every_query_gives_what_going_through_all_runs_gives(
    fields: list[dict[str, Any]], asked: list[RunQuery]
) -> None:
    runs = [make_run(f"1a{number:02}", **values) for number, values in enumerate(fields)]
    memory = MemoryStore()
    await fill(memory, runs)
    with TemporaryDirectory() as place:
        async with open_sqlite_store(Path(place) / ".binex", durability=Durability.NORMAL) as sqlite:
            await fill(sqlite, runs)
            for query in asked:
                expected = [run.id for run in reversed(runs) if is_asked_for(run, query)]
                for store in (memory, sqlite):
                    found = (await store.find_runs(query, limit=99)).runs
                    assert [run.id for run in found] == expected, (store, query)
                    page = (await store.find_runs(query, limit=2, offset=1)).runs
                    assert [run.id for run in page] == expected[1:3]
                    figures = await store.list_run_figures(query)
                    assert [one.run_id for one in figures] == expected[::-1]


async def test_who_is_alive_decides_whether_a_run_is_running_or_interrupted(store: RunStore) -> None:
    async with store.open_run(make_run("1a"), SOURCE):
        await fill(store, [make_run("1b")])
        for status, ids in ((RunStatus.RUNNING, ["1a"]), (RunStatus.INTERRUPTED, ["1b"])):
            found = await store.find_runs(RunQuery(statuses=(status,)))
            assert [run.id for run in found.runs] == ids


async def test_runs_are_found_by_the_node_at_which_they_failed_at_last(store: RunStore) -> None:
    outcomes = {
        "1failed": [("search", 1, TaskStatus.FAILED, True)],
        "1late": [("search", 1, TaskStatus.TIMED_OUT, True)],
        "1item": [("search[3]", 1, TaskStatus.FAILED, True)],
        "1again": [("search", 1, TaskStatus.FAILED, False), ("search", 2, TaskStatus.COMPLETED, True)],
        "1resumed": [("search", 1, TaskStatus.FAILED, True), ("search", 2, TaskStatus.COMPLETED, True)],
        "1other": [("search2", 1, TaskStatus.FAILED, True)],
        "1fine": [("search", 1, TaskStatus.COMPLETED, True)],
    }
    for run_id, records in outcomes.items():
        async with store.open_run(make_run(run_id), SOURCE):
            for task, attempt, status, is_final in records:
                await store.settle([make_record(run_id, task, attempt, status=status, is_final=is_final)])
    found = await store.find_runs(RunQuery(failed_at="search"))
    assert sorted(run.id for run in found.runs) == ["1failed", "1item", "1late"]


async def test_a_damaged_row_is_named_and_hides_no_other(open_store: OpenStore, notices: list[str]) -> None:
    async with open_store() as store:
        await fill(store, [make_run(f"1a{number}", status=RunStatus.FAILED) for number in range(3)])
        await store._writer.submit(  # type: ignore[attr-defined]
            lambda connection: connection.execute("UPDATE runs SET doc = 'x' WHERE id = '1a1'")
        )
        found = await store.find_runs(RunQuery(max_cost=1, variables=(), statuses=(RunStatus.FAILED,)))
        assert [run.id for run in found.runs] == ["1a2", "1a0"]
        assert any("run 1a1 cannot be read" in notice for notice in notices)
        assert [one.run_id for one in await store.list_run_figures(RunQuery())] == ["1a0", "1a2"]


@pytest.mark.parametrize("reused_from", [None, "1other"])
async def test_what_was_not_executed_here_has_no_figures(store: RunStore, reused_from: str | None) -> None:
    async with store.open_run(make_run("1a"), SOURCE):
        await store.settle([make_record("1a", "a", reused_from=reused_from, spend=Spend(cost_usd=0.5, input_tokens=7))])
        await store.settle([make_record("1a", "b", attempt=0, started_at=None, status=TaskStatus.SKIPPED)])
        await store.settle([make_record("1a", "c[0]", status=TaskStatus.FAILED, is_final=False)])
    pieces = [piece async for piece in store.list_attempt_figures(RunQuery())]
    found = [(one.node, one.status, one.is_final, one.cost_usd, one.input_tokens) for piece in pieces for one in piece]
    of_a = [] if reused_from else [("a", "completed", True, 0.5, 7)]
    assert found == [*of_a, ("c", "failed", False, 0.0, 0)]


async def test_calls_of_models_have_figures_and_others_have_none(store: RunStore) -> None:
    calls = (
        {"cost_usd": 0.5, "usage": Usage(input_tokens=7, output_tokens=3), "duration_ms": 12.5},
        {"error": "ConnectionError: away"},
        {"error": "CancelledError"},
        {"error": ENDED_FIRST, "is_complete": False},
        {"error": "the budget does not allow it", "priced_by": NOT_MADE},
        {"kind": CallKind.HTTP, "target": "POST http://127.0.0.1/"},
    )
    for run_id in ("1a", "1b"):
        async with store.open_run(make_run(run_id, workflow=run_id), SOURCE):
            for number, fields in enumerate(calls, 1):
                values = {"kind": CallKind.MODEL, "target": "own/model", **fields}
                store.keep_call(make_call(run_id, number=number, **values), [])
            await store.settle([make_record(run_id)])
    pieces = [piece async for piece in store.list_call_figures(RunQuery(workflow="1a"))]
    assert [tuple(one) for piece in pieces for one in piece] == [
        ("1a", "own/model", "completed", 12.5, 0.5, 0, 7, 3),
        ("1a", "own/model", "failed", 0.0, 0.0, 1, 0, 0),
        ("1a", "own/model", "cancelled", 0.0, 0.0, 1, 0, 0),
        ("1a", "own/model", "cancelled", 0.0, 0.0, 1, 0, 0),
    ]


async def test_a_call_that_cannot_be_read_has_no_figures_and_hides_no_other(open_store: OpenStore) -> None:
    async with open_store() as store:
        async with store.open_run(make_run("1a"), SOURCE):
            for number in (1, 2):
                store.keep_call(make_call("1a", number=number, kind=CallKind.MODEL, target=f"own/{number}"), [])
            await store.settle([make_record("1a")])
        await store._writer.submit(  # type: ignore[attr-defined]
            lambda connection: connection.execute("UPDATE calls SET doc = '{' WHERE number = 1")
        )
        pieces = [piece async for piece in store.list_call_figures(RunQuery())]
        assert [one.model for piece in pieces for one in piece] == ["own/2"]
