"""Whether a run came out as it should: by a condition, or by what the good run has made."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from pydantic import JsonValue

from binex.analysis.repetition.expectation import Expectation
from binex.analysis.repetition.samples import Sample, TaskRecords, read_sample
from binex.graph.reference import as_text
from binex.models.run import Run
from binex.models.task import SkipReason, TaskStatus
from binex.stores.run_store import RunStore

_SHOWN: Final = 120


class Judged(NamedTuple):
    """What was found of one run."""

    is_passed: bool
    said: str
    """What it gave, in one line."""


class Judge(Protocol):
    """Looks at what a run has made."""

    @property
    def text(self) -> str:
        """What passing means, in words."""
        ...

    async def judge(self, store: RunStore, run: Run) -> Judged: ...


class Targets(NamedTuple):
    """The nodes that are judged, as one run has them."""

    records: TaskRecords
    samples: Mapping[str, Sample]
    """Those that completed, and those that a condition of the workflow left out."""
    missing: str
    """Why the first of the others has made nothing; empty where there is none."""


async def read_targets(store: RunStore, run: Run, nodes: Sequence[str]) -> Targets:
    """What *nodes* have made in *run*.

    Raises:
        DamagedDataError: what one of them made is missing or altered.
    """
    records = TaskRecords.of(await store.list_records(run.id))
    samples: dict[str, Sample] = {}
    missing = ""
    for node in nodes:
        sample = await read_sample(store, run.id, node, records)
        is_left_out = sample is not None and sample.skip_reason is SkipReason.WHEN
        if sample is not None and (sample.status is TaskStatus.COMPLETED or is_left_out):
            samples[node] = sample
        elif not missing:
            missing = f"{node} never ended" if sample is None else f"{node} is {_state(sample)}"
    return Targets(records, samples, missing)


class EqualityJudge:
    """A run passes that has made what the good one has made."""

    text = "the same output as in the good run"

    def __init__(self, nodes: Sequence[str], good: Targets) -> None:
        self._nodes = nodes
        self._wanted = {node: (sample.status, sample.sha256) for node, sample in good.samples.items()}

    async def judge(self, store: RunStore, run: Run) -> Judged:
        """Compare the outputs by their hashes."""
        targets = await read_targets(store, run, self._nodes)
        if targets.missing:
            return Judged(False, targets.missing)
        made = {node: (sample.status, sample.sha256) for node, sample in targets.samples.items()}
        return Judged(made == self._wanted, shown(targets))


class ExpectationJudge:
    """A run passes for which a condition holds."""

    def __init__(self, nodes: Sequence[str], expectation: Expectation) -> None:
        self._nodes = nodes
        self._expectation = expectation

    @property
    def text(self) -> str:
        """The condition."""
        return self._expectation.text

    async def judge(self, store: RunStore, run: Run) -> Judged:
        """Ask the condition about what the run has made."""
        targets = await read_targets(store, run, self._nodes)
        if targets.missing:
            return Judged(False, targets.missing)
        asked = targets.samples.get(self._expectation.node)  # else the condition does not speak of it
        outputs = {} if asked is None else asked.outputs
        holds, why_not = await self._expectation.judge(store, run, targets.records.final, outputs)
        return Judged(holds, why_not or shown(targets))


def shown(targets: Targets) -> str:
    """What the nodes have made, in one line."""
    parts = []
    for node, sample in targets.samples.items():
        values = list(sample.outputs.values())
        value: JsonValue = values[0] if len(values) == 1 else dict(sample.outputs)
        text = "nothing: it was left out" if sample.status is not TaskStatus.COMPLETED else _brief(value)
        parts.append(f"{node} made {text}")
    return ", ".join(parts)


def _brief(value: JsonValue) -> str:
    text = as_text(value)
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f'"{text}"' if isinstance(value, str) else text


def _state(sample: Sample) -> str:
    if sample.error is None:
        return sample.status.value
    first = next(iter(sample.error.message.splitlines()), "")
    return f"{sample.status.value}: {sample.error.type}: {first[:_SHOWN]}"
