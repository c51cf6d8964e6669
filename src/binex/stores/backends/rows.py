"""How models become rows and come back: fields that stand in columns are left out of the document."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import from_json, to_json

from binex.errors import DamagedDataError
from binex.models.base import slimmed
from binex.models.call import Call
from binex.models.event import TaskStarted
from binex.models.question import Question
from binex.models.run import Run
from binex.models.task import Artifact, ArtifactInfo, ExecutionRecord
from binex.models.workflow_source import WorkflowSource

_FIX: Final = "see what else is damaged with: binex doctor"
_RUN_COLUMNS: Final = {"id", "workflow", "status"}
_ATTEMPT_COLUMNS: Final = {"run_id", "task", "attempt"}
_CALL_COLUMNS: Final = {"run_id", "task", "attempt", "number"}
_QUESTION_COLUMNS: Final = {"id", "run_id", "task", "state"}

M = TypeVar("M", bound=BaseModel)


def run_doc(run: Run) -> str:
    return _doc(run, _RUN_COLUMNS)


def read_run(row: tuple[str, str, str, str]) -> Run:
    """The run of a row (id, workflow, status, doc).

    Raises:
        DamagedDataError: the row does not hold one.
    """
    run_id, workflow, status, doc = row
    return _read(Run, f"run {run_id}", doc, id=run_id, workflow=workflow, status=status)


def record_doc(record: ExecutionRecord) -> str:
    return _doc(record, _ATTEMPT_COLUMNS)


def read_record(run_id: str, row: tuple[str, int, str]) -> ExecutionRecord:
    """The record of a row (task, attempt, doc).

    Raises:
        DamagedDataError: the row does not hold one.
    """
    task, attempt, doc = row
    what = f"the record of attempt {attempt} at {task} in run {run_id}"
    return _read(ExecutionRecord, what, doc, run_id=run_id, task=task, attempt=attempt)


def output_artifacts(doc: str) -> list[str]:
    """The ids of the artifacts that the record in *doc* names; none where it cannot be read."""
    try:
        named = json.loads(doc).get("output_artifacts", [])
    except (ValueError, TypeError, AttributeError):
        return []
    return [id for id in named if isinstance(id, str)] if isinstance(named, list) else []


def started_doc(started: TaskStarted) -> str:
    return started.model_dump_json(exclude=_ATTEMPT_COLUMNS)


def read_started(run_id: str, row: tuple[str, int, str]) -> TaskStarted:
    """The beginning of an attempt in a row (task, attempt, doc).

    Raises:
        DamagedDataError: the row does not hold one.
    """
    task, attempt, doc = row
    what = f"the beginning of attempt {attempt} at {task} in run {run_id}"
    return _read(TaskStarted, what, doc, run_id=run_id, task=task, attempt=attempt)


def envelope_of(artifact: Artifact) -> bytes:
    """The envelope as it stands in an artifact's row and at the front of its file: all fields but the content."""
    return to_json(artifact)


def artifact_name(run_id: str, id: str) -> str:
    """What tells an artifact from the others of its run: its id without the run's.

    Raises:
        ValueError: the id does not begin with the run's.
    """
    prefix, _, name = id.partition("~")
    if prefix != run_id or not name or "/" in name or "\0" in name:
        raise ValueError(f"not the id of an artifact of run {run_id}: {id!r:.120}")
    return name


def read_artifact(run_id: str, row: tuple[str, int, bytes, str]) -> ArtifactInfo:
    """The envelope in a row (name, size, sha256, doc); what stands in columns is taken from there.

    Raises:
        DamagedDataError: the row does not hold one.
    """
    name, size, sha256, doc = row
    id = f"{run_id}~{name}"
    return _read(
        ArtifactInfo,
        f"the envelope of artifact {id}",
        doc,
        id=id,
        run_id=run_id,
        size=size,
        sha256=as_hexadecimal(sha256),
    )


def as_hexadecimal(sha256: bytes) -> str:
    """A hash of a row; what somebody else has put in its place is left as it is."""
    return sha256.hex() if isinstance(sha256, bytes) else sha256


def source_row(workflow_hash: str, source: WorkflowSource) -> tuple[str, bytes, str]:
    """The row (hash, sha256, doc) of a snapshot; the sha256 is of the document itself."""
    doc = source.model_dump_json()
    return workflow_hash, hashlib.sha256(doc.encode()).digest(), doc


def read_source(workflow_hash: str, row: tuple[bytes, str] | None) -> WorkflowSource:
    """The snapshot in a row (sha256, doc).

    Raises:
        DamagedDataError: there is none, or it is not what was kept.
    """
    what = f"the snapshot {workflow_hash[:12]} of the workflow"
    if row is None:
        raise DamagedDataError(f"{what} is missing", fix=_FIX)
    sha256, doc = row
    if not isinstance(doc, str) or hashlib.sha256(doc.encode()).digest() != sha256:
        raise DamagedDataError(f"{what} is not what was kept: its sha256 differs", fix=_FIX)
    return _read(WorkflowSource, what, doc)


def call_doc(call: Call) -> str:
    return _doc(call, _CALL_COLUMNS)


def read_call(run_id: str, row: tuple[str, int, int, str]) -> Call:
    """The call of a row (task, attempt, number, doc).

    Raises:
        DamagedDataError: the row does not hold one.
    """
    task, attempt, number, doc = row
    what = f"call {number} of attempt {attempt} at {task} in run {run_id}"
    return _read(Call, what, doc, run_id=run_id, task=task, attempt=attempt, number=number)


def question_doc(question: Question) -> str:
    return _doc(question, _QUESTION_COLUMNS)


def read_question(row: tuple[str, str, str, str, str]) -> Question:
    """The question of a row (id, its run's id, task, state, doc).

    Raises:
        DamagedDataError: the row does not hold one.
    """
    id, run_id, task, state, doc = row
    return _read(Question, f"question {id}", doc, id=id, run_id=run_id, task=task, state=state)


def read_bookmark(run_id: str, row: tuple[str, str, str]) -> tuple[str, str, JsonValue]:
    """The task, the name and the value of a bookmark in a row (task, name, doc).

    Raises:
        DamagedDataError: the row does not hold one.
    """
    task, name, doc = row
    try:
        return task, name, json.loads(doc)
    except (ValueError, TypeError) as error:
        what = f"the bookmark {name} of {task} in run {run_id}"
        raise DamagedDataError(f"{what} cannot be read: its document is not JSON", fix=_FIX) from error


def _doc(model: BaseModel, columns: set[str]) -> str:
    # What model_dump_json would call, without its detour through a dozen options: one of these a settled task.
    return model.__pydantic_serializer__.to_json(model, exclude=columns, exclude_defaults=True).decode()


def _read(model: type[M], what: str, doc: str, **columns: object) -> M:
    with suppress(ValueError, TypeError):  # the long way finds out what is wrong
        return slimmed(model.model_validate_json(_with(doc, columns)))
    try:
        fields = from_json(doc)
        fields |= columns
    except (ValueError, TypeError) as error:
        raise DamagedDataError(f"{what} cannot be read: its document is not JSON", fix=_FIX) from error
    return _checked(model, what, fields)


def _with(doc: str, columns: Mapping[str, object]) -> str:
    """The document as the text of one JSON object, together with what stands in columns, which goes before."""
    if not columns:
        return doc
    if not isinstance(doc, str) or not doc.startswith("{") or not doc.endswith("}"):
        raise ValueError("not the text of an object")
    return f"{doc[:-1]}{',' if len(doc) > len('{}') else ''}{to_json(columns).decode()[1:]}"


def _checked(model: type[M], what: str, fields: dict[str, object]) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise DamagedDataError(f"{what} cannot be read: {place}: {first['msg']}", fix=_FIX) from error
