"""What a tape knows is not asked of anybody: neither a backend nor a key is needed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from binex.adapters.attempt import AttemptContext, attempting
from binex.adapters.llm.port import TextDelta
from binex.errors import BadReplyError, RemoteError, ReplayError
from binex.models.call import CallKind
from binex.models.task import TaskNode
from binex.tape.recorder import Recorded
from binex.tape.redaction import Redactor
from binex.tape.taping import AttemptRecorder
from tests.adapters.llm.bench import Bench, ToldBackend, a_task, text
from tests.attempts import FakeSurroundings


class Player:
    """Answers from what *recorded* has kept, each call once, and knows nothing else."""

    def __init__(self, recorded: FakeSurroundings) -> None:
        self._recorded = recorded
        self._left = list(recorded.calls)

    def answer(self, kind: CallKind, target: str, asked: str) -> Recorded | None:
        for call in self._left:
            if call.asked == asked:
                self._left.remove(call)
                body = self._recorded.response_of(call)
                return Recorded(body, status=call.status, is_complete=call.is_complete, error=call.error)
        raise ReplayError(f"nothing like this was asked of {target}")


class Replaying(FakeSurroundings):
    """Surroundings in which only the tape may answer."""

    def __init__(self, recorded: FakeSurroundings) -> None:
        super().__init__()
        self._player = Player(recorded)

    @contextmanager
    def attempt(self, task: TaskNode) -> Iterator[AttemptContext]:
        recorder = AttemptRecorder(
            task.run_id, task.path, task.attempt, sink=self.take, redactor=Redactor(()), player=self._player
        )
        context = AttemptContext(recorder, desk=self, ledger=self, stream=self.streamed.append)
        try:
            with attempting(context):
                yield context
        finally:
            recorder.close()


def replay_of(bench: Bench) -> Bench:
    again = Bench(openai=ToldBackend())  # it has nothing to say: asking it would fail
    again.around = Replaying(bench.around)
    return again


async def test_a_reply_is_given_again_and_recorded_again() -> None:
    bench = Bench(openai=ToldBackend([text("no"), text('{"a": 1}')]))
    answer = await bench.answer("llm://openai/gpt-4o", output_schema={"type": "object"})
    again = replay_of(bench)
    assert await again.answer("llm://openai/gpt-4o", output_schema={"type": "object"}) == answer
    assert again.around.streamed == bench.around.streamed
    assert [again.events(number) for number in range(2)] == [bench.events(number) for number in range(2)]
    assert [(call.cost_usd, call.priced_by) for call in again.calls] == [(0.0, "replayed")] * 2
    assert again.around.reserved == []


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ([RemoteError("openai answered 429", status=429, host="openai")], RemoteError),
        ([TextDelta(text="half"), BadReplyError("bad reply from openai: HTML", host="openai")], BadReplyError),
        ([TextDelta(text="half")], BadReplyError),
    ],
)
async def test_a_failure_is_the_same_failure_again(said: list[object], kind: type[RemoteError]) -> None:
    bench = Bench(openai=ToldBackend([said]))  # type: ignore[list-item]
    with pytest.raises(RemoteError) as first:
        await bench.answer("llm://openai/gpt-4o")
    again = replay_of(bench)
    with pytest.raises(RemoteError) as second:
        await again.answer("llm://openai/gpt-4o")
    assert (type(second.value), second.value.message, second.value.status) == (
        kind,
        first.value.message,
        first.value.status,
    )


async def test_another_question_is_not_on_the_tape() -> None:
    bench = Bench(openai=ToldBackend([text("bees")]))
    await bench.answer("llm://openai/gpt-4o")
    with pytest.raises(ReplayError, match="nothing like this"):
        await replay_of(bench).answer("llm://openai/gpt-4o", inputs={"topic": "ants"})


async def test_a_damaged_tape_is_no_reply() -> None:
    class Damaged(Player):
        def answer(self, kind: CallKind, target: str, asked: str) -> Recorded | None:
            return Recorded(b'{"type": "text", "te')

    bench = Bench()
    recorder = AttemptRecorder(
        "run", "write", 1, sink=bench.around.take, redactor=Redactor(()), player=Damaged(bench.around)
    )
    task = a_task("llm://mock/a")
    context = AttemptContext(recorder, desk=bench.around, ledger=bench.around)
    with attempting(context), pytest.raises(BadReplyError, match="cannot be read"):
        await bench.adapter.execute(task, [], "trace")
    recorder.close()
