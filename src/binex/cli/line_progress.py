"""Progress where many runs are executed for one answer: a line for each, and what a person should know once."""

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from binex.cli.render.question import waiting_line
from binex.cli.render.text import escape
from binex.cli.streams import write_note
from binex.models.event import Event, Notice, QuestionAsked


class LineProgress:
    """A listener that leaves out what single runs say, but for questions and, once each, notices."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._began = time.monotonic()
        self._said: set[str] = set()

    def __call__(self, event: Event) -> None:
        match event:
            case QuestionAsked():
                write_note(waiting_line(event.question, self._directory))
            case Notice() if event.message not in self._said:
                self._said.add(event.message)
                write_note(f"note: {escape(event.message)}")
            case _:
                pass

    def say(self, message: str) -> None:
        """Tell something that is no event."""
        write_note(message)

    def pause(self) -> AbstractContextManager[None]:
        """Lines are no picture: they may stand beside what somebody is asked."""
        return nullcontext()

    def write_line(self, text: str) -> None:
        """Write what has ended, behind the time that has passed."""
        write_note(f"{time.monotonic() - self._began:8.2f} s  {text}")
