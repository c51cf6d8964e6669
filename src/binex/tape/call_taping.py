"""One call of an attempt while it happens: what is said in it is kept, and handed over without secrets when it ends."""

import threading
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from binex.models.call import Body, BodyPart, Call, CallKind, Chunk, Usage, call_of
from binex.models.span_ids import trace_id_of, traceparent_of
from binex.tape.bodies import Chains, Wholes
from binex.tape.cutting import Cutter
from binex.tape.recorder import Headers

if TYPE_CHECKING:
    from binex.tape.taping import AttemptRecorder

_enclosing: ContextVar["CallTaping | None"] = ContextVar("binex_enclosing_call", default=None)


def enclosing_call() -> "CallTaping | None":
    """The call in whose ``with`` block this happens."""
    return _enclosing.get()


class CallTaping:
    """One call while it happens."""

    __slots__ = (
        "_began", "_came", "_error", "_headers", "_is_complete", "_is_over", "_kind", "_lock", "_media_type",
        "_pieces", "_priced", "_request", "_request_headers", "_request_type", "_room", "_sizes", "_started_at",
        "_status", "_target", "_token", "_took_ms", "is_elsewhere", "number", "parent", "recorder",
    )  # fmt: skip

    def __init__(
        self,
        recorder: "AttemptRecorder",
        number: int,
        parent: int | None,
        kind: CallKind,
        target: str,
        *,
        is_elsewhere: bool = False,
    ) -> None:
        self.recorder = recorder
        self.is_elsewhere = is_elsewhere
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
    def traceparent(self) -> str:
        """What a request that it is made with says of the trace that it belongs to."""
        return traceparent_of(trace_id_of(self.recorder.run_id), self.recorder.span_id_of(self.number))

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

    def adopt(self, call: Call, request: bytes, response: bytes) -> None:
        """It has ended elsewhere, where it was recorded as *call*."""
        with self._lock:
            if self._is_over:
                return
            self.ask(request, media_type=call.request.media_type if call.request else "", headers=call.request_headers)
            self._target = call.target
            self._status, self._headers = call.status, call.response_headers
            self._media_type = call.response.media_type if call.response else ""
            self._pieces, self._room = [response], self._room - len(response)
            self._came = [self._began + round(chunk.offset_ms * 1e6) for chunk in call.chunks]
            self._sizes = [chunk.size for chunk in call.chunks]
            self._priced = (call.usage, call.cost_usd, call.priced_by)
            self._error, self._is_complete, self._is_over = call.error, call.is_complete, True
            self._started_at, self._took_ms = call.started_at, call.duration_ms
        self.recorder.keep(self)

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
        asked, played = self.recorder.exchanged(self._kind, self._target, self._request, self._request_type)[1:]
        response, sizes = b"".join(self._pieces), self._sizes
        kept = played.kept if played is not None else {}
        # A value is made by chance: what looks like a secret in it is none. What was kept was cut by its look then.
        if self._kind is not CallKind.VALUE and (response not in kept or cutter.has_values):
            response, sizes = cutter.cut_stream(response, self._media_type, sizes)
        request, parts = _body_of(asked.request, self._request_type, kept, bodies, is_shared=True)
        answered, more = _body_of(response, self._media_type, kept, bodies, is_shared=False)
        usage, cost_usd, priced_by = self._priced
        call = call_of(
            {
                "run_id": self.recorder.run_id,
                "task": self.recorder.task,
                "attempt": self.recorder.attempt,
                "number": self.number,
                "parent": self.parent,
                "kind": self._kind,
                "target": asked.target,
                "asked": str(asked),
                "request": request,
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


def _body_of(
    data: bytes, media_type: str, kept: Mapping[bytes, str], bodies: Chains | Wholes, *, is_shared: bool
) -> tuple[Body, list[BodyPart]]:
    """The body of *data*, and what of it is not *kept* yet."""
    if data in kept:
        return Body(last=kept[data], size=len(data), media_type=media_type), []
    return bodies.make(data, media_type, is_shared=is_shared)


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
