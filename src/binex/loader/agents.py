"""How the nodes of a workflow use their agents, and what reading alone tells about it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from binex.adapters.base import ChecksNodes, NodeUse
from binex.adapters.registry import Registry
from binex.errors import FieldFault, InputError
from binex.graph.dag import DAG
from binex.models.agent_settings import Isolation
from binex.models.workflow import NodeSpec, WorkflowSpec

_FIELDS_OF_USE: Final = ("agent", "inputs", "outputs", "config", "isolation")
_FOR_MODELS: Final = ("tools", "fallbacks", "repair", "messages")
_WITHOUT_MODEL: Final = frozenset({"local", "a2a", "human"})


def node_uses(spec: WorkflowSpec, dag: DAG) -> dict[str, NodeUse]:
    """How each node uses its agent, by node id."""
    folder = _folder_of(spec)
    return {node_id: _use(node_id, node.spec, dag.input_names(node_id), folder) for node_id, node in dag.nodes.items()}


class AgentCheck:
    """Asks each node's adapter what is wrong with the node; nothing of the user's runs."""

    def __init__(self, registry: Registry, is_usable: Callable[[tuple[str | int, ...]], bool]) -> None:
        """Ask the adapters of *registry*; *is_usable* tells whether the value at a path is what the file says."""
        self._registry = registry
        self._is_usable = is_usable
        self._checkers: dict[str, ChecksNodes | InputError | None] = {}

    def faults(self, spec: WorkflowSpec, dag: DAG | None, doubtful: frozenset[str]) -> Iterator[FieldFault]:
        """Every fault of every agent.

        Where it cannot be known what an agent will be given only the scheme is checked: where the node's own
        fields could not be read, or it takes the outputs of others and one of them or itself is *doubtful*.
        """
        folder = _folder_of(spec)
        for node_id, node in spec.nodes.items():
            path = ("nodes", node_id, "agent")
            if "${" in node.agent:
                message = f"node '{node_id}': references are not supported in 'agent'"
                yield FieldFault(path, message, "write the agent's URI in full")
                continue
            checker = self._checker_of(node.agent)
            if isinstance(checker, InputError):
                yield FieldFault(path, f"node '{node_id}': {checker.message}", checker.fix)
                continue
            yield from _faults_of_schema(node_id, node)
            yield from self._faults_of_helpers(spec, node_id, node, folder)
            names = self._names(node_id, node, dag, doubtful)
            if names is not None and checker is not None:
                for fault in checker.check(_use(node_id, node, names, folder)):
                    yield FieldFault(("nodes", node_id, *fault.path), fault.message, fault.fix, fault.at_key)

    def _faults_of_helpers(
        self, spec: WorkflowSpec, node_id: str, node: NodeSpec, folder: Path | None
    ) -> Iterator[FieldFault]:
        """What is wrong with the tools and the other models that a model is given."""
        path = ("nodes", node_id)
        if node.agent.partition("://")[0] in _WITHOUT_MODEL:
            for field in _FOR_MODELS:
                if field in node.model_fields_set:
                    message = f"'{field}' in node '{node_id}' is for models, and its agent is {node.agent:.80}"
                    yield FieldFault((*path, field), message, "remove it", at_key=True)
            return
        others: list[tuple[tuple[str | int, ...], str]] = [
            (("fallbacks", index), agent) for index, agent in enumerate(node.fallbacks)
        ]
        if node.repair is not None and node.repair.escalate is not None:
            others.append((("repair", "escalate"), node.repair.escalate))
        for place, agent in others:
            checker = self._checker_of(agent)
            if agent.partition("://")[0] in _WITHOUT_MODEL:
                fix = "write llm://provider/model, as in llm://openai/gpt-4o-mini"
                yield FieldFault((*path, *place), f"node '{node_id}': {agent:.80} is no model", fix)
            elif isinstance(checker, InputError):
                yield FieldFault((*path, *place), f"node '{node_id}': {checker.message}", checker.fix)
            elif checker is not None:
                use = replace(_use(node_id, node, ("input",), folder), agent=agent)
                faults = [fault for fault in checker.check(use) if fault.path == ("agent",)]
                yield from (FieldFault((*path, *place), fault.message, fault.fix) for fault in faults)
        if node.tools:
            from binex.adapters.tools.toolbox import check_tools

            for fault in check_tools(node.tools, spec.mcp_servers, folder):
                start = () if fault.path[:1] == ("mcp_servers",) else path
                yield FieldFault((*start, *fault.path), fault.message, fault.fix, fault.at_key)

    def _checker_of(self, agent: str) -> ChecksNodes | InputError | None:
        """The adapter, if it can check nodes; or why there is none."""
        scheme, separator, _ = agent.partition("://")
        key = scheme if separator else agent
        if key not in self._checkers:
            try:
                adapter = self._registry.adapter_for(agent)
            except InputError as error:
                self._checkers[key] = error
            else:
                self._checkers[key] = adapter if isinstance(adapter, ChecksNodes) else None
        return self._checkers[key]

    def _names(self, node_id: str, node: NodeSpec, dag: DAG | None, doubtful: frozenset[str]) -> tuple[str, ...] | None:
        """What the agent will be given; None where that cannot be known."""
        if not all(self._is_usable(("nodes", node_id, field)) for field in _FIELDS_OF_USE):
            return None
        if node.inputs is not None:
            return tuple(node.inputs)
        if dag is None or not doubtful.isdisjoint([node_id, *dag.nodes[node_id].depends_on]):
            return None
        return dag.input_names(node_id)


def _faults_of_schema(node_id: str, node: NodeSpec) -> Iterator[FieldFault]:
    """What is wrong with a node's ``output_schema`` itself."""
    if node.output_schema is not None:
        from binex.models.json_schema import check_schema

        for fault in check_schema(node.output_schema):
            path = ("nodes", node_id, "output_schema", *fault.path)
            yield FieldFault(path, f"node '{node_id}': {fault.message}", fault.fix, fault.at_key)


def _folder_of(spec: WorkflowSpec) -> Path | None:
    return Path(spec.source.folder) if spec.source is not None and spec.source.folder else None


def _use(node_id: str, node: NodeSpec, names: tuple[str, ...], folder: Path | None) -> NodeUse:
    return NodeUse(
        node_id=node_id,
        agent=node.agent,
        folder=folder,
        inputs=names,
        config=node.config,
        outputs=node.outputs,
        is_isolated=node.isolation is Isolation.PROCESS,
        are_inputs_implied=node.inputs is None,
        has_schema=node.output_schema is not None,
        has_instructions=node.system_prompt is not None or bool(node.messages),
        tools=node.tools,
    )


def faulty_nodes(faults: Iterable[FieldFault]) -> frozenset[str]:
    """The ids of the nodes that have a fault."""
    return frozenset(str(fault.path[1]) for fault in faults if fault.path[:1] == ("nodes",) and len(fault.path) > 1)
