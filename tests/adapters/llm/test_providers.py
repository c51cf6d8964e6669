"""The backends against a real server of each protocol: what is said, and what arrives."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from binex.adapters.llm.port import FinishReason, Message, ToolCall
from binex.models.call import Usage
from tests.adapters.llm.asking import ADD, MODELS, Heard, ask, backend_for, stream
from tests.model_server import MODEL, PROTOCOLS, Answer, ModelServer, Protocol, Tokens, Wire, sse

each = pytest.mark.parametrize("protocol", PROTOCOLS)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@each
async def test_a_reply_is_heard_in_its_pieces_with_its_reason_model_and_id(
    protocol: Protocol, server: ModelServer
) -> None:
    server.replies = [Answer(["Hel", "lo", " you"])]
    heard = await ask(protocol, server)
    assert heard.texts == ["Hel", "lo", " you"]
    assert (heard.finished.reason, heard.finished.model) == (FinishReason.STOP, MODEL)
    assert heard.finished.id == ("" if protocol == "ollama" else "reply-1")
    assert len(server.requests) == 1


@each
async def test_text_is_heard_while_the_reply_is_still_coming(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Answer(["first", "last"], cut=1, end="hang")]
    events = stream(protocol, server)
    async with asyncio.timeout(10):
        async for event in events:
            assert event.type == "text"
            break
    await events.aclose()  # type: ignore[attr-defined]  # it is a generator


@each
async def test_the_conversation_goes_out_with_calls_and_results(protocol: Protocol, server: ModelServer) -> None:
    calls = (ToolCall(id="x1", name="add", arguments='{"a": 1}'), ToolCall(id="x2", name="add", arguments='{"a": 2}'))
    messages = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="Add <|endoftext|> things."),
        Message(role="assistant", content="I will.", tool_calls=calls),
        Message(role="tool", content="one", tool_call_id="x1", name="add"),
        Message(role="tool", content="two", tool_call_id="x2", name="add"),
    )
    await ask(protocol, server, messages=messages, tools=(ADD,))
    body = server.requests[0].body
    assert _conversation(protocol, body) == [
        ("system", "Be brief."),
        ("user", "Add <|endoftext|> things."),
        ("assistant", "I will."),
        ("call", ("add", 1)),
        ("call", ("add", 2)),
        ("result", "one"),
        ("result", "two"),
    ]
    assert _tool_schema(protocol, body) == ADD.parameters


def _conversation(protocol: Protocol, body: Any) -> list[tuple[str, Any]]:  # noqa: PLR0912 - a case each
    """What a request says, whatever the protocol."""
    said: list[tuple[str, Any]] = []
    if protocol in ("openai", "ollama"):
        for message in body["messages"]:
            said.append(("result" if message["role"] == "tool" else message["role"], message["content"]))
            for call in message.get("tool_calls", ()):
                given = call["function"]["arguments"]
                arguments = json.loads(given) if protocol == "openai" else given
                said.append(("call", (call["function"]["name"], arguments["a"])))
    elif protocol == "anthropic":
        system = body["system"]
        said.append(("system", system if isinstance(system, str) else system[0]["text"]))
        for message in body["messages"]:
            for block in message["content"]:
                if block["type"] == "tool_use":
                    said.append(("call", (block["name"], block["input"]["a"])))
                elif block["type"] == "tool_result":
                    said.append(("result", _text(block["content"])))
                else:
                    said.append((message["role"], block["text"]))
    else:
        said.append(("system", body["systemInstruction"]["parts"][0]["text"]))
        for content in body["contents"]:
            for part in content["parts"]:
                if "functionCall" in part:
                    said.append(("call", (part["functionCall"]["name"], part["functionCall"]["args"]["a"])))
                elif "functionResponse" in part:
                    said.append(("result", part["functionResponse"]["response"]["return_value"]))
                else:
                    said.append(("assistant" if content["role"] == "model" else "user", part["text"]))
    return said


def _text(content: Any) -> str:
    return str(content if isinstance(content, str) else content[0]["text"])


def _tool_schema(protocol: Protocol, body: Any) -> Any:
    tool = body["tools"][0]
    if protocol in ("openai", "ollama"):
        return tool["function"]["parameters"]
    if protocol == "anthropic":
        return tool["input_schema"]
    declared = tool["functionDeclarations"][0]
    return declared.get("parametersJsonSchema") or declared.get("parameters_json_schema")


@each
async def test_tool_calls_are_told_once_each_when_they_are_complete(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Answer("Wait.", calls=[("c1", "add", '{"a": 11}'), ("c2", "unknown", '{"b": "x"}')])]
    heard = await ask(protocol, server, tools=(ADD,))
    assert [(call.name, call.arguments) for call in heard.calls] == [("add", '{"a": 11}'), ("unknown", '{"b": "x"}')]
    assert len({call.id for call in heard.calls}) == 2
    assert heard.finished.reason == FinishReason.TOOL_CALLS


@each
async def test_reasoning_is_told_apart_from_the_answer(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Answer("four", thoughts=["two and", " two"])]
    heard = await ask(protocol, server)
    assert (heard.thoughts, heard.text) == (["two and", " two"], "four")


@each
async def test_usage_counts_cached_and_reasoning_tokens_once(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Answer(tokens=Tokens(read=20, written=9, cached=8, reasoned=3))]
    usage = (await ask(protocol, server)).finished.usage
    if protocol == "ollama":
        assert usage == Usage(input_tokens=20, output_tokens=9)
    else:
        assert usage == Usage(input_tokens=20, output_tokens=9, cached_tokens=8, reasoning_tokens=3)


@each
async def test_usage_that_is_missing_is_unknown(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Answer(tokens=None)]
    assert (await ask(protocol, server)).finished.usage is None


@each
async def test_usage_that_cannot_be_is_unknown(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Answer(tokens=Tokens(read=-5, written=9, cached=-1, reasoned=30))]
    usage = (await ask(protocol, server)).finished.usage
    assert usage is None or (usage.input_tokens, usage.cached_tokens, usage.reasoning_tokens) == (None, None, None)


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
async def test_usage_that_is_no_number_is_unknown(protocol: Protocol, server: ModelServer) -> None:
    nan = float("nan")
    server.replies = [Answer(tokens=Tokens(read=nan, written=nan, cached=nan, reasoned=nan))]
    usage = (await ask(protocol, server)).finished.usage
    assert usage is None or (usage.input_tokens, usage.output_tokens) == (None, None)


@pytest.mark.parametrize(
    ("protocol", "word", "reason"),
    [
        ("openai", "length", FinishReason.LENGTH),
        ("openai", "content_filter", FinishReason.REFUSAL),
        ("anthropic", "max_tokens", FinishReason.LENGTH),
        ("anthropic", "stop_sequence", FinishReason.STOP),
        ("anthropic", "refusal", FinishReason.REFUSAL),
        ("google", "MAX_TOKENS", FinishReason.LENGTH),
        ("google", "SAFETY", FinishReason.REFUSAL),
        ("google", "MALFORMED_FUNCTION_CALL", "malformed_function_call"),
        ("ollama", "length", FinishReason.LENGTH),
    ],
)
async def test_the_reason_to_stop_is_told_in_our_words(
    protocol: Protocol, word: str, reason: str, server: ModelServer
) -> None:
    server.replies = [Answer(finish=word)]
    assert (await ask(protocol, server)).finished.reason == reason


@each
async def test_a_schema_reaches_the_provider(protocol: Protocol, server: ModelServer) -> None:
    provider, model = MODELS[protocol]
    assert backend_for(protocol).has_structured_output(provider, model)
    await ask(protocol, server, output_schema=SCHEMA)
    body = server.requests[0].body
    sent = {
        "openai": lambda: body["response_format"]["json_schema"],
        "anthropic": lambda: body["output_config"]["format"],
        "google": lambda: {"schema": body["generationConfig"]["responseJsonSchema"]},
        "ollama": lambda: {"schema": body["format"]},
    }[protocol]()
    assert sent["schema"] == SCHEMA
    if protocol == "openai":
        assert sent["strict"] is True


async def test_a_schema_that_strict_mode_refuses_is_sent_without_it(server: ModelServer) -> None:
    await ask("openai", server, output_schema={"type": "object", "properties": {"n": {"type": "integer"}}})
    assert server.requests[0].body["response_format"]["json_schema"]["strict"] is False


def test_older_models_are_known_not_to_keep_to_a_schema() -> None:
    backend = backend_for("openai")
    assert not backend.has_structured_output("openai", "gpt-3.5-turbo")
    assert not backend.has_structured_output("anthropic", "claude-3-5-haiku-latest")
    assert not backend.has_structured_output("deepseek", "deepseek-chat")


async def test_many_replies_at_once_do_not_mix(server: ModelServer) -> None:
    async def one(number: int) -> None:
        protocol = PROTOCOLS[number % 4]
        settings = {"temperature": number / 100}
        heard = await ask(
            protocol, server, messages=(Message(role="user", content=f"No. {number}"),), settings=settings
        )
        assert heard.text == "Hello"

    await asyncio.gather(*(one(number) for number in range(40)))
    for seen in server.requests:
        text = str(seen.body)
        number = re.findall(r"No\. (\d+)", text)[0]
        assert f"'temperature': {int(number) / 100}" in text


async def test_servers_that_number_their_calls_wrongly_are_understood(server: ModelServer) -> None:
    def chunk(call: Any, finish: str | None = None) -> bytes:
        delta = {"tool_calls": [call]} if call else {}
        return sse({"id": "r", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    calls = [
        {"index": 0, "id": "a", "function": {"name": "one", "arguments": "{}"}},
        {"index": 0, "id": "b", "function": {"name": "two", "arguments": '{"x":'}},
        {"index": 0, "function": {"arguments": "1}"}},
    ]
    body = [*map(chunk, calls), chunk(None, "tool_calls"), b"data: [DONE]\n\n"]
    server.replies = [Wire(body=body, media_type="text/event-stream")]
    heard = await ask("openai", server, Heard())
    assert [(call.id, call.name, call.arguments) for call in heard.calls] == [
        ("a", "one", "{}"),
        ("b", "two", '{"x":1}'),
    ]
