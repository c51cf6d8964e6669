"""Puts the routes of one server together, with what stands before them."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from binex import __version__
from binex.errors import BinexError
from binex.server.hosts import Hosts
from binex.server.parts import Parts
from binex.server.refusals import JSON, RefusedError, document, refusal_of
from binex.server.routes import (
    agents,
    artifacts,
    calls,
    diff,
    events,
    forks,
    questions,
    runs,
    session,
    stats,
    tasks,
    workflows,
)
from binex.server.security import INTERNAL, Guard
from binex.server.static_files import StaticFiles

_MOST_FAULTS = 5


def create_app(
    parts: Parts, hosts: Hosts, *, say: Callable[[str], None] = lambda _: None, cut: Callable[[Scope], None]
) -> ASGIApp:
    """The application: the page for everybody who reaches it, and the API for those who have the token.

    *say* hears what goes wrong inside, and *cut* ends the connection of somebody who does not read.
    """
    api = create_api(parts, cut)
    page = StaticFiles()

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["path"] == "/api" or scope["path"].startswith("/api/")
        await (api if is_api else page)(scope, receive, send)

    return Guard(route, parts.keys, hosts, say, is_read_only=parts.is_read_only)


def create_api(parts: Parts, cut: Callable[[Scope], None]) -> FastAPI:
    """The API alone; only a test looks at its description."""
    api = FastAPI(
        title="Binex", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    for module in (session, runs, tasks, calls, artifacts, diff, stats, questions, forks, workflows, agents):
        api.include_router(module.routes(parts))
    api.include_router(events.routes(parts, cut))
    api.add_exception_handler(RefusedError, _refused)
    api.add_exception_handler(BinexError, _failed)
    api.add_exception_handler(RequestValidationError, _unusable)
    api.add_exception_handler(HTTPException, _not_routed)
    api.add_exception_handler(Exception, _broken)
    return api


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return _response(error)


async def _failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, BinexError)
    return _response(refusal_of(error))


async def _unusable(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:_MOST_FAULTS]]
    return _response(RefusedError(422, "input", f"this cannot be asked so: {'; '.join(faults)[:1000]}"))


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        response = _response(RefusedError(405, "method", f"this is not asked with {request.method:.20}"))
        response.headers.update(error.headers or {})
        return response
    return _response(RefusedError(error.status_code, "missing", "there is nothing at this address"))


async def _broken(_: Request, __: Exception) -> Response:
    return _response(INTERNAL)  # and what stands before says on the terminal what it was


def _response(refusal: RefusedError) -> Response:
    return Response(document(refusal), status_code=refusal.status, media_type=JSON)
