"""Brings foreign traces into a store, a run each: all of them, or none."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import IO

from binex.errors import RunError
from binex.models.base import Model
from binex.models.call import Call
from binex.models.question import Question
from binex.models.run import Run
from binex.models.task import ArtifactInfo, ExecutionRecord
from binex.models.workflow_source import WorkflowSource
from binex.stores.bundle_store import Bookmark, Content, Link
from binex.stores.bundles.rows import hash_of
from binex.stores.run_store import RunStore
from binex.tape.cutting import Cutter
from binex.tape.redaction import Redactor
from binex.telemetry.foreign.cargo import TraceRun
from binex.telemetry.foreign.plan import plan_of
from binex.telemetry.foreign.reading import read_traces
from binex.telemetry.foreign.span import ForeignSpan
from binex.telemetry.foreign.tree import grow


class ImportedTrace(Model):
    """What became of one trace."""

    trace_id: str
    """Its id, in hexadecimal."""
    run: Run
    """The run that it is in the store."""
    is_new: bool
    """Whether the run was not there before."""
    spans: int
    """How many spans it has."""
    tasks: int
    """How many tasks these have become."""
    calls: int
    """How many calls."""
    notes: tuple[str, ...] = ()
    """What was not as it should be in it, and what was done about that."""


class ImportedTraces(Model):
    """What became of a file of traces."""

    traces: tuple[ImportedTrace, ...]
    """In the order in which they stand in it."""


async def import_traces(store: RunStore, file: IO[bytes], patterns: Iterable[str] = ()) -> ImportedTraces:
    """Keep every trace in *file* as a run, where it is not there yet; what *patterns* fit is cut out as a secret.

    Raises:
        TraceError: it holds no traces, or none that can be taken in.
        RunError: a trace is there already, and was another one.
        StoreError: the store cannot be written.
    """
    redactor = Redactor((), custom=patterns)
    cut = Cutter(redactor).cut_text
    made: list[ImportedTrace] = []
    new: list[tuple[TraceRun, Run]] = []
    for trace_id, spans in read_traces(file).items():
        digest = _digest_of(spans)
        brought = TraceRun(trace_id, plan_of(grow(spans), cut), digest, redactor)
        run = brought.run.model_copy(update={"workflow_hash": hash_of(brought.source)})
        here = await store.get_run(run.id)
        if here is None:
            new.append((brought, run))
        elif digest not in (await store.get_source(here.workflow_hash)).text:
            raise RunError(
                f"trace {trace_id} is here already as run {run.id}, and it was another one: spans were added or"
                " changed; nothing was imported",
                fix="import it into a store of its own, with --dir",
            )
        counts = {"spans": len(spans), "tasks": len(brought.plan.tasks), "calls": len(brought.calls)}
        notes = tuple(brought.plan.notes)
        made.append(ImportedTrace(trace_id=trace_id, run=here or run, is_new=here is None, notes=notes, **counts))
    if new:
        await store.take_in(_Cargo(new))
    return ImportedTraces(traces=tuple(made))


def _digest_of(spans: Iterable[ForeignSpan]) -> str:
    """A hash of all that the spans of a trace say, whatever their order and form."""
    digest = sha256()
    for text in sorted(json.dumps(asdict(span), sort_keys=True) for span in spans):
        digest.update(text.encode())
    return digest.hexdigest()


class _Cargo:
    """The runs that are new, for the store; see :class:`binex.stores.bundle_store.Cargo`."""

    def __init__(self, new: Sequence[tuple[TraceRun, Run]]) -> None:
        self._new = [brought for brought, _ in new]
        self.runs: Sequence[Run] = [run for _, run in new]
        self.sources: Mapping[str, WorkflowSource] = {run.workflow_hash: brought.source for brought, run in new}

    def records(self) -> Iterator[ExecutionRecord]:
        return (record for brought in self._new for record in brought.records)

    def artifacts(self) -> Iterator[tuple[ArtifactInfo, Content]]:
        for brought in self._new:
            for info, data in brought.artifacts:
                yield info, Content(info.sha256, info.size, iter((data,)))

    def calls(self) -> Iterator[Call]:
        return (call for brought in self._new for call in brought.calls)

    def links(self) -> Iterator[Link]:
        return (link for brought in self._new for link in brought.links)

    def blobs(self) -> Iterator[Content]:
        blobs = {part.sha256: part.data for brought in self._new for part in brought.parts.values()}
        return (Content(sha256, len(data), iter((data,))) for sha256, data in blobs.items())

    def questions(self) -> Iterator[Question]:
        return iter(())

    def bookmarks(self) -> Iterator[Bookmark]:
        return iter(())
