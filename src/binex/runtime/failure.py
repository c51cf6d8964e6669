"""What an exception becomes in a record: never empty, never the runtime's own frames, never endless."""

import traceback
from pathlib import Path

from binex.errors import AgentError, BadOutputError
from binex.models.task import ErrorInfo, ErrorKind

_OURS = tuple(str(Path(__file__).parents[1] / layer) for layer in ("runtime", "adapters"))
MAX_MESSAGE = 10_000
MAX_TRACEBACK = 40_000


def describe(error: Exception) -> ErrorInfo:
    """The error in full, as text."""
    is_ours = isinstance(error, AgentError)
    return ErrorInfo(
        kind=_kind(error),
        type=type(error).__name__,
        message=_message(error),
        fix=error.fix if isinstance(error, AgentError) else None,
        traceback=None if is_ours and error.__cause__ is None else _trace(error),
    )


def _kind(error: Exception) -> ErrorKind:
    if isinstance(error, BadOutputError):
        return ErrorKind.BAD_OUTPUT
    return ErrorKind.AGENT if isinstance(error, AgentError) else ErrorKind.CODE


def _message(error: Exception) -> str:
    try:
        message = str(error).strip()
    except Exception:  # noqa: BLE001 - the text is made by somebody else's code
        message = ""
    return message[:MAX_MESSAGE] or f"{type(error).__name__} without a message"


def _trace(error: Exception) -> str:
    """The traceback without the frames that lead from the dispatcher to the agent's code."""
    frames = traceback.TracebackException.from_exception(error, compact=True)
    own = [frame for frame in frames.stack if not frame.filename.startswith(_OURS)]
    if own:
        frames.stack = traceback.StackSummary.from_list(own)
    text = "".join(frames.format())
    if len(text) > MAX_TRACEBACK:
        half = MAX_TRACEBACK // 2
        return f"{text[:half]}\n… {len(text) - MAX_TRACEBACK:,} characters left out …\n{text[-half:]}"
    return text
