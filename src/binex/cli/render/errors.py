"""Why a task failed, in one line."""

from binex.cli.render.text import escape, first_line
from binex.models.task import ErrorInfo


def brief(error: ErrorInfo) -> str:
    """``KeyError: 'b'`` where code raised; otherwise the message, which says it all."""
    said = in_one_line(error.message)
    return f"{escape(error.type)}: {said}" if error.traceback else said


def in_one_line(message: str) -> str:
    """The first line of *message*; where that only announces what follows, the last one with it.

    ``ended with exit code 1; its last words:`` is followed by a traceback, whose last line says it all.
    """
    lines = [line for line in message.splitlines() if line.strip()]
    said = first_line(message)
    return f"{said} {first_line(lines[-1])}" if said.endswith(":") and len(lines) > 1 else said
