"""Every error that Binex raises on purpose.

::

    BinexError
    ├── InputError              bad input: usage, an unknown id, a value that does not fit      (exit 2)
    │   ├── SpecError           the faults of a workflow, by field                              (exit 2)
    │   ├── ExpressionError     a reference or condition that cannot be read or resolved        (exit 2)
    │   └── WorkflowError       the faults of one workflow file, by place                       (exit 2)
    ├── RunError                a run cannot be done, or cannot be done now                     (exit 1)
    │   ├── RunOwnedError       another live process executes the run                           (exit 1)
    │   ├── UntrustedError      it came from elsewhere, and nobody has said to trust it         (exit 1)
    │   └── AnsweredError       a question was answered already, or nobody asks any more        (exit 1)
    ├── StoreError              the store or the machine under it failed                        (exit 3)
    │   ├── StoreDamagedError   the database cannot be read as one                              (exit 3)
    │   ├── StoreVersionError   the store was written by a newer Binex                          (exit 3)
    │   └── LostLeaseError      another process took the run over while this one was paused     (exit 3)
    ├── DamagedDataError        something recorded is missing or not what was recorded          (exit 4)
    └── AgentError              an agent failed; always turned into an outcome
        ├── BadOutputError      an agent's answer cannot be kept as it is
        │   └── SchemaError     an agent's answer does not fit `output_schema`
        ├── RemoteError         the other side could not be reached, refused, or failed
        │   ├── AuthenticationError  it did not accept the key, or there was none
        │   └── BadReplyError   what came back was not a valid reply
        ├── BudgetError         the budget does not allow the call
        │   └── CheaperModelError   somebody decided to go on with another model
        ├── ReplayError         only the tape may answer, and it has nothing that fits
        │   └── OfflineError    only what is known may count, and this is not
        ├── UnansweredError     nobody answered a question in time
        ├── ProcessDiedError    the agent's process ended before it answered
        └── RemoteCodeError     the agent's code raised, in another process

The message is the only positional argument, so that errors survive pickling; everything else is a
keyword. A message says what is wrong and where; ``fix`` says what to do about it.
"""

import difflib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

INSTALL_AGENTS: Final = "pip install 'binex[agents]'"
"""The way out where a library for models, remote agents or tools is missing."""
INSTALL_LITELLM: Final = (
    "pip install 'binex[litellm]' into an environment of its own: it cannot share one with binex[agents]"
)
"""The way out where LiteLLM is missing; it and `binex[agents]` need different versions of one library."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file: what, where (1-based; None where a place means nothing), and a way out."""

    message: str
    line: int | None = None
    column: int | None = None
    fix: str | None = None

    def located_in(self, file: str) -> str:
        """The fault as ``file:line:column: message``."""
        place = "" if self.line is None else f":{self.line}:{self.column}"
        return f"{file}{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One thing that is wrong in a workflow, by the path of its field, as in ``("nodes", "plan", "agent")``.

    ``at_key`` says that the key is wrong rather than its value. The loader turns it into a :class:`Fault`.
    """

    path: tuple[str | int, ...]
    message: str
    fix: str | None = None
    at_key: bool = False


class BinexError(Exception):
    """The root: catch it to catch all that Binex raises on purpose."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.fix = fix

    @property
    def message(self) -> str:
        return str(self.args[0])


class InputError(BinexError):
    """What was asked for cannot be: bad usage, an unknown id, a value that does not fit."""

    exit_code = 2


class ExpressionError(InputError):
    """A reference, a template or a condition cannot be read, or cannot be resolved."""


class SpecError(InputError):
    """A workflow is not usable; ``faults`` holds everything that is wrong with it."""

    def __init__(self, message: str, *, faults: Sequence[FieldFault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class WorkflowError(InputError):
    """A workflow file is not usable; ``faults`` holds everything that is wrong with it, in file order."""

    def __init__(self, message: str, *, file: str = "", faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.file = file
        self.faults = tuple(faults)


class RunError(BinexError):
    """A run cannot be done, or cannot be done now."""


class RunOwnedError(RunError):
    """Another live process executes the run."""


class UntrustedError(RunError):
    """A run that came from elsewhere would execute something, and nobody has said that they trust it."""


class AnsweredError(RunError):
    """A question was answered already, or it is too late to answer it; ``is_gone`` tells which."""

    def __init__(self, message: str, *, fix: str | None = None, is_gone: bool = False) -> None:
        super().__init__(message, fix=fix)
        self.is_gone = is_gone


class StoreError(BinexError):
    """The store, or the machine under it, failed."""

    exit_code = 3


class StoreDamagedError(StoreError):
    """The database file cannot be read as one."""


class StoreVersionError(StoreError):
    """The store was written by a newer Binex; nothing was touched."""


class LostLeaseError(StoreError):
    """Another process took the run over while this one was paused; what this one did since is not recorded."""


class DamagedDataError(BinexError):
    """Something that was recorded is missing, or is not what was recorded."""

    exit_code = 4


class AgentError(BinexError):
    """An agent failed. Raised by adapters; the dispatcher turns it into an outcome.

    ``is_retryable`` is false where repeating cannot help (a refused request, a wrong argument);
    ``retry_after_ms`` is what the agent asked for, where it did.
    """

    def __init__(
        self,
        message: str,
        *,
        fix: str | None = None,
        is_retryable: bool = True,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(message, fix=fix)
        self.is_retryable = is_retryable
        self.retry_after_ms = retry_after_ms


class BadOutputError(AgentError):
    """An agent answered with something that cannot be kept: not JSON, too large, or not what was declared."""

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message, fix=fix, is_retryable=False)


class SchemaError(BadOutputError):
    """An agent's answer does not fit the node's ``output_schema``; trying again may help."""

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.is_retryable = True


class RemoteError(AgentError):
    """The other side could not be reached, refused, or failed.

    ``host`` is who, ``status`` the HTTP status if there was one, ``body`` the beginning of what it said. Whether
    trying again can help follows from the status where *is_retryable* is not given: 408, 409, 425, 429 and
    everything from 500 on may pass; other refusals do not.
    """

    def __init__(  # noqa: PLR0913 - all that is known, each by its name
        self,
        message: str,
        *,
        fix: str | None = None,
        host: str = "",
        status: int | None = None,
        body: str = "",
        is_retryable: bool | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        if is_retryable is None:
            is_retryable = status is None or status in (408, 409, 425, 429) or status >= 500
        super().__init__(message, fix=fix, is_retryable=is_retryable, retry_after_ms=retry_after_ms)
        self.host = host
        self.status = status
        self.body = body


class AuthenticationError(RemoteError):
    """The other side did not accept the key, or there was none to send."""


class BadReplyError(RemoteError):
    """What came back was not a valid reply: no JSON, nothing in it, or for another request."""


class BudgetError(AgentError):
    """The budget does not allow the call."""

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message, fix=fix, is_retryable=False)


class CheaperModelError(BudgetError):
    """Somebody decided to go on with another model: ``model`` is its URI."""

    def __init__(self, message: str, *, fix: str | None = None, model: str = "") -> None:
        super().__init__(message, fix=fix)
        self.model = model


class ReplayError(AgentError):
    """Only the tape may answer, and it has nothing that fits."""

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message, fix=fix, is_retryable=False)


class OfflineError(ReplayError):
    """Only what is known from earlier runs may count, and this would have to be asked."""


class UnansweredError(AgentError):
    """Nobody answered a question in time."""

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message, fix=fix, is_retryable=False)


class ProcessDiedError(AgentError):
    """The agent's process was killed, crashed or left before it answered; ``traceback`` says where, if it could."""

    def __init__(self, message: str, *, fix: str | None = None, traceback: str = "") -> None:
        super().__init__(message, fix=fix)
        self.traceback = traceback


class RemoteCodeError(AgentError):
    """The agent's code raised in another process; ``type_name`` and ``traceback`` are those of its exception."""

    def __init__(
        self,
        message: str,
        *,
        fix: str | None = None,
        is_retryable: bool = True,
        retry_after_ms: int | None = None,
        type_name: str = "Exception",
        traceback: str = "",
    ) -> None:
        super().__init__(message, fix=fix, is_retryable=is_retryable, retry_after_ms=retry_after_ms)
        self.type_name = type_name
        self.traceback = traceback


def suggest(wrong: str, names: Iterable[str], what: str) -> str:
    """A way out for an unknown name: the nearest one, and what there is."""
    known = sorted(names)
    at = bisect_left(known, wrong)
    # Comparing with thousands of names takes seconds; those that begin alike are near in the alphabet.
    near = difflib.get_close_matches(wrong, known[max(0, at - 250) : at + 250], n=1)
    shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    listed = f"{what}: {shown}" if known else f"there are no {what}"
    return f"did you mean '{near[0]}'? {listed}" if near else listed
