"""A run as one page to read: without scripts, and without anything from elsewhere."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from binex.analysis.artifacts import Damage
from binex.analysis.debug import RunDebug, debug
from binex.analysis.run_graph import RunGraph, graph_of
from binex.errors import BinexError, DamagedDataError
from binex.loader import bind_source
from binex.models.question import Question
from binex.models.run import Run
from binex.models.units import count, size
from binex.reports.formats import Order, Written
from binex.reports.html import head
from binex.reports.html.elements import Markup, element, markup
from binex.reports.html.graph import graph
from binex.reports.html.room import PAGE_BYTES, VALUE_LENGTH, Room
from binex.reports.html.task_list import TaskList
from binex.reports.html.timeline import timeline
from binex.reports.html.values import folded, section
from binex.stores.run_store import RunStore


async def write(store: RunStore, run: Run, file: IO[bytes], order: Order) -> Written:
    """Write the page of *run*, a piece at a time."""
    page = _Page(store, await debug(store, run), await store.list_questions(run.id))
    before = await page.before_tasks(order.notices)
    titles = [*((id, title) for id, title, _ in before), ("tasks", "Tasks"), ("inputs", "Inputs and versions")]
    file.write(
        f'<!DOCTYPE html>\n<html lang="en">\n{_document_head(page.found.run)}\n<body><div class="page">\n'.encode()
    )
    file.write(f"{head.head(page.found, titles)}\n<main>\n".encode())
    for id, title, content in before:
        file.write(f"{section(id, title, content)}\n".encode())
    file.write(b'<section id="tasks" aria-labelledby="tasks-title"><h2 id="tasks-title">Tasks</h2>\n')
    async for piece in page.tasks.pieces():
        file.write(f"{piece}\n".encode())
    file.write(b"</section>\n")
    file.write(section("inputs", "Inputs and versions", await page.after_tasks()).encode())
    file.write(f"\n</main>\n{page.end()}\n</div></body>\n</html>\n".encode())
    return Written(counts={"tasks": len(page.found.tasks)}, damage=page.damage())


class _Page:
    """The parts of one page."""

    def __init__(self, store: RunStore, found: RunDebug, questions: Sequence[Question]) -> None:
        self.found = found
        self._store = store
        self._records = [record for task in found.tasks for record in task.records]
        self._room = Room()
        self.tasks = TaskList(store, found, questions, self._room)

    async def before_tasks(self, notices: Sequence[str]) -> list[tuple[str, str, Markup]]:
        """What stands above the list of tasks: for each part its id, its title and what is in it."""
        found, anchors = self.found, self.tasks.anchors
        parts = [
            ("numbers", "In numbers", head.numbers(found)),
            ("damage", "Damaged", head.damage(found, notices)),
            ("failed", "What went wrong", head.failures(found, self._room, anchors)),
            ("next", "What to type next", head.next_steps(found)),
            ("timeline", "Timeline", timeline(found, anchors)),
            ("graph", "Graph", graph(await self._graph(), anchors)),
        ]
        return [(id, title, content) for id, title, content in parts if content is not None]

    async def after_tasks(self) -> Markup:
        """What the run was given and made with, and its workflow."""
        run = self.found.run
        try:
            source = await self._store.get_source(run.workflow_hash)
        except DamagedDataError:  # named above
            return head.made_with(run, self._room)
        texts = {source.file.replace("\\", "/").rpartition("/")[2]: source.text, **source.prompts}
        files = [folded(name, self._room.block(text), class_="fold") for name, text in texts.items()]
        return markup(head.made_with(run, self._room), element("h3", "Workflow"), files)

    def end(self) -> Markup:
        """What the page is, and what is not on it."""
        cut = ""
        if self._room.cut:
            most = f"at most {VALUE_LENGTH:,} characters of each, {size(PAGE_BYTES)} in all"
            cut = f" {count(self._room.cut, 'value')} cut: {most}."
        said = f"Made by Binex {self.found.run.versions.binex} from what was recorded, secrets cut out.{cut}"
        again = f"binex export {self.found.run.id} --format html"
        return element("footer", element("p", said), element("p", "Made with ", element("code", again)))

    def damage(self) -> tuple[Damage, ...]:
        """What of the run could not be read."""
        every = [*self.found.damage, *self.tasks.damage]
        return tuple({(one.where, one.message): one for one in every}.values())

    async def _graph(self) -> RunGraph:
        run = self.found.run
        try:
            dag = bind_source(await self._store.get_source(run.workflow_hash)).dag
        except BinexError:  # the graph is what the records say then
            dag = None
        return graph_of(run, dag, self._records, await self._store.list_running(run.id))


def _document_head(run: Run) -> Markup:
    css = Path(__file__).with_name("page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),
        element("title", f"{run.workflow}: {run.status.value.replace('_', ' ')} (run {run.id})"),
        element("style", Markup(css)),
    )
