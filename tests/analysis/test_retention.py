"""What goes and what stays: over families of any shape, and with runs whose replays have to come out the same."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binex.analysis.replayed import compare_replay
from binex.analysis.room.retention import (
    CleaningPlan,
    Protection,
    Retention,
    plan_cleaning,
    removal_order,
)
from binex.analysis.room.stored_size import total_of
from binex.analysis.room.usage import measure, measure_run
from binex.models.run import Run, RunStatus
from binex.runtime.cleaning import clean
from binex.stores.doctor import Severity, examine
from binex.stores.removal_store import FolderSizes, Moment, Stock, StoredBody, StoredRun
from tests.analysis.conftest import Kin

START = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Retention(keep_last=0)


def stored(number: int, **fields: Any) -> StoredRun:
    """A run that began so many days after the first."""
    values: dict[str, Any] = {
        "id": f"1r{number}",
        "workflow": "flow",
        "status": "completed",
        "started_at": START + timedelta(days=number),
        "epoch": 1,
        "is_owned": False,
        "has_questions": False,
        "kept_as": None,
        "parent": None,
        "takes_from": frozenset(),
        "rows": 100,
        "files": 1000,
        "artifacts": 1,
        "calls": 1,
        "bodies": (),
    }
    return StoredRun(**values | fields)


def stock_of(*runs: StoredRun, bodies: int = 0, **folder: int) -> Stock:
    has_owner = any(run.is_owned for run in runs)
    moment = Moment(0, 0, 0, {})
    return Stock(runs, [StoredBody(10, 0)] * bodies, 0, FolderSizes(**folder), has_owner, moment)


def ids(plan: CleaningPlan) -> list[str]:
    return [run.id for run in plan.runs]


def why(plan: CleaningPlan) -> dict[str, Protection]:
    return {run.id: run.why for run in plan.protected}


@st.composite
def families(draw: st.DrawFn) -> Stock:
    """Runs that were made from each other and have taken over from each other, in any way, circles included."""
    count = draw(st.integers(1, 12))
    others = st.integers(0, count).map(lambda number: f"1r{number}")  # one more than there are: some are missing
    runs = [
        stored(
            number,
            workflow=draw(st.sampled_from("ab")),
            status=draw(st.sampled_from(list(RunStatus))),
            started_at=draw(st.none() | st.integers(0, 20).map(lambda day: START + timedelta(days=day))),
            is_owned=draw(st.sampled_from([False, False, False, True])),
            kept_as=draw(st.sampled_from([None, None, None, "", "good"])),
            has_questions=draw(st.sampled_from([False, False, True])),
            parent=draw(st.none() | others),
            takes_from=draw(st.frozensets(others, max_size=2)) - {f"1r{number}"},
            files=draw(st.integers(0, 5)) * 1000,
            bodies=draw(st.sets(st.integers(0, 5))),
        )
        for number in range(count)
    ]
    return stock_of(*runs, bodies=6, database=draw(st.integers(0, 10_000)))


retentions = st.builds(
    Retention,
    runs=st.none() | st.frozensets(st.integers(0, 11).map(lambda number: f"1r{number}")),
    workflow=st.none() | st.sampled_from("ab"),
    statuses=st.frozensets(st.sampled_from(list(RunStatus)), max_size=2),
    began_before=st.none() | st.integers(0, 20).map(lambda day: START + timedelta(days=day)),
    keep_last=st.none() | st.integers(0, 4),
    is_per_workflow=st.booleans(),
    max_size=st.none() | st.integers(0, 40_000),
    includes_unfinished=st.booleans(),
)


@given(families(), retentions)
def test_what_stays_never_loses_what_it_needs_and_what_is_protected_stays(stock: Stock, wanted: Retention) -> None:
    plan = plan_cleaning(stock, wanted)
    gone = set(ids(plan))
    for run in stock.runs:
        if run.id not in gone:
            assert not run.needs & gone
            continue
        assert run.kept_as is None and not run.is_owned and run.started_at is not None
        assert wanted.runs is None or run.id in wanted.runs
        assert wanted.workflow in (None, run.workflow)
        assert wanted.began_before is None or run.started_at < wanted.began_before
        if not wanted.includes_unfinished:
            assert not run.has_questions and run.status in ("completed", "failed", "cancelled", "over_budget")
    assert not gone & {run.id for run in plan.protected}
    assert plan.staying == len(stock.runs) - len(gone)
    assert wanted.max_size is None or plan.is_enough == (plan.size - plan.frees <= wanted.max_size)


@given(families())
def test_at_every_step_of_a_removal_all_that_is_left_has_what_it_needs(stock: Stock) -> None:
    def is_older(id: str | None, run: StoredRun) -> bool:
        return id is not None and int(id[2:]) < int(run.id[2:])

    runs = [
        run._replace(
            parent=run.parent if is_older(run.parent, run) else None,
            takes_from=frozenset(id for id in run.takes_from if is_older(id, run)),
        )
        for run in stock.runs
    ]
    left = {run.id: run for run in runs}
    for run in removal_order(runs):
        del left[run.id]
        assert not any(run.id in other.needs for other in left.values())


@given(families(), retentions)
def test_what_the_runs_give_back_is_what_the_rest_does_not_take(stock: Stock, wanted: Retention) -> None:
    stock = stock._replace(folder=FolderSizes())  # then rows are not spread over pages, and nothing is rounded
    plan = plan_cleaning(stock, wanted)
    gone = set(ids(plan))
    used = {body for run in stock.runs if run.id not in gone for body in run.bodies}
    before = {body for run in stock.runs for body in run.bodies}
    runs = sum(run.rows + run.files for run in stock.runs if run.id in gone)
    assert sum(run.frees for run in plan.runs) == runs + 10 * len(before - used)


def test_nothing_said_removes_nothing() -> None:
    assert plan_cleaning(stock_of(stored(1)), Retention()).runs == ()
    assert plan_cleaning(stock_of(stored(1)), Retention(includes_unfinished=True)).runs == ()


def test_by_age_those_go_that_began_before() -> None:
    plan = plan_cleaning(stock_of(*map(stored, range(5))), Retention(began_before=START + timedelta(days=2)))
    assert ids(plan) == ["1r0", "1r1"]


def test_the_last_of_each_workflow_stay() -> None:
    runs = [stored(number, workflow="ab"[number % 2]) for number in range(6)]
    assert ids(plan_cleaning(stock_of(*runs), Retention(keep_last=2))) == ["1r0", "1r1", "1r2", "1r3"]
    assert ids(plan_cleaning(stock_of(*runs), Retention(keep_last=2, is_per_workflow=True))) == ["1r0", "1r1"]


def test_the_last_are_counted_whatever_their_age() -> None:
    wanted = Retention(keep_last=3, began_before=START + timedelta(days=4))
    assert ids(plan_cleaning(stock_of(*map(stored, range(6))), wanted)) == ["1r0", "1r1", "1r2"]


def test_by_size_the_oldest_go_until_it_is_small_enough() -> None:
    stock = stock_of(*map(stored, range(5)))
    plan = plan_cleaning(stock, Retention(max_size=total_of(stock) - 1500))
    assert ids(plan) == ["1r0", "1r1"] and plan.is_enough
    plan = plan_cleaning(stock_of(*(stored(number, kept_as="") for number in range(5))), Retention(max_size=1500))
    assert ids(plan) == [] and not plan.is_enough


def test_everything_that_stays_although_it_was_asked_for_has_its_reason() -> None:
    stock = stock_of(
        stored(0),
        stored(1, kept_as="good"),
        stored(2, status="running"),
        stored(3, status="running", is_owned=True),
        stored(4, status="waiting", takes_from=frozenset({"1r0"})),
        stored(5, started_at=None),
        stored(6),
    )
    plan = plan_cleaning(stock, ALL)
    assert ids(plan) == ["1r6"]
    assert why(plan) == {
        "1r0": Protection.NEEDED,
        "1r1": Protection.KEPT,
        "1r2": Protection.UNFINISHED,
        "1r3": Protection.EXECUTED,
        "1r4": Protection.UNFINISHED,
        "1r5": Protection.UNREADABLE,
    }
    assert plan.protected[0].needed_by == "1r4"
    assert ids(plan_cleaning(stock, ALL.model_copy(update={"includes_unfinished": True}))) == [
        "1r2",
        "1r4",
        "1r0",
        "1r6",
    ]


def test_a_run_that_had_lost_what_it_needs_before_is_told_apart() -> None:
    plan = plan_cleaning(stock_of(stored(1, takes_from=frozenset({"1gone"})), stored(2)), Retention())
    assert (plan.staying, plan.replayable, plan.incomplete) == (2, 1, ("1r1",))


def test_usage_counts_what_is_shared_once() -> None:
    stock = stock_of(stored(1, bodies=(0, 1)), stored(2, bodies=(1,), parent="1r1"), bodies=3)
    usage = measure(stock)
    assert [(run.id, run.bodies, run.shared_bodies) for run in usage.runs] == [("1r1", 10, 10), ("1r2", 0, 10)]
    assert usage.bodies == 20
    assert [(one.bodies, one.shared_bodies) for one in usage.workflows] == [(20, 0)]
    detail = measure_run(stock, "1r1")
    assert (detail.needed_by, detail.needs, measure_run(stock, "1r2").needs) == (("1r2",), (), ("1r1",))


# --- real runs ------------------------------------------------------------------------------------------------


async def replays_like_before(kin: Kin, runs: list[Run]) -> None:
    for run in runs:
        again = await kin.replay(run)
        assert (await compare_replay(kin.store, again, run)).is_equal, run.id


@pytest.fixture
async def family(kin: Kin) -> dict[str, Run]:
    """Runs of each sort: from the start, replayed, forked, forked from a fork, with outcomes from the cache."""
    runs = {"first": await kin.run(), "second": await kin.run()}
    runs["replay"] = await kin.replay(runs["first"])
    runs["fork"] = await kin.prompt(runs["first"])
    runs["fork of a fork"] = await kin.edit(runs["fork"])
    runs["cached"] = (await kin.session.run(kin.file, cache=True)).run
    return runs


@pytest.mark.parametrize("kept", ["first", "second", "replay", "fork", "fork of a fork", "cached"])
async def test_whatever_is_kept_replays_as_before_and_so_does_all_that_the_plan_says(
    kin: Kin, family: dict[str, Run], tmp_path: Path, kept: str
) -> None:
    await kin.store.keep_run(family[kept].id)
    stock = await kin.store.take_stock()
    plan = plan_cleaning(stock, ALL)
    assert plan.runs and plan.replayable == plan.staying
    report = await clean(kin.store, plan, stock.moment, is_rebuilt=True)
    left = await kin.store.list_runs()
    assert len(left) == plan.staying and family[kept].id in {run.id for run in left}
    assert report.size < plan.size and not report.bodies_left
    assert not [found for found in examine(tmp_path / ".binex") if found.severity is not Severity.INFO]
    await replays_like_before(kin, left)
    before = {run.id for run in left}
    gone = {run.id for run in family.values()} - before
    assert gone == {run.id for run in plan.runs}


async def test_a_run_whose_outcomes_were_recalled_stays_as_long_as_the_one_that_recalled_them(
    kin: Kin, family: dict[str, Run]
) -> None:
    await kin.store.keep_run(family["cached"].id)
    plan = plan_cleaning(await kin.store.take_stock(), ALL)
    needed = {run.id: run.needed_by for run in plan.protected if run.why is Protection.NEEDED}
    assert family["cached"].id in needed.values()
    assert set(needed) <= {family["first"].id, family["second"].id, family["fork"].id}


async def test_a_cleaned_store_goes_on_recalling_what_is_left(kin: Kin, family: dict[str, Run]) -> None:
    await kin.store.keep_run(family["second"].id)
    stock = await kin.store.take_stock()
    await clean(kin.store, plan_cleaning(stock, ALL), stock.moment)
    again = await kin.session.run(kin.file, cache=True)
    assert again.recalled > 0
    assert {r.reused_from for r in (await kin.records(again.run)).values()} - {None} == {family["second"].id}
