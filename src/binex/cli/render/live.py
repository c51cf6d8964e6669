"""Progress on a terminal: what settled scrolls by above, what runs now and the counts stay below."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from binex.cli.render.look import Look
from binex.cli.render.progress import how_it_ended, opening_line
from binex.cli.render.question import waiting_line
from binex.cli.render.stream import SpokenLines
from binex.cli.render.text import clip, escape, pad, width_of
from binex.cli.render.units import count, duration
from binex.models.event import (
    Event,
    FanOutStarted,
    Notice,
    QuestionAsked,
    RunEnded,
    RunStarted,
    Streamed,
    TaskRetrying,
    TaskSettled,
    TaskStarted,
)
from binex.models.names import item_of, node_of
from binex.models.task import ExecutionRecord, TaskStatus, now

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_RUNNING_SHOWN = 8
_SCROLLING_NODES = 60
"""With more nodes than this only what went wrong scrolls by."""
_FAILED = (TaskStatus.FAILED, TaskStatus.TIMED_OUT, TaskStatus.CANCELLED)
_STYLES = {"good": "green", "bad": "red", "warn": "yellow", "faint": "dim", "busy": "cyan"}


class LiveProgress:
    """A listener with a picture of the run that is drawn anew several times a second.

    With *spoken* what models say scrolls by as well, and the line that one is in the middle of stands below it.
    """

    def __init__(
        self, console: Console, look: Look, spoken: SpokenLines | None = None, directory: Path | None = None
    ) -> None:
        self._console = console
        self._look = look
        self._spoken = spoken
        self._directory = directory
        self._live: Live | None = None
        self._held_back: list[Text] | None = None
        self._lock = threading.Lock()  # the picture is drawn in a thread of its own
        self._started = time.monotonic()
        self._running: dict[str, tuple[float, int]] = {}
        self._items: dict[str, list[int]] = {}
        self._counts: Counter[TaskStatus] = Counter()
        self._nodes = 0
        self._settled_nodes = 0
        self._began: dict[str, float] = {}
        self._message = ""
        self._is_over = False

    def __call__(self, event: Event) -> None:
        line: Text | None = None
        said: list[str] = []
        with self._lock:
            match event:
                case RunStarted():
                    if self._is_over:  # another one, as a fork from where the first has stopped
                        self._counts.clear()
                        self._items.clear()
                        self._settled_nodes, self._is_over = 0, False
                    self._nodes = event.node_count
                    self._started = self._started if event.run.resumed else _moment_of(event.run.started_at)
                    self._counts.update(event.run.counts if event.reused else {})
                    line = Text(opening_line(event), style="dim")
                case FanOutStarted():
                    self._items[event.task] = [0, event.item_count, 0]
                case TaskStarted():
                    moment = _moment_of(event.at)
                    self._running[event.task] = (moment, event.attempt)
                    self._began.setdefault(node_of(event.task), moment)
                case Streamed() if self._spoken is not None:
                    said = self._spoken.feed(event.task, event.text)
                case TaskRetrying():
                    said = self._spoken.end(event.record.task) if self._spoken is not None else []
                    self._running.pop(event.record.task, None)
                    line = self._line(event.record, "↻" if self._look.has_unicode else "~", "yellow")
                case TaskSettled():
                    said = self._spoken.end(event.record.task) if self._spoken is not None else []
                    line = self._settle(event.record)
                case QuestionAsked():
                    line = Text(waiting_line(event.question, self._directory), style="yellow")
                case Notice():
                    line = Text(f"note: {escape(event.message)}", style="yellow")
                case RunEnded():
                    self._is_over = True
        lines = [Text(spoken) for spoken in said] + ([] if line is None else [line])
        if self._held_back is not None:
            self._held_back += lines
            return
        for line in lines:
            self._console.print(line, highlight=False)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the picture until the block ends."""
        with Live(self, console=self._console, refresh_per_second=10, transient=True, redirect_stdout=True) as live:
            self._live = live
            yield

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Take the picture away in the block, and hold back what would scroll by: somebody is being asked something."""
        assert self._live is not None
        self._live.stop()
        self._held_back = []
        try:
            yield
        finally:
            held_back, self._held_back = self._held_back, None
            self._live.start()
            for line in held_back:
                self._console.print(line, highlight=False)

    def say(self, message: str) -> None:
        """Tell something that is no event; it stays below."""
        with self._lock:
            self._message = message

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            if self._is_over or not self._nodes:
                return
            yield from self._picture(options.max_width)

    def _picture(self, width: int) -> Iterator[Text]:
        moment = time.monotonic()
        spinner = _SPINNER[int(moment * 10) % len(_SPINNER)] if self._look.has_unicode else "|/-\\"[int(moment * 8) % 4]
        rows = self._running_rows(moment)
        for name, detail in rows[:_RUNNING_SHOWN]:
            room = width - 3 - width_of(detail)
            title = pad(clip(name, room - 2), min(room - 2, 40))
            yield Text.assemble((spinner, "cyan"), f" {title} ", (detail, "dim"), no_wrap=True)
            if self._spoken is not None and (tail := self._spoken.unfinished(name)):
                yield Text(f"    {_end_of(tail, width - 4)}", no_wrap=True)
        if len(rows) > _RUNNING_SHOWN:
            yield Text(f"  and {len(rows) - _RUNNING_SHOWN:,} more running", style="dim", no_wrap=True)
        parts = [f"{self._settled_nodes}/{self._nodes} nodes"]
        if self._items:
            parts.append(f"{sum(self._counts.values()):,} tasks")
        for status, word in ((TaskStatus.FAILED, "failed"), (TaskStatus.TIMED_OUT, "timed out")):
            if self._counts[status]:
                parts.append(f"{self._counts[status]:,} {word}")
        parts.append(duration((moment - self._started) * 1000))
        joint = " · " if self._look.has_unicode else ", "
        text = clip("  " + joint.join(parts), width)
        yield Text(text, style="bold", no_wrap=True)
        if self._message:
            yield Text(clip(self._message, width), style="yellow", no_wrap=True)

    def _running_rows(self, moment: float) -> list[tuple[str, str]]:
        """What runs, the oldest first; items of one node share a row."""
        rows: dict[str, tuple[str, str]] = {}
        for task, (since, attempt) in self._running.items():
            node = node_of(task)
            elapsed = duration((moment - since) * 1000)
            if node == task:
                again = f"attempt {attempt}, " if attempt > 1 else ""
                rows[task] = (escape(task), again + elapsed)
            elif node not in rows:
                done, total, _ = self._items.get(node, [0, 0, 0])
                elapsed = duration((moment - self._began.get(node, since)) * 1000)
                rows[node] = (escape(node), f"{done:,}/{total:,} items, {elapsed}")
        return list(rows.values())

    def _settle(self, record: ExecutionRecord) -> Text | None:
        self._running.pop(record.task, None)
        if not record.is_final:
            return None
        self._counts[record.status] += 1
        if item_of(record.task) is not None:
            progress = self._items.get(node_of(record.task))
            if progress is not None:
                progress[0] += 1
                progress[2] += record.status in _FAILED
            return self._line(record) if record.status in _FAILED and record.error else None
        self._settled_nodes += 1
        if self._nodes > _SCROLLING_NODES and record.status not in _FAILED:
            return None
        return self._line(record)

    def _line(self, record: ExecutionRecord, mark: str = "", style: str = "") -> Text:
        mark = mark or Look(has_unicode=self._look.has_unicode).mark(record.status)
        style = style or {"completed": "green", "skipped": "dim"}.get(record.status.value, "red")
        ended = how_it_ended(record)
        items = self._items.get(record.task)
        if record.status is TaskStatus.COMPLETED and record.reused_from is None:
            took = record.duration_ms
            if items is not None:
                took = (time.monotonic() - self._began.get(record.task, time.monotonic())) * 1000
            ended = duration(took)
            if items is not None:
                failed = f"{items[2]:,} failed, " if items[2] else ""
                ended = f"{count(items[1], 'item')}, {failed}{ended}"
        return Text.assemble((mark, style), f" {escape(record.task)}  ", (ended, "dim" if style != "red" else "red"))


def _moment_of(at: datetime) -> float:
    """When that was, by the monotonic clock: what is followed in another process began before it was heard of."""
    return time.monotonic() - max(0.0, (now() - at).total_seconds())


def _end_of(text: str, width: int) -> str:
    """As much of the end of *text* as fits."""
    while text and width_of(text) > width:
        text = text[width_of(text) - width :]
    return text


@contextmanager
def live_progress(
    look: Look, spoken: SpokenLines | None = None, directory: Path | None = None
) -> Iterator[LiveProgress]:
    """The picture on stderr, until the block ends; what others print meanwhile appears above it."""
    console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    progress = LiveProgress(console, look, spoken, directory)
    with progress.shown():
        yield progress
