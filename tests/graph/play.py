"""Plays a run by hand: the scheduler decides, the test says how each task ended."""

from collections.abc import Iterable, Mapping
from typing import Any

from binex.graph.dag import DAG
from binex.graph.scheduler import Scheduler, Work
from binex.graph.scope import RunContext
from binex.models.names import node_of
from binex.models.task import (
    Artifact,
    ErrorInfo,
    ErrorKind,
    ExecutionRecord,
    Outcome,
    SkipReason,
    TaskNode,
    TaskStatus,
    now,
)
from binex.models.workflow import WorkflowSpec


def workflow(nodes: Mapping[str, Mapping[str, Any]], **fields: Any) -> WorkflowSpec:
    """A workflow whose nodes have an agent, where they name none."""
    return WorkflowSpec.model_validate(
        {"nodes": {node_id: {"agent": "local://echo", **node} for node_id, node in nodes.items()}, **fields}
    )


def ended(path: str, status: TaskStatus, outputs: Mapping[str, object] | None = None, *, attempt: int = 1) -> Outcome:
    """How a task ended, with what it made."""
    task = TaskNode(run_id="run", path=path, node_id=node_of(path), agent="local://echo", inputs={}, attempt=attempt)
    artifacts = tuple(Artifact.of(task, output, content) for output, content in (outputs or {}).items())
    error = ErrorInfo(kind=ErrorKind.CODE, type="ValueError", message=f"{path} broke")
    record = ExecutionRecord(
        run_id="run",
        task=path,
        node_id=node_of(path),
        agent="local://echo",
        attempt=attempt,
        status=status,
        ended_at=now(),
        output_artifacts=tuple(artifact.id for artifact in artifacts),
        error=None if status is TaskStatus.COMPLETED else error,
    )
    return Outcome(record=record, artifacts=artifacts)


def completed(path: str, content: object = None) -> Outcome:
    return ended(path, TaskStatus.COMPLETED, {"output": content})


def failed(path: str) -> Outcome:
    return ended(path, TaskStatus.FAILED)


def skipped(path: str, reason: SkipReason, blocked_by: str | None = None) -> Outcome:
    record = ExecutionRecord(
        run_id="run",
        task=path,
        node_id=node_of(path),
        agent="local://echo",
        attempt=0,
        status=TaskStatus.SKIPPED,
        ended_at=now(),
        skip_reason=reason,
        blocked_by=blocked_by,
    )
    return Outcome(record=record)


class Play:
    """A run in the hands of a test; what the scheduler decides by itself is settled at once."""

    def __init__(
        self,
        nodes: Mapping[str, Mapping[str, Any]],
        *,
        known: Iterable[Outcome] = (),
        variables: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        attempts: Mapping[str, int] | None = None,
        is_settling_decisions: bool = True,
        **fields: Any,
    ) -> None:
        spec = workflow(nodes, **fields)
        self.dag = DAG.from_workflow(spec)
        context = RunContext("run", "folder", variables or {}, environment or {}, attempts or {})
        self.scheduler = Scheduler(self.dag, context, known=known, concurrency=spec.concurrency)
        self.outcomes: dict[str, Outcome] = {}
        self.works: dict[str, Work] = {}
        self.running: list[str] = []
        self._is_settling_decisions = is_settling_decisions
        self._go_on()

    @property
    def is_complete(self) -> bool:
        return self.scheduler.is_complete()

    def complete(self, path: str, content: object = None, **outputs: object) -> None:
        """End a running task well: with the one output, or with several by name."""
        self.settle(ended(path, TaskStatus.COMPLETED, outputs or {"output": content}))

    def fail(self, path: str, status: TaskStatus = TaskStatus.FAILED) -> None:
        self.settle(ended(path, status))

    def settle(self, outcome: Outcome) -> None:
        self.running.remove(outcome.path)
        self._take_in(outcome)
        self._go_on()

    def complete_all(self) -> None:
        """End well everything that runs, until nothing does."""
        while self.running:
            task = self.task(self.running[0])
            self.complete(task.path, **{output: f"{task.path}.{output}" for output in task.outputs})

    def task(self, path: str) -> TaskNode:
        """The task that was handed out at *path*."""
        task = self.works[path].task
        assert task is not None
        return task

    def status(self, path: str) -> TaskStatus:
        return self.outcomes[path].status

    def record(self, path: str) -> ExecutionRecord:
        return self.outcomes[path].record

    def content(self, path: str, output: str = "output") -> object:
        return next(artifact.content for artifact in self.outcomes[path].artifacts if artifact.output == output)

    def why(self, path: str) -> str:
        """The error of a task, with its way out."""
        error = self.record(path).error
        assert error is not None
        return error.message if error.fix is None else f"{error.message} ({error.fix})"

    def _take_in(self, outcome: Outcome) -> None:
        assert outcome.path not in self.outcomes
        self.outcomes[outcome.path] = outcome
        self.scheduler.settle(outcome)

    def _go_on(self) -> None:
        while works := list(self.scheduler.ready_work()):
            for work in works:
                assert work.path not in self.works
                self.works[work.path] = work
                if work.decided is None:
                    self.running.append(work.path)
                elif self._is_settling_decisions:
                    self._take_in(work.decided)
        assert self.scheduler.running == len(self.running)
        assert self.is_complete or self.running
