"""Where calls are recorded while they happen: one recorder for each attempt, found through a context variable.

::

    recorder = current_recorder()                 # None outside of an attempt
    with recorder.begin(CallKind.HTTP, "GET https://host/", request=b"") as taping:
        taping.chunk(data)                        # a stream, piece by piece
        taping.respond(body, status=200)          # or everything at once

A call that is left by an exception keeps it as its error, together with what had come in until then.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from binex.models.call import BodyPart, Call, CallKind, Chunk, Usage

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a tape answers instead of the outside."""

    body: bytes
    media_type: str = ""
    status: int | None = None
    headers: Headers = ()
    chunks: Sequence[Chunk] = ()
    is_complete: bool = True
    error: str | None = None


class Taping(Protocol):
    """One call while it happens. Also a context manager, which ends the call."""

    number: int

    def ask(self, request: bytes, *, media_type: str = "", headers: Headers = ()) -> None:
        """What is asked, where that is only known after the call began: a body that is sent in pieces."""
        ...

    def chunk(self, data: bytes) -> None:
        """Another piece of a streamed response has come in."""
        ...

    def respond(
        self, body: bytes = b"", *, media_type: str = "", status: int | None = None, headers: Headers = ()
    ) -> None:
        """The response, or with an empty *body* what is known besides the chunks of a stream."""
        ...

    def price(self, usage: Usage | None, cost_usd: float | None, priced_by: str) -> None:
        """What it cost, where that is known."""
        ...

    def fail(self, error: BaseException | str) -> None:
        """It failed; what has come in until now is kept."""
        ...

    def end(self, *, is_complete: bool = True) -> None:
        """It is over. Only the first call counts."""
        ...

    def __enter__(self) -> Self:
        """Calls that begin in the block are made for this one."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Recorder(Protocol):
    """The tape of one attempt. May be used from any thread."""

    @property
    def is_playing(self) -> bool:
        """Whether the tape may answer; a request that is sent in pieces must be known as a whole then."""
        ...

    def begin(
        self, kind: CallKind, target: str, request: bytes = b"", *, media_type: str = "", headers: Headers = ()
    ) -> Taping:
        """A call begins."""
        ...

    def answer(self, kind: CallKind, target: str, request: bytes = b"", *, media_type: str = "") -> Recorded | None:
        """What the tape has to say instead of the outside; None where the outside is to be asked.

        Raises:
            ReplayError: only the tape may answer, and it has nothing that fits.
        """
        ...

    def adopt(self, call: Call, request: bytes, response: bytes) -> None:
        """Take in a call that was recorded in another process; it gets a number of its own here."""
        ...


Sink = Callable[[Call, Sequence[BodyPart]], None]
"""Takes a call that has ended, redacted, with the parts of its bodies; called in any thread."""

_current: ContextVar[Recorder | None] = ContextVar("binex_recorder", default=None)


def current_recorder() -> Recorder | None:
    """The recorder of the attempt that this code runs for."""
    return _current.get()


@contextmanager
def recording(recorder: Recorder | None) -> Iterator[None]:
    """Record the calls that begin in the block, and in whatever it starts, with *recorder*."""
    token = _current.set(recorder)
    try:
        yield
    finally:
        _current.reset(token)
