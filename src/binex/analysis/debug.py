"""Everything about a run: what became of it, why, what that blocked, and what to do next."""

from collections.abc import Iterable, Sequence

from pydantic import Field

from binex.analysis.artifacts import Damage, find_damage
from binex.analysis.questions import open_questions
from binex.analysis.state import as_seen
from binex.analysis.trace import TaskTrace, trace_of
from binex.errors import DamagedDataError
from binex.models.base import Model
from binex.models.names import item_of
from binex.models.question import Question
from binex.models.run import Run, RunStatus, TaskFailure
from binex.models.task import ArtifactInfo, ExecutionRecord, SkipReason, TaskStatus
from binex.stores.run_store import RunStore

_FAILED = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)


class TaskDebug(Model):
    """One task: how it went, and everything that is recorded of it."""

    timing: TaskTrace
    """Where it stands and when it did what; without its items, which are tasks of their own in the list."""
    records: tuple[ExecutionRecord, ...] = ()
    """The records of its attempts, in order."""
    artifacts: tuple[ArtifactInfo, ...] = ()
    """What it made."""
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
    infos: list[ArtifactInfo] = []
    try:
        records = await store.list_records(run.id)
    except DamagedDataError as error:
        damage.append(Damage(where="records", message=error.message, fix=error.fix))
    try:
        infos = await store.list_artifacts(run.id)
    except DamagedDataError as error:
        damage.append(Damage(where="artifacts", message=error.message, fix=error.fix))
    damage += [found for info in infos if (found := await find_damage(store, info))]
    damage += _lost(run, records, infos)
    try:
        await store.get_source(run.workflow_hash)
    except DamagedDataError as error:
        damage.append(Damage(where="workflow", message=error.message, fix=error.fix))

    timeline = trace_of(run, records, await store.list_running(run.id))
    failures = failures_of(records)
    return RunDebug(
        run=run,
        verdict=_verdict(run, failures, timeline.unsettled, bool(damage)),
        failures=failures,
        questions=tuple(await open_questions(store, run.id)),
        tasks=tuple(_tasks(timeline.tasks, records, infos)),
        unsettled=timeline.unsettled,
        damage=tuple(damage),
        next_steps=tuple(next_steps(run, damage)),
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


def next_steps(run: Run, damage: Sequence[Damage] = ()) -> list[Step]:
    """What somebody who looks at *run* would want to do."""
    steps: list[Step] = []
    if damage:
        steps.append(Step(command="doctor", purpose="finds all damage in the store"))
    match run.status:
        case RunStatus.RUNNING:
            steps.append(Step(command=f"cancel {run.id}", purpose="stops it"))
        case RunStatus.INTERRUPTED:
            steps.append(Step(command=f"resume {run.id}", purpose="goes on where it stopped"))
        case RunStatus.WAITING:
            steps.append(Step(command=f"answer {run.id}", purpose="answers what it waits for"))
            steps.append(Step(command=f"resume {run.id}", purpose="goes on once that is answered"))
        case RunStatus.OVER_BUDGET:
            steps.append(Step(command=f"cost {run.id}", purpose="shows what was spent on what"))
            steps.append(Step(command=f"resume {run.id} --budget USD", purpose="goes on with a larger budget"))
        case RunStatus.FAILED:
            steps.append(Step(command=f"resume {run.id} --retry-failed", purpose="tries what failed again"))
        case RunStatus.COMPLETED:
            steps.append(Step(command=f"artifacts list {run.id}", purpose="lists what was made"))
        case _:
            pass
    return steps


def _tasks(
    tasks: Iterable[TaskTrace], records: Sequence[ExecutionRecord], infos: Sequence[ArtifactInfo]
) -> Iterable[TaskDebug]:
    kept: dict[str, list[ExecutionRecord]] = {}
    for record in records:
        kept.setdefault(record.task, []).append(record)
    made: dict[str, list[ArtifactInfo]] = {}
    for info in infos:
        made.setdefault(info.task, []).append(info)
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


def _lost(run: Run, records: Sequence[ExecutionRecord], infos: Sequence[ArtifactInfo]) -> list[Damage]:
    """Artifacts that a record names and that are not there, and records that must have been there."""
    there = {info.id for info in infos}
    lost = [
        Damage(where=record.task, message=f"its artifact {missing} is not in the store", fix="binex doctor")
        for record in records
        for missing in record.output_artifacts
        if missing not in there
    ]
    settled = len({record.task for record in records if record.is_final})
    counted = sum(run.counts.values())
    if run.status in (RunStatus.COMPLETED, RunStatus.FAILED) and settled < counted:
        message = f"{counted - settled:,} of {counted:,} cannot be read"
        lost.append(Damage(where="records", message=message, fix="binex doctor"))
    return lost


def _verdict(run: Run, failures: Sequence[TaskFailure], unsettled: int, is_damaged: bool) -> str:
    sentence = _sentence(run, failures, unsettled)
    return f"{sentence} Parts of its record are damaged." if is_damaged else sentence


def _sentence(run: Run, failures: Sequence[TaskFailure], unsettled: int) -> str:
    nodes = [failure for failure in failures if item_of(failure.task) is None]
    cause = _causes(nodes or failures)
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


def _causes(failures: Sequence[TaskFailure]) -> str:
    """What failed and what that blocked, as in ``'slow' timed out; 'broken' failed and blocked 2 more``."""
    said = []
    for failure in failures[:3]:
        blocked = f" and blocked {len(failure.blocked)} more" if failure.blocked else ""
        said.append(f"'{failure.task}' {failure.status.value.replace('_', ' ')}{blocked}")
    if len(failures) > len(said):
        said.append(f"{len(failures) - len(said)} more failed")
    return "; ".join(said)
