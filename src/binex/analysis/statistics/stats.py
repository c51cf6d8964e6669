"""How workflows and their nodes do over time: success, latency, cost, retries, tokens."""

from collections.abc import AsyncIterable, Mapping
from datetime import datetime

from binex.analysis.repetition.wilson import wilson_interval
from binex.analysis.statistics.counting import Counter, quantile
from binex.analysis.statistics.time_buckets import Span, TimeBuckets
from binex.models.base import AnyText, Model
from binex.models.run_query import AttemptFigures, RunQuery
from binex.stores.run_store import RunStore


class Rate(Model):
    """How often something went well."""

    passed: int
    """How many times it did."""
    total: int
    """Of how many that count."""
    rate: float
    """The share."""
    low: float
    """The true share is probably (95 %) above this: the lower bound of Wilson's interval."""
    high: float
    """The true share is probably below this."""


class Latency(Model):
    """How long it took, in milliseconds: quantiles, interpolated between the two nearest values."""

    p50: float
    p90: float
    p99: float


class Figures(Model):
    """What is counted of runs, or of the tasks of one node, in some span of time."""

    count: int = 0
    """How many runs or tasks there were, whatever became of them."""
    success: Rate | None = None
    """How many of those that came to an end by themselves completed: not those that were cancelled, interrupted, or
    are still running or waiting. None where none did."""
    latency: Latency | None = None
    """How long those took that completed or failed; of a task, its last attempt."""
    cost_usd: float = 0.0
    """What all calls of models cost together, as far as prices are known."""
    unpriced_calls: int = 0
    """How many calls have no known price."""
    retries: int | None = None
    """How many attempts were followed by another one; for runs, those of all their tasks. None where only the runs
    were counted, since no workflow was asked for."""
    input_tokens: int = 0
    output_tokens: int = 0


class Bucket(Model):
    """A part of the span of time."""

    start: datetime
    """Where it begins."""
    figures: Figures


class Trend(Model):
    """How the later half of the buckets with anything in them differs from the earlier one."""

    success: float | None = None
    """By how much the share of successes has grown, as in -0.05."""
    is_success_clear: bool = False
    """Whether the two intervals do not overlap, so that it hardly is chance."""
    latency: float | None = None
    """By how much the median latency has grown, relative to what it was, as in 0.2."""


class Series(Model):
    """A workflow, or one of its nodes, over time."""

    workflow: AnyText
    """The workflow's name."""
    node: AnyText = ""
    """The node; empty for whole runs."""
    figures: Figures
    """All together."""
    trend: Trend
    """Where it goes."""
    buckets: tuple[Bucket, ...] = ()
    """The parts of the span, in their order; empty ones too."""


class StatsReport(Model):
    """How workflows do over time; what `binex stats --json` prints."""

    by: Span
    """How long a bucket is."""
    since: datetime | None = None
    """Where the first bucket begins; None where there is no run."""
    until: datetime | None = None
    """Where the last one ends."""
    series: tuple[Series, ...] = ()
    """Each workflow by its name; where one was asked for, it and then its nodes, in the order in which they run."""


async def find_stats(
    store: RunStore,
    workflow: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    by: Span | None = None,
) -> StatsReport:
    """How all workflows do, or one of them with its nodes; by the time at which runs began.

    Imported runs count; forks and replays do not: they execute a part only, or are answered from a tape.

    Raises:
        InputError: the buckets *by* which it is asked for would be too many.
    """
    query = RunQuery(workflow=workflow, since=since, until=until, is_whole=True)
    runs = await store.list_run_figures(query)
    if not runs:
        return StatsReport(by=by or Span.DAY)
    began = {run.run_id: datetime.fromisoformat(run.started_at) for run in runs}
    buckets = TimeBuckets.over(min(began.values()), max(began.values()), by)
    place = {run_id: buckets.part_of(moment) for run_id, moment in began.items()}
    counters: dict[tuple[str, str], list[Counter]] = {}
    for run in runs:
        counters.setdefault((run.workflow, ""), buckets.new(Counter))[place[run.run_id]].add_run(run)
    if workflow is not None:
        await _count_attempts(store.list_attempt_figures(query), place, workflow, counters, buckets)
    order = sorted(counters) if workflow is None else list(counters)
    return StatsReport(
        by=buckets.span,
        since=buckets.starts[0],
        until=buckets.end,
        series=tuple(_series(key, counters[key], buckets.starts, has_retries=workflow is not None) for key in order),
    )


async def _count_attempts(
    pieces: AsyncIterable[list[AttemptFigures]],
    place: Mapping[str, int],
    workflow: str,
    counters: dict[tuple[str, str], list[Counter]],
    buckets: TimeBuckets,
) -> None:
    whole = counters[workflow, ""]
    async for piece in pieces:
        for attempt in piece:
            at = place.get(attempt.run_id)
            if at is not None:  # else the run has begun since
                counters.setdefault((workflow, attempt.node), buckets.new(Counter))[at].add_attempt(attempt)
                whole[at].retries += not attempt.is_final


def _series(key: tuple[str, str], counters: list[Counter], starts: list[datetime], *, has_retries: bool) -> Series:
    return Series(
        workflow=key[0],
        node=key[1],
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
