"""Everything about one task of a run."""

from collections.abc import Sequence
from functools import reduce

from pydantic import Field

from binex.analysis.artifacts import Damage
from binex.analysis.failure_class import FailureClass
from binex.analysis.failure_groups import FailureGroup, group_failures
from binex.analysis.find import find_task
from binex.analysis.state import as_seen
from binex.analysis.task_parts import AttemptDetail, Given, ItemShort, OutputDetail, PartReader, shorten_items
from binex.analysis.task_values import Binds, read_values
from binex.analysis.trace import TaskTrace, trace_of
from binex.errors import BinexError
from binex.models.base import Model
from binex.models.call import Spend
from binex.models.event import TaskStarted
from binex.models.names import node_of
from binex.models.question import Question
from binex.models.run import Run
from binex.models.task import ExecutionRecord, SkipReason, TaskStatus, final_records
from binex.models.why import ConditionValues
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
    """Every attempt, in order; those of the run that executed it."""
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


async def task_detail(store: RunStore, run: Run, path: str, bind: Binds) -> TaskDetail:
    """Everything about the task of *run* at *path*; *bind* reads the snapshot of its workflow (`loader.bind_source`).

    What can no longer be read is named in ``damage``, and the rest is there.

    Raises:
        InputError: the run has no such task; the nearest one is suggested.
        StoreError: the store cannot be read.
    """
    run = await as_seen(store, run)
    records = await store.list_records(run.id)
    reader = PartReader(store, run, records)
    agents = await _agents(store, run, bind, reader)
    running = [] if run.status.has_come_to_all else await store.list_running(run.id)
    known = [*agents, *(record.task for record in records), *(event.task for event in running)]
    path = find_task(run, path, dict.fromkeys(known))
    of_node = [one for one in records if path in (one.task, node_of(one.task))]
    timing = _timing(run, path, of_node, running)
    own = [record for record in records if record.task == path]
    record = max(own, key=lambda one: one.attempt) if own else None
    executed_run, executed_task = (run.id, path) if record is None else record.executed_as
    if executed_run != run.id:
        own = [one for one in await store.list_records(executed_run) if one.task == executed_task] or own
    calls = await store.list_calls(executed_run, executed_task)
    attempts = await reader.attempts(own, calls)
    groups = await group_failures(store, [one for one in of_node if one.task != path])
    last = final_records(records)
    values = await read_values(store, run, path, last, bind)
    condition = None if values is None else values.condition
    return TaskDetail(
        run=run,
        timing=timing.model_copy(update={"items": (), "agent": timing.agent or agents.get(node_of(path), "")}),
        record=record,
        executed_run=executed_run,
        executed_task=executed_task,
        attempts=attempts,
        failure=attempts[-1].failure if attempts and path in last else None,
        item_failures=groups,
        blocked=tuple(one.task for one in last.values() if one.blocked_by == path),
        condition=None if condition is None else ConditionValues(text=condition[0], values=condition[1]),
        held=_held(record, has_condition=condition is not None),
        inputs=() if values is None else await reader.given(values.inputs, last),
        settings=() if values is None else await reader.given(values.settings, last),
        outputs=await reader.outputs(path),
        questions=tuple(one for one in await store.list_questions(run.id) if one.task == path),
        spend=reduce(Spend.plus, (call.spend for call in calls), Spend()),
        items=shorten_items(timing.items, groups),
        damage=tuple(reader.damage),
    )


async def _agents(store: RunStore, run: Run, bind: Binds, reader: PartReader) -> dict[str, str]:
    """The agents of the workflow's nodes, by node."""
    try:
        spec, _ = bind(await store.get_source(run.workflow_hash))
    except BinexError as error:
        reader.note("workflow", error)
        return {}
    return {name: node.agent for name, node in spec.nodes.items()}


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
