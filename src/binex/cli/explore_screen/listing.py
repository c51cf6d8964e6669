"""Rows to choose from, drawn as the tables of the commands are."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from binex.cli.explore_screen.page import strip_of
from binex.cli.explore_screen.place import Place
from binex.cli.render.table import Cell, Column, table

_KEPT_LINES = 500
_NEAR = 100


class Row(NamedTuple):
    """A line of a listing."""

    key: str
    """What it stands for."""
    cells: Sequence[Cell]


class Listing(ScrollView, can_focus=True):
    """A heading that stays, and rows below it of which one is highlighted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "edge(-1)", show=False),
        Binding("end,G", "edge(1)", show=False),
        Binding("enter", "choose", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"listing--cursor"}

    cursor = reactive(0)

    class Highlighted(Message):
        """Another row is highlighted."""

        def __init__(self, listing: "Listing", key: str | None) -> None:
            super().__init__()
            self.listing = listing
            self.key = key

    class Chosen(Message):
        """A row was chosen."""

        def __init__(self, listing: "Listing", key: str) -> None:
            super().__init__()
            self.listing = listing
            self.key = key

    class NearEnd(Message):
        """There are few rows below what is seen."""

    def __init__(self, place: Place, *, id: str | None = None, empty: str = "nothing") -> None:
        super().__init__(id=id)
        self._place = place
        self.empty = empty
        """What stands there where there are no rows."""
        self._columns: Sequence[Column] = ()
        self._rows: list[Row] = []
        self._lines: list[str] = []
        self._drawn_for = 0
        self._strips: LRUCache[tuple[int, bool], Strip] = LRUCache(_KEPT_LINES)
        self._told: str | None = None

    @property
    def key(self) -> str | None:
        """What the highlighted row stands for."""
        return self._rows[self.cursor].key if self.cursor < len(self._rows) else None

    @property
    def plain(self) -> str:
        """What it says, without colours."""
        return "\n".join(strip_of(line, self, Style()).text for line in self._lines)

    def show(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """Show other rows; the same one stays highlighted, where it is still there."""
        before = self.key
        self._columns, self._rows = columns, list(rows)
        self._redraw()
        if before is not None and self.key != before:
            self.cursor = next((at for at, row in enumerate(self._rows) if row.key == before), 0)
        self.cursor = max(0, min(self.cursor, len(self._rows) - 1))
        self._tell()

    def highlight(self, key: str) -> None:
        """Highlight the row that stands for *key*, where there is one."""
        self.cursor = next((at for at, row in enumerate(self._rows) if row.key == key), self.cursor)

    def watch_cursor(self) -> None:
        """Keep the highlighted row in sight."""
        room = max(1, self.size.height - 1)
        top = int(self.scroll_offset.y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + room:
            self.scroll_to(y=self.cursor - room + 1, animate=False, force=True)
        self._tell()
        self.refresh()

    def action_move(self, step: int) -> None:
        self.cursor = max(0, min(self.cursor + step, len(self._rows) - 1))

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self.size.height - 2))

    def action_edge(self, direction: int) -> None:
        self.cursor = 0 if direction < 0 else max(0, len(self._rows) - 1)

    def action_choose(self) -> None:
        if self.key is not None:
            self.post_message(self.Chosen(self, self.key))

    def on_click(self, event: Click) -> None:
        """Highlight what is clicked; what is highlighted already, or clicked twice, is chosen."""
        at = int(self.scroll_offset.y) + event.y - 1
        if event.y < 1 or at >= len(self._rows):
            return
        is_chosen = at == self.cursor or event.chain > 1
        self.cursor = at
        if is_chosen:
            self.action_choose()

    def on_resize(self) -> None:
        """Fit the columns into the new width."""
        if self._room() != self._drawn_for:
            self._redraw()
        self.watch_cursor()

    def notify_style_update(self) -> None:
        """Colours have changed."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """The heading at the top, below it the rows that are seen."""
        width = self.scrollable_content_region.width
        at = 0 if y == 0 else int(self.scroll_offset.y) + y
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        is_highlighted = at > 0 and at == self.cursor + 1
        strip = self._strips.get((at, is_highlighted))
        if strip is None:
            strip = self._strip(at, is_highlighted)
            self._strips[at, is_highlighted] = strip
        style = self.get_component_rich_style("listing--cursor") if is_highlighted else self.rich_style
        return strip.adjust_cell_length(width, style)

    def _strip(self, at: int, is_highlighted: bool) -> Strip:
        if not is_highlighted:
            return strip_of(self._lines[at], self, self.rich_style)
        # The colours of a row were chosen for another ground; of what is highlighted only the letters count.
        plain = strip_of(self._lines[at], self, Style()).text
        return strip_of(plain, self, self.get_component_rich_style("listing--cursor"))

    def _room(self) -> int:
        return max(1, self.size.width - self.styles.scrollbar_size_vertical)

    def _redraw(self) -> None:
        self._drawn_for = width = self._room()
        look = self._place.look_at(width)
        if self._rows:
            self._lines = table(self._columns, [row.cells for row in self._rows], look).split("\n")
        else:
            self._lines = [look.paint(self.empty, "faint")]
        self._strips.clear()
        self.virtual_size = Size(0, len(self._lines))
        self.refresh()

    def _tell(self) -> None:
        if self.key != self._told:
            self._told = self.key
            self.post_message(self.Highlighted(self, self.key))
        if self._rows and len(self._rows) - self.cursor < _NEAR:
            self.post_message(self.NearEnd())
