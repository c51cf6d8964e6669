"""Workflow files: read, written, checked as they are typed, and started. Only the last of these executes anything."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.responses import Response

from binex.server.answers import answer
from binex.server.checking import CheckedText, check_text
from binex.server.parts import Parts
from binex.server.refusals import RefusedError
from binex.server.routes.forks import Made, MaxCost
from binex.server.workflow_folder import WorkflowFiles, WorkflowFolder, WorkflowText


class TextBody(BaseModel):
    """The text of a workflow."""

    model_config = ConfigDict(extra="forbid")

    text: str


class CheckBody(TextBody):
    """A text that may be a workflow."""

    name: Annotated[str, Field(max_length=100)] = "workflow.yaml"


class RunBody(BaseModel):
    """How a workflow is executed."""

    model_config = ConfigDict(extra="forbid")

    vars: dict[str, JsonValue] = Field(default_factory=dict)
    max_cost: MaxCost = None
    cache: bool = False


def routes(parts: Parts) -> APIRouter:
    """The routes under ``/api/workflows``."""
    router = APIRouter(prefix="/api/workflows", tags=["workflows"])
    folder = WorkflowFolder(parts.folder)

    @router.get("", response_model=WorkflowFiles)
    async def files() -> Response:
        return answer(await asyncio.to_thread(folder.list))

    @router.post("/check", response_model=CheckedText)
    async def check(body: CheckBody) -> Response:
        return answer(await check_text(body.text, body.name, parts.folder, parts.directory))

    @router.get("/{name}", response_model=WorkflowText)
    async def one(name: str) -> Response:
        found = await asyncio.to_thread(folder.read, name)
        return answer(found, headers={"etag": f'"{found.sha256}"'})

    @router.put("/{name}", response_model=WorkflowText)
    async def write(
        name: str,
        body: TextBody,
        if_match: Annotated[str | None, Header()] = None,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        if (if_match is None) == (if_none_match is None) or (if_none_match not in (None, "*")):
            fix = "say which text is replaced: If-Match with its hash, or If-None-Match: * for a new file"
            raise RefusedError(409, "changed", "it is not said what is replaced", fix)
        before = None if if_match is None else if_match.strip().removeprefix("W/").strip('"')
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
