"""Mixtures of two runs, each as a fork of one of them in which some things are as in the other."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from binex.analysis.bisection.changes import Sampled, reached_by
from binex.analysis.bisection.report import ChangedThing, ThingKind
from binex.errors import DamagedDataError
from binex.models.change import Change, ChangeKind
from binex.models.names import node_of
from binex.models.task import ExecutionRecord
from binex.runtime.bisecting.sides import Base
from binex.runtime.forks.parent import HOW
from binex.runtime.forks.request import Edit, ForkRequest
from binex.stores.run_store import RunStore

REST: Final = "all that cannot be swapped by itself"
"""Stands for these things: they are as in the run that a mixture is forked from."""
_CONFIG: Final = "config"


@dataclass(frozen=True, slots=True)
class Hybrid:
    """A mixture."""

    base: Base
    request: ForkRequest = field(default_factory=ForkRequest)
    code: Mapping[str, str] = field(default_factory=dict)
    """The code that agents and tools must have if they are executed, by URI."""
    obstacle: str = ""
    """Why there can be no such mixture."""

    @property
    def is_recorded(self) -> bool:
        """Whether it is the run itself, so that there is nothing to execute."""
        return self.request == ForkRequest()

    def wrong_code(self, nodes: Iterable[str]) -> str:
        """Which of *nodes* would be executed with other code than the mixture is to have, in words; else nothing."""
        for node_id in nodes:
            for uri in self._uris_of(node_id):
                if uri in self.code and self.base.today.get(uri) != self.code[uri]:
                    return f"{node_id} would be executed with today's code of {uri}, which is not what it had"
        return ""

    def _uris_of(self, node_id: str) -> list[str]:
        """The agent of a node, and its tools; none where the workflow has no such node."""
        node = self.base.side.spec.nodes.get(node_id)
        if node is None:
            return []
        named = {change.path: change.value for change in self.request.fields if change.node == node_id}
        agent, tools = named.get(("agent",), node.agent), named.get(("tools",), list(node.tools))
        return [uri for uri in (agent, *(tools if isinstance(tools, list) else [])) if isinstance(uri, str)]


@dataclass(slots=True)
class _Mixing:
    """What a fork is to have otherwise than its base, while that is being put together."""

    fields: list[Change] = field(default_factory=list)
    removed: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """What is taken out of the config or the inputs of a node."""
    variables: dict[str, JsonValue] = field(default_factory=dict)
    edits: list[Edit] = field(default_factory=list)
    live: set[str] = field(default_factory=set)
    """Nodes that are executed for sure."""
    forced: set[str] = field(default_factory=set)
    """Those of them that nothing else in the fork would let run."""
    obstacle: str = ""


class Hybrids:
    """All mixtures of two runs."""

    def __init__(
        self,
        store: RunStore,
        runs: tuple[Base, Base],
        things: Sequence[ChangedThing],
        sampled: Mapping[str, Sampled],
        targets: Collection[str],
    ) -> None:
        self._store = store
        self.good, self.bad = runs
        self.targets = targets
        self._sampled = sampled
        self._things = {thing.name: self._with_code(thing) for thing in things}
        reach = set(targets) | self.good.leads_to(targets) | self.bad.leads_to(targets)
        for name, thing in self._things.items():
            if not reach.intersection(thing.nodes):
                self._things[name] = thing.model_copy(update={"is_out_of_reach": True})
        self._pinned = {node for thing in self._things.values() if _is_pinned(thing) for node in thing.nodes}
        self.has_todays_code = False
        """Whether all is executed with the code of today, whatever it was then; so code is nothing to be swapped."""
        self.is_chance = False
        """Whether each mixture is executed several times, so that all it reaches is to be executed anew."""

    @property
    def things(self) -> tuple[ChangedThing, ...]:
        """All that changed."""
        if not self.has_todays_code:
            return tuple(self._things.values())
        return tuple(
            thing.model_copy(update={"is_cleared": True, "obstacle": ""}) if thing.name in self.codes else thing
            for thing in self._things.values()
        )

    @property
    def codes(self) -> list[str]:
        """The functions and tools that lead to what is judged and whose code changed, by name."""
        things = self._things.values()
        return [thing.name for thing in things if thing.kind is ThingKind.CODE and not thing.is_out_of_reach]

    @property
    def names(self) -> list[str]:
        """What can be swapped: things by name, and the rest as one where there is any."""
        swappable = [thing.name for thing in self._reached if not thing.obstacle]
        return [*swappable, self._rest] if len(swappable) < len(self._reached) else swappable

    @property
    def _reached(self) -> list[ChangedThing]:
        return [thing for thing in self.things if not thing.is_out_of_reach and not thing.is_cleared]

    @property
    def _rest(self) -> str:
        """What the rest is called: by its own name where it is a single thing."""
        rest = [thing.name for thing in self._reached if thing.obstacle]
        return rest[0] if len(rest) == 1 else REST

    async def of(self, wanted: frozenset[str]) -> Hybrid:
        """The mixture in which *wanted* are as in the bad run, and all else as in the good one."""
        rest = self._rest
        names = [name for name in self.names if name != rest]
        ways = [
            (self.good, [name for name in names if name in wanted]),
            (self.bad, [name for name in names if name not in wanted]),
        ]
        if rest in self.names:
            ways = [ways[1] if rest in wanted else ways[0]]
        ways.sort(key=lambda way: len(way[1]))
        hybrids = []
        for base, swapped in ways:
            hybrid = await self._on(base, [self._things[name] for name in swapped])
            if not hybrid.obstacle:
                return hybrid
            hybrids.append(hybrid)
        return hybrids[0]

    def again(self, base: Base) -> Hybrid:
        """*base* with nothing swapped, and all executed again that is executed in the mixtures."""
        hybrid = Hybrid(base, code=self._code_of(base, ()))
        forced = sorted(node_id for node_id in self.live(base) if not hybrid.wrong_code([node_id]))
        return Hybrid(base, ForkRequest(from_=tuple(forced)), hybrid.code)

    def live(self, base: Base) -> set[str]:
        """The nodes that mixtures execute, as far as what is judged depends on them."""
        changed = {node for thing in self._things.values() if not thing.is_out_of_reach for node in thing.nodes}
        found = reached_by(changed, self.good.side.dag, self.bad.side.dag) - self._pinned
        return found & base.leads_to(self.targets)

    async def _on(self, base: Base, swapped: Sequence[ChangedThing]) -> Hybrid:
        """*base*, with the things that are *swapped* as in the other run."""
        other = self.bad if base is self.good else self.good
        mixing = _Mixing()
        for thing in swapped:
            await self._swap(thing, other, mixing)
        pinned = self._pinned | {node_of(edit.task) for edit in mixing.edits}
        code = self._code_of(base, [thing for thing in swapped if thing.kind is ThingKind.CODE])
        fields = _fields_of(mixing, base)
        hybrid = Hybrid(base, ForkRequest(fields=fields), code)
        forced = set(mixing.forced)
        if self.has_todays_code:  # also what was executed then, with other code
            then = Hybrid(base, code=base.code)
            forced |= {node for node in self.live(base) if then.wrong_code([node])}
        if self.is_chance:
            starts = {node for thing in swapped for node in thing.nodes}
            after = reached_by(starts, base.side.dag) & base.leads_to(self.targets)
            forced |= {node for node in after if not hybrid.wrong_code([node])}
        request = ForkRequest(
            from_=tuple(sorted(node for node in forced - pinned if node in base.side.dag.nodes)),
            fields=fields,
            variables=mixing.variables,
            edits=tuple(mixing.edits),
        )
        obstacle = mixing.obstacle or hybrid.wrong_code(sorted(mixing.live))
        return Hybrid(base, request, code, obstacle)

    async def _swap(self, thing: ChangedThing, other: Base, mixing: _Mixing) -> None:
        """Let *thing* be as in *other*."""
        value = thing.bad if other is self.bad else thing.good
        match thing.kind:
            case ThingKind.VARIABLE:
                mixing.variables[str(thing.path[0])] = value
                mixing.live |= set(thing.nodes)
            case ThingKind.ARTIFACT | ThingKind.EDIT:
                await self._put(thing.nodes, other, mixing)
            case ThingKind.CODE:
                await self._swap_code(thing, other, mixing)
            case _:
                _set_field(thing, value, other, mixing)
                mixing.live |= set(thing.nodes)
                if thing.path[0] in HOW:
                    mixing.forced |= set(thing.nodes)

    async def _swap_code(self, thing: ChangedThing, other: Base, mixing: _Mixing) -> None:
        """Execute the nodes with the code of today, or put what they made where it is no longer that of *other*."""
        base, uri = (self.good if other is self.bad else self.bad), str(thing.path[0])
        if base.today.get(uri) == other.code[uri]:
            mixing.live |= set(thing.nodes)
            mixing.forced |= set(thing.nodes)
        elif self._is_only_code(thing):
            await self._put(thing.nodes, other, mixing)
        else:
            mixing.obstacle = f"the code that {uri} had in run {other.id} is no longer there"

    async def _put(self, nodes: Sequence[str], other: Base, mixing: _Mixing) -> None:
        """Let *nodes* have made what they have made in *other*; they were given the same there."""
        for node in nodes:
            for task in self._sampled[node].tasks if node in self._sampled else ():
                try:
                    mixing.edits += await self._edits(other.side.records[task])
                except DamagedDataError as error:
                    mixing.obstacle = f"what {task} made in run {other.id} cannot be read: {error.message}"

    async def _edits(self, record: ExecutionRecord) -> list[Edit]:
        artifacts = [await self._store.get(id) for id in record.output_artifacts]
        return [Edit(record.task, made.output, made.content) for made in artifacts if made is not None]

    def _code_of(self, base: Base, swapped: Iterable[ChangedThing]) -> dict[str, str]:
        """The code that belongs to a mixture on *base*."""
        if self.has_todays_code:
            return {}
        other = self.bad if base is self.good else self.good
        code = {**other.code, **base.code}
        return code | {str(thing.path[0]): other.code[str(thing.path[0])] for thing in swapped}

    def _with_code(self, thing: ChangedThing) -> ChangedThing:
        """*thing*, which cannot be swapped if it is code that is gone and whose nodes were given other things."""
        if thing.kind is not ThingKind.CODE or self._is_only_code(thing):
            return thing
        uri = str(thing.path[0])
        if self.good.today.get(uri) == thing.bad or self.bad.today.get(uri) == thing.good:
            return thing
        obstacle = "today's code is that of neither run, and its nodes were not given the same"
        if self.good.today.get(uri) == thing.good:
            obstacle = "the code of the bad run is no longer there, and its nodes were not given the same"
        return thing.model_copy(update={"obstacle": obstacle})

    def _is_only_code(self, thing: ChangedThing) -> bool:
        """Whether its nodes were given the same in both runs, so that what they made stands for their code."""
        given = [self._sampled.get(node) for node in thing.nodes]
        return all(one is None or not one.failed for one in given) and all(
            one is not None or self._made_the_same(node) for one, node in zip(given, thing.nodes, strict=True)
        )

    def _made_the_same(self, node: str) -> bool:
        """Whether a node was given the same in both runs, its code aside, and made the same of it."""
        pair = [base.side.records.get(node) for base in (self.good, self.bad)]
        if pair[0] is None or pair[1] is None or not pair[0].key or not pair[1].key:
            return False
        names = ({*pair[0].key_parts, *pair[1].key_parts}) - {"code"}
        same = all(pair[0].key_parts.get(name) == pair[1].key_parts.get(name) for name in names)
        return same and pair[0].status is pair[1].status


def _set_field(thing: ChangedThing, value: JsonValue, other: Base, mixing: _Mixing) -> None:
    """Set a field of a node, or note that it is to be taken out where the other workflow does not have it."""
    node_id, path = thing.nodes[0], thing.path
    if len(path) > 1:
        node = other.side.spec.nodes[node_id]
        if path[1] not in ((node.config if path[0] == _CONFIG else node.inputs) or {}):
            mixing.removed.setdefault((node_id, str(path[0])), set()).add(str(path[1]))
            return
    mixing.fields.append(_change(node_id, path, value))


def _fields_of(mixing: _Mixing, base: Base) -> tuple[Change, ...]:
    """The fields that are set. What is taken out of a map is only gone where the map is set as a whole."""
    fields = mixing.fields
    for (node_id, group), names in mixing.removed.items():
        node = base.side.spec.nodes[node_id]
        whole = {**((node.config if group == _CONFIG else node.inputs) or {})}
        mine = [change for change in fields if change.node == node_id and change.path[0] == group]
        whole |= {str(change.path[1]): change.value for change in mine}
        left = {name: value for name, value in whole.items() if name not in names}
        fields = [change for change in fields if change not in mine] + [_change(node_id, (group,), left)]
    return tuple(fields)


def _change(node_id: str, path: tuple[str | int, ...], value: JsonValue) -> Change:
    option = f"--set {node_id}.{'.'.join(map(str, path))}"
    return Change(kind=ChangeKind.FIELD, node=node_id, path=path, value=value, option=option)


def _is_pinned(thing: ChangedThing) -> bool:
    """Whether what its nodes made stays as it was in one of the runs."""
    return thing.kind in (ThingKind.ARTIFACT, ThingKind.EDIT) and not thing.obstacle and not thing.is_out_of_reach
