"""Who is there: the way in, and what server this is."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from binex import __version__
from binex.models.base import Model
from binex.server.answers import answer
from binex.server.keys import LONGEST
from binex.server.parts import Parts
from binex.server.refusals import RefusedError
from binex.server.security import LOGIN

_PAUSE_S: Final = 0.1
"""After each wrong token, one after the other: whoever tries many of them waits."""


class LoginBody(BaseModel):
    """The token from the address that was printed."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, Field(max_length=LONGEST)]


class ServerSession(Model):
    """What server this is."""

    read_only: bool
    """Whether nothing can be executed, answered or written here."""
    version: str
    """The version of Binex."""
    folder: str
    """The name of the folder that the store belongs to."""
    workflows_folder: str
    """The name of the folder whose workflow files are shown."""


def routes(parts: Parts) -> APIRouter:
    """The routes of the server itself."""
    router = APIRouter(tags=["session"])
    guessing = asyncio.Lock()

    @router.post(LOGIN, status_code=204, response_class=Response)
    async def login(body: LoginBody) -> Response:
        if not parts.keys.is_token(body.token):
            async with guessing:
                await asyncio.sleep(_PAUSE_S)
            raise RefusedError(401, "token", "this is not the token", "open the address that 'binex ui' printed")
        return Response(status_code=204, headers={"set-cookie": parts.keys.set_cookie})

    @router.get("/api/session", response_model=ServerSession)
    async def session() -> Response:
        return answer(
            ServerSession(
                read_only=parts.is_read_only,
                version=__version__,
                folder=parts.directory.parent.name,
                workflows_folder=parts.folder.name,
            )
        )

    return router
