"""All tasks of a run in full, one after the other, each as `analysis.task_detail` gives a single one.

That reads the whole run for every task; here what they have in common is read once.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce

from binex.analysis.artifacts import RunArtifact, get_artifact
from binex.analysis.debug import RunDebug, TaskDebug
from binex.analysis.task_detail import TaskDetail
from binex.analysis.task_parts import OutputDetail, PartReader
from binex.analysis.task_values import Binds, read_values
from binex.errors import DamagedDataError
from binex.graph.dag import DAG
from binex.models.call import Spend
from binex.models.question import Question
from binex.models.task import final_records
from binex.models.why import ConditionValues
from binex.models.workflow import WorkflowSpec
from binex.models.workflow_source import WorkflowSource
from binex.stores.run_store import RunStore


class DetailReader:
    """Reads the tasks of one run, which *found* is about."""

    def __init__(self, store: RunStore, found: RunDebug, questions: Sequence[Question], bind: Binds) -> None:
        self._store = store
        self._run = found.run
        self._records = [record for task in found.tasks for record in task.records]
        self._last = final_records(self._records)
        self._bind = _Once(bind)
        self._questions: defaultdict[str, list[Question]] = defaultdict(list)
        for question in questions:
            self._questions[question.task].append(question)

    async def read(self, task: TaskDebug) -> TaskDetail:
        """Everything about *task*; what can no longer be read is named in ``damage``, and the rest is there.

        Raises:
            StoreError: the store cannot be read.
        """
        path = task.timing.task
        own = list(task.records)
        record = max(own, key=lambda one: one.attempt) if own else None
        executed_run, executed_task = (self._run.id, path) if record is None else record.executed_as
        if executed_run != self._run.id:
            own = [one for one in await self._store.list_records(executed_run) if one.task == executed_task] or own
        reader = PartReader(self._store, self._run, own)
        calls = await self._store.list_calls(executed_run, executed_task)
        attempts = await reader.attempts(own, calls)
        values = await read_values(self._store, self._run, path, self._last, self._bind)
        condition = None if values is None else values.condition
        return TaskDetail(
            run=self._run,
            timing=task.timing,
            record=record,
            executed_run=executed_run,
            executed_task=executed_task,
            attempts=attempts,
            failure=attempts[-1].failure if attempts and path in self._last else None,
            blocked=task.blocked,
            condition=None if condition is None else ConditionValues(text=condition[0], values=condition[1]),
            inputs=() if values is None else await reader.given(values.inputs, self._last),
            settings=() if values is None else await reader.given(values.settings, self._last),
            outputs=tuple([await self._output(made, reader) for made in task.artifacts]),
            questions=tuple(self._questions[path]),
            spend=reduce(Spend.plus, (call.spend for call in calls), Spend()),
            damage=tuple(reader.damage),
        )

    async def _output(self, made: RunArtifact, reader: PartReader) -> OutputDetail:
        try:
            return OutputDetail(artifact=made, value=(await get_artifact(self._store, made)).content)
        except DamagedDataError as error:
            reader.note(made.name, error)
            return OutputDetail(artifact=made, is_readable=False)


class _Once:
    """Reads a snapshot once, however often it is asked for: all tasks of a run have the same."""

    def __init__(self, bind: Binds) -> None:
        self._bind = bind
        self._bound: tuple[WorkflowSpec, DAG] | None = None

    def __call__(self, source: WorkflowSource) -> tuple[WorkflowSpec, DAG]:
        if self._bound is None:
            self._bound = self._bind(source)
        return self._bound
