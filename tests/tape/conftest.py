"""What tests of the tape share: hooks, a server, and a tape that can be read."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from binex.models.call import Body, BodyPart, Call, Chunk
from binex.tape.hooks import install_hooks
from binex.tape.recorder import recording
from binex.tape.redaction import Redactor
from binex.tape.taping import Answers, AttemptRecorder
from tests.servers import LoopbackServer, serving


@dataclass
class Tape:
    """What was handed to the sink."""

    calls: list[Call] = field(default_factory=list)
    parts: dict[str, BodyPart] = field(default_factory=dict)
    handed_over: list[BodyPart] = field(default_factory=list)

    def take(self, call: Call, parts: Sequence[BodyPart]) -> None:
        self.calls.append(call)
        self.handed_over += parts
        self.parts.update({part.id: part for part in parts})

    def read(self, body: Body | None) -> bytes:
        pieces: list[bytes] = []
        last = body.last if body else ""
        while last:
            pieces.append(self.parts[last].data)
            last = self.parts[last].previous
        return b"".join(reversed(pieces))

    def everything(self) -> bytes:
        """Every byte that left the recorder."""
        calls = [call.model_dump_json().encode() for call in self.calls]
        return b"\n".join([*calls, *(part.data for part in self.handed_over)])

    @property
    def call(self) -> Call:
        """The only call."""
        [call] = self.calls
        return call

    @property
    def request(self) -> bytes:
        return self.read(self.call.request)

    @property
    def response(self) -> bytes:
        return self.read(self.call.response)

    def recorder(
        self, *secrets: str, task: str = "task", player: Answers | None = None, body_bytes: int = 64 << 20
    ) -> AttemptRecorder:
        redactor = Redactor(secrets)
        return AttemptRecorder("run", task, 1, sink=self.take, redactor=redactor, player=player, body_bytes=body_bytes)

    @contextmanager
    def recording(self, *secrets: str, player: Answers | None = None) -> Iterator[AttemptRecorder]:
        """Record what the block does."""
        recorder = self.recorder(*secrets, player=player)
        try:
            with recording(recorder):
                yield recorder
        finally:
            recorder.close()


def pieces_of(data: bytes, chunks: Sequence[Chunk]) -> list[bytes]:
    """A body in the chunks in which it came."""
    pieces, at = [], 0
    for chunk in chunks:
        pieces.append(data[at : at + chunk.size])
        at += chunk.size
    assert at == len(data)
    return pieces


def words_of(data: bytes) -> str:
    """What the events of a stream say."""
    events = [line[6:] for line in data.splitlines() if line.startswith(b"data: {")]
    return "".join(json.loads(event)["delta"]["content"] for event in events)


@pytest.fixture
def tape() -> Tape:
    install_hooks()
    return Tape()


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with serving() as running:
        yield running
