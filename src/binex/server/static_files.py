"""The page itself: files that are read when the server starts, and never looked for by what an address says."""

import secrets
from pathlib import Path
from typing import Final, NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from binex.server.refusals import RefusedError
from binex.server.security import policy

FOLDER: Final = Path(__file__).parent / "static"
_SHELL: Final = "/index.html"
_NONCE: Final = b"__CSP_NONCE__"
"""Stands in the page where the nonce of an answer belongs."""
_FOREVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
"""What is served; files of other kinds are not."""
_NOT_PAGES: Final = ("/docs", "/redoc", "/metrics", "/api")
_NOT_BUILT: Final = (
    b"<!doctype html><html lang=en><meta charset=utf-8><title>Binex</title>"
    b"<p>The page is not built in this checkout. The API answers under /api."
)


class File(NamedTuple):
    """One file of the page."""

    data: bytes
    media_type: str
    is_hashed: bool
    """Whether its name changes with what is in it."""


class StaticFiles:
    """An application that answers with the files of *folder*, and with the shell for every page of the browser."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = read_files(folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        file = self._files.get(path)
        if file is None and not _is_page(path):
            raise RefusedError(404, "missing", "there is no such file")
        response = self._shell() if file is None or path == _SHELL else _response(file)
        await response(scope, receive, send)

    def _shell(self) -> Response:
        file = self._files.get(_SHELL)
        data = _NOT_BUILT if file is None else file.data
        nonce = secrets.token_urlsafe(16) if _NONCE in data else ""
        headers = {"content-security-policy": policy(nonce), "cache-control": "no-store"}
        return Response(data.replace(_NONCE, nonce.encode()), media_type=_TYPES[".html"], headers=headers)


def read_files(folder: Path) -> dict[str, File]:
    """Every file of the page, by the path in its address."""
    found: dict[str, File] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        media_type = _TYPES.get(path.suffix)
        if media_type is not None and path.is_file() and not path.is_symlink():
            name = path.relative_to(folder).as_posix()
            found[f"/{name}"] = File(path.read_bytes(), media_type, name.startswith("assets/"))
    return found


def _is_page(path: str) -> bool:
    """Whether the page's own script has to say what is there."""
    return "." not in path.rpartition("/")[2] and not any(path == no or path.startswith(f"{no}/") for no in _NOT_PAGES)


def _response(file: File) -> Response:
    headers = {"cache-control": _FOREVER if file.is_hashed else "no-cache"}
    return Response(file.data, media_type=file.media_type, headers=headers)
