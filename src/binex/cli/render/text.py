"""Text of agents and users, made safe to show; and how much room it takes."""

import json
import re
import unicodedata
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


def width_of(text: str) -> int:
    """How many columns *text* takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_width_of(character) for character in text)


def clip(text: str, width: int, *, ellipsis: str = "…") -> str:
    """*text* in at most *width* columns, with an ellipsis where something was left out."""
    if width_of(text) <= width:
        return text
    room = width - len(ellipsis)
    if room < 0:
        return ellipsis[: max(0, width)]
    used, end = 0, 0
    for end, character in enumerate(text):  # noqa: B007 - the place where it stopped is wanted
        used += _width_of(character)
        if used > room:
            break
    return text[:end] + ellipsis


def pad(text: str, width: int, *, is_right: bool = False) -> str:
    """*text* filled with blanks to *width* columns."""
    blanks = " " * max(0, width - width_of(text))
    return blanks + text if is_right else text + blanks


def first_line(text: str) -> str:
    """The first line of *text* that says something, safe to show."""
    return escape(next((line.strip() for line in text.splitlines() if line.strip()), ""))


def _width_of(character: str) -> int:
    if unicodedata.combining(character) or character in "\u200b\u200c\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


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
