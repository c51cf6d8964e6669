"""The lines of a graph's drawing before they have a place: in which order nodes stand, and which edges share a line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Edges: TypeAlias = Mapping[str, Sequence[str]]
"""Every node, with those that depend on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Bus:
    """A line down the drawing that stands for edges from each of its sources to each of its targets.

    Every source stands above every target, both in the order of the drawing.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The nodes from top to bottom, and their lines."""

    order: tuple[str, ...]
    buses: tuple[Bus, ...]

    @property
    def width(self) -> int:
        """How many lines stand beside each other where there are most."""
        return max(self._open_counts(), default=0)

    @property
    def length(self) -> int:
        """How long all lines are together, in nodes."""
        return sum(self._open_counts())

    def _open_counts(self) -> Iterable[int]:
        place = {node: index for index, node in enumerate(self.order)}
        change = [0] * (len(self.order) + 1)
        for bus in self.buses:
            change[place[bus.sources[0]]] += 1
            change[place[bus.targets[-1]]] -= 1
        count = 0
        for difference in change[:-1]:
            count += difference
            yield count


def plan_drawing(dependents: Edges) -> Plan:
    """The narrower of two drawings: from the ends upwards, and from the beginnings downwards."""
    pairs = [(node, other) for node, others in dependents.items() for other in others]
    plans = [Plan(order, _buses(order, pairs)) for order in (_upwards(dependents), _downwards(dependents))]
    return min(plans, key=lambda plan: (plan.width, plan.length))


def without_buses(plan: Plan, most: int) -> tuple[Plan, tuple[Bus, ...]]:
    """The plan with at most *most* lines beside each other, and those that were left out for it.

    Where there are too many, the one that would go on for longest is left out, which leaves most of them.
    """
    place = {node: index for index, node in enumerate(plan.order)}
    beginning: dict[str, list[Bus]] = {}
    for bus in plan.buses:
        beginning.setdefault(bus.sources[0], []).append(bus)
    open_ones: list[Bus] = []
    left_out: list[Bus] = []
    for index, node in enumerate(plan.order):
        open_ones = [bus for bus in open_ones if place[bus.targets[-1]] > index]
        open_ones += beginning.get(node, ())
        open_ones.sort(key=lambda bus: place[bus.targets[-1]])
        left_out += open_ones[most:]
        del open_ones[most:]
    gone = set(left_out)
    return Plan(plan.order, tuple(bus for bus in plan.buses if bus not in gone)), tuple(left_out)


def _buses(order: Sequence[str], pairs: Sequence[tuple[str, str]]) -> tuple[Bus, ...]:
    """Lines for all edges: an edge is on its source's line or on its target's, whichever has more to carry.

    Sources that carry the same to the same targets share their line, as do targets.
    """
    place = {node: index for index, node in enumerate(order)}
    going, coming = dict.fromkeys(order, 0), dict.fromkeys(order, 0)
    for source, target in pairs:
        going[source] += 1
        coming[target] += 1
    of_source: dict[str, list[str]] = {}
    of_target: dict[str, list[str]] = {}
    for source, target in sorted(pairs, key=lambda pair: (place[pair[0]], place[pair[1]])):
        if going[source] >= coming[target]:
            of_source.setdefault(source, []).append(target)
        else:
            of_target.setdefault(target, []).append(source)
    joint_sources: dict[tuple[str, ...], list[str]] = {}
    for source, targets in of_source.items():
        joint_sources.setdefault(tuple(targets), []).append(source)
    joint_targets: dict[tuple[str, ...], list[str]] = {}
    for target in sorted(of_target, key=place.__getitem__):
        joint_targets.setdefault(tuple(of_target[target]), []).append(target)
    buses = [Bus(tuple(sources), targets) for targets, sources in joint_sources.items()]
    buses += [Bus(sources, tuple(targets)) for sources, targets in joint_targets.items()]
    return tuple(sorted(buses, key=lambda bus: place[bus.sources[0]]))


def _upwards(dependents: Edges) -> tuple[str, ...]:
    """Each end right after what it needs, what that needs before it: a node stands where it is first needed."""
    needs: dict[str, list[str]] = {node: [] for node in dependents}
    for node, others in dependents.items():
        for other in others:
            needs[other].append(node)
    found: dict[str, None] = {}
    waiting = [(node, False) for node, others in reversed(list(dependents.items())) if not others]
    while waiting:
        node, has_all = waiting.pop()
        if node in found:
            continue
        if has_all:
            found[node] = None
            continue
        waiting.append((node, True))
        waiting += ((needed, False) for needed in reversed(needs[node]) if needed not in found)
    return tuple(found)


def _downwards(dependents: Edges) -> tuple[str, ...]:
    """After each node what can come right after it, before anything else."""
    missing = dict.fromkeys(dependents, 0)
    for others in dependents.values():
        for other in others:
            missing[other] += 1
    found: list[str] = []
    ready = [node for node in reversed(list(dependents)) if not missing[node]]
    while ready:
        node = ready.pop()
        found.append(node)
        for other in reversed(dependents[node]):
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    return tuple(found)
