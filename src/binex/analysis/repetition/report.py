"""What a task makes of the same inputs when it is executed many times: what is equal, what varies, how far."""

import statistics
from collections.abc import Sequence
from enum import StrEnum

from binex.analysis.repetition.expectation import Expectation
from binex.analysis.repetition.likeness import Group, Standing, find_likeness
from binex.analysis.repetition.samples import Sample, TaskRecords, read_sample
from binex.analysis.repetition.wilson import wilson_interval
from binex.errors import DamagedDataError
from binex.models.base import Model
from binex.models.call import Spend
from binex.models.run import Run, RunStatus
from binex.models.task import TaskStatus
from binex.stores.run_store import RunStore


class StopReason(StrEnum):
    """Why fewer repetitions were made than were asked for."""

    BUDGET = "budget"
    """What may be spent is spent, or does not allow the next call."""
    INTERRUPTED = "interrupted"
    """Somebody told them to stop."""
    WAITING = "waiting"
    """Somebody has to answer first, and is not there."""


class Repetition(Model):
    """Runs in which one task of the same run was executed again."""

    parent: str
    """The run."""
    task: str
    """The path of the task."""
    times: int
    """How many were asked for."""
    runs: tuple[str, ...]
    """The runs, in the order in which they began."""
    max_cost: float | None = None
    """What all of them may cost together, in US dollars."""
    stopped_by: StopReason | None = None
    """Why there are fewer; None where all were made."""


class UnfinishedRun(Model):
    """A repetition in which the task never ended."""

    run_id: str
    status: RunStatus


class Spread(Model):
    """How far a quantity varies; percentiles are values that were seen, by the nearest rank."""

    least: float
    median: float
    p90: float
    """Nine of ten are at most that."""
    most: float


class Spreads(Model):
    """How far the samples vary that completed."""

    length: Spread
    """In characters."""
    latency_ms: Spread
    input_tokens: Spread | None = None
    """None where no model was called, as for the next two."""
    output_tokens: Spread | None = None
    cost_usd: Spread | None = None
    """Of those samples whose cost is known; None where that of none is."""
    unpriced: int = 0
    """How many samples have calls of models with an unknown price; their cost is in no spread."""


class PassRate(Model):
    """How many samples are as expected."""

    expectation: str
    """The condition."""
    passed: int
    total: int
    """All samples; one that failed does not pass."""
    rate: float
    low: float
    """The lower bound of the 95 % Wilson interval."""
    high: float
    """The upper one."""


class RepeatReport(Model):
    """What `binex replay --only NODE --times N` finds out."""

    repetition: Repetition
    samples: tuple[Sample, ...]
    """Those in which the task ended, in the order in which they began."""
    unfinished: tuple[UnfinishedRun, ...] = ()
    """The other runs, in which it was stopped or refused; they count for nothing but their cost."""
    groups: tuple[Group, ...] = ()
    """Equal and nearly equal outputs of the samples that completed, the largest group first."""
    spreads: Spreads | None = None
    """None where no sample completed."""
    recorded: Sample | None = None
    """What the task made in the run that was repeated; None where it did not complete, or that cannot be read."""
    standing: Standing | None = None
    """How that compares with the samples; None where there is nothing to compare, or too little."""
    pass_rate: PassRate | None = None
    """None where nothing is expected."""
    total: Spend
    """What all repetitions cost together."""

    @property
    def completed(self) -> tuple[Sample, ...]:
        """The samples that completed."""
        return tuple(sample for sample in self.samples if sample.status is TaskStatus.COMPLETED)

    @property
    def failed(self) -> tuple[Sample, ...]:
        """The other samples: failed, timed out, skipped."""
        return tuple(sample for sample in self.samples if sample.status is not TaskStatus.COMPLETED)

    @property
    def is_done(self) -> bool:
        """Whether as many samples were made as were asked for."""
        return len(self.samples) == self.repetition.times


async def compare_repetitions(
    store: RunStore, repetition: Repetition, expectation: Expectation | None = None
) -> RepeatReport:
    """Compare what one task has made in several runs with each other, and with what was recorded.

    Raises:
        StoreError: the store cannot be read.
        DamagedDataError: what a sample has made is missing or altered.
    """
    samples: list[Sample] = []
    unfinished: list[UnfinishedRun] = []
    total = Spend()
    for run_id in repetition.runs:
        run = await store.get_run(run_id)
        if run is None:
            continue
        total = total.plus(run.spend)
        records = TaskRecords.of(await store.list_records(run_id))
        sample = await read_sample(store, run_id, repetition.task, records)
        if sample is None or sample.status is TaskStatus.CANCELLED:
            unfinished.append(UnfinishedRun(run_id=run_id, status=run.status))
        elif expectation is None:
            samples.append(sample)
        else:
            samples.append(await _judged(store, run, records, sample, expectation))
    completed = [sample for sample in samples if sample.status is TaskStatus.COMPLETED]
    recorded = await _recorded(store, repetition)
    likeness = find_likeness(completed, recorded)
    return RepeatReport(
        repetition=repetition,
        samples=tuple(samples),
        unfinished=tuple(unfinished),
        groups=likeness.groups,
        spreads=_spreads(completed) if completed else None,
        recorded=recorded,
        standing=likeness.standing,
        pass_rate=None if expectation is None else _pass_rate(expectation.text, samples),
        total=total,
    )


async def _judged(store: RunStore, run: Run, records: TaskRecords, sample: Sample, expectation: Expectation) -> Sample:
    if sample.status is not TaskStatus.COMPLETED:
        return sample.model_copy(update={"is_passed": False, "why_not": f"it is {sample.status.value}"})
    holds, why_not = await expectation.judge(store, run, records.final, sample.outputs)
    return sample.model_copy(update={"is_passed": holds, "why_not": why_not})


async def _recorded(store: RunStore, repetition: Repetition) -> Sample | None:
    """What was recorded; the samples are worth being shown without it."""
    try:
        recorded = await read_sample(store, repetition.parent, repetition.task)
    except DamagedDataError:
        return None
    return recorded if recorded is not None and recorded.status is TaskStatus.COMPLETED else None


def _spreads(completed: Sequence[Sample]) -> Spreads:
    of_models = [sample.spend for sample in completed if sample.spend.model_calls]
    priced = [spend.cost_usd for spend in of_models if not spend.unpriced_calls]
    return Spreads(
        length=_spread([sample.length for sample in completed]),
        latency_ms=_spread([sample.latency_ms for sample in completed]),
        input_tokens=_spread([spend.input_tokens for spend in of_models]) if of_models else None,
        output_tokens=_spread([spend.output_tokens for spend in of_models]) if of_models else None,
        cost_usd=_spread(priced) if priced else None,
        unpriced=len(of_models) - len(priced),
    )


def _spread(values: Sequence[float]) -> Spread:
    ordered = sorted(values)
    return Spread(
        least=ordered[0],
        median=statistics.median(ordered),
        p90=ordered[-(-len(ordered) * 9 // 10) - 1],  # rounded up
        most=ordered[-1],
    )


def _pass_rate(expectation: str, samples: Sequence[Sample]) -> PassRate:
    passed, total = sum(sample.is_passed is True for sample in samples), len(samples)
    low, high = wilson_interval(passed, total)
    rate = passed / total if total else 0.0
    return PassRate(expectation=expectation, passed=passed, total=total, rate=rate, low=low, high=high)
