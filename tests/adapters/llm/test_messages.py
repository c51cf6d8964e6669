"""What a model is told is always the same for the same task."""

import pytest

from binex.adapters.llm.messages import opening_messages, with_instruction
from binex.adapters.llm.port import Message
from binex.errors import AgentError
from tests.adapters.llm.bench import a_task


def test_inputs_are_labelled_in_the_order_written() -> None:
    task = a_task(
        "llm://mock/a", system_prompt="Be brief.", inputs={"topic": "bees", "count": 3, "hits": [{"a": None}]}
    )
    assert opening_messages(task) == [
        Message(role="system", content="Be brief."),
        Message(role="user", content='topic:\nbees\n\ncount:\n3\n\nhits:\n[{"a":null}]'),
    ]


def test_a_conversation_in_full_stands_as_it_is_written() -> None:
    said = [
        {"role": "user", "content": " hi "},
        {"role": "assistant", "content": "ho"},
        {"role": "user", "content": "?"},
    ]
    task = a_task("llm://mock/a", system_prompt="not used", messages=said)
    assert [message.model_dump(include={"role", "content"}) for message in opening_messages(task)] == said


def test_a_system_prompt_alone_is_what_the_user_says() -> None:
    assert opening_messages(a_task("llm://mock/a", system_prompt="Tell a joke.", inputs={})) == [
        Message(role="user", content="Tell a joke.")
    ]


@pytest.mark.parametrize("messages", [None, []])
def test_nothing_to_say_is_an_error(messages: list[object] | None) -> None:
    with pytest.raises(AgentError, match="nothing to ask") as caught:
        opening_messages(a_task("llm://mock/a", inputs={}, messages=messages))
    assert not caught.value.is_retryable


def test_half_a_character_is_replaced() -> None:
    (said,) = opening_messages(a_task("llm://mock/a", inputs={"topic": "a\ud800b"}))
    assert said.content == "topic:\na?b"


def test_an_instruction_joins_the_system_message() -> None:
    user = Message(role="user", content="hi")
    assert with_instruction([Message(role="system", content="A"), user], "B") == [
        Message(role="system", content="A\n\nB"),
        user,
    ]
    assert with_instruction([user], "B") == [Message(role="system", content="B"), user]
