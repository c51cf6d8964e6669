"""What a page wants otherwise in a fork, as the runtime wants to hear it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool

from binex.errors import InputError, suggest
from binex.loader import Bound
from binex.models.change import Change, ChangeKind
from binex.runtime.forks.request import Edit, ForkRequest, with_written_inputs
from binex.runtime.session import Session
from binex.server.workflow_folder import WorkflowFolder

_Name = Annotated[str, Field(max_length=1_000)]


class FieldBody(BaseModel):
    """A field of a node that is to be something else."""

    model_config = ConfigDict(extra="forbid")

    node: _Name
    path: Annotated[tuple[str | int, ...], Field(min_length=1, max_length=64)] | _Name
    value: JsonValue


class EditBody(BaseModel):
    """What is put in the place of an output."""

    model_config = ConfigDict(extra="forbid")

    task: _Name
    output: _Name
    value: JsonValue


class ForkBody(BaseModel):
    """What is to be otherwise."""

    model_config = ConfigDict(extra="forbid")

    from_: Annotated[tuple[_Name, ...], Field(alias="from", max_length=1_000)] = ()
    only: _Name | None = None
    fields: Annotated[tuple[FieldBody, ...], Field(max_length=1_000)] = ()
    variables: dict[_Name, JsonValue] = Field(default_factory=dict)
    edits: Annotated[tuple[EditBody, ...], Field(max_length=1_000)] = ()
    workflow: _Name | None = None
    max_cost: Annotated[float | None, Field(ge=0, allow_inf_nan=False, strict=True)] = None
    trust: StrictBool = False


async def read_fork(body: ForkBody, session: Session, run: str, folder: Path) -> ForkRequest:
    """What is asked for, of the run with the id *run*; a workflow is one of the files in *folder*.

    Raises:
        InputError: it names what does not exist, or asks for nothing that a fork could be.
        RefusedError: the name of the workflow is none.
    """
    workflow = None if body.workflow is None else WorkflowFolder(folder).path_of(body.workflow)
    bound = await session.workflow_of(run, workflow) if body.fields else None
    return ForkRequest(
        from_=body.from_,
        only=body.only,
        fields=() if bound is None else _changes(body.fields, bound),
        variables=body.variables,
        edits=tuple(Edit(edit.task, edit.output, edit.value) for edit in body.edits),
        workflow=workflow,
    )


def _changes(fields: Iterable[FieldBody], bound: Bound) -> tuple[Change, ...]:
    return tuple(with_written_inputs((_change(field, bound) for field in fields), bound))


def _change(field: FieldBody, bound: Bound) -> Change:
    path = tuple(field.path.split(".")) if isinstance(field.path, str) else field.path
    option = f"{field.node}.{'.'.join(map(str, path))}"
    if field.node not in bound.spec.nodes:
        raise InputError(
            f"there is no node '{field.node:.80}'", fix=suggest(field.node[:80], bound.spec.nodes, "nodes")
        )
    if path == ("system_prompt",) and isinstance(field.value, str) and field.value.startswith("file://"):
        raise InputError(f"{option}: a prompt cannot begin with file://", fix="give the text itself")
    return Change(kind=ChangeKind.FIELD, node=field.node, path=path, value=field.value, option=option)
