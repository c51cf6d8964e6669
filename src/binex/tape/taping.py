"""The recorder of one attempt: counts its calls, keeps what is said in them, and hands them on without secrets."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from binex.errors import ReplayError
from binex.models.call import ENDED_FIRST, CallKind, Spend
from binex.models.span_ids import call_span_id
from binex.models.task import now
from binex.tape.asked import Asked
from binex.tape.bodies import Chains, Wholes
from binex.tape.call_taping import CallTaping, enclosing_call
from binex.tape.cutting import Cutter
from binex.tape.recorder import CutOffError, Headers, Recorded, Sink
from binex.tape.redaction import Redactor
from binex.tape.refusal import watch_network

BODY_BYTES: Final = 64 << 20
"""How much of a response is kept."""

_WITHOUT_NETWORK: Final = (CallKind.VALUE, CallKind.HUMAN)
"""What can be left to the outside without opening the network to the attempt: it is made here, or a person's."""

_MOST_REFUSED: Final = 100
"""So many refusals are remembered."""


class Exchanged(NamedTuple):
    """What the tape was asked instead of the outside, and what it said."""

    question: tuple[object, CallKind, str, bytes, str]
    """What was asked as it is, and with which edition of the redactor it was cut."""
    asked: Asked
    answered: Recorded | None = None


class Answers(Protocol):
    """What a player knows: the calls of an attempt that was recorded."""

    def answer(self, kind: CallKind, target: str, asked: Asked) -> Recorded | None:
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
        self._asks_outside = player is None
        self._refused: dict[str, None] = {}
        self._last: Exchanged | None = None
        if player is not None:
            watch_network()

    @property
    def spend(self) -> Spend | None:
        """What the calls that have ended cost together; None where no model was called."""
        return self._spend

    @property
    def progress(self) -> str:
        """How far the last call came that did not end well, in words; empty where all did."""
        with self._lock:
            still_open = [taping for taping in self._open.values() if not taping.is_elsewhere]
        return still_open[-1].progress if still_open else self._progress

    @property
    def is_playing(self) -> bool:
        """Whether the tape may answer."""
        return self._player is not None

    @property
    def is_sealed(self) -> bool:
        """Whether only the tape answers; a player that has left a call to the outside does not forbid it."""
        return not self._asks_outside

    @property
    def refused(self) -> tuple[str, ...]:
        """What was refused because only the tape may answer, even where nobody heard of it; in order."""
        with self._lock:
            return tuple(self._refused)

    def refuse(self, what: str) -> str:
        """Remember that something was refused, whatever becomes of the error that says so. Gives it without secrets."""
        what = self._cutter.cut_text(what)
        with self._lock:
            if len(self._refused) < _MOST_REFUSED:
                self._refused[what] = None
        return what

    def span_id_of(self, number: int) -> str:
        """The span, in distributed traces, of the call with that number."""
        return call_span_id(self.run_id, self.task, self.attempt, number)

    def begin(
        self, kind: CallKind, target: str, request: bytes = b"", *, media_type: str = "", headers: Headers = ()
    ) -> CallTaping:
        """A call begins; made for the one in whose ``with`` block this happens, if it is of the same attempt."""
        around = enclosing_call()
        parent = around.number if around is not None and around.recorder is self else None
        taping = self._open_call(kind, target, parent)
        taping.ask(request, media_type=media_type, headers=headers)
        return taping

    def begin_elsewhere(
        self,
        kind: CallKind,
        target: str,
        request: bytes,
        *,
        parent: int | None,
        media_type: str,
        headers: Headers,
    ) -> CallTaping:
        """A call begins in another process, made for the one with the number *parent*."""
        taping = self._open_call(kind, target, parent, is_elsewhere=True)
        taping.ask(request, media_type=media_type, headers=headers)
        return taping

    def answer(self, kind: CallKind, target: str, request: bytes = b"", *, media_type: str = "") -> Recorded | None:
        """What the tape has to say instead of the outside; None where the outside is to be asked."""
        if self._player is None:
            return None
        exchanged = self.exchanged(kind, target, request, media_type)
        asked = exchanged.asked
        try:
            recorded = self._player.answer(kind, asked.target, asked)
        except CutOffError:
            raise
        except ReplayError as error:
            self.refuse(error.message)
            raise
        if recorded is None and kind not in _WITHOUT_NETWORK:
            self._asks_outside = True
        self._last = exchanged._replace(answered=recorded)
        return recorded

    def exchanged(self, kind: CallKind, target: str, request: bytes, media_type: str) -> Exchanged:
        """What a call asks, redacted, with what the tape has just answered to it, if it was asked."""
        question = (self._cutter.edition, kind, target, request, media_type)
        last, self._last = self._last, None
        if last is not None and last.question == question:
            return last
        cut_target, cut = self._cutter.cut_target(target), self._cutter.cut_body(request, media_type)
        return Exchanged(question, Asked.of(kind, cut_target, cut, media_type=media_type, task=self.task))

    def close(self) -> None:
        """The attempt is over: calls that still go on are kept as far as they came, and later ones are dropped."""
        with self._lock:
            self._is_closed = True
            still_open = list(self._open.values())
        for taping in still_open:
            taping.fail(ENDED_FIRST)

    def keep(self, taping: CallTaping) -> None:
        """Hand a call on that has just ended, unless the attempt ended before it."""
        with self._lock:
            if self._open.pop(taping.number, None) is None:
                return
            # Both end when an attempt is stopped, the request before the call that it was made for: the bytes are its.
            if not taping.is_complete and taping.number != self._progress_is_for:
                self._progress, self._progress_is_for = taping.progress, taping.parent
        call, parts = taping.build(self._cutter, self._bodies)
        if call.kind is CallKind.MODEL:
            spend = call.spend
            with self._lock:
                self._spend = spend if self._spend is None else self._spend.plus(spend)
        self._sink(call, parts)

    def _open_call(self, kind: CallKind, target: str, parent: int | None, *, is_elsewhere: bool = False) -> CallTaping:
        with self._lock:
            self._count += 1
            taping = CallTaping(self, self._count, parent, kind, target, is_elsewhere=is_elsewhere)
            if not self._is_closed:
                self._open[taping.number] = taping
        return taping
