"""What stands before a screen until it is answered or closed."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from binex.cli.explore_screen.page import Draw, Page, text_of
from binex.cli.explore_screen.place import Place
from binex.cli.render.blocks import sentence
from binex.cli.render.text import pad

KEYS: Final = (
    (
        "Everywhere",
        (
            ("arrows, j k", "move, as PgUp, PgDn, Home and End do"),
            ("Enter", "open what is highlighted"),
            ("Tab", "go to the next part of the screen"),
            ("Esc", "go back"),
            ("y", "show the command that says the same, and copy it"),
            ("x", "show what is being executed"),
            ("?", "show this"),
            ("q, Ctrl-C", "quit"),
        ),
    ),
    (
        "Runs",
        (
            ("/", "search in artifacts and messages, filter"),
            ("Space", "mark a run, two at most"),
            ("d", "compare the marked two, or one with its parent"),
            ("R", "replay the run from its tape, and compare"),
        ),
    ),
    (
        "A run",
        (
            ("1 to 6, [ ]", "overview, timeline, graph, task, artifacts, calls"),
            ("u", "unfold the timeline and the graph"),
            ("r", "execute it again from the highlighted task on"),
            ("R", "replay it from its tape, and compare"),
            ("d", "compare it with its parent, or the run before it"),
        ),
    ),
    ("A diff", (("f", "all tasks that differ, or only the causes"), ("s", "swap the two runs"))),
)


_WIDE: Final = 60


class Dialog(ModalScreen[bool]):
    """A text, and one or two buttons; true where the first one was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close(False)", "Close", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown,space", "scroll(10)", show=False),
    ]

    def __init__(self, place: Place, title: str, draw: Draw, *, yes: str = "", no: str = "Close") -> None:
        super().__init__()
        self._place = place
        self._title = title
        self._draw = draw
        self._buttons = ((yes, "yes"), (no, "no")) if yes else ((no, "no"),)

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(text_of(self._place.look.paint(self._title, "strong")), id="question", markup=False)
            yield Page(self._place)
            with Horizontal(id="buttons"):
                for label, id in self._buttons:
                    yield Button(label, id=id, variant="primary" if id == "yes" else "default", compact=True)

    def on_mount(self) -> None:
        self.query_one(Page).show(self._draw)
        self.query(Button).first().focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Close it with what was chosen."""
        self.action_close(event.button.id == "yes")

    def action_scroll(self, lines: int) -> None:
        self.query_one(Page).scroll_relative(y=lines, animate=False)

    def action_close(self, is_yes: bool) -> None:
        self.dismiss(is_yes)


def help_text(place: Place) -> Draw:
    """All keys."""

    def draw(width: int) -> str:
        look = place.look_at(width)
        parts = []
        for title, keys in KEYS:
            if width < _WIDE:
                lines = [
                    line for key, does in keys for line in (f"  {look.paint(key, 'busy')}", *sentence(does, look, 4, 0))
                ]
            else:
                lines = [f"  {look.paint(pad(key, 12), 'busy')} {does}" for key, does in keys]
            parts.append("\n".join([look.paint(title, "strong"), *lines]))
        return "\n\n".join(parts)

    return draw
