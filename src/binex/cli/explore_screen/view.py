"""What every screen has: a title, keys, and the command that says the same."""

from typing import TYPE_CHECKING, Final, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Static

from binex.cli.explore_screen.page import text_of
from binex.cli.explore_screen.place import Place
from binex.cli.render.text import escape
from binex.errors import BinexError

if TYPE_CHECKING:
    from binex.cli.explore_screen.app import Explorer


KEYS_OF_ALL: Final[list[BindingType]] = [
    Binding("escape", "leave", "Back"),
    Binding("question_mark", "app.show_help", "Help"),
    Binding("q", "app.leave", "Quit"),
    Binding("y", "show_command", "Command"),
]
"""The keys that every screen begins with: on a narrow terminal only the first ones are named."""


class View(Screen[None]):
    """A screen of the explorer."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    @property
    def explorer(self) -> "Explorer":
        """The application."""
        return cast("Explorer", self.app)

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        yield from self.parts()
        yield Static("", id="status", markup=False)
        yield Footer(show_command_palette=False)

    def parts(self) -> ComposeResult:
        """What stands between the title and the keys."""
        yield Widget()

    def command(self) -> str:
        """What somebody would type after ``binex`` to be told the same."""
        raise NotImplementedError

    def set_title(self, line: str) -> None:
        """The first line of the screen, drawn as by a command."""
        self.query_one("#title", Static).update(text_of(line))

    def on_screen_resume(self) -> None:
        """Say what has become known while another screen was shown."""
        self.show_status()

    def show_status(self) -> None:
        """Say what is executed, and what is damaged."""
        lines = self.explorer.status_lines()
        status = self.query_one("#status", Static)
        status.display = bool(lines)
        status.update(Text("\n").join(text_of(line) for line in lines))

    def warn(self, message: str) -> None:
        """Say something for a moment."""
        self.notify(escape(message, is_block=True), markup=False, severity="warning")

    def warn_of(self, error: BinexError) -> None:
        """Say what went wrong for a moment, and what to do about it."""
        self.explorer.say_error(error)

    def action_leave(self) -> None:
        self.app.pop_screen()

    def action_show_command(self) -> None:
        self.explorer.show_command(self.place.typed(self.command()))
