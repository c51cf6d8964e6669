"""What a tape knows is not asked of anybody: neither a backend nor a key is needed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from binex.adapters.attempt import Reservation
from binex.adapters.llm.port import (
    Connection,
    Finished,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolCall,
    ToolCallMade,
)
from binex.errors import (
    AgentError,
    AuthenticationError,
    BadReplyError,
    BudgetError,
    CheaperModelError,
    RemoteError,
    ReplayError,
)
from binex.models.call import CallKind
from binex.tape.player import Player
from binex.tape.recorder import Recorded
from tests.adapters.llm.bench import Bench, Said, ToldBackend, a_task, text
from tests.attempts import FakeSurroundings


def replay_of(bench: Bench) -> Bench:
    again = Bench(openai=ToldBackend())  # it has nothing to say: asking it would fail
    again.around = FakeSurroundings(player=bench.around.player_of(a_task("llm://openai/gpt-4o")))
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
    "said",
    [
        [RemoteError("openai answered 429", status=429, host="openai", fix="wait", retry_after_ms=7000, body="{}")],
        [AuthenticationError("no key", host="h", is_retryable=False)],
        [TextDelta(text="half"), BadReplyError("bad reply from openai: HTML", host="openai", is_retryable=False)],
        [TextDelta(text="half")],
        [TextDelta(text="no"), Finished(reason="refusal")],
        [TextDelta(text="cut"), Finished(reason="length")],
        [Finished(reason="stop")],
        [ToolCallMade(call=ToolCall(id="1", name="nobody", arguments="{}")), Finished(reason="tool_calls")],
        [AgentError("mock: all answers are used up", fix="add one", is_retryable=False)],
        [RemoteError("half of a surrogate \udc80", host="openai")],
    ],
)
async def test_a_failure_is_the_same_failure_again_and_again(said: Said) -> None:
    bench = Bench(openai=ToldBackend([said]))
    config = {"api_base": "http://models.example:8000/v1"}
    with pytest.raises(AgentError) as first:
        await bench.answer("llm://openai/gpt-4o", config=config)
    for config in ({"api_base": "[redacted]"}, {}):
        bench = replay_of(bench)
        with pytest.raises(AgentError) as again:
            await bench.answer("llm://openai/gpt-4o", config=config)
        assert type(again.value) is type(first.value)
        assert vars(again.value) == vars(first.value)
        assert again.value.message.encode("utf-8", "backslashreplace") == first.value.message.encode(
            "utf-8", "backslashreplace"
        )
        assert [(call.cost_usd, call.priced_by) for call in bench.calls] == [(0.0, "replayed")]


async def test_a_tape_of_an_earlier_version_has_its_failures_in_words_alone() -> None:
    class Earlier(Player):
        def answer(self, kind: CallKind, target: str, asked: str) -> Recorded:
            return Recorded(b"", status=429, is_complete=False, error="RemoteError: openai answered 429")

    bench = Bench()
    bench.around.player = Earlier((), bench.around.read)
    with pytest.raises(RemoteError) as raised:
        await bench.answer("llm://openai/gpt-4o")
    assert (raised.value.message, raised.value.status, raised.value.is_retryable) == ("openai answered 429", 429, True)


async def test_another_model_is_asked_again_where_the_first_could_not_be_had() -> None:
    bench = Bench(openai=ToldBackend([[RemoteError("gone", status=503, host="openai")], text("bees")]))
    fallbacks = ("llm://openai/gpt-4o-mini",)
    assert await bench.answer("llm://openai/gpt-4o", fallbacks=fallbacks) == "bees"
    again = replay_of(bench)
    assert await again.answer("llm://openai/gpt-4o", fallbacks=fallbacks) == "bees"
    assert [call.target for call in again.calls] == [call.target for call in bench.calls]


class Poor(FakeSurroundings):
    """There is no money for one model."""

    refusal: BudgetError = BudgetError("nothing is left", fix="give it more")

    @asynccontextmanager
    async def reserve(self, estimate_usd: float | None, *, model: str) -> AsyncIterator[Reservation]:
        if model == "openai/gpt-4o":
            raise self.refusal
        async with super().reserve(estimate_usd, model=model) as reservation:
            yield reservation


async def test_what_a_budget_refused_is_refused_again_and_nobody_is_asked_about_money() -> None:
    bench = Bench(openai=ToldBackend())
    bench.around = Poor()
    with pytest.raises(BudgetError) as then:
        await bench.answer("llm://openai/gpt-4o")
    again = bench
    for _ in range(2):
        again = replay_of(again)
        with pytest.raises(BudgetError) as now:
            await again.answer("llm://openai/gpt-4o")
        assert (now.value.message, vars(now.value)) == (then.value.message, vars(then.value))
        assert again.around.reserved == []
        assert [(call.spend.model_calls, call.cost_usd) for call in again.calls] == [(0, 0.0)]


async def test_who_went_on_with_a_cheaper_model_does_so_again() -> None:
    bench = Bench(openai=ToldBackend([text("cheap")]))
    bench.around = Poor()
    bench.around.refusal = CheaperModelError("too little", model="llm://openai/gpt-4o-mini")
    assert await bench.answer("llm://openai/gpt-4o") == "cheap"
    again = replay_of(bench)
    assert await again.answer("llm://openai/gpt-4o") == "cheap"
    assert [call.target for call in again.calls] == ["openai/gpt-4o", "openai/gpt-4o-mini"]
    assert sum(call.spend.model_calls for call in again.calls) == 1


async def test_a_reply_comes_with_its_pauses_where_they_are_wanted() -> None:
    bench = Bench(openai=ToldBackend([[TextDelta(text="bees "), TextDelta(text="dance"), Finished(reason="stop")]]))
    assert await bench.answer("llm://openai/gpt-4o") == "bees dance"
    (call,) = bench.calls
    slow = call.model_copy(
        update={"chunks": tuple(chunk._replace(offset_ms=100.0 * n) for n, chunk in enumerate(call.chunks, 1))}
    )
    again = replay_of(bench)
    again.around.player = Player([slow], bench.around.read, is_timed=True)
    came: list[float] = []
    again.around.streamed = _Clock(came)
    began = time.monotonic()
    assert await again.answer("llm://openai/gpt-4o") == "bees dance"
    assert [round(moment - began, 1) for moment in came] == pytest.approx([0.1, 0.2], abs=0.09)
    assert time.monotonic() - began >= 0.3


class _Clock(list[str]):
    """Notes when something is said."""

    def __init__(self, came: list[float]) -> None:
        self._came = came

    def append(self, said: str) -> None:
        self._came.append(time.monotonic())
        super().append(said)


async def test_a_reply_that_was_given_up_never_ends() -> None:
    bench = Bench(openai=ToldBackend([[TextDelta(text="half")]]))
    with pytest.raises(BadReplyError):
        await bench.answer("llm://openai/gpt-4o")
    (call,) = bench.calls
    given_up = call.model_copy(update={"error": "CancelledError", "response": None, "chunks": ()})
    again = replay_of(bench)
    again.around.player = Player([given_up], bench.around.read)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await again.answer("llm://openai/gpt-4o")


async def test_a_call_that_the_end_of_its_attempt_cut_off_ends_it_again_and_is_on_the_new_tape() -> None:
    class Silent(ToldBackend):
        async def stream(self, request: ModelRequest, connection: Connection) -> AsyncIterator[ModelEvent]:
            yield TextDelta(text="half")
            await asyncio.get_running_loop().create_future()

    bench = Bench(openai=Silent())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await bench.answer("llm://openai/gpt-4o")
    for _ in range(2):
        again = replay_of(bench)
        attempt = asyncio.current_task()
        assert attempt is not None
        again.around.player = Player(bench.calls, bench.around.read, end_attempt=attempt.cancel)
        with pytest.raises(asyncio.CancelledError):
            await again.answer("llm://openai/gpt-4o")
        attempt.uncancel()
        [call] = again.calls
        assert (call.error, call.is_complete, call.cost_usd) == ("CancelledError", False, 0.0)
        bench = again


async def test_another_question_is_not_on_the_tape() -> None:
    bench = Bench(openai=ToldBackend([text("bees")]))
    await bench.answer("llm://openai/gpt-4o")
    with pytest.raises(ReplayError, match="what it asks is not what was asked there"):
        await replay_of(bench).answer("llm://openai/gpt-4o", inputs={"topic": "ants"})


async def test_a_damaged_tape_is_no_reply() -> None:
    class Damaged(Player):
        def answer(self, kind: CallKind, target: str, asked: str) -> Recorded:
            return Recorded(b'{"type": "text", "te')

    bench = Bench()
    bench.around.player = Damaged((), bench.around.read)
    with pytest.raises(BadReplyError, match="cannot be read"):
        await bench.answer("llm://mock/a")
