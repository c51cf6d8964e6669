"""The tasks of a run as a tree: nodes, and under a foreach its items."""

from collections.abc import Iterator
from typing import NamedTuple

from rich.text import Text
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from binex.analysis.run_graph import RunGraph
from binex.analysis.trace import TaskTrace, Trace
from binex.cli.explore_screen.page import text_of
from binex.cli.explore_screen.place import Place
from binex.cli.render.text import escape
from binex.cli.render.units import duration
from binex.models.run import Run
from binex.models.task import TaskStatus

_FAILED = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)


class _Line(NamedTuple):
    """A task as it stands in the tree."""

    path: str
    status: TaskStatus
    about: str = ""
    items: tuple[TaskTrace, ...] = ()


class TaskTree(Tree[str]):
    """The run itself, and below it its tasks; what stands for the run has no path."""

    guide_depth = 2

    def __init__(self, place: Place, run: Run, *, id: str | None = None) -> None:
        super().__init__(Text(run.id), "", id=id)
        self._place = place
        self._lines: dict[str, TreeNode[str]] = {}
        self._items: dict[str, tuple[TaskTrace, ...]] = {}
        self.root.expand()

    @property
    def path(self) -> str:
        """The task that is highlighted; empty where it is the run."""
        return "" if self.cursor_node is None else self.cursor_node.data or ""

    @property
    def plain(self) -> str:
        """What it says, without colours."""
        return "\n".join(str(node.label) for node in (self.root, *self._lines.values()))

    def show(self, run: Run, trace: Trace, graph: RunGraph) -> None:
        """Show how the tasks stand; what was there stays where it was."""
        look = self._place.look_at(80)
        self.root.set_label(text_of(f"{look.mark(run.status)} {look.paint('run ' + run.id, 'strong')}"))
        for line in _lines(trace, graph):
            self._items[line.path] = line.items
            known = self._lines.get(line.path)
            label = self._label(line)
            if known is None:
                known = self._lines[line.path] = self.root.add(label, line.path, allow_expand=bool(line.items))
            else:
                known.set_label(label)
                known.allow_expand = bool(line.items)
            if known.is_expanded:
                self._show_items(line.path)

    def choose(self, path: str) -> None:
        """Highlight a task."""
        if (node := self._lines.get(path)) is not None:
            self.move_cursor(node)

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[str]) -> None:
        """Put the items of a foreach under it, now that somebody wants to see them."""
        if event.node.data:
            self._show_items(event.node.data)

    def _show_items(self, path: str) -> None:
        node = self._lines[path]
        for item in self._items.get(path, ()):
            label = self._label(_line(item))
            known = self._lines.get(item.task)
            if known is None:
                self._lines[item.task] = node.add_leaf(label, item.task)
            else:
                known.set_label(label)

    def _label(self, line: _Line) -> Text:
        look = self._place.look_at(80)
        name = f"{look.mark(line.status)} {escape(line.path)}"
        return text_of(name + (look.paint(f" {line.about}", "faint") if line.about else ""))


def _lines(trace: Trace, graph: RunGraph) -> Iterator[_Line]:
    """The nodes in the order of the workflow, then what only the records know of."""
    tasks = {task.task: task for task in trace.tasks}
    for node in graph.nodes:
        task = tasks.pop(node.id, None)
        if task is not None:
            yield _line(task)
        elif node.status is not None:
            yield _Line(node.id, node.status)
    for task in tasks.values():
        yield _line(task)


def _line(task: TaskTrace) -> _Line:
    about = [duration(task.duration_ms)] if task.start_ms is not None else []
    if task.items:
        failed = sum(item.status in _FAILED for item in task.items)
        about.insert(0, f"({len(task.items):,}" + (f", {failed:,} failed)" if failed else ")"))
    return _Line(task.task, task.status, " ".join(about), task.items)
