"""Everything about a run: what became of it, why, what that blocked, and what to do next."""

import re
from collections.abc import Iterable, Sequence
from shlex import quote
from typing import Final

from pydantic import Field

from binex.analysis.artifacts import Damage, RunArtifact, artifacts_of, find_all_damage
from binex.analysis.failures.groups import FailureGroup, blocked_tasks, group_failures
from binex.analysis.failures.kind import FailureKind
from binex.analysis.lost_records import find_lost_records
from binex.analysis.questions import open_questions
from binex.analysis.state import as_seen
from binex.analysis.trace import TaskTrace, trace_of
from binex.analysis.verdict import verdict_of
from binex.errors import DamagedDataError
from binex.models.base import UNNOTED, Model
from binex.models.names import node_of
from binex.models.question import Question
from binex.models.run import Run, RunMode, RunStatus, TaskFailure
from binex.models.task import ExecutionRecord, TaskStatus
from binex.stores.run_store import RunStore

_FAILED = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)
_STEPS: Final = {
    RunStatus.RUNNING: (("cancel {}", "stops it"), ("trace {} --follow", "shows it live")),
    RunStatus.INTERRUPTED: (("resume {}", "goes on where it stopped"),),
    RunStatus.WAITING: (
        ("answer {}", "answers what it waits for"),
        ("resume {}", "goes on once that is answered"),
    ),
    RunStatus.OVER_BUDGET: (
        ("cost {}", "shows what was spent on what"),
        ("resume {} --budget USD", "goes on with a larger budget"),
    ),
    RunStatus.FAILED: (("resume {} --retry-failed", "tries what failed again"),),
    RunStatus.COMPLETED: (("artifacts list {}", "lists what was made"),),
}
"""What fits the state of a run, `{}` being its id."""
_EXCEPTION: Final = re.compile(r"\w+(?:: |\Z)")
"""What an exception that is none of Binex's own is kept as: its class, and what it says."""


class TaskDebug(Model):
    """One task: how it went, and everything that is recorded of it."""

    timing: TaskTrace
    """Where it stands and when it did what; without its items, which are tasks of their own in the list."""
    records: tuple[ExecutionRecord, ...] = ()
    """The records of its attempts, in order."""
    artifacts: tuple[RunArtifact, ...] = ()
    """What it made, here or where its outcome was taken from."""
    blocked: tuple[str, ...] = ()
    """The tasks that were skipped because of it."""
    item_count: int = 0
    """How many items it has, where it is a foreach node."""


class Step(Model):
    """Something to type next, and what for."""

    command: str
    """The command after `binex`, as in `resume 1k3x`."""
    purpose: str
    """What it does."""


class RunDebug(Model):
    """All that is known about a run."""

    run: Run
    """The run as it is now."""
    verdict: str
    """What became of it, in one sentence."""
    failures: tuple[TaskFailure, ...] = ()
    """The tasks that failed, the causes before their consequences."""
    causes: tuple[FailureGroup, ...] = ()
    """Why, with the evidence: the tasks of one node together that failed for the same reason."""
    stopped_by: FailureKind | None = None
    """What sort of failure ended the run itself, where none of its tasks did."""
    questions: tuple[Question, ...] = ()
    """What it waits for an answer to."""
    tasks: tuple[TaskDebug, ...] = ()
    """What started or settled, by the time at which it did; items right after their node."""
    taken_over: int = 0
    """How many tasks have outcomes of other runs and were not executed here; items count each."""
    unsettled: int = 0
    """How many nodes have not settled."""
    damage: tuple[Damage, ...] = ()
    """What is missing or altered."""
    next_steps: tuple[Step, ...] = Field(default=())
    """What to type next."""


async def debug(store: RunStore, run: Run) -> RunDebug:
    """Everything about *run*. What is damaged is named in ``damage``, and the rest is there.

    Raises:
        StoreError: the store cannot be read.
    """
    run = await as_seen(store, run)
    records = await store.list_records(run.id)
    artifacts, missing = await artifacts_of(store, run, records)
    damage = [*await find_all_damage(store, artifacts), *missing, *find_lost_records(run, records)]
    try:
        await store.get_source(run.workflow_hash)
    except DamagedDataError as error:
        damage.append(Damage(where="workflow", message=error.message, fix=error.fix))

    questions = await store.list_questions(run.id)
    timeline = trace_of(run, records, await store.list_running(run.id), questions)
    failures = failures_of(records)
    causes = await group_failures(store, records)
    return RunDebug(
        run=run,
        verdict=verdict_of(run, causes, timeline, is_damaged=bool(damage)),
        failures=failures,
        causes=causes,
        stopped_by=_stopped_by(run),
        questions=tuple(await open_questions(store, run.id)),
        tasks=tuple(_tasks(timeline.tasks, records, artifacts)),
        taken_over=timeline.taken_over,
        unsettled=timeline.unsettled,
        damage=tuple(damage),
        next_steps=tuple(next_steps(run, damage, failures)),
    )


def _stopped_by(run: Run) -> FailureKind | None:
    """What interrupted the run: the store, where it was no exception of another sort, which is named."""
    if run.status is not RunStatus.INTERRUPTED or not run.error:
        return None
    return FailureKind.CODE if _EXCEPTION.match(run.error) else FailureKind.STORE


def failures_of(records: Sequence[ExecutionRecord]) -> tuple[TaskFailure, ...]:
    """The tasks whose last record says that they failed, each with what it blocked."""
    last = {record.task: record for record in records}
    blocked = blocked_tasks(last.values())
    failed = [record for record in last.values() if record.is_final and record.status in _FAILED and record.error]
    failed.sort(key=lambda record: record.ended_at)
    return tuple(
        TaskFailure(
            task=record.task,
            status=record.status,
            error=record.error,
            attempts=record.attempt,
            blocked=tuple(blocked.get(record.task, ())),
        )
        for record in failed
        if record.error is not None
    )


def next_steps(run: Run, damage: Sequence[Damage] = (), failures: Sequence[TaskFailure] = ()) -> list[Step]:
    """What somebody who looks at *run* would want to do."""
    steps: list[Step] = []
    if damage:
        steps.append(Step(command="doctor", purpose="finds all damage in the store"))
    if failures:
        node = f"trace {run.id} --node {quote(failures[0].task)}"
        steps.append(Step(command=node, purpose="shows all about the task: what it was given, said, and met"))
    if run.is_trace:  # nothing of it can be executed
        return steps
    steps += _steps_by_status(run)
    if failures and run.status.has_come_to_all:
        purpose = "does that again, and what depends on it, as a run of its own"
        steps.append(Step(command=f"replay {run.id} --from {quote(_first_of(failures))}", purpose=purpose))
    if run.origin is not None:
        if run.status.has_come_to_all:
            purpose = "shows what came out otherwise than in its parent, and why"
            steps.append(Step(command=f"diff {run.origin.parent} {run.id}", purpose=purpose))
        steps.append(Step(command=f"runs --tree {run.id}", purpose="shows the runs that it is related to"))
    return steps


def _steps_by_status(run: Run) -> list[Step]:
    if run.origin is not None and run.origin.mode is RunMode.REPLAY:
        if run.status is RunStatus.INTERRUPTED:
            return [Step(command=f"replay {run.origin.parent}", purpose="replays it again, from its start")]
        if run.status is RunStatus.FAILED:
            return []
    return [Step(command=command.format(run.id), purpose=purpose) for command, purpose in _STEPS.get(run.status, ())]


def _first_of(failures: Sequence[TaskFailure]) -> str:
    """The path of the task that failed first; where several items of its node did, the node."""
    first = failures[0].task
    of_node = [failure for failure in failures if node_of(failure.task) == node_of(first) != failure.task]
    return first if len(of_node) <= 1 else node_of(first)


def _tasks(
    tasks: Iterable[TaskTrace], records: Sequence[ExecutionRecord], artifacts: Iterable[RunArtifact]
) -> Iterable[TaskDebug]:
    kept: dict[str, list[ExecutionRecord]] = {}
    for record in records:
        kept.setdefault(record.task, []).append(record)
    made: dict[str, list[RunArtifact]] = {}
    for artifact in artifacts:
        made.setdefault(artifact.path, []).append(artifact)
    blocked = blocked_tasks(of_task[-1] for of_task in kept.values())
    for node in tasks:
        for task in (node, *node.items):
            yield TaskDebug.model_construct(
                UNNOTED,
                timing=task.model_copy(update={"items": ()}) if task.items else task,
                records=tuple(kept.get(task.task, ())),
                artifacts=tuple(made.get(task.task, ())),
                blocked=tuple(blocked.get(task.task, ())),
                item_count=len(task.items),
            )
