"""Where a run stops for somebody: at its breakpoints, and before every task while somebody steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from binex.errors import ExpressionError, InputError, suggest
from binex.graph.condition import Condition
from binex.graph.dag import DAG, PlannedNode
from binex.graph.reference import Lookup, Names, Reference, Source, follow
from binex.graph.scope import Item, RunContext, Scope
from binex.models.breakpoint import Breakpoint, Moment
from binex.models.names import item_of, node_of
from binex.models.task import Artifact
from binex.models.workflow import WorkflowSpec


@dataclass(slots=True)
class Stops:
    """Where runs are to stop, and what was said there that outlives the run."""

    breakpoints: Sequence[Breakpoint] = ()
    is_stepping: bool = False
    """Whether a run stops before every task; changes with what is said at a stop."""
    replay_from: str | None = None
    """The path of the task from which somebody wants a fork of the run that has ended."""

    @property
    def is_any(self) -> bool:
        """Whether a run can stop at all, as far as is known before it starts."""
        return self.is_stepping or bool(self.breakpoints)

    def check(self, spec: WorkflowSpec, dag: DAG) -> None:
        """Refuse breakpoints that are at no place of this workflow.

        Raises:
            InputError: there is no such node, or a condition cannot be read.
        """
        _bind(self.breakpoints, spec, dag)


@dataclass(frozen=True, slots=True)
class _Place:
    """A breakpoint of one workflow."""

    at: Breakpoint
    condition: Condition | None


class Places:
    """The breakpoints of one run."""

    def __init__(self, breakpoints: Sequence[Breakpoint], spec: WorkflowSpec, dag: DAG, context: RunContext) -> None:
        """Find the places of *breakpoints*.

        Raises:
            InputError: there is no such node, or a condition cannot be read.
        """
        self._places = _bind(breakpoints, spec, dag)
        self._dag = dag
        self._scope = Scope(dag, context) if self._places else None
        self._lists: dict[str, list[JsonValue]] = {}

    def is_after(self, node_id: str) -> bool:
        """Whether a task of the node may have to stop when it has been executed."""
        return any(place.at.moment is Moment.AFTER for place in self._places.get(node_id, ()))

    def why_stop(self, path: str, moment: Moment, given: Sequence[Artifact]) -> str | None:
        """What makes the task at *path* stop, in words; None where nothing does.

        *given* are the artifacts that the task is made from, and those that it has made.
        """
        node_id, index = node_of(path), item_of(path)
        for place in self._places.get(node_id, ()):
            if place.at.moment is not moment or place.at.item not in (None, index):
                continue
            if place.condition is None:
                return ""
            try:
                if place.condition.holds(self._lookup(node_id, index, given)):
                    return f"if {place.condition.text}"
            except ExpressionError as error:  # better to stop once too often
                return f"if {place.condition.text}, which cannot be decided: {error.message}"
        return None

    def _lookup(self, node_id: str, index: int | None, given: Sequence[Artifact]) -> Lookup:
        def value_of(reference: Reference) -> JsonValue:
            assert self._scope is not None
            if reference.source is Source.NODE:
                return _output_of(reference, given)
            if reference.source is Source.ITEM and index is not None:
                return self._scope.value_of(reference, Item(index, self._list_of(node_id, value_of)[index]))
            return self._scope.value_of(reference, None if index is None else Item(index, None))

        return value_of

    def _list_of(self, node_id: str, lookup: Lookup) -> list[JsonValue]:
        """What a foreach node runs over, read once for all its items."""
        if node_id not in self._lists:
            foreach = self._dag.nodes[node_id].foreach
            values = None if foreach is None else lookup(foreach)
            self._lists[node_id] = values if isinstance(values, list) else []
        return self._lists[node_id]


def _output_of(reference: Reference, given: Sequence[Artifact]) -> JsonValue:
    """The value of a reference to what a node makes; null where it was skipped or has failed."""
    for artifact in given:
        if (node_of(artifact.task), artifact.output) == (reference.name, reference.output):
            return follow(artifact.content, reference.fields, reference.text)
    return None


def _bind(breakpoints: Sequence[Breakpoint], spec: WorkflowSpec, dag: DAG) -> Mapping[str, Sequence[_Place]]:
    found: dict[str, list[_Place]] = {}
    for at in breakpoints:
        node = dag.nodes.get(at.node_id)
        if node is None:
            raise InputError(
                f"the workflow has no node '{at.node_id}' to stop at", fix=suggest(at.node_id, dag.nodes, "nodes")
            )
        if at.item is not None and node.foreach is None:
            raise InputError(f"node '{node.id}' has no items: it has no foreach", fix=f"write '{node.id}'")
        found.setdefault(node.id, []).append(_Place(at, _bind_condition(at, node, spec, dag)))
    return found


def _bind_condition(at: Breakpoint, node: PlannedNode, spec: WorkflowSpec, dag: DAG) -> Condition | None:
    if at.condition is None:
        return None
    names = Names(
        {other.id: other.spec.outputs for other in dag.nodes.values()},
        frozenset(spec.inputs) if spec.inputs else None,
        in_foreach=node.foreach is not None,
        implied={other.id: other.outputs for other in dag.nodes.values() if other.outputs != other.spec.outputs},
    )
    try:
        condition = Condition(at.condition, names)
    except ExpressionError as error:
        raise InputError(f"breakpoint at '{at.path}': {error.message}", fix=error.fix) from error
    for reference in condition.references:
        _check_reference(at, node, reference, dag)
    return condition


def _check_reference(at: Breakpoint, node: PlannedNode, reference: Reference, dag: DAG) -> None:
    """Refuse a reference that has no value where the run stops."""
    match reference.source:
        case Source.NODE if reference.name == node.id:
            if at.moment is Moment.BEFORE:
                raise InputError(
                    f"breakpoint at '{at.path}': before it has run there is no {reference.text}",
                    fix=f"stop after it: '{at.path}:after if …'",
                )
        case Source.NODE if reference.name not in node.depends_on:
            raise InputError(
                f"breakpoint at '{at.path}': it is not given {reference.text}",
                fix=suggest(reference.name, node.depends_on, f"nodes that '{node.id}' depends on"),
            )
        case Source.ENV | Source.SECRET:
            known = {other.name for _, other in dag.references(reference.source)}
            if reference.name not in known:
                raise InputError(
                    f"breakpoint at '{at.path}': the workflow does not use {reference.text}",
                    fix=suggest(reference.name, known, "variables in use"),
                )
