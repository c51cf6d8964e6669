"""Runs that are kept for good."""

from binex.analysis.room.kept import KeptChange, KeptRuns
from binex.cli.render.look import Look
from binex.cli.render.run_list import settled_tasks, standing
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import escape
from binex.cli.render.units import ago

_COLUMNS = (
    Column("NAME", least=8),
    Column("RUN"),
    Column("WORKFLOW", least=8, weight=1),
    Column("STATUS", weight=2),
    Column("TASKS", weight=4),
    Column("STARTED", is_right=True, weight=3),
)


def kept_list(found: KeptRuns, look: Look) -> str:
    """One line a run, newest first."""
    if not found.kept:
        return "no run is kept; 'binex keep RUN --as NAME' keeps one"
    rows = [
        [
            Cell(kept.name, "strong"),
            Cell(kept.run.id),
            Cell(kept.run.workflow),
            standing(kept.run, look),
            Cell(settled_tasks(kept.run)),
            Cell(ago(kept.run.started_at), "faint"),
        ]
        for kept in found.kept
    ]
    return table(_COLUMNS, rows, look)


def kept_change(changed: KeptChange, look: Look) -> str:
    """What is so now."""
    run = f"run {look.paint(changed.run.id, 'strong')} ({escape(changed.run.workflow)})"
    if not changed.is_kept:
        return f"{run} is kept no longer"
    named = f" as '{changed.name}'" if changed.name else ""
    moved = f"\nuntil now that was the name of run {changed.moved_from}, which stays kept" if changed.moved_from else ""
    return f"{run} is kept{named}{moved}"
