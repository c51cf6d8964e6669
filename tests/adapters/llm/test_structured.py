"""Answers that must fit a schema: asked for, read, repaired, and refused where nothing helps."""

import time

import pytest
from pydantic import JsonValue

from binex.adapters.llm.structured import find_json
from binex.errors import SchemaError
from tests.adapters.llm.bench import Bench, ToldBackend, text

PLAN: dict[str, JsonValue] = {"type": "object", "required": ["steps"], "properties": {"steps": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("  [1, 2]\n", [1, 2]),
        ('"yes"', "yes"),
        ("null", None),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Here you are:\n\n```\n[{"a": "}"}]\n```\nAnything else?', [{"a": "}"}]),
        ('Sure! {"a": {"b": [1]}} - I hope [that helps.', {"a": {"b": [1]}}),
        ('Use {braces} or not: {"a": 1}', {"a": 1}),
    ],
)
def test_the_one_json_value_in_a_text_is_found(said: str, value: JsonValue) -> None:
    assert find_json(said) == value


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("I do not know.", "no JSON"),
        ("", "no JSON"),
        ('{"a": NaN}', "no JSON"),
        ('{"a": 1', "no JSON"),
        ('{"a": 1} or {"a": 2}', "more than one"),
        ('```json\n{"a": 1}\n```\n```json\n{"a": 2}\n```', "more than one"),
    ],
)
def test_no_json_or_several_are_no_answer(said: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        find_json(said)


@pytest.mark.parametrize("said", ["[" * 300_000, '{"a":' * 100_000, '{"' + "x" * 3_000_000])
def test_text_made_to_take_long_does_not(said: str) -> None:
    began = time.monotonic()
    with pytest.raises(ValueError, match="no JSON"):
        find_json(said)
    assert time.monotonic() - began < 5


async def test_a_provider_that_keeps_to_schemas_is_given_the_schema() -> None:
    told = ToldBackend([text('{"steps": 3}')], keeps_schemas=True)
    assert await Bench(openai=told).answer("llm://openai/gpt-4o", output_schema=PLAN) == {"steps": 3}
    (request,) = told.requests
    assert request.output_schema == PLAN
    assert [message.role for message in request.messages] == ["user"]


async def test_another_one_is_told_the_schema() -> None:
    bench = Bench()
    answers: list[JsonValue] = [{"text": 'Well: ```json\n{"steps": 3}\n```'}, {"json": {"steps": 4}}]
    assert await bench.answer(output_schema=PLAN, config={"answers": answers[1:]}) == {"steps": 4}
    system, user = bench.request().messages
    assert system.role == "system"
    assert "JSON Schema" in system.content
    assert '"required":["steps"]' in system.content
    assert user.content == "topic:\nbees"
    assert bench.request().output_schema is None


async def test_a_miss_is_told_to_the_model_in_the_same_conversation() -> None:
    bench = Bench()
    answers: list[JsonValue] = [{"text": "no idea"}, {"json": {"steps": "x"}}, {"json": {"steps": 2}}]
    assert await bench.answer(output_schema=PLAN, config={"answers": answers}) == {"steps": 2}
    assert len(bench.calls) == 3
    messages = bench.request(2).messages
    assert [message.role for message in messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    told = [message.content for message in messages if message.role == "user"]
    assert "it is no JSON" in told[1] and '.steps: "x" is not of type "integer"' in told[2]


async def test_after_the_last_repair_the_error_says_what_was_missed_and_said() -> None:
    bench = Bench()
    with pytest.raises(SchemaError) as caught:
        await bench.answer(output_schema=PLAN, config={"answers": [{"text": "never\x1b[31m JSON"}]})
    assert caught.value.message == (
        "the answer does not fit output_schema after 3 tries: it is no JSON; it begins with 'never\\x1b[31m JSON'"
    )
    assert caught.value.is_retryable
    assert len(bench.calls) == 3


async def test_no_repair_where_none_is_wanted() -> None:
    bench = Bench()
    with pytest.raises(SchemaError):
        await bench.answer(output_schema=PLAN, repair={"max_attempts": 0}, config={"answers": [{"text": "no"}]})
    assert len(bench.calls) == 1


async def test_a_stronger_model_is_asked_once_where_repair_did_not_help() -> None:
    bench = Bench()
    answers: list[JsonValue] = [
        {"json": {"steps": 1}, "when": {"model": "strong"}},
        {"text": "no", "repeat": 9, "when": {"model": "writer"}},
    ]
    repair = {"max_attempts": 1, "escalate": "llm://mock/strong"}
    assert await bench.answer(output_schema=PLAN, repair=repair, config={"answers": answers}) == {"steps": 1}
    assert [call.target for call in bench.calls] == ["mock/writer", "mock/writer", "mock/strong"]


async def test_a_stronger_model_that_does_not_help_either_is_the_end() -> None:
    bench = Bench()
    repair = {"max_attempts": 0, "escalate": "llm://mock/strong"}
    with pytest.raises(SchemaError, match="after 2 tries"):
        await bench.answer(output_schema=PLAN, repair=repair, config={"answers": [{"text": "no"}]})
    assert [call.target for call in bench.calls] == ["mock/writer", "mock/strong"]


async def test_several_outputs_are_the_parts_of_one_object() -> None:
    bench = Bench()
    answers: list[JsonValue] = [{"json": {"plan": [1]}}, {"json": {"plan": [1], "title": "Bees"}}]
    made = await bench.ask(outputs=("plan", "title"), config={"answers": answers})
    assert {artifact.output: artifact.content for artifact in made} == {"plan": [1], "title": "Bees"}
    assert "title" in bench.request(1).messages[-1].content


async def test_several_outputs_with_a_schema_need_exactly_their_keys_too() -> None:
    bench = Bench()
    answers: list[JsonValue] = [{"json": {"steps": 1, "title": "a", "more": 1}}, {"json": {"steps": 1, "title": "a"}}]
    made = await bench.ask(outputs=("steps", "title"), output_schema=PLAN, config={"answers": answers})
    assert [artifact.content for artifact in made] == [1, "a"]
    assert "exactly these keys: steps, title" in bench.request(1).messages[-1].content


@pytest.mark.parametrize("value", [{"kind": "binary", "data": "x"}, {"$ref": "#/a"}, {"__class__": "os"}, {"lc": 1}])
async def test_an_answer_that_looks_like_something_else_is_plain_data(value: dict[str, JsonValue]) -> None:
    assert await Bench().answer(output_schema={"type": "object"}, config={"answers": [{"json": value}]}) == value
