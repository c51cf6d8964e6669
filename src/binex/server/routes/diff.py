"""How runs differ."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from binex.analysis.differences.compare import MOST_COMPARED, diff_runs
from binex.analysis.differences.matrix import RunMatrix, compare_all
from binex.analysis.differences.model import RunDiff
from binex.server.answers import answer, named_run, naming
from binex.server.bound import bind_kept
from binex.server.parts import Parts
from binex.stores.run_store import RunStore


def routes(parts: Parts) -> APIRouter:
    """The routes that compare."""
    router = APIRouter(prefix="/api", tags=["diff"])

    @router.get("/diff", response_model=RunDiff)
    async def diff(
        before: str,
        after: str,
        task: Annotated[str | None, Query(max_length=1_000)] = None,
        most: Annotated[int, Query(ge=0, le=1_000)] = MOST_COMPARED,
    ) -> Response:
        async def ask(store: RunStore) -> Response:
            old, new = await named_run(store, before), await named_run(store, after)
            with naming():
                return answer(await diff_runs(store, old, new, bind_kept, most=most, task=task))

        return await parts.reader.ask(ask)

    @router.get("/matrix", response_model=RunMatrix)
    async def matrix(run: Annotated[list[str], Query(min_length=2, max_length=20)]) -> Response:
        async def ask(store: RunStore) -> Response:
            runs = [await named_run(store, text) for text in run]
            return answer(await compare_all(store, runs, bind_kept))

        return await parts.reader.ask(ask)

    return router
