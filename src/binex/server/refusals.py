"""What a request that cannot be answered is told: a status, and in JSON what is wrong and what to do about it."""

from typing import Final

from pydantic_core import to_json

from binex.errors import (
    AnsweredError,
    BinexError,
    DamagedDataError,
    InputError,
    RunError,
    RunOwnedError,
    StoreError,
    UntrustedError,
    WorkflowError,
)

JSON: Final = "application/json"


class RefusedError(Exception):
    """A request that the server does not answer, whatever the store says."""

    def __init__(self, status: int, kind: str, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.fix = fix


class MissingError(InputError):
    """What an address names is not there."""


def refusal_of(error: BinexError) -> RefusedError:
    """What somebody is told about *error*."""
    status, kind = _status_of(error)
    return RefusedError(status, kind, error.message, error.fix)


def document(refusal: RefusedError) -> bytes:
    """The body that says so."""
    said = {"message": _writable(refusal.message), "fix": refusal.fix and _writable(refusal.fix), "kind": refusal.kind}
    return to_json({"error": said})


def _status_of(error: BinexError) -> tuple[int, str]:  # noqa: PLR0911 - one line for each kind
    match error:
        case MissingError():
            return 404, "missing"
        case WorkflowError():
            return 422, "workflow"
        case InputError():
            return 422, "input"
        case AnsweredError():
            return (410, "gone") if error.is_gone else (409, "answered")
        case RunOwnedError():
            return 409, "run_owned"
        case UntrustedError():
            return 409, "trust"
        case RunError():
            return 409, "run"
        case DamagedDataError():
            return 503, "damaged"
        case StoreError():
            return 503, "store"
        case _:
            return 422, "agent"


def _writable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
