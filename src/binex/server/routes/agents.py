"""Whom a workflow talks to, and how they answer."""

import asyncio
import os
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from binex.analysis.agents import AgentList, Agents
from binex.loader import Bound, bind_workflow
from binex.server.answers import answer
from binex.server.looking import open_registry
from binex.server.parts import Parts
from binex.server.refusals import RefusedError
from binex.server.workflow_folder import WorkflowFolder


def routes(parts: Parts) -> APIRouter:
    """The route of agents."""
    router = APIRouter(prefix="/api/agents", tags=["agents"])
    folder = WorkflowFolder(parts.folder)

    @router.get("", response_model=AgentList)
    async def agents(workflow: Annotated[str, Query(max_length=100)], check: bool = False) -> Response:
        if check and parts.is_read_only:
            raise RefusedError(403, "read_only", "this server asks nobody", "start it without --read-only")
        async with open_registry(parts) as registry:

            def read() -> Bound:
                allowed = parts.executions.allow_paths
                return bind_workflow(folder.path_of(workflow), registry=registry, allow_paths=allowed)

            bound = await asyncio.to_thread(read)
            found = Agents(bound.spec, bound.dag, registry, os.environ)
            return answer(await found.check() if check else found.list())

    return router
