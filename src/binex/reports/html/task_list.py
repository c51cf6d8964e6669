"""The tasks on a page: each folded, and open only where it failed."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Final

from binex.analysis.artifacts import Damage
from binex.analysis.debug import RunDebug, TaskDebug
from binex.analysis.tasks.detail import DetailReader
from binex.analysis.trace import TaskTrace
from binex.errors import DamagedDataError
from binex.loader import bind_source
from binex.models.names import item_of, node_of
from binex.models.question import Question
from binex.models.task import TaskStatus
from binex.models.units import count
from binex.reports.html.elements import Markup, element
from binex.reports.html.room import Room
from binex.reports.html.task import task_body, task_head, tone_of
from binex.stores.run_store import RunStore

_MOST_DETAILED: Final = 500
"""So many tasks are there in full: those that failed, then nodes, then items."""
_MOST_NAMED: Final = 10_000
_MOST_OPEN: Final = 10
_FAILED: Final = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)


class TaskList:
    """The tasks of one run; ``anchors`` has the place of each on the page."""

    def __init__(self, store: RunStore, found: RunDebug, questions: Sequence[Question], room: Room) -> None:
        self._found = found
        self._room = room
        records = [record for task in found.tasks for record in task.records]
        self._reader = DetailReader(store, found.run, records, questions, bind_source)
        self._items: defaultdict[str, list[TaskTrace]] = defaultdict(list)
        for task in found.tasks:
            if item_of(task.timing.task) is not None:
                self._items[node_of(task.timing.task)].append(task.timing)
        self._named = found.tasks[:_MOST_NAMED]
        self._detailed = {task.timing.task for task in sorted(self._named, key=_rank)[:_MOST_DETAILED]}
        failed = [task.timing.task for task in self._named if task.timing.status in _FAILED]
        self._open = set(failed[:_MOST_OPEN])
        self.anchors = {task.timing.task: f"task-{number}" for number, task in enumerate(self._named, 1)}
        self.damage: list[Damage] = []

    async def pieces(self) -> AsyncIterator[Markup]:
        """One piece of the page after the other; the items of a node are folded together."""
        is_in_items = False
        for index, task in enumerate(self._named):
            is_item = item_of(task.timing.task) is not None
            if is_item and not is_in_items:
                items = self._items_at(index)
                yield _begin_items(items, is_open=any(item.timing.task in self._open for item in items))
            if is_in_items and not is_item:
                yield Markup("</div></details>")
            is_in_items = is_item
            yield await self._task(task)
        if is_in_items:
            yield Markup("</div></details>")
        if left_out := len(self._found.tasks) - len(self._named):
            yield element("p", f"{count(left_out, 'more task')} not named here.", class_="notice")
        if len(self._detailed) < len(self._named):
            run = self._found.run.id
            said = f"{count(len(self._named) - len(self._detailed), 'task')} above stand only with how they ended."
            yield element(
                "p", said, " All of one: ", element("code", f"binex trace {run} --node TASK"), class_="notice"
            )

    async def _task(self, task: TaskDebug) -> Markup:
        path = task.timing.task
        anchor = self.anchors[path]
        if path not in self._detailed or self._room.is_used_up:
            return element(
                "div", element("div", task_head(task), class_="line"), id=anchor, class_=f"task {tone_of(task)}"
            )
        try:
            timing = task.timing.model_copy(update={"items": tuple(self._items[path])})
            detail = await self._reader.read(timing, task.artifacts)
        except DamagedDataError as error:
            self.damage.append(Damage(where=path, message=error.message, fix=error.fix))
            body = element("p", f"Damaged: {error.message}", class_="bad")
        else:
            self.damage += detail.damage
            body = task_body(detail, self._room, self.anchors)
        return element(
            "details",
            element("summary", task_head(task)),
            element("div", body, class_="body"),
            id=anchor,
            class_=f"task {tone_of(task)}",
            open=path in self._open,
        )

    def _items_at(self, index: int) -> list[TaskDebug]:
        items = []
        for task in self._named[index:]:
            if item_of(task.timing.task) is None:
                break
            items.append(task)
        return items


def _rank(task: TaskDebug) -> int:
    if task.timing.status in _FAILED:
        return 0
    return 1 if item_of(task.timing.task) is None else 2


def _begin_items(items: Sequence[TaskDebug], *, is_open: bool) -> Markup:
    failed = sum(1 for item in items if item.timing.status in _FAILED)
    said = count(len(items), "item") + (f", {failed:,} failed" if failed else "")
    opened = " open" if is_open else ""
    return Markup(f'<details class="items"{opened}>{element("summary", said)}<div>')
