"""The workflow as a graph: every reference bound, every dependency known, proven free of cycles."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Final, TypeVar

from pydantic import JsonValue

from binex.errors import ExpressionError, FieldFault, SpecError, suggest
from binex.graph.condition import Condition
from binex.graph.reference import NOTHING, Names, Reference, Source, Template
from binex.models.names import RESERVED, is_name
from binex.models.workflow import NodeSpec, RetryPolicy, WorkflowSpec

T = TypeVar("T")
Path = tuple[str | int, ...]

MAX_FAULTS: Final = 100
"""Binding stops after so many faults: each looks for the nearest name, and nobody reads more."""
MCP_SCHEME: Final = "mcp://"
_SHOWS: Final = "human://output"
_IMPLIED_OUTPUTS: Final = {"human://approve": ("feedback",)}
"""What an agent makes besides the outputs that its node declares."""
_FOR_FOREACH: Final = frozenset({"max_parallel", "max_items", "on_item_failure"})
"""What a node may only say that has a ``foreach``."""
_MAX_CYCLES: Final = 10
_SHOWN_OF_CYCLE: Final = 12


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """One node with everything about it bound; ``depends_on`` is in the order in which they are named."""

    id: str
    spec: NodeSpec
    depends_on: tuple[str, ...]
    inputs: Template | None
    config: Template
    system_prompt: Template | None
    messages: Template | None
    mcp_servers: Template
    when: Condition | None
    foreach: Reference | None
    deadline_ms: int | None
    retry_policy: RetryPolicy
    references: tuple[Reference, ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """What its agent makes: the outputs that it declares, and those that the agent makes anyway."""
        return (*self.spec.outputs, *_implied_outputs(self.spec))

    @property
    def has_conditional_items(self) -> bool:
        """Whether ``when`` speaks of the item, and so is asked for each one."""
        return self.when is not None and any(
            reference.source in (Source.ITEM, Source.INDEX) for reference in self.when.references
        )


class DAG:
    """Nodes by id in the order of the file, and for each the nodes that depend on it."""

    def __init__(self, nodes: Mapping[str, PlannedNode], dependents: Mapping[str, tuple[str, ...]]) -> None:
        self.nodes = nodes
        self.dependents = dependents

    @classmethod
    def from_workflow(cls, spec: WorkflowSpec) -> "DAG":
        """Bind *spec*.

        Raises:
            SpecError: with a fault for everything that is wrong: names that are not defined, references and
                conditions that cannot be read, cycles.
        """
        faults: list[FieldFault] = []
        outputs = {node_id: node.outputs for node_id, node in spec.nodes.items()}
        implied = {node_id: made for node_id, node in spec.nodes.items() if (made := _implied_outputs(node))}
        names = Names(outputs, frozenset(spec.inputs) if spec.inputs else None, implied=implied)
        nodes: dict[str, PlannedNode] = {}
        for node_id in spec.nodes:
            nodes[node_id] = _Binder(spec, node_id, names, faults).bind()
            if len(faults) >= MAX_FAULTS:
                break
        faults += _find_cycles(nodes)
        if faults:
            raise SpecError(f"workflow '{spec.name}' is not usable", faults=faults)
        dependents: dict[str, list[str]] = {node_id: [] for node_id in nodes}
        for node in nodes.values():
            for upstream in node.depends_on:
                dependents[upstream].append(node.id)
        return cls(nodes, {node_id: tuple(ids) for node_id, ids in dependents.items()})

    @property
    def shown(self) -> tuple[str, ...]:
        """The nodes whose outputs are a run's results: those that no other depends on, and those made to be shown."""
        return tuple(
            node_id
            for node_id, dependents in self.dependents.items()
            if not dependents or self.nodes[node_id].spec.agent == _SHOWS
        )

    def input_names(self, node_id: str) -> tuple[str, ...]:
        """The names of what a node's agent gets: its inputs, or else its item and its dependencies' outputs."""
        node = self.nodes[node_id]
        if node.spec.inputs is not None:
            return tuple(node.spec.inputs)
        item = () if node.foreach is None else ("item",)
        return (*item, *(name for name, _, _ in self.default_inputs(node)))

    def default_inputs(self, node: PlannedNode) -> Iterator[tuple[str, str, str]]:
        """What a node without inputs gets, as (name, upstream node, its output); the list of a foreach is left out."""
        for upstream in node.depends_on:
            outputs = self.nodes[upstream].spec.outputs
            for output in outputs:
                if node.foreach is not None and (upstream, output) == (node.foreach.name, node.foreach.output):
                    continue
                yield (upstream if len(outputs) == 1 else f"{upstream}.{output}"), upstream, output

    def written_inputs(self, node_id: str) -> dict[str, str]:
        """What a node without inputs gets, as somebody would write it under `inputs`."""
        node = self.nodes[node_id]
        item = {} if node.foreach is None else {"item": "${item}"}
        return item | {name: f"${{{upstream}.{output}}}" for name, upstream, output in self.default_inputs(node)}

    def references(self, source: Source) -> Iterable[tuple[str, Reference]]:
        """Every reference of one kind, with the id of the node that makes it."""
        return (
            (node.id, reference)
            for node in self.nodes.values()
            for reference in node.references
            if reference.source is source
        )


class _Binder:
    """Binds one node; every fault goes to one list, so that all of them are reported."""

    def __init__(
        self,
        spec: WorkflowSpec,
        node_id: str,
        names: Names,
        faults: list[FieldFault],
    ) -> None:
        self._workflow = spec
        self._id = node_id
        self._node = spec.nodes[node_id]
        self._faults = faults
        self._names = names if self._node.foreach is None else replace(names, in_foreach=True)

    def bind(self) -> PlannedNode:
        node = self._node
        self._check_names()
        prompt = None if node.system_prompt is None else self._workflow.system_prompt_of(self._id)
        foreach = self._bind_foreach()
        when = self._try(("when",), lambda: Condition(node.when or "", self._names)) if node.when is not None else None
        inputs = None if node.inputs is None else self._template(("inputs",), dict(node.inputs))
        config = (self._template(("config",), dict(node.config)) if node.config else None) or NOTHING
        system_prompt = None if prompt is None else self._template(("system_prompt",), prompt)
        said = None if node.messages is None else self._workflow.messages_of(self._id)
        messages = None if said is None else self._template(("messages",), said)
        servers = self._bind_servers()
        templates = (inputs, config, system_prompt, messages, servers)
        references = (
            *((foreach,) if foreach else ()),
            *(when.references if when else ()),
            *(reference for template in templates if template for reference in template.references),
        )
        named = [upstream for upstream in node.depends_on if upstream in self._workflow.nodes]
        referred = [reference.name for reference in references if reference.source is Source.NODE]
        return PlannedNode(
            id=self._id,
            spec=node,
            depends_on=tuple(dict.fromkeys([*named, *referred])),
            inputs=inputs,
            config=config,
            system_prompt=system_prompt,
            messages=messages,
            mcp_servers=servers,
            when=when,
            foreach=foreach,
            deadline_ms=self._workflow.deadline_ms_of(self._id),
            retry_policy=self._workflow.retry_policy_of(self._id),
            references=references,
        )

    @property
    def _is_full(self) -> bool:
        return len(self._faults) >= MAX_FAULTS

    def _fault(self, path: Path, message: str, fix: str | None = None, *, at_key: bool = False) -> None:
        self._faults.append(FieldFault(("nodes", self._id, *path), message, fix, at_key))

    def _try(self, path: Path, bind: Callable[[], T]) -> T | None:
        try:
            return bind()
        except ExpressionError as error:
            self._fault(path, f"node '{self._id}': {error.message}", error.fix)
            return None

    def _template(self, path: Path, value: JsonValue) -> Template | None:
        """Read *value*; where that fails, find every place in it that is to blame."""
        if self._is_full:
            return None
        try:
            return Template(value, self._names)
        except ExpressionError as error:
            match value:
                case dict():
                    for key, item in value.items():
                        self._template((*path, key), item)
                case list():
                    for index, item in enumerate(value):
                        self._template((*path, index), item)
                case _:
                    self._fault(path, f"node '{self._id}': {error.message}", error.fix)
            return None

    def _bind_servers(self) -> Template:
        """The MCP servers whose tools the node may use, as JSON; only those, so that it needs no secret of others."""
        if not self._node.tools:
            return NOTHING
        of_servers = (uri.removeprefix(MCP_SCHEME) for uri in self._node.tools if uri.startswith(MCP_SCHEME))
        used = {name.partition("/")[0] for name in of_servers}
        servers: dict[str, JsonValue] = {
            name: server.model_dump(mode="json", exclude_defaults=True)
            for name, server in self._workflow.mcp_servers.items()
            if name in used
        }
        names = Names({}, self._names.variables)
        try:
            return Template(servers, names)
        except ExpressionError:
            for name, server in servers.items():
                self._faults_of_server(("mcp_servers", name), server, names)
            return NOTHING

    def _faults_of_server(self, path: Path, value: JsonValue, names: Names) -> None:
        """Note every place in *value* that is to blame, once for all nodes that use the server."""
        match value:
            case dict():
                for key, item in value.items():
                    self._faults_of_server((*path, key), item, names)
            case list():
                for index, item in enumerate(value):
                    self._faults_of_server((*path, index), item, names)
            case _:
                try:
                    Template(value, names)
                except ExpressionError as error:
                    fault = self._fault_of_server(path, value, error)
                    if fault not in self._faults:
                        self._faults.append(fault)

    def _fault_of_server(self, path: Path, value: JsonValue, error: ExpressionError) -> FieldFault:
        where = f"{path[0]}.{path[1]}"
        try:
            Template(value, self._names)
        except ExpressionError:
            return FieldFault(path, f"{where}: {error.message}", error.fix)
        fix = "use ${user.*}, ${env.*} or ${secret.*}: a server is there before any node has run"
        return FieldFault(path, f"{where}: '{value!s:.80}' is what a node makes, which no server can be given", fix)

    def _bind_foreach(self) -> Reference | None:
        node, names = self._node, self._names
        if node.foreach is None:
            for field in sorted(node.model_fields_set & _FOR_FOREACH):
                self._fault(
                    (field,), f"node '{self._id}': '{field}' needs 'foreach'", "add foreach, or remove it", at_key=True
                )
            return None
        text = node.foreach.strip()
        outside = replace(names, in_foreach=False)
        if text.startswith("${") and text.endswith("}"):
            return self._try(("foreach",), lambda: outside.bind(text[2:-1].strip()))
        if len(names.outputs.get(text, ())) == 1:
            return self._try(("foreach",), lambda: outside.bind(text))
        if text in names.outputs:
            made = ", ".join(f"${{{text}.{output}}}" for output in names.outputs[text])
            self._fault(("foreach",), f"node '{self._id}': '{text}' has several outputs", f"name one of them: {made}")
        else:
            self._fault(
                ("foreach",),
                f"node '{self._id}': foreach names '{text:.60}', which is neither a reference nor a node",
                suggest(text, names.outputs, "nodes"),
            )
        return None

    def _check_names(self) -> None:
        node = self._node
        if self._id in RESERVED or not is_name(self._id):
            self._fault((), f"'{self._id}' cannot be the id of a node", "rename it", at_key=True)
        for index, upstream in enumerate(node.depends_on):
            if self._is_full:
                return
            if upstream not in self._workflow.nodes:
                self._fault(
                    ("depends_on", index),
                    f"node '{self._id}' depends on '{upstream}', which is not defined",
                    suggest(upstream, self._workflow.nodes, "defined nodes"),
                )
        seen: set[str] = set()
        for index, output in enumerate(node.outputs):
            if not is_name(output):
                self._fault(("outputs", index), f"'{output}' cannot be the name of an output", "rename it")
            if output in seen:
                self._fault(
                    ("outputs", index), f"node '{self._id}' names the output '{output}' twice", "remove one of them"
                )
            seen.add(output)


def _implied_outputs(node: NodeSpec) -> tuple[str, ...]:
    return tuple(output for output in _IMPLIED_OUTPUTS.get(node.agent, ()) if output not in node.outputs)


def _find_cycles(nodes: Mapping[str, PlannedNode]) -> list[FieldFault]:
    """One fault for each of the first cycles, found by leaving out the nodes of those already found."""
    faults: list[FieldFault] = []
    left = dict(nodes)
    order = {node_id: index for index, node_id in enumerate(nodes)}
    if all(order.get(up, -1) < index for index, node in enumerate(nodes.values()) for up in node.depends_on):
        return faults  # nothing depends on what comes after it, as in most files
    while len(faults) < _MAX_CYCLES:
        graph = {node.id: [up for up in node.depends_on if up in left] for node in left.values()}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            cycle: list[str] = list(reversed(error.args[1]))
            first = min(cycle[:-1], key=order.__getitem__)
            start = cycle.index(first)
            turned = [*cycle[start:-1], *cycle[:start], first]
            faults.append(
                FieldFault(
                    ("nodes", first),
                    f"these nodes wait for each other: {' -> '.join(_shortened(turned))}",
                    "remove one of these dependencies",
                    at_key=True,
                )
            )
            found = set(cycle)
            left = {node_id: node for node_id, node in left.items() if node_id not in found}
        else:
            break
    return faults


def _shortened(cycle: list[str]) -> list[str]:
    if len(cycle) <= _SHOWN_OF_CYCLE:
        return cycle
    return [*cycle[: _SHOWN_OF_CYCLE - 2], f"… {len(cycle) - _SHOWN_OF_CYCLE:,} more …", *cycle[-2:]]
