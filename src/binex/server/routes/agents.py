"""Whom a workflow talks to, and how they answer."""

import os
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from binex.adapters.registry import Registry
from binex.analysis.agents import AgentList, Agents
from binex.loader import bind_workflow, load_settings
from binex.server.answers import answer
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
        path = folder.path_of(workflow)
        project = load_settings(parts.directory.parent)
        registry = Registry(project=project, stands_in=parts.executions.stands_in)
        try:
            bound = bind_workflow(path, registry=registry)
            found = Agents(bound.spec, bound.dag, registry, os.environ)
            return answer(await found.check() if check else found.list())
        finally:
            await registry.close()

    return router
