"""A run drawn over time: a line a task, a bar for every attempt."""

from collections.abc import Iterator, Sequence

from binex.analysis.trace import Pause, TaskTrace, Trace
from binex.cli.render.errors import brief
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.skipped import note_on, skipped
from binex.cli.render.text import clip, escape, pad, width_of
from binex.cli.render.units import count, duration
from binex.models.task import TaskStatus

_FAILED = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)
_FAILED_ITEMS_SHOWN = 5
_PAUSE_COLUMNS = 2

# What half a column shows; a higher one covers a lower one.
_NOTHING, _RESTING, _QUEUED, _WORKED, _CUT_OFF, _RUNNING, _FAILED_HERE = range(7)
_STYLES = {_WORKED: "good", _CUT_OFF: "warn", _RUNNING: "busy", _FAILED_HERE: "bad"}
_PLAIN = {_RESTING: ".", _QUEUED: ".", _WORKED: "=", _CUT_OFF: "~", _RUNNING: ">", _FAILED_HERE: "x"}


def timeline(trace: Trace, look: Look, *, with_items: bool = False) -> str:
    """The tasks of a run over time, and under it what the signs mean where that is not plain."""
    rows = list(_rows(trace.tasks, with_items))
    if not rows:
        return "  nothing has started"
    names = [("  " if depth else "") + _name(task) for task, depth in rows]
    name_width = min(max(width_of(name) for name in names), max(10, look.width * 2 // 5))
    columns = max(8, look.width - name_width - 4 - 11)
    scale = _Scale(trace.span_ms, trace.pauses, columns)
    ellipsis = look.glyph("…", "~")
    lines = [pad("", name_width + 4) + look.paint(scale.axis(), "faint")]
    for (task, _), name in zip(rows, names, strict=True):
        title = pad(clip(name, name_width, ellipsis=ellipsis), name_width)
        start = f"{look.mark(task.status)} {title}  "
        if task.start_ms is None:
            lines.append(start + look.paint(clip(_why_not(task), columns + 11, ellipsis=ellipsis), "faint"))
            continue
        took = pad(_took(task), 10, is_right=True)
        lines.append(start + _bar(task, scale, look) + f" {took}")
        reason = _reason(task)
        if reason:
            said = clip(reason, columns + 11, ellipsis=ellipsis)
            lines.append(pad("", name_width + 4) + look.paint(said, style_of(task.status)))
        if note := note_on(task):
            said = clip(note, columns + 11, ellipsis=ellipsis)
            lines.append(pad("", name_width + 4) + look.paint(said, "faint"))
    if trace.unsettled:
        lines.append(f"  {count(trace.unsettled, 'node')} not settled")
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


def _bar(task: TaskTrace, scale: _Scale, look: Look) -> str:
    cells = bytearray(2 * scale.columns)
    for one in task.items or (task,):
        _paint_task(cells, one, scale)
    line = []
    for left, right in zip(cells[::2], cells[1::2], strict=True):
        line.append(_cell(left, right, look))
    return "".join(line)


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
    if kind <= _QUEUED:
        return look.paint("┄", "faint")
    if left >= _WORKED and right >= _WORKED:
        return look.paint("━", _STYLES[kind])
    return look.paint("╸" if left >= _WORKED else "╺", _STYLES[kind])
