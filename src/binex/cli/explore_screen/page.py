"""A text that is scrolled, and drawn anew for the width that there is."""

from collections.abc import Callable
from typing import ClassVar

from rich.ansi import AnsiDecoder
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from binex.cli.explore_screen.place import Place
from binex.cli.render.text import escape
from binex.errors import BinexError

Draw = Callable[[int], str]
"""Draws a text for a width, as the commands draw theirs: with colours, and with nothing else that a terminal obeys."""

_KEPT_LINES = 500


def text_of(line: str) -> Text:
    """A line with colours as the commands write it. What stands in it is never read as markup."""
    return AnsiDecoder().decode_line(line.expandtabs(4))


class Page(ScrollView, can_focus=True):
    """Shows a text that may be long: only the lines that are seen are put together."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("space", "page_down", show=False),
    ]

    def __init__(self, place: Place, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place = place
        self._draw: Draw = lambda _: ""
        self._drawn_for = 0
        self._lines: list[str | Text] = []
        self._strips: LRUCache[int, Strip] = LRUCache(_KEPT_LINES)

    @property
    def plain(self) -> str:
        """What it says, without colours."""
        return "\n".join((text_of(line) if isinstance(line, str) else line).plain for line in self._lines)

    def show(self, draw: Draw, *, from_top: bool = True) -> None:
        """Show another text; without *from_top* at the place where the one before was."""
        self._draw = draw
        self._redraw()
        if from_top:
            self.scroll_to(0, 0, animate=False)

    def say(self, text: str) -> None:
        """Show a few words of Binex's own."""
        look = self._place.look_at(80)
        self.show(lambda _: look.paint(text, "faint"))

    def show_error(self, error: BinexError) -> None:
        """Show what went wrong, and what to do about it."""
        self.show(lambda width: error_text(error, self._place, width))

    def on_resize(self) -> None:
        """Draw it for the new width."""
        if self._room() != self._drawn_for:
            self._redraw()

    def notify_style_update(self) -> None:
        """Colours have changed."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """The line that is seen at *y*."""
        width = self.scrollable_content_region.width
        at = int(self.scroll_offset.y) + y
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        strip = self._strips.get(at)
        if strip is None:
            strip = strip_of(self._lines[at], self, self.rich_style)
            self._strips[at] = strip
        return strip.adjust_cell_length(width, self.rich_style)

    def _room(self) -> int:
        return max(1, self.size.width - self.styles.scrollbar_size_vertical)

    def _redraw(self) -> None:
        self._drawn_for = width = self._room()
        self._lines = [piece for line in self._draw(width).split("\n") for piece in _folded(line, width, self)]
        self._strips.clear()
        self.virtual_size = Size(0, len(self._lines))
        self.refresh()


def error_text(error: BinexError, place: Place, width: int) -> str:
    """An error as the command line prints it."""
    look = place.look_at(width)
    text = f"{look.paint('Error:', 'bad')} {escape(error.message)}"
    return text + (f"\n  {look.paint('fix:', 'strong')} {escape(error.fix)}" if error.fix else "")


def strip_of(line: str | Text, widget: ScrollView, style: Style) -> Strip:
    """A line as it is shown."""
    text = text_of(line) if isinstance(line, str) else line
    return Strip(text.render(widget.app.console)).apply_style(style)


def _folded(line: str, width: int, widget: ScrollView) -> list[str | Text]:
    """*line* in pieces that fit."""
    if len(line) <= width and line.isascii():
        return [line]
    text = text_of(line)
    if text.cell_len <= width:
        return [line]
    return list(text.wrap(widget.app.console, width))
