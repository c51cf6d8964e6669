"""The list of runs."""

from binex.analysis.runs import RunPage
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.units import ago, duration
from binex.models.run import Run, RunStatus
from binex.models.task import TaskStatus

_COLUMNS = (
    Column("RUN"),
    Column("WORKFLOW", least=8),
    Column("STATUS"),
    Column("TASKS", weight=3),
    Column("TOOK", is_right=True, weight=2),
    Column("STARTED", is_right=True, weight=1),
)


def run_list(page: RunPage, number: int, look: Look) -> str:
    """One line a run, newest first; *page* is the one with that *number*."""
    if not page.runs:
        return "no more runs" if page.offset else "no runs"
    text = table(_COLUMNS, [_row(run, look) for run in page.runs], look)
    if page.has_more:
        text += "\n" + look.paint(f"{look.glyph('…', '~')} older ones: --page {number + 1}", "faint")
    return text


def counts(run_counts: dict[TaskStatus, int]) -> str:
    """``12 completed, 1 failed``."""
    shown = [f"{number:,} {words_of(status)}" for status in TaskStatus if (number := run_counts.get(status, 0))]
    return ", ".join(shown) or "no task settled"


def _row(run: Run, look: Look) -> list[Cell]:
    took = "" if run.status is RunStatus.RUNNING else duration(run.duration_ms)
    return [
        Cell(run.id, "strong"),
        Cell(run.workflow),
        Cell(words_of(run.status), style_of(run.status), look.mark(run.status)),
        Cell(_tasks(run)),
        Cell(took),
        Cell(ago(run.started_at), "faint"),
    ]


def _tasks(run: Run) -> str:
    failed = run.counts.get(TaskStatus.FAILED, 0) + run.counts.get(TaskStatus.TIMED_OUT, 0)
    settled = sum(run.counts.values())
    if not settled:
        return ""
    return f"{settled:,}" + (f", {failed:,} failed" if failed else "")
