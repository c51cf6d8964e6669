"""How workflows, nodes and models do over time."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from binex.analysis.statistics.report import StatsReport
from binex.analysis.statistics.stats import find_stats
from binex.analysis.statistics.time_buckets import Span
from binex.errors import InputError
from binex.server.answers import answer
from binex.server.parts import Parts
from binex.server.refusals import MissingError
from binex.server.routes.runs import as_moment
from binex.stores.run_store import RunStore


def routes(parts: Parts) -> APIRouter:
    """The route of statistics."""
    router = APIRouter(prefix="/api/stats", tags=["stats"])

    @router.get("", response_model=StatsReport)
    async def stats(
        workflow: Annotated[str | None, Query(max_length=1_000)] = None,
        since: datetime | None = None,
        until: datetime | None = None,
        by: Span | None = None,
        models: bool = False,
        forks: bool = False,
    ) -> Response:
        first, last = as_moment(since), as_moment(until)
        if first is not None and last is not None and first >= last:
            raise InputError("'since' is not before 'until'")

        async def ask(store: RunStore) -> Response:
            if workflow is not None and not await store.list_runs(limit=1, workflow=workflow):
                raise MissingError(f"no run of a workflow '{workflow:.80}'")
            report = await find_stats(
                store, workflow, since=first, until=last, by=by, is_of_models=models, has_forks=forks
            )
            return answer(report)

        return await parts.reader.ask(ask)

    return router
