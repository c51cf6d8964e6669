"""What a fork is to have otherwise than its parent, and how its own record says so."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from binex.loader import Bound
from binex.models.change import Change, ChangeKind
from binex.models.run import Origin, Run, RunMode


@dataclass(frozen=True, slots=True)
class Edit:
    """Something put in the place of an artifact."""

    task: str
    """The path of the task that made it."""
    output: str
    value: JsonValue
    is_text: bool = False
    """Whether the value is text that is still to be read as what it takes the place of: text, or JSON."""


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """What is to be otherwise than in the parent."""

    from_: tuple[str, ...] = ()
    """Tasks that are executed again, with all that depends on them: nodes, or items as in ``search[3]``."""
    only: str | None = None
    """The one task that is executed again, with nothing that depends on it."""
    fields: tuple[Change, ...] = ()
    """Fields of nodes."""
    variables: Mapping[str, JsonValue] = field(default_factory=dict)
    are_variables_text: bool = False
    """Whether the variables are texts, as from a command line, still to be read as what the workflow declares."""
    edits: tuple[Edit, ...] = ()
    workflow: Path | None = None
    """The file to take instead of what was recorded."""


@dataclass(frozen=True, slots=True)
class Told:
    """What turned out to be another than in the parent, without being named."""

    variables: Collection[str] = ()
    """Inputs of the workflow whose value is another."""
    code: Collection[str] = ()
    """Agents and tools whose code is another."""


def with_written_inputs(changes: Iterable[Change], bound: Bound) -> Iterator[Change]:
    """*changes*, where the first of an input of a node that has none written says what all of them are.

    The others of that node then have something to change; each by itself would take back what was said before.
    """
    written: set[str] = set()
    for change in changes:
        spec = bound.spec.nodes.get(change.node)
        is_of_input = len(change.path) == 2 and change.path[0] == "inputs"
        if is_of_input and spec is not None and spec.inputs is None and change.node not in written:
            written.add(change.node)
            inputs = {**bound.dag.written_inputs(change.node), str(change.path[1]): change.value}
            yield change.model_copy(update={"path": ("inputs",), "value": inputs})
        else:
            yield change


def origin_for(request: ForkRequest, parent: Run, variables: Mapping[str, JsonValue]) -> Origin:
    """What the fork's own record says about where it comes from; *variables* are those given, without secrets."""
    changes = [*request.fields]
    for name, value in variables.items():
        changes.append(Change(kind=ChangeKind.VARIABLE, path=(name,), value=value, option=f"--var {name}"))
    for edit in request.edits:
        option = f"--edit {edit.task}.{edit.output}"
        changes.append(Change(kind=ChangeKind.ARTIFACT, node=edit.task, path=(edit.output,), option=option))
    if request.workflow is not None:
        changes.append(Change(kind=ChangeKind.WORKFLOW, value=str(request.workflow), option="--workflow"))
    return Origin(
        parent=parent.id,
        mode=RunMode.FORK,
        fork_points=points_of(request),
        is_alone=request.only is not None,
        changes=tuple(changes),
    )


def points_of(request: ForkRequest) -> tuple[str, ...]:
    """The paths of the tasks that are executed again whatever they are given."""
    return (request.only,) if request.only is not None else request.from_
