"""What surrounds an attempt, for tests of adapters: a real recorder, and people and money that do as they are told."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from pydantic import JsonValue

from binex.adapters.attempt import Ask, AttemptContext, Reservation, attempting
from binex.errors import UnansweredError
from binex.models.call import Body, BodyPart, Call
from binex.models.question import Answer
from binex.models.task import TaskNode, now
from binex.tape.player import Player
from binex.tape.redaction import Redactor
from binex.tape.taping import Answers, AttemptRecorder


@dataclass
class FakeSurroundings:
    """Keeps what an adapter does to the world around it."""

    calls: list[Call] = field(default_factory=list)
    parts: dict[str, BodyPart] = field(default_factory=dict)
    asked: list[Ask] = field(default_factory=list)
    answers: list[JsonValue] = field(default_factory=list)
    """What people will say, in turn; nobody says anything where it is empty."""
    streamed: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    bookmarks: dict[str, JsonValue] = field(default_factory=dict)
    reserved: list[tuple[str, float | None]] = field(default_factory=list)
    spent: list[float | None] = field(default_factory=list)
    player: Answers | None = None
    """Who answers calls instead of the outside."""

    async def ask(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        if not self.answers:
            raise UnansweredError(f"nobody answered: {ask.text}")
        return Answer(value=self.answers.pop(0), by="somebody", at=now())

    @asynccontextmanager
    async def reserve(self, estimate_usd: float | None, *, model: str) -> AsyncIterator[Reservation]:
        self.reserved.append((model, estimate_usd))
        yield self

    def spend(self, cost_usd: float | None) -> None:
        self.spent.append(cost_usd)

    async def keep(self, name: str, value: JsonValue) -> None:
        self.bookmarks[name] = value

    def take(self, call: Call, parts: Sequence[BodyPart]) -> None:
        self.calls.append(call)
        self.parts.update({part.id: part for part in parts})

    def request_of(self, call: Call) -> bytes:
        """What was asked."""
        return self._bytes(call.request.last if call.request else "")

    def response_of(self, call: Call) -> bytes:
        """What came back."""
        return self._bytes(call.response.last if call.response else "")

    def read(self, body: Body) -> bytes:
        """A body."""
        return self._bytes(body.last)

    def player_of(self, task: TaskNode) -> Player:
        """Who answers an attempt at *task* with what was answered here."""
        calls = [call for call in self.calls if (call.task, call.attempt) == (task.path, task.attempt)]
        return Player(calls, self.read)

    def _bytes(self, last: str) -> bytes:
        pieces: list[bytes] = []
        while last:
            pieces.append(self.parts[last].data)
            last = self.parts[last].previous
        return b"".join(reversed(pieces))

    @contextmanager
    def attempt(self, task: TaskNode) -> Iterator[AttemptContext]:
        """Execute what is in the block as an attempt at *task*."""
        recorder = AttemptRecorder(
            task.run_id, task.path, task.attempt, sink=self.take, redactor=Redactor(()), player=self.player
        )
        context = AttemptContext(
            recorder=recorder,
            desk=self,
            ledger=self,
            stream=self.streamed.append,
            hide=self.hidden.append,
            bookmarks=dict(self.bookmarks),
            keep=self.keep,
        )
        try:
            with attempting(context):
                yield context
        finally:
            recorder.close()
