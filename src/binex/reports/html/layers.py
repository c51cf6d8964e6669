"""Where the nodes of a graph stand in a drawing: in layers, what depends on something below it (Sugiyama's method).

An edge that goes past a layer has a place of its own there, so that it passes between nodes and not behind them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

_SWEEPS: Final = 6


class Place(NamedTuple):
    """The middle of a node, or of an edge that passes a layer: the layer, and how far to the right, in columns."""

    layer: int
    column: float


class Layout(NamedTuple):
    """A graph with places."""

    nodes: dict[str, Place]
    routes: dict[tuple[str, str], tuple[Place, ...]]
    """For each edge the places that it goes through, its ends included."""
    columns: float
    """How wide all of it is."""
    layers: int


def lay_out(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> Layout:
    """The places of *nodes*, which stand in such an order that no edge leads backwards in it.

    Edges that do, or that name something unknown, are left out.
    """
    rank = {node: index for index, node in enumerate(nodes)}
    kept = [(a, b) for a, b in dict.fromkeys(edges) if a in rank and b in rank and rank[a] < rank[b]]
    depth = dict.fromkeys(nodes, 0)
    for before, after in sorted(kept, key=lambda edge: rank[edge[0]]):
        depth[after] = max(depth[after], depth[before] + 1)
    chains = {edge: _chain(edge, depth) for edge in kept}
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        rows[depth[node]].append(node)
    for chain in chains.values():
        for step, name in enumerate(chain[1:-1], 1):
            rows[depth[chain[0]] + step].append(name)
    above, below = _neighbours(chains.values())
    _order(rows, above, below)
    widest = max((len(row) for row in rows), default=0)
    place = {
        name: Place(layer, column + (widest - len(row)) / 2)
        for layer, row in enumerate(rows)
        for column, name in enumerate(row)
    }
    routes = {edge: tuple(place[name] for name in chain) for edge, chain in chains.items()}
    return Layout({node: place[node] for node in nodes}, routes, widest, len(rows))


def _chain(edge: tuple[str, str], depth: Mapping[str, int]) -> list[str]:
    """The names of what the edge goes through; a space is in no node's name."""
    before, after = edge
    return [before, *(f"{before} {after} {layer}" for layer in range(depth[before] + 1, depth[after])), after]


def _neighbours(chains: Iterable[Sequence[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    above: defaultdict[str, list[str]] = defaultdict(list)
    below: defaultdict[str, list[str]] = defaultdict(list)
    for chain in chains:
        for upper, lower in pairwise(chain):
            above[lower].append(upper)
            below[upper].append(lower)
    return above, below


def _order(rows: list[list[str]], above: Mapping[str, list[str]], below: Mapping[str, list[str]]) -> None:
    """Put what is connected close together: each in the middle of its neighbours, down and up again."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        for row, other in _pairs(rows, down=down):
            at = {name: column / max(1, len(other)) for column, name in enumerate(other)}
            middle = {name: _middle(neighbours.get(name, ()), at) for name in row}
            before = {name: column / max(1, len(row)) for column, name in enumerate(row)}
            row.sort(key=lambda name: (before[name] if middle[name] is None else middle[name], before[name]))


def _pairs(rows: Sequence[list[str]], *, down: bool) -> Iterable[tuple[list[str], list[str]]]:
    """Each row with the one that it is ordered by."""
    if down:
        return zip(rows[1:], rows, strict=False)
    return zip(reversed(rows[:-1]), reversed(rows), strict=False)


def _middle(neighbours: Iterable[str], at: Mapping[str, float]) -> float | None:
    places = [at[name] for name in neighbours]
    return sum(places) / len(places) if places else None
