"""What a run exchanged with the outside."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from binex.analysis.calls import CallDetail, CallList, Said, call_detail, find_call, list_calls
from binex.models.run import Run
from binex.server.answers import about_run, answer, named_run, naming
from binex.server.parts import Parts
from binex.stores.run_store import RunStore

MOST_BODY_BYTES: Final = 2 * 1024 * 1024
"""Of a larger body only the size is said."""
PageSize = Annotated[int, Query(ge=1, le=5_000)]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]
COUNT_HEADER: Final = "X-Total-Count"


def routes(parts: Parts) -> APIRouter:
    """The routes under ``/api/runs/{run}/calls``."""
    router = APIRouter(prefix="/api/runs/{run}/calls", tags=["calls"])

    @router.get("", response_model=CallList)
    async def calls(
        run: str,
        task: Annotated[str | None, Query(max_length=1_000)] = None,
        limit: PageSize = 1_000,
        offset: Offset = 0,
    ) -> Response:
        async def ask(store: RunStore) -> Response:
            with naming():
                found = await list_calls(store, await named_run(store, run), task)
            shown = found.model_copy(update={"calls": found.calls[offset : offset + limit]})
            return answer(shown, headers={COUNT_HEADER: str(len(found.calls))})

        return await parts.reader.ask(ask)

    @router.get("/{call}", response_model=CallDetail)
    async def one(run: str, call: str) -> Response:
        return await about_run(parts.reader, run, _detail, call)

    return router


async def _detail(store: RunStore, run: Run, call: str) -> CallDetail:
    with naming():
        wanted = await find_call(store, run, call)
    detail = await call_detail(store, wanted)
    reply = detail.reply if detail.reply is None or len(detail.reply) <= MOST_BODY_BYTES else None
    shown = {"request": _bounded(detail.request), "response": _bounded(detail.response), "reply": reply}
    return detail.model_copy(update=shown)


def _bounded(said: Said | None) -> Said | None:
    if said is None or said.size <= MOST_BODY_BYTES:
        return said
    return said.model_copy(update={"text": None, "value": None})
