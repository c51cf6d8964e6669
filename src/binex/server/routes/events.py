"""What happens, while it happens: server-sent events, with numbers to go on from."""

import asyncio
import re
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from binex.server.answers import named_run
from binex.server.event_hub import Follower
from binex.server.parts import Parts

_BREATH_S: Final = 15.0
"""How often something is sent where nothing happens, so that a connection that broke is noticed."""
_NUMBER = re.compile(r"\d{1,18}\Z")


def routes(parts: Parts, cut: Callable[[Scope], None]) -> APIRouter:
    """The route of events; *cut* ends the connection of somebody who does not read."""
    router = APIRouter(prefix="/api/events", tags=["events"])

    @router.get("", response_class=Response)
    async def events(
        run: Annotated[str | None, Query(max_length=1_000)] = None,
        since: Annotated[int | None, Query(ge=0, lt=10**18)] = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        parts.hub.require_room()
        run_id = None if run is None else (await parts.reader.ask(lambda store: named_run(store, run))).id
        if last_event_id is not None and _NUMBER.match(last_event_id):
            since = int(last_event_id)
        return EventStream(parts, run_id, since, cut)

    return router


class EventStream(Response):
    """An answer that goes on until the page or the server leaves."""

    media_type = "text/event-stream"

    def __init__(self, parts: Parts, run_id: str | None, after: int | None, cut: Callable[[Scope], None]) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._parts = parts
        self._run_id = run_id
        self._after = after
        self._cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watching = self._parts.watching
        try:
            await watching.begin(self._run_id)  # before what was missed is looked for: it says since when nothing was
            await self._tell(scope, receive, send)
        finally:
            watching.end(self._run_id)

    async def _tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        hub = self._parts.hub
        follower = hub.follow(self._run_id, self._after, lambda: self._cut(scope))
        greeting = b"retry: 1000\n\n" if self._after is not None else b"retry: 1000\nid: %d\n\n" % hub.last_id
        leaving = asyncio.create_task(_end_with(receive, follower))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send(_piece(greeting))
            while (data := await follower.next(_BREATH_S)) is not None:
                await send(_piece(data or b": still here\n\n"))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            leaving.cancel()
            hub.leave(follower)


async def _end_with(receive: Receive, follower: Follower) -> None:
    """Let the follower go when the other side has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.end()


def _piece(data: bytes) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": True}
