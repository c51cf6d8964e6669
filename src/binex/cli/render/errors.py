"""Why a task failed, in one line."""

from binex.cli.render.text import escape, first_line
from binex.models.task import ErrorInfo


def brief(error: ErrorInfo) -> str:
    """``KeyError: 'b'`` where code raised; otherwise the message, which says it all."""
    said = first_line(error.message)
    return f"{escape(error.type)}: {said}" if error.traceback else said
