"""The lines of a graph as characters, row by row.

A line carries downwards. What it meets on the row of a node leads into that node; the row below a node leads out of
it. Where two lines only cross, the one that goes down is whole and the other is interrupted: ``─│─``; where they
meet there is a corner or a ``┼``. So each edge can be followed, and none is there that the graph does not have.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from binex.cli.render.graph.buses import Bus, Plan

UP: Final = 1
DOWN: Final = 2
LEFT: Final = 4
RIGHT: Final = 8
_UNICODE: Final = {
    UP | DOWN: "│",
    LEFT | RIGHT: "─",
    UP | RIGHT: "╰",
    UP | LEFT: "╯",
    DOWN | RIGHT: "╭",
    DOWN | LEFT: "╮",
    UP | LEFT | RIGHT: "┴",
    DOWN | LEFT | RIGHT: "┬",
    UP | DOWN | RIGHT: "├",
    UP | DOWN | LEFT: "┤",
    UP | DOWN | LEFT | RIGHT: "┼",
}
_ASCII: Final = dict(zip(_UNICODE, "|-''..'.+++", strict=True))


class Row(NamedTuple):
    """One row of the drawing: lines, or a node with the lines on both sides of it."""

    before: str
    node: str | None = None
    after: str = ""
    below: str = ""
    """How the lines go on below a node, for as long as more is to be said about it."""


class _Start(NamedTuple):
    """The row that leads out of a node."""

    text: str
    column: int
    is_straight: bool
    """Whether nothing happens in it but that a line goes down from the node."""


def draw_rows(plan: Plan, *, has_unicode: bool = True) -> Iterator[Row]:
    """The rows of *plan*, from top to bottom."""
    return _Drawing(plan, _UNICODE if has_unicode else _ASCII).rows()


class _Drawing:
    """Gives lines their columns, and draws row after row. A column is a character and a blank wide."""

    def __init__(self, plan: Plan, signs: Mapping[int, str]) -> None:
        self._order = plan.order
        self._signs = signs
        self._blank, self._line = "  ", f"{signs[UP | DOWN]} "
        self._cells: list[str] = []  # each column where nothing happens in it
        self._column_of: dict[Bus, int] = {}
        self._into: dict[str, list[Bus]] = {}
        self._out_of: dict[str, list[Bus]] = {}
        for bus in plan.buses:
            for target in bus.targets:
                self._into.setdefault(target, []).append(bus)
            for source in bus.sources:
                self._out_of.setdefault(source, []).append(bus)

    def rows(self) -> Iterator[Row]:
        start: _Start | None = None
        for node in self._order:
            given = self._into.get(node, [])
            ending = {self._column_of[bus] for bus in given if bus.targets[-1] == node}
            column = min(ending) if ending else self._free_column()
            if start is not None and (start.column == column or not start.is_straight):
                yield Row(start.text)
            before, after = self._enter(column, {self._column_of[bus] for bus in given}, ending)
            for bus in given:
                if bus.targets[-1] == node:
                    self._cells[self._column_of.pop(bus)] = self._blank
            start = self._leave(node, column)
            below = self._cells_with(column) if start is not None else self._cells
            yield Row(before, node, after, "".join(below).rstrip())
            for bus in self._out_of.get(node, ()):
                self._cells[self._column_of[bus]] = self._line

    def _free_column(self, start: int = 0) -> int:
        """The first column from *start* on in which there is no line, which is blank from now on."""
        try:
            return self._cells.index(self._blank, start)
        except ValueError:
            self._cells.append(self._blank)
            return len(self._cells) - 1

    def _enter(self, column: int, given: Collection[int], ending: Collection[int]) -> tuple[str, str]:
        """The lines before and behind a node in *column* on its row, with those that lead into it."""
        meeting = {at: UP if at in ending else UP | DOWN for at in given if at != column}
        cells = self._across(self._cells, column, meeting)
        before = "".join(cells[:column])
        return before, (cells[column][1] + "".join(cells[column + 1 :])).rstrip()

    def _leave(self, node: str, column: int) -> _Start | None:
        """Give the lines that begin at a node their columns; the row in which it goes over into its lines."""
        leaving = self._out_of.get(node)
        if not leaving:
            return None
        arms, meeting = UP, dict[int, int]()
        for bus in leaving:
            at = self._column_of.get(bus)
            if at is not None:
                meeting[at] = UP | DOWN
            elif arms == UP:
                arms = UP | DOWN
                self._column_of[bus] = column
            else:
                at = self._beginning(column, taken=meeting)
                self._column_of[bus] = at
                meeting[at] = DOWN
        cells = self._across(self._cells, column, meeting, arms)
        return _Start("".join(cells).rstrip(), column, is_straight=not meeting)

    def _beginning(self, column: int, taken: Collection[int]) -> int:
        """A free column to the right of the node's for a line that begins at it."""
        at = self._free_column(column + 1)
        while at in taken:
            at = self._free_column(at + 1)
        return at

    def _across(self, before: Sequence[str], column: int, meeting: Mapping[int, int], arms: int = 0) -> list[str]:
        """A row's cells with a line across, from *column* to each column of *meeting*; arms up and down are given."""
        cells = list(before)
        first, last = min(meeting, default=column), max(meeting, default=column)
        first, last = min(first, column), max(last, column)
        across = self._signs[LEFT | RIGHT]
        for at in range(first, last + 1):
            sides = (LEFT if at > first else 0) | (RIGHT if at < last else 0)
            if at == column:
                sign = self._signs[arms | sides] if arms else " "
            elif at in meeting:
                sign = self._signs[meeting[at] | sides]
            else:
                sign = across if cells[at] == self._blank else self._signs[UP | DOWN]
            cells[at] = sign + (across if at < last else " ")
        return cells

    def _cells_with(self, column: int) -> list[str]:
        cells = list(self._cells)
        cells[column] = self._line
        return cells
