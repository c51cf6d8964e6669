"""The timeline of a run: a line for every task, drawn to one scale."""

from collections.abc import Mapping, Sequence
from typing import Final

from binex.analysis.debug import RunDebug
from binex.analysis.trace import TaskTrace
from binex.models.names import item_of
from binex.models.units import count, duration
from binex.reports.html.elements import Markup, element, markup
from binex.reports.html.values import tone, words_of

_WIDTH: Final = 1000.0
"""What the run's duration is on a line, in the line's own units."""
_MOST_LINES: Final = 300
_ITEMS_SHOWN: Final = 40
_STEPS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


def timeline(found: RunDebug, anchors: Mapping[str, str]) -> Markup:
    """The lines of what started; *anchors* has the place of each task on the page."""
    started = [task.timing for task in found.tasks if task.timing.start_ms is not None]
    if not started:
        return element("p", "Nothing was executed.", class_="faint")
    ends = [asked.start_ms + asked.duration_ms for task in started for asked in task.asked]
    span = max([1.0, *(task.end_ms or 0.0 for task in started), *ends])
    shown = _chosen(started)
    lines = [_line(task, span, anchors) for task in shown]
    left_out = len(started) - len(shown)
    note = f"{count(left_out, 'task')} not drawn here; the list of tasks names them." if left_out else None
    return markup(
        element("ol", _scale(span), lines, class_="timeline"),
        _key(shown),
        None if note is None else element("p", note, class_="notice"),
    )


def _chosen(tasks: Sequence[TaskTrace]) -> list[TaskTrace]:
    """Nodes, and of the items of each those that failed or took longest; in their order."""
    by_node: dict[str, list[TaskTrace]] = {}
    for task in tasks:
        if item_of(task.task) is not None:
            by_node.setdefault(task.node_id, []).append(task)
    kept: set[str] = set()
    for items in by_node.values():
        items.sort(key=lambda item: (item.error is None, -item.duration_ms))
        kept.update(item.task for item in items[:_ITEMS_SHOWN])
    return [task for task in tasks if item_of(task.task) is None or task.task in kept][:_MOST_LINES]


def _line(task: TaskTrace, span: float, anchors: Mapping[str, str]) -> Markup:
    scale = _WIDTH / span
    start = task.start_ms or 0.0
    bars = [
        _bar("queued", (start - task.queued_ms) * scale, task.queued_ms * scale, f"queued {duration(task.queued_ms)}")
    ]
    for attempt in task.attempts:
        said = f"attempt {attempt.attempt}: {words_of(attempt.status)}, {duration(attempt.duration_ms)}"
        bars.append(_bar(tone(attempt.status), attempt.start_ms * scale, attempt.duration_ms * scale, said))
        if attempt.retry_in_ms:
            said = f"tried again {duration(attempt.retry_in_ms)} later"
            bars.append(_bar("pause", attempt.end_ms * scale, attempt.retry_in_ms * scale, said))
    if not task.attempts:
        bars.append(_bar(tone(task.status), start * scale, task.duration_ms * scale, words_of(task.status)))
    for asked in task.asked:
        said = f"a person was asked, for {duration(asked.duration_ms)}"
        bars.append(_bar("human", asked.start_ms * scale, asked.duration_ms * scale, said))
    tries = f", {count(len(task.attempts), 'attempt')}" if len(task.attempts) > 1 else ""
    label = f"{words_of(task.status)} after {duration(task.duration_ms)}, from {duration(start)} on{tries}"
    box = f"0 0 {_WIDTH:.0f} 14"
    drawing = element("svg", bars, role="img", aria_label=label, viewBox=box, preserveAspectRatio="none")
    name = element("a", task.task, href=f"#{anchors[task.task]}") if task.task in anchors else task.task
    return element(
        "li",
        element("span", name, class_="name", title=task.task),
        element("span", drawing, class_="bars"),
        element("span", duration(task.duration_ms), class_="took"),
        class_="item" if item_of(task.task) is not None else None,
    )


def _bar(kind: str, x: float, width: float, said: str) -> Markup | None:
    if kind == "queued" and width < 1:
        return None
    x, height = min(max(x, 0.0), _WIDTH), 2.0 if kind == "pause" else 10.0
    return element(
        "rect",
        element("title", said),
        class_=f"bar {kind}",
        x=x,
        y=(14 - height) / 2,
        width=min(max(width, 0.5), _WIDTH - x) if x < _WIDTH else 0.5,
        height=height,
    )


def _scale(span: float) -> Markup:
    marks = [element("span", duration(span * step)) for step in _STEPS]
    return element(
        "li",
        element("span"),
        element("span", marks, class_="scale"),
        element("span"),
        class_="scale-row",
        aria_hidden="true",
    )


def _key(shown: Sequence[TaskTrace]) -> Markup:
    """What the colours mean, as far as they are there."""
    kinds: dict[str, set[str]] = {}
    for task in shown:
        for status in [attempt.status for attempt in task.attempts] or [task.status]:
            kinds.setdefault(tone(status), set()).add(words_of(status))
    said = [(kind, " or ".join(sorted(names))) for kind, names in kinds.items()]
    if any(task.queued_ms for task in shown):
        said.append(("queued", "could have run, and waited for its turn"))
    if any(attempt.retry_in_ms for task in shown for attempt in task.attempts):
        said.append(("pause", "the pause before it was tried again"))
    if any(task.asked for task in shown):
        said.append(("human", "waiting for a person"))
    return element("p", [element("span", _swatch(kind), text) for kind, text in said], class_="key")


def _swatch(kind: str) -> Markup:
    height = 2 if kind == "pause" else 10
    rect = element("rect", class_=f"bar {kind}", x=0, y=(10 - height) / 2, width=16, height=height)
    return element("svg", rect, viewBox="0 0 16 10", aria_hidden="true")
