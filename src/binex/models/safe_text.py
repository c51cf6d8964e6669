"""Text of agents and users, made safe to show: on a terminal, in a table, on a page."""

import json
import re
from typing import Final

from pydantic import JsonValue

_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE: Final = "\u2028\u2029\ufff9-\ufffb\U000e0000-\U000e007f"
_ODD: Final = rf"\x7f-\x9f{_BIDI}{_INVISIBLE}\ud800-\udfff"
_NOT_SHOWN = re.compile(rf"[\x00-\x1f{_ODD}]")
_NOT_SHOWN_IN_TEXT = re.compile(rf"[\x00-\x08\x0b-\x1f{_ODD}]")
_NOT_SHOWN_IN_JSON = re.compile(rf"[{_ODD}]")


def escape(text: str, *, is_block: bool = False) -> str:
    r"""*text* without anything that a terminal obeys: ``\x1b`` stands where the character was.

    Control characters (C0, DEL, C1) and those that turn the direction of writing or cannot be seen. With
    *is_block* line ends and tabs stay; without it *text* stays one line.
    """
    return (_NOT_SHOWN_IN_TEXT if is_block else _NOT_SHOWN).sub(_escaped, text)


def escape_json(document: str) -> str:
    r"""A JSON document that means the same, with what :func:`escape` would hide written as ``\u009b``."""
    return _NOT_SHOWN_IN_JSON.sub(_escaped_in_json, document)


def pretty_json(value: object) -> str:
    """*value* as indented JSON, safe to show."""
    return escape_json(json.dumps(value, ensure_ascii=False, indent=2))


def content_text(content: JsonValue) -> str:
    """Text as it is, anything else as indented JSON; nothing that a terminal would obey."""
    return escape(content, is_block=True) if isinstance(content, str) else pretty_json(content)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped_in_json(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
