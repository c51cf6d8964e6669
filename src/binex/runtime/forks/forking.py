"""Chooses what a fork takes over from its parent and what it executes anew, before anything is executed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from binex.adapters.base import NodeUse
from binex.errors import DamagedDataError, InputError, suggest
from binex.graph import verdict
from binex.graph.dag import DAG
from binex.graph.reference import kind_of
from binex.graph.scheduler import Work
from binex.loader import Bound
from binex.models.change import Change, ChangeKind
from binex.models.fork import Decision
from binex.models.json_value import decode_json
from binex.models.names import artifact_id, item_of, node_of
from binex.models.run import Origin, Run, RunMode, Versions
from binex.models.task import Artifact, ExecutionRecord, Lineage, Outcome, SkipReason, TaskNode, TaskStatus, now
from binex.models.workflow import WorkflowSource
from binex.runtime.cache import PEOPLE
from binex.runtime.forks.reach import Reach, Starts, compare_nodes, users_of
from binex.runtime.inheritance import inherited, read_artifacts
from binex.runtime.journal import TakenOver
from binex.runtime.keys import TaskKey
from binex.runtime.recall import Recall
from binex.stores.run_store import RunStore

_HOW: Final = ("deadline_ms", "retry_policy", "isolation", "budget", "max_parallel", "cache")
"""Fields that say how a node is executed; they do not change what it makes once it has."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Something put in the place of an artifact."""

    task: str
    """The path of the task that made it."""
    output: str
    value: JsonValue
    is_text: bool = False
    """Whether the value is text that is still to be read as what it takes the place of: text, or JSON."""


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """What is to be otherwise than in the parent."""

    from_: tuple[str, ...] = ()
    """Tasks that are executed again, with all that depends on them: nodes, or items as in ``search[3]``."""
    only: str | None = None
    """The one task that is executed again, with nothing that depends on it."""
    fields: tuple[Change, ...] = ()
    """Fields of nodes."""
    variables: Mapping[str, JsonValue] = field(default_factory=dict)
    are_variables_text: bool = False
    """Whether the variables are texts, as from a command line, still to be read as what the workflow declares."""
    edits: tuple[Edit, ...] = ()
    workflow: Path | None = None
    """The file to take instead of what was recorded."""


@dataclass(frozen=True, slots=True)
class Told:
    """What turned out to be another than in the parent, without being named."""

    variables: Collection[str] = ()
    """Inputs of the workflow whose value is another."""
    code: Collection[str] = ()
    """Agents and tools whose code is another."""


class ParentRecords:
    """How the tasks of a parent ended."""

    def __init__(self, parent: Run, records: Sequence[ExecutionRecord]) -> None:
        self.parent = parent
        self.final: dict[str, ExecutionRecord] = {}
        for record in records:
            known = self.final.get(record.task)
            if known is None or record.attempt >= known.attempt:
                self.final[record.task] = record
        self.final = {path: record for path, record in self.final.items() if record.is_final}

    def unsettled(self, dag: DAG) -> list[str]:
        """The nodes that never came to an end of their own: those that the run did not reach, stopped or left out."""
        return [node_id for node_id in dag.nodes if not self._is_settled(node_id)]

    def _is_settled(self, node_id: str) -> bool:
        record = self.final.get(node_id)
        if record is None or record.status is TaskStatus.CANCELLED:
            return False
        return record.skip_reason is not SkipReason.LEFT_OUT

    def is_reached_by(self, node_id: str, fields: Collection[str | int]) -> bool:
        """Whether other *fields* of a node can change what came of it."""
        record = self.final.get(node_id)
        is_done = record is not None and record.status is TaskStatus.COMPLETED
        return not is_done or any(name not in _HOW for name in fields)

    def require_task(self, path: str, dag: DAG, option: str) -> None:
        """Raise InputError where *path* is neither a node nor an item of one that the parent has executed."""
        if path in dag.nodes or (item_of(path) is not None and node_of(path) in dag.nodes and path in self.final):
            return
        is_item = node_of(path) in dag.nodes
        names = [known for known in self.final if node_of(known) in dag.nodes] if is_item else list(dag.nodes)
        raise InputError(
            f"{option}: there is no task '{path:.80}' in run {self.parent.id}", fix=suggest(path[:80], names, "tasks")
        )


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork before it starts, with all that was found out about it."""

    parent: Run
    request: ForkRequest
    recorded: WorkflowSource
    """What the parent's workflow was read from, as it was kept."""
    before: Bound
    bound: Bound
    source: WorkflowSource
    """What the fork's workflow was read from."""
    uses: Sequence[NodeUse]
    """How its nodes use their agents."""
    records: ParentRecords
    reach: Reach
    variables: Mapping[str, JsonValue]
    given: Mapping[str, JsonValue]
    """Those of the variables that were said anew."""
    versions: Versions


def starts_of(request: ForkRequest, bound: Bound, before: Bound, records: ParentRecords, told: Told) -> Starts:
    """Where the fork begins.

    Raises:
        InputError: something that is named does not exist, or cannot be done together.
    """
    dag = bound.dag
    forced = dict.fromkeys(request.from_, "is executed again")
    for path in request.from_:
        records.require_task(path, dag, f"--from {path}")
    if request.only is not None:
        records.require_task(request.only, dag, f"--only {request.only}")
        forced = {request.only: "is executed again"}
    changed: dict[str, str] = {}
    if request.workflow is not None:
        added, _, defined = compare_nodes(before.spec, bound.spec)
        changed |= dict.fromkeys(added, "is new")
        for node_id, names in defined.items():
            if records.is_reached_by(node_id, names):
                changed[node_id] = f"another {', '.join(names)}"
        for node_id, node in bound.spec.nodes.items():
            if node_id not in changed and any(uri in told.code for uri in (node.agent, *node.tools)):
                changed[node_id] = "its code has changed"
    for change in request.fields:
        if records.is_reached_by(change.node, change.path[:1]):
            changed[change.node] = f"another {'.'.join(map(str, change.path))}"
    changed |= {node_id: f"another {name}" for node_id, name in users_of(dag, told.variables).items()}
    unsettled = records.unsettled(dag)
    for edit in request.edits:
        _require_output(edit, bound, records)
        _require_kept(edit, {**forced, **changed})
    _require_alone(request, changed)
    if request.only is not None:
        _require_upstream(request.only, dag, unsettled, records)
    return Starts(
        forced=forced,
        changed=changed,
        edited=[edit.task for edit in request.edits],
        unsettled=unsettled,
        only=request.only,
    )


async def take_over(
    store: RunStore, run_id: str, dag: DAG, reach: Reach, records: ParentRecords, edits: Sequence[Edit] = ()
) -> TakenOver:
    """What the fork *run_id* has before it starts.

    Artifacts are only read where something that is executed may need them.

    Raises:
        DamagedDataError: one of those is missing or altered.
    """
    executed = reach.executed
    needed = {upstream for node_id in executed for upstream in dag.nodes[node_id].depends_on}
    edited: dict[str, list[Edit]] = {}
    for edit in edits:
        edited.setdefault(edit.task, []).append(edit)
    known: list[Outcome] = []
    taken: list[Outcome] = []
    for path, record in records.final.items():
        node_id = node_of(path)
        if node_id not in dag.nodes or (node_id in executed and path not in edited):
            continue
        if reach.of(node_id) is Decision.LEFT_OUT:
            continue
        copy = inherited(record, run_id)
        outcome = Outcome(record=copy)
        if path in edited:
            outcome = await _edited(store, outcome, record, edited[path])
        elif path in needed:
            outcome = Outcome(record=copy, artifacts=await read_artifacts(store, record, path))
        taken.append(outcome)
        if path == node_id or node_id in executed:  # items of a settled node are in its list
            known.append(outcome)
    for node_id, decision in reach.decisions.items():
        if decision is Decision.LEFT_OUT:
            outcome = verdict.skipped(run_id, dag.nodes[node_id], node_id, SkipReason.LEFT_OUT)
            known.append(outcome)
            taken.append(outcome)
    return TakenOver(known, taken)


class ParentRecall:
    """Outcomes of the parent that stand for tasks of a fork which are given the same again.

    What is *forced* is executed in any case; what the parent does not know is left to *others*. An outcome from
    another path stands for an item of the same node, or for a node whose own name is gone, and only once: who asks
    the same several times wants several answers. What somebody said only stands for what that person was asked.
    """

    def __init__(
        self,
        store: RunStore,
        records: ParentRecords,
        forced: Collection[str],
        nodes: Collection[str],
        notice: Callable[[str], None],
        others: Recall | None = None,
    ) -> None:
        self._store = store
        self._forced = frozenset(forced)
        self._notice = notice
        self._others = others
        self._nodes = nodes
        self._used: set[str] = set()
        self._by_key: dict[str, dict[str, ExecutionRecord]] = {}
        for path, record in records.final.items():
            if record.key and record.status is TaskStatus.COMPLETED and not record.is_edited:
                self._by_key.setdefault(record.key, {})[path] = record

    async def find(self, work: Work, key: TaskKey) -> Outcome | None:
        """What the parent's task with the same key has made, the one with the same path first."""
        task = work.task
        if task is None or work.path in self._forced or task.node_id in self._forced:
            return None
        record = self._record_for(task, self._by_key.get(key.hash, {}))
        if record is not None:
            self._used.add(record.task)
            try:
                artifacts = await read_artifacts(self._store, record, work.path)
            except DamagedDataError as error:
                self._notice(f"{work.path} is executed again: {error.message}")
                return None
            copy = inherited(record, task.run_id, work.path, task.node_id)
            update = {"input_artifacts": task.input_artifacts, "attempt": task.attempt}
            return Outcome(record=copy.model_copy(update=update), artifacts=artifacts)
        return None if self._others is None else await self._others.find(work, key)

    def _record_for(self, task: TaskNode, same: Mapping[str, ExecutionRecord]) -> ExecutionRecord | None:
        """Which of the records with the *same* key stands for *task*."""
        if task.path in same or task.agent.startswith(PEOPLE):
            return same.get(task.path)
        return next(
            (
                record
                for path, record in same.items()
                if path not in self._used and (record.node_id == task.node_id or record.node_id not in self._nodes)
            ),
            None,
        )


def origin_for(request: ForkRequest, parent: Run, variables: Mapping[str, JsonValue]) -> Origin:
    """What the fork's own record says about where it comes from; *variables* are those given, without secrets."""
    changes = [*request.fields]
    for name, value in variables.items():
        changes.append(Change(kind=ChangeKind.VARIABLE, path=(name,), value=value, option=f"--var {name}"))
    for edit in request.edits:
        option = f"--edit {edit.task}.{edit.output}"
        changes.append(Change(kind=ChangeKind.ARTIFACT, node=edit.task, path=(edit.output,), option=option))
    if request.workflow is not None:
        changes.append(Change(kind=ChangeKind.WORKFLOW, value=str(request.workflow), option="--workflow"))
    return Origin(
        parent=parent.id,
        mode=RunMode.FORK,
        fork_points=points_of(request),
        is_alone=request.only is not None,
        changes=tuple(changes),
    )


def points_of(request: ForkRequest) -> tuple[str, ...]:
    """The paths of the tasks that are executed again whatever they are given."""
    return (request.only,) if request.only is not None else request.from_


async def _edited(store: RunStore, outcome: Outcome, record: ExecutionRecord, edits: Sequence[Edit]) -> Outcome:
    """The outcome with other artifacts in the place of some."""
    by_output = {edit.output: edit for edit in edits}
    artifacts = []
    for artifact in await read_artifacts(store, record, record.task):
        if edit := by_output.get(artifact.output):
            artifact = _made_by_hand(artifact, outcome.record, _value_of(edit, artifact))  # noqa: PLW2901 - in its place
        artifacts.append(artifact)
    made = tuple(artifact.id for artifact in artifacts)
    update = {"output_artifacts": made, "is_edited": True}
    return Outcome(record=outcome.record.model_copy(update=update), artifacts=tuple(artifacts))


def _made_by_hand(before: Artifact, record: ExecutionRecord, value: JsonValue) -> Artifact:
    """An artifact of the fork's own, derived from the one whose place it takes."""
    lineage = Lineage(
        task=record.task, agent=record.agent, attempt=record.attempt, derived_from=(before.id,), edited=True
    )
    update = {
        "id": artifact_id(record.run_id, record.task, before.output),
        "run_id": record.run_id,
        "task": record.task,
        "created_at": now(),
        "lineage": lineage,
    }
    return before.model_copy(update=update).with_content(value)


def _value_of(edit: Edit, before: Artifact) -> JsonValue:
    """What is put in the place of *before*.

    Raises:
        InputError: it should be JSON, as what it takes the place of, and is not.
    """
    if not edit.is_text or not isinstance(edit.value, str) or isinstance(before.content, str):
        return edit.value
    try:
        return decode_json(edit.value.encode())
    except (ValueError, RecursionError) as error:
        place, wanted = f"{edit.task}.{edit.output}", kind_of(before.content)
        raise InputError(
            f"--edit {place}: {wanted} is to be replaced, and this is no JSON: {error}",
            fix=f"""write JSON, as in --edit '{place}={{"a": 1}}'; text stands in double quotes""",
        ) from error


def _require_output(edit: Edit, bound: Bound, records: ParentRecords) -> None:
    option = f"--edit {edit.task}.{edit.output}"
    records.require_task(edit.task, bound.dag, option)
    outputs = bound.dag.nodes[node_of(edit.task)].outputs
    if edit.output not in outputs:
        fix = suggest(edit.output, outputs, f"outputs of '{node_of(edit.task)}'")
        raise InputError(f"{option}: there is no such output", fix=fix)
    record = records.final.get(edit.task)
    if record is None or record.status is not TaskStatus.COMPLETED:
        state = "never ended" if record is None else f"is {record.status}"
        raise InputError(f"{option}: {edit.task} {state} in run {records.parent.id}, so there is nothing to edit")


def _require_kept(edit: Edit, executed: Collection[str]) -> None:
    """What is executed again makes its output anew, so that nothing can take its place."""
    if edit.task in executed:
        raise InputError(
            f"--edit {edit.task}.{edit.output}: {edit.task} is executed again, and makes another one",
            fix="edit what it made, or let it be executed again",
        )


def _require_upstream(only: str, dag: DAG, unsettled: Collection[str], records: ParentRecords) -> None:
    """What is executed alone must have what it needs."""
    for upstream in dag.nodes[node_of(only)].depends_on:
        if upstream in unsettled:
            raise InputError(
                f"--only {only}: it needs '{upstream}', which never ended in run {records.parent.id}",
                fix=f"run that as well: --from {upstream}",
            )


def _require_alone(request: ForkRequest, changed: Mapping[str, str]) -> None:
    """With ``--only`` nothing else may be named or changed, since it would not be executed."""
    if request.only is None:
        return
    named = [path for path in request.from_ if path != request.only]
    if named:
        raise InputError(
            f"--only {request.only} executes nothing else, and --from {named[0]} is to be executed as well",
            fix="leave one of them out",
        )
    others = sorted(set(changed) - {node_of(request.only)})
    if others:
        raise InputError(
            f"--only {request.only} executes nothing else, and '{others[0]}' is changed as well",
            fix="leave --only out, or change that node alone",
        )
