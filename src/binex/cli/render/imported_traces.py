"""What became of a file of traces."""

from binex.cli.render.look import Look
from binex.cli.render.run_head import run_head
from binex.cli.render.text import escape
from binex.cli.render.units import count
from binex.telemetry.foreign.importing import ImportedTrace, ImportedTraces


def imported_traces(report: ImportedTraces, look: Look) -> str:
    """What each trace has become."""
    parts = [_one(trace, look) for trace in report.traces]
    if len(parts) > 1:
        new = sum(trace.is_new for trace in report.traces)
        there = len(parts) - new
        parts.append(f"{count(new, 'run')} imported" + (f", {there} there already" if there else ""))
    return "\n\n".join(parts)


def _one(trace: ImportedTrace, look: Look) -> str:
    run = trace.run
    if not trace.is_new:
        return f"nothing to do: trace {trace.trace_id} is there already, as run {run.id}"
    has = f"{count(trace.spans, 'span')}: {count(trace.tasks, 'task')} and {count(trace.calls, 'call')}"
    lines = [f"imported trace {trace.trace_id} as run {run.id}", run_head(run, look), has]
    lines += [look.paint(escape(note), "warn") for note in trace.notes]
    return "\n".join(lines)
