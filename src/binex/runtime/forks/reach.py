"""What a change reaches: which nodes of a fork run, which may, and which stay as they were."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from binex.graph.dag import DAG
from binex.graph.reference import Source
from binex.models.fork import Decision
from binex.models.names import node_of
from binex.models.workflow import WorkflowSpec

_EXECUTED: Final = (Decision.RUN, Decision.MAY_RUN)


@dataclass(frozen=True, slots=True)
class Starts:
    """Where a fork begins."""

    forced: Mapping[str, str] = field(default_factory=dict)
    """Tasks that are executed whatever they are given, by path, and why."""
    changed: Mapping[str, str] = field(default_factory=dict)
    """Nodes that are defined otherwise, and why."""
    edited: Collection[str] = ()
    """Paths of tasks whose artifacts were replaced."""
    unsettled: Collection[str] = ()
    """Nodes that never ended in the parent."""
    only: str | None = None
    """The path of the task beyond which nothing is executed."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The decision about every node, and why; whatever is not named is reused."""

    decisions: Mapping[str, Decision]
    reasons: Mapping[str, str]
    executed: frozenset[str]
    """The nodes that the loop has to see to."""

    def of(self, node_id: str) -> Decision:
        """What happens to a node."""
        return self.decisions.get(node_id, Decision.REUSED)


def find_reach(dag: DAG, starts: Starts) -> Reach:
    """Follow the true dependencies from where a fork begins."""
    found = _directly(dag, starts)
    stack = list(found)
    while stack:
        upstream = stack.pop()
        for node_id in dag.dependents[upstream]:
            if node_id not in found:
                found[node_id] = (Decision.MAY_RUN, f"it needs {upstream}")
                stack.append(node_id)
    if starts.only is not None:
        for node_id, (decision, _) in list(found.items()):
            if node_id != node_of(starts.only) and decision is not Decision.EDITED:
                found[node_id] = (Decision.LEFT_OUT, "")
    return Reach(
        {node_id: decision for node_id, (decision, _) in found.items()},
        {node_id: why for node_id, (_, why) in found.items()},
        frozenset(node_id for node_id, (decision, _) in found.items() if decision in _EXECUTED),
    )


def _directly(dag: DAG, starts: Starts) -> dict[str, tuple[Decision, str]]:
    """What happens to the nodes where the fork begins, and why."""
    found: dict[str, tuple[Decision, str]] = {}
    for path, why in starts.forced.items():
        is_item = path not in dag.nodes
        found[node_of(path)] = (Decision.MAY_RUN, f"{path} {why}") if is_item else (Decision.RUN, why)
    for path in starts.edited:
        if path in dag.nodes:
            found[path] = (Decision.EDITED, "its output is replaced")
        else:
            found.setdefault(node_of(path), (Decision.MAY_RUN, f"the output of {path} is replaced"))
    for node_id, why in starts.changed.items():
        found[node_id] = (Decision.RUN, why)
    for node_id in starts.unsettled:
        found.setdefault(node_id, (Decision.RUN, "it never ended"))
    return found


def users_of(dag: DAG, variables: Collection[str]) -> dict[str, str]:
    """The nodes that refer to one of *variables*, and to which."""
    return {
        node_id: reference.name for node_id, reference in dag.references(Source.USER) if reference.name in variables
    }


def compare_nodes(before: WorkflowSpec, after: WorkflowSpec) -> tuple[list[str], list[str], dict[str, tuple[str, ...]]]:
    """The nodes that were added, those that were removed, and those that are defined otherwise with the fields."""
    added = [id for id in after.nodes if id not in before.nodes]
    removed = [id for id in before.nodes if id not in after.nodes]
    changed: dict[str, tuple[str, ...]] = {}
    for node_id, node in after.nodes.items():
        old = before.nodes.get(node_id)
        if old is None:
            continue
        fields = [name for name in type(node).model_fields if getattr(node, name) != getattr(old, name)]
        if "system_prompt" not in fields and before.system_prompt_of(node_id) != after.system_prompt_of(node_id):
            fields.append("system_prompt")
        if "messages" not in fields and before.messages_of(node_id) != after.messages_of(node_id):
            fields.append("messages")
        if any(tool.startswith("mcp://") for tool in node.tools) and before.mcp_servers != after.mcp_servers:
            fields.append("mcp_servers")
        for name, said in (("deadline_ms", "deadline_ms_of"), ("retry_policy", "retry_policy_of")):
            if name not in fields and getattr(before, said)(node_id) != getattr(after, said)(node_id):
                fields.append(name)  # the workflow's defaults say otherwise
        if fields:
            changed[node_id] = tuple(fields)
    return added, removed, changed
