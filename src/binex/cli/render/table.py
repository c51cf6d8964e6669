"""Rows with aligned columns that fit the width there is."""

from collections.abc import Sequence
from dataclasses import dataclass

from binex.cli.render.look import Look
from binex.cli.render.text import clip, escape, pad, width_of

GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A column: how it is aligned, and what becomes of it where there is little room.

    It may shrink to *least* columns; those with the highest *weight* are left out first, 0 never.
    """

    title: str
    is_right: bool = False
    least: int | None = None
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a style; ``mark`` is a sign before it that brings its own colour."""

    text: str
    style: str = "plain"
    mark: str = ""


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], look: Look) -> str:
    """The rows under their titles. On a terminal they fit its width; in a pipe nothing is cut."""
    safe = [[Cell(escape(cell.text), cell.style, cell.mark) for cell in row] for row in rows]
    widths = [
        max([width_of(column.title), *(_width(row[i]) for row in safe)], default=0) for i, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    if look.is_terminal:
        shown = _fit(columns, widths, look.width)
    lines = [_line([Cell(columns[i].title, "faint") for i in shown], shown, columns, widths, look)]
    lines += [_line([row[i] for i in shown], shown, columns, widths, look) for row in safe]
    return "\n".join(lines)


def _fit(columns: Sequence[Column], widths: list[int], room: int) -> list[int]:
    """The columns that are shown; shrinks *widths* of those that may."""
    shown = list(range(len(columns)))

    def excess() -> int:
        return sum(widths[i] for i in shown) + len(GAP) * (len(shown) - 1) - room

    def shrinkable() -> int:
        return sum(max(0, widths[i] - (columns[i].least or widths[i])) for i in shown)

    while excess() > shrinkable():
        heaviest = max(shown, key=lambda i: columns[i].weight)
        if not columns[heaviest].weight:
            break
        shown.remove(heaviest)
    for i in shown:
        least = columns[i].least
        if least is not None and excess() > 0:
            widths[i] = max(least, widths[i] - excess())
    return shown


def _line(
    cells: Sequence[Cell], shown: Sequence[int], columns: Sequence[Column], widths: Sequence[int], look: Look
) -> str:
    parts = []
    for cell, i in zip(cells, shown, strict=True):
        room = widths[i] - (2 if cell.mark else 0)
        text = clip(cell.text, room, ellipsis=look.glyph("…", "~"))
        blanks = pad(text, room, is_right=columns[i].is_right).replace(text, "\0", 1) if text else " " * room
        parts.append((f"{cell.mark} " if cell.mark else "") + blanks.replace("\0", look.paint(text, cell.style)))
    return GAP.join(parts).rstrip()


def _width(cell: Cell) -> int:
    return width_of(cell.text) + (2 if cell.mark else 0)
