"""How one value differs, in lines."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from binex.analysis.differences.json_diff import JsonChange, JsonChangeKind, JsonDiff, written
from binex.analysis.differences.model import PartDiff, Side, ValueDiff
from binex.cli.render.diff.marks import Span, deleted, in_one_line, inserted, lines_of, marked
from binex.cli.render.look import Look
from binex.cli.render.text import clip, escape, pad

_AROUND: Final = 32
_SHOWN: Final = 160
"""How much of a value is shown in an excerpt."""
_CHANGES: Final = 4
"""How many changes inside a value are shown in an excerpt."""
_LINES: Final = 4
_NAME: Final = 14


def excerpt(name: str, value: ValueDiff | None, look: Look, *, side: Side = Side.BOTH) -> list[str]:
    """A name, and beside it what is different about its value, in a few lines."""
    return labelled(name, [in_one_line(row, look) for row in _spans(value, side, look)], look)


def labelled(name: str, rows: Iterable[Sequence[Span]], look: Look) -> list[str]:
    """A name, and beside it, or below it on a narrow terminal, the *rows*, each in a few lines."""
    label = escape(name)
    indent = 2 + max(_NAME, len(label)) + 2
    is_below = look.width < indent + 32
    indent = 4 if is_below else indent
    found: list[str] = []
    for row in rows:
        found += lines_of(row, look, width=look.width - indent, most=_LINES)
    head = "  " + look.paint(label if is_below else pad(label, indent - 4), "faint")
    if is_below:
        return [head, *(" " * indent + line for line in found)]
    return [f"{head}  {line}" if i == 0 else " " * indent + line for i, line in enumerate(found)] or [head.rstrip()]


def part_note(part: PartDiff) -> str:
    """Where the difference of a part comes from, where the task itself was not changed."""
    if part.is_own:
        return ""
    return f" (by {', '.join(part.variables)})" if part.variables else " (filled in)"


def _spans(value: ValueDiff | None, side: Side, look: Look) -> Iterator[list[Span]]:
    if value is None:
        yield [Span("differs; what it was is not known" if side is Side.BOTH else "only in one of them", "faint")]
    elif value.text is not None:
        yield marked(value.text, look, around=_AROUND)
    elif value.json_value is not None:
        yield from json_spans(value.json_value, look, most=_CHANGES, shown=_SHOWN)
    elif side is Side.BEFORE:
        yield [deleted(as_line(value.before, _SHOWN, look))]
    else:
        yield [inserted(as_line(value.after, _SHOWN, look))]


def json_spans(diff: JsonDiff, look: Look, *, most: int | None, shown: int | None) -> Iterator[list[Span]]:
    """One row for each value that was changed, added or removed."""
    if not diff.changes:
        yield [Span("only the order of the fields is another", "faint")]
    for change in diff.changes[:most]:
        yield _change(change, look, shown)
    if most is not None and len(diff.changes) > most:
        yield [Span(f"{look.glyph('…', '...')} and {len(diff.changes) - most:,} more changes", "faint")]
    if diff.is_cut:
        yield [Span(f"{look.glyph('…', '...')} there are more changes, which were not compared", "warn")]


def _change(change: JsonChange, look: Look, shown: int | None) -> list[Span]:
    name = escape(written(change.path))
    if change.path != change.path_before:
        name = f"{escape(written(change.path_before))} {look.glyph('→', '->')} {name}"
    label = f"{name}: " if name else ""
    match change.kind:
        case JsonChangeKind.ADDED:
            return [inserted(label + as_line(change.after, shown, look))]
        case JsonChangeKind.REMOVED:
            return [deleted(label + as_line(change.before, shown, look))]
    if change.text is not None:
        return [Span(label), *marked(change.text, look, around=None if shown is None else _AROUND)]
    return [
        Span(label),
        deleted(as_line(change.before, shown, look)),
        inserted(as_line(change.after, shown, look)),
    ]


def as_line(value: JsonValue, shown: int | None, look: Look) -> str:
    """A value in one line: text as it is, where it cannot be taken for another value, anything else as JSON."""
    is_plain = isinstance(value, str) and value and value == value.strip() and not value[0].isdigit()
    is_plain = is_plain and value not in ("true", "false", "null")
    text = str(value) if is_plain else json.dumps(value, ensure_ascii=False)
    safe = escape(text, is_block=True)
    return safe if shown is None else clip(safe, shown, ellipsis=look.glyph("…", "..."))
