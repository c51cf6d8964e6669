"""Runs made from runs: replays, forks, runs that go on or are cancelled."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool
from starlette.responses import Response

from binex.analysis.find import find_original
from binex.models.base import Model
from binex.models.fork import ForkPlan
from binex.server.answers import answer, named_run, naming
from binex.server.fork_request import ForkBody, read_fork
from binex.server.parts import Parts
from binex.stores.run_store import RunStore

MaxCost = Annotated[float | None, Field(ge=0, allow_inf_nan=False, strict=True)]


class Made(Model):
    """The run that something became."""

    run: str


class ReplayBody(BaseModel):
    """How a run is replayed."""

    model_config = ConfigDict(extra="forbid")

    is_timed: StrictBool = False
    trust: StrictBool = False


class ResumeBody(BaseModel):
    """How a run goes on."""

    model_config = ConfigDict(extra="forbid")

    retry_failed: StrictBool = False
    strict: StrictBool = False
    vars: dict[str, JsonValue] = Field(default_factory=dict)
    max_cost: MaxCost = None
    trust: StrictBool = False


class CancelBody(BaseModel):
    """A run is cancelled as it is."""

    model_config = ConfigDict(extra="forbid")


def routes(parts: Parts) -> APIRouter:
    """The routes under ``/api/runs/{run}`` that execute."""
    router = APIRouter(prefix="/api/runs/{run}", tags=["execute"])
    executions = parts.executions

    async def original(run: str) -> str:
        """The id of the run that is to be executed again; found by reading, so that no store is made for nothing."""

        async def ask(store: RunStore) -> str:
            with naming():
                return (await find_original(store, run)).id

        return await parts.reader.ask(ask)

    @router.post("/fork/plan", response_model=ForkPlan)
    async def plan(run: str, body: ForkBody) -> Response:
        parent = await original(run)
        session = await executions.looking_session()
        return answer(await session.plan_fork(parent, await read_fork(body, session, parent, parts.folder)))

    @router.post("/fork", response_model=Made)
    async def fork(run: str, body: ForkBody) -> Response:
        parent = await original(run)
        session = await executions.session(is_trusting=body.trust)
        request = await read_fork(body, session, parent, parts.folder)
        made = await executions.start(
            lambda session: session.fork(parent, request, max_cost=body.max_cost), is_trusting=body.trust
        )
        return answer(Made(run=made))

    @router.post("/replay", response_model=Made)
    async def replay(run: str, body: ReplayBody) -> Response:
        parent = await original(run)
        made = await executions.start(
            lambda session: session.replay(parent, is_timed=body.is_timed), is_trusting=body.trust
        )
        return answer(Made(run=made))

    @router.post("/resume", response_model=Made)
    async def resume(run: str, body: ResumeBody) -> Response:
        found = await parts.reader.ask(lambda store: named_run(store, run))
        made = await executions.start(
            lambda session: session.resume(
                found.id,
                retry_failed=body.retry_failed,
                strict=body.strict,
                vars=body.vars,
                max_cost=body.max_cost,
            ),
            is_trusting=body.trust,
        )
        return answer(Made(run=made))

    @router.post("/cancel", response_model=Made)
    async def cancel(run: str, _: CancelBody) -> Response:
        found = await parts.reader.ask(lambda store: named_run(store, run))
        session = await executions.session()
        return answer(Made(run=(await session.cancel(found.id)).id))

    return router
