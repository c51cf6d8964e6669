"""Everything about one task of a run."""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

from pydantic import Field, JsonValue

from binex.analysis.artifacts import Damage, Made, RunArtifact, artifacts_of
from binex.analysis.failures.classes import FailureClass
from binex.analysis.failures.groups import FailureGroup, group_failures
from binex.analysis.find import find_task
from binex.analysis.state import as_seen
from binex.analysis.tasks.model_rounds import Round
from binex.analysis.tasks.parts import AttemptDetail, Given, ItemShort, OutputDetail, PartReader, shorten_items
from binex.analysis.tasks.values import Binds, read_values
from binex.analysis.trace import TaskTrace, trace_of
from binex.errors import BinexError, DamagedDataError
from binex.graph.dag import DAG
from binex.models.base import Model
from binex.models.call import Spend
from binex.models.event import TaskStarted
from binex.models.names import node_of
from binex.models.question import Question
from binex.models.run import Run
from binex.models.task import ExecutionRecord, SkipReason, TaskStatus, final_records
from binex.models.why import ConditionValues
from binex.models.workflow import WorkflowSpec
from binex.models.workflow_source import WorkflowSource
from binex.stores.run_store import RunStore


class TaskDetail(Model):
    """Everything about one task of a run. Nothing in it is shortened."""

    run: Run
    """The run as it is now."""
    timing: TaskTrace
    """Where it stands and when it did what; its items are in `items`."""
    record: ExecutionRecord | None = None
    """Its last record in this run; None where there is none yet."""
    executed_run: str
    """The run that executed it: another one where its outcome was taken over."""
    executed_task: str
    """What it is called there."""
    attempts: tuple[AttemptDetail, ...] = ()
    """Every attempt that has ended, in order; those of the run that executed it."""
    rounds_so_far: tuple[Round, ...] = ()
    """What was said between it and models in the attempt that has not ended yet."""
    failure: FailureClass | None = None
    """Why it failed, where it did."""
    item_failures: tuple[FailureGroup, ...] = ()
    """Why items of a foreach node failed, those together that are alike."""
    blocked: tuple[str, ...] = ()
    """The tasks that were skipped because of it."""
    condition: ConditionValues | None = None
    """Its `when`, and the value of each reference in it."""
    held: bool | None = None
    """Whether that was true; None where nobody asked."""
    inputs: tuple[Given, ...] = ()
    """What its agent was given, in the order of the workflow; before it, for a foreach node, its list."""
    settings: tuple[Given, ...] = ()
    """Its prompt, messages, config and whatever else the workflow says about its agent."""
    outputs: tuple[OutputDetail, ...] = ()
    """What it made, here or where its outcome was taken from."""
    questions: tuple[Question, ...] = ()
    """What people were asked in this run."""
    spend: Spend = Field(default_factory=Spend)
    """What its calls of models cost together, where it was executed; without those of items."""
    items: tuple[ItemShort, ...] = ()
    """The items of a foreach node, in their order."""
    damage: tuple[Damage, ...] = ()
    """What of it is missing, or is not what was recorded."""

    @property
    def task(self) -> str:
        """The path of the task."""
        return self.timing.task

    @property
    def key(self) -> str:
        """The hash of all that its outcome depends on; empty where it had no agent."""
        return self.record.key if self.record is not None else ""

    @property
    def was_executed_elsewhere(self) -> bool:
        return self.executed_run != self.run.id


class DetailReader:
    """Reads tasks of one run in full; what they have in common is read once.

    *bind* reads the snapshot of its workflow (`loader.bind_source`).
    """

    def __init__(
        self,
        store: RunStore,
        run: Run,
        records: Sequence[ExecutionRecord],
        questions: Sequence[Question],
        bind: Binds,
    ) -> None:
        self._store = store
        self._run = run
        self._bind = _Once(bind)
        self._last = final_records(records)
        self._lists: dict[str, list[JsonValue]] = {}
        self._records: defaultdict[str, list[ExecutionRecord]] = defaultdict(list)
        for record in records:
            self._records[record.task].append(record)
        self._questions: defaultdict[str, list[Question]] = defaultdict(list)
        for question in questions:
            self._questions[question.task].append(question)
        self._blocked: defaultdict[str, list[str]] = defaultdict(list)
        for path, record in self._last.items():
            if record.blocked_by is not None:
                self._blocked[record.blocked_by].append(path)

    async def read(self, timing: TaskTrace, made: Sequence[RunArtifact]) -> TaskDetail:
        """Everything about the task, whose items are in *timing*; *made* are its artifacts.

        What can no longer be read is named in ``damage``, and the rest is there.

        Raises:
            StoreError: the store cannot be read.
        """
        path, last = timing.task, self._last
        own = self._records[path]
        record = max(own, key=lambda one: one.attempt) if own else None
        executed_run, executed_task = (self._run.id, path) if record is None else record.executed_as
        if executed_run != self._run.id:
            own = [one for one in await self._store.list_records(executed_run) if one.task == executed_task] or own
        reader = PartReader(self._store)
        calls = await self._store.list_calls(executed_run, executed_task)
        attempts = await reader.attempts(own, calls)
        groups = await group_failures(self._store, [one for item in timing.items for one in self._records[item.task]])
        values = await read_values(self._store, self._run, path, last, self._bind, self._lists)
        condition = None if values is None else values.condition
        return TaskDetail(
            run=self._run,
            timing=timing.model_copy(update={"items": ()}),
            record=record,
            executed_run=executed_run,
            executed_task=executed_task,
            attempts=attempts,
            rounds_so_far=await reader.rounds_so_far(own, calls),
            failure=attempts[-1].failure if attempts and path in last else None,
            item_failures=groups,
            blocked=tuple(self._blocked[path]),
            condition=None if condition is None else ConditionValues(text=condition[0], values=condition[1]),
            held=_held(record, has_condition=condition is not None),
            inputs=() if values is None else await reader.given(values.inputs, last),
            settings=() if values is None else await reader.given(values.settings, last),
            outputs=await reader.outputs(made),
            questions=tuple(self._questions[path]),
            spend=reduce(Spend.plus, (call.spend for call in calls), Spend()),
            items=shorten_items(timing.items, groups),
            damage=tuple(reader.damage),
        )


class _Once:
    """Reads a snapshot once, however often it is asked for: all tasks of a run have the same."""

    def __init__(self, bind: Binds) -> None:
        self._bind = bind
        self._bound: tuple[WorkflowSpec, DAG] | None = None

    def __call__(self, source: WorkflowSource) -> tuple[WorkflowSpec, DAG]:
        if self._bound is None:
            self._bound = self._bind(source)
        return self._bound


async def task_detail(store: RunStore, run: Run, path: str, bind: Binds) -> TaskDetail:
    """Everything about the task of *run* at *path*; see :class:`DetailReader`.

    Raises:
        InputError: the run has no such task; the nearest one is suggested.
        StoreError: the store cannot be read.
    """
    run = await as_seen(store, run)
    records = await store.list_records(run.id)
    bind = _Once(bind)
    agents, damage = await _agents(store, run, bind)
    running = [] if run.status.has_come_to_all else await store.list_running(run.id)
    known = [*agents, *(record.task for record in records), *(event.task for event in running)]
    path = find_task(run, path, dict.fromkeys(known))
    timing = _timing(run, path, [one for one in records if path in (one.task, node_of(one.task))], running)
    timing = timing.model_copy(update={"agent": timing.agent or agents.get(node_of(path), "")})
    made, missing = await _made_by(store, run, [one for one in records if one.task == path])
    reader = DetailReader(store, run, records, await store.list_questions(run.id), bind)
    found = await reader.read(timing, [one for one in made if one.path == path])
    return found.model_copy(update={"damage": (*damage, *missing, *found.damage)})


async def _made_by(store: RunStore, run: Run, records: Sequence[ExecutionRecord]) -> Made:
    """What the task with these *records* has made."""
    try:
        return await artifacts_of(store, run, records)
    except DamagedDataError as error:
        return Made([], [Damage(where="artifacts", message=error.message, fix=error.fix)])


async def _agents(store: RunStore, run: Run, bind: Binds) -> tuple[dict[str, str], list[Damage]]:
    """The agents of the workflow's nodes, by node."""
    try:
        spec, _ = bind(await store.get_source(run.workflow_hash))
    except BinexError as error:
        return {}, [Damage(where="workflow", message=error.message, fix=error.fix)]
    return {name: node.agent for name, node in spec.nodes.items()}, []


def _timing(run: Run, path: str, records: Sequence[ExecutionRecord], running: Sequence[TaskStarted]) -> TaskTrace:
    """When the task at *path* did what, by the *records* of it and of its items."""
    own = [event for event in running if path in (event.task, node_of(event.task))]
    nodes = trace_of(run, records, own).tasks
    found = next((task for node in nodes for task in (node, *node.items) if task.task == path), None)
    return found or TaskTrace(task=path, node_id=node_of(path), agent="", status=TaskStatus.WAITING)


def _held(record: ExecutionRecord | None, *, has_condition: bool) -> bool | None:
    """Whether the condition was true, by what became of the task."""
    if record is None or not has_condition:
        return None
    if record.skip_reason is SkipReason.WHEN:
        return False
    return None if record.skip_reason is not None else True
