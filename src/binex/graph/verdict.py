"""Outcomes that follow from the workflow itself: skipped tasks, tasks that cannot be put together, joined items."""

import hashlib

from binex.errors import ExpressionError
from binex.graph.dag import PlannedNode
from binex.graph.fan_out import FanOut, failed
from binex.models.names import artifact_id
from binex.models.task import (
    Artifact,
    ErrorInfo,
    ErrorKind,
    ExecutionRecord,
    Lineage,
    Outcome,
    SkipReason,
    TaskStatus,
    now,
)


def skipped(run_id: str, node: PlannedNode, path: str, reason: SkipReason, blocked_by: str | None = None) -> Outcome:
    """The task at *path* does not run."""
    return Outcome(
        record=ExecutionRecord(
            run_id=run_id,
            task=path,
            node_id=node.id,
            agent=node.spec.agent,
            attempt=0,
            status=TaskStatus.SKIPPED,
            ended_at=now(),
            skip_reason=reason,
            blocked_by=blocked_by,
        )
    )


def unusable(run_id: str, node: PlannedNode, path: str, error: ExpressionError, attempt: int) -> Outcome:
    """The task at *path* cannot be put together."""
    info = ErrorInfo(kind=ErrorKind.BAD_INPUT, type="ExpressionError", message=error.message, fix=error.fix)
    return _ended(run_id, node, path, attempt, info)


def joined(run_id: str, fan_out: FanOut, attempt: int) -> Outcome:
    """How a foreach node ends once all its items have: each output is the list of the items' outputs.

    A failed item leaves null. Where items failed and none completed, or one failed under ``fail_fast``, the
    node fails.
    """
    node, outcomes = fan_out.node, fan_out.outcomes()
    failures = [outcome for outcome in outcomes if failed(outcome)]
    some_completed = any(outcome.status is TaskStatus.COMPLETED for outcome in outcomes)
    if failures and (fan_out.stopped_by is not None or not some_completed):
        first = next((o for o in failures if o.path == fan_out.stopped_by), failures[0])
        reason = first.record.error.message if first.record.error else first.status
        info = ErrorInfo(
            kind=ErrorKind.ITEMS,
            type="ItemsFailed",
            message=f"{len(failures)} of {len(outcomes)} items failed; {first.path}: {reason}",
        )
        return _ended(run_id, node, node.id, attempt, info)
    artifacts = tuple(_joined_output(run_id, node, outcomes, output, attempt) for output in node.outputs)
    return _ended(run_id, node, node.id, attempt, None, artifacts)


def _joined_output(run_id: str, node: PlannedNode, outcomes: list[Outcome], output: str, attempt: int) -> Artifact:
    parts = [next((a for a in outcome.artifacts if a.output == output), None) for outcome in outcomes]
    data = b"[" + b",".join(b"null" if part is None else part.data for part in parts) + b"]"
    made_from = tuple(part.id for part in parts if part is not None)
    return Artifact(
        id=artifact_id(run_id, node.id, output),
        run_id=run_id,
        task=node.id,
        output=output,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        created_at=now(),
        lineage=Lineage(task=node.id, agent=node.spec.agent, attempt=attempt, derived_from=made_from),
        data=data,
    )


def _ended(
    run_id: str,
    node: PlannedNode,
    path: str,
    attempt: int,
    error: ErrorInfo | None,
    artifacts: tuple[Artifact, ...] = (),
) -> Outcome:
    return Outcome(
        record=ExecutionRecord(
            run_id=run_id,
            task=path,
            node_id=node.id,
            agent=node.spec.agent,
            attempt=attempt,
            status=TaskStatus.FAILED if error else TaskStatus.COMPLETED,
            ended_at=now(),
            output_artifacts=tuple(artifact.id for artifact in artifacts),
            error=error,
        ),
        artifacts=artifacts,
    )
