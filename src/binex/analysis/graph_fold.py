"""Alike nodes of a graph as one: those that depend on the same and that the same depend on."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from binex.analysis.run_graph import EdgeKind, GraphEdge, GraphNode, RunGraph
from binex.models.base import Model
from binex.models.task import TaskStatus

_LEAST: Final = 3
"""Fewer nodes than this are no group."""
_GRAVEST_FIRST: Final = (
    TaskStatus.FAILED,
    TaskStatus.TIMED_OUT,
    TaskStatus.CANCELLED,
    TaskStatus.WAITING_FOR_HUMAN,
    TaskStatus.RUNNING,
    TaskStatus.READY,
    TaskStatus.WAITING,
    TaskStatus.COMPLETED,
    TaskStatus.SKIPPED,
)


class NodeGroup(Model):
    """Nodes with the same agent, the same dependencies and the same dependents, shown as one."""

    id: str
    """Its first node's; edges name it by this."""
    agent: str
    """The agent's URI."""
    nodes: tuple[GraphNode, ...]
    """In the order of the workflow."""

    @property
    def counts(self) -> dict[TaskStatus | None, int]:
        """How many of them stand where, the gravest first."""
        found = Counter(node.status for node in self.nodes)
        return {status: found[status] for status in (*_GRAVEST_FIRST, None) if found[status]}

    @property
    def status(self) -> TaskStatus | None:
        """Where the gravest of them stands."""
        return next(iter(self.counts))

    def ids(self, *statuses: TaskStatus) -> list[str]:
        """Those that stand there."""
        return [node.id for node in self.nodes if node.status in statuses]


class FoldedGraph(Model):
    """A graph in which groups stand for their nodes: each of a group has each of its edges. Without cycles."""

    parts: tuple[GraphNode | NodeGroup, ...]
    """Nodes and groups, in the order of the workflow."""
    edges: tuple[GraphEdge, ...]
    """Between them, by their ids."""

    @property
    def groups(self) -> list[NodeGroup]:
        return [part for part in self.parts if isinstance(part, NodeGroup)]


def unfolded(graph: RunGraph) -> FoldedGraph:
    """*graph* without any group."""
    return FoldedGraph(parts=graph.nodes, edges=graph.edges)


def fold(graph: RunGraph, *, least: int = _LEAST) -> FoldedGraph:
    """*graph* with every group of at least *least* nodes as one.

    Nodes of a group have no edges among themselves: one would be in its own dependencies then.
    """
    before: dict[str, set[str]] = {node.id: set() for node in graph.nodes}
    after: dict[str, set[str]] = {node.id: set() for node in graph.nodes}
    for edge in graph.edges:
        if edge.before in before and edge.after in after:
            before[edge.after].add(edge.before)
            after[edge.before].add(edge.after)
    alike: dict[tuple[str, frozenset[str], frozenset[str]], list[GraphNode]] = {}
    for node in graph.nodes:
        alike.setdefault((node.agent, frozenset(before[node.id]), frozenset(after[node.id])), []).append(node)
    parts: list[GraphNode | NodeGroup] = []
    stands_for: dict[str, str] = {}
    for (agent, _, _), nodes in alike.items():
        if len(nodes) < least:
            parts += nodes
        else:
            parts.append(NodeGroup(id=nodes[0].id, agent=agent, nodes=tuple(nodes)))
            stands_for |= {node.id: nodes[0].id for node in nodes}
    place = {node.id: index for index, node in enumerate(graph.nodes)}
    parts.sort(key=lambda part: place[part.id])
    return FoldedGraph(parts=tuple(parts), edges=_edges_between(graph.edges, stands_for))


def _edges_between(edges: Iterable[GraphEdge], stands_for: Mapping[str, str]) -> tuple[GraphEdge, ...]:
    kinds: dict[tuple[str, str], dict[EdgeKind, None]] = {}
    references: dict[tuple[str, str], dict[str, None]] = {}
    for edge in edges:
        ends = (stands_for.get(edge.before, edge.before), stands_for.get(edge.after, edge.after))
        kinds.setdefault(ends, {}).update(dict.fromkeys(edge.kinds))
        references.setdefault(ends, {}).update(dict.fromkeys(edge.references))
    return tuple(
        GraphEdge(before=ends[0], after=ends[1], kinds=tuple(found), references=tuple(references[ends]))
        for ends, found in kinds.items()
    )
