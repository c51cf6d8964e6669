"""How an agent failed, as JSON on a tape: read back, it is the same error, so that whatever follows is the same too."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from binex.errors import (
    AgentError,
    AuthenticationError,
    BadOutputError,
    BadReplyError,
    BudgetError,
    CheaperModelError,
    RemoteError,
    ReplayError,
    SchemaError,
    UnansweredError,
)
from binex.models.json_value import decode_json, encode_json

MEDIA_TYPE: Final = "application/vnd.binex.failure+json"
"""Says that a body is a failure, where it might be anything."""
KEY: Final = "error"
"""The only key of a failure's JSON."""
_START: Final = f'{{"{KEY}":'.encode()
_KINDS: Final[Mapping[str, type[AgentError]]] = {
    kind.__name__: kind
    for kind in (
        *(AgentError, BadOutputError, SchemaError, BudgetError, CheaperModelError, ReplayError, UnansweredError),
        *(RemoteError, AuthenticationError, BadReplyError),
    )
}


def encode_failure(error: AgentError) -> bytes:
    """*error* as one line of JSON, without the end of the line."""
    told: dict[str, JsonValue] = {
        "type": next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _KINDS),
        "message": error.message,
        "fix": error.fix,
        "isRetryable": error.is_retryable,
        "retryAfterMs": error.retry_after_ms,
    }
    if isinstance(error, RemoteError):
        told.update(host=error.host, status=error.status, body=error.body)
    if isinstance(error, CheaperModelError):
        told.update(model=error.model)
    return encode_json({KEY: told})


def decode_failure(data: bytes) -> AgentError | None:
    """The error that *data* is; None where it is something else."""
    if not data.startswith(_START):
        return None
    try:
        value = decode_json(data)
    except ValueError:
        return None
    told = value.get(KEY) if isinstance(value, dict) and len(value) == 1 else None
    return _error_of(told) if isinstance(told, dict) else None


def failure_in_words(text: str, *, host: str = "", status: int | None = None) -> AgentError:
    """The error that a tape has kept as text alone, as those of earlier versions do: ``RemoteError: it is gone``."""
    name, _, message = text.partition(": ")
    kind = _KINDS.get(name)
    if kind is None or not message:
        return RemoteError(text, host=host, status=status)
    if issubclass(kind, RemoteError):
        return kind(message, host=host, status=status)
    return kind(message)


def _error_of(told: Mapping[str, JsonValue]) -> AgentError:
    """The error without what is of another type than it was written with."""
    fix, pause, status = told.get("fix"), told.get("retryAfterMs"), told.get("status")
    kind = _KINDS.get(str(told.get("type")), AgentError)
    error = kind(str(told.get("message") or kind.__name__), fix=fix if isinstance(fix, str) else None)
    error.is_retryable = bool(told.get("isRetryable"))
    error.retry_after_ms = pause if isinstance(pause, int) else None
    if isinstance(error, RemoteError):
        error.host, error.body = str(told.get("host") or ""), str(told.get("body") or "")
        error.status = status if isinstance(status, int) else None
    if isinstance(error, CheaperModelError):
        error.model = str(told.get("model") or "")
    return error
