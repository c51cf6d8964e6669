"""A run drawn over time: a line a task, a bar for every attempt."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from binex.analysis.timing.call_timeline import CallTrace
from binex.analysis.trace import Pause, TaskTrace, Trace
from binex.cli.render.errors import brief, in_one_line
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.skipped import note_on, skipped
from binex.cli.render.text import clip, escape, pad, width_of
from binex.cli.render.units import count, duration
from binex.models.call import CallKind
from binex.models.money import dollars
from binex.models.task import TaskStatus

NO_CALLS: Final[Mapping[str, Sequence[CallTrace]]] = MappingProxyType({})
"""A timeline of tasks alone."""

_FAILED = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)
_FAILED_ITEMS_SHOWN = 5
_PAUSE_COLUMNS = 2

# What half a column shows; a higher one covers a lower one.
_NOTHING, _RESTING, _QUEUED, _WORKED, _CUT_OFF, _RUNNING, _FAILED_HERE, _ASKED = range(8)
_STYLES = {_RESTING: "warn", _WORKED: "good", _CUT_OFF: "warn", _RUNNING: "busy", _FAILED_HERE: "bad", _ASKED: "warn"}
_PLAIN = {_RESTING: ":", _QUEUED: ".", _WORKED: "=", _CUT_OFF: "~", _RUNNING: ">", _FAILED_HERE: "x", _ASKED: "?"}
_DOTTED = {_RESTING: "┈", _QUEUED: "┄", _ASKED: "┅"}
_LEGEND = {_QUEUED: "waits for its turn", _RESTING: "pause before a retry", _ASKED: "waits for a person"}


def timeline(
    trace: Trace, look: Look, *, with_items: bool = False, calls: Mapping[str, Sequence[CallTrace]] = NO_CALLS
) -> str:
    """The tasks of a run over time with their *calls*, and under it what the signs mean that are not plain."""
    rows = list(_rows(trace.tasks, with_items))
    if not rows:
        return "  nothing has started"
    names = [("  " if depth else "") + _name(task) for task, depth in rows]
    called = [_call_name(call) for task, _ in rows for call in calls.get(task.task, ())]
    name_width = min(max(width_of(name) for name in (*names, *called)), max(10, look.width * 2 // 5))
    columns = max(8, look.width - name_width - 4 - 11)
    scale = _Scale(trace.span_ms, trace.pauses, columns)
    ellipsis = look.glyph("…", "~")
    drawn: set[int] = set()
    lines = [pad("", name_width + 4) + look.paint(scale.axis(), "faint")]
    for (task, _), name in zip(rows, names, strict=True):
        title = pad(clip(name, name_width, ellipsis=ellipsis), name_width)
        start = f"{look.mark(task.status)} {title}  "
        if task.start_ms is None:
            lines.append(start + look.paint(clip(_why_not(task), columns + 11, ellipsis=ellipsis), "faint"))
            continue
        took = pad(_took(task), 10, is_right=True)
        cells = _cells(task, scale)
        drawn.update(cells)
        lines.append(start + _bar(cells, look) + f" {took}")
        reason = _reason(task)
        if reason:
            said = clip(reason, columns + 11, ellipsis=ellipsis)
            lines.append(pad("", name_width + 4) + look.paint(said, style_of(task.status)))
        if note := note_on(task):
            said = clip(note, columns + 11, ellipsis=ellipsis)
            lines.append(pad("", name_width + 4) + look.paint(said, "faint"))
        lines += [line for call in calls.get(task.task, ()) for line in _call(call, scale, name_width, look)]
    if trace.unsettled:
        lines.append(f"  {count(trace.unsettled, 'node')} not settled")
    if legend := _legend(drawn, look):
        lines.append(legend)
    return "\n".join(line.rstrip() for line in lines)


class _Scale:
    """Where a moment stands on the line. A long pause is drawn as a short one."""

    def __init__(self, span_ms: float, pauses: Sequence[Pause], columns: int) -> None:
        self.columns = columns
        self.span_ms = span_ms
        self.pauses = list(pauses) if len(pauses) * _PAUSE_COLUMNS * 3 <= columns else []
        self._worked_ms = max(span_ms - sum(pause.duration_ms for pause in self.pauses), 0.001)
        self._free = columns - _PAUSE_COLUMNS * len(self.pauses)

    def half_columns(self, ms: float) -> float:
        """The place of a moment, in half columns from the left."""
        worked, jumped = ms, 0.0
        for pause in self.pauses:
            if ms >= pause.start_ms + pause.duration_ms:
                worked -= pause.duration_ms
                jumped += _PAUSE_COLUMNS
            elif ms > pause.start_ms:
                worked -= ms - pause.start_ms
                jumped += _PAUSE_COLUMNS * (ms - pause.start_ms) / pause.duration_ms
        return 2 * min(self.columns, worked / self._worked_ms * self._free + jumped)

    def axis(self) -> str:
        """The start, the end, and how long each pause was, as far as there is room."""
        end = duration(self.span_ms)
        line = [" "] * self.columns
        line[0] = "0"
        line[-len(end) :] = end
        for pause in self.pauses:
            note = f"({duration(pause.duration_ms)} pause)"
            at = int(self.half_columns(pause.start_ms) / 2) + 1 - len(note) // 2
            at = min(at, self.columns - len(end) - 2 - len(note))
            if (
                at > 1
                and at + len(note) < self.columns - len(end) - 1
                and not "".join(line[at : at + len(note)]).strip()
            ):
                line[at : at + len(note)] = note
        return "".join(line)


def _rows(tasks: Sequence[TaskTrace], with_items: bool) -> Iterator[tuple[TaskTrace, int]]:
    for task in tasks:
        yield task, 0
        if with_items:
            yield from ((item, 1) for item in task.items)
        else:
            failed = [item for item in task.items if item.status in _FAILED]
            yield from ((item, 1) for item in failed[:_FAILED_ITEMS_SHOWN])


def _call(call: CallTrace, scale: _Scale, name_width: int, look: Look) -> Iterator[str]:
    """A call under its task: where it lies in time, and below that what it was."""
    cells = bytearray(2 * scale.columns)
    kind = _FAILED_HERE if call.error is not None else _WORKED if call.is_complete else _CUT_OFF
    kind = _ASKED if call.kind is CallKind.HUMAN and call.error is None else kind
    _paint(cells, scale, call.start_ms, call.start_ms + call.duration_ms, kind, least=1)
    title = pad(clip(_call_name(call), name_width, ellipsis=look.glyph("…", "~")), name_width)
    yield f"  {look.paint(title, 'faint')}  {_bar(cells, look)} {pad(duration(call.duration_ms), 10, is_right=True)}"
    about = ", ".join(part for part in (f"at {duration(call.start_ms)}", *_facts(call)) if part)
    room = scale.columns + 11
    said = f"{escape(call.target)}, {about}"
    yield pad("", name_width + 4) + look.paint(clip(said, room, ellipsis=look.glyph("…", "~")), "faint")


def _call_name(call: CallTrace) -> str:
    return f"{'  ' * (call.depth + 1)}{call.kind.value} {call.name.rpartition(':')[2]}"


def _facts(call: CallTrace) -> Iterator[str]:
    usage = call.usage
    if usage is not None and (usage.input_tokens is not None or usage.output_tokens is not None):
        tokens = ["?" if n is None else f"{n:,}" for n in (usage.input_tokens, usage.output_tokens)]
        yield f"{'/'.join(tokens)} tokens"
    if call.cost_usd is not None:
        yield dollars(call.cost_usd)
    if call.status is not None:
        yield str(call.status)
    if call.error is not None:
        yield in_one_line(call.error)


def _name(task: TaskTrace) -> str:
    name = escape(task.task)
    return f"{name} ({len(task.items):,})" if task.items else name


def _took(task: TaskTrace) -> str:
    if task.was_cut_off and not task.duration_ms:
        return "cut off"
    return duration(task.duration_ms)


def _why_not(task: TaskTrace) -> str:
    failed = f"{words_of(task.status)}: {brief(task.error)}" if task.error is not None else ""
    return ", ".join(part for part in (skipped(task), note_on(task), failed) if part) or words_of(task.status)


def _reason(task: TaskTrace) -> str:
    if task.error is None or task.status not in _FAILED:
        return ""
    tries = f" ({len(task.attempts)} attempts)" if len(task.attempts) > 1 else ""
    return f"{brief(task.error)}{tries}"


def _cells(task: TaskTrace, scale: _Scale) -> bytearray:
    cells = bytearray(2 * scale.columns)
    for one in task.items or (task,):
        _paint_task(cells, one, scale)
    return cells


def _bar(cells: bytearray, look: Look) -> str:
    return "".join(_cell(left, right, look) for left, right in zip(cells[::2], cells[1::2], strict=True))


def _legend(drawn: set[int], look: Look) -> str:
    """What the signs mean that are not plain."""
    said = [
        f"{look.paint(look.glyph(_DOTTED[kind], _PLAIN[kind]) * 2, _STYLES.get(kind, 'faint'))} {meaning}"
        for kind, meaning in _LEGEND.items()
        if kind in drawn
    ]
    line = "  " + "   ".join(said)
    is_wide = look.is_terminal and 2 + sum(6 + len(_LEGEND[kind]) for kind in _LEGEND if kind in drawn) - 3 > look.width
    return "\n".join(f"  {one}" for one in said) if is_wide else line.rstrip()


def _paint_task(cells: bytearray, task: TaskTrace, scale: _Scale) -> None:
    end_of_last = None
    for attempt in task.attempts:
        if end_of_last is not None:
            _paint(cells, scale, end_of_last, attempt.start_ms, _RESTING)
        elif attempt.queued_ms:
            _paint(cells, scale, attempt.start_ms - attempt.queued_ms, attempt.start_ms, _QUEUED)
        kind = _WORKED
        if attempt.status in _FAILED:
            kind = _FAILED_HERE
        elif attempt.status is TaskStatus.RUNNING:
            kind = _CUT_OFF if task.was_cut_off else _RUNNING
        elif attempt.status is TaskStatus.CANCELLED:
            kind = _CUT_OFF
        _paint(cells, scale, attempt.start_ms, attempt.end_ms, kind, least=1)
        end_of_last = attempt.end_ms
    for asked in task.asked:
        _paint(cells, scale, asked.start_ms, asked.start_ms + asked.duration_ms, _ASKED)


def _paint(cells: bytearray, scale: _Scale, start_ms: float, end_ms: float, kind: int, least: int = 0) -> None:
    start = min(int(scale.half_columns(max(0.0, start_ms))), len(cells) - 1)
    end = min(len(cells), max(start + least, round(scale.half_columns(end_ms))))
    for i in range(start, end):
        cells[i] = max(cells[i], kind)


def _cell(left: int, right: int, look: Look) -> str:
    kind = max(left, right)
    if kind == _NOTHING:
        return " "
    if not look.has_unicode:
        return look.paint(_PLAIN[kind], _STYLES.get(kind, "faint"))
    if kind in _DOTTED:
        return look.paint(_DOTTED[kind], _STYLES.get(kind, "faint"))
    if left >= _WORKED and right >= _WORKED:
        return look.paint("━", _STYLES[kind])
    return look.paint("╸" if left >= _WORKED else "╺", _STYLES[kind])
