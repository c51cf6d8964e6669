"""Many runs beside each other: rows are tasks, columns runs."""

from collections.abc import Sequence
from typing import Final

from binex.analysis.differences.matrix import MatrixCell, MatrixRow, RunMatrix
from binex.cli.render.damage import damage_lines
from binex.cli.render.diff.marks import wrapped
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.spending import cost_of
from binex.cli.render.table import GAP, Cell, Column, table
from binex.cli.render.units import count, duration
from binex.models.names import node_of
from binex.models.task import TaskStatus

_ITEMS: Final = 3
"""So many items of a foreach are shown one by one."""
_NAME: Final = 20
_COLUMN: Final = 4


def run_matrix(found: RunMatrix, look: Look) -> str:
    """The verdict, the runs with their numbers, and the tasks that are not the same in all of them."""
    different = [row for row in found.rows if not row.is_equal]
    runs, tasks = count(len(found.columns), "run"), count(len(found.rows), "task")
    if different:
        verb = "differs" if len(different) == 1 else "differ"
        parts = [f"{len(different):,} of {tasks} {verb} among {runs}"]
    else:
        parts = [f"{look.mark('completed')} equal: {tasks} came out the same in {runs}"]
    parts.append(_runs(found, look))
    if different:
        parts += _tables(different, len(found.columns), look)
        signs = ("= as in run 1", "B, C, D: other outcomes", f"{look.glyph('·', '.')} no such task")
        parts.append("\n".join(wrapped("; ".join(signs), look.width)))
    if found.damage:
        parts.append("\n".join(damage_lines(found.damage, look)))
    return "\n\n".join(parts)


def _runs(found: RunMatrix, look: Look) -> str:
    columns = (
        Column("#", is_right=True),
        Column("RUN"),
        Column("STATUS", least=8, weight=2),
        Column("DIFFERENT", is_right=True),
        Column("COST", is_right=True, weight=1),
        Column("TIME", is_right=True, weight=3),
        Column("CHANGE", least=10, weight=4),
    )
    rows = [
        [
            Cell(str(number), "strong"),
            Cell(column.run.id),
            Cell(words_of(column.run.status), style_of(column.run.status), look.mark(column.run.status)),
            Cell(f"{column.different:,}" if number > 1 else "", "warn" if column.different else "faint"),
            Cell(cost_of(column.run.spend)),
            Cell(duration(column.run.duration_ms)),
            Cell(column.change),
        ]
        for number, column in enumerate(found.columns, 1)
    ]
    return table(columns, rows, look)


def _tables(rows: Sequence[MatrixRow], width: int, look: Look) -> list[str]:
    """The rows; on a narrow terminal the columns in several tables below each other."""
    shown = _folded(rows)
    names = max(len(name) for name, _ in shown)
    room = max(1, (look.width - min(names, _NAME) - 2) // (_COLUMN + len(GAP))) if look.is_terminal else width
    tables = []
    for start in range(0, width, room):
        columns = [Column("TASK", least=_NAME)]
        columns += [Column(str(number), is_right=True) for number in range(start + 1, min(start + room, width) + 1)]
        cells = [
            [Cell(name, "strong"), *(_cell(cell, look, is_first=start + i == 0) for i, cell in enumerate(part))]
            for name, part in ((name, cells[start : start + room]) for name, cells in shown)
        ]
        tables.append(table(columns, cells, look))
    return tables


def _folded(rows: Sequence[MatrixRow]) -> list[tuple[str, Sequence[MatrixCell | None]]]:
    """The rows with their names; many items of a foreach that compare in the same way are one."""
    groups: dict[tuple[object, ...], list[MatrixRow]] = {}
    for row in rows:
        node = node_of(row.task)
        shape = tuple(None if cell is None else (cell.outcome, cell.status) for cell in row.cells)
        groups.setdefault((node, shape) if node != row.task else (row.task,), []).append(row)
    shown: list[tuple[str, Sequence[MatrixCell | None]]] = []
    for group in groups.values():
        if len(group) > _ITEMS:
            shown.append((f"{node_of(group[0].task)} ({count(len(group), 'item')})", group[0].cells))
        else:
            shown += [(row.task, row.cells) for row in group]
    return shown


def _cell(cell: MatrixCell | None, look: Look, *, is_first: bool) -> Cell:
    if cell is None:
        return Cell(look.glyph("·", "."), "faint")
    is_same = cell.outcome == "A"
    letter = "=" if is_same and not is_first else cell.outcome
    if cell.status is None:
        return Cell(f"{letter}?", "warn")
    if cell.status is TaskStatus.COMPLETED:
        return Cell(letter, "faint" if is_same else "warn")
    sign = {TaskStatus.SKIPPED: look.glyph("○", "-"), TaskStatus.CANCELLED: look.glyph("■", "#")}
    return Cell(f"{letter}{sign.get(cell.status, look.glyph('✗', 'x'))}", style_of(cell.status))
