"""What tasks made, and where it comes from. Contents are handed out as files, never as pages."""

import base64
import binascii
import re
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query
from pydantic import JsonValue
from starlette.responses import Response

from binex.analysis.artifacts import ArtifactList, get_artifact, list_artifacts
from binex.analysis.find import find_artifact
from binex.analysis.lineage.model import ArtifactLineage
from binex.analysis.lineage.sources import Sources
from binex.analysis.lineage.tree import lineage
from binex.models.base import Model
from binex.models.run import Run
from binex.models.task import Artifact, ArtifactInfo
from binex.server.answers import about_run, answer, named_run, naming
from binex.server.bound import bind_kept
from binex.server.parts import Parts
from binex.server.routes.calls import COUNT_HEADER, Offset, PageSize
from binex.stores.run_store import RunStore

MOST_SHOWN_BYTES: Final = 1024 * 1024
"""A larger value is not a part of the answer."""
_IMAGES: Final = {
    "image/png": (b"\x89PNG\r\n\x1a\n", "png"),
    "image/jpeg": (b"\xff\xd8\xff", "jpg"),
    "image/gif": (b"GIF8", "gif"),
    "image/webp": (b"RIFF", "webp"),
}
"""How they begin. Nothing that could hold a script."""
_DATA_URL = re.compile(r"data:(image/[a-z]{3,4});base64,")
_ODD = re.compile(r"[^A-Za-z0-9_.-]+")
_SANDBOX: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"


class ArtifactValue(Model):
    """An artifact, with what it says where that is not too much."""

    info: ArtifactInfo
    """Its envelope."""
    value: JsonValue = None
    """Its content; null as well where that is larger than 1 MiB."""
    blob: str
    """Where its bytes are."""


def routes(parts: Parts) -> APIRouter:
    """The routes of artifacts, of one run and by id."""
    router = APIRouter(prefix="/api", tags=["artifacts"])
    reader = parts.reader

    @router.get("/runs/{run}/artifacts", response_model=ArtifactList)
    async def artifacts(run: str, limit: PageSize = 1_000, offset: Offset = 0) -> Response:
        async def ask(store: RunStore) -> Response:
            found = await list_artifacts(store, await named_run(store, run))
            shown = found.model_copy(update={"artifacts": found.artifacts[offset : offset + limit]})
            return answer(shown, headers={COUNT_HEADER: str(len(found.artifacts))})

        return await reader.ask(ask)

    @router.get("/runs/{run}/lineage", response_model=ArtifactLineage)
    async def lineage_of(
        run: str,
        artifact: Annotated[str, Query(max_length=1_200)],
        up: bool = True,
        down: bool = True,
        depth: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    ) -> Response:
        return await about_run(reader, run, _lineage, artifact, up, down, depth)

    @router.get("/artifacts/{id}", response_model=ArtifactValue)
    async def one(id: str) -> Response:
        async def ask(store: RunStore) -> Response:
            with naming():
                info = await find_artifact(store, id)
            value = None if info.size > MOST_SHOWN_BYTES else (await get_artifact(store, info)).content
            envelope = ArtifactInfo.model_construct(**{name: getattr(info, name) for name in ArtifactInfo.model_fields})
            blob = f"/api/artifacts/{quote(info.id, safe='')}/content"
            return answer(ArtifactValue(info=envelope, value=value, blob=blob))

        return await reader.ask(ask)

    @router.get("/artifacts/{id}/content", response_class=Response)
    async def content(id: str) -> Response:
        async def ask(store: RunStore) -> Response:
            with naming():
                info = await find_artifact(store, id)
            return _file(await get_artifact(store, info))

        return await reader.ask(ask)

    return router


async def _lineage(
    store: RunStore, run: Run, artifact: str, is_up: bool, is_down: bool, depth: int | None
) -> ArtifactLineage:
    with naming():
        wanted = await find_artifact(store, artifact, run)
    return await lineage(run, wanted, Sources(store, bind_kept), is_up=is_up, is_down=is_down, depth=depth)


def _file(artifact: Artifact) -> Response:
    """The content as a file that a browser keeps and does not open."""
    media_type, data, suffix = _bytes_of(artifact)
    name = _ODD.sub("-", f"{artifact.task}.{artifact.output}")[:100].strip("-.") or "artifact"
    headers = {
        "content-disposition": f'attachment; filename="{name}.{suffix}"',
        "content-security-policy": _SANDBOX,
        "etag": f'"{artifact.sha256}"',
    }
    return Response(data, media_type=media_type, headers=headers)


def _bytes_of(artifact: Artifact) -> tuple[str, bytes, str]:
    content = artifact.content
    if not isinstance(content, str):
        return "application/octet-stream", artifact.data, "json"
    found = _DATA_URL.match(content)
    start, suffix = _IMAGES.get(found[1], (b"", "")) if found is not None else (b"", "")
    if found is not None and start:
        try:
            data = base64.b64decode(content[found.end() :], validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if data.startswith(start):
            return found[1], data, suffix
    return "application/octet-stream", content.encode("utf-8", "backslashreplace"), "txt"
