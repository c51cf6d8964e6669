"""What references stand for in one run: variables, the environment, and what tasks have made so far."""

import hashlib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import cast

from pydantic import JsonValue

from binex.errors import ExpressionError
from binex.graph.dag import DAG, PlannedNode
from binex.graph.reference import Lookup, Reference, Source, as_text, follow
from binex.models.agent_settings import DEFAULT_REPAIR, McpServer
from binex.models.names import item_path
from binex.models.task import Artifact, TaskNode


@dataclass(frozen=True, slots=True)
class RunContext:
    """What is fixed for a whole run.

    ``environment`` holds the values of ``${env.*}`` and ``${secret.*}``; ``attempts`` how many attempts
    earlier sessions of the run have made at a task, by path.
    """

    run_id: str
    folder: str | None = None
    variables: Mapping[str, JsonValue] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a foreach."""

    index: int
    value: JsonValue


class Scope:
    """Holds artifacts for as long as some unsettled node needs them, and fills tasks with them."""

    def __init__(self, dag: DAG, context: RunContext) -> None:
        self._dag = dag
        self._context = context
        self._artifacts: dict[str, tuple[Artifact, ...]] = {}
        self._needed_by = {node_id: len(dependents) for node_id, dependents in dag.dependents.items()}

    def keep(self, node_id: str, artifacts: tuple[Artifact, ...]) -> None:
        """Hold what a node has made until everything that depends on it is settled."""
        if self._needed_by[node_id]:
            self._artifacts[node_id] = artifacts

    def release_inputs_of(self, node: PlannedNode) -> None:
        """Note that *node* is settled and needs nothing any more."""
        for upstream in node.depends_on:
            self._needed_by[upstream] -= 1
            if not self._needed_by[upstream]:
                self._artifacts.pop(upstream, None)

    def inputs_of(self, node: PlannedNode) -> list[Artifact]:
        """The artifacts of all that the node depends on, in the order in which it names them."""
        return [artifact for upstream in node.depends_on for artifact in self._artifacts.get(upstream, ())]

    def value_of(self, reference: Reference, item: Item | None = None) -> JsonValue:
        """The value of a reference, which nobody else holds; null for the output of a skipped node.

        Raises:
            ExpressionError: there is no such variable or field.
        """
        match reference.source:
            case Source.NODE:
                value = self._output_of(reference.name, reference.output)
            case Source.USER:
                value = _get(self._context.variables, reference, "pass it with --var")
            case Source.ENV | Source.SECRET:
                return _get(self._context.environment, reference, "set it in the environment")
            case Source.ITEM:
                value = item.value if item else None
            case Source.INDEX:
                return item.index if item else None
        found = follow(value, reference.fields, reference.text)
        return found if reference.source is Source.NODE else deepcopy(found)  # a node's content is new already

    def is_missing(self, reference: Reference | None) -> bool:
        """Whether a reference is to the output of a node that made nothing, since it was skipped."""
        return reference is not None and reference.source is Source.NODE and not self._artifacts.get(reference.name)

    def lookup(self, item: Item | None = None) -> Lookup:
        """The function that templates and conditions are filled with."""
        return lambda reference: self.value_of(reference, item)

    def task(self, node: PlannedNode, item: Item | None, given: Sequence[Artifact]) -> TaskNode:
        """The task of *node*, or of one item of it, that is *given* artifacts, with every reference filled in.

        Raises:
            ExpressionError: a reference has no value.
        """
        lookup = self.lookup(item)
        path = node.id if item is None else item_path(node.id, item.index)
        inputs = self._default_inputs(node, item) if node.inputs is None else node.inputs.fill(lookup)
        config = node.config.fill(lookup)
        prompt = node.system_prompt.fill(lookup) if node.system_prompt else None
        servers = cast(dict[str, dict[str, JsonValue]], node.mcp_servers.fill(lookup))
        return TaskNode(
            run_id=self._context.run_id,
            path=path,
            node_id=node.id,
            agent=node.spec.agent,
            inputs=cast(dict[str, JsonValue], inputs),
            outputs=node.outputs,
            config=cast(dict[str, JsonValue], config),
            system_prompt=None if prompt is None else as_text(prompt),
            attempt=self._context.attempts.get(path, 0) + 1,
            deadline_ms=node.deadline_ms,
            isolation=node.spec.isolation,
            folder=self._context.folder,
            idempotency_key=_key(self._context.run_id, path, given),
            input_artifacts=tuple(artifact.id for artifact in given),
            messages=_as_messages(node.messages.fill(lookup)) if node.messages else None,
            output_schema=node.spec.output_schema,
            tools=node.spec.tools,
            mcp_servers={name: _as_server(server) for name, server in servers.items()},
            fallbacks=node.spec.fallbacks,
            repair=node.spec.repair or DEFAULT_REPAIR,
        )

    def _default_inputs(self, node: PlannedNode, item: Item | None) -> dict[str, JsonValue]:
        """What a node gets that declares no inputs: its item, and its dependencies' outputs by name."""
        inputs: dict[str, JsonValue] = {}
        if item is not None:
            inputs["item"] = item.value
        for name, upstream, output in self._dag.default_inputs(node):
            inputs[name] = self._output_of(upstream, output)
        return inputs

    def _output_of(self, node_id: str, output: str) -> JsonValue:
        """The content of one output; null where the node was skipped."""
        made = self._artifacts.get(node_id, ())
        return next((artifact.content for artifact in made if artifact.output == output), None)


def _as_messages(filled: JsonValue) -> list[dict[str, JsonValue]]:
    """A conversation, every message of which is text."""
    said = cast(list[dict[str, JsonValue]], filled)
    return [{**message, "content": as_text(message["content"])} for message in said]


def _as_server(filled: dict[str, JsonValue]) -> McpServer:
    """A server, every setting of which is text, also where a variable is none."""
    texts: dict[str, object] = {}
    for setting, value in filled.items():
        match value:
            case list():
                texts[setting] = [as_text(item) for item in value]
            case dict() if setting in ("env", "headers"):
                texts[setting] = {name: as_text(item) for name, item in value.items()}
            case _:
                texts[setting] = as_text(value)
    return McpServer.model_validate(texts)


def _get(values: Mapping[str, JsonValue] | Mapping[str, str], reference: Reference, fix: str) -> JsonValue:
    if reference.name not in values:
        raise ExpressionError(f"{reference.text} has no value", fix=fix)
    return values[reference.name]


def _key(run_id: str, path: str, inputs: Sequence[Artifact]) -> str:
    """The idempotency key: the same for every attempt, now or after a resume, that gets the same inputs."""
    text = "\n".join((run_id, path, *(artifact.sha256 for artifact in inputs)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
