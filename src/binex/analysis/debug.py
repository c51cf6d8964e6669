"""Everything about a run: what became of it, why, what that blocked, and what to do next."""

from collections.abc import Iterable, Mapping, Sequence
from shlex import quote

from pydantic import Field

from binex.analysis.artifacts import Damage, RunArtifact, artifacts_of, find_all_damage
from binex.analysis.questions import open_questions
from binex.analysis.state import as_seen
from binex.analysis.trace import TaskTrace, Trace, trace_of
from binex.errors import DamagedDataError
from binex.models.base import Model
from binex.models.names import item_of, node_of
from binex.models.question import Question
from binex.models.run import Run, RunMode, RunStatus, TaskFailure
from binex.models.task import ExecutionRecord, SkipReason, TaskStatus
from binex.stores.run_store import RunStore

_FAILED = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)


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
    damage: list[Damage] = []
    records: list[ExecutionRecord] = []
    artifacts: list[RunArtifact] = []
    try:
        records = await store.list_records(run.id)
    except DamagedDataError as error:
        damage.append(Damage(where="records", message=error.message, fix=error.fix))
    try:
        artifacts, missing = await artifacts_of(store, run, records)
        damage += [*await find_all_damage(store, artifacts), *missing]
    except DamagedDataError as error:
        damage.append(Damage(where="artifacts", message=error.message, fix=error.fix))
    damage += _lost(run, records)
    try:
        await store.get_source(run.workflow_hash)
    except DamagedDataError as error:
        damage.append(Damage(where="workflow", message=error.message, fix=error.fix))

    timeline = trace_of(run, records, await store.list_running(run.id))
    failures = failures_of(records)
    return RunDebug(
        run=run,
        verdict=_verdict(run, failures, timeline, bool(damage)),
        failures=failures,
        questions=tuple(await open_questions(store, run.id)),
        tasks=tuple(_tasks(timeline.tasks, records, artifacts)),
        taken_over=timeline.taken_over,
        unsettled=timeline.unsettled,
        damage=tuple(damage),
        next_steps=tuple(next_steps(run, damage, failures)),
    )


def failures_of(records: Sequence[ExecutionRecord]) -> tuple[TaskFailure, ...]:
    """The tasks whose last record says that they failed, each with what it blocked."""
    last = {record.task: record for record in records}
    blocked = _blocked(last.values())
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
    is_replay = run.origin is not None and run.origin.mode is RunMode.REPLAY
    match run.status:
        case RunStatus.RUNNING:
            steps.append(Step(command=f"cancel {run.id}", purpose="stops it"))
        case RunStatus.INTERRUPTED if run.origin is not None and is_replay:
            steps.append(Step(command=f"replay {run.origin.parent}", purpose="replays it again, from its start"))
        case RunStatus.INTERRUPTED:
            steps.append(Step(command=f"resume {run.id}", purpose="goes on where it stopped"))
        case RunStatus.WAITING:
            steps.append(Step(command=f"answer {run.id}", purpose="answers what it waits for"))
            steps.append(Step(command=f"resume {run.id}", purpose="goes on once that is answered"))
        case RunStatus.OVER_BUDGET:
            steps.append(Step(command=f"cost {run.id}", purpose="shows what was spent on what"))
            steps.append(Step(command=f"resume {run.id} --budget USD", purpose="goes on with a larger budget"))
        case RunStatus.FAILED if not is_replay:
            steps.append(Step(command=f"resume {run.id} --retry-failed", purpose="tries what failed again"))
        case RunStatus.COMPLETED:
            steps.append(Step(command=f"artifacts list {run.id}", purpose="lists what was made"))
        case _:
            pass
    if failures and run.status.has_come_to_all:
        purpose = "does that again, and what depends on it, as a run of its own"
        steps.append(Step(command=f"replay {run.id} --from {quote(_first_of(failures))}", purpose=purpose))
    if run.origin is not None:
        steps.append(Step(command=f"runs --tree {run.id}", purpose="shows the runs that it is related to"))
    return steps


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
    blocked = _blocked(of_task[-1] for of_task in kept.values())
    for node in tasks:
        for task in (node, *node.items):
            yield TaskDebug(
                timing=task.model_copy(update={"items": ()}),
                records=tuple(kept.get(task.task, ())),
                artifacts=tuple(made.get(task.task, ())),
                blocked=tuple(blocked.get(task.task, ())),
                item_count=len(task.items),
            )


def _blocked(last: Iterable[ExecutionRecord]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in last:
        if record.skip_reason is SkipReason.BLOCKED and record.blocked_by is not None:
            found.setdefault(record.blocked_by, []).append(record.task)
    return found


def _lost(run: Run, records: Sequence[ExecutionRecord]) -> list[Damage]:
    """Records that must have been there."""
    settled = len({record.task for record in records if record.is_final})
    counted = sum(run.counts.values())
    if run.status.has_come_to_all and settled < counted:
        message = f"{counted - settled:,} of {counted:,} cannot be read"
        return [Damage(where="records", message=message, fix="binex doctor")]
    return []


def _verdict(run: Run, failures: Sequence[TaskFailure], timeline: Trace, is_damaged: bool) -> str:
    nodes = [failure for failure in failures if item_of(failure.task) is None]
    elsewhere = {task.task: task.reused_from for node in timeline.tasks for task in (node, *node.items)}
    sentence = _sentence(run, _causes(nodes or failures, elsewhere), timeline.unsettled)
    return f"{sentence} Parts of its record are damaged." if is_damaged else sentence


def _sentence(run: Run, cause: str, unsettled: int) -> str:
    left = f"{unsettled} of {run.node_count} nodes have not settled"
    more = f"; {cause}" if cause else ""
    match run.status:
        case RunStatus.COMPLETED:
            sentence = f"Completed, though {cause}" if cause else "Completed"
        case RunStatus.FAILED:
            sentence = f"Failed: {cause or run.error or 'no reason is recorded'}"
        case RunStatus.INTERRUPTED:
            sentence = f"Interrupted{f' ({run.error})' if run.error else ''}: {left}{more}"
        case RunStatus.WAITING:
            sentence = "Waiting for an answer"
        case _:
            sentence = f"{run.status.value.replace('_', ' ').capitalize()}: {left}{more}"
    return sentence + "."


def _causes(failures: Sequence[TaskFailure], elsewhere: Mapping[str, str | None]) -> str:
    """What failed and what that blocked, as in ``'slow' timed out; 'broken' failed and blocked 2 more``.

    *elsewhere* says in which other run a task was executed.
    """
    said = []
    for failure in failures[:3]:
        blocked = f" and blocked {len(failure.blocked)} more" if failure.blocked else ""
        run_id = elsewhere.get(failure.task)
        where = f" (taken over from run {run_id})" if run_id is not None else ""
        said.append(f"'{failure.task}' {failure.status.value.replace('_', ' ')}{where}{blocked}")
    if len(failures) > len(said):
        said.append(f"{len(failures) - len(said)} more failed")
    return "; ".join(said)
