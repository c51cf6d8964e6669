"""How what is executed goes on, and what came of it."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from binex.cli.explore_screen.diff_screen import DiffScreen
from binex.cli.explore_screen.execution import Execution
from binex.cli.explore_screen.page import Page
from binex.cli.explore_screen.place import Place
from binex.cli.explore_screen.view import KEYS_OF_ALL, View
from binex.cli.render.results import ending
from binex.models.run import RunMode

_REFRESH_S = 0.2


class ExecutionScreen(View):
    """The events of an execution as they come; at the end its result, or the difference to its parent."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *KEYS_OF_ALL,
        Binding("i", "interrupt", "Interrupt"),
        Binding("d", "diff", "Diff"),
    ]

    def __init__(self, place: Place, execution: Execution) -> None:
        super().__init__(place)
        self._execution = execution
        self._has_news = True

    def parts(self) -> ComposeResult:
        yield Page(self.place)

    def on_mount(self) -> None:
        self.query_one(Page).focus()
        self._execution.on_change = self._note
        self.set_interval(_REFRESH_S, self._refresh_lines)
        self.show_state()

    def on_unmount(self) -> None:
        self._execution.on_change = lambda: None

    def command(self) -> str:
        return self._execution.command

    def show_state(self) -> None:
        """Show where it stands now."""
        execution, look = self._execution, self.place.look
        is_over = not execution.is_running
        title = f"{look.paint('Executing' if not is_over else 'Executed', 'strong')}  {execution.name}"
        self.set_title(title)
        page = self.query_one(Page)
        if is_over and execution.result is not None:
            page.show(execution.result)
            return
        lines = list(execution.lines)
        summary = execution.summary

        def draw(width: int) -> str:
            end = "" if summary is None else "\n\n" + ending(summary, self.place.look_at(width), self.place.directory)
            return "\n".join(lines) + end

        page.show(draw, from_top=False)
        page.scroll_end(animate=False)

    def end(self, *, is_watched: bool) -> None:
        """Show what came of it: where somebody watches, of a fork how it differs from its parent."""
        self.show_state()
        self.show_status()
        summary = self._execution.summary
        if is_watched and summary is not None and self._is_fork and summary.status.has_come_to_all:
            self.app.switch_screen(DiffScreen(self.place, self._execution.parent, summary.run))

    @property
    def _is_fork(self) -> bool:
        summary = self._execution.summary
        return summary is not None and summary.run.origin is not None and summary.run.origin.mode is RunMode.FORK

    def action_interrupt(self) -> None:
        if self._execution.is_running:
            self.run_worker(self._execution.leave())

    def action_diff(self) -> None:
        if (summary := self._execution.summary) is not None:
            self.app.push_screen(DiffScreen(self.place, self._execution.parent, summary.run))

    def _note(self) -> None:
        self._has_news = True

    def _refresh_lines(self) -> None:
        if self._has_news and self._execution.is_running:
            self._has_news = False
            self.show_state()
