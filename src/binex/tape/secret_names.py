"""Which names say that what stands behind them is secret: of headers, of parameters in URLs, of JSON's keys."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus

_WORDS: Final = frozenset(
    {
        "apikey", "auth", "authorization", "cookie", "credential", "credentials", "jwt", "key", "passphrase", "passwd",
        "password", "pwd", "secret", "sig", "signature", "token",
    }
)  # fmt: skip
_HARMLESS: Final = frozenset({"idempotency-key", "x-idempotency-key", "sec-websocket-key", "surrogate-key"})
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN: Final = re.compile(r"[^A-Za-z0-9]+")
_PARAMETER: Final = re.compile(r"(?P<name>[^?&;#=\s/]+)=(?P<value>[^&;#\s]+)")
_USER: Final = re.compile(r"(?<=://)[^/?#\s@]+@")

_ENDS: Final = (b"key", b"secret", b"passwd", b"password", b"phrase", b"authorization", b"credential", b"token")
"""What the names of secrets in JSON end with, in lower case."""
_ENDED: Final = re.compile(rb'(?:key|cret|wd|word|phrase|zation|credential|ken)["\\=\n]')
"""Matches where such a name ends, and seldom elsewhere; `shorten` may have put a line break behind it."""
_JSON_NAME: Final = re.compile(
    rb"(?:api[_-]?key|secret|secret[_-]?key|password|passwd|passphrase|authorization|credential|private[_-]?key"
    rb"|access[_-]?key|(?:access|refresh|auth|bearer|session|id|client|security|device|csrf)[_-]?token)\Z"
)
_MEMBER: Final = re.compile(
    rb'(?P<quote>\\{0,7}")\s{0,9}:\s{0,9}(?P=quote)(?P<secret>[^"\\]*(?:\\.[^"\\]*)*?)(?P=quote)', re.DOTALL
)
_PARAMETER_NAME: Final = re.compile(rb"[?&;]([A-Za-z0-9_.%-]{1,64})\Z")
_PARAMETER_VALUE: Final = re.compile(rb"=(?P<secret>[A-Za-z0-9._~+/%-]{6,})")
_TOKEN: Final = re.compile(rb"[A-Za-z0-9._~+/=-]{16,}")


@lru_cache(512)
def is_secret_name(name: str) -> bool:
    """Whether a header or parameter with this name holds a secret: one of its words is ``key``, ``token`` …"""
    if name.lower() in _HARMLESS:
        return False
    return not _WORDS.isdisjoint(_BETWEEN.split(_CAMEL.sub("-", name).lower()))


def cut_url(text: str, mark: str) -> str:
    """*text*, which is or ends with a URL, without who asks and without secret parameters."""
    if "@" in text:
        text = _USER.sub(f"{mark}@", text)
    return cut_parameters(text, mark) if "=" in text else text


def cut_parameters(text: str, mark: str) -> str:
    """*text*, which has the form of a query, without the values of secret parameters."""
    return _PARAMETER.sub(
        lambda found: f"{found['name']}={mark}" if is_secret_name(unquote_plus(found["name"])) else found.group(), text
    )


def cut_named(data: bytes, mark: bytes, shorter: bytes) -> bytes:
    """*data* without the texts that stand in JSON, or in JSON inside its texts, behind a key with a secret's name.

    And without those in the URLs in it. ``key`` and ``token`` alone are the names of much that is no secret: a
    ``token`` is cut where it is long enough to be one, a ``key`` is not. *shorter* is what ``shorten`` makes of *data*.
    """
    if not _ENDED.search(shorter.lower()):
        return data
    lowered = data.lower()
    spans = {span for end in _ENDS for span in _spans(data, lowered, end)}
    for start, stop in sorted(spans, reverse=True):
        data = data[:start] + mark + data[stop:]
    return data


def _spans(data: bytes, lowered: bytes, end: bytes) -> Iterator[tuple[int, int]]:
    """Where secrets stand whose names end with *end*."""
    at = lowered.find(end)
    while at >= 0:
        stop = at + len(end)
        begins = max(0, at - 64)
        match data[stop : stop + 1]:
            case b'"' | b"\\":
                found = _MEMBER.match(data, stop)
                if found and found["secret"] and _is_secret_member(lowered[begins:stop], found["secret"]):
                    yield found.span("secret")
            case b"=":
                found = _PARAMETER_VALUE.match(data, stop)
                name = _PARAMETER_NAME.search(data[begins:stop])
                if found and name and is_secret_name(name[1].decode("ascii", "replace")):
                    yield found.span("secret")
        at = lowered.find(end, stop)


def _is_secret_member(before: bytes, value: bytes) -> bool:
    if before.endswith(b'"token'):
        return _TOKEN.fullmatch(value) is not None
    return _JSON_NAME.search(before) is not None
