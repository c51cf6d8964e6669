"""Runs under those that they were made from."""

from collections.abc import Iterator, Sequence

from binex.analysis.family import Family, FamilyMember, FamilyPage
from binex.cli.render.look import Look
from binex.cli.render.run_list import COLUMNS, settled_tasks, standing, took
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.units import ago

_COLUMNS = (COLUMNS[0], Column("WHAT", least=8), *COLUMNS[2:])
_DEEPEST = 12
"""So many steps are drawn with all their lines; what is deeper says how deep it is."""


def run_tree(found: FamilyPage, look: Look) -> str:
    """One line a run, each family by itself."""
    if not found.families:
        return "no more runs" if found.page > 1 else "no runs"
    text = table(_COLUMNS, [row for family in found.families for row in _rows(family, look, found.asked_for)], look)
    if found.has_more:
        text += "\n" + look.paint(f"{look.glyph('…', '~')} older ones: --page {found.page + 1}", "faint")
    return text


def _rows(family: Family, look: Look, asked_for: str | None) -> Iterator[list[Cell]]:
    if family.is_root_missing:
        yield [Cell(family.root, "faint"), Cell("is not in this store", "faint"), *(Cell("") for _ in _COLUMNS[2:])]
    for member, lines in zip(family.runs, _lines(family.runs, look), strict=True):
        run = member.run
        yield [
            Cell(lines + run.id, "busy" if run.id == asked_for else "strong"),
            Cell(member.change if member.depth else run.workflow),
            standing(run, look),
            Cell(settled_tasks(run)),
            Cell(took(run)),
            Cell(ago(run.started_at), "faint"),
        ]


def _lines(members: Sequence[FamilyMember], look: Look) -> list[str]:
    """The lines before each run that tie it to its parent."""
    through, blank = look.glyph("│  ", "|  "), "   "
    branch, last = look.glyph("├─ ", "|- "), look.glyph("└─ ", "`- ")
    drawn: list[str] = []
    open_at: set[int] = set()  # the depths at which a younger run of the same parent is still to come
    for member in reversed(members):
        depth = member.depth
        open_at = {other for other in open_at if other <= depth}
        if depth:
            first = max(1, depth - _DEEPEST)
            text = f"{look.glyph('…', '~')}{first} " if first > 1 else ""
            text += "".join(through if above in open_at else blank for above in range(first, depth))
            drawn.append(text + (branch if depth in open_at else last))
        else:
            drawn.append("")
        open_at.add(depth)
    return drawn[::-1]
