"""One run: its tasks on the left, and on the right what is asked about it."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import TabbedContent, TabPane, Tree

from binex.analysis.differences.counterpart import find_counterpart
from binex.analysis.run_graph import run_graph
from binex.analysis.state import as_seen
from binex.analysis.trace import trace
from binex.cli.explore_screen.diff_screen import DiffScreen
from binex.cli.explore_screen.panes import ArtifactsPane, CallsPane, Pane, TextPane
from binex.cli.explore_screen.place import Place, bind
from binex.cli.explore_screen.questions import QUESTIONS
from binex.cli.explore_screen.task_tree import TaskTree
from binex.cli.explore_screen.view import KEYS_OF_ALL, View
from binex.cli.render.look import style_of, words_of
from binex.cli.render.text import escape
from binex.errors import BinexError
from binex.models.run import Run, RunStatus

_POLL_S: Final = 1.0
_TABS: Final = ("overview", "timeline", "graph", "task", "artifacts", "calls")


class RunScreen(View):
    """Everything about one run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *KEYS_OF_ALL,
        *(Binding(str(at + 1), f"tab('{name}')", name.title(), show=False) for at, name in enumerate(_TABS)),
        Binding("left_square_bracket", "step(-1)", show=False),
        Binding("right_square_bracket", "step(1)", show=False),
        Binding("r", "fork", "Replay from"),
        Binding("R", "replay", "Replay"),
        Binding("d", "diff", "Diff"),
        Binding("u", "unfold", "Unfold", show=False),
    ]

    def __init__(self, place: Place, run: Run) -> None:
        super().__init__(place)
        self._run = run

    def parts(self) -> ComposeResult:
        with Container(id="body"):
            yield TaskTree(self.place, self._run, id="tree")
            with TabbedContent(initial="overview", id="tabs"):
                for name in _TABS:
                    with TabPane(name.title(), id=name):
                        if name in QUESTIONS:
                            yield TextPane(self.place, QUESTIONS[name])
                        else:
                            yield (ArtifactsPane if name == "artifacts" else CallsPane)(self.place)

    def on_mount(self) -> None:
        self.tree_of_tasks.focus()
        self._show_title()
        self._load_tree()
        self._load_pane()
        self.set_interval(_POLL_S, self._poll)

    @property
    def tree_of_tasks(self) -> TaskTree:
        """The tasks."""
        return self.query_one(TaskTree)

    @property
    def pane(self) -> Pane:
        """What is shown on the right."""
        return self._pane(self.query_one(TabbedContent).active)

    def _pane(self, name: str) -> Pane:
        return self.query_one(f"#{name}").query_one(Pane)

    def command(self) -> str:
        return self.pane.command() or f"debug {self._run.id}"

    # --- showing --------------------------------------------------------------------------------------------

    def _show_title(self) -> None:
        run, look = self._run, self.place.look
        standing = look.paint(words_of(run.status), style_of(run.status))
        self.set_title(f"{look.paint(escape(run.workflow), 'strong')}  {run.id}  {look.mark(run.status)} {standing}")

    def _load_tree(self) -> None:
        self.run_worker(self._read_tree(), group="tree", exclusive=True)

    async def _read_tree(self) -> None:
        try:
            found = await trace(self.place.store, self._run)
            graph = await run_graph(self.place.store, self._run, bind)
            self.tree_of_tasks.show(found.run, found, graph)
        except BinexError as error:
            self.warn_of(error)

    def _load_pane(self, *, is_again: bool = False) -> None:
        work = self.pane.load(self._run, self.tree_of_tasks.path, is_again=is_again)
        self.run_worker(work, group="pane", exclusive=True)

    def on_tabbed_content_tab_activated(self) -> None:
        """Answer what the tab asks."""
        self._load_pane()

    def on_tree_node_highlighted(self) -> None:
        """Answer it about another task, where it is about one."""
        if self.pane.is_about_tasks:
            self._load_pane()

    def on_tree_node_selected(self, event: Tree.NodeSelected[str]) -> None:
        """Show the task that was chosen, unless what is shown is about it already."""
        if event.node.data and not self.pane.is_about_tasks:
            self.action_tab("task")

    def action_tab(self, name: str) -> None:
        self.query_one(TabbedContent).active = name

    def action_step(self, step: int) -> None:
        tabs = self.query_one(TabbedContent)
        tabs.active = _TABS[(_TABS.index(tabs.active) + step) % len(_TABS)]

    def action_unfold(self) -> None:
        self.pane.unfold()

    async def _poll(self) -> None:
        """See how the run goes on."""
        if not self.is_current:
            return
        try:
            run = await self.place.store.get_run(self._run.id)
            run = None if run is None else await as_seen(self.place.store, run)
        except BinexError as error:
            self.place.note_damage(error.message)
            return
        if run is not None and (run != self._run or run.status is RunStatus.RUNNING):
            self._run = run
            self._show_title()
            self._load_tree()
            self._load_pane(is_again=True)

    # --- doing ----------------------------------------------------------------------------------------------

    def action_fork(self) -> None:
        path = self.tree_of_tasks.path
        if not path:
            self.warn("choose the task that the run is to be replayed from, on the left")
            return
        self.run_worker(self.explorer.fork(self._run, path), group="do", exclusive=True)

    def action_replay(self) -> None:
        self.run_worker(self.explorer.replay(self._run), group="do", exclusive=True)

    def action_diff(self) -> None:
        self.run_worker(self._compare(), group="do", exclusive=True)

    async def _compare(self) -> None:
        try:
            before = (await find_counterpart(self.place.store, self._run)).run
        except BinexError as error:
            self.warn(f"{error.message}\nmark two runs in the list with the space bar")
            return
        self.app.push_screen(DiffScreen(self.place, before, self._run))
