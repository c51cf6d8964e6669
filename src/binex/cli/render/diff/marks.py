"""Changed text with its changes marked as in git's word diff, ``[-old-]{+new+}``, in lines that fit."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from binex.analysis.differences.text_diff import Change, TextDiff
from binex.cli.render.look import Look
from binex.cli.render.text import escape, width_of

_TOKEN = re.compile(r"\n|[^\S\n]+|\S+[^\S\n]?")
_PAINT = re.compile(r"\x1b\[[0-9;]*m")
_LEAST: Final = 8


class Span(NamedTuple):
    """A piece of text in one style."""

    text: str
    style: str = "plain"


def deleted(text: str) -> Span:
    """*text* as what was deleted."""
    return Span(f"[-{text}-]", "bad")


def inserted(text: str) -> Span:
    """*text* as what was inserted."""
    return Span(f"{{+{text}+}}", "good")


def marked(diff: TextDiff, look: Look, *, around: int | None = None) -> list[Span]:
    """Both texts in one. With *around* only so many characters of what is the same stand around a change."""
    dots = look.glyph("…", "...")
    spans = [Span(dots, "faint")] if diff.skipped else []
    for number, (change, text) in enumerate(diff.pieces):
        safe = escape(text, is_block=True)
        if change is Change.DELETED:
            spans.append(deleted(safe))
        elif change is Change.INSERTED:
            spans.append(inserted(safe))
        elif around is None:
            spans.append(Span(safe))
        else:
            is_last = number == len(diff.pieces) - 1 and not diff.is_cut
            spans.append(Span(_short(safe, around, dots, is_first=number == 0, is_last=is_last)))
    if diff.is_cut:
        spans.append(Span(f"{dots} not compared further", "warn"))
    elif diff.left_out:
        spans.append(Span(dots, "faint"))
    return spans


def in_one_line(spans: Iterable[Span], look: Look) -> list[Span]:
    """The *spans* with a sign in the place of each line's end."""
    sign = look.glyph("⏎ ", "\\n ")
    return [Span(span.text.replace("\n", sign).replace("\t", " "), span.style) for span in spans]


def lines_of(spans: Iterable[Span], look: Look, *, width: int, most: int | None = None) -> list[str]:
    """The *spans* in lines of at most *width* columns, painted; no more than *most*, the last one then says so."""
    width = max(_LEAST, width)
    lines: list[list[Span]] = [[]]
    used = 0
    for token in _tokens(spans, width):
        if token.text == "\n" or used + width_of(token.text.rstrip()) > width:
            lines.append([])
            used = 0
            if token.text.isspace():
                continue
        lines[-1].append(token)
        used += width_of(token.text)
    painted = [_painted(line, look) for line in lines[:most]]
    if len(painted) < len(lines):
        painted[-1] += look.paint(look.glyph(" …", " ..."), "faint")
    return painted


def _painted(line: Iterable[Span], look: Look) -> str:
    """A line, neighbours of the same style painted together."""
    runs: list[Span] = []
    for text, style in line:
        if runs and runs[-1].style == style:
            runs[-1] = Span(runs[-1].text + text, style)
        else:
            runs.append(Span(text, style))
    return "".join(look.paint(text, style) for text, style in runs).rstrip()


def _tokens(spans: Iterable[Span], width: int) -> Iterator[Span]:
    """Pieces that stay together on a line; words that are longer than one are broken."""
    for text, style in spans:
        for token in _TOKEN.findall(text):
            rest = token
            while width_of(rest.rstrip()) > width:
                end = width if rest.isascii() else max(1, width // 2)
                yield Span(rest[:end], style)
                rest = rest[end:]
            yield Span(rest, style)


def _short(text: str, around: int, dots: str, *, is_first: bool, is_last: bool) -> str:
    """What is the same, without its middle where that is long; at the ends of the text only the side of the change."""
    room = around * (1 if is_first or is_last else 2) + len(dots)
    if len(text) <= room:
        return text
    head = "" if is_first else text[:around].rsplit(" ", 1)[0]
    tail = "" if is_last else text[-around:].split(" ", 1)[-1]
    return f"{head} {dots} {tail}" if head and tail else f"{head} {dots}" if head else f"{dots} {tail}"


def wrapped(text: str, width: int) -> Iterator[str]:
    """*text*, which may be painted, in lines of at most *width* columns; those after the first are indented."""
    indent = " " * (len(text) - len(text.lstrip(" ")))
    line, used = "", 0
    for word in text.split():
        room = width_of(_PAINT.sub("", word))
        if line and used + 1 + room > width:
            yield line
            line, used, indent = "", 0, f"{indent:2}"
        glue = " " if line else indent
        line += glue + word
        used += len(glue) + room
    yield line
