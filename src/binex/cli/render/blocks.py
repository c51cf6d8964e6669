"""Longer texts inside a page: indented, folded to the width there is, and cut where they are endless."""

import json
import textwrap
from collections.abc import Iterator

from pydantic import JsonValue

from binex.cli.render.look import Look
from binex.cli.render.text import content_text, escape, escape_json, width_of
from binex.models.units import count

_MOST_LINES = 40
_VALUE_LINES = 24
_SHORT = 1000
_MOST_CHARACTERS_A_LINE = 200
_LEAST_ROOM = 16


def block(text: str, look: Look, indent: int, style: str = "plain", *, most: int = _MOST_LINES) -> Iterator[str]:
    """The lines of *text*, safe to show, each behind *indent* blanks; on a terminal none is wider than it.

    Of more than *most* lines those in the middle are left out, and counted: ``--json`` has all of it.
    """
    half = _MOST_CHARACTERS_A_LINE * most // 2
    cut = len(text) - 2 * half
    shown = text if cut <= 0 else f"{text[:half]}\n{text[-half:]}"
    lines = [
        piece for line in escape(shown, is_block=True).rstrip("\n").split("\n") for piece in _folded(line, look, indent)
    ]
    hidden = len(lines) - most
    edge = " " * indent
    for i, line in enumerate(lines):
        if hidden > 0 and most // 2 <= i < most // 2 + hidden:
            continue
        if i == most // 2 + max(0, hidden) and (hidden > 0 or cut > 0):
            left_out = count(cut, "character") if cut > 0 else count(hidden, "line")
            for piece in sentence(f"{look.glyph('…', '...')} {left_out} left out; --json has all", look, indent):
                yield look.paint(piece, "faint")
        yield edge + look.paint(line, style) if line else ""


def value_block(value: JsonValue, look: Look, indent: int, style: str = "plain") -> Iterator[str]:
    """A value: text as it is, anything else as JSON, in one line where that fits."""
    text = content_text(value)
    if not isinstance(value, str) and len(text) <= _SHORT:
        in_one_line = escape_json(json.dumps(value, ensure_ascii=False))
        text = in_one_line if width_of(in_one_line) <= look.width - indent else text
    return block(text, look, indent, style, most=_VALUE_LINES)


def sentence(text: str, look: Look, indent: int, hanging: int = 2) -> Iterator[str]:
    """A line that goes on below itself, a little further in, where it does not fit. *text* is safe to show."""
    if not look.is_terminal:
        yield " " * indent + text
        return
    room = max(_LEAST_ROOM, look.width - indent)
    yield from textwrap.wrap(
        text, room + indent, initial_indent=" " * indent, subsequent_indent=" " * (indent + hanging)
    ) or [""]


def _folded(line: str, look: Look, indent: int) -> list[str]:
    room = max(_LEAST_ROOM, look.width - indent)
    if not look.is_terminal or len(line) <= room:
        return [line]
    pieces = textwrap.wrap(line, room, replace_whitespace=False, drop_whitespace=False)
    return [piece.rstrip() for piece in pieces] or [""]
