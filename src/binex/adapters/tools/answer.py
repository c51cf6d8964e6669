"""What a model is told that a tool answered: text, and not too much of it."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from binex.models.json_value import encode_json

ERROR: Final = "error: "
"""How a text begins that says why a tool failed."""
_TOLD: Final = 2_000
"""How much of an error's text a model is told, in characters."""


def told_error(text: str) -> str:
    """An error, as a model is told."""
    return ERROR + shorten(text, _TOLD)


def shorten(text: str, length: int) -> str:
    """*text*, of which no more than *length* characters are left."""
    return text if len(text) <= length else text[: length - 1] + "…"


def told_value(value: JsonValue) -> str:
    """What a Python function returned, as a model is told: text as it is, all else as JSON."""
    return value if isinstance(value, str) else encode_json(value).decode()


def told_result(result: JsonValue) -> str:
    """The result of an MCP tool, as a model is told.

    The texts of its parts; where there are none, its structured content. What is no text is only described.
    """
    if not isinstance(result, dict):
        return told_value(result)
    parts = result.get("content")
    texts = [_told_part(part) for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    structured = result.get("structuredContent")
    text = told_value(structured) if structured is not None and not texts else "\n".join(texts)
    return told_error(text or "the tool failed and did not say why") if result.get("isError") else text


def cut(text: str, limit: int) -> str:
    """*text*, of which no more than *limit* bytes are left, with a note where something is missing."""
    if len(text) * 4 <= limit:
        return text
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit:
        return text
    note = f"\n[cut: the first {limit:,} of {len(data):,} bytes (limits.output_bytes)]"
    return data[:limit].decode("utf-8", "ignore") + note


def _told_part(part: Mapping[str, JsonValue]) -> str:
    match part:
        case {"type": "text", "text": str() as text}:
            return text
        case {"type": "resource", "resource": {"text": str() as text}}:
            return text
        case {"type": "resource", "resource": dict() as resource}:
            return _described({"type": "resource", **resource}, "blob")
        case _:
            return _described(part, "data")


def _described(part: Mapping[str, JsonValue], content: str) -> str:
    """A part without its *content*, of which only the size is told."""
    described: dict[str, JsonValue] = {}
    for name, value in part.items():
        if name == content and isinstance(value, str):
            described["bytes"] = len(value) * 3 // 4 - value[-2:].count("=")
        elif isinstance(value, str):
            described[name] = shorten(value, 500)
        elif isinstance(value, bool | int | float):
            described[name] = value
    return encode_json(described).decode()
