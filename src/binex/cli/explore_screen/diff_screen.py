"""How two runs differ."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from binex.analysis.differences.compare import diff_runs
from binex.cli.explore_screen.page import Page
from binex.cli.explore_screen.place import Place, bind
from binex.cli.explore_screen.view import KEYS_OF_ALL, View
from binex.cli.render.diff.text import run_diff
from binex.errors import BinexError
from binex.models.run import Run


class DiffScreen(View):
    """What made the later run other than the earlier one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *KEYS_OF_ALL,
        Binding("f", "full", "All tasks"),
        Binding("s", "swap", "Swap"),
    ]

    def __init__(self, place: Place, before: Run, after: Run) -> None:
        super().__init__(place)
        self._runs = (before, after)
        self._is_full = False

    def parts(self) -> ComposeResult:
        yield Page(self.place)

    def on_mount(self) -> None:
        self.query_one(Page).focus()
        self._load()

    def command(self) -> str:
        return f"diff {self._runs[0].id} {self._runs[1].id}" + (" --full" if self._is_full else "")

    def action_full(self) -> None:
        self._is_full = not self._is_full
        self._load()

    def action_swap(self) -> None:
        self._runs = (self._runs[1], self._runs[0])
        self._load()

    def _load(self) -> None:
        before, after = self._runs
        look = self.place.look
        self.set_title(f"{look.paint('Diff', 'strong')}  {before.id} {look.glyph('→', '->')} {after.id}")
        self.query_one(Page).say("comparing")
        self.run_worker(self._compare(), exclusive=True)

    async def _compare(self) -> None:
        page, is_full = self.query_one(Page), self._is_full
        try:
            most = None if is_full else 0
            found = await diff_runs(self.place.store, *self._runs, bind, most=most)
        except BinexError as error:
            page.show_error(error)
            return
        page.show(lambda width: run_diff(found, self.place.look_at(width), has_tasks=is_full))
