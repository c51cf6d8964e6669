"""What an exception becomes in a record: never empty, never with the runtime's own frames, never endless."""

from binex.adapters.local_failure import traceback_of
from binex.errors import (
    AgentError,
    AuthenticationError,
    BadOutputError,
    BadReplyError,
    BudgetError,
    OfflineError,
    ProcessDiedError,
    RemoteCodeError,
    RemoteError,
    SchemaError,
    UnansweredError,
)
from binex.models.task import ErrorInfo, ErrorKind

MAX_MESSAGE = 10_000
MAX_TRACEBACK = 40_000
MAX_BODY = 2_000


def describe(error: Exception) -> ErrorInfo:
    """The error in full, as text."""
    return ErrorInfo(
        kind=_kind(error),
        type=error.type_name if isinstance(error, RemoteCodeError) else type(error).__name__,
        message=_message(error),
        fix=error.fix if isinstance(error, AgentError) else None,
        traceback=_shortened(_traceback(error)),
        host=(error.host or None) if isinstance(error, RemoteError) else None,
        status=error.status if isinstance(error, RemoteError) else None,
        body=(error.body[:MAX_BODY] or None) if isinstance(error, RemoteError) else None,
    )


def _kind(error: Exception) -> ErrorKind:  # noqa: PLR0911 - one case a kind
    match error:
        case RemoteError():
            return _kind_of_remote(error)
        case SchemaError():
            return ErrorKind.SCHEMA
        case BudgetError():
            return ErrorKind.BUDGET
        case OfflineError():
            return ErrorKind.OFFLINE
        case UnansweredError():
            return ErrorKind.HUMAN
        case BadOutputError():
            return ErrorKind.BAD_OUTPUT
        case ProcessDiedError():
            return ErrorKind.PROCESS
        case AgentError() if not isinstance(error, RemoteCodeError):
            return ErrorKind.AGENT
        case _:
            return ErrorKind.CODE


def _kind_of_remote(error: RemoteError) -> ErrorKind:
    if isinstance(error, BadReplyError):
        return ErrorKind.BAD_REPLY
    if isinstance(error, AuthenticationError) or error.status in (401, 403):
        return ErrorKind.AUTHENTICATION
    if error.status == 429:
        return ErrorKind.RATE_LIMIT
    return ErrorKind.UNREACHABLE if error.is_retryable else ErrorKind.REFUSED


def _message(error: Exception) -> str:
    try:
        message = str(error).strip()
    except Exception:  # noqa: BLE001 - the text is made by somebody else's code
        message = ""
    return message[:MAX_MESSAGE] or f"{type(error).__name__} without a message"


def _traceback(error: Exception) -> str | None:
    if isinstance(error, ProcessDiedError | RemoteCodeError):
        return error.traceback or None
    if isinstance(error, RemoteError) or (isinstance(error, AgentError) and error.__cause__ is None):
        return None  # its message is meant to be enough
    return traceback_of(error)


def _shortened(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_TRACEBACK:
        return text
    half = MAX_TRACEBACK // 2
    return f"{text[:half]}\n… {len(text) - MAX_TRACEBACK:,} characters left out …\n{text[-half:]}"
