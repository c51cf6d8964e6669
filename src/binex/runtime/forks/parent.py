"""How the tasks of a parent ended, and which of them stand for tasks of a fork."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from binex.errors import DamagedDataError, InputError, suggest
from binex.graph.dag import DAG
from binex.graph.scheduler import Work
from binex.models.names import item_of, node_of
from binex.models.run import Run
from binex.models.task import ExecutionRecord, Outcome, SkipReason, TaskNode, TaskStatus, final_records
from binex.runtime.cache import PEOPLE
from binex.runtime.inheritance import inherited, read_artifacts
from binex.runtime.keys import TaskKey
from binex.runtime.recall import Recall
from binex.stores.run_store import RunStore

HOW: Final = ("deadline_ms", "retry_policy", "isolation", "budget", "max_parallel", "cache")
"""Fields that say how a node is executed; they do not change what it makes once it has."""


class ParentRecords:
    """How the tasks of a parent ended."""

    def __init__(self, parent: Run, records: Sequence[ExecutionRecord]) -> None:
        self.parent = parent
        self.final = final_records(records)

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
        return not is_done or any(name not in HOW for name in fields)

    def require_task(self, path: str, dag: DAG, option: str) -> None:
        """Raise InputError where *path* is neither a node nor an item of one that the parent has executed."""
        if path in dag.nodes or (item_of(path) is not None and node_of(path) in dag.nodes and path in self.final):
            return
        is_item = node_of(path) in dag.nodes
        names = [known for known in self.final if node_of(known) in dag.nodes] if is_item else list(dag.nodes)
        raise InputError(
            f"{option}: there is no task '{path:.80}' in run {self.parent.id}", fix=suggest(path[:80], names, "tasks")
        )


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
