"""One attempt at a task: what it was given, what came of it, and the record of it."""

import asyncio
import math
import time
from collections.abc import Sequence

from pydantic import JsonValue

from binex.errors import AgentError, BadOutputError, SchemaError
from binex.graph.scheduler import Work
from binex.models.call import Spend
from binex.models.task import Artifact, ErrorInfo, ErrorKind, ExecutionRecord, Outcome, TaskNode, TaskStatus, now
from binex.runtime.failure import describe
from binex.runtime.keys import TaskKey


class Attempt:
    """Begins when it is made; ends with :meth:`take` or :meth:`end_as`."""

    def __init__(self, task: TaskNode, work: Work, key: TaskKey, output_bytes: int) -> None:
        self.task = task
        self.inputs = list(work.inputs)
        self.started_at = now()
        self.is_retryable = False
        self.retry_after_ms = 0
        self._started = time.monotonic()
        self._queued_ms = (self._started - work.ready_at) * 1000 if work.task is task else 0.0
        self._output_bytes = output_bytes
        self._key = key
        self._status = TaskStatus.COMPLETED
        self._error: ErrorInfo | None = None
        self._artifacts: tuple[Artifact, ...] = ()
        self.spend: Spend | None = None

    def take(self, answer: object) -> None:
        """Take in what the agent answered or raised."""
        if isinstance(answer, list):
            try:
                self._artifacts = self._checked(answer)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the answer, the attempt has to end
                self._fail(error)
        elif isinstance(answer, asyncio.CancelledError):
            self._fail(AgentError("the agent cancelled itself"))
        elif isinstance(answer, Exception):
            self._fail(answer)
        else:
            self._fail(BadOutputError(f"the adapter answered with {type(answer).__name__}, not with artifacts"))

    def end_as(self, status: TaskStatus, progress: str = "") -> None:
        """It was ended from outside: at its deadline, or because it was told to stop. *progress* is how far it came."""
        self._status = status
        if status is TaskStatus.TIMED_OUT:
            self.is_retryable = True
            answer = f"no complete answer ({progress})" if progress else "no answer"
            self._error = ErrorInfo(
                kind=ErrorKind.DEADLINE,
                type="DeadlineExceeded",
                message=f"{answer} in {self.task.deadline_ms:,} ms (deadline_ms)",
            )
        else:
            self._error = ErrorInfo(kind=ErrorKind.CANCELLED, type="Cancelled", message="stopped before it was done")

    def _fail(self, error: Exception) -> None:
        self._status, self._error = TaskStatus.FAILED, describe(error)
        if isinstance(error, AgentError):
            self.is_retryable, self.retry_after_ms = error.is_retryable, error.retry_after_ms or 0
        else:
            self.is_retryable = True

    def _checked(self, answer: list[object]) -> tuple[Artifact, ...]:
        """The answer in the order of the declared outputs.

        Raises:
            BadOutputError: an output is missing, surplus, too large or not this task's.
        """
        made: dict[str, Artifact] = {}
        for artifact in answer:
            if not isinstance(artifact, Artifact) or (artifact.run_id, artifact.task) != (
                self.task.run_id,
                self.task.path,
            ):
                raise BadOutputError("the adapter answered with something that is no artifact of the task")
            if artifact.size > self._output_bytes:
                raise BadOutputError(
                    f"output '{artifact.output}' is {artifact.size:,} bytes, limit {self._output_bytes:,} "
                    "(limits.output_bytes)",
                    fix=f"return less, or allow more: --limit output_bytes={artifact.size}",
                )
            made[artifact.output] = artifact
        if len(made) != len(answer) or made.keys() != set(self.task.outputs):
            found, wanted = ", ".join(made) or "nothing", ", ".join(self.task.outputs)
            raise BadOutputError(f"the agent made {found}; the node declares {wanted}")
        artifacts = tuple(made[output] for output in self.task.outputs)
        if self.task.output_schema is not None:
            _check_schema(self.task.output_schema, artifacts)
        return artifacts

    def note_tries(self, count: int, seconds: float) -> None:
        """It was the last of several: its error says so."""
        if self._error is not None:
            message = f"{self._error.message}; {count} tries in {math.ceil(seconds * 10) / 10:,.1f} s"
            self._error = self._error.model_copy(update={"message": message})

    def record(self, *, retry_in_ms: int | None = None) -> ExecutionRecord:
        """How the attempt ended; not final where it will be repeated."""
        task = self.task
        return ExecutionRecord(
            run_id=task.run_id,
            task=task.path,
            node_id=task.node_id,
            agent=task.agent,
            attempt=task.attempt,
            status=self._status,
            is_final=retry_in_ms is None,
            started_at=self.started_at,
            ended_at=now(),
            duration_ms=round((time.monotonic() - self._started) * 1000, 3),
            queued_ms=round(self._queued_ms, 3),
            input_artifacts=task.input_artifacts,
            output_artifacts=tuple(artifact.id for artifact in self._artifacts),
            error=self._error,
            retry_in_ms=retry_in_ms,
            idempotency_key=task.idempotency_key,
            spend=self.spend,
            key=self._key.hash,
            key_parts=dict(self._key.parts),
        )

    def outcome(self) -> Outcome:
        """How the task ended, this having been its last attempt."""
        return Outcome(record=self.record(), artifacts=self._artifacts)


def _check_schema(schema: dict[str, JsonValue], artifacts: Sequence[Artifact]) -> None:
    """Raise SchemaError where the output does not fit; of several outputs, the object of all by name."""
    from binex.models.json_schema import find_misses

    one = len(artifacts) == 1
    misses = find_misses(schema, artifacts[0].content if one else {made.output: made.content for made in artifacts})
    if misses:
        listed = "; ".join(misses[:5])
        raise SchemaError(f"the output does not fit output_schema: {listed}", fix="change the agent, or the schema")
