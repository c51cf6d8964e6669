"""What can be asked about a run, and how each answer is drawn: as the commands do."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Final

from binex.analysis.debug import debug
from binex.analysis.run_graph import run_graph
from binex.analysis.tasks.detail import task_detail
from binex.analysis.timing.call_timeline import call_timeline
from binex.cli.explore_screen.page import Draw
from binex.cli.explore_screen.place import Place, bind
from binex.cli.render.graph.drawing import graph
from binex.cli.render.run_debug import run_debug
from binex.cli.render.task_detail import task_detail_text
from binex.cli.render.timeline import timeline
from binex.models.run import Run


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is about."""

    run: Run
    task: str = ""
    """The path of a task; empty for the run as a whole."""
    is_unfolded: bool = False
    """Whether all that is usually folded is to be shown."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a run or a task."""

    answer: Callable[[Place, Asked], Awaitable[Draw]]
    command: str
    """What somebody would type after ``binex``: ``{run}`` and ``{task}`` are filled in."""
    unfolded: str = ""
    """The option that shows what is usually folded."""
    is_about_tasks: bool = False

    def typed(self, asked: Asked) -> str:
        """The command that answers it."""
        option = f" {self.unfolded}" if asked.is_unfolded and self.unfolded else ""
        return self.command.format(run=asked.run.id, task=quote(asked.task)) + option


async def _overview(place: Place, asked: Asked) -> Draw:
    found = await debug(place.store, asked.run)
    return lambda width: run_debug(found, place.look_at(width), place.directory)


async def _timeline(place: Place, asked: Asked) -> Draw:
    found = await call_timeline(place.store, asked.run)
    calls = found.calls if asked.is_unfolded else {}
    return lambda width: timeline(found.trace, place.look_at(width), with_items=asked.is_unfolded, calls=calls)


async def _graph(place: Place, asked: Asked) -> Draw:
    found = await run_graph(place.store, asked.run, bind)
    return lambda width: graph(found, place.look_at(width), is_unfolded=asked.is_unfolded)


async def _task(place: Place, asked: Asked) -> Draw:
    if not asked.task:
        return lambda width: place.look_at(width).paint("Choose a task on the left.", "faint")
    found = await task_detail(place.store, asked.run, asked.task, bind)
    return lambda width: task_detail_text(found, place.look_at(width), failure_first=True)


QUESTIONS: Final[Mapping[str, Question]] = {
    "overview": Question(_overview, "debug {run}"),
    "timeline": Question(_timeline, "trace {run}", "--items --calls"),
    "graph": Question(_graph, "trace {run} --graph", "--unfold"),
    "task": Question(_task, "debug {run} --node {task}", is_about_tasks=True),
}
