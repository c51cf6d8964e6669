"""One request to a model: what is asked, what is kept of it, what it costs and how it fails."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from binex.adapters.llm.adapter import LlmAdapter
from binex.adapters.llm.port import Finished, FinishReason, ReasoningDelta, TextDelta, ToolCall, ToolCallMade
from binex.errors import AgentError, BadReplyError, RemoteError
from binex.models.call import Usage
from binex.models.limits import Limits
from binex.models.settings import Rates
from tests.adapters.llm.bench import Bench, ToldBackend, text


async def test_the_text_of_the_answer_is_the_output() -> None:
    bench = Bench()
    assert await bench.answer() == "mock answer to topic: bees"
    assert "".join(bench.around.streamed) == "mock answer to topic: bees"
    assert len(bench.around.streamed) == 5


async def test_a_request_is_one_call_on_the_tape() -> None:
    bench = Bench()
    await bench.answer(system_prompt="Be brief.", config={"temperature": 0.5, "api_key": "sk-own", "max_tokens": 9})
    (call,) = bench.around.calls
    assert (call.target, call.error, call.is_complete) == ("mock/writer", None, True)
    assert json.loads(bench.around.request_of(call)) == {
        "provider": "mock",
        "model": "writer",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "topic:\nbees"}],
        "settings": {"temperature": 0.5, "max_tokens": 9},
    }
    assert [event["type"] for event in bench.events()] == ["text"] * 5 + ["finished"]
    assert len(call.chunks) == 6
    assert bench.around.hidden == ["sk-own"]


async def test_settings_and_connection_reach_the_backend_and_nobody_else() -> None:
    told = ToldBackend([text("a"), text("b")])
    bench = Bench(openai=told)
    config: dict[str, JsonValue] = {
        "seed": 7,
        "api_base": "http://127.0.0.1:1/v1",
        "api_key": "sk-1",
        "extra_headers": {"X-Team": "bees", "X-Api-Token": "tok"},
    }
    await bench.answer("llm://openai/gpt-4o", config=config)
    await bench.answer("llm://openai/gpt-4o")
    first, second = told.connections
    assert (first.api_base, first.api_key, dict(first.headers)) == (
        "http://127.0.0.1:1/v1",
        "sk-1",
        {"X-Team": "bees", "X-Api-Token": "tok"},
    )
    assert told.requests[0].settings == {"seed": 7}
    assert (second.api_base, second.api_key, dict(second.headers), told.requests[1].settings) == (None, None, {}, {})
    assert bench.around.hidden == ["sk-1", "tok"]


async def test_the_key_of_the_environment_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEES_KEY", "sk-from-environment")
    bench = Bench(openai=ToldBackend([text("a")], keys=("BEES_KEY",)))
    await bench.answer("llm://openai/gpt-4o")
    assert bench.around.hidden == ["sk-from-environment"]


async def test_a_key_that_is_there_and_not_needed_is_hidden_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "from-environment")
    bench = Bench(ollama=ToldBackend([text("a")]))
    await bench.answer("llm://ollama/small")
    assert bench.around.hidden == ["from-environment"]


async def test_money_is_set_apart_and_spent() -> None:
    bench = Bench()
    await bench.answer(config={"answers": [{"text": "hi", "price": 0.25, "usage": {"input_tokens": 5}}]})
    assert bench.around.reserved == [("mock/writer", 0.25)]
    assert bench.around.spent == [0.25]
    assert bench.calls[0].cost_usd == 0.25
    assert bench.calls[0].usage == Usage(input_tokens=5)


async def test_a_scripted_model_without_a_price_is_free() -> None:
    bench = Bench()
    await bench.answer()
    assert (bench.around.spent, bench.calls[0].cost_usd) == ([0.0], 0.0)


async def test_prices_of_the_project_go_first() -> None:
    bench = Bench()
    bench.adapter = LlmAdapter(Limits(), prices={"mock/*": Rates(input=1_000_000, output=0)})
    await bench.answer()
    assert bench.around.spent == [2.0]


async def test_a_known_model_has_the_price_of_the_table() -> None:
    usage = Usage(input_tokens=1000, output_tokens=1000)
    told = ToldBackend([[TextDelta(text="hi"), Finished(reason=FinishReason.STOP, usage=usage)]])
    bench = Bench(openai=told)
    await bench.answer("llm://openai/gpt-4o-mini", config={"max_tokens": 50})
    ((_, reserved),) = bench.around.reserved
    assert reserved is not None and reserved > 0
    assert bench.around.spent == [pytest.approx(0.00075)]
    assert bench.calls[0].priced_by


@pytest.mark.parametrize("usage", [None, Usage(input_tokens=-1, output_tokens=5), Usage(output_tokens=5)])
async def test_usage_that_cannot_be_makes_the_price_unknown(usage: Usage | None) -> None:
    told = ToldBackend([[TextDelta(text="hi"), Finished(reason=FinishReason.STOP, usage=usage)]])
    bench = Bench(openai=told)
    await bench.answer("llm://openai/gpt-4o-mini")
    assert (bench.around.spent, bench.calls[0].cost_usd) == ([None], None)


async def test_a_refused_request_costs_nothing_and_is_kept_with_its_status() -> None:
    bench = Bench(openai=ToldBackend([[RemoteError("openai answered 429", host="openai", status=429)]]))
    with pytest.raises(RemoteError, match="429"):
        await bench.answer("llm://openai/gpt-4o")
    (call,) = bench.calls
    assert (call.status, call.cost_usd, call.error) == (429, 0.0, "RemoteError: openai answered 429")


@pytest.mark.parametrize(
    ("events", "cost"),
    [
        ([AgentError("a library is missing")], 0.0),
        ([RemoteError("the connection broke", host="openai")], None),
        ([TextDelta(text="half"), RemoteError("overloaded", status=529, host="openai")], None),
    ],
)
async def test_what_may_have_been_paid_for_is_of_unknown_price(events: list[object], cost: float | None) -> None:
    bench = Bench(openai=ToldBackend([events]))  # type: ignore[list-item]
    with pytest.raises(AgentError):
        await bench.answer("llm://openai/gpt-4o")
    assert (bench.calls[0].cost_usd, bench.around.spent) == (cost, [cost])


async def test_half_a_reply_is_kept_and_not_passed_on() -> None:
    told = ToldBackend([[TextDelta(text="half of"), TextDelta(text=" it")]])
    bench = Bench(openai=told)
    with pytest.raises(BadReplyError, match="it broke off after"):
        await bench.answer("llm://openai/gpt-4o")
    (call,) = bench.calls
    assert not call.is_complete
    assert [event["text"] for event in bench.events()] == ["half of", " it"]
    assert bench.around.spent == [None]


@pytest.mark.parametrize(
    ("events", "message", "is_retryable"),
    [
        ([Finished(reason=FinishReason.STOP)], "said nothing", True),
        ([TextDelta(text=" \n"), Finished(reason="odd")], r"said nothing \(it ended with 'odd'\)", True),
        ([ReasoningDelta(text="hm"), Finished(reason=FinishReason.STOP)], "said nothing", True),
        (text("I will not.", FinishReason.REFUSAL), "gpt-4o refused to answer: I will not.", False),
        (
            [
                TextDelta(text="a b"),
                Finished(reason=FinishReason.LENGTH, usage=Usage(input_tokens=1, output_tokens=1200)),
            ],
            r"was cut off after 1,200 tokens \(config.max_tokens: 1200\)",
            False,
        ),
        ([TextDelta(text="x" * 20_000), Finished(reason=FinishReason.STOP)], "longer than 10,000 bytes", False),
        (
            [
                ToolCallMade(call=ToolCall(id="1", name="search", arguments="{}")),
                Finished(reason=FinishReason.TOOL_CALLS),
            ],
            "asked for the tool 'search', and there are none",
            True,
        ),
    ],
)
async def test_a_reply_that_is_none_says_why(events: list[object], message: str, is_retryable: bool) -> None:
    bench = Bench(openai=ToldBackend([events]))  # type: ignore[list-item]
    with pytest.raises(RemoteError, match=message) as caught:
        await bench.answer("llm://openai/gpt-4o", config={"max_tokens": 1200})
    assert caught.value.is_retryable is is_retryable


async def test_reasoning_is_on_the_tape_and_not_in_the_answer() -> None:
    bench = Bench(openai=ToldBackend([[ReasoningDelta(text="hm"), *text("bees")]]))
    assert await bench.answer("llm://openai/gpt-4o") == "bees"
    assert bench.events()[0] == {"type": "reasoning", "text": "hm"}
    assert bench.around.streamed == ["bees"]


def test_faults_are_found_by_reading_alone() -> None:
    bench = Bench()
    assert bench.faults("llm://mock/a", {"temperature": 0.2, "api_key": "${env.KEY}", "max_tool_rounds": 3}) == []
    wrong: dict[str, JsonValue] = {
        "temperature": "hot",
        "api_key": 7,
        "api_base": "ftp://x",
        "extra_headers": {"a": 1},
        "max_tool_rounds": 0,
    }
    found = bench.faults("llm://mock/a", wrong)
    assert {fault.path for fault in found} == {("config", key) for key in wrong}
    assert all(fault.message and "7" not in fault.message for fault in found)


@pytest.mark.parametrize(
    ("key", "near"), [("temprature", "temperature"), ("api_bse", "api_base"), ("max_tool_round", "max_tool_rounds")]
)
def test_an_unknown_key_names_the_provider_and_the_nearest_key(key: str, near: str) -> None:
    (fault,) = Bench().faults("llm://mock/a", {key: 1})
    assert fault.at_key and fault.path == ("config", key) and "mock" in fault.message
    assert fault.fix is not None and f"did you mean '{near}'?" in fault.fix


def test_a_model_without_anything_to_read_is_a_fault() -> None:
    (fault,) = Bench().faults("llm://mock/a", {}, inputs=())
    assert "nothing to ask" in fault.message


def test_an_unknown_provider_is_a_fault_of_the_agent() -> None:
    (fault,) = Bench().faults("llm://opnai/gpt-4o", {})
    assert fault.path == ("agent",) and "opnai" in fault.message


async def test_a_value_that_only_the_run_knows_is_checked_when_it_is_known() -> None:
    bench = Bench()
    assert bench.faults("llm://mock/a", {"temperature": "${user.heat}"}) == []
    with pytest.raises(AgentError, match=r"config.temperature: .* not 'hot'") as caught:
        await bench.answer(config={"temperature": "hot"})
    assert not caught.value.is_retryable
    assert bench.calls == []


async def test_events_are_json_that_the_port_can_read_again() -> None:
    bench = Bench()
    await bench.answer()
    assert bench.events()[-1]["usage"] == {"input_tokens": 2, "output_tokens": 5}
    assert json.loads(bench.around.response_of(bench.calls[0]).splitlines()[0]) == {"type": "text", "text": "mock"}
    assert bench.calls[0].started_at < datetime.now(UTC)
