"""One task in two runs, with all of its differences in full: beside each other where there is room, else in one."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from binex.analysis.differences.model import CauseKind, RunDiff, Side, TaskDiff, TaskState, ValueDiff
from binex.analysis.differences.text_diff import Change, Piece, TextDiff
from binex.cli.render.damage import damage_lines
from binex.cli.render.diff.marks import Span, deleted, inserted, lines_of, marked, wrapped
from binex.cli.render.diff.names import folded
from binex.cli.render.diff.text import comparison_of_task, standing
from binex.cli.render.diff.value import json_spans, part_note
from binex.cli.render.look import Look
from binex.cli.render.text import content_text, escape, width_of

SIDE_BY_SIDE: Final = 120
"""From this width on both texts stand beside each other."""
_CONTEXT: Final = 3
"""How many lines of what is the same stand around a change."""
_BAR: Final = (" │ ", " | ")


def task_diff(found: RunDiff, name: str, look: Look) -> str:
    """The task of that name in both runs: how it went, why it is different, and what exactly is different."""
    task = found.task(name)
    if task is None:
        return f"no task '{escape(name)}'"
    paragraphs = ["\n".join(_head(found, task, look)), comparison_of_task(task, look)]
    for part in task.parts:
        paragraphs.append("\n".join(_value(f"{part.name}{part_note(part)}", part.value, part.side, look)))
    if task.messages is not None:
        paragraphs.append("\n".join(_value("messages, as its model was given them", task.messages, Side.BOTH, look)))
    if task.error is not None:
        paragraphs.append("\n".join(_value("error", task.error, Side.BOTH, look)))
    for side in (task.before, task.after):
        if task.error is None and side is not None and side.error is not None:
            which = "before" if side is task.before else "after"
            said = f"{side.error.type}: {side.error.message}"
            paragraphs.append(f"{look.paint(f'error ({which})', 'strong')}\n  {escape(said, is_block=True)}")
    for output in task.outputs:
        paragraphs.append("\n".join(_value(output.output, output.value, output.side, look)))
    if found.damage:
        paragraphs.append("\n".join(damage_lines(found.damage, look)))
    return "\n\n".join(paragraphs)


def _head(found: RunDiff, task: TaskDiff, look: Look) -> Iterator[str]:
    name = look.paint(escape(task.task), "strong")
    runs = f"between run {found.before.id} and run {found.after.id}"
    if task.state is TaskState.EQUAL:
        yield from wrapped(f"{look.mark('completed')} {name} is the same {runs}", look.width)
        return
    yield from wrapped(f"{name} differs {runs}: {standing(task)}", look.width)
    for cause in found.causes:
        if task.task in cause.tasks and cause.kind is not CauseKind.STOPPED:
            yield from wrapped(f"  cause: {escape(cause.text)}", look.width)
    if task.follows_from:
        yield from wrapped(f"  follows from {folded(task.follows_from)}", look.width)


def _value(name: str, value: ValueDiff | None, side: Side, look: Look) -> Iterator[str]:
    """A heading, and the whole difference below it."""
    yield look.paint(escape(name), "strong")
    width = look.width - 2
    if value is None:
        yield "  differs; what it was is not known"
    elif value.text is not None and look.width >= SIDE_BY_SIDE:
        yield from (f"  {line}" for line in beside(value.text, look, width))
    elif value.text is not None:
        yield from (f"  {line}" for line in lines_of(_without_middle(value.text, look), look, width=width))
    elif value.json_value is not None:
        for row in json_spans(value.json_value, look, most=None, shown=None):
            yield from (f"  {line}" for line in lines_of(row, look, width=width))
    else:
        only = value.before if side is Side.BEFORE else value.after
        mark = deleted if side is Side.BEFORE else inserted
        yield from (f"  {line}" for line in lines_of([mark(content_text(only))], look, width=width))


def _without_middle(diff: TextDiff, look: Look) -> list[Span]:
    """The text with its changes; of what is the same only some lines around them."""
    dots = look.glyph("…", "...")
    pieces = []
    for number, (change, text) in enumerate(diff.pieces):
        lines = text.split("\n")
        is_first, is_last = number == 0, number == len(diff.pieces) - 1
        kept = _CONTEXT * (1 if is_first or is_last else 2) + 2
        if change is not Change.SAME or len(lines) <= kept:
            pieces.append(Piece(change, text))
            continue
        head = [] if is_first else lines[: _CONTEXT + 1]
        tail = [] if is_last else lines[-_CONTEXT - 1 :]
        left_out = f"{dots} {len(lines) - len(head) - len(tail):,} lines the same"
        pieces.append(Piece(change, "\n".join([*head, left_out, *tail])))
    return marked(diff.model_copy(update={"pieces": tuple(pieces)}), look)


def beside(diff: TextDiff, look: Look, width: int) -> Iterator[str]:
    """What it was on the left, what it is on the right, line by line."""
    bar = look.glyph(*_BAR)
    room = (width - len(bar)) // 2
    for left, right in _rows(diff):
        sides = (lines_of(left, look, width=room), lines_of(right, look, width=room))
        plain = Look(width=look.width, has_unicode=look.has_unicode)
        widths = [width_of(line) for line in lines_of(left, plain, width=room)]
        for number, (old, new) in enumerate(zip_longest(*sides, fillvalue="")):
            used = widths[number] if number < len(widths) else 0
            yield f"{old}{' ' * (room - used)}{bar}{new}".rstrip()


def _rows(diff: TextDiff) -> Iterator[tuple[list[Span], list[Span]]]:
    """Lines that belong together, those of what is the same only near a change."""
    rows: list[tuple[list[Span], list[Span]]] = [([], [])]
    for change, text in diff.pieces:
        safe = escape(text, is_block=True)
        if change is Change.DELETED:
            rows[-1][0].append(deleted(safe))
        elif change is Change.INSERTED:
            rows[-1][1].append(inserted(safe))
        else:
            for number, line in enumerate(safe.split("\n")):
                if number:
                    rows.append(([], []))
                if line:
                    rows[-1][0].append(Span(line))
                    rows[-1][1].append(Span(line))
    changed = {i for i, (left, right) in enumerate(rows) if left != right}
    near = {i + distance for i in changed for distance in range(-_CONTEXT, _CONTEXT + 1)}
    is_gap = False
    for i, row in enumerate(rows):
        if i in near:
            is_gap = False
            yield row
        elif not is_gap:
            is_gap = True
            yield ([Span("...", "faint")], [Span("...", "faint")])
    if diff.is_cut:
        yield ([Span("not compared further", "warn")], [Span("not compared further", "warn")])
