"""The rows of a bundle: how each is written, and what it must be to be believed.

A row is checked by itself here; whether rows fit together is checked in :mod:`binex.stores.bundles.reading`.
"""

import hashlib
import re
from datetime import datetime
from typing import Annotated, Final, TypeVar

from pydantic import Field, JsonValue, ValidationError
from pydantic_core import from_json

from binex.models.base import Model
from binex.models.call import Body, Call
from binex.models.names import artifact_id, is_name, parse_path
from binex.models.question import Question
from binex.models.run import Run
from binex.models.task import ArtifactInfo, ExecutionRecord
from binex.models.workflow_source import WorkflowSource
from binex.stores.backends.bodies import link_id
from binex.stores.bundles.json_text import require_json
from binex.stores.bundles.layout import CONTENT_BYTES, ROW_VALUES, BundleError

_HASH: Final = re.compile(r"[0-9a-f]{64}\Z")
_RUN: Final = re.compile(r"[0-9a-z]{12}\Z")
"""An id as :func:`~binex.models.names.new_run_id` makes them; ``latest`` or ``-x`` would mean something else."""
_ARTIFACT: Final = re.compile(r"([^~/]{1,64})~([^~/]{1,4096})~([^~/]{1,64})\Z")
_LONGEST_PATH: Final = 1024
_LONGEST_PLACE: Final = 4096
_MOST: Final = 2**31
"""Numbers of attempts and calls are below it."""

Size = Annotated[int, Field(ge=0, le=CONTENT_BYTES)]


class WorkflowRow(Model):
    """A snapshot, by the hash that runs name."""

    hash: str
    source: WorkflowSource


class LinkRow(Model):
    """One link of the body of a call."""

    id: str
    previous: str = ""
    sha256: str


class BlobRow(Model):
    """One blob; its bytes stand in another member."""

    sha256: str
    size: Size


class BookmarkRow(Model):
    """What a task must still know when it is executed again."""

    run_id: str
    task: str
    name: str
    value: JsonValue = None


Row = Run | WorkflowRow | ExecutionRecord | ArtifactInfo | Call | LinkRow | BlobRow | Question | BookmarkRow
R = TypeVar("R", bound=Model)


def line_of(row: Model) -> bytes:
    """A row as it stands in a bundle, without the end of its line."""
    return row.__pydantic_serializer__.to_json(row, exclude_defaults=True)


def read_row(model: type[R], line: bytes, table: str) -> R:
    """The row in a line.

    Raises:
        BundleError: it does not hold one.
    """
    if line.count(b",") + line.count(b"[") + line.count(b"{") > ROW_VALUES:
        raise BundleError(f"a row of {table} has more than {ROW_VALUES:,} values")
    try:
        require_json(line)
        row = model.model_validate(from_json(line, allow_inf_nan=False))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BundleError(f"a row of {table}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise BundleError(f"a row of {table} is not JSON: {error}") from error
    _require_moments(row, table)
    return row


def _require_moments(row: Model, table: str) -> None:
    """Raise BundleError where a time has no zone, so that it compares with none, or is beyond what clocks show."""
    for name in type(row).model_fields:
        value = getattr(row, name)
        if isinstance(value, datetime) and (value.tzinfo is None or not 1970 <= value.year < 9999):
            raise BundleError(f"a row of {table}: {name} is not a moment")
        if isinstance(value, Model):
            _require_moments(value, table)


# --- what a row must be by itself -----------------------------------------------------------------------------


def require_run(run: Run) -> None:
    """Raise BundleError where a run has an id that none of ours could have."""
    if not _RUN.match(run.id):
        raise BundleError(f"{run.id!r:.80} is not the id of a run")


def require_source(row: WorkflowRow) -> None:
    """Raise BundleError where a snapshot names a place that cannot be one."""
    for place in (row.source.folder, row.source.file):
        if "\0" in place or len(place) > _LONGEST_PLACE:
            raise BundleError(f"{place!r:.80} is not the place of a workflow")


def require_record(record: ExecutionRecord) -> None:
    """Raise BundleError where a record is of no task, or names what cannot be an artifact."""
    _require_path(record.task)
    _require_number(record.attempt, 0)
    for id in (*record.input_artifacts, *record.output_artifacts):
        run_of(id)


def require_artifact(info: ArtifactInfo) -> None:
    """Raise BundleError where an envelope does not say one thing."""
    _require_path(info.task)
    if not is_name(info.output) or info.id != artifact_id(info.run_id, info.task, info.output):
        raise BundleError(f"{info.id!r:.120} is not the id of an artifact of {info.task}")
    if not 0 < info.size <= CONTENT_BYTES or not _HASH.match(info.sha256):
        raise BundleError(f"artifact {info.id} has an impossible size or hash")
    for id in info.lineage.derived_from:
        run_of(id)


def require_call(call: Call) -> None:
    """Raise BundleError where a call is of no task, or its bodies name no links."""
    _require_path(call.task)
    _require_number(call.attempt, 0)
    _require_number(call.number, 1)
    for body in (call.request, call.response):
        if body is not None and (not 0 <= body.size < 2**62 or (body.last and not _HASH.match(body.last))):
            raise BundleError(f"call {call.id} names a body that cannot be one")
    if any(chunk.size < 0 for chunk in call.chunks):  # they could make a short body a long one when it is played
        raise BundleError(f"call {call.id} came in impossible chunks")


def require_link(link: LinkRow) -> None:
    """Raise BundleError where the id of a link is not what it says."""
    if not _HASH.match(link.sha256) or not (link.previous == "" or _HASH.match(link.previous)):
        raise BundleError(f"link {link.id!r:.20} is not one")
    if link_id(link.previous, link.sha256) != link.id:
        raise BundleError(f"link {link.id!r:.20} is not what was kept")


def require_question(question: Question) -> None:
    """Raise BundleError where a question has an id that is not its own."""
    _require_path(question.task)
    prefix = f"{question.run_id}~{question.task}~"
    key = question.id.removeprefix(prefix)
    if not question.id.startswith(prefix) or not key or len(key) > _LONGEST_PATH or not key.isprintable():
        raise BundleError(f"{question.id!r:.120} is not the id of a question of {question.task}")


def require_bookmark(bookmark: BookmarkRow) -> None:
    """Raise BundleError where a bookmark is of no task."""
    _require_path(bookmark.task)
    if not bookmark.name or len(bookmark.name) > 256 or not bookmark.name.isprintable():
        raise BundleError(f"{bookmark.name!r:.80} is not the name of a bookmark")


def run_of(id: str) -> str:
    """The run of the artifact with that id.

    Raises:
        BundleError: nothing could have that id.
    """
    parts = _ARTIFACT.match(id)
    if parts is None or not is_name(parts[1]) or not is_name(parts[3]):
        raise BundleError(f"{id!r:.120} is not the id of an artifact")
    _require_path(parts[2].replace("+", "/"))
    return parts[1]


def _require_path(path: str) -> None:
    try:
        if len(path) <= _LONGEST_PATH and all(is_name(segment.node_id) for segment in parse_path(path)):
            return
    except ValueError:
        pass
    raise BundleError(f"{path!r:.120} is not the path of a task")


def _require_number(number: int, least: int) -> None:
    if not least <= number < _MOST:
        raise BundleError(f"{number} is not the number of an attempt or a call")


# --- what a run is recognised by ------------------------------------------------------------------------------


def hash_of(source: WorkflowSource) -> str:
    """The identity of a snapshot, as a run that is begun here names it."""
    said = source.model_dump_json(exclude=None if source.changes else {"changes"})
    return hashlib.sha256(said.encode()).hexdigest()


def at_home(row: Model) -> bytes:
    """A row without what an import changes: where the workflow lies, the snapshot's name, where the run came from."""
    match row:
        case Run():
            return line_of(row.model_copy(update={"workflow_hash": "", "is_imported": False}))
        case WorkflowRow():
            source = row.source.model_copy(update={"folder": "", "file": ""})
            return line_of(WorkflowRow(hash="", source=source))
        case _:
            return line_of(row)


def body_ends(call: Call) -> list[Body]:
    """The bodies of a call that have bytes."""
    return [body for body in (call.request, call.response) if body is not None and body.last]
