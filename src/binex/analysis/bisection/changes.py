"""What is otherwise in one run than in another: each thing that could be swapped between them, by itself."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

from binex.analysis.bisection.report import ChangedThing, ThingKind
from binex.analysis.hashes import Hashes
from binex.graph.dag import DAG
from binex.graph.reference import Source, as_text
from binex.models.names import node_of
from binex.models.run import Run, RunStatus
from binex.models.task import ExecutionRecord, TaskStatus
from binex.models.workflow import WorkflowSpec
from binex.stores.run_store import RunStore
from binex.tape.redaction import REDACTED

_EDGES: Final = ("outputs", "foreach", "depends_on")
"""Fields that make a node another place in the graph."""
_FIELDS: Final = (
    "when", "deadline_ms", "retry_policy", "max_parallel", "max_items", "on_item_failure", "isolation",
    "output_schema", "tools", "fallbacks", "repair", "budget", "cache",
)  # fmt: skip
_NOT_OURS: Final = frozenset({"code", "adapter", "key"})
"""Parts of a task's key that no workflow says."""
_UNKEPT: Final = "it looked like a secret and was not kept"


class Side(NamedTuple):
    """One of the two runs."""

    run: Run
    spec: WorkflowSpec
    """Its workflow as it was kept."""
    dag: DAG
    records: Mapping[str, ExecutionRecord]
    """How each task ended."""


class Sampled(NamedTuple):
    """A node that made something else, although nothing that the workflow says about it is otherwise."""

    node: str
    tasks: tuple[str, ...]
    """Its tasks that did: itself, or items of its foreach."""
    parts: frozenset[str]
    """What is different all the same, if it is anything: its code, the version of its adapter."""
    failed: str
    """The first that completed in one of the runs alone; empty where all did in both."""
    is_edited: bool
    """Whether somebody put something else in the place of what it made."""


def find_changes(good: Side, bad: Side, sampled: Collection[Sampled]) -> list[ChangedThing]:
    """All that changed from *good* to *bad*, in the order of the workflow.

    What a node made is only among it where nothing else explains it: *sampled*, and not by its code.
    """
    shared = shared_nodes(good, bad)
    rewired = [node_id for node_id in shared if _is_rewired(node_id, good, bad)]
    found = list(_variables(good, bad))
    for node_id in shared:
        found += _fields_of(node_id, good, bad, is_rewired=node_id in rewired)
    found += _codes(good, bad, shared)
    found += [_artifact(one) for one in sampled if "code" not in one.parts]
    moved = [*rewired, *(id for side, other in ((good, bad), (bad, good)) for id in side.spec.nodes
                         if id not in other.spec.nodes)]  # fmt: skip
    if moved:
        obstacle = "nodes and edges are only swapped together, as the whole workflow file"
        found.append(_rest("the workflow's nodes and edges", moved, obstacle))
    if good.run.budget != bad.run.budget and RunStatus.OVER_BUDGET in (good.run.status, bad.run.status):
        found.append(_rest("the workflow's budget", shared, "a budget is only swapped with the whole workflow"))
    if good.spec.mcp_servers != bad.spec.mcp_servers:
        users = [id for id in shared if any(tool.startswith("mcp://") for tool in bad.spec.nodes[id].tools)]
        found.append(_rest("the workflow's mcp_servers", users, "servers are only swapped with the whole workflow"))
    return found


async def find_sampled(store: RunStore, good: Side, bad: Side) -> list[Sampled]:
    """Which nodes were given the same in both runs, and made something else.

    Raises:
        StoreError: the store cannot be read.
    """
    nodes = set(shared_nodes(good, bad))
    hashes = Hashes(store)
    found: dict[str, Sampled] = {}
    for path, before in good.records.items():
        node, after = node_of(path), bad.records.get(path)
        if node not in nodes or after is None or not before.key or not after.key:
            continue
        parts = differing_parts(before, after)
        if not parts <= _NOT_OURS:
            continue
        statuses = {before.status, after.status}
        has_both = statuses == {TaskStatus.COMPLETED}
        if not has_both and (TaskStatus.COMPLETED not in statuses or len(statuses) == 1):
            continue
        made = [[await hashes.of(id) for id in record.output_artifacts] for record in (before, after)]
        if has_both and made[0] == made[1]:
            continue
        known = found.get(node, Sampled(node, (), frozenset(), "", False))
        failed = known.failed or ("" if has_both else path)
        is_edited = known.is_edited or before.is_edited or after.is_edited
        found[node] = Sampled(node, (*known.tasks, path), known.parts | parts, failed, is_edited)
    return list(found.values())


def shared_nodes(good: Side, bad: Side) -> list[str]:
    """The nodes that both workflows have."""
    return [node_id for node_id in good.spec.nodes if node_id in bad.spec.nodes]


def differing_parts(before: ExecutionRecord, after: ExecutionRecord) -> frozenset[str]:
    """The names of the parts of two keys that are not the same."""
    names = {*before.key_parts, *after.key_parts}
    return frozenset(name for name in names if before.key_parts.get(name) != after.key_parts.get(name))


def reached_by(nodes: Collection[str], *dags: DAG) -> set[str]:
    """*nodes*, and all that depend on them in one of the graphs."""
    found = set(nodes)
    waiting = list(nodes)
    while waiting:
        node_id = waiting.pop()
        for dag in dags:
            for dependent in dag.dependents.get(node_id, ()):
                if dependent not in found:
                    found.add(dependent)
                    waiting.append(dependent)
    return found


def other_versions(good: Run, bad: Run) -> tuple[str, ...]:
    """What is otherwise around the runs, in words; everything is executed with what is there today."""
    before, after = good.versions, bad.versions
    pairs = {"Binex": (before.binex, after.binex), "Python": (before.python, after.python)}
    for scheme in sorted(before.adapters.keys() & after.adapters.keys()):
        pairs[f"the adapter of {scheme}://"] = (before.adapters[scheme], after.adapters[scheme])
    return tuple(f"{what} was {old} then and {new} later" for what, (old, new) in pairs.items() if old != new)


def _is_rewired(node_id: str, good: Side, bad: Side) -> bool:
    before, after = good.spec.nodes[node_id], bad.spec.nodes[node_id]
    if any(getattr(before, name) != getattr(after, name) for name in _EDGES[:2]):
        return True
    return set(good.dag.nodes[node_id].depends_on) != set(bad.dag.nodes[node_id].depends_on)


def _variables(good: Side, bad: Side) -> Iterator[ChangedThing]:
    before, after = good.run.variables, bad.run.variables
    for name in {**before, **after}:
        if before.get(name) == after.get(name):
            continue
        nodes = {
            node_id
            for side in (good, bad)
            for node_id, reference in side.dag.references(Source.USER)
            if reference.name == name
        }
        is_in_both = name in before and name in after
        yield ChangedThing(
            name=f"variable {name}",
            kind=ThingKind.VARIABLE,
            nodes=tuple(sorted(nodes)),
            path=(name,),
            good=before.get(name),
            bad=after.get(name),
            obstacle=_unkept(before.get(name), after.get(name))
            or ("" if is_in_both else "only one of the two workflows has it"),
        )


def _fields_of(node_id: str, good: Side, bad: Side, *, is_rewired: bool) -> Iterator[ChangedThing]:
    """What the workflow says otherwise about a node."""
    before, after = good.spec.nodes[node_id], bad.spec.nodes[node_id]
    texts = (good.spec.system_prompt_of(node_id), bad.spec.system_prompt_of(node_id))
    yield from _thing(node_id, ThingKind.PROMPT, ("system_prompt",), texts, name="prompt")
    talks = (good.spec.messages_of(node_id), bad.spec.messages_of(node_id))
    yield from _thing(node_id, ThingKind.PROMPT, ("messages",), talks, name="messages")
    yield from _thing(node_id, ThingKind.MODEL, ("agent",), (before.agent, after.agent), name="agent")
    for key in {**before.config, **after.config}:
        pair = (before.config.get(key), after.config.get(key))
        yield from _thing(node_id, ThingKind.CONFIG, ("config", key), pair)
    yield from _inputs_of(node_id, before.inputs, after.inputs, is_rewired=is_rewired)
    for field in _FIELDS[1:] if is_rewired else _FIELDS:
        yield from _thing(node_id, ThingKind.FIELD, (field,), (_said(good, node_id, field), _said(bad, node_id, field)))


def _inputs_of(
    node_id: str, before: dict[str, JsonValue] | None, after: dict[str, JsonValue] | None, *, is_rewired: bool
) -> Iterator[ChangedThing]:
    """The inputs that the workflow says otherwise; of a node with other edges only those that name no other node."""
    if before is None or after is None:
        if not is_rewired:
            yield from _thing(node_id, ThingKind.INPUT, ("inputs",), (before, after))
        return
    for key in {**before, **after}:
        pair = (before.get(key), after.get(key))
        is_plain = key in before and key in after and not any("${" in as_text(value) for value in pair)
        if is_plain or not is_rewired:
            yield from _thing(node_id, ThingKind.INPUT, ("inputs", key), pair)


def _said(side: Side, node_id: str, field: str) -> JsonValue:
    """What holds for a node, the workflow's defaults included."""
    if field == "deadline_ms":
        return side.spec.deadline_ms_of(node_id)
    if field == "retry_policy":
        policy: dict[str, JsonValue] = side.spec.retry_policy_of(node_id).model_dump(mode="json")
        return policy
    value: JsonValue = side.spec.nodes[node_id].model_dump(mode="json", include={field})[field]
    return value


def _thing(
    node_id: str, kind: ThingKind, path: tuple[str, ...], pair: tuple[JsonValue, JsonValue], *, name: str = ""
) -> Iterator[ChangedThing]:
    """The change of a field, where it is one."""
    good, bad = pair
    if good != bad:
        yield ChangedThing(
            name=f"{node_id}: {name or '.'.join(path)}",
            kind=kind,
            nodes=(node_id,),
            path=path,
            good=good,
            bad=bad,
            obstacle=_unkept(good, bad),
        )


def _codes(good: Side, bad: Side, shared: Collection[str]) -> Iterator[ChangedThing]:
    """Local functions and tools that both runs use, and whose code is another."""
    before, after = good.run.versions.handlers, bad.run.versions.handlers
    for uri in before:
        if uri in after and before[uri] != after[uri]:
            nodes = [
                id for id in shared
                if all(uri in (side.spec.nodes[id].agent, *side.spec.nodes[id].tools) for side in (good, bad))
            ]  # fmt: skip
            if nodes:
                yield ChangedThing(
                    name=f"code of {uri}", kind=ThingKind.CODE, nodes=tuple(nodes), path=(uri,),
                    good=before[uri], bad=after[uri],
                )  # fmt: skip


def _artifact(sampled: Sampled) -> ChangedThing:
    obstacle = ""
    if sampled.failed:
        obstacle = f"{sampled.failed} completed in one run and not in the other, although it was given the same"
    tasks = sampled.tasks
    return ChangedThing(
        name=f"what {sampled.node} made",
        kind=ThingKind.EDIT if sampled.is_edited else ThingKind.ARTIFACT,
        nodes=(sampled.node,),
        path=() if tasks == (sampled.node,) else tasks,
        obstacle=obstacle,
    )


def _rest(name: str, nodes: Collection[str], obstacle: str) -> ChangedThing:
    return ChangedThing(name=name, kind=ThingKind.REST, nodes=tuple(nodes), obstacle=obstacle)


def _unkept(*values: JsonValue) -> str:
    return _UNKEPT if any(REDACTED in as_text(value) for value in values) else ""
