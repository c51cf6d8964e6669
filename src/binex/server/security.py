"""Stands before everything else: who may ask, from where, and with what. Pure ASGI, so that nothing gets past it."""

import re
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from binex.server.bodies import MOST_BYTES, read_json, replayed
from binex.server.hosts import Hosts
from binex.server.keys import Keys
from binex.server.odd_paths import LONGEST_ADDRESS, refuse_odd_path
from binex.server.refusals import JSON, RefusedError, document

LOGIN: Final = "/api/login"
_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'{nonce}; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
COMMON_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}
"""On every answer that does not say otherwise itself."""
_WRITING: Final = ("POST", "PUT")
_LOOKING: Final = re.compile(r"/api/(workflows/(check|plan)|runs/[^/]+/fork/plan)\Z")
"""What is asked with a body and only looks: nothing is executed, connected to or written."""
INTERNAL: Final = RefusedError(500, "internal", "something in Binex went wrong; the terminal says what")
_LONGEST_HEADERS: Final = 64 * 1024
_MOST_LOGIN_BYTES: Final = 4 * 1024
"""Of what somebody sends who has not said the token yet."""


def policy(nonce: str = "") -> str:
    """The Content-Security-Policy; with *nonce* a page may add the style sheets that carry it."""
    return _POLICY.format(nonce=f" 'nonce-{nonce}'" if nonce else "")


class Guard:
    """An application that passes on only what may be asked."""

    def __init__(
        self, app: ASGIApp, keys: Keys, hosts: Hosts, say: Callable[[str], None], *, is_read_only: bool
    ) -> None:
        self._app = app
        self._keys = keys
        self._hosts = hosts
        self._say = say
        self._is_read_only = is_read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # there are no web sockets, and nothing to do when the server starts or ends
        reply = _Reply(send)
        try:
            headers = Headers(scope=scope)
            reply.is_last = _has_two_lengths(headers)
            self._check(scope, headers)
            if scope["method"] in _WRITING:
                most = _MOST_LOGIN_BYTES if scope["path"] == LOGIN else MOST_BYTES
                data = await read_json(receive, headers.get("content-length", "").encode() or None, most)
                receive = replayed(data, receive)
            await self._app(scope, receive, reply.send)
        except RefusedError as refusal:
            await reply.refuse(refusal)
        except Exception as error:  # noqa: BLE001 - whatever it is, the server goes on
            self._say(f"internal error in {scope['method']} {scope['path']!r:.200}: {type(error).__name__}: {error}")
            await reply.refuse(INTERNAL)

    def _check(self, scope: Scope, headers: Headers) -> None:
        if sum(len(name) + len(value) for name, value in headers.raw) > _LONGEST_HEADERS:
            raise RefusedError(400, "headers", f"the headers are longer than {_LONGEST_HEADERS:,} bytes")
        if _has_two_lengths(headers):
            raise RefusedError(400, "length", "the body has a length and is sent in chunks", "send one of the two")
        self._check_sender(headers)
        refuse_odd_path(scope["raw_path"])
        if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_ADDRESS:
            raise RefusedError(400, "address", "the address is too long")
        method, path = scope["method"], scope["path"]
        is_api = path == "/api" or path.startswith("/api/")
        if not is_api and method not in ("GET", "HEAD"):
            raise RefusedError(405, "method", f"this is not asked with {method:.20}")
        is_login = path == LOGIN and method == "POST"
        cookies = [value for name, value in headers.raw if name == b"cookie"]
        if is_api and not is_login and not self._keys.is_known(cookies):
            raise RefusedError(401, "token", "this needs the token", "open the address that 'binex ui' printed")
        if method in _WRITING:
            kind, _, options = headers.get("content-type", "").partition(";")
            if kind.strip().lower() != JSON or options.strip().lower() not in ("", "charset=utf-8"):
                raise RefusedError(415, "content_type", f"this takes {JSON} only")
            is_looking = method == "POST" and _LOOKING.match(path) is not None
            if self._is_read_only and not is_login and not is_looking:
                raise RefusedError(403, "read_only", "this server only shows", "start it without --read-only")

    def _check_sender(self, headers: Headers) -> None:
        named = [value for name, value in headers.raw if name == b"host"]
        if len(named) != 1 or not self._hosts.is_own(named[0]):
            raise RefusedError(421, "host", "this is not the address of the server", "use the one that it printed")
        origins = [value for name, value in headers.raw if name == b"origin"]
        if any(origin != b"http://" + named[0] for origin in origins):
            raise RefusedError(403, "origin", "another site's page asks for this")
        sites = [value for name, value in headers.raw if name == b"sec-fetch-site"]
        if any(site not in (b"same-origin", b"none") for site in sites):
            raise RefusedError(403, "origin", "another site's page asks for this")


def _has_two_lengths(headers: Headers) -> bool:
    """Whether another program may see the end of the request elsewhere; nothing may follow it (RFC 9112, 6.3)."""
    return "content-length" in headers and "transfer-encoding" in headers


class _Reply:
    """What is sent, with the headers that all answers have."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._has_begun = False
        self.is_last = False
        """Whether the connection ends with it, where it is a refusal."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._has_begun = True
            given = {name.lower() for name, _ in message.get("headers", [])}
            added = {**COMMON_HEADERS, "content-security-policy": policy()}
            missing = [(name.encode(), value.encode()) for name, value in added.items() if name.encode() not in given]
            message = {**message, "headers": [*message.get("headers", []), *missing]}
        await self._send(message)

    async def refuse(self, refusal: RefusedError) -> None:
        if self._has_begun:
            return
        data = document(refusal)
        headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(data)).encode())]
        if self.is_last:
            headers.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": data})
