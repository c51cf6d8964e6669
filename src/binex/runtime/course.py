"""The course that a run took, where a replay of it has to take the same: whose failure stopped whom, and when."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from binex.graph.dag import DAG
from binex.graph.fan_out import failed
from binex.models.names import item_of, node_of
from binex.models.task import ExecutionRecord, Outcome, TaskStatus, final_records
from binex.models.workflow import ItemFailure


class Course(Protocol):
    """Decides when outcomes are heard of."""

    def put(self, outcome: Outcome) -> Sequence[Outcome]:
        """A task has ended: the outcomes that are to be heard of now, in this order."""
        ...

    def release(self) -> Sequence[Outcome]:
        """The outcomes that were held back, since nothing else will happen that they wait for."""
        ...

    def comes_to_an_end(self, path: str) -> bool:
        """Whether a task ends by itself, although others no longer need it."""
        ...


class RecordedCourse:
    """Lets the items of a ``fail_fast`` node end in the order in which they were recorded, where one of them failed.

    There the order decides which of them were stopped. Everything else may come in any order.
    """

    def __init__(self, dag: DAG, records: Sequence[ExecutionRecord]) -> None:
        self._waiting: dict[str, deque[str]] = {}
        self._ended: set[str] = set()
        self._failed: set[str] = set()
        self._held: dict[str, Outcome] = {}
        for record in final_records(records).values():
            node = dag.nodes.get(node_of(record.task))
            if item_of(record.task) is None or node is None or record.status is TaskStatus.SKIPPED:
                continue
            if node.spec.on_item_failure is ItemFailure.FAIL_FAST:
                self._waiting.setdefault(node.id, deque()).append(record.task)
                if record.status is not TaskStatus.CANCELLED:
                    self._ended.add(record.task)
                if failed(Outcome(record=record)):
                    self._failed.add(record.task)
        failures = set(map(node_of, self._failed))
        self._waiting = {node_id: order for node_id, order in self._waiting.items() if node_id in failures}

    def put(self, outcome: Outcome) -> Sequence[Outcome]:
        """See :class:`Course`."""
        order = self._waiting.get(node_of(outcome.path))
        if order is None or outcome.path not in order:
            return (outcome,)
        self._held[outcome.path] = outcome
        heard = []
        while order and order[0] in self._held and (order[0] not in self._failed or self._have_begun(order)):
            heard.append(self._held.pop(order.popleft()))
        return heard

    def _have_begun(self, order: Iterable[str]) -> bool:
        """Whether all have ended that had begun when the first one failed: none begins after that."""
        return all(path in self._held for path in order)

    def release(self) -> Sequence[Outcome]:
        """See :class:`Course`."""
        held, self._held = list(self._held.values()), {}
        for outcome in held:
            self._waiting[node_of(outcome.path)].remove(outcome.path)
        return held

    def comes_to_an_end(self, path: str) -> bool:
        """See :class:`Course`."""
        return node_of(path) in self._waiting and path in self._ended
