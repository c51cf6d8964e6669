"""How workflows, their nodes and models do over time: success, latency, cost, retries, tokens."""

from collections.abc import AsyncIterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from binex.analysis.repetition.wilson import wilson_interval
from binex.analysis.statistics.counting import Counter, quantile
from binex.analysis.statistics.report import Bucket, Figures, Latency, Rate, Series, StatsReport, Trend
from binex.analysis.statistics.time_buckets import Span, TimeBuckets
from binex.models.run_query import AttemptFigures, CallFigures, RunFigures, RunQuery
from binex.stores.run_store import RunStore


class _Key(NamedTuple):
    """Whose series it is."""

    workflow: str = ""
    node: str = ""
    model: str = ""


class _Counted:
    """Runs in their parts of the time, and a counter of each part for every series."""

    def __init__(self, runs: list[RunFigures], by: Span | None) -> None:
        began = {run.run_id: datetime.fromisoformat(run.started_at) for run in runs}
        self.buckets = TimeBuckets.over(min(began.values()), max(began.values()), by)
        self.place: Final[Mapping[str, int]] = {
            run_id: self.buckets.part_of(moment) for run_id, moment in began.items()
        }
        self.counters: dict[_Key, list[Counter]] = {}

    def of(self, key: _Key) -> list[Counter]:
        """The counters of a series."""
        found = self.counters.get(key)
        return found if found is not None else self.counters.setdefault(key, self.buckets.new(Counter))


async def find_stats(  # noqa: PLR0913 - what can be asked
    store: RunStore,
    workflow: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    by: Span | None = None,
    is_of_models: bool = False,
    has_forks: bool = False,
) -> StatsReport:
    """How all workflows do, or one of them with its nodes; by the time at which runs began.

    With *is_of_models* how the models do that were asked in these runs. Imported runs count; forks do where it is said,
    as what they executed was paid for, though it is only a part; replays never: they are answered from a tape.

    Raises:
        InputError: the buckets *by* which it is asked for would be too many.
    """
    query = RunQuery(workflow=workflow, since=since, until=until, is_whole=not has_forks, is_live=has_forks)
    runs = await store.list_run_figures(query)
    if not runs:
        return StatsReport(by=by or Span.DAY, is_of_models=is_of_models, has_forks=has_forks)
    counted = _Counted(runs, by)
    if is_of_models:
        await _count_calls(store.list_call_figures(query), counted, workflow or "")
    else:
        for run in runs:
            counted.of(_Key(run.workflow))[counted.place[run.run_id]].add_run(run)
    wholes = [Counter.sum_of(counters) for counters in counted.counters.values()]
    has_retries = workflow is not None and not is_of_models
    if workflow is not None and not is_of_models:
        await _count_attempts(store.list_attempt_figures(query), counted, workflow)
    series = tuple(
        _series(key, counters, counted.buckets.starts, has_retries=has_retries)
        for key, counters in counted.counters.items()
    )
    return StatsReport(
        by=counted.buckets.span,
        since=counted.buckets.starts[0],
        until=counted.buckets.end,
        series=tuple(sorted(series, key=_order)) if workflow is None or is_of_models else series,
        total=_figures(Counter.sum_of(wholes)),
        is_of_models=is_of_models,
        has_forks=has_forks,
    )


async def _count_attempts(pieces: AsyncIterable[list[AttemptFigures]], counted: _Counted, workflow: str) -> None:
    whole = counted.of(_Key(workflow))
    async for piece in pieces:
        for attempt in piece:
            at = counted.place.get(attempt.run_id)
            if at is not None:  # else the run has begun since
                counted.of(_Key(workflow, attempt.node))[at].add_attempt(attempt)
                whole[at].retries += not attempt.is_final


async def _count_calls(pieces: AsyncIterable[list[CallFigures]], counted: _Counted, workflow: str) -> None:
    async for piece in pieces:
        for call in piece:
            at = counted.place.get(call.run_id)
            if at is not None:
                counted.of(_Key(workflow, model=call.model))[at].add_call(call)


def _order(series: Series) -> tuple[float, str]:
    return (-series.figures.cost_usd if series.model else 0.0, series.name)


def _series(key: _Key, counters: list[Counter], starts: list[datetime], *, has_retries: bool) -> Series:
    return Series(
        workflow=key.workflow,
        node=key.node,
        model=key.model,
        figures=_figures(Counter.sum_of(counters), has_retries=has_retries),
        trend=_trend([counter for counter in counters if counter.count]),
        buckets=tuple(
            Bucket(start=start, figures=_figures(counter, has_retries=has_retries))
            for start, counter in zip(starts, counters, strict=True)
        ),
    )


def _figures(counter: Counter, *, has_retries: bool = False) -> Figures:
    return Figures(
        count=counter.count,
        success=_rate(counter),
        latency=_latency(counter),
        cost_usd=counter.cost_usd,
        unpriced_calls=counter.unpriced,
        retries=counter.retries if has_retries else None,
        input_tokens=counter.input_tokens,
        output_tokens=counter.output_tokens,
    )


def _rate(counter: Counter) -> Rate | None:
    if not counter.ended:
        return None
    low, high = wilson_interval(counter.passed, counter.ended)
    return Rate(passed=counter.passed, total=counter.ended, rate=counter.passed / counter.ended, low=low, high=high)


def _latency(counter: Counter) -> Latency | None:
    if not counter.durations:
        return None
    ordered = sorted(counter.durations)
    return Latency(p50=quantile(ordered, 0.5), p90=quantile(ordered, 0.9), p99=quantile(ordered, 0.99))


def _trend(counters: list[Counter]) -> Trend:
    if len(counters) < 2:
        return Trend()
    half = len(counters) // 2
    earlier, later = (_figures(Counter.sum_of(some)) for some in (counters[:half], counters[half:]))
    success = latency = None
    is_clear = False
    if earlier.success is not None and later.success is not None:
        success = later.success.rate - earlier.success.rate
        is_clear = later.success.low > earlier.success.high or later.success.high < earlier.success.low
    if earlier.latency is not None and later.latency is not None and earlier.latency.p50:
        latency = later.latency.p50 / earlier.latency.p50 - 1
    return Trend(success=success, is_success_clear=is_clear, latency=latency)
