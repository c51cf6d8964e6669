"""Where a model cannot be had, the next one is asked; the error names all that were."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from binex.adapters.attempt import Reservation
from binex.adapters.llm.port import FinishReason
from binex.errors import BadReplyError, BudgetError, CheaperModelError, RemoteError
from binex.models.call import NOT_MADE
from tests.adapters.llm.bench import Bench, ToldBackend, text

OTHERS = ("llm://anthropic/claude", "llm://mock/last")


@pytest.mark.parametrize(
    "error",
    [
        RemoteError("429", status=429, host="openai"),
        RemoteError("500", status=500, host="openai"),
        RemoteError("401", status=401, host="openai"),
        RemoteError("404", status=404, host="openai"),
        RemoteError("connection refused", host="openai"),
        BadReplyError("HTML", host="openai"),
    ],
)
async def test_the_next_model_is_asked_within_the_same_attempt(error: RemoteError) -> None:
    bench = Bench(openai=ToldBackend([[error]]), anthropic=ToldBackend([text("from another")]))
    assert await bench.answer("llm://openai/gpt-4o", fallbacks=OTHERS) == "from another"
    assert [(call.target, call.error is None) for call in bench.calls] == [
        ("openai/gpt-4o", False),
        ("anthropic/claude", True),
    ]


async def test_a_refusal_is_tried_elsewhere() -> None:
    bench = Bench(openai=ToldBackend([text("no", FinishReason.REFUSAL)]))
    assert await bench.answer("llm://openai/gpt-4o", fallbacks=("llm://mock/b",)) == "mock answer to topic: bees"


@pytest.mark.parametrize("status", [400, 422])
async def test_a_wrong_request_is_wrong_everywhere(status: int) -> None:
    bench = Bench(openai=ToldBackend([[RemoteError("wrong", status=status, host="openai")]]))
    with pytest.raises(RemoteError, match=r"^wrong$") as caught:
        await bench.answer("llm://openai/gpt-4o", fallbacks=OTHERS)
    assert not caught.value.is_retryable
    assert len(bench.calls) == 1


async def test_the_error_names_every_model_that_was_asked() -> None:
    first = RemoteError("too many", status=429, host="openai", retry_after_ms=700)
    second = RemoteError("no such key", status=401, host="anthropic")
    bench = Bench(openai=ToldBackend([[first]]), anthropic=ToldBackend([[second]]))
    with pytest.raises(RemoteError) as caught:
        await bench.answer("llm://openai/gpt-4o", fallbacks=OTHERS[:1])
    error = caught.value
    assert error.message == ("none of 2 models could be had: openai/gpt-4o: too many; anthropic/claude: no such key")
    assert (error.host, error.status, error.is_retryable, error.retry_after_ms) == ("anthropic", 401, True, 700)


async def test_a_key_and_an_address_never_reach_another_provider() -> None:
    other = ToldBackend([text("ok")], refused=("seed",))
    bench = Bench(openai=ToldBackend([[RemoteError("500", status=500)]]), anthropic=other)
    config = {"api_key": "sk-1", "api_base": "http://127.0.0.1:1", "seed": 7, "temperature": 0.5}
    await bench.answer("llm://openai/gpt-4o", fallbacks=OTHERS, config=config)
    (connection,) = other.connections
    assert (connection.api_key, connection.api_base) == (None, None)
    assert other.requests[0].settings == {"temperature": 0.5}


async def test_another_model_of_the_same_provider_has_the_same_key() -> None:
    told = ToldBackend([[RemoteError("500", status=500)], text("ok")])
    await Bench(openai=told).answer(
        "llm://openai/gpt-4o", fallbacks=("llm://openai/gpt-4o-mini",), config={"api_key": "sk-1"}
    )
    assert [connection.api_key for connection in told.connections] == ["sk-1", "sk-1"]


async def test_the_conversation_goes_on_with_the_model_that_could_be_had() -> None:
    openai = ToldBackend([[RemoteError("500", status=500)]])
    other = ToldBackend([text("no"), text('{"a": 1}')])
    bench = Bench(openai=openai, anthropic=other)
    answer = await bench.answer("llm://openai/gpt-4o", fallbacks=OTHERS, output_schema={"type": "object"})
    assert answer == {"a": 1}
    assert (len(openai.requests), len(other.requests)) == (1, 2)


class _Thrifty(Bench):
    """Its ledger allows one model only, and says so."""

    def __init__(self, allowed: str, **backends: ToldBackend) -> None:
        super().__init__(**backends)

        @asynccontextmanager
        async def reserve(estimate_usd: float | None, *, model: str) -> AsyncIterator[Reservation]:
            if f"llm://{model}" != "llm://mock/cheap":
                raise CheaperModelError("go on with a cheaper one", model=allowed)
            yield self.around

        self.around.reserve = reserve  # type: ignore[method-assign]


async def test_somebody_may_decide_for_a_cheaper_model() -> None:
    bench = _Thrifty("llm://mock/cheap", openai=ToldBackend())
    assert await bench.answer("llm://openai/gpt-4o") == "mock answer to topic: bees"
    assert [(call.target, call.spend.model_calls) for call in bench.calls] == [("openai/gpt-4o", 0), ("mock/cheap", 1)]


async def test_a_cheaper_model_that_is_not_allowed_either_is_the_end() -> None:
    bench = _Thrifty("llm://mock/dear")
    with pytest.raises(BudgetError, match="cheaper"):
        await bench.answer("llm://mock/first")
    assert {call.priced_by for call in bench.calls} == {NOT_MADE}
