"""The columns of the tables, by name; a name ends with the unit of what is in the column, where that has one."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar

from binex.analysis.calls import name_of
from binex.analysis.trace import TaskTrace
from binex.models.call import NOT_MADE, Call, CallKind, Spend, Usage
from binex.models.names import item_of, node_of
from binex.models.run import Run
from binex.models.task import Artifact, ErrorInfo, ExecutionRecord
from binex.reports.cells import LONGEST, Value

_Row = TypeVar("_Row")
_Part = TypeVar("_Part")


class TaskRow(NamedTuple):
    """One task of a run."""

    run: Run
    timing: TaskTrace
    spend: Spend | None
    """What its attempts cost; None where they asked no model."""


class ArtifactRow(NamedTuple):
    """One artifact of a run."""

    path: str
    """The task of the run whose output it is."""
    artifact: Artifact


_ERROR: Final[Mapping[str, Callable[[ErrorInfo], Value]]] = {
    "error_kind": lambda error: error.kind,
    "error_type": lambda error: error.type,
    "error_message": lambda error: error.message,
    "error_fix": lambda error: error.fix,
    "error_host": lambda error: error.host,
    "error_status": lambda error: error.status,
}
_SPEND: Final[Mapping[str, Callable[[Spend], Value]]] = {
    "cost_usd": lambda spend: spend.cost_usd,
    "model_calls": lambda spend: spend.model_calls,
    "unpriced_calls": lambda spend: spend.unpriced_calls,
    "input_tokens": lambda spend: spend.input_tokens,
    "output_tokens": lambda spend: spend.output_tokens,
    "cached_tokens": lambda spend: spend.cached_tokens,
    "reasoning_tokens": lambda spend: spend.reasoning_tokens,
}


def _part(
    columns: Mapping[str, Callable[[_Part], Value]], of: Callable[[_Row], _Part | None]
) -> dict[str, Callable[[_Row], Value]]:
    """*columns* of a part of every row; empty where a row has none."""

    def reading(read: Callable[[_Part], Value]) -> Callable[[_Row], Value]:
        return lambda row: None if (part := of(row)) is None else read(part)

    return {name: reading(read) for name, read in columns.items()}


def _error_of(record: ExecutionRecord) -> ErrorInfo | None:
    return record.error


def _spend_of(record: ExecutionRecord) -> Spend | None:
    return record.spend


def _error_of_task(row: TaskRow) -> ErrorInfo | None:
    return row.timing.error


def _spend_of_task(row: TaskRow) -> Spend | None:
    return row.spend


ATTEMPTS: Final[dict[str, Callable[[ExecutionRecord], Value]]] = {
    "run_id": lambda record: record.run_id,
    "task": lambda record: record.task,
    "node": lambda record: record.node_id,
    "item": lambda record: item_of(record.task),
    "agent": lambda record: record.agent,
    "attempt": lambda record: record.attempt,
    "status": lambda record: record.status,
    "is_final": lambda record: record.is_final,
    "started_at": lambda record: record.started_at,
    "ended_at": lambda record: record.ended_at,
    "duration_ms": lambda record: record.duration_ms,
    "queued_ms": lambda record: record.queued_ms,
    "retry_in_ms": lambda record: record.retry_in_ms,
    **_part(_ERROR, _error_of),
    "skip_reason": lambda record: record.skip_reason,
    "blocked_by": lambda record: record.blocked_by,
    "reused_from": lambda record: record.reused_from,
    "is_edited": lambda record: record.is_edited,
    **_part(_SPEND, _spend_of),
    "input_artifacts": lambda record: " ".join(record.input_artifacts),
    "output_artifacts": lambda record: " ".join(record.output_artifacts),
    "key": lambda record: record.key,
}

TASKS: Final[dict[str, Callable[[TaskRow], Value]]] = {
    "run_id": lambda row: row.run.id,
    "task": lambda row: row.timing.task,
    "node": lambda row: row.timing.node_id,
    "item": lambda row: item_of(row.timing.task),
    "agent": lambda row: row.timing.agent,
    "status": lambda row: row.timing.status,
    "attempts": lambda row: len(row.timing.attempts),
    "start_ms": lambda row: row.timing.start_ms,
    "duration_ms": lambda row: row.timing.duration_ms,
    "queued_ms": lambda row: row.timing.queued_ms,
    "settled_ms": lambda row: row.timing.settled_ms,
    **_part(_ERROR, _error_of_task),
    "skip_reason": lambda row: row.timing.skip_reason,
    "blocked_by": lambda row: row.timing.blocked_by,
    "reused_from": lambda row: row.timing.reused_from,
    "is_edited": lambda row: row.timing.is_edited,
    "was_cut_off": lambda row: row.timing.was_cut_off,
    **_part(_SPEND, _spend_of_task),
}

CALLS: Final[dict[str, Callable[[Call], Value]]] = {
    "run_id": lambda call: call.run_id,
    "call": name_of,
    "task": lambda call: call.task,
    "node": lambda call: node_of(call.task),
    "attempt": lambda call: call.attempt,
    "number": lambda call: call.number,
    "parent": lambda call: call.parent,
    "kind": lambda call: call.kind,
    "target": lambda call: call.target,
    "status": lambda call: call.status,
    "is_complete": lambda call: call.is_complete,
    "was_made": lambda call: call.priced_by != NOT_MADE,
    "started_at": lambda call: call.started_at,
    "duration_ms": lambda call: call.duration_ms,
    "first_chunk_ms": lambda call: call.chunks[0].offset_ms if call.chunks else None,
    "request_bytes": lambda call: None if call.request is None else call.request.size,
    "response_bytes": lambda call: None if call.response is None else call.response.size,
    "input_tokens": lambda call: _usage(call).input_tokens,
    "output_tokens": lambda call: _usage(call).output_tokens,
    "cached_tokens": lambda call: _usage(call).cached_tokens,
    "reasoning_tokens": lambda call: _usage(call).reasoning_tokens,
    "cost_usd": lambda call: call.cost_usd if call.kind is CallKind.MODEL else None,
    "priced_by": lambda call: call.priced_by,
    "error_message": lambda call: call.error,
}

ARTIFACTS: Final[dict[str, Callable[[ArtifactRow], Value]]] = {
    "artifact": lambda row: row.artifact.id,
    "task": lambda row: row.path,
    "node": lambda row: node_of(row.path),
    "item": lambda row: item_of(row.path),
    "output": lambda row: row.artifact.output,
    "made_by_run": lambda row: row.artifact.run_id,
    "made_by_task": lambda row: row.artifact.task,
    "attempt": lambda row: row.artifact.lineage.attempt,
    "is_edited": lambda row: row.artifact.lineage.edited,
    "created_at": lambda row: row.artifact.created_at,
    "size_bytes": lambda row: row.artifact.size,
    "sha256": lambda row: row.artifact.sha256,
    "derived_from": lambda row: " ".join(row.artifact.lineage.derived_from),
    "content": lambda row: _content(row.artifact),
}


def _usage(call: Call) -> Usage:
    return call.usage or Usage()


def _content(artifact: Artifact) -> str:
    """Text as it is, anything else as JSON; no more of it than a cell takes."""
    if artifact.data[:1] == b'"':
        return str(artifact.content)
    return artifact.data[: 4 * LONGEST].decode("utf-8", "replace")
