"""Which nodes it would help to make faster, and by how much at most."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Final, Protocol

from binex.analysis.lineage.upstream import Upstream
from binex.analysis.timing.time_parts import TimeParts
from binex.analysis.trace import TaskTrace
from binex.models.base import Model
from binex.models.names import item_of, node_of

_TRIED: Final = 8
"""The nodes of the chain that were executed longest; each is a walk over the whole graph."""


class SpeedUp(Model):
    """What it would help to make a node faster."""

    node: str
    """The node; a foreach node with all its items."""
    executed_ms: float
    """How long it was executed within the chain."""
    saves_ms: float
    """How much shorter the run had been at most: had the node taken no time, and everything else as long as it did.

    The items of a foreach mostly wait for each other, so that this goes with them.
    """


class ChainLink(Protocol):
    """What is looked at of a link of the chain."""

    @property
    def task(self) -> str: ...

    @property
    def parts(self) -> TimeParts: ...


def find_speed_ups(
    links: Iterable[ChainLink],
    tasks: Mapping[str, TaskTrace],
    settled: Mapping[str, float],
    upstream: Upstream,
) -> tuple[SpeedUp, ...]:
    """The nodes of the chain, those that help most first.

    Without a node's work whatever took nearly as long beside it becomes the chain; the runs of all tasks are laid out
    anew by what depends on what, each as long after the last that it waited for as it was.
    """
    executed: dict[str, float] = {}
    tried: dict[str, float] = {}
    for link in links:
        node = node_of(link.task)
        executed[node] = executed.get(node, 0.0) + link.parts.executed_ms
        tried[node] = executed[node] + (link.parts.queued_ms if node != link.task else 0.0)
    longest = sorted((node for node in tried if tried[node] > 0), key=lambda node: -tried[node])[:_TRIED]
    if not longest:
        return ()
    layout = _Layout(tasks, settled, upstream)
    end = layout.end_without("")
    found = [
        SpeedUp(node=node, executed_ms=executed[node], saves_ms=max(0.0, end - layout.end_without(node)))
        for node in longest
    ]
    return tuple(sorted(found, key=lambda one: -one.saves_ms))


class _Layout:
    """All nodes in an order in which each comes after those that it depends on, with how long each took after them."""

    def __init__(self, tasks: Mapping[str, TaskTrace], settled: Mapping[str, float], upstream: Upstream) -> None:
        nodes = {path: task for path, task in tasks.items() if node_of(path) == path}
        self._before = {path: [one for one in upstream.of(path) if one in nodes] for path in nodes}
        self._order = list(TopologicalSorter(self._before).static_order())
        self._lengths: dict[str, Sequence[tuple[float, float]]] = {}
        for path, task in nodes.items():
            ready = max((settled[one] for one in self._before[path]), default=0.0)
            parts = task.items or (task,)
            self._lengths[path] = [(max(0.0, settled[one.task] - ready), _work(one)) for one in parts]

    def end_without(self, node: str) -> float:
        """When the last task would have settled, had *node* taken no time."""
        ends: dict[str, float] = {}
        for path in self._order:
            start = max((ends[one] for one in self._before[path]), default=0.0)
            took = [max(0.0, whole - work) if path == node else whole for whole, work in self._lengths[path]]
            ends[path] = start + max(took)
        return max(ends.values(), default=0.0)


def _work(task: TaskTrace) -> float:
    """What would not be, did its node take no time; an item had not waited for its turn either: its siblings had it."""
    queued = task.queued_ms if item_of(task.task) is not None else 0.0
    return queued + sum(attempt.duration_ms for attempt in task.attempts)
