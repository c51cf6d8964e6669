"""Plays a tape back: answers the calls of an attempt with what was answered when it was recorded."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from difflib import get_close_matches

from binex.errors import ReplayError
from binex.models.call import Body, Call, CallKind
from binex.tape.recorder import Recorded


class Player:
    """The recorded calls of one attempt, each of which answers once.

    A call is answered by one that asked the same; where several did, by the one that began first. *read_body* gives
    the bytes of a recorded body.
    """

    def __init__(self, calls: Iterable[Call], read_body: Callable[[Body], bytes]) -> None:
        self._read_body = read_body
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Call]] = {}
        self._task = ""
        for call in sorted(calls, key=lambda call: call.number):
            self._task = call.task
            self._waiting.setdefault(call.asked, deque()).append(call)

    def answer(self, kind: CallKind, target: str, asked: str) -> Recorded:
        """What was answered to the call that asked this.

        Raises:
            ReplayError: none did, or each has answered already.
        """
        with self._lock:
            found = self._waiting.get(asked)
            if not found:
                raise self._nothing(kind, target)
            call = found.popleft()
            if not found:
                del self._waiting[asked]
        body = call.response
        return Recorded(
            body=b"" if body is None or not body.last else self._read_body(body),
            media_type="" if body is None else body.media_type,
            status=call.status,
            headers=call.response_headers,
            chunks=call.chunks,
            is_complete=call.is_complete,
            error=call.error,
        )

    def _nothing(self, kind: CallKind, target: str) -> ReplayError:
        left = [call for calls in self._waiting.values() for call in calls if call.kind is kind]
        near = get_close_matches(target, {call.target for call in left}, n=1, cutoff=0.0)
        if not left:
            said = f"no {kind} call of it is left on the tape"
        elif near and near[0] == target:
            said = "what it asks is not what was asked there when this was recorded"
        else:
            said = f"the nearest that was recorded is {near[0] if near else left[0].target}"
        return ReplayError(
            f"nothing on the tape answers the {kind} call {target} of task '{self._task}': {said}",
            fix="replay from an earlier task, or let this task ask again",
        )
