"""What an adapter may use of the run around it, while it executes one attempt."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from binex.models.question import Answer, OnTimeout, QuestionKind
from binex.tape.recorder import Recorder, recording


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a person, as an adapter puts it. *key* tells several of one task apart and never changes."""

    kind: QuestionKind
    text: str
    key: str = "question"
    shown: JsonValue = None
    choices: tuple[str, ...] = ()
    default: JsonValue = None
    on_timeout: OnTimeout = OnTimeout.FAIL
    deadline_ms: int | None = None
    """How long there is to answer, counted from when the question was asked first."""


class Desk(Protocol):
    """Puts questions to people."""

    async def ask(self, ask: Ask) -> Answer:
        """The answer. The question is durable before anyone sees it, and is never asked twice.

        Where nobody is there and nothing else is left to do, the run ends as ``waiting`` meanwhile: the task is
        cancelled, and executed again when the run goes on.

        Raises:
            UnansweredError: it is too late, and there is no default to be taken.
        """
        ...


class Reservation(Protocol):
    """Money set apart for a call that is about to be made."""

    def spend(self, cost_usd: float | None) -> None:
        """What the call really cost; None where that is unknown. What was left of the reservation is free again."""
        ...


class Ledger(Protocol):
    """Keeps to the budgets of the run and of the node."""

    def reserve(self, estimate_usd: float | None, *, model: str) -> AbstractAsyncContextManager[Reservation]:
        """Set *estimate_usd* apart (None: the price is unknown) while a call to *model* is made.

        Raises:
            BudgetError: it would go beyond what may be spent; the message names the budget.
            CheaperModelError: somebody decided to go on with another model, which it names.
        """
        ...


async def _forget(_name: str, _value: JsonValue) -> None: ...


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """What surrounds one attempt."""

    recorder: Recorder
    desk: Desk
    ledger: Ledger
    stream: Callable[[str], None] = lambda _: None
    """Shows text that a model has just said."""
    hide: Callable[[str], None] = lambda _: None
    """Makes a secret known, so that it is cut out of whatever is kept or shown from now on."""
    bookmarks: Mapping[str, JsonValue] = field(default_factory=dict)
    """What earlier attempts at the task, in this process or in one that died, have kept."""
    keep: Callable[[str, JsonValue], Awaitable[None]] = _forget
    """Keeps a bookmark for the task; durable when it has been awaited."""


_current: ContextVar[AttemptContext | None] = ContextVar("binex_attempt", default=None)


def current_attempt() -> AttemptContext:
    """What surrounds the attempt that this code runs for.

    Raises:
        RuntimeError: it runs for none.
    """
    found = _current.get()
    if found is None:
        raise RuntimeError("this is only known while an attempt is executed")
    return found


@contextmanager
def attempting(context: AttemptContext) -> Iterator[None]:
    """Make *context* the one that the block finds, and whatever it starts; its recorder records what they do."""
    token = _current.set(context)
    try:
        with recording(context.recorder):
            yield
    finally:
        _current.reset(token)
