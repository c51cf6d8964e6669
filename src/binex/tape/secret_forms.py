"""Every form in which a known value travels: escaped, percent-encoded, in base64."""

import base64
import json
import re
from collections.abc import Iterator
from html import escape as escape_html
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 4
"""Shorter values are not searched for, in characters."""

_SHORTEST_INSIDE_BASE64: Final = 6


def clues_of(value: str) -> set[str]:
    """Texts of which one stands wherever a form of *value* stands: few, because each is looked for.

    Letters, digits and ``_ . -`` are what they are in every form but base64.
    """
    run = _longest_run(value)
    if len(run) < SHORTEST:
        return set(forms_of(value))
    return {run, *_base64_forms(encode(value))}


def is_plain(value: str) -> bool:
    """Whether the clues of *value* stand wherever it does, however often what it stands in was escaped."""
    return len(_longest_run(value)) >= SHORTEST


def _longest_run(value: str) -> str:
    return max(re.findall(r"[A-Za-z0-9_.-]+", value), key=len, default="")


def encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def forms_of(value: str) -> Iterator[str]:
    """Every text that stands for *value* somewhere."""
    yield value
    for once in _json_forms(value):
        yield once
        yield from _json_forms(once)
    data = encode(value)
    for encoded in (quote(data, safe=""), quote(data), quote(data, safe="!'()*"), quote_plus(data)):
        yield encoded
        yield re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), encoded)
    yield escape_html(value)
    yield escape_html(value, quote=False)
    yield from _base64_forms(data)


def _json_forms(value: str) -> Iterator[str]:
    for escaped in (json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
        yield re.sub(r"\\u[0-9a-f]{4}", lambda match: rf"\u{match.group()[2:].upper()}", escaped)


def _base64_forms(data: bytes) -> Iterator[str]:
    """*data* alone in base64, and for each of three alignments the characters that stand there in longer data."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        if len(data) < _SHORTEST_INSIDE_BASE64:
            yield encode(data).decode().rstrip("=")
            continue
        for before in range(3):
            first = -(-before * 8 // 6)
            end = (before + len(data)) * 8 // 6
            yield encode(bytes(before) + data)[first:end].decode()
