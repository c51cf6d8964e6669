"""The list of runs."""

from binex.analysis.runs import RunPage
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.table import GAP, Cell, Column, table
from binex.cli.render.text import escape
from binex.cli.render.text_hits import hit_lines
from binex.cli.render.units import ago, duration
from binex.models.run import Run, RunStatus
from binex.models.task import TaskStatus, now

COLUMNS = (
    Column("RUN"),
    Column("WORKFLOW", least=8),
    Column("STATUS"),
    Column("TASKS", weight=3),
    Column("TOOK", is_right=True, weight=2),
    Column("STARTED", is_right=True, weight=1),
)
MADE_FROM = Column("MADE FROM", least=8, weight=4)


def run_list(page: RunPage, number: int, look: Look) -> str:
    """One line a run, newest first, and what was found in it; *page* is the one with that *number*."""
    if not page.runs:
        return "no more runs" if page.offset else "no runs"
    rows = [[*cells_of(run, look), Cell(made_from(run), "faint")] for run in page.runs]
    is_any_made_from_another = any(run.origin is not None for run in page.runs)
    text = table((*COLUMNS, MADE_FROM) if is_any_made_from_another else COLUMNS, rows, look)
    if page.hits:
        title, *lines = text.split("\n")
        under = [[line, *hit_lines(page.hits, run.id, look)] for line, run in zip(lines, page.runs, strict=True)]
        text = "\n".join([title, *(line for some in under for line in some)])
    if page.has_more:
        text += "\n" + look.paint(f"{look.glyph('…', '~')} older ones: --page {number + 1}", "faint")
    return text


def run_line(run: Run, look: Look) -> str:
    """A run in one line, with the time of day at which it was seen to change."""
    tasks = settled_tasks(run)
    status = f"{look.mark(run.status)} {look.paint(words_of(run.status), style_of(run.status))}"
    parts = [f"{now().astimezone():%H:%M:%S}", run.id, escape(run.workflow), status, tasks and f"tasks: {tasks}"]
    return GAP.join(part for part in [*parts, took(run)] if part)


def counts(run_counts: dict[TaskStatus, int]) -> str:
    """``12 completed, 1 failed``."""
    shown = [f"{number:,} {words_of(status)}" for status in TaskStatus if (number := run_counts.get(status, 0))]
    return ", ".join(shown) or "no task settled"


def standing(run: Run, look: Look) -> Cell:
    """Where the run stands."""
    return Cell(words_of(run.status), style_of(run.status), look.mark(run.status))


def took(run: Run) -> str:
    """How long it was executed, once that is known."""
    return "" if run.status is RunStatus.RUNNING else duration(run.duration_ms)


def settled_tasks(run: Run) -> str:
    """How many tasks have settled, and how many of them failed."""
    failed = run.counts.get(TaskStatus.FAILED, 0) + run.counts.get(TaskStatus.TIMED_OUT, 0)
    settled = sum(run.counts.values())
    if not settled:
        return ""
    return f"{settled:,}" + (f", {failed:,} failed" if failed else "")


def cells_of(run: Run, look: Look) -> list[Cell]:
    """What stands of a run under `COLUMNS`."""
    return [
        Cell(run.id, "strong"),
        Cell(run.workflow),
        standing(run, look),
        Cell(settled_tasks(run)),
        Cell(took(run)),
        Cell(ago(run.started_at), "faint"),
    ]


def made_from(run: Run) -> str:
    """The run that it was made from, and how."""
    return "" if run.origin is None else f"{run.origin.mode} of {run.origin.parent}"
