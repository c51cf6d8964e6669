"""The explorer: which screen is shown, and what is executed meanwhile."""

from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType

from binex.cli.explore_screen.dialogs import Dialog, help_text
from binex.cli.explore_screen.place import Place
from binex.cli.explore_screen.runs_screen import RunsScreen
from binex.cli.explore_screen.view import View
from binex.cli.render.text import escape
from binex.errors import BinexError
from binex.models.run import Run

if TYPE_CHECKING:  # what executes is loaded when something is to be executed
    from binex.cli.explore_screen.execution import Execution

NARROW: Final = 72
"""Below so many columns the parts of a screen stand below each other."""
_LEAVING: Final = "leaving"


class Explorer(App[int]):
    """Looks at a store, and executes what somebody asks for."""

    CSS_PATH = "explore.tcss"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]  # noqa: RUF012 - declared by Textual
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "leave", show=False, priority=True),
        Binding("x", "show_execution", show=False),
    ]

    def __init__(self, place: Place, run: Run | None = None) -> None:
        super().__init__()
        self.animation_level = "none"
        self.place = place
        self.execution: Execution | None = None
        """What is executed, or was at last."""
        self._run = run
        place.on_damage = self._show_status

    def on_mount(self) -> None:
        self.push_screen(RunsScreen(self.place))
        if self._run is not None:
            from binex.cli.explore_screen.run_screen import RunScreen

            self.push_screen(RunScreen(self.place, self._run))

    @property
    def is_executing(self) -> bool:
        """Whether something is being executed."""
        return self.execution is not None and self.execution.is_running

    # --- what every screen shows ----------------------------------------------------------------------------

    def status_lines(self) -> list[str]:
        """What is executed, and what is damaged."""
        look, lines = self.place.look, []
        if self.execution is not None and self.is_executing:
            lines.append(look.paint(f"{self.execution.name}: is executed; x shows it", "busy"))
        if self.place.damage:
            more = f" (and {len(self.place.damage) - 1:,} more)" if self.place.damage[1:] else ""
            lines.append(look.paint("damaged: ", "bad") + escape(self.place.damage[0]) + more)
        return lines

    def _show_status(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, View) and screen.is_mounted:
                screen.show_status()

    def action_show_help(self) -> None:
        self.push_screen(Dialog(self.place, "Keys", help_text(self.place)))

    def show_command(self, command: str) -> None:
        """Show what somebody would type, and put it where the terminal keeps what was copied."""
        self.copy_to_clipboard(command)
        note = self.place.look.paint("copied, if the terminal allows it", "faint")
        self.push_screen(Dialog(self.place, "The same on the command line", lambda _: f"{command}\n\n{note}"))

    # --- executing ------------------------------------------------------------------------------------------

    async def fork(self, run: Run, task: str) -> None:
        """Say what a fork from *task* on would do, and do it where somebody wants that."""
        from binex.cli.explore_screen.doing import prepare_fork

        if self._is_free():
            try:
                execution = await prepare_fork(self, self.place, run, task)
            except BinexError as error:
                self.say_error(error)
                return
            if execution is not None:
                await self._execute(execution)

    async def replay(self, run: Run) -> None:
        """Execute a run again from its tape, and say whether the same came out."""
        from binex.cli.explore_screen.doing import prepare_replay

        if self._is_free():
            await self._execute(prepare_replay(self.place, run))

    async def _execute(self, execution: "Execution") -> None:
        from binex.cli.explore_screen.doing import execute

        self.execution = execution
        await execute(self, self.place, execution)

    async def action_show_execution(self) -> None:
        if self.execution is None:
            self.notify("nothing was executed here yet", markup=False)
            return
        from binex.cli.explore_screen.doing import show

        await show(self, self.place, self.execution)

    def _is_free(self) -> bool:
        if self.is_executing:
            self.notify("something is executed already: x shows it", markup=False, severity="warning")
        return not self.is_executing

    def say_error(self, error: BinexError) -> None:
        """Say what went wrong for a while, and what to do about it."""
        text = error.message + (f"\n{error.fix}" if error.fix else "")
        self.notify(escape(text, is_block=True), markup=False, severity="error", timeout=10)

    # --- leaving --------------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave; what is executed is interrupted, where somebody wants that."""
        if not self.is_executing:
            self.exit(0)
        elif self.screen.id == _LEAVING:  # who says it twice means it
            self.stop(0)
        else:
            self.run_worker(self._ask_to_leave())

    def stop(self, code: int) -> None:
        """Leave without asking; what is executed is interrupted."""
        self.run_worker(self._leave(code))

    async def _ask_to_leave(self) -> None:
        name = "" if self.execution is None else self.execution.name
        question = f"{name} is not at its end. It is interrupted, and 'binex resume' goes on with it."
        dialog = Dialog(self.place, "Quit?", lambda _: question, yes="Interrupt it and quit", no="Stay")
        dialog.id = _LEAVING
        if await self.push_screen_wait(dialog):
            await self._leave(0)

    async def _leave(self, code: int) -> None:
        if self.execution is not None:
            await self.execution.leave()
        self.exit(code)
