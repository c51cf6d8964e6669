"""The items of one foreach node while it runs."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from binex.errors import ExpressionError
from binex.graph.dag import PlannedNode
from binex.graph.reference import kind_of
from binex.graph.scope import Item, Scope
from binex.models.names import item_path
from binex.models.task import Outcome, TaskStatus
from binex.models.workflow import ItemFailure


def items_of(node: PlannedNode, scope: Scope) -> list[JsonValue]:
    """The list that a foreach node runs over.

    Raises:
        ExpressionError: it is not a list, or longer than ``max_items``.
    """
    assert node.foreach is not None
    values = scope.value_of(node.foreach)
    if not isinstance(values, list):
        raise ExpressionError(f"foreach needs a list, and {node.foreach.text} is {kind_of(values)}")
    if len(values) > node.spec.max_items:
        raise ExpressionError(
            f"foreach over {node.foreach.text}: {len(values):,} items, limit {node.spec.max_items:,} (max_items)",
            fix=f"set max_items: {len(values)} on node '{node.id}', or make the list shorter",
        )
    return values


class FanOut:
    """Hands out the items of a node one by one, and knows when all of them are settled."""

    def __init__(self, node: PlannedNode, values: list[JsonValue], known: Mapping[int, Outcome]) -> None:
        self.node = node
        self.path = node.id
        self.ready_at = 0.0
        self.is_queued = False
        self.stopped_by: str | None = None
        self._values = values
        self._outcomes: dict[int, Outcome] = {i: outcome for i, outcome in known.items() if i < len(values)}
        self._waiting: Iterator[int] = (i for i in range(len(values)) if i not in self._outcomes)
        self._left = len(values) - len(self._outcomes)
        self._running: set[int] = set()
        for outcome in self._outcomes.values():
            self._note_failure(outcome)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def has_waiting(self) -> bool:
        """Whether an item is left that was not handed out."""
        return self._left > 0

    @property
    def has_room(self) -> bool:
        """Whether ``max_parallel`` lets one more item run."""
        return self.node.spec.max_parallel is None or len(self._running) < self.node.spec.max_parallel

    @property
    def is_settled(self) -> bool:
        return len(self._outcomes) == len(self._values)

    @property
    def running_paths(self) -> list[str]:
        """The items that were handed out and are not settled, those that no agent was needed for included."""
        return [item_path(self.path, index) for index in sorted(self._running)]

    def take(self) -> Item:
        """The next item, which counts as running from now on."""
        index = next(self._waiting)
        self._left -= 1
        self._running.add(index)
        return Item(index, self._values[index])

    def take_rest(self) -> list[str]:
        """The paths of all items that were not handed out; they will not run."""
        self._left = 0
        return [item_path(self.path, index) for index in self._waiting]

    def settle(self, index: int, outcome: Outcome) -> None:
        self._running.discard(index)
        self._outcomes[index] = outcome
        self._values[index] = None  # nobody needs the item any more
        self._note_failure(outcome)

    def _note_failure(self, outcome: Outcome) -> None:
        if self.node.spec.on_item_failure is ItemFailure.FAIL_FAST and self.stopped_by is None and failed(outcome):
            self.stopped_by = outcome.path

    def outcomes(self) -> list[Outcome]:
        """How the items ended, in their own order."""
        return [self._outcomes[index] for index in range(len(self._values))]


def failed(outcome: Outcome) -> bool:
    """Whether something was to be made and was not."""
    return outcome.status in (TaskStatus.FAILED, TaskStatus.TIMED_OUT, TaskStatus.CANCELLED)
