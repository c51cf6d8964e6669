"""One task of a run."""

from fastapi import APIRouter
from starlette.responses import Response

from binex.analysis.tasks.detail import TaskDetail, task_detail
from binex.analysis.why import why
from binex.models.run import Run
from binex.models.why import Why
from binex.server.answers import about_run, naming
from binex.server.bound import bind_kept
from binex.server.parts import Parts
from binex.stores.run_store import RunStore


def routes(parts: Parts) -> APIRouter:
    """The routes under ``/api/runs/{run}/tasks``."""
    router = APIRouter(prefix="/api/runs/{run}/tasks/{task}", tags=["tasks"])

    @router.get("", response_model=TaskDetail)
    async def detail(run: str, task: str) -> Response:
        return await about_run(parts.reader, run, _detail, task)

    @router.get("/why", response_model=Why)
    async def why_of(run: str, task: str) -> Response:
        return await about_run(parts.reader, run, _why, task)

    return router


async def _detail(store: RunStore, run: Run, task: str) -> TaskDetail:
    with naming():
        return await task_detail(store, run, task, bind_kept)


async def _why(store: RunStore, run: Run, task: str) -> Why:
    with naming():
        return await why(store, run, task, bind_kept)
