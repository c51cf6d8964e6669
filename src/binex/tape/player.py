"""Plays a tape back: answers the calls of an attempt with what was answered when it was recorded."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from binex.errors import ReplayError
from binex.models.call import ENDED_FIRST, Body, Call, CallKind, is_cancellation
from binex.tape.asked import Asked
from binex.tape.difference import shorten_text
from binex.tape.nearest import describe_nearest
from binex.tape.recorder import CutOffError, Recorded


class Player:
    """The recorded calls of one attempt, each of which answers once. May be used from any thread.

    A call is answered by one that asked the same; where several did, by the one that began first. Those that were
    made for another call come last: as a rule that one is answered as a whole. *read_body* gives the bytes of a
    recorded body, of requests only to say what differs. With *is_timed* streams keep their pauses.

    *end_attempt* is called, in the thread that asks, when a call is asked that the end of the attempt cut off; it
    should end the attempt as it was ended then. It is None where the attempt came to its own end: what was still
    going on then is answered as far as it came. *is_kept_here* says that the attempt that asks is kept in the store
    where these calls are: what it is answered is there already.
    """

    def __init__(
        self,
        calls: Iterable[Call],
        read_body: Callable[[Body], bytes],
        *,
        is_timed: bool = False,
        end_attempt: Callable[[], None] | None = None,
        is_kept_here: bool = False,
    ) -> None:
        self._calls = sorted(calls, key=lambda call: (call.parent is not None, call.number))
        self._read_body = read_body
        self._is_timed = is_timed
        self._end_attempt = end_attempt
        self._is_kept_here = is_kept_here
        self._last_began = max((call.started_at for call in self._calls), default=None)
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Call]] = {}
        for call in self._calls:
            self._waiting.setdefault(call.asked, deque()).append(call)

    def answer(self, kind: CallKind, target: str, asked: Asked) -> Recorded:
        """What was answered to the call that asked this.

        Raises:
            ReplayError: none did, or each has answered already.
            CutOffError: the attempt ended before it was answered.
        """
        with self._lock:
            waiting = self._waiting.get(asked)
            call = waiting.popleft() if waiting else None
        if call is None:
            raise self._nothing(kind, target, asked)
        if self._end_attempt is not None and self._was_cut_off(call):
            self._end_attempt()
            raise CutOffError(
                f"the attempt ended before the {kind} call {target} of task '{asked.task}' was answered, as it did then"
            )
        return recorded_answer(
            call,
            self._read_body,
            pauses=_pauses_of(call) if self._is_timed else (),
            kept=self._kept(call) if self._is_kept_here else None,
        )

    def _kept(self, call: Call) -> dict[bytes, str]:
        both = (body for body in (call.request, call.response) if body is not None and body.last)
        return {self._read_body(body): body.last for body in both}

    def _was_cut_off(self, call: Call) -> bool:
        """Whether *call* went on until its attempt was ended; one on a loop was cancelled then."""
        if call.error == ENDED_FIRST:
            return True
        if call.error is None or not is_cancellation(call.error) or self._last_began is None:
            return False
        return call.started_at + timedelta(milliseconds=call.duration_ms) >= self._last_began

    def _nothing(self, kind: CallKind, target: str, asked: Asked) -> ReplayError:
        with self._lock:
            left = [call for waiting in self._waiting.values() for call in waiting]
        left.sort(key=lambda call: call.number)
        said = describe_nearest(kind, target, asked, self._calls, left, self._read_body)
        whom = shorten_text(target, most=200)
        return ReplayError(
            f"nothing on the tape answers the {kind} call {whom} of task '{asked.task}': {said}",
            fix="let it ask what it asked then, or run this task and what follows live with `--from`",
        )


def _pauses_of(call: Call) -> list[float]:
    """The seconds before each chunk of *call*, and before its end."""
    pauses, came = [], 0.0
    for moment in [*(chunk.offset_ms for chunk in call.chunks), call.duration_ms]:
        pauses.append(max(0.0, moment - came) / 1000)
        came = max(came, moment)
    return pauses


def recorded_answer(
    call: Call,
    read_body: Callable[[Body], bytes],
    *,
    pauses: Sequence[float] = (),
    kept: Mapping[bytes, str] | None = None,
) -> Recorded:
    """What was answered to *call*, as it can be given again."""
    body = call.response
    return Recorded(
        body=b"" if body is None or not body.last else read_body(body),
        media_type="" if body is None else body.media_type,
        status=call.status,
        headers=call.response_headers,
        chunks=call.chunks,
        is_complete=call.is_complete,
        error=call.error,
        pauses=pauses,
        kept=kept or {},
    )
