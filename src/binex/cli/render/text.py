"""Text on a terminal: made safe to show, and how much room it takes."""

import unicodedata

from binex.models.safe_text import content_text, escape, escape_json, pretty_json

__all__ = ["clip", "content_text", "escape", "escape_json", "first_line", "pad", "pretty_json", "width_of"]


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
