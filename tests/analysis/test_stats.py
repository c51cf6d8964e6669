"""How workflows do over time, told from runs whose truth is known."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from binex.analysis.statistics.counting import quantile
from binex.analysis.statistics.report import Series
from binex.analysis.statistics.stats import find_stats
from binex.analysis.statistics.time_buckets import Span, TimeBuckets
from binex.errors import InputError
from binex.models.call import ENDED_FIRST, NOT_MADE, Call, CallKind, Spend, Usage
from binex.models.run import Origin, Run, RunMode, RunStatus
from binex.models.task import TaskStatus
from tests.analysis.conftest import Ledger

DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 2).astimezone()


async def test_success_latency_cost_retries_and_tokens_are_those_that_were_built_in(ledger: Ledger) -> None:
    spend = Spend(cost_usd=0.25, model_calls=1, unpriced_calls=1, input_tokens=100, output_tokens=20)
    for number in range(10):
        status = RunStatus.FAILED if number >= 8 else RunStatus.COMPLETED
        began = MONDAY + DAY * (number // 5) + timedelta(hours=9)
        run = await ledger.run(
            f"1a{number}", status=status, started_at=began, duration_ms=1000.0 * (number + 1), spend=spend
        )
        await ledger.attempt(run, "plan", 0, 10, status=TaskStatus.FAILED, is_final=False)
        await ledger.attempt(run, "plan", 20, 100 + number, attempt=2)
        ended = TaskStatus.FAILED if number >= 8 else TaskStatus.COMPLETED
        await ledger.attempt(run, "write", 200, 500, status=ended, spend=spend)
        await ledger.decided(run, "after", 800, TaskStatus.SKIPPED)
    report = await find_stats(ledger.store, "flow", by=Span.DAY)
    assert [series.node for series in report.series] == ["", "plan", "write"]
    whole, plan, write = report.series
    assert (report.since, report.until) == (MONDAY, MONDAY + 2 * DAY)
    assert whole.figures.count == 10
    assert whole.figures.success is not None
    assert (whole.figures.success.passed, whole.figures.success.total, whole.figures.success.rate) == (8, 10, 0.8)
    assert (round(whole.figures.success.low, 3), round(whole.figures.success.high, 3)) == (0.490, 0.943)
    assert whole.figures.latency is not None
    assert (whole.figures.latency.p50, whole.figures.latency.p90) == (5500, 9100)
    assert whole.figures.latency.p99 == pytest.approx(9910)
    assert whole.figures.cost_usd == pytest.approx(2.5)
    assert (report.total.count, report.total.cost_usd) == (10, whole.figures.cost_usd)
    assert (whole.figures.unpriced_calls, whole.figures.retries) == (10, 10)
    assert (whole.figures.input_tokens, whole.figures.output_tokens) == (1000, 200)
    assert (plan.figures.count, plan.figures.retries, plan.figures.cost_usd) == (10, 10, 0)
    assert plan.figures.success is not None
    assert plan.figures.success.rate == 1
    assert plan.figures.latency is not None
    assert plan.figures.latency.p50 == 104.5
    assert write.figures.success is not None
    assert write.figures.success.rate == 0.8
    assert [bucket.figures.count for bucket in whole.buckets] == [5, 5]
    assert [bucket.figures.success.passed for bucket in whole.buckets if bucket.figures.success] == [5, 3]
    assert whole.trend.success == pytest.approx(-0.4)
    assert not whole.trend.is_success_clear
    assert whole.trend.latency == pytest.approx(8000 / 3000 - 1)


async def test_models_are_told_by_their_calls_the_most_expensive_first(ledger: Ledger) -> None:
    for number in range(4):
        run = await ledger.run(f"1a{number}", started_at=MONDAY + DAY * (number // 2), spend=Spend(cost_usd=1.5))
        call(ledger, run, 1, target="openai/small", cost_usd=0.5, usage=Usage(input_tokens=10, output_tokens=2))
        call(ledger, run, 2, target="own/large", cost_usd=1.0, duration_ms=40)
        call(ledger, run, 3, target="own/free", cost_usd=None, error="TimeoutError: too late")
        call(ledger, run, 4, target="own/free", cost_usd=None, error=ENDED_FIRST, is_complete=False)
        call(ledger, run, 5, target="own/large", cost_usd=None, priced_by=NOT_MADE, error="over budget")
        call(ledger, run, 6, kind=CallKind.HTTP, target="POST https://host/")
    await ledger.store.flush()
    report = await find_stats(ledger.store, is_of_models=True, by=Span.DAY)
    assert report.is_of_models
    assert [series.name for series in report.series] == ["own/large", "openai/small", "own/free"]
    large, small, free = report.series
    assert (large.workflow, large.node, large.figures.count, large.figures.cost_usd) == ("", "", 4, 4.0)
    assert large.figures.latency is not None
    assert large.figures.latency.p50 == 40
    assert (small.figures.input_tokens, small.figures.output_tokens, small.figures.retries) == (40, 8, None)
    assert [bucket.figures.cost_usd for bucket in small.buckets] == [1.0, 1.0]
    assert (free.figures.count, free.figures.unpriced_calls) == (8, 8)
    assert free.figures.success is not None
    assert (free.figures.success.passed, free.figures.success.total) == (0, 4), "what was given up is judged by nobody"
    assert (report.total.count, report.total.cost_usd, report.total.unpriced_calls) == (16, 6.0, 8)
    of_one = await find_stats(ledger.store, "flow", is_of_models=True)
    assert [(series.workflow, series.model) for series in of_one.series][:1] == [("flow", "own/large")]
    assert (await find_stats(ledger.store, "other", is_of_models=True)).series == ()


async def test_forks_count_where_it_is_said_as_they_were_paid_for_and_replays_never(ledger: Ledger) -> None:
    spend = Spend(cost_usd=1.0, model_calls=1)
    origins = (None, Origin(parent="1a0", mode=RunMode.FORK), Origin(parent="1a0", mode=RunMode.REPLAY))
    for number, origin in enumerate(origins):
        run = await ledger.run(f"1a{number}", origin=origin, spend=spend)
        await ledger.attempt(run, "say", 0, 5, spend=spend)
        call(ledger, run, 1, target="own/large", cost_usd=1.0)
    await ledger.store.flush()
    for has_forks, most in ((False, 1), (True, 2)):
        report = await find_stats(ledger.store, "flow", has_forks=has_forks)
        assert report.has_forks is has_forks
        assert [series.figures.cost_usd for series in report.series] == [most, most]
        models = await find_stats(ledger.store, is_of_models=True, has_forks=has_forks)
        assert (models.total.cost_usd, models.total.count) == (most, most)
        assert (await find_stats(ledger.store, has_forks=has_forks)).total.cost_usd == most


def call(ledger: Ledger, run: Run, number: int, **fields: Any) -> None:
    """A call that the task `say` made in *run*."""
    values: dict[str, Any] = {"kind": CallKind.MODEL, "started_at": run.started_at, "duration_ms": 20, **fields}
    ledger.store.keep_call(Call(run_id=run.id, task="say", attempt=1, number=number, **values), [])


async def test_what_did_not_end_by_itself_is_counted_and_judged_by_nobody(ledger: Ledger) -> None:
    for number, status in enumerate(RunStatus):
        await ledger.run(f"1a{number}", status=status, duration_ms=5)
    await ledger.run("1fork", origin=Origin(parent="1a1", mode=RunMode.FORK))
    await ledger.run("1replay", origin=Origin(parent="1a1", mode=RunMode.REPLAY))
    (series,) = (await find_stats(ledger.store)).series
    assert series.figures.count == len(RunStatus)
    assert series.figures.success is not None
    assert (series.figures.success.passed, series.figures.success.total) == (1, 3)
    assert series.figures.retries is None


async def test_what_was_executed_elsewhere_counts_too(ledger: Ledger) -> None:
    """A trace of another program is a run that every command reads."""
    run = await ledger.run("1trace", workflow="theirs", is_imported=True, duration_ms=20)
    await ledger.attempt(run, "chat", 0, 20)
    await ledger.run("1fork", workflow="theirs", is_imported=True, origin=Origin(parent="1trace", mode=RunMode.FORK))
    (whole, node) = (await find_stats(ledger.store, "theirs")).series
    assert (whole.figures.count, node.node, node.figures.count) == (1, "chat", 1)


async def test_workflows_come_by_name_and_gaps_are_empty_parts(ledger: Ledger) -> None:
    for number, workflow in enumerate(("b", "a", "a")):
        await ledger.run(f"1a{number}", workflow=workflow, started_at=MONDAY + DAY * number * 2)
    report = await find_stats(ledger.store)
    assert report.by is Span.DAY
    assert [series.workflow for series in report.series] == ["a", "b"]
    assert [bucket.figures.count for bucket in report.series[0].buckets] == [0, 0, 1, 0, 1]
    assert report.series[1].buckets[2].figures.success is None
    limited = await find_stats(ledger.store, since=MONDAY + DAY, until=MONDAY + 3 * DAY)
    assert [(series.workflow, series.figures.count) for series in limited.series] == [("a", 1)]
    assert (await find_stats(ledger.store, "c")).series == ()


async def test_a_clear_change_for_the_worse_is_called_clear(ledger: Ledger) -> None:
    for number in range(60):
        is_good = number < 30 or number % 2
        await ledger.run(
            f"1a{number:02}",
            status=RunStatus.COMPLETED if is_good else RunStatus.FAILED,
            started_at=MONDAY + DAY * (number // 10),
        )
    series: Series = (await find_stats(ledger.store)).series[0]
    assert series.trend.success == pytest.approx(-0.5)
    assert series.trend.is_success_clear


def test_quantiles_are_interpolated() -> None:
    assert quantile([7.0], 0.99) == 7
    assert quantile([1.0, 2.0], 0.5) == 1.5
    values = sorted(random.Random(1).random() for _ in range(1001))
    assert quantile(values, 0.9) == values[900]
    assert (quantile(values, 0.0), quantile(values, 1.0)) == (values[0], values[-1])


def test_parts_have_no_gaps_and_the_length_that_fits() -> None:
    for length, span in ((timedelta(hours=30), Span.HOUR), (40 * DAY, Span.DAY), (400 * DAY, Span.WEEK)):
        buckets = TimeBuckets.over(MONDAY, MONDAY + length)
        assert buckets.span is span
        assert buckets.starts[0] == MONDAY
        assert buckets.part_of(MONDAY) == 0
        assert buckets.part_of(MONDAY + length) == len(buckets.starts) - 1
        assert buckets.starts[-1] <= MONDAY + length < buckets.end
        assert all(start.astimezone().minute == 0 for start in buckets.starts)
    weeks = TimeBuckets.over(datetime(2026, 11, 22, 23, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), Span.WEEK)
    assert {start.weekday() for start in weeks.starts} == {0}


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(InputError, match="too many parts of one hour"):
        TimeBuckets.over(MONDAY, MONDAY + 365 * DAY, Span.HOUR)
