"""Brings foreign traces into a store, a run each: all of them, or none."""

from collections.abc import Iterable
from typing import IO

from binex.errors import RunError
from binex.models.base import Model
from binex.models.run import Run
from binex.stores.run_store import RunStore
from binex.tape.cutting import Cutter
from binex.tape.redaction import Redactor
from binex.telemetry.foreign.cargo import TraceRun, run_id_of
from binex.telemetry.foreign.plan import plan_of
from binex.telemetry.foreign.reading import read_traces
from binex.telemetry.foreign.shipment import Shipment
from binex.telemetry.foreign.spool import SpanFile, digest_of
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
    with SpanFile() as spans, Shipment() as shipment:
        traces = read_traces(file, spans)
        while traces:
            trace_id = next(iter(traces))
            outlines = traces.pop(trace_id)  # not to be held until the last one is through
            count, digest = len(outlines), digest_of(outlines)
            plan = plan_of(grow(outlines), spans, cut)
            del outlines
            here = await store.get_run(run_id_of(trace_id))
            if here is not None and digest not in (await store.get_source(here.workflow_hash)).text:
                raise RunError(
                    f"trace {trace_id} is here already as run {here.id}, and it was another one: spans were added or"
                    " changed; nothing was imported",
                    fix="import it into a store of its own, with --dir",
                )
            run = here or TraceRun(trace_id, digest, plan, spans, shipment, redactor).run
            counts = {"spans": count, "tasks": len(plan.tasks), "calls": sum(len(task.calls) for task in plan.tasks)}
            notes = tuple(plan.notes)
            made.append(ImportedTrace(trace_id=trace_id, run=run, is_new=here is None, notes=notes, **counts))
        if shipment.runs:
            await store.take_in(shipment)
    return ImportedTraces(traces=tuple(made))
