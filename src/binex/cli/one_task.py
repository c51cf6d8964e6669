"""Everything about one task of a run, on stdout."""

from pathlib import Path

from binex.analysis.tasks.detail import TaskDetail, task_detail
from binex.analysis.tasks.values import Binds
from binex.cli.render.look import Look
from binex.cli.render.task_detail import task_detail_text
from binex.cli.showing import bound, show
from binex.models.run import Run
from binex.stores.run_store import RunStore


def show_task(run: str, task: str, directory: Path | None, *, as_json: bool, failure_first: bool = False) -> int:
    """Print all about *task* of *run*, and return the exit code."""

    async def ask(store: RunStore, found: Run, bind: Binds) -> TaskDetail:
        return await task_detail(store, found, task, bind)

    def draw(found: TaskDetail, look: Look) -> str:
        return task_detail_text(found, look, directory, failure_first=failure_first)

    return show(run, directory, bound(ask), draw, as_json=as_json)
