"""Where calls are recorded while they happen: one recorder for each attempt, found through a context variable.

::

    recorder = current_recorder()                 # None outside of an attempt
    with recorder.begin(CallKind.HTTP, "GET https://host/", request=b"") as taping:
        taping.chunk(data)                        # a stream, piece by piece
        taping.respond(body, status=200)          # or everything at once

A call that is left by an exception keeps it as its error, together with what had come in until then.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from binex.errors import ReplayError
from binex.models.call import BodyPart, Call, CallKind, Chunk, Usage, was_given_up

Headers = Sequence[tuple[str, str]]


class CutOffError(ReplayError):
    """A call was cut off by the end of its attempt when it was recorded, and so is this one."""


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
    pauses: Sequence[float] = ()
    """The seconds before each chunk and before the end; empty where it is played as fast as it can be."""
    kept: Mapping[bytes, str] = field(default_factory=dict)
    """What was said in the call and is where it is recorded again: the last link of each body, by its bytes."""

    @property
    def was_cancelled(self) -> bool:
        """Whether who had asked gave it up, or was ended; then it never comes to an end by itself."""
        return was_given_up(self.error)


class Taping(Protocol):
    """One call while it happens. Also a context manager, which ends the call."""

    number: int

    @property
    def traceparent(self) -> str:
        """What a request that it is made with says of the trace that it belongs to."""
        ...

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

    def adopt(self, call: Call, request: bytes, response: bytes) -> None:
        """It has ended elsewhere, where it was recorded as *call*."""
        ...

    def __enter__(self) -> Self:
        """Calls that begin in the block are made for this one."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Recorder(Protocol):
    """The tape of one attempt. May be used from any thread."""

    task: str
    """The path of the task."""

    @property
    def is_playing(self) -> bool:
        """Whether the tape may answer; a request that is sent in pieces must be known as a whole then."""
        ...

    @property
    def is_sealed(self) -> bool:
        """Whether only the tape answers, so that the network is refused."""
        ...

    def refuse(self, what: str) -> str:
        """Remember that something was refused, whatever becomes of the error that says so. Gives it without secrets."""
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

    def begin_elsewhere(
        self,
        kind: CallKind,
        target: str,
        request: bytes,
        *,
        parent: int | None,
        media_type: str,
        headers: Headers,
    ) -> Taping:
        """A call begins in another process, made for the one with the number *parent*."""
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
