"""Calls that are recorded in another process, on their way to the recorder of their attempt.

A call is three messages: its description as JSON, what was asked, and what came back.
"""

import json
import os
from collections.abc import Callable, Sequence
from typing import Final

from pydantic import JsonValue

from binex.errors import ReplayError
from binex.models.call import Body, BodyPart, Call, CallKind
from binex.tape.bodies import Wholes
from binex.tape.recorder import Recorded, Recorder
from binex.tape.redaction import Redactor
from binex.tape.taping import AttemptRecorder

STATUS: Final = "call"
"""How a call's description says what it is, among other messages."""


def recorder_of_process(
    run_id: str, task: str, attempt: int, *, is_playing: bool, send: Callable[[Sequence[bytes]], None]
) -> AttemptRecorder:
    """A recorder whose calls are sent elsewhere; only there it is known what is secret."""
    refuse = _Refusal(task) if is_playing else None
    return AttemptRecorder(
        run_id, task, attempt, sink=_Sender(send), redactor=Redactor(()), player=refuse, bodies=Wholes()
    )


def receive(recorder: Recorder, description: dict[str, JsonValue], request: bytes, response: bytes) -> None:
    """Take in a call that another process has sent."""
    recorder.adopt(Call.model_validate(description["call"]), request, response)


class _Sender:
    """A sink that sends calls, whose bodies are of one part each."""

    def __init__(self, send: Callable[[Sequence[bytes]], None]) -> None:
        self._send = send
        self._process = os.getpid()

    def __call__(self, call: Call, parts: Sequence[BodyPart]) -> None:
        if os.getpid() != self._process:
            return  # a fork of ours: it writes to the same pipe, and would write into our messages
        data = {part.id: part.data for part in parts}
        description = json.dumps({"status": STATUS, "call": call.model_dump(mode="json")}).encode()
        self._send((description, _bytes_of(call.request, data), _bytes_of(call.response, data)))


def _bytes_of(body: Body | None, data: dict[str, bytes]) -> bytes:
    return b"" if body is None or not body.last else data[body.last]


class _Refusal:
    """Answers nothing: a process of its own knows no tape."""

    def __init__(self, task: str) -> None:
        self._task = task

    def answer(self, kind: CallKind, target: str, asked: str) -> Recorded | None:  # noqa: ARG002 - it refuses all
        raise ReplayError(
            f"the {kind} call {target} of task '{self._task}' cannot be answered from the tape: "
            "the task is executed in a process of its own",
            fix="leave `isolation: process` out to replay what is inside of it",
        )
