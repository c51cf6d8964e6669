"""The cache: what tasks with the same key have made in earlier runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from binex.errors import DamagedDataError
from binex.graph.scheduler import Work
from binex.models.task import Artifact, ExecutionRecord, Outcome, TaskNode
from binex.models.workflow import NodeSpec
from binex.runtime.inheritance import inherited, read_artifacts
from binex.runtime.keys import TaskKey
from binex.stores.run_store import RunStore

PEOPLE: Final = "human://"
_FUNCTIONS: Final = "local://"
_ECHO: Final = "local://echo"


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Which nodes of a run use the cache."""

    nodes: Mapping[str, NodeSpec]
    is_on: bool = False
    """Whether those do that do not say themselves."""

    @property
    def is_used(self) -> bool:
        """Whether any node uses it."""
        return any(map(self.covers, self.nodes))

    def covers(self, node_id: str) -> bool:
        """Whether a node uses it: what somebody said is taken from an earlier run only where the node asks for it."""
        node = self.nodes[node_id]
        if node.cache is not None:
            return node.cache
        return self.is_on and not node.agent.startswith(PEOPLE)

    def is_doubtful(self, task: TaskNode, key: TaskKey) -> bool:
        """Whether a task calls a function whose code is not known, as from elsewhere than the project's folder.

        It may have changed; only a node that wants the cache in any case gets it.
        """
        is_known = "code" in key.parts or task.agent == _ECHO or not task.agent.startswith(_FUNCTIONS)
        return not is_known and self.nodes[task.node_id].cache is not True


class CacheRecall:
    """Knows what tasks with the same key have made in other runs."""

    def __init__(self, store: RunStore, policy: CachePolicy, notice: Callable[[str], None]) -> None:
        self._store = store
        self._policy = policy
        self._notice = notice
        self._is_ready = False

    async def find(self, work: Work, key: TaskKey) -> Outcome | None:
        """The outcome of an earlier task with the same key, if its artifacts are there and are what they were."""
        task = work.task
        if task is None or not self._policy.covers(task.node_id) or self._policy.is_doubtful(task, key):
            return None
        if not self._is_ready:  # what others finish from now on may be missed: looking again at each task is dear
            await self._store.index_keys()
            self._is_ready = True
        for earlier in await self._store.find_by_key(key.hash, run_id=task.run_id, task=task.path):
            artifacts = await self._artifacts(earlier, task)
            if artifacts is not None:
                return Outcome(record=_reused(earlier, task), artifacts=artifacts)
        return None

    async def _artifacts(self, earlier: ExecutionRecord, task: TaskNode) -> tuple[Artifact, ...] | None:
        """What the earlier task made; None, and a notice, where that is not whole."""
        try:
            made = await read_artifacts(self._store, earlier, earlier.task)
        except DamagedDataError as error:
            problem = error.message
        else:
            if tuple(artifact.output for artifact in made) == task.outputs:
                return made
            problem = f"its record names other outputs than {', '.join(task.outputs)}"
        self._notice(f"{earlier.task} of run {earlier.run_id} cannot stand for {task.path}: {problem}")
        return None


def recall_of(
    store: RunStore, nodes: Mapping[str, NodeSpec], notice: Callable[[str], None], *, is_on: bool = False
) -> CacheRecall | None:
    """What a run with these *nodes* may recall, with *is_on* also those that do not say; None where none uses it."""
    policy = CachePolicy(nodes, is_on=is_on)
    return CacheRecall(store, policy, notice) if policy.is_used else None


def _reused(earlier: ExecutionRecord, task: TaskNode) -> ExecutionRecord:
    record = inherited(earlier, task.run_id, task.path, task.node_id)
    # Attempts that were made at the task before its run was resumed keep their numbers.
    return record.model_copy(update={"attempt": task.attempt, "input_artifacts": task.input_artifacts})
