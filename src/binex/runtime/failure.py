"""What an exception becomes in a record: never empty, never with the runtime's own frames, never endless."""

from binex.adapters.local_failure import traceback_of
from binex.errors import AgentError, BadOutputError, ProcessDiedError, RemoteCodeError
from binex.models.task import ErrorInfo, ErrorKind

MAX_MESSAGE = 10_000
MAX_TRACEBACK = 40_000


def describe(error: Exception) -> ErrorInfo:
    """The error in full, as text."""
    return ErrorInfo(
        kind=_kind(error),
        type=error.type_name if isinstance(error, RemoteCodeError) else type(error).__name__,
        message=_message(error),
        fix=error.fix if isinstance(error, AgentError) else None,
        traceback=_shortened(_traceback(error)),
    )


def _kind(error: Exception) -> ErrorKind:
    match error:
        case BadOutputError():
            return ErrorKind.BAD_OUTPUT
        case ProcessDiedError():
            return ErrorKind.PROCESS
        case AgentError() if not isinstance(error, RemoteCodeError):
            return ErrorKind.AGENT
        case _:
            return ErrorKind.CODE


def _message(error: Exception) -> str:
    try:
        message = str(error).strip()
    except Exception:  # noqa: BLE001 - the text is made by somebody else's code
        message = ""
    return message[:MAX_MESSAGE] or f"{type(error).__name__} without a message"


def _traceback(error: Exception) -> str | None:
    if isinstance(error, ProcessDiedError | RemoteCodeError):
        return error.traceback or None
    if isinstance(error, AgentError) and error.__cause__ is None:
        return None  # its message is meant to be enough
    return traceback_of(error)


def _shortened(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_TRACEBACK:
        return text
    half = MAX_TRACEBACK // 2
    return f"{text[:half]}\n… {len(text) - MAX_TRACEBACK:,} characters left out …\n{text[-half:]}"
