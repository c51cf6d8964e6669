"""Which runs there are, and what happened in one."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from binex.analysis.cost import cost_of
from binex.analysis.debug import RunDebug, debug
from binex.analysis.family import FamilyPage, family_of
from binex.analysis.graph_fold import GroupedGraph, grouped
from binex.analysis.run_graph import run_graph
from binex.analysis.runs import RunPage, list_runs
from binex.analysis.timing.critical_path import CriticalPath, critical_path
from binex.analysis.trace import Trace, trace
from binex.analysis.trust import TrustReport, trust_of
from binex.errors import InputError
from binex.loader import load_source, parse_assignments
from binex.models.base import Model
from binex.models.cost import CostReport
from binex.models.run import Run, RunStatus
from binex.models.run_query import RunOrigin, RunQuery
from binex.models.workflow import WorkflowSpec
from binex.models.workflow_source import WorkflowSource
from binex.server.answers import about_run, answer
from binex.server.bound import bind_kept
from binex.server.parts import Parts
from binex.stores.run_store import RunStore

Limit = Annotated[int, Query(ge=1, le=200)]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
Money = Annotated[float | None, Query(ge=0, allow_inf_nan=False)]
Text = Annotated[str, Query(max_length=1_000)]


class RunWorkflow(Model):
    """The workflow of a run, as it was when the run began."""

    source: WorkflowSource
    """What was read."""
    spec: WorkflowSpec
    """What it means."""


def routes(parts: Parts) -> APIRouter:
    """The routes under ``/api/runs`` that only look."""
    router = APIRouter(prefix="/api/runs", tags=["runs"])
    reader = parts.reader

    @router.get("", response_model=RunPage)
    async def runs(  # noqa: PLR0913, PLR0917 - what can be asked for
        limit: Limit = 20,
        offset: Offset = 0,
        status: Annotated[list[RunStatus], Query()] = [],  # noqa: B006 - FastAPI makes a new one for each request
        workflow: Text | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        min_cost: Money = None,
        max_cost: Money = None,
        text: Text = "",
        origin: RunOrigin | None = None,
        failed_at: Text | None = None,
        var: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006
    ) -> Response:
        query = RunQuery(
            statuses=tuple(status),
            workflow=workflow,
            since=as_moment(since),
            until=as_moment(until),
            min_cost=min_cost,
            max_cost=max_cost,
            variables=tuple(parse_assignments(var).items()),
            text=text,
            origin=origin,
            failed_at=failed_at,
        )

        async def ask(store: RunStore) -> Response:
            return answer(await list_runs(store, query, limit=limit, offset=offset))

        return await reader.ask(ask)

    @router.get("/{run}", response_model=RunDebug)
    async def one(run: str) -> Response:
        return await about_run(reader, run, debug)

    @router.get("/{run}/trace", response_model=Trace)
    async def timeline(run: str) -> Response:
        return await about_run(reader, run, trace)

    @router.get("/{run}/graph", response_model=GroupedGraph)
    async def graph(run: str) -> Response:
        return await about_run(reader, run, _graph)

    @router.get("/{run}/critical-path", response_model=CriticalPath)
    async def critical(run: str) -> Response:
        return await about_run(reader, run, critical_path, bind_kept)

    @router.get("/{run}/family", response_model=FamilyPage)
    async def family(run: str) -> Response:
        return await about_run(reader, run, family_of)

    @router.get("/{run}/cost", response_model=CostReport)
    async def cost(run: str) -> Response:
        return await about_run(reader, run, cost_of, bind_kept)

    @router.get("/{run}/trust", response_model=TrustReport)
    async def trust(run: str) -> Response:
        return await about_run(reader, run, trust_of, bind_kept)

    @router.get("/{run}/workflow", response_model=RunWorkflow)
    async def workflow_of(run: str) -> Response:
        return await about_run(reader, run, _workflow)

    return router


def as_moment(given: datetime | None) -> datetime | None:
    """A moment, in UTC where no zone was said.

    Raises:
        InputError: no clock could show it in another zone.
    """
    moment = given if given is None or given.tzinfo is not None else given.replace(tzinfo=UTC)
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:
        raise InputError(f"{given} is no moment that could be compared") from None


async def _graph(store: RunStore, run: Run) -> BaseModel:
    return grouped(await run_graph(store, run, bind_kept))


async def _workflow(store: RunStore, run: Run) -> BaseModel:
    source = await store.get_source(run.workflow_hash)
    return RunWorkflow(source=source, spec=load_source(source))
