"""What was different about what a task's outcome depends on: what was changed, what only filled in otherwise."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from binex.analysis.differences.given import Told, variables_in_part
from binex.analysis.differences.model import Aspect, PartDiff, Side
from binex.analysis.differences.outcomes import other_parts
from binex.analysis.differences.side import RunSide
from binex.analysis.hashes import Hashes
from binex.models.names import item_of, node_of
from binex.models.workflow import NodeSpec, WorkflowSpec

_MODEL: Final = "llm://"
_ASPECTS: Final = {
    "agent": Aspect.AGENT,
    "adapter": Aspect.VERSION,
    "key": Aspect.VERSION,
    "code": Aspect.CODE,
    "prompt": Aspect.PROMPT,
    "messages": Aspect.PROMPT,
    "config": Aspect.CONFIG,
    "tools": Aspect.TOOLS,
    "mcp_servers": Aspect.TOOLS,
    "fallbacks": Aspect.MODEL,
    "inputs": Aspect.INPUTS,
    "outputs": Aspect.SCHEMA,
    "output_schema": Aspect.SCHEMA,
    "repair": Aspect.SCHEMA,
}
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_FILLED: Final = ("prompt", "messages", "config", "mcp_servers", "inputs")
"""The parts in which references may stand."""
_RULES: Final = (
    "when", "foreach", "depends_on", "max_items", "on_item_failure", "max_parallel", "isolation", "budget", "cache",
)  # fmt: skip
"""What the workflow says about a node besides what its agent gets."""
_LIST: Final = ("foreach", "max_items")
"""The rules that say which items there are."""


class Parts:
    """Compares what tasks of two runs depend on, part by part."""

    def __init__(
        self,
        before: RunSide,
        after: RunSide,
        variables: Collection[str],
        renamed: Mapping[str, str],
        hashes: Hashes,
    ) -> None:
        self._before = before
        self._after = after
        self._variables = variables
        self._is_same_workflow = before.run.workflow_hash == after.run.workflow_hash
        self._renamed = renamed
        self._hashes = hashes
        self._latest: tuple[tuple[str, str], tuple[Told, Told]] | None = None
        self._known: dict[tuple[object, ...], PartDiff] = {}
        self._rules: dict[tuple[str, str], tuple[PartDiff, ...]] = {}

    async def of(self, old: str, new: str) -> tuple[PartDiff, ...]:
        """The parts that are different between *old* of the earlier run and *new* of the later one."""
        before, after = self._before.last[old], self._after.last[new]
        found = []
        for name in other_parts(before, after):
            sides = (name in before.key_parts, name in after.key_parts)
            side = Side.BOTH if all(sides) else Side.BEFORE if sides[0] else Side.AFTER
            aspect = _aspect(name, before.agent, after.agent)
            is_own = await self._is_own(name, old, new)
            variables = () if is_own else await self._filled_in(name, old, new)
            found.append(self._part(name, aspect, side, is_own, variables))
        if not self._is_same_workflow:
            found += await self._rules_of(node_of(old), node_of(new))
        return tuple(found)

    async def of_list(self, path: str) -> tuple[PartDiff, ...]:
        """What the workflows say otherwise about the list that an item stands for, which only one of the runs has."""
        if self._is_same_workflow or item_of(path) is None:
            return ()
        old = new = node_of(path)
        old = next((was for was, name in self._renamed.items() if name == new), old)
        return tuple(rule for rule in await self._rules_of(old, self._renamed.get(old, new)) if rule.name in _LIST)

    def _part(self, name: str, aspect: Aspect, side: Side, is_own: bool, variables: tuple[str, ...]) -> PartDiff:
        """What is the same for all items of a foreach is one object."""
        key = (name, aspect, side, is_own, variables)
        if key not in self._known:
            self._known[key] = PartDiff(name=name, aspect=aspect, side=side, is_own=is_own, variables=variables)
        return self._known[key]

    async def conditions(self, old: str | None, new: str | None) -> set[str]:
        """The variables with other values on which it depends whether the task runs, or how many items there are."""
        if not self._variables:
            return set()
        found: set[str] = set()
        for side, path in ((self._before, old), (self._after, new)):
            node = None if path is None else await side.node(path)
            if path is None or node is None:
                continue
            texts = [node.spec.when or "", node.spec.foreach or ""]
            found |= await side.variables_in(path, " ".join(texts))
        return found & set(self._variables)

    async def _is_own(self, name: str, old: str, new: str) -> bool:
        """Whether the workflow itself says something else, or only what was filled in is different."""
        group, _, field = name.partition(".")
        if group not in _FILLED or (group == "inputs" and not field):
            return True
        if self._is_same_workflow:
            return False
        written = (await self._before.written(old, name), await self._after.written(new, name))
        if written == (None, None):  # inputs that nobody wrote down are the outputs of others
            return group != "inputs" and await self._before.bound() is None
        return renamed_in(written[0], self._renamed) != written[1]

    async def _filled_in(self, name: str, old: str, new: str) -> tuple[str, ...]:
        if not self._variables:
            return ()
        by_hash = variables_in_part(name, await self._told(old, new), self._variables)
        if by_hash is not None:
            return by_hash
        used: set[str] = set()
        for side, path in ((self._before, old), (self._after, new)):
            written = await side.written(path, name)
            used |= await side.variables_in(path, None if written is None else json.dumps(written, ensure_ascii=False))
        return tuple(variable for variable in self._variables if variable in used)

    async def _told(self, old: str, new: str) -> tuple[Told, Told]:
        """What hashes tell of both sides, kept until another task is asked for."""
        if self._latest is None or self._latest[0] != (old, new):
            before = await Told.of(self._before.given, self._before.last[old], self._hashes)
            after = await Told.of(self._after.given, self._after.last[new], self._hashes)
            self._latest = ((old, new), (before, after))
        return self._latest[1]

    async def _rules_of(self, old: str, new: str) -> tuple[PartDiff, ...]:
        if (old, new) not in self._rules:
            rules = (await rules_of(self._before, old, self._renamed), await rules_of(self._after, new))
            self._rules[old, new] = tuple(_other_rules(*rules)) if rules[0] and rules[1] else ()
        return self._rules[old, new]


async def rules_of(side: RunSide, path: str, renamed: Mapping[str, str] = _NONE) -> dict[str, JsonValue]:
    """What the workflow says about when, how often and how long a node may run; empty where it has no such node.

    Nodes that are *renamed* have their new names in it.
    """
    bound, node_id = await side.bound(), node_of(path)
    if bound is None or node_id not in bound[0].nodes:
        return {}
    rules = _rules(bound[0], bound[0].nodes[node_id], node_id)
    depends_on = rules["depends_on"]
    if renamed and isinstance(depends_on, list):
        rules["depends_on"] = [renamed.get(str(one), one) for one in depends_on]
        rules["foreach"] = renamed.get(str(rules["foreach"]), rules["foreach"])
    return {name: renamed_in(rule, renamed) for name, rule in rules.items()}


def renamed_in(value: JsonValue, renamed: Mapping[str, str]) -> JsonValue:
    """*value* with the new names in all of its references to nodes that were renamed."""
    if not renamed or value is None:
        return value
    names = "|".join(re.escape(name) for name in renamed)
    text = re.sub(
        rf"\$\{{(node\.)?({names})(?=[.}}])",
        lambda found: f"${{{found[1] or ''}{renamed[found[2]]}",
        json.dumps(value, ensure_ascii=False),
    )
    new: JsonValue = json.loads(text)
    return new


def _rules(spec: WorkflowSpec, node: NodeSpec, node_id: str) -> dict[str, JsonValue]:
    rules: dict[str, JsonValue] = node.model_dump(mode="json", include=set(_RULES))
    rules["deadline_ms"] = spec.deadline_ms_of(node_id)
    rules["retry_policy"] = spec.retry_policy_of(node_id).model_dump(mode="json")
    return rules


def _other_rules(before: dict[str, JsonValue], after: dict[str, JsonValue]) -> Iterator[PartDiff]:
    for name, value in after.items():
        if before.get(name) != value:
            yield PartDiff(name=name, aspect=Aspect.RULES)


def _aspect(name: str, before: str, after: str) -> Aspect:
    group = name.partition(".")[0]
    if group == "agent" and before.startswith(_MODEL) and after.startswith(_MODEL):
        return Aspect.MODEL
    if name == "config.model":
        return Aspect.MODEL
    return _ASPECTS.get(group, Aspect.CONFIG)
