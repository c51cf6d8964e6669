"""Plain values in, a :class:`WorkflowSpec` out: every key known, every value of its type.

Each node is checked by itself. One that is not usable is replaced by a stand-in with the same id and
outputs, so that the rest of the workflow can still be checked against it.

What is read more kindly than the models say:

- one name instead of a list of names: ``depends_on: plan``, ``outputs: report``, ``tools: python://web.search``;
- a number instead of a budget: ``budget: 0.50`` is ``budget: {max_cost: 0.50}``;
- an input that is only named: ``topic:`` is ``topic: {}``.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Final

from pydantic import ValidationError

from binex import __version__
from binex.errors import FieldFault
from binex.loader.variables import default_faults
from binex.loader.wording import (
    NAME_FIX,
    PLANNED_OF_NODE,
    PLANNED_OF_WORKFLOW,
    explain,
    kind_of,
)
from binex.loader.yaml_text import shown
from binex.models.names import DEVICES, RESERVED, is_name
from binex.models.workflow import InputSpec, NodeSpec, WorkflowSpec

FORMAT_VERSION: Final = 1
"""The newest version of the file format that is read."""

Path = tuple[str | int, ...]

STAND_IN_AGENT: Final = "none://"
_BODY = re.compile(r"\$\{\s*(?:node\.)?([A-Za-z0-9_.-]+)")


@dataclass(slots=True)
class Shape:
    """A workflow whose every field has the right type, and what had to be replaced for that.

    ``missing`` holds the faults about what is not there at all. ``unusable`` holds the paths whose values
    were replaced: what is found at or below them afterwards is not the user's fault.
    """

    spec: WorkflowSpec | None = None
    faults: list[FieldFault] = field(default_factory=list)
    missing: list[FieldFault] = field(default_factory=list)
    unusable: set[Path] = field(default_factory=set)
    _used: list[str] | None = None

    def is_usable(self, path: Path) -> bool:
        """Whether the value at *path* is what stands in the file."""
        return not self.unusable or not any(path[:length] in self.unusable for length in range(1, len(path) + 1))

    def outputs_used(self, node_id: str, workflow: Mapping[str, object]) -> tuple[str, ...]:
        """For a node whose outputs cannot be known: those that others refer to."""
        if self._used is None:
            self._used = sorted(set(_BODY.findall(repr(workflow))))
        prefix = f"{node_id}."
        start = bisect_left(self._used, prefix)
        bodies = takewhile(lambda body: body.startswith(prefix), islice(self._used, start, None))
        used = (body.removeprefix(prefix).split(".")[0] for body in bodies)
        return tuple(dict.fromkeys(output for output in used if is_name(output))) or ("output",)


def read_shape(value: Mapping[str, object], name: str) -> Shape:
    """Check *value*, what a workflow file holds; *name* is for a workflow that has none."""
    shape = Shape()
    version = value.get("version", FORMAT_VERSION)
    if isinstance(version, int) and not isinstance(version, bool) and version > FORMAT_VERSION:
        shape.faults.append(
            FieldFault(
                ("version",),
                f"version {version} of the file format needs a newer Binex:"
                f" this is Binex {__version__}, which reads version {FORMAT_VERSION}",
                "upgrade with 'pip install --upgrade binex'",
            )
        )
        return shape
    nodes = _read_nodes(value, shape)
    shape.spec = _read_workflow(value, name, nodes, shape)
    return shape


def _read_workflow(
    value: Mapping[str, object], name: str, nodes: dict[str, NodeSpec], shape: Shape
) -> WorkflowSpec | None:
    top = _with_budget({"name": name, **value})
    inputs = top.get("inputs")
    if isinstance(inputs, dict):
        top["inputs"] = inputs = {key: {} if item is None else item for key, item in inputs.items()}
    stand_in = {"stand-in": NodeSpec(agent=STAND_IN_AGENT)}
    try:
        spec = WorkflowSpec.model_validate({**top, "nodes": stand_in})
    except ValidationError as error:
        faults = list(_take(error, (), top, PLANNED_OF_WORKFLOW, shape))
        bad = {str(fault.path[0]) for fault in faults}
        usable = {key: item for key, item in top.items() if key not in bad}
        if isinstance(inputs, dict) and "inputs" in bad:
            of_inputs = {fault.path[1] for fault in faults if fault.path[0] == "inputs" and len(fault.path) > 1}
            named = {key: item for key, item in inputs.items() if is_name(key)}
            usable["inputs"] = {key: InputSpec() if key in of_inputs else item for key, item in named.items()}
        spec = WorkflowSpec.model_validate({**usable, "nodes": stand_in})
    shape.faults += default_faults(spec.inputs)
    return spec.model_copy(update={"nodes": nodes}) if nodes else None


def _read_nodes(value: Mapping[str, object], shape: Shape) -> dict[str, NodeSpec]:
    nodes = value.get("nodes")
    if not isinstance(nodes, dict) or not nodes:
        (shape.faults if "nodes" in value else shape.missing).append(_no_nodes(value))
        return {}
    read: dict[str, NodeSpec] = {}
    for node_id, node in nodes.items():
        if not is_name(node_id) or node_id in RESERVED:
            shape.faults.append(_bad_id(node_id))
        if isinstance(node, dict):
            read[node_id] = _read_node(node_id, node, value, shape)
        else:
            shape.faults.append(_no_map(node_id, node))
            shape.unusable.add(("nodes", node_id))
            read[node_id] = NodeSpec(agent=STAND_IN_AGENT, outputs=shape.outputs_used(node_id, value))
    return read


def _read_node(node_id: str, node: dict[str, object], workflow: Mapping[str, object], shape: Shape) -> NodeSpec:
    for key in ("depends_on", "outputs", "tools", "fallbacks"):
        if isinstance(node.get(key), str):
            node = {**node, key: [node[key]]}
    node = _with_budget(node)
    try:
        return NodeSpec.model_validate(node)
    except ValidationError as error:
        faults = list(_take(error, ("nodes", node_id), node, PLANNED_OF_NODE, shape))
    bad = {fault.path[2] if len(fault.path) > 2 else "agent" for fault in faults}
    usable = {key: item for key, item in node.items() if key not in bad}
    usable.setdefault("agent", STAND_IN_AGENT)
    if "outputs" in bad:
        usable["outputs"] = shape.outputs_used(node_id, workflow)
    if "foreach" in bad:  # ${item} means something in this node, and nothing is known of it
        shape.unusable.add(("nodes", node_id))
    return NodeSpec.model_validate(usable)


def _with_budget(value: Mapping[str, object]) -> dict[str, object]:
    budget = value.get("budget")
    is_number = isinstance(budget, int | float) and not isinstance(budget, bool)
    return {**value, "budget": {"max_cost": budget}} if is_number else dict(value)


def _take(
    error: ValidationError, start: Path, value: Mapping[str, object], planned: frozenset[str], shape: Shape
) -> Iterator[FieldFault]:
    """Note what pydantic complains about, in our words."""
    for fault in explain(error, start, value, planned):
        is_missing = len(fault.path) == len(start)
        (shape.missing if is_missing else shape.faults).append(fault)
        shape.unusable.add((*fault.path, "agent") if is_missing else fault.path[: len(start) + 1])
        yield fault


def _no_nodes(value: Mapping[str, object]) -> FieldFault:
    example = "write 'nodes:' and under it, indented, 'plan: {agent: local://echo}'"
    if "nodes" not in value:
        return FieldFault((), "the workflow has no 'nodes'", example)
    nodes = value["nodes"]
    if nodes is None or nodes in ({}, []):
        return FieldFault(("nodes",), "'nodes' is empty", example, at_key=True)
    fix = "write 'plan:' with its keys under it instead of '- id: plan'" if isinstance(nodes, list) else example
    return FieldFault(("nodes",), f"'nodes' must be a map of ids to nodes, not {kind_of(nodes)}", fix, at_key=True)


def _bad_id(node_id: str) -> FieldFault:
    if node_id in RESERVED:
        return FieldFault(
            ("nodes", node_id),
            f"{shown(node_id)} cannot be the id of a node: references such as ${{{node_id}...}} need the word",
            "rename the node",
            at_key=True,
        )
    message, fix = f"{shown(node_id)} cannot be the id of a node", NAME_FIX
    if node_id.split(".", maxsplit=1)[0].lower() in DEVICES:
        message, fix = f"{message}: Windows takes it for a device", "rename the node"
    return FieldFault(("nodes", node_id), message, fix, at_key=True)


def _no_map(node_id: str, node: object) -> FieldFault:
    what = "is empty" if node is None else f"must be a map of keys to values, not {kind_of(node)}"
    return FieldFault(
        ("nodes", node_id),
        f"node {shown(node_id)} {what}",
        "write under it, indented, 'agent: local://module.function'",
        at_key=True,
    )
