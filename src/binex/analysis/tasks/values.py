"""What a task's key was made of, read again from the snapshot of its workflow and from its run's artifacts."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

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
_ITEM = Reference("${item}", Source.ITEM)
_SETTINGS = ("messages", "config", "tools", "fallbacks", "output_schema", "deadline_ms", "budget")


class Written(NamedTuple):
    """Something that the workflow says about a task, and what that came to."""

    name: str
    written: JsonValue
    value: JsonValue
    references: tuple[Reference, ...] = ()
    is_implied: bool = False


class TaskValues:
    """What can be shown of one task: values as they were given, as far as they were kept.

    What comes from the environment stays a reference: it was not kept, or not meant to be.
    """

    def __init__(
        self, run: Run, spec: WorkflowSpec, node: PlannedNode, dag: DAG, lookup: Lookup, *, is_item: bool
    ) -> None:
        self._run = run
        self._spec = spec
        self._node = node
        self._dag = dag
        self._lookup = lookup
        self._is_item = is_item

    def part(self, name: str) -> str | None:
        """What a part of the key was made of, as text; None where that is not known."""
        value = self.value(name)
        return None if value is None else as_text(value)

    def value(self, name: str) -> JsonValue:
        """What a part of the key was made of; None where that is not known."""
        group, _, field = name.partition(".")
        values = self._values(group, has_field=bool(field))
        if field:
            return values[field] if isinstance(values, dict) and field in values else None
        return values

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

    @property
    def inputs(self) -> list[Written]:
        """What the agent gets, in the order of the workflow; before it, for a node with items, their list."""
        node = self._node
        found: list[Written] = []
        if node.foreach is not None and not self._is_item:
            found.append(Written("foreach", node.spec.foreach, self._lookup(node.foreach), (node.foreach,)))
        if node.inputs is not None and node.spec.inputs is not None:
            values = node.inputs.fill(self._lookup)
            for name, written in node.spec.inputs.items():
                value = values.get(name) if isinstance(values, dict) else None
                found.append(Written(name, written, value, _named_in(written, node.inputs.references)))
            return found
        if node.foreach is not None:
            found.append(Written("item", _ITEM.text, self._lookup(_ITEM), (_ITEM,), is_implied=True))
        for name, upstream, output in self._dag.default_inputs(node):
            reference = Reference(f"${{{upstream}.{output}}}", Source.NODE, upstream, output)
            found.append(Written(name, reference.text, self._lookup(reference), (reference,), is_implied=True))
        return found

    @property
    def settings(self) -> list[Written]:
        """The prompt and what else the workflow says about the agent, where it says anything."""
        node = self._node
        prompt = self._spec.system_prompt_of(node.id)
        said = {"prompt": prompt, **{name: node.spec.model_dump(mode="json")[name] for name in _SETTINGS}}
        found: list[Written] = []
        for name, written in said.items():
            template: Template | None = getattr(node, "system_prompt" if name == "prompt" else name, None)
            value = template.fill(self._lookup) if isinstance(template, Template) else written
            references = template.references if isinstance(template, Template) else ()
            if value not in (None, [], {}):
                found.append(Written(name, value if written in (None, [], {}) else written, value, references))
        return found

    def _inputs(self) -> JsonValue:
        if self._node.inputs is not None:
            return self._node.inputs.fill(self._lookup)
        item = {} if self._node.foreach is None else {"item": self._lookup(_ITEM)}
        made: dict[str, JsonValue] = {
            name: self._lookup(Reference(f"${{{upstream}.{output}}}", Source.NODE, upstream, output))
            for name, upstream, output in self._dag.default_inputs(self._node)
        }
        return {**item, **made}


async def read_values(
    store: RunStore,
    run: Run,
    path: str,
    records: Mapping[str, ExecutionRecord],
    bind: Binds,
    lists: dict[str, list[JsonValue]] | None = None,
) -> TaskValues | None:
    """What can be shown of the task at *path*; *records* has the last one of each task. None where nothing can.

    Who asks for many items of a run gives *lists*, in which the list of each foreach is kept between the calls.
    """
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
    item = _item(node, scope, item_of(path), {} if lists is None else lists)

    def lookup(reference: Reference) -> JsonValue:
        if item is None and reference.source in (Source.ITEM, Source.INDEX):
            return reference.text
        try:
            return scope.value_of(reference, item)
        except ExpressionError:
            return reference.text

    return TaskValues(run, spec, node, dag, lookup, is_item=item is not None)


def _named_in(written: JsonValue, references: Iterable[Reference]) -> tuple[Reference, ...]:
    text = "".join(as_text(written).split())
    return tuple(dict.fromkeys(reference for reference in references if reference.text in text))


async def _artifact(store: RunStore, artifact_id: str) -> Artifact | None:
    try:
        return await store.get(artifact_id)
    except BinexError:
        return None


def _item(node: PlannedNode, scope: Scope, index: int | None, lists: dict[str, list[JsonValue]]) -> Item | None:
    if index is None or node.foreach is None:
        return None
    if node.id not in lists:
        try:
            lists[node.id] = items_of(node, scope)
        except ExpressionError:
            return None
    values = lists[node.id]
    return Item(index, values[index]) if index < len(values) else None
