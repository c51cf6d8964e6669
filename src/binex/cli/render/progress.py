"""Progress where nobody watches a screen: a line an event, on stderr."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path

from binex.cli.render.errors import brief
from binex.cli.render.look import Look, words_of
from binex.cli.render.question import waiting_line
from binex.cli.render.stream import SpokenLines
from binex.cli.render.text import escape
from binex.cli.render.units import count, duration
from binex.models.event import (
    Event,
    FanOutStarted,
    Notice,
    QuestionAsked,
    RunStarted,
    Streamed,
    TaskRetrying,
    TaskSettled,
    TaskStarted,
)
from binex.models.task import ExecutionRecord, SkipReason, TaskStatus, now


class PlainProgress:
    """A listener that writes lines such as ``  0.31 s  search[3]  completed in 12 ms``.

    With *spoken* it also writes what models say.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        look: Look,
        spoken: SpokenLines | None = None,
        directory: Path | None = None,
    ) -> None:
        self._write = write
        self._look = look
        self._spoken = spoken
        self._directory = directory
        self._started = time.monotonic()

    def __call__(self, event: Event) -> None:
        match event:
            case RunStarted():
                if not event.run.resumed:  # it began before it was heard of where another process executes it
                    age = now() - event.run.started_at
                    self._started = time.monotonic() - max(0.0, age.total_seconds())
                self._write(opening_line(event))
            case TaskStarted():
                again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
                self._line(event.task, f"started{again}", event.at)
            case FanOutStarted():
                self._line(event.task, f"has {count(event.item_count, 'item')}")
            case Streamed() if self._spoken is not None:
                for line in self._spoken.feed(event.task, event.text):
                    self._write(line)
            case TaskRetrying() | TaskSettled():
                for line in self._spoken.end(event.record.task) if self._spoken is not None else ():
                    self._write(line)
                at = event.record.ended_at if event.record.reused_from is None else None
                self._line(event.record.task, how_it_ended(event.record), at)
            case QuestionAsked():
                self._write(waiting_line(event.question, self._directory))
            case Notice():
                self._write(f"note: {escape(event.message)}")
            case _:
                pass

    def say(self, message: str) -> None:
        """Tell something that is no event."""
        self._write(message)

    def pause(self) -> AbstractContextManager[None]:
        """Lines are no picture: they may stand beside what somebody is asked."""
        return nullcontext()

    def _line(self, task: str, text: str, at: datetime | None = None) -> None:
        """*at* is when it happened, which may have been before anybody listened."""
        age = 0.0 if at is None else max(0.0, (now() - at).total_seconds())
        elapsed = max(0.0, time.monotonic() - self._started - age)
        self._write(f"{elapsed:8.2f} s  {escape(task)}  {text}")


class Silence:
    """A listener that only passes on what a person should know."""

    def __init__(self, write: Callable[[str], None], directory: Path | None = None) -> None:
        self._write = write
        self._directory = directory

    def __call__(self, event: Event) -> None:
        match event:
            case QuestionAsked():
                self._write(waiting_line(event.question, self._directory))
            case Notice():
                self._write(f"note: {escape(event.message)}")
            case _:
                pass

    def say(self, message: str) -> None:
        """Tell something that is no event."""
        self._write(message)

    def pause(self) -> AbstractContextManager[None]:
        """There is next to nothing to hold back."""
        return nullcontext()


def opening_line(event: RunStarted) -> str:
    """``run 1k3x2yz of digest: 10 nodes``."""
    reused = f", {count(event.reused, 'task')} already settled" if event.reused else ""
    return f"run {event.run.id} of {escape(event.run.workflow)}: {count(event.node_count, 'node')}{reused}"


def how_it_ended(record: ExecutionRecord) -> str:
    """How an attempt ended, in one line."""
    said = words_of(record.status)
    if record.skip_reason is SkipReason.BLOCKED:
        return f"{said}: '{escape(record.blocked_by or '?')}' failed"
    if record.skip_reason is SkipReason.WHEN:
        return f"{said}: its condition is false"
    if record.skip_reason is SkipReason.BY_HAND:
        return f"{said} by hand"
    if record.reused_from is not None:
        return f"{said}: reused from run {escape(record.reused_from)}"
    took = f" in {duration(record.duration_ms)}" if record.started_at is not None else ""
    if record.status is TaskStatus.COMPLETED or record.error is None:
        return said + took
    again = "" if record.retry_in_ms is None else f"; again in {duration(record.retry_in_ms)}"
    return f"{said}{took}: {brief(record.error)}{again}"
