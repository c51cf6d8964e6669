"""What was asked, as a hash: two calls that ask the same have the same one, whatever differs in them by chance."""

import re
from hashlib import sha256
from typing import Final

from binex.models.call import CallKind

_UUID: Final = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RPC_ID: Final = re.compile(rb'"id"\s*:\s*(?:"[^"\\]*"|[0-9]+)')
_NAMES: Final = "message_?id|request_?id|idempotency_?key|nonce|progressToken"
_CHANCE: Final = re.compile(rb'"(?:%b)"\s*:\s*(?:"[^"\\]*"|[0-9]+)' % _NAMES.encode(), re.IGNORECASE)
_BY_CHANCE: Final = re.compile(_NAMES, re.IGNORECASE)
_CLUES: Final = (b'id"', b'key"', b'nonce"', b'token"')
_BOUNDARY: Final = re.compile(rb"--([0-9A-Za-z'()+_,./:=?-]{1,70})\r\n")


class Asked(str):
    """What a call asks, redacted: the hash that it is matched by, and what that is the hash of."""

    __slots__ = ("media_type", "request", "target", "task")

    target: str
    request: bytes
    media_type: str
    task: str
    """The path of the task that asks."""

    @classmethod
    def of(cls, kind: CallKind, target: str, request: bytes, *, media_type: str, task: str) -> "Asked":
        """What is asked of *target*."""
        asked = cls(hash_asked(kind, target, request))
        asked.target, asked.request, asked.media_type, asked.task = target, request, media_type, task
        return asked


def hash_asked(kind: CallKind, target: str, request: bytes) -> str:
    """The hash of a request, redacted, without what changes by chance.

    That is: UUIDs, the ids of messages and of JSON-RPC requests, nonces and keys of idempotency, and the boundary
    of a multipart body. Headers do not count; the key that signs a request is among them.
    """
    hashed = sha256(kind.value.encode() + b"\n")
    for text in (_encode(target), _without_chance(request)):
        hashed.update(_steady(text))
        hashed.update(b"\n")
    return hashed.hexdigest()


def is_by_chance(name: str, one: object, other: object) -> bool:
    """Whether the member *name* of two requests may have these two values without making them different."""
    if _BY_CHANCE.fullmatch(name):
        return True
    return isinstance(one, str) and isinstance(other, str) and _steady(_encode(one)) == _steady(_encode(other))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _steady(text: bytes) -> bytes:
    return _UUID.sub(b"<uuid>", text) if text.count(b"-") > 3 else text


def _without_chance(data: bytes) -> bytes:
    if data.startswith(b"--") and (boundary := _BOUNDARY.match(data)):
        return data.replace(boundary.group(1), b"<boundary>")
    if data.startswith((b"{", b"[")):
        if b'"jsonrpc"' in data:
            data = _RPC_ID.sub(b'"id":0', data, count=1)
        lowered = data.lower()
        if any(clue in lowered for clue in _CLUES):
            data = _CHANCE.sub(b"", data)
    return data
