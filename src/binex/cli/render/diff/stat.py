"""Which tasks are different, one line each."""

from typing import Final

from binex.analysis.differences.model import RunDiff, TaskDiff, TaskState, ValueDiff
from binex.cli.render.diff.marks import wrapped
from binex.cli.render.diff.names import folded
from binex.cli.render.diff.text import comparison, standing, verdict
from binex.cli.render.look import Look
from binex.cli.render.spending import cost_of
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.units import count, duration
from binex.models.call import Spend

_MARKS: Final = {
    TaskState.ADDED: "+",
    TaskState.REMOVED: "-",
    TaskState.DIFFERENT: "!",
    TaskState.UNAFFECTED: "=",
    TaskState.EQUAL: " ",
}
_STYLES: Final = {
    TaskState.ADDED: "good",
    TaskState.REMOVED: "bad",
    TaskState.DIFFERENT: "warn",
    TaskState.UNAFFECTED: "faint",
    TaskState.EQUAL: "faint",
}
_COLUMNS: Final = (
    Column(""),
    Column("TASK", least=8),
    Column("DIFFERS IN", least=10),
    Column("OUTPUT", weight=2),
    Column("COST", weight=3),
    Column("TIME", weight=4),
)


def diff_stat(found: RunDiff, look: Look) -> str:
    """The verdict, one line for each task that is different, and both runs beside each other."""
    rows = [_row(task, look) for task in found.tasks if task.state is not TaskState.EQUAL]
    parts = ["\n".join(verdict(found, look)), comparison(found.before, found.after, look)]
    if rows:
        parts.insert(1, table(_COLUMNS, rows, look))
    causes = dict.fromkeys(task for cause in found.causes for task in cause.tasks)
    if causes:
        parts.append("\n".join(wrapped(f"causes: {folded(causes)}", look.width)))
    return "\n\n".join(parts)


def _row(task: TaskDiff, look: Look) -> list[Cell]:
    return [
        Cell(_MARKS[task.state], _STYLES[task.state]),
        Cell(task.task, "strong"),
        Cell(standing(task), _STYLES[task.state]),
        Cell("; ".join(filter(None, (size_of(output.value) for output in task.outputs)))),
        Cell(_cost(task, look)),
        Cell(_time(task, look)),
    ]


def size_of(value: ValueDiff | None) -> str:
    """How much is different: ``+12 -3 words``, ``2 changes``."""
    if value is None:
        return ""
    if value.text is not None:
        more = "+" if value.text.is_cut else ""
        return f"+{value.text.inserted:,} -{value.text.deleted:,}{more} words"
    if value.json_value is not None:
        return count(len(value.json_value.changes), "change")
    return ""


def _cost(task: TaskDiff, look: Look) -> str:
    spends = [None if side is None else side.spend for side in (task.before, task.after)]
    if spends == [None, None]:
        return ""
    costs = [cost_of(spend or Spend()) for spend in spends]
    return costs[0] if costs[0] == costs[1] else look.glyph(" → ", " -> ").join(costs)


def _time(task: TaskDiff, look: Look) -> str:
    times = [
        "not run" if side is None or side.reused_from or not side.attempts else duration(side.duration_ms)
        for side in (task.before, task.after)
    ]
    return times[0] if times[0] == times[1] else look.glyph(" → ", " -> ").join(times)
