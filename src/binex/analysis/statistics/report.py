"""How workflows, nodes and models do over time: what is told of it."""

from datetime import datetime

from binex.analysis.statistics.time_buckets import Span
from binex.models.base import AnyText, Model


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
    """What is counted of runs, of the tasks of one node, or of the calls of one model, in some span of time."""

    count: int = 0
    """How many runs, tasks or calls there were, whatever became of them."""
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
    """How many attempts were followed by another one; for runs, those of all their tasks. None where only runs
    or calls were counted."""
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
    """A workflow, one of its nodes, or a model, over time."""

    workflow: AnyText = ""
    """The workflow's name; empty for a model in all workflows."""
    node: AnyText = ""
    """The node; empty for whole runs and for models."""
    model: AnyText = ""
    """The model, as in `openai/gpt-4o-mini`; empty for workflows and nodes."""
    figures: Figures
    """All together."""
    trend: Trend
    """Where it goes."""
    buckets: tuple[Bucket, ...] = ()
    """The parts of the span, in their order; empty ones too."""

    @property
    def name(self) -> str:
        """What it is called among the others."""
        return self.node or self.model or self.workflow


class StatsReport(Model):
    """How workflows do over time; what `binex stats --json` prints."""

    by: Span
    """How long a bucket is."""
    since: datetime | None = None
    """Where the first bucket begins; None where there is no run."""
    until: datetime | None = None
    """Where the last one ends."""
    series: tuple[Series, ...] = ()
    """Each workflow by its name; where one was asked for, it and then its nodes, in the order in which they run. Where
    models were asked for, each of them, the most expensive first."""
    total: Figures = Figures()
    """All runs together; where models were asked for, all their calls."""
    is_of_models: bool = False
    """Whether the series are models."""
    has_forks: bool = False
    """Whether forks count as well."""
