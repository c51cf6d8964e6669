"""Asking somebody who sits at this terminal."""

import asyncio
import getpass
import os
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from binex.adapters.human_answer import REJECTED, read_answer
from binex.cli.render.look import Look
from binex.cli.render.question import question_text, waiting_line
from binex.cli.render.text import escape
from binex.cli.streams import write_note
from binex.errors import InputError
from binex.models.question import Answer, Question, QuestionKind
from binex.models.task import now

_PROMPTS: Final = {
    QuestionKind.APPROVE: "approve? [y/n] ",
    QuestionKind.CHOOSE: "which? ",
    QuestionKind.OUTPUT: "JSON> ",
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
        while True:
            text = await _read_line(_PROMPTS.get(question.kind, "> "))
            if not text.strip():
                write_note("an answer, please; Ctrl-D leaves the question open")
                continue
            try:
                value = read_answer(question, text)
            except InputError as error:
                write_note(escape(f"{error.message}; {error.fix}" if error.fix else error.message))
                continue
            feedback = None
            if question.kind is QuestionKind.APPROVE and value == REJECTED:
                feedback = (await _read_line("why? (feedback, may be empty) ")).strip() or None
            return Answer(value=value, feedback=feedback, by=whoever_types(), at=now())


async def _read_line(prompt: str) -> str:
    """A line from the keyboard; can be cancelled, as no thread waits for it.

    Raises:
        EOFError: Ctrl-D, or the terminal is gone.
    """
    sys.stderr.write(prompt)
    sys.stderr.flush()
    loop = asyncio.get_running_loop()
    typed = b""
    while not typed.endswith(b"\n"):
        is_ready: asyncio.Future[None] = loop.create_future()
        loop.add_reader(_KEYBOARD, is_ready.set_result, None)
        try:
            await is_ready
        finally:
            loop.remove_reader(_KEYBOARD)
        try:
            data = os.read(_KEYBOARD, _LONGEST_READ)
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        typed += data
    return typed.decode("utf-8", "surrogateescape").rstrip("\r\n")
