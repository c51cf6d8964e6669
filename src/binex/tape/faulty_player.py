"""Plays a tape in which the first calls of a task meet faults, and then answers with whatever fits.

::

    task = FaultyTask([read_fault("plan=429:2")], attempts, read_body)   # shared by all attempts at one task
    recorder = AttemptRecorder(…, player=task.player(attempt))           # the third call is answered from the tape
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from binex.errors import BinexError, ReplayError
from binex.models.call import Body, Call, CallKind
from binex.models.json_value import decode_json, encode_json
from binex.tape.asked import Asked
from binex.tape.fault_answers import answer_with
from binex.tape.faults import Fault, FaultKind
from binex.tape.nearest import describe_nearest
from binex.tape.player import recorded_answer
from binex.tape.recorder import Recorded

_FAULTY: Final = (CallKind.MODEL, CallKind.A2A, CallKind.HTTP, CallKind.TOOL)
"""What can meet a fault, the outermost first: requests on the wire belong to the call of a model, say."""

_ASKED_FOR_REAL: Final = (CallKind.HUMAN, CallKind.VALUE)

_Conversation: TypeAlias = tuple[bytes, ...]
"""What was said to a model and by it, message by message, without what the system says."""


class FaultyTask:
    """What the attempts at one task that meets faults have in common: how many of them are still to come.

    *attempts* are the recorded calls of each attempt that there was. *has_schema* says whether an answer of the task
    must fit a schema, so that a malformed one is one that does not.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        attempts: Sequence[Sequence[Call]],
        read_body: Callable[[Body], bytes],
        *,
        has_schema: bool = False,
    ) -> None:
        self.read_body = read_body
        self.has_schema = has_schema
        self._attempts = attempts
        self._lock = threading.Lock()
        self._to_come = deque(fault.kind for fault in faults for _ in range(fault.count))
        made = {call.kind for calls in attempts for call in calls}
        self._kinds = [kind for kind in _FAULTY if kind in made][:1] or _FAULTY

    @property
    def to_come(self) -> int:
        """How many faults no call has met yet: where the task has ended, it made fewer calls, or none that could."""
        with self._lock:
            return len(self._to_come)

    def player(self, attempt: int) -> "FaultyPlayer":
        """Who answers the calls of an attempt, which are numbered from 1."""
        return FaultyPlayer(self, self._calls_for(attempt))

    def next_fault(self, kind: CallKind) -> FaultKind | None:
        """The fault that the call of this kind, which is made now, meets."""
        with self._lock:
            return self._to_come.popleft() if self._to_come and kind in self._kinds else None

    def _calls_for(self, attempt: int) -> list[Call]:
        """All that is on the tape: first what the attempt itself was answered, or the last one, and then the latest.

        Moments and random numbers are those of one attempt: time does not go back.
        """
        own = min(attempt, len(self._attempts)) - 1
        others = [n for n in reversed(range(len(self._attempts))) if n != own]
        return [
            call
            for n in (own, *others)
            if n >= 0
            for call in sorted(self._attempts[n], key=lambda one: (one.parent is not None, one.number))
            if n == own or call.kind is not CallKind.VALUE
        ]


class FaultyPlayer:
    """The recorded calls of all attempts at a task, for one attempt. May be used from any thread.

    Each answers once, and the last of those that asked the same as often as it is asked. A request to a model that
    was never made is answered by the nearest one: made to another model, or before an answer that was a fault. A
    question to a person that was never asked is asked for real, and where no moment or random number is left, there
    is a new one.
    """

    def __init__(self, task: FaultyTask, calls: Sequence[Call]) -> None:
        self._task = task
        self._calls = calls
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Call]] = {}
        for call in calls:
            self._waiting.setdefault(call.asked, deque()).append(call)

    def answer(self, kind: CallKind, target: str, asked: Asked) -> Recorded | None:
        """What the call is answered that asks this.

        Raises:
            ReplayError: nothing on the tape fits.
        """
        fault = self._task.next_fault(kind)
        if fault is not None:
            call = self._exact(asked, is_taken=False) or self._nearest(kind, asked)
            recorded = None if call is None else recorded_answer(call, self._task.read_body)
            return answer_with(fault, kind, target, recorded, has_schema=self._task.has_schema)
        call = self._exact(asked, is_taken=True) or self._nearest(kind, asked)
        if call is not None:
            return recorded_answer(call, self._task.read_body)
        if kind in _ASKED_FOR_REAL:
            return None
        said = describe_nearest(kind, target, asked, self._calls, self._calls, self._task.read_body)
        raise ReplayError(
            f"nothing on the tape answers the {kind} call {target} of task '{asked.task}' after the fault: {said}",
            fix="a call that only a fault leads to was never recorded; run the task live with `--from`",
        )

    def _exact(self, asked: Asked, *, is_taken: bool) -> Call | None:
        """The next call that asked the same."""
        with self._lock:
            waiting = self._waiting.get(asked)
            if not waiting:
                return None
            is_last = len(waiting) == 1 and waiting[0].kind is not CallKind.VALUE
            return waiting.popleft() if is_taken and not is_last else waiting[0]

    def _nearest(self, kind: CallKind, asked: Asked) -> Call | None:
        """The call of a model that comes nearest to one that was never made."""
        if kind is not CallKind.MODEL:
            return None
        wanted = _conversation_in(asked.request)
        ranked = [(_likeness(wanted, self._conversation_of(call)), call) for call in self._calls if call.kind is kind]
        # What was answered goes before what failed, and of several the first: max() takes it.
        best = max(ranked, key=lambda one: (one[0], one[1].error is None), default=None)
        return None if best is None or best[0] == (0, 0) else best[1]

    def _conversation_of(self, call: Call) -> _Conversation:
        if call.request is None or not call.request.last:
            return ()
        try:
            return _conversation_in(self._task.read_body(call.request))
        except (LookupError, BinexError):
            return ()


def _conversation_in(request: bytes) -> _Conversation:
    """The conversation of a request to a model; what the system says may hold the schema for one model only."""
    try:
        asked = decode_json(request)
    except ValueError:
        return ()
    messages = asked.get("messages") if isinstance(asked, dict) else None
    listed = messages if isinstance(messages, list) else []
    return tuple(encode_json(one) for one in listed if not isinstance(one, dict) or one.get("role") != "system")


def _likeness(wanted: _Conversation, found: _Conversation) -> tuple[int, int]:
    """How near *found* comes: best the same; then one that ends alike; then one that *wanted* goes on from."""
    if not found or not wanted:
        return (0, 0)
    if wanted == found:
        return (3, 0)
    ending = 0
    while ending < min(len(wanted), len(found)) and wanted[-1 - ending] == found[-1 - ending]:
        ending += 1
    if ending:
        return (2, ending)
    return (1, len(found)) if wanted[: len(found)] == found else (0, 0)
