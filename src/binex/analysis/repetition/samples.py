"""One task as it was executed in one run: what it made, how long that took, what it cost."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import Field, JsonValue

from binex.graph.reference import as_text
from binex.models.base import Model
from binex.models.call import Spend
from binex.models.names import item_of, node_of
from binex.models.task import ErrorInfo, ExecutionRecord, SkipReason, TaskStatus, final_records
from binex.stores.run_store import RunStore


class Sample(Model):
    """One task as it was executed in one run."""

    run_id: str
    """The run that executed it."""
    task: str
    """What it is called there."""
    status: TaskStatus
    """How it ended."""
    error: ErrorInfo | None = None
    """Why it failed."""
    skip_reason: SkipReason | None = None
    """Why it was skipped."""
    outputs: dict[str, JsonValue] = Field(default_factory=dict)
    """What it made, by the names of its outputs; empty unless it completed."""
    sha256: str = ""
    """The hash of all that it made; empty unless it completed."""
    length: int = 0
    """How many characters its outputs have together: text as it is, everything else as compact JSON."""
    attempts: int = 0
    """How many attempts there were, those at its items included."""
    latency_ms: float = 0.0
    """From the beginning of the first attempt to the end of the last one, pauses included, in milliseconds."""
    spend: Spend = Field(default_factory=Spend)
    """What the calls of models in all its attempts cost together."""
    is_passed: bool | None = None
    """Whether it is as expected; None where nothing is."""
    why_not: str = ""
    """What the expectation met instead, where it is not."""


class TaskRecords(NamedTuple):
    """All that a run has recorded, by task."""

    final: Mapping[str, ExecutionRecord]
    """How each task ended; those that never did are missing."""
    all: Sequence[ExecutionRecord]

    @classmethod
    def of(cls, records: Sequence[ExecutionRecord]) -> "TaskRecords":
        return cls(final_records(records), records)

    def executed(self, task: str) -> list[ExecutionRecord]:
        """The attempts at a task that were made in the run itself, those at its items included."""
        return [
            record
            for record in self.all
            if record.started_at is not None
            and record.reused_from is None
            and (record.task == task or (item_of(record.task) is not None and node_of(record.task) == task))
        ]


async def read_sample(store: RunStore, run_id: str, task: str, records: TaskRecords | None = None) -> Sample | None:
    """The task as *run_id* has it, wherever it was executed; None where it never ended.

    Raises:
        DamagedDataError: what it made is missing or altered.
    """
    if records is None:
        records = TaskRecords.of(await store.list_records(run_id))
    record = records.final.get(task)
    if record is None:
        return None
    if record.reused_from is not None:
        run_id, task = record.executed_as
        records = TaskRecords.of(await store.list_records(run_id))
    attempts = records.executed(task)
    outputs: dict[str, JsonValue] = {}
    digest = hashlib.sha256()
    for id in record.output_artifacts:
        artifact = await store.get(id)
        if artifact is not None:
            outputs[artifact.output] = artifact.content
            digest.update(f"{artifact.output}={artifact.sha256}\n".encode())
    return Sample(
        run_id=run_id,
        task=task,
        status=record.status,
        error=record.error,
        skip_reason=record.skip_reason,
        outputs=outputs,
        sha256=digest.hexdigest() if record.status is TaskStatus.COMPLETED else "",
        length=sum(len(as_text(value)) for value in outputs.values()),
        attempts=len(attempts),
        latency_ms=_latency_ms(attempts),
        spend=spend_of(attempts),
    )


def spend_of(records: Sequence[ExecutionRecord]) -> Spend:
    """What attempts cost together."""
    total = Spend()
    for record in records:
        if record.spend is not None:
            total = total.plus(record.spend)
    return total


def _latency_ms(attempts: Sequence[ExecutionRecord]) -> float:
    if len(attempts) < 2:  # the monotonic clock knows better than the wall clock
        return sum(attempt.duration_ms for attempt in attempts)
    began = min(attempt.started_at for attempt in attempts if attempt.started_at is not None)
    return (max(attempt.ended_at for attempt in attempts) - began).total_seconds() * 1000
