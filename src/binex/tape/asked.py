"""What was asked, as a hash: two calls that ask the same have the same one, whatever differs in them by chance."""

import re
from hashlib import sha256
from typing import Final

from binex.models.call import CallKind

_UUID: Final = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RPC_ID: Final = re.compile(rb'"id"\s*:\s*(?:"[^"\\]*"|[0-9]+)')
_CHANCE: Final = re.compile(
    rb'"(?:message_?id|request_?id|idempotency_?key|nonce|progressToken)"\s*:\s*(?:"[^"\\]*"|[0-9]+)', re.IGNORECASE
)
_CLUES: Final = (b'id"', b'key"', b'nonce"', b'token"')
_BOUNDARY: Final = re.compile(rb"--([0-9A-Za-z'()+_,./:=?-]{1,70})\r\n")


def hash_asked(kind: CallKind, target: str, request: bytes) -> str:
    """The hash of a request, redacted, without what changes by chance.

    That is: UUIDs, the ids of messages and of JSON-RPC requests, nonces and keys of idempotency, and the boundary
    of a multipart body. Headers do not count; the key that signs a request is among them.
    """
    hashed = sha256(kind.value.encode() + b"\n")
    for text in (target.encode("utf-8", "surrogatepass"), _without_chance(request)):
        hashed.update(_UUID.sub(b"<uuid>", text) if text.count(b"-") > 3 else text)
        hashed.update(b"\n")
    return hashed.hexdigest()


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
