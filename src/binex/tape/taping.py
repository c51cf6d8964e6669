"""The recorder of one attempt: counts its calls, keeps what is said in them, and hands them on without secrets."""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self

from binex.models.call import BodyPart, Call, CallKind, Chunk, Spend, Usage, call_of
from binex.models.task import now
from binex.tape.asked import hash_asked
from binex.tape.bodies import Chains, Wholes
from binex.tape.cutting import Cutter
from binex.tape.recorder import Headers, Recorded, Sink
from binex.tape.redaction import Redactor

BODY_BYTES: Final = 64 << 20
"""How much of a response is kept."""

_enclosing: ContextVar["CallTaping | None"] = ContextVar("binex_enclosing_call", default=None)


class Answers(Protocol):
    """What a player knows: the calls of an attempt that was recorded."""

    def answer(self, kind: CallKind, target: str, asked: str) -> Recorded | None:
        """What was answered then; None where the outside is to be asked.

        Raises:
            ReplayError: only the tape may answer, and it has nothing that fits.
        """
        ...


class AttemptRecorder:
    """Records the calls of one attempt, from any thread.

    A call is handed to *sink* when it has ended, in the thread that ended it. Where a *player* is given, it is
    asked before the outside is. A response is kept up to *body_bytes*; of the rest only the size is known. *bodies*
    makes the parts in which bodies are handed over.
    """

    def __init__(  # noqa: PLR0913 - the attempt, and by name what surrounds it
        self,
        run_id: str,
        task: str,
        attempt: int,
        *,
        sink: Sink,
        redactor: Redactor,
        player: Answers | None = None,
        bodies: Chains | Wholes | None = None,
        body_bytes: int = BODY_BYTES,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.run_id = run_id
        self.task = task
        self.attempt = attempt
        self.body_bytes = body_bytes
        self.clock = clock
        self._sink = sink
        self._cutter = Cutter(redactor)
        self._player = player
        self._bodies = bodies or Chains()
        self._lock = threading.Lock()
        self._open: dict[int, CallTaping] = {}
        self._count = 0
        self._spend: Spend | None = None
        self._progress = ""
        self._progress_is_for: int | None = None
        self._is_closed = False

    @property
    def spend(self) -> Spend | None:
        """What the calls that have ended cost together; None where no model was called."""
        return self._spend

    @property
    def progress(self) -> str:
        """How far the last call came that did not end well, in words; empty where all did."""
        with self._lock:
            still_open = list(self._open.values())
        return still_open[-1].progress if still_open else self._progress

    @property
    def is_playing(self) -> bool:
        """Whether the tape may answer."""
        return self._player is not None

    def begin(
        self, kind: CallKind, target: str, request: bytes = b"", *, media_type: str = "", headers: Headers = ()
    ) -> "CallTaping":
        """A call begins; made for the one in whose ``with`` block this happens, if it is of the same attempt."""
        around = _enclosing.get()
        parent = around.number if around is not None and around.recorder is self else None
        with self._lock:
            self._count += 1
            taping = CallTaping(self, self._count, parent, kind, target)
            if not self._is_closed:
                self._open[taping.number] = taping
        taping.ask(request, media_type=media_type, headers=headers)
        return taping

    def answer(self, kind: CallKind, target: str, request: bytes = b"", *, media_type: str = "") -> Recorded | None:
        """What the tape has to say instead of the outside; None where the outside is to be asked."""
        if self._player is None:
            return None
        target = self._cutter.cut_target(target)
        body = self._cutter.cut_body(request, media_type)
        return self._player.answer(kind, target, hash_asked(kind, target, body))

    def adopt(self, call: Call, request: bytes, response: bytes) -> None:
        """Take in a call that was recorded in another process; it gets a number of its own here."""
        with self._lock:
            if self._is_closed:
                return
            self._count += 1
            taping = self._open[self._count] = CallTaping(self, self._count, None, call.kind, call.target)
        taping.restore(call, request, response)
        self.keep(taping)

    def close(self) -> None:
        """The attempt is over: calls that still go on are kept as far as they came, and later ones are dropped."""
        with self._lock:
            self._is_closed = True
            still_open = list(self._open.values())
        for taping in still_open:
            taping.fail("the attempt ended first")

    def keep(self, taping: "CallTaping") -> None:
        """Hand a call on that has just ended, unless the attempt ended before it."""
        with self._lock:
            if self._open.pop(taping.number, None) is None:
                return
            # Both end when an attempt is stopped, the request before the call that it was made for: the bytes are its.
            if not taping.is_complete and taping.number != self._progress_is_for:
                self._progress, self._progress_is_for = taping.progress, taping.parent
        call, parts = taping.build(self._cutter, self._bodies)
        if call.kind is CallKind.MODEL:
            with self._lock:
                self._spend = (self._spend or Spend()).plus(call.spend)
        self._sink(call, parts)


class CallTaping:
    """One call while it happens."""

    __slots__ = (
        "_began", "_came", "_error", "_headers", "_is_complete", "_is_over", "_kind", "_lock", "_media_type",
        "_pieces", "_priced", "_request", "_request_headers", "_request_type", "_room", "_sizes", "_started_at",
        "_status", "_target", "_token", "_took_ms", "number", "parent", "recorder",
    )  # fmt: skip

    def __init__(self, recorder: AttemptRecorder, number: int, parent: int | None, kind: CallKind, target: str) -> None:
        self.recorder = recorder
        self.number = number
        self.parent = parent
        self._kind = kind
        self._target = target
        self._request = b""
        self._request_type = ""
        self._request_headers: Headers = ()
        self._status: int | None = None
        self._headers: Headers = ()
        self._media_type = ""
        self._pieces: list[bytes] = []
        self._came: list[int] = []
        self._sizes: list[int] = []
        self._room = recorder.body_bytes
        self._priced: tuple[Usage | None, float | None, str] = (None, None, "")
        self._error: str | None = None
        self._is_complete = True
        self._is_over = False
        self._token: Token[CallTaping | None] | None = None
        self._lock = threading.Lock()
        self._started_at = recorder.clock()
        self._took_ms = 0.0
        self._began = time.monotonic_ns()

    @property
    def is_complete(self) -> bool:
        """Whether the response has come to its end, as far as is known."""
        return self._is_complete

    @property
    def progress(self) -> str:
        """How far it has come: ``connected, 12 bytes``."""
        size = self.recorder.body_bytes - self._room
        has_begun = self._status is not None or size > 0
        return f"connected, {size:,} bytes" if has_begun else "nothing came back"

    def ask(self, request: bytes, *, media_type: str = "", headers: Headers = ()) -> None:
        """What is asked, where that is only known after the call began: a body that is sent in pieces."""
        self._request = bytes(request)
        self._request_type = media_type
        self._request_headers = headers

    def restore(self, call: Call, request: bytes, response: bytes) -> None:
        """Be *call*, which is over."""
        self.ask(request, media_type=call.request.media_type if call.request else "", headers=call.request_headers)
        self._status, self._headers = call.status, call.response_headers
        self._media_type = call.response.media_type if call.response else ""
        self._pieces, self._room = [response], self._room - len(response)
        self._came = [self._began + round(chunk.offset_ms * 1e6) for chunk in call.chunks]
        self._sizes = [chunk.size for chunk in call.chunks]
        self._priced = (call.usage, call.cost_usd, call.priced_by)
        self._error, self._is_complete, self._is_over = call.error, call.is_complete, True
        self._started_at, self._took_ms = call.started_at, call.duration_ms

    def chunk(self, data: bytes) -> None:
        """Another piece of a streamed response has come in."""
        came = time.monotonic_ns()
        size = len(data)
        with self._lock:
            if self._is_over:
                return
            if size <= self._room:
                self._room -= size
                self._pieces.append(bytes(data))
            elif not self._add(data) and self._sizes:
                self._sizes[-1] += size  # beyond what is kept only the size is known
                return
            self._came.append(came)
            self._sizes.append(size)

    def respond(
        self, body: bytes = b"", *, media_type: str = "", status: int | None = None, headers: Headers = ()
    ) -> None:
        """The response, or with an empty *body* what is known besides the chunks of a stream."""
        with self._lock:
            if self._is_over:
                return
            self._media_type = media_type or self._media_type
            self._status = self._status if status is None else status
            self._headers = headers or self._headers
            if body:
                self._pieces.clear()
                self._room = self.recorder.body_bytes
                self._add(body)
                if not self._is_complete and not self._sizes:
                    self._came.append(time.monotonic_ns())
                    self._sizes.append(len(body))

    def price(self, usage: Usage | None, cost_usd: float | None, priced_by: str) -> None:
        """What it cost, where that is known."""
        self._priced = (usage, cost_usd, priced_by)

    def fail(self, error: BaseException | str) -> None:
        """It failed and is over; what has come in until now is kept. Only the first end counts."""
        self._finish(_text_of(error), is_complete=False)

    def end(self, *, is_complete: bool = True) -> None:
        """It is over. Only the first end counts."""
        self._finish(None, is_complete=is_complete)

    def build(self, cutter: Cutter, bodies: Chains | Wholes) -> tuple[Call, list[BodyPart]]:
        """The call as it is kept, and the parts of its bodies that were not handed over before."""
        target = cutter.cut_target(self._target)
        request = cutter.cut_body(self._request, self._request_type)
        response, sizes = cutter.cut_stream(b"".join(self._pieces), self._media_type, self._sizes)
        asked, parts = bodies.make(request, self._request_type, is_shared=True)
        answered, more = bodies.make(response, self._media_type, is_shared=False)
        usage, cost_usd, priced_by = self._priced
        call = call_of(
            {
                "run_id": self.recorder.run_id,
                "task": self.recorder.task,
                "attempt": self.recorder.attempt,
                "number": self.number,
                "parent": self.parent,
                "kind": self._kind,
                "target": target,
                "asked": hash_asked(self._kind, target, request),
                "request": asked,
                "request_headers": cutter.cut_headers(self._request_headers),
                "response": answered,
                "response_headers": cutter.cut_headers(self._headers),
                "status": self._status,
                "chunks": self._chunks_of(sizes),
                "is_complete": self._is_complete,
                "started_at": self._started_at,
                "duration_ms": self._took_ms,
                "usage": usage,
                "cost_usd": cost_usd,
                "priced_by": priced_by,
                "error": None if self._error is None else cutter.cut_text(self._error),
            }
        )
        return call, [*parts, *more]

    def __enter__(self) -> Self:
        self._token = _enclosing.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            try:
                _enclosing.reset(self._token)
            except ValueError:  # the block was an async generator's, and is left in another context
                _enclosing.set(None)
            self._token = None
        if error is None:
            self.end()
        else:
            self.fail(error)

    def _add(self, data: bytes) -> bool:
        """Keep as much of *data* as there is room for; whether there was room for any of it."""
        room = self._room
        self._pieces.append(bytes(data[:room]))
        self._room -= min(room, len(data))
        if room < len(data):
            self._is_complete = False
        return room > 0

    def _finish(self, error: str | None, *, is_complete: bool) -> None:
        ended = time.monotonic_ns()
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            self._took_ms = (ended - self._began) / 1e6
            self._error = error
            self._is_complete = self._is_complete and is_complete
        self.recorder.keep(self)

    def _chunks_of(self, sizes: list[int]) -> tuple[Chunk, ...]:
        began = self._began
        offsets = [(came - began) // 1000 / 1000 for came in self._came]
        return tuple(map(_new_chunk, zip(offsets, sizes, strict=True)))


_new_chunk: Final[Callable[[tuple[float, int]], Chunk]] = partial(tuple.__new__, Chunk)
"""What ``Chunk._make`` does, faster: there may be thousands."""


def _text_of(error: BaseException | str) -> str:
    if isinstance(error, str):
        return error
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the text is made by somebody else's code
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
