"""Calls that are made in another process, on their way to the recorder of their attempt, and answers on their way back.

What is secret, and what the tape says, is only known where that recorder is. A message is its description as JSON and
the bodies that belong to it:

- ``begin``: a call begins, with what it asks; its process may be ended before the call is;
- ``call``: a call that has ended, with what was asked and what came back;
- ``ask``: a call that is about to be made, with what it asks. It is replied to: what the tape says, and the body;
- ``refused``: something that was refused because only the tape may answer.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from binex.errors import BinexError, OfflineError, ReplayError
from binex.models.call import Body, BodyPart, Call, CallKind, Chunk
from binex.models.span_ids import attempt_span_id
from binex.tape.asked import Asked
from binex.tape.bodies import Wholes
from binex.tape.call_taping import CallTaping
from binex.tape.recorder import CutOffError, Headers, Recorded, Recorder, Taping
from binex.tape.redaction import Redactor
from binex.tape.taping import AttemptRecorder


class Status(StrEnum):
    """What a message is."""

    BEGIN = "begin"
    CALL = "call"
    ASK = "ask"
    REFUSED = "refused"


BODIES: Final[Mapping[str, int]] = {Status.BEGIN: 1, Status.CALL: 2, Status.ASK: 1, Status.REFUSED: 0}
"""How many bodies a message has, by the ``status`` of its description, which tells it from other messages."""

REPLAY_ERRORS: Final = {kind.__name__: kind for kind in (ReplayError, OfflineError, CutOffError)}
"""The errors that keep their type between processes, by their names."""

Send = Callable[[Sequence[bytes]], None]
Ask = Callable[[Sequence[bytes]], Sequence[bytes]]
"""Sends a message and gives the reply to it."""


class ProcessRecorder(AttemptRecorder):
    """A recorder whose calls are sent elsewhere, and with *ask* answered there.

    Only in the process that it was made in: a fork writes to the same pipe, and would write into our messages.
    """

    def __init__(self, run_id: str, task: str, attempt: int, *, ask: Ask | None, send: Send) -> None:
        super().__init__(
            run_id,
            task,
            attempt,
            sink=self._send_call,
            redactor=Redactor(()),
            player=None if ask is None else _Asker(ask),
            bodies=Wholes(),
        )
        self._send = send
        self._process = os.getpid()

    def begin(
        self, kind: CallKind, target: str, request: bytes = b"", *, media_type: str = "", headers: Headers = ()
    ) -> CallTaping:
        taping = super().begin(kind, target, request, media_type=media_type, headers=headers)
        if os.getpid() == self._process and not self._is_closed:
            cutter = self._cutter  # as in what is asked of the tape: it must come to the same there
            begun = {
                "status": Status.BEGIN,
                "number": taping.number,
                "parent": taping.parent,
                "kind": kind.value,
                "target": cutter.cut_target(target),
                "media_type": media_type,
                "headers": cutter.cut_headers(headers),
            }
            self._send((_json(begun), cutter.cut_body(request, media_type)))
        return taping

    def span_id_of(self, number: int) -> str:  # noqa: ARG002 - a call may have another number where it is recorded
        return attempt_span_id(self.run_id, self.task, self.attempt)

    def refuse(self, what: str) -> str:
        what = super().refuse(what)
        if os.getpid() == self._process:
            self._send((_json({"status": Status.REFUSED, "what": what}),))
        return what

    def _send_call(self, call: Call, parts: Sequence[BodyPart]) -> None:
        if os.getpid() == self._process:
            data = {part.id: part.data for part in parts}
            description = _json({"status": Status.CALL, "call": call.model_dump(mode="json")})
            self._send((description, _bytes_of(call.request, data), _bytes_of(call.response, data)))


class Receiver:
    """Takes in what one process sends, for the recorder of its attempt."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._numbers: dict[int, int] = {}
        """The numbers that its calls have here, by those that they have there."""
        self._open: dict[int, Taping] = {}

    def take(self, said: Mapping[str, Any], bodies: Sequence[bytes]) -> Sequence[bytes]:
        """Take in a message; gives the reply, empty where none is waited for."""
        match said["status"]:
            case Status.BEGIN:
                self._begin(said, bodies[0])
            case Status.CALL:
                call = Call.model_validate(said["call"])
                taping = self._open.pop(call.number, None)
                if taping is not None:  # one of a thread, which began while its attempt ended, is not known here
                    taping.adopt(call, *bodies)
            case Status.REFUSED:
                self._recorder.refuse(said["what"])
            case _:
                return _reply(self._recorder, said, bodies[0])
        return ()

    def give_up(self) -> None:
        """The process has died; nobody ended it."""
        for taping in self._open.values():
            taping.fail("the process ended first")

    def _begin(self, said: Mapping[str, Any], request: bytes) -> None:
        taping = self._recorder.begin_elsewhere(
            CallKind(said["kind"]),
            said["target"],
            request,
            parent=self._numbers.get(said["parent"]),
            media_type=said["media_type"],
            headers=[(name, value) for name, value in said["headers"]],
        )
        self._numbers[said["number"]] = taping.number
        self._open[said["number"]] = taping


def _reply(recorder: Recorder, said: Mapping[str, Any], request: bytes) -> Sequence[bytes]:
    """What the tape says to a call that is about to be made elsewhere."""
    try:
        recorded = recorder.answer(CallKind(said["kind"]), said["target"], request, media_type=said["media_type"])
    except BinexError as error:
        kind = type(error).__name__
        return _json({"error": kind, "message": error.message, "fix": error.fix}), b""
    if recorded is None:
        return _json({"answer": None}), b""
    answer: dict[str, object] = {
        "media_type": recorded.media_type,
        "status": recorded.status,
        "headers": list(recorded.headers),
        "chunks": list(recorded.chunks),
        "is_complete": recorded.is_complete,
        "error": recorded.error,
        "pauses": list(recorded.pauses),
    }
    return _json({"answer": answer}), recorded.body


def _bytes_of(body: Body | None, data: dict[str, bytes]) -> bytes:
    return b"" if body is None or not body.last else data[body.last]


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value).encode()


class _Asker:
    """Answers what the recorder elsewhere answers."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._process = os.getpid()

    def answer(self, kind: CallKind, target: str, asked: Asked) -> Recorded | None:
        if os.getpid() != self._process:
            raise ReplayError(
                f"the {kind} call {target} of task '{asked.task}' cannot be answered from the tape: "
                "it is made by a process that the function has forked",
                fix="make the call in the function's own process",
            )
        question = {"status": Status.ASK, "kind": kind.value, "target": target, "media_type": asked.media_type}
        description, body = self._ask((_json(question), asked.request))
        reply: dict[str, Any] = json.loads(description)
        if "error" in reply:
            raise REPLAY_ERRORS.get(reply["error"], ReplayError)(reply["message"], fix=reply["fix"])
        if reply["answer"] is None:
            return None
        chunks = tuple(Chunk(*chunk) for chunk in reply["answer"].pop("chunks"))
        headers = [(name, value) for name, value in reply["answer"].pop("headers")]
        return Recorded(body=body, chunks=chunks, headers=headers, **reply["answer"])
