"""What a task's key was made of, read again from the snapshot of its workflow and from its run's artifacts."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from pydantic import JsonValue

from binex.errors import BinexError, ExpressionError
from binex.graph.dag import DAG, PlannedNode
from binex.graph.fan_out import items_of
from binex.graph.reference import Lookup, Reference, Source, Template, as_text
from binex.graph.scope import Item, RunContext, Scope
from binex.models.names import item_of, node_of
from binex.models.run import Run
from binex.models.task import Artifact, ExecutionRecord
from binex.models.workflow import WorkflowSpec
from binex.models.workflow_source import WorkflowSource
from binex.stores.run_store import RunStore

Binds: TypeAlias = Callable[[WorkflowSource], tuple[WorkflowSpec, DAG]]
"""Reads a snapshot. Raises BinexError where it cannot be used."""


class TaskValues:
    """What can be shown of one task: values as they were given, as far as they were kept.

    What comes from the environment stays a reference: it was not kept, or not meant to be.
    """

    def __init__(self, run: Run, spec: WorkflowSpec, node: PlannedNode, dag: DAG, lookup: Lookup) -> None:
        self._run = run
        self._spec = spec
        self._node = node
        self._dag = dag
        self._lookup = lookup

    def part(self, name: str) -> str | None:
        """What a part of the key was made of; None where that is not known."""
        group, _, field = name.partition(".")
        values = self._values(group, has_field=bool(field))
        if field:
            values = values[field] if isinstance(values, dict) and field in values else None
        return None if values is None else as_text(values)

    def _values(self, group: str, *, has_field: bool) -> JsonValue:  # noqa: PLR0911 - one case a group
        node, spec = self._node, self._node.spec
        match group:
            case "agent":
                return spec.agent
            case "adapter":
                return self._run.versions.adapters.get(spec.agent.partition("://")[0])
            case "code":
                known = self._run.versions.handlers
                return ", ".join(f"{uri} {known[uri][:12]}" for uri in (spec.agent, *spec.tools) if uri in known)
            case "inputs":
                return self._inputs() if has_field else ", ".join(self._dag.input_names(node.id))
            case "outputs":
                return ", ".join(node.outputs)
            case "tools" | "fallbacks" | "output_schema" | "repair":
                said: JsonValue = spec.model_dump(mode="json")[group]
                return said
            case "prompt" | "messages" | "config" | "mcp_servers":
                template: Template | None = getattr(node, "system_prompt" if group == "prompt" else group)
                return None if template is None else template.fill(self._lookup)
            case _:
                return None

    @property
    def condition(self) -> tuple[str, dict[str, JsonValue]] | None:
        """The node's condition, and the value of each reference in it."""
        if self._node.when is None:
            return None
        values = {reference.text: self._lookup(reference) for reference in self._node.when.references}
        return self._node.when.text, values

    def _inputs(self) -> JsonValue:
        if self._node.inputs is not None:
            return self._node.inputs.fill(self._lookup)
        item = {} if self._node.foreach is None else {"item": self._lookup(Reference("${item}", Source.ITEM))}
        made: dict[str, JsonValue] = {
            name: self._lookup(Reference(f"${{{upstream}.{output}}}", Source.NODE, upstream, output))
            for name, upstream, output in self._dag.default_inputs(self._node)
        }
        return {**item, **made}


async def read_values(
    store: RunStore, run: Run, path: str, records: Mapping[str, ExecutionRecord], bind: Binds
) -> TaskValues | None:
    """What can be shown of the task at *path*; *records* has the last one of each task. None where nothing can."""
    try:
        spec, dag = bind(await store.get_source(run.workflow_hash))
        node = dag.nodes[node_of(path)]
    except (BinexError, KeyError):
        return None
    scope = Scope(dag, RunContext(run.id, variables=run.variables))
    for upstream in node.depends_on:
        record = records.get(upstream)
        made = [await _artifact(store, id) for id in record.output_artifacts] if record is not None else []
        scope.keep(upstream, tuple(artifact for artifact in made if artifact is not None))
    item = _item(node, scope, item_of(path))

    def lookup(reference: Reference) -> JsonValue:
        try:
            return scope.value_of(reference, item)
        except ExpressionError:
            return reference.text

    return TaskValues(run, spec, node, dag, lookup)


async def _artifact(store: RunStore, artifact_id: str) -> Artifact | None:
    try:
        return await store.get(artifact_id)
    except BinexError:
        return None


def _item(node: PlannedNode, scope: Scope, index: int | None) -> Item | None:
    if index is None or node.foreach is None:
        return None
    try:
        values = items_of(node, scope)
    except ExpressionError:
        return None
    return Item(index, values[index]) if index < len(values) else None
