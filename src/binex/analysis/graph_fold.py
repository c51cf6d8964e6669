"""Alike nodes of a graph as one: those that depend on the same and that the same depend on.

What is too large even so is shown in steps: nodes that are equally deep in the graph stand together then.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from binex.analysis.run_graph import EdgeKind, GraphEdge, GraphNode, RunGraph
from binex.models.base import Model
from binex.models.task import TaskStatus

_LEAST: Final = 3
"""Fewer nodes than this are no group."""
_MOST_ON_A_PAGE: Final = 120
"""A page shows no more parts than about these; nobody could follow the lines."""
_MOST_STEPS: Final = 60
"""A deeper graph is shown in so many stretches, each of several steps."""
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


class GraphGroup(Model):
    """Nodes that may be shown as one."""

    nodes: tuple[str, ...]
    """Their names, in the order of the workflow; the group is called by the first."""
    agent: str
    """The agent's URI; empty where they have several."""
    is_alike: bool
    """Whether each has the same edges. Otherwise they stand equally deep in a graph that is too large to be drawn."""


class GroupedGraph(RunGraph):
    """A graph with what a page may show as one."""

    groups: tuple[GraphGroup, ...]
    """No node is in two of them. With each of them as one there are no cycles."""


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
    nodes = {node.id: node for node in graph.nodes}
    groups = _alike(graph.nodes, _links(graph.nodes, graph.edges), least)
    stands_for = {name: group.nodes[0] for group in groups for name in group.nodes}
    folded = {
        group.nodes[0]: NodeGroup(
            id=group.nodes[0], agent=group.agent, nodes=tuple(nodes[name] for name in group.nodes)
        )
        for group in groups
    }
    parts = [folded.get(name, node) for name, node in nodes.items() if stands_for.get(name, name) == name]
    return FoldedGraph(parts=tuple(parts), edges=_edges_between(graph.edges, stands_for))


def grouped(graph: RunGraph, *, most: int = _MOST_ON_A_PAGE) -> GroupedGraph:
    """*graph* with groups, such that about *most* parts are left, however large and of whatever shape it is."""
    return GroupedGraph.model_construct(**dict(graph), groups=groups_of(graph.nodes, graph.edges, most=most))


def groups_of(
    nodes: Sequence[GraphNode], edges: Iterable[GraphEdge], *, most: int = _MOST_ON_A_PAGE
) -> tuple[GraphGroup, ...]:
    """The groups alone."""
    before = _links(nodes, edges)
    alike = _alike(nodes, before, _LEAST)
    left = len(nodes) - sum(len(group.nodes) - 1 for group in alike)
    return tuple(alike if left <= most else _in_steps(nodes, before))


_Links = Mapping[str, set[str]]
"""What each node depends on, in the order of the workflow."""


def _links(nodes: Iterable[GraphNode], edges: Iterable[GraphEdge]) -> _Links:
    before: dict[str, set[str]] = {node.id: set() for node in nodes}
    for edge in edges:
        if edge.before in before and edge.after in before:
            before[edge.after].add(edge.before)
    return before


def _alike(nodes: Iterable[GraphNode], before: _Links, least: int) -> list[GraphGroup]:
    after: dict[str, set[str]] = {name: set() for name in before}
    for name, needed in before.items():
        for other in needed:
            after[other].add(name)
    alike: dict[tuple[str, frozenset[str], frozenset[str]], list[str]] = {}
    for node in nodes:
        alike.setdefault((node.agent, frozenset(before[node.id]), frozenset(after[node.id])), []).append(node.id)
    return [
        GraphGroup(nodes=tuple(names), agent=agent, is_alike=True)
        for (agent, _, _), names in alike.items()
        if len(names) >= least
    ]


def _in_steps(nodes: Sequence[GraphNode], before: _Links) -> Iterator[GraphGroup]:
    """Nodes that are equally deep, each agent's by themselves; of a very deep graph, stretches with all their nodes.

    Edges lead to what is deeper, so that no cycle comes of it.
    """
    depths = _depths(before)
    steps = max(depths.values(), default=0) + 1
    stretch = -(-steps // _MOST_STEPS)
    together: dict[tuple[int, str], list[GraphNode]] = {}
    for node in nodes:
        agent = node.agent if stretch == 1 else ""
        together.setdefault((depths[node.id] // stretch, agent), []).append(node)
    for members in together.values():
        if len(members) >= _LEAST:
            agents = {node.agent for node in members}
            agent = next(iter(agents)) if len(agents) == 1 else ""
            yield GraphGroup(nodes=tuple(node.id for node in members), agent=agent, is_alike=False)


def _depths(before: _Links) -> dict[str, int]:
    """How many nodes come before each on the longest way to it."""
    after: dict[str, list[str]] = {name: [] for name in before}
    waits = {name: len(needed) for name, needed in before.items()}
    for name, needed in before.items():
        for other in needed:
            after[other].append(name)
    depths = dict.fromkeys(before, 0)
    ready = [name for name, needed in waits.items() if not needed]
    while ready:
        name = ready.pop()
        for other in after[name]:
            depths[other] = max(depths[other], depths[name] + 1)
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    return depths


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
