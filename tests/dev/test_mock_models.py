"""The server of scripted models, asked by the vendors' own libraries and by our adapter for models."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import anthropic
import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binex.models.limits import Limits
from binex.models.run import RunStatus
from binex.models.task import TaskStatus
from binex.runtime.session import open_session
from binex.server.mock_models.sample import sample_of
from binex.server.mock_models.script import LiveScript
from binex.server.mock_models.server import ModelServer, open_model_server
from binex.server.mock_models.stand_in import VERSION, ScriptedAdapter

Open = Callable[[str | None], AbstractAsyncContextManager[ModelServer]]

KEYS = [
    *("role", "content", "tool_calls", "tool_call_id", "type", "text", "tool_result", "function", "name", "stream"),
    *("system", "response_format", "json_schema", "schema", "properties", "items", "$ref", "enum", "anyOf", "minItems"),
    *("stream_options", "include_usage", "output_format", "minLength", "maxLength", "minimum", "default"),
]

WEATHER = {
    "name": "weather",
    "description": "The weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def open_it(script: str | None) -> AsyncIterator[ModelServer]:
        path = None if script is None else tmp_path / "script.yaml"
        if path is not None and script is not None:
            path.write_text(dedent(script), "utf-8")
        async with open_model_server(LiveScript(path)) as server:
            yield server

    return open_it


@asynccontextmanager
async def openai_at(server: ModelServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="any", base_url=server.openai_url, max_retries=0, timeout=10) as client:
        yield client


@asynccontextmanager
async def anthropic_at(server: ModelServer) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key="any", base_url=server.anthropic_url, max_retries=0, timeout=10
    ) as client:
        yield client


def asking(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


async def test_the_library_of_openai_gets_what_the_script_says(opened: Open) -> None:
    async with (
        opened("- {text: Hello there, usage: {input_tokens: 7, output_tokens: 2}}") as server,
        openai_at(server) as client,
    ):
        reply = await client.chat.completions.create(model="gpt-4o", messages=asking("hi"))
    assert reply.choices[0].message.content == "Hello there"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (7, 2, 9)
    assert reply.model == "gpt-4o (scripted)"


async def test_the_library_of_openai_streams_pieces_and_usage(opened: Open) -> None:
    async with opened("- {chunks: [one, ' two', ' three']}") as server, openai_at(server) as client:
        stream = await client.chat.completions.create(
            model="gpt-4o", messages=asking("hi"), stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert texts == ["one", " two", " three"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 3


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_the_library_of_openai_uses_a_tool_and_then_gets_the_answer(opened: Open, is_streamed: bool) -> None:
    script = """
    - tool_calls: [{name: weather, arguments: {city: Bern}}]
    - {when: {contains: sunny}, text: Take a hat}
    """
    tools: Any = [{"type": "function", "function": WEATHER}]
    async with opened(script) as server, openai_at(server) as client:
        messages = asking("what to wear in Bern?")
        async with client.chat.completions.stream(model="gpt-4o", messages=messages, tools=tools) as stream:
            first = await stream.get_final_completion()
        call = first.choices[0].message.tool_calls[0]  # type: ignore[index]
        assert first.choices[0].finish_reason == "tool_calls"
        assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Bern"})
        messages += [first.choices[0].message.model_dump(exclude_none=True)]
        messages += [{"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
        second = await client.chat.completions.create(model="gpt-4o", messages=messages, tools=tools)
    assert second.choices[0].message.content == "Take a hat"


async def test_the_library_of_openai_gets_structured_output(opened: Open) -> None:
    from pydantic import BaseModel

    class Verdict(BaseModel):
        score: int

    async with opened("- {json: {score: 4}}") as server, openai_at(server) as client:
        reply = await client.chat.completions.parse(model="gpt-4o", messages=asking("?"), response_format=Verdict)
    assert reply.choices[0].message.parsed == Verdict(score=4)


async def test_without_a_script_structured_output_keeps_to_its_schema(opened: Open) -> None:
    from typing import Literal

    from pydantic import BaseModel, Field

    class Part(BaseModel):
        name: str = Field(min_length=9)
        kind: Literal["large", "small"]

    class Plain(BaseModel):  # the library takes bounds out of a schema
        kinds: list[Literal["large", "small"]]

    class Verdict(BaseModel):
        score: int = Field(ge=3)
        is_good: bool
        parts: list[Part]
        note: str | None

    async with opened(None) as server, openai_at(server) as client, anthropic_at(server) as other:
        reply = await client.chat.completions.parse(model="gpt-4o", messages=asking("?"), response_format=Verdict)
        assert reply.choices[0].message.parsed == Verdict(
            score=3, is_good=True, parts=[Part(name="textxxxxx", kind="large")], note="text"
        )
        said = await other.beta.messages.parse(
            model="claude-next", max_tokens=9, messages=asking("?"), output_format=Plain
        )
        assert said.parsed_output == Plain(kinds=["large"])


async def test_the_library_of_anthropic_gets_text_thoughts_and_usage(opened: Open) -> None:
    script = "- {text: Hello there, reasoning: let me see, usage: {input_tokens: 7, output_tokens: 2}}"
    async with opened(script) as server, anthropic_at(server) as client:
        reply = await client.messages.create(model="claude-x", max_tokens=9, system="be brief", messages=asking("hi"))
    assert [block.type for block in reply.content] == ["thinking", "text"]
    assert reply.content[1].text == "Hello there"  # type: ignore[union-attr]
    assert (reply.stop_reason, reply.usage.input_tokens, reply.usage.output_tokens) == ("end_turn", 7, 2)
    assert reply.model == "claude-x (scripted)"


async def test_the_library_of_anthropic_streams_and_uses_tools(opened: Open) -> None:
    script = """
    - {text: let me look, tool_calls: [{name: weather, arguments: {city: Bern}}, {name: weather, arguments: {city: X}}]}
    - {when: {contains: sunny}, text: Take a hat}
    """
    tools: Any = [{"name": "weather", "description": "", "input_schema": WEATHER["parameters"]}]
    async with opened(script) as server, anthropic_at(server) as client:
        messages = asking("what to wear?")
        async with client.messages.stream(model="claude-x", max_tokens=9, messages=messages, tools=tools) as stream:
            first = await stream.get_final_message()
        calls = [block for block in first.content if block.type == "tool_use"]
        assert [block.type for block in first.content] == ["text", "tool_use", "tool_use"]
        assert (first.stop_reason, calls[0].input, calls[1].input) == ("tool_use", {"city": "Bern"}, {"city": "X"})
        messages += [{"role": "assistant", "content": [block.model_dump() for block in first.content]}]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls]
        messages += [{"role": "user", "content": results}]
        second = await client.messages.create(model="claude-x", max_tokens=9, messages=messages, tools=tools)
    assert second.content[0].text == "Take a hat"  # type: ignore[union-attr]


async def test_refusals_of_a_provider_are_told_as_it_tells_them(opened: Open) -> None:
    script = "- {error: {status: 429, retry_after_ms: 1500}}\n- {error: {status: 503, body: gone}}"
    async with opened(script) as server, openai_at(server) as client, anthropic_at(server) as other:
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(model="m", messages=asking("hi"))
        assert limited.value.response.headers["retry-after-ms"] == "1500"
        with pytest.raises(anthropic.InternalServerError) as failed:
            await other.messages.create(model="m", max_tokens=9, messages=asking("hi"))
        assert failed.value.response.text == "gone"


async def test_a_reply_can_break_off_be_reset_or_be_none_at_all(opened: Open) -> None:
    script = "- {text: a b c d, error: half_stream}\n- {text: a b, error: reset}\n- {error: malformed}"
    async with opened(script) as server, openai_at(server) as client:
        stream = await client.chat.completions.create(model="m", messages=asking("hi"), stream=True)
        half = [chunk async for chunk in stream]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in half) == "a b"
        assert half[-1].choices[0].finish_reason is None
        with pytest.raises((openai.APIConnectionError, httpx.HTTPError, OSError)):
            stream = await client.chat.completions.create(model="m", messages=asking("hi"), stream=True)
            _ = [chunk async for chunk in stream]
        with pytest.raises((ValueError, openai.OpenAIError)):
            await client.chat.completions.create(model="m", messages=asking("hi"))


async def test_a_model_that_hangs_is_left_and_the_server_ends_all_the_same(opened: Open) -> None:
    async with asyncio.timeout(10), opened("- {error: hang}") as server, httpx.AsyncClient() as client:
        body = {"model": "m", "messages": asking("hi")}
        with pytest.raises(httpx.ReadTimeout):
            await client.post(f"{server.openai_url}/chat/completions", json=body, timeout=0.3)
        hanging = asyncio.ensure_future(client.post(f"{server.openai_url}/chat/completions", json=body, timeout=30))
        await asyncio.sleep(0.05)
    with pytest.raises(httpx.HTTPError):
        await hanging


async def test_the_script_is_read_again_when_it_is_saved_and_its_faults_are_told(opened: Open, tmp_path: Path) -> None:
    async with opened("- text: before") as server, openai_at(server) as client:

        async def ask() -> str | None:
            return (await client.chat.completions.create(model="m", messages=asking("x"))).choices[0].message.content

        assert await ask() == "before"
        (tmp_path / "script.yaml").write_text("- text: after it was saved", "utf-8")
        assert await ask() == "after it was saved"
        (tmp_path / "script.yaml").write_text("- txt: typo", "utf-8")
        with pytest.raises(openai.BadRequestError, match="unknown key 'txt'"):
            await ask()
        (tmp_path / "script.yaml").write_text("- text: repaired", "utf-8")
        assert await ask() == "repaired"


async def test_models_are_listed_in_both_forms_and_nothing_else_is_served(opened: Open) -> None:
    async with opened(None) as server, openai_at(server) as client, anthropic_at(server) as other:
        assert [model.id async for model in client.models.list()] == ["scripted"]
        await other.messages.create(model="claude-x", max_tokens=9, messages=asking("hi"))
        assert [model.id async for model in other.models.list()] == ["scripted", "claude-x"]
        assert (await other.messages.count_tokens(model="m", messages=asking("one two"))).input_tokens == 2
        with pytest.raises(openai.NotFoundError):
            await client.embeddings.create(model="m", input="x")


async def test_a_request_under_a_foreign_name_or_with_nonsense_is_refused(opened: Open) -> None:
    async with opened(None) as server, httpx.AsyncClient() as client:
        url = f"{server.openai_url}/chat/completions"
        foreign = await client.get(f"{server.openai_url}/models", headers={"Host": "evil.example"})
        assert foreign.status_code == 421
        for body in (b"{", b"[]", b"{}", b'{"model": "m"}', b'{"model": "m", "messages": []}', b"[" * 100_000):
            assert (await client.post(url, content=body)).status_code == 400
        strange = {"model": "m", "messages": [7, {"role": 3, "content": [None, {"type": "text"}]}]}
        assert (await client.post(url, json=strange)).status_code == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


def test_whatever_is_asked_is_answered_or_refused_with_a_message(opened: Open) -> None:
    held = AsyncExitStack()
    with asyncio.Runner() as runner:
        server = runner.run(held.enter_async_context(opened(None)))
        client = runner.run(held.enter_async_context(httpx.AsyncClient(timeout=10)))

        @settings(max_examples=50, deadline=None)
        @given(body=st.dictionaries(st.sampled_from(KEYS), JSON), messages=st.lists(JSON, min_size=1, max_size=3))
        def ask(body: Any, messages: Any) -> None:
            for path in ("/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"):
                asked = {**body, "model": "m", "messages": messages}
                response = runner.run(client.post(server.origin + path, json=asked))
                assert response.status_code in (200, 400), response.text
                if "event-stream" not in response.headers["content-type"]:
                    assert isinstance(response.json(), dict)

        try:
            ask()
        finally:
            runner.run(held.aclose())


WORKFLOW = """
name: asked
nodes:
  gpt:
    agent: llm://openai/gpt-4o
    system_prompt: one
    inputs: {question: hi}
  claude:
    agent: llm://anthropic/claude-next
    inputs: {question: "${gpt.output}"}
  gemini:
    agent: llm://google/gemini-2.5-pro
    config: {top_k: 3, temperature: 0}
    inputs: {question: "${claude.output}"}
"""


async def test_our_adapter_is_pointed_to_it_without_a_key_and_the_run_says_so(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "asked.yaml").write_text(WORKFLOW, "utf-8")
    script = """
    - {when: {model: gpt-4o}, text: from gpt}
    - {when: {model: claude-next}, chunks: [from, ' claude']}
    - {when: {contains: from claude}, text: from gemini}
    """
    async with opened(script) as server:
        stands_in = {"llm": ScriptedAdapter(server, Limits())}
        async with open_session(tmp_path / ".binex", stands_in=stands_in) as session:
            first = await session.run(tmp_path / "asked.yaml")
            second = await session.run(tmp_path / "asked.yaml", cache=True)
        assert first.status is RunStatus.COMPLETED, first.failures
        assert first.outputs == {"gemini": {"output": "from gemini"}}
        assert first.run.versions.adapters["llm"] == VERSION
        assert (first.run.spend.model_calls, first.run.spend.cost_usd) == (3, 0.0)
        assert second.recalled == 3
        async with open_session(tmp_path / ".binex") as session:
            third = await session.run(tmp_path / "asked.yaml", cache=True)
    assert third.recalled == 0, "a run with real models must not take over what a script has said"
    assert third.run.counts[TaskStatus.FAILED] == 1


def test_a_sample_of_a_schema_that_refers_to_itself_has_an_end() -> None:
    properties: Any = {f"k{number}": {"$ref": "#/$defs/node"} for number in range(10)}
    node: Any = {"type": "object", "properties": properties}
    assert isinstance(sample_of({"$ref": "#/$defs/node", "$defs": {"node": node}}), dict)
