"""A run as one JSON document, for programs: docs/sharing.md says what is in it."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import IO, Final

from pydantic import JsonValue

from binex.analysis.artifacts import Damage
from binex.analysis.calls import CallDetail, Said, name_of
from binex.analysis.cost import cost_of
from binex.analysis.debug import failures_of, next_steps
from binex.analysis.failures.groups import group_failures
from binex.analysis.trace import Trace
from binex.analysis.verdict import verdict_of
from binex.errors import DamagedDataError
from binex.loader import bind_source
from binex.models.names import item_of, node_of
from binex.models.run import Run
from binex.models.task import ArtifactInfo, ExecutionRecord
from binex.reports.contents import Contents
from binex.reports.formats import Order, Written
from binex.reports.json_stream import Encoded, JsonStream, encoded, one_line, with_members
from binex.stores.run_store import RunStore

FORMAT: Final = "binex-run"
"""Stands as ``format`` in every document."""
VERSION: Final = 1
"""Stands as ``schema_version``; a greater one means that something has another meaning, or is gone."""


async def write(store: RunStore, run: Run, file: IO[bytes], order: Order) -> Written:
    """Write all that is known about *run*, one piece after the other."""
    cost = (await cost_of(store, run, bind_source)).model_dump(
        mode="json", exclude={"run"}
    )  # needs all calls, so it comes first
    contents = await Contents.of(store, run)
    run = contents.run
    out = JsonStream(file)
    out.member("format", FORMAT)
    out.member("schema_version", VERSION)
    out.member("run", run)
    await _write_workflow(out, contents)
    counts = {"tasks": await _write_timeline(out, contents)}
    counts["attempts"] = out.listed("attempts", (_attempt(record) for record in contents.records))
    counts["artifacts"] = await out.members("artifacts", _artifacts(contents))
    counts["calls"] = await out.members("calls", _calls(contents))
    counts["questions"] = out.listed("questions", await store.list_questions(run.id))
    out.member("cost", cost)
    out.listed("lineage", _lineage(contents))
    damage = [*contents.damage, *(Damage(where="store", message=message) for message in order.notices)]
    out.listed("next_steps", next_steps(run, damage, failures_of(contents.records)))
    out.listed("damage", damage)
    out.end()
    return Written(counts=counts, damage=tuple(contents.damage))


async def _write_workflow(out: JsonStream, contents: Contents) -> None:
    try:
        source = await contents.store.get_source(contents.run.workflow_hash)
    except DamagedDataError as error:
        contents.damage.append(Damage(where="workflow", message=error.message, fix=error.fix))
        out.member("workflow", None)
    else:
        out.member("workflow", source)


async def _write_timeline(out: JsonStream, contents: Contents) -> int:
    """The timeline, and in it the tasks; how many these are."""
    timeline = await contents.timeline()
    causes = await group_failures(contents.store, contents.records)
    out.member("verdict", verdict_of(contents.run, causes, timeline))
    out.listed("causes", causes)
    out.member("trace", timeline.model_dump(mode="json", exclude={"run", "tasks"}))
    return out.listed("tasks", _tasks(timeline))


def _tasks(timeline: Trace) -> Iterator[Encoded]:
    """Every task, items right after their node."""
    for node in timeline.tasks:
        for task in (node, *node.items):
            whole = task.model_dump(mode="json", exclude={"items", "error"})
            yield Encoded(encoded({**whole, "item": item_of(task.task), "item_count": len(task.items)}))


def _attempt(record: ExecutionRecord) -> Encoded:
    return with_members(record, id=encoded(record.id))


async def _artifacts(contents: Contents) -> AsyncIterator[Encoded]:
    async for path, artifact in contents.artifacts():
        taken_from = None if artifact.run_id == contents.run.id else artifact.run_id
        yield with_members(
            ArtifactInfo.model_construct(**{name: getattr(artifact, name) for name in ArtifactInfo.model_fields}),
            path=encoded(path),
            taken_from=encoded(taken_from),
            content=one_line(artifact.data),
        )


async def _calls(contents: Contents) -> AsyncIterator[Encoded]:
    async for detail in contents.call_details():
        yield _call(detail)


def _call(detail: CallDetail) -> Encoded:
    call = detail.call
    return with_members(
        call.model_copy(update={"request": None, "response": None}),
        id=encoded(call.id),
        name=encoded(name_of(call)),
        request=encoded(_side(detail.request)),
        response=encoded(_side(detail.response)),
        reply=encoded(detail.reply),
    )


def _side(said: Said | None) -> JsonValue:
    """One side of a call: as ``json`` where it is that, else as ``text``, and without either where it is neither."""
    if said is None:
        return None
    head: dict[str, JsonValue] = {"media_type": said.media_type, "size": said.size}
    if said.value is not None:
        return {**head, "json": said.value}
    return head if said.text is None else {**head, "text": said.text}


def _lineage(contents: Contents) -> Iterable[JsonValue]:
    """What each artifact was made from, as the tasks of this run were given it."""
    for record in contents.final.values():
        for made in record.output_artifacts:
            for given in record.input_artifacts:
                yield {"from": given, "to": made, "task": record.task, "node": node_of(record.task)}
