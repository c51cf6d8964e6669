"""The text of what was said in a call, however it came over the wire."""

import json
from typing import Final

from binex.stores.wording import MOST_TEXT_BYTES, decode_text

_LINES: Final = ("application/x-ndjson", "application/jsonl")


def text_of_body(data: bytes, media_type: str) -> str:
    """The text of a body, or of a part of one; of a model's reply that came in pieces, the pieces put together.

    Otherwise a word that came in two pieces could not be found.
    """
    if not media_type.startswith(_LINES):
        return decode_text(data, media_type)
    lines: list[str] = []
    before = ""
    for line in data[:MOST_TEXT_BYTES].splitlines():
        kind, piece = _piece_of(line)
        if kind and kind == before:
            lines[-1] += piece
        else:
            lines.append(piece if kind else decode_text(line, media_type))
        before = kind
    return "\n".join(lines)


def _piece_of(line: bytes) -> tuple[str, str]:
    """The type of an event that brings nothing but a piece of text, and that; nothing for any other line."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return "", ""
    if not (isinstance(event, dict) and event.keys() == {"type", "text"}):
        return "", ""
    kind, text = event["type"], event["text"]
    if not (isinstance(kind, str) and isinstance(text, str)):
        return "", ""
    return kind, text.encode("utf-8", "replace").decode()
