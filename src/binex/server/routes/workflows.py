"""Workflow files: read, written, checked as they are typed, planned, started. Only the last executes anything."""

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool
from starlette.responses import Response

from binex.analysis.preview import RunPreview
from binex.server.answers import answer
from binex.server.checking import CheckedText, check_text
from binex.server.parts import Parts
from binex.server.planning import plan_text
from binex.server.refusals import RefusedError
from binex.server.routes.forks import Made, MaxCost
from binex.server.workflow_folder import WorkflowFiles, WorkflowFolder, WorkflowText

_TAG: Final = re.compile(r'(W/)?(?P<quote>"?)(?P<hash>[0-9a-f]{64})(?P=quote)')


class TextBody(BaseModel):
    """The text of a workflow."""

    model_config = ConfigDict(extra="forbid")

    text: str


class CheckBody(TextBody):
    """A text that may be a workflow."""

    name: Annotated[str, Field(max_length=100)] = "workflow.yaml"


class PlanBody(CheckBody):
    """A text that is a workflow, and what a run of it would be given."""

    vars: dict[str, JsonValue] = Field(default_factory=dict)


class RunBody(BaseModel):
    """How a workflow is executed."""

    model_config = ConfigDict(extra="forbid")

    vars: dict[str, JsonValue] = Field(default_factory=dict)
    max_cost: MaxCost = None
    cache: StrictBool = False


def _replaced(if_match: Sequence[str], if_none_match: Sequence[str]) -> str | None:
    """The hash of the text that is replaced; None where the file is new.

    Raises:
        RefusedError: that is not said, or not in so many words.
    """
    if not if_match and list(if_none_match) == ["*"]:
        return None
    if not if_none_match and len(if_match) == 1 and (found := _TAG.fullmatch(if_match[0])) is not None:
        return found["hash"]
    fix = "say which text is replaced: If-Match with its hash, or If-None-Match: * for a new file"
    raise RefusedError(409, "changed", "it is not said what is replaced", fix)


def routes(parts: Parts) -> APIRouter:
    """The routes under ``/api/workflows``."""
    router = APIRouter(prefix="/api/workflows", tags=["workflows"])
    folder = WorkflowFolder(parts.folder)

    @router.get("", response_model=WorkflowFiles)
    async def files() -> Response:
        return answer(await asyncio.to_thread(folder.list))

    @router.post("/check", response_model=CheckedText)
    async def check(body: CheckBody) -> Response:
        return answer(await check_text(body.text, body.name, parts))

    @router.post("/plan", response_model=RunPreview)
    async def plan(body: PlanBody) -> Response:
        return answer(await plan_text(body.text, body.name, body.vars, parts))

    @router.get("/{name}/check", response_model=CheckedText)
    async def check_file(name: str) -> Response:
        found = await asyncio.to_thread(folder.read, name)
        return answer(await check_text(found.text, found.name, parts))

    @router.get("/{name}", response_model=WorkflowText)
    async def one(name: str) -> Response:
        found = await asyncio.to_thread(folder.read, name)
        return answer(found, headers={"etag": f'"{found.sha256}"'})

    @router.put("/{name}", response_model=WorkflowText)
    async def write(
        name: str,
        body: TextBody,
        if_match: Annotated[list[str] | None, Header()] = None,
        if_none_match: Annotated[list[str] | None, Header()] = None,
    ) -> Response:
        before = _replaced(if_match or (), if_none_match or ())
        written = await asyncio.to_thread(lambda: folder.write(name, body.text, before=before))
        return answer(written, headers={"etag": f'"{written.sha256}"'})

    @router.post("/{name}/run", response_model=Made)
    async def run(name: str, body: RunBody) -> Response:
        path = await asyncio.to_thread(folder.path_of, name)
        made = await parts.executions.start(
            lambda session: session.run(path, vars=body.vars, max_cost=body.max_cost, cache=body.cache)
        )
        return answer(Made(run=made))

    return router
