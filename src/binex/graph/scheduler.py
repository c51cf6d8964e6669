"""Decides what may run next. Events in, work out; nothing here waits, reads or writes.

Over a whole run the work is in proportion to the nodes, the edges and the items.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from binex.errors import ExpressionError
from binex.graph import verdict
from binex.graph.capacity import Capacity
from binex.graph.dag import DAG, PlannedNode
from binex.graph.fan_out import FanOut, failed, items_of
from binex.graph.scope import Item, RunContext, Scope
from binex.models.collecting import collecting_later
from binex.models.names import item_of, item_path, node_of
from binex.models.task import Artifact, Outcome, SkipReason, TaskNode
from binex.models.workflow import RetryPolicy

_NO_RETRY = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done about one task: give it to its agent, or only keep what was decided without one."""

    path: str
    ready_at: float
    retry_policy: RetryPolicy
    task: TaskNode | None = None
    inputs: tuple[Artifact, ...] = ()
    decided: Outcome | None = None


class Scheduler:
    """Moves every task from waiting over ready and running to settled.

    It promises that a run which is not complete always has work ready or running, so that a loop over
    :meth:`ready_work` and :meth:`settle` cannot starve. *known* outcomes count as settled from the start.
    """

    def __init__(
        self,
        dag: DAG,
        context: RunContext,
        *,
        known: Iterable[Outcome] = (),
        concurrency: int | Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dag = dag
        self._context = context
        self._clock = clock
        self._scope = Scope(dag, context)
        self._capacity = Capacity(concurrency)
        self._waits_for = {node.id: len(node.depends_on) for node in dag.nodes.values()}
        self._unsettled = set(dag.nodes)
        self._blocked: set[str] = set()
        self._fan_outs: dict[str, FanOut] = {}
        self._new_fan_outs: list[FanOut] = []
        self._running: dict[str, str] = {}  # path → bucket
        self._to_cancel: list[str] = []
        self._decided: deque[Outcome] = deque()
        self._queues: dict[str, deque[tuple[PlannedNode, float] | FanOut]] = {
            b: deque() for b in self._capacity.buckets
        }
        self._known_items: dict[str, dict[int, Outcome]] = {}
        with collecting_later():
            self._start(known)

    def is_complete(self) -> bool:
        """Whether every node is settled."""
        return not self._unsettled

    @property
    def running(self) -> int:
        """How many tasks were handed out to agents and are not settled."""
        return len(self._running)

    def ready_work(self) -> Iterator[Work]:
        """All that can be done now; each is handed out once."""
        while True:
            while self._decided:
                outcome = self._decided.popleft()
                yield Work(outcome.path, self._clock(), _NO_RETRY, decided=outcome)
            work = next((w for b, queue in self._queues.items() if queue and (w := self._take(b, queue))), None)
            if work is not None:
                yield work
            elif not self._decided:
                return

    def new_fan_outs(self) -> list[FanOut]:
        """The foreach nodes whose lists have become known since the last call."""
        found, self._new_fan_outs = self._new_fan_outs, []
        return found

    def to_cancel(self) -> list[str]:
        """Running tasks that nobody needs any more since the last call; they still have to be settled."""
        found, self._to_cancel = self._to_cancel, []
        return found

    def settle(self, outcome: Outcome) -> None:
        """Take in how a task ended, however that was decided."""
        bucket = self._running.pop(outcome.path, None)
        if bucket is not None:
            self._capacity.give_back(bucket)
        index = item_of(outcome.path)
        if index is None:
            self._settle_node(self._dag.nodes[outcome.path], outcome)
        else:
            self._settle_item(self._fan_outs[node_of(outcome.path)], index, outcome)

    def _start(self, known: Iterable[Outcome]) -> None:
        settled: list[tuple[PlannedNode, Outcome]] = []
        for outcome in known:
            index = item_of(outcome.path)
            node_id = node_of(outcome.path)
            if index is not None:
                self._known_items.setdefault(node_id, {})[index] = outcome
            else:
                settled.append((self._dag.nodes[node_id], outcome))
                self._unsettled.discard(node_id)
        for node, outcome in settled:
            self._scope.keep(node.id, outcome.artifacts)
        for node, _ in settled:
            self._scope.release_inputs_of(node)
        for node, outcome in settled:
            self._tell_dependents(node, outcome)
        for node in self._dag.nodes.values():
            if not node.depends_on and node.id in self._unsettled:
                self._release(node)

    def _settle_node(self, node: PlannedNode, outcome: Outcome) -> None:
        self._unsettled.discard(node.id)
        self._fan_outs.pop(node.id, None)
        self._scope.keep(node.id, outcome.artifacts)
        self._scope.release_inputs_of(node)
        self._tell_dependents(node, outcome)

    def _tell_dependents(self, node: PlannedNode, outcome: Outcome) -> None:
        if failed(outcome) or outcome.record.skip_reason is SkipReason.BLOCKED:
            self._block_from(node, outcome.record.blocked_by or outcome.path)
            return
        for dependent in self._dag.dependents[node.id]:
            self._waits_for[dependent] -= 1
            if not self._waits_for[dependent] and dependent in self._unsettled and dependent not in self._blocked:
                self._release(self._dag.nodes[dependent])

    def _block_from(self, node: PlannedNode, culprit: str) -> None:
        """Skip everything that needs *node*, at once."""
        stack = [node.id]
        while stack:
            for dependent in self._dag.dependents[stack.pop()]:
                if dependent in self._unsettled and dependent not in self._blocked:
                    self._blocked.add(dependent)
                    stack.append(dependent)
                    blocked = self._dag.nodes[dependent]
                    self._decide(verdict.skipped(self._context.run_id, blocked, dependent, SkipReason.BLOCKED, culprit))

    def _release(self, node: PlannedNode) -> None:
        """Everything that *node* depends on is settled: it may run."""
        try:
            if node.when and not node.has_conditional_items and not node.when.holds(self._scope.lookup()):
                self._decide(verdict.skipped(self._context.run_id, node, node.id, SkipReason.WHEN))
            elif node.foreach is None:
                self._queue(node.spec.agent, (node, self._clock()))
            else:
                self._fan_out(node)
        except ExpressionError as error:
            self._decide(self._unusable(node, node.id, error))

    def _fan_out(self, node: PlannedNode) -> None:
        if self._scope.is_missing(node.foreach):  # its list was to come from a node that was skipped
            self._decide(verdict.skipped(self._context.run_id, node, node.id, SkipReason.WHEN))
            return
        fan_out = FanOut(node, items_of(node, self._scope), self._known_items.pop(node.id, {}))
        fan_out.ready_at = self._clock()
        self._fan_outs[node.id] = fan_out
        self._new_fan_outs.append(fan_out)
        self._go_on(fan_out)

    def _go_on(self, fan_out: FanOut) -> None:
        if fan_out.stopped_by is not None:
            for path in fan_out.take_rest():
                self._decide(
                    verdict.skipped(self._context.run_id, fan_out.node, path, SkipReason.BLOCKED, fan_out.stopped_by)
                )
        if fan_out.is_settled:
            attempt = self._attempt(fan_out.path)
            self._decide(verdict.joined(self._context.run_id, fan_out, attempt))
        elif fan_out.has_waiting and fan_out.has_room and not fan_out.is_queued:
            fan_out.is_queued = True
            self._queue(fan_out.node.spec.agent, fan_out)

    def _settle_item(self, fan_out: FanOut, index: int, outcome: Outcome) -> None:
        fan_out.settle(index, outcome)
        if fan_out.stopped_by == outcome.path:
            self._to_cancel += [path for path in fan_out.running_paths if path in self._running]
        self._go_on(fan_out)

    def _queue(self, agent: str, entry: "tuple[PlannedNode, float] | FanOut") -> None:
        self._queues[self._capacity.bucket_of(agent)].append(entry)

    def _take(self, bucket: str, queue: "deque[tuple[PlannedNode, float] | FanOut]") -> Work | None:
        while queue and self._capacity.has_room(bucket):
            entry = queue.popleft()
            if not isinstance(entry, FanOut):
                node, ready_at = entry
                return self._work(bucket, node, None, ready_at)
            entry.is_queued = False
            if entry.has_waiting:
                work = self._work(bucket, entry.node, entry.take(), entry.ready_at)
                self._go_on(entry)  # behind the others: nodes take turns
                return work
        return None

    def _work(self, bucket: str, node: PlannedNode, item: Item | None, ready_at: float) -> Work:
        path = node.id if item is None else item_path(node.id, item.index)
        try:
            if item is not None and node.has_conditional_items:
                assert node.when is not None
                if not node.when.holds(self._scope.lookup(item)):
                    outcome = verdict.skipped(self._context.run_id, node, path, SkipReason.WHEN)
                    return Work(path, ready_at, _NO_RETRY, decided=outcome)
            inputs = self._scope.inputs_of(node)
            task = self._scope.task(node, item, inputs)
        except ExpressionError as error:
            return Work(path, ready_at, _NO_RETRY, decided=self._unusable(node, path, error))
        self._capacity.take(bucket)
        self._running[path] = bucket
        return Work(path, ready_at, node.retry_policy, task, tuple(inputs))

    def _unusable(self, node: PlannedNode, path: str, error: ExpressionError) -> Outcome:
        return verdict.unusable(self._context.run_id, node, path, error, self._attempt(path))

    def _attempt(self, path: str) -> int:
        return self._context.attempts.get(path, 0) + 1

    def _decide(self, outcome: Outcome) -> None:
        self._decided.append(outcome)
