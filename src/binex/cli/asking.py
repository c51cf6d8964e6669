"""Asking somebody who sits at this terminal."""

import asyncio
import getpass
import os
import socket
import stat
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from binex.adapters.human_answer import REJECTED, check_answer, read_answer
from binex.cli.editing import Draft
from binex.cli.render.look import Look
from binex.cli.render.question import question_text, waiting_line
from binex.cli.render.text import escape
from binex.cli.streams import write_note
from binex.errors import InputError
from binex.models.breakpoint import KEYS, Action, editable
from binex.models.question import Answer, Question, QuestionKind
from binex.models.task import now

_PROMPTS: Final = {
    QuestionKind.APPROVE: "approve? [y/n] ",
    QuestionKind.CHOOSE: "which? ",
    QuestionKind.OUTPUT: "JSON> ",
    QuestionKind.BREAKPOINT: "stopped> ",
}
_KEYBOARD: Final = 0
_LONGEST_READ: Final = 65_536


def is_somebody_there() -> bool:
    """Whether this process may ask at a terminal: it has one to read from and to write to, and is in front of it."""
    try:
        has_both = sys.stdin.isatty() and sys.stderr.isatty()
        return has_both and os.tcgetpgrp(_KEYBOARD) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


def is_something_piped() -> bool:
    """Whether this process gets its input from a pipe or a file, which may hold what would be typed."""
    try:
        mode = os.fstat(_KEYBOARD).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def whoever_types() -> str:
    """The person at this terminal, as far as the machine knows: ``ada@host``."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in a container
        name = f"user {os.getuid()}"
    return f"{name}@{socket.gethostname()}"


class TerminalAsker:
    """Shows a question on stderr and reads the answer from the keyboard.

    *pause* keeps everything else from being written meanwhile. Ctrl-D leaves the question open.
    """

    def __init__(
        self, pause: Callable[[], AbstractContextManager[None]] = nullcontext, directory: Path | None = None
    ) -> None:
        self._pause = pause
        self._directory = directory
        self._keyboard = _Keyboard()

    async def __call__(self, question: Question) -> Answer | None:
        with self._pause():
            write_note(question_text(question, Look.of(sys.stderr)))
            try:
                return await self._answer(question)
            except EOFError:
                write_note(f"\n{waiting_line(question, self._directory)}")
                return None
            except asyncio.CancelledError:
                write_note("")
                raise

    async def _answer(self, question: Question) -> Answer:
        draft = Draft(editable(question.shown)) if question.kind is QuestionKind.BREAKPOINT else None
        while True:
            text = await self._keyboard.read_line(_PROMPTS.get(question.kind, "> "))
            if not text.strip():
                write_note("an answer, please; Ctrl-D leaves the question open")
                continue
            try:
                value = await _edited(question, draft, text) if draft is not None else read_answer(question, text)
            except InputError as error:
                write_note(escape(f"{error.message}; {error.fix}" if error.fix else error.message))
                continue
            feedback = None
            if question.kind is QuestionKind.APPROVE and value == REJECTED:
                feedback = (await self._keyboard.read_line("why? (feedback, may be empty) ")).strip() or None
            return Answer(value=value, feedback=feedback, by=whoever_types(), at=now())


async def _edited(question: Question, draft: Draft, text: str) -> JsonValue:
    """What is said at a stop; for ``edit`` alone an editor is opened.

    Raises:
        InputError: it cannot be said there.
    """
    word = text.strip().lower()
    if KEYS.get(word, word) != Action.EDIT or Action.EDIT not in question.choices:
        return read_answer(question, text)
    return check_answer(question, {Action.EDIT.value: await draft.edit()})


class _Keyboard:
    """What is typed, or piped, line by line; a read can be cancelled, as no thread waits for it."""

    def __init__(self) -> None:
        self._ahead = b""  # what came together with the line before

    async def read_line(self, prompt: str) -> str:
        """The next line.

        Raises:
            EOFError: Ctrl-D, or the terminal is gone.
        """
        sys.stderr.write(prompt)
        sys.stderr.flush()
        while b"\n" not in self._ahead:
            data = await _read()
            if not data and (not self._ahead or os.isatty(_KEYBOARD)):
                raise EOFError
            self._ahead += data or b"\n"  # the last line of a pipe may have no end
        line, _, self._ahead = self._ahead.partition(b"\n")
        return line.decode("utf-8", "surrogateescape").rstrip("\r")


async def _read() -> bytes:
    """What there is to read, as soon as there is any; nothing at the end."""
    loop = asyncio.get_running_loop()
    is_ready: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(_KEYBOARD, is_ready.set_result, None)
    except PermissionError:  # a file is always ready
        is_ready.set_result(None)
    try:
        await is_ready
    finally:
        loop.remove_reader(_KEYBOARD)
    try:
        return os.read(_KEYBOARD, _LONGEST_READ)
    except OSError:
        return b""
