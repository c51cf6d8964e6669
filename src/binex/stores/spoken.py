"""The text of what was said in a call, however it came over the wire."""

import json
from typing import Final

from binex.stores.wording import MOST_TEXT_BYTES, decode_text

_LINES: Final = ("application/x-ndjson", "application/jsonl")
_END: Final = "finished"
_ABOUT_IT: Final = {"usage", "model", "id", "cost_usd"}
"""What the event at the end of a reply has besides the reason for which that ended."""
_AS_USUAL: Final = ("stop", "tool_calls")


def text_of_body(data: bytes, media_type: str) -> str:
    """The text of a body, or of a part of one; of a model's reply that came in events, what it said, put together.

    Otherwise a word that came in two pieces could not be found.
    """
    if not media_type.startswith(_LINES):
        return decode_text(data, media_type)
    lines: list[str] = []
    before = ""
    for line in data[:MOST_TEXT_BYTES].splitlines():
        kind, piece = _said_in(line) or ("", decode_text(line, media_type))
        if kind == before != "":
            lines[-1] += piece
        elif piece or kind != _END:
            lines.append(piece)
        before = kind
    return "\n".join(lines)


def _said_in(line: bytes) -> tuple[str, str] | None:
    """The type of an event of a model's reply, and what it says; None for any other line."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match event:
        case {"type": "finished", "reason": str(reason), **rest} if rest.keys() <= _ABOUT_IT:
            return _END, "" if reason in _AS_USUAL else _writable(reason)
        case {"type": "tool_call", "call": {"name": str(name), "arguments": str(arguments)}}:
            return "", _writable(f"{name} {arguments}")
        case {"type": str(kind), "text": str(text), **rest} if not rest:
            return kind, _writable(text)
        case _:
            return None


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
