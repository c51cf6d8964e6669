"""Models through LiteLLM over the wire: one request, its events, and one error where it goes wrong."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from binex.adapters.llm.litellm_backend import LitellmBackend
from binex.adapters.llm.port import Connection, FinishReason, Message, ModelRequest, ToolCall
from binex.adapters.llm.providers import PROVIDERS, Family
from binex.errors import AgentError, AuthenticationError, BadReplyError, RemoteError
from binex.models.call import Usage
from tests.adapters.llm.asking import ADD, HI, Heard
from tests.model_server import Answer, ModelServer, Wire, sse

pytestmark = [
    pytest.mark.skipif(
        find_spec("litellm") is None,
        reason="LiteLLM cannot share an environment with binex[agents]: `make litellm` runs these in one of their own",
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*`ReadOnly` qualifier"),  # given by its own code
]
SAID = "the words of the provider"
ALONE = {"replicate", "sagemaker", "sagemaker_chat"}
"""These are at one address that is not on loopback, so that they cannot be asked here; nor can those below."""
WITH_CREDENTIALS = {"vertex_ai", "watsonx"}
SPOKEN_BY_LITELLM = {name for name, known in PROVIDERS.items() if known.family is Family.LITELLM} - (
    ALONE | WITH_CREDENTIALS
)
SPOKEN = pytest.mark.parametrize("provider", ["mistral", "perplexity", "deepinfra", "nvidia_nim", "openai", "together"])


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "belongs-to-another")


def request_to(provider: str = "mistral", **parts: Any) -> ModelRequest:
    return ModelRequest(**{"provider": provider, "model": "some-model", "messages": HI, **parts})


async def ask(
    server: ModelServer, request: ModelRequest, heard: Heard | None = None, key: str | None = "a-key"
) -> Heard:
    heard = heard or Heard()
    connection = Connection(api_base=server.url(), api_key=key, headers={"X-Team": "red"})
    async for event in LitellmBackend().stream(request, connection):
        heard.events.append(event)
    return heard


async def failure(server: ModelServer, heard: Heard | None = None) -> RemoteError:
    """The error of one question, which was asked once."""
    with pytest.raises(RemoteError) as caught:
        async with asyncio.timeout(30):
            await ask(server, request_to(), heard)
    assert len(server.requests) == 1, "a hidden retry"
    assert caught.value.host == f"127.0.0.1:{server.port}"
    assert caught.value.host in caught.value.message
    return caught.value


def refusal(status: int, **headers: str) -> Wire:
    body = json.dumps({"error": {"message": SAID}}).encode()
    return Wire(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


@SPOKEN
async def test_a_reply_comes_in_as_events(provider: str, server: ModelServer) -> None:
    server.replies = [Answer(["Hel", "lo"], thoughts=["hm"])]
    heard = await ask(server, request_to(provider))
    assert heard.texts == ["Hel", "lo"]
    assert heard.thoughts == ["hm"]
    assert heard.finished.reason == FinishReason.STOP
    assert heard.finished.id == "reply-1"
    assert heard.finished.usage == Usage(input_tokens=20, output_tokens=9, cached_tokens=8, reasoning_tokens=3)
    (seen,) = server.requests
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer a-key"
    assert seen.headers["x-team"] == "red"
    assert (seen.body["model"], seen.body["stream"]) == ("some-model", True)
    assert seen.body["messages"] == [{"role": "user", "content": "Hi"}]


@SPOKEN
async def test_settings_reach_the_provider(provider: str, server: ModelServer) -> None:
    settings = {"temperature": 0, "max_tokens": 7, "top_p": 0.5, "extra_body": {"odd": [1]}}
    await ask(server, request_to(provider, settings=settings))
    body = server.requests[0].body
    limit = body.get("max_tokens") or body.get("max_completion_tokens")
    assert (body["temperature"], limit, body["top_p"], body["odd"]) == (0, 7, 0.5, [1])


async def test_tools_are_offered_and_asked_for(server: ModelServer) -> None:
    server.replies = [Answer("", calls=[("call00001", "add", '{"a": 1}'), ("call00002", "add", '{"a": 2}')])]
    told = (
        *HI,
        Message(role="assistant", tool_calls=(ToolCall(id="call00000", name="add", arguments='{"a": 0}'),)),
        Message(role="tool", tool_call_id="call00000", name="add", content="0"),
    )
    heard = await ask(server, request_to(tools=(ADD,), messages=told, settings={"tool_choice": "auto"}))
    assert heard.calls == [
        ToolCall(id="call00001", name="add", arguments='{"a": 1}'),
        ToolCall(id="call00002", name="add", arguments='{"a": 2}'),
    ]
    assert heard.finished.reason == FinishReason.TOOL_CALLS
    body = server.requests[0].body
    assert body["tools"][0]["function"]["name"] == "add"
    assert body["tools"][0]["function"]["parameters"]["required"] == ["a"]
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 0}'}
    assert (body["messages"][2]["role"], body["messages"][2]["tool_call_id"]) == ("tool", "call00000")


async def test_usage_that_the_provider_does_not_tell_is_not_made_up(server: ModelServer) -> None:
    server.replies = [Answer("Hello", tokens=None)]
    assert (await ask(server, request_to())).finished.usage is None


async def test_a_key_of_another_provider_never_goes_along(server: ModelServer) -> None:
    for provider in ("mistral", "deepinfra", "openai-compatible"):
        await ask(server, request_to(provider), key=None)
    assert "belongs-to-another" not in str([seen.headers for seen in server.requests])


async def test_a_missing_key_is_told_before_anything_is_sent() -> None:
    with pytest.raises(AuthenticationError, match="MISTRAL_API_KEY"):
        async for _ in LitellmBackend().stream(request_to(), Connection()):
            pass


@pytest.mark.parametrize("status", [429, 500, 502, 503, 408])
async def test_a_failure_that_may_pass_says_so(status: int, server: ModelServer) -> None:
    server.replies = [refusal(status, Retry_After="7")]
    error = await failure(server)
    assert (error.status, error.is_retryable, error.retry_after_ms) == (status, True, 7000)
    assert SAID in error.message
    assert SAID in error.body
    assert "litellm" not in error.message.lower()


@pytest.mark.parametrize("provider", [*sorted(SPOKEN_BY_LITELLM), "openai", "anthropic", "gemini", "groq", "together"])
async def test_whoever_it_is_is_asked_once(provider: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a-key")
    server.replies = [refusal(429, Retry_After="0")]
    settings = {"aws_region_name": "eu-west-1"} if provider == "bedrock" else {}
    model = "anthropic.claude-3-haiku-20240307-v1:0" if provider == "bedrock" else "some-model"
    with pytest.raises(RemoteError) as caught:
        await ask(server, request_to(provider, model=model, settings=settings))
    assert caught.value.message == f"rate limited by 127.0.0.1:{server.port}: {SAID}"
    assert caught.value.retry_after_ms == 0
    (seen,) = server.requests
    assert "max_retries" not in json.dumps(seen.body)


@pytest.mark.parametrize("provider", sorted(ALONE))
async def test_an_address_that_litellm_would_ignore_is_refused(provider: str, server: ModelServer) -> None:
    with pytest.raises(AgentError, match="at its own address alone"):
        await ask(server, request_to(provider))


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_refused_request_is_not_worth_repeating(status: int, server: ModelServer) -> None:
    server.replies = [refusal(status)]
    error = await failure(server)
    assert (error.status, error.is_retryable) == (status, False)
    assert SAID in error.message


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_names_where_it_is_looked_for(status: int, server: ModelServer) -> None:
    server.replies = [refusal(status)]
    error = await failure(server)
    assert isinstance(error, AuthenticationError)
    assert (error.status, error.is_retryable) == (status, False)
    assert "MISTRAL_API_KEY" in (error.fix or "")


async def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1:1 refused the connection"):
        async for _ in LitellmBackend().stream(request_to(), Connection(api_base="http://127.0.0.1:1/v1", api_key="k")):
            pass


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_stream_that_breaks_off_is_no_reply(end: Any, server: ModelServer) -> None:
    server.replies = [Answer(["a", "b"], cut=3, end=end)]
    heard = Heard()
    error = await failure(server, heard)
    assert heard.texts == ["a", "b"]
    assert not any(event.type == "finished" for event in heard.events)
    assert error.is_retryable


async def test_a_failure_within_the_stream_is_none_of_its_text(server: ModelServer) -> None:
    server.replies = [Wire(body=sse({"error": {"message": SAID, "code": 503}}), media_type="text/event-stream")]
    error = await failure(server)
    assert SAID in error.message


@pytest.mark.parametrize("body", [b"", b"<html>hi</html>", b"data: {nonsense\n\n"])
async def test_what_is_no_reply_is_an_error(body: bytes, server: ModelServer) -> None:
    server.replies = [Wire(body=body, media_type="text/event-stream")]
    assert isinstance(await failure(server), BadReplyError)


async def test_a_setting_that_litellm_will_not_send_is_an_error_and_no_request(server: ModelServer) -> None:
    with pytest.raises(AgentError) as caught:
        await ask(server, request_to("perplexity", settings={"stop": ["."]}))
    assert caught.value.message == (
        "LiteLLM did not ask perplexity: perplexity does not support parameters: ['stop'], for model=some-model"
    )
    assert "config.extra_body" in (caught.value.fix or "")
    assert not caught.value.is_retryable
    assert server.requests == []


async def test_leaving_a_reply_closes_its_connection(server: ModelServer) -> None:
    server.replies = [Answer(["a", "b"], cut=1, end="hang")]
    events = LitellmBackend().stream(request_to(), Connection(api_base=server.url(), api_key="k"))
    async with aclosing(events):  # type: ignore[type-var]  # it is a generator
        await anext(events)
    assert await asyncio.to_thread(server.requests[0].left.wait, 5)


async def test_questions_at_the_same_time_do_not_mix(server: ModelServer) -> None:
    server.default = Answer(["a", "b"], delay=0.05)
    heard = await asyncio.gather(*(ask(server, request_to()) for _ in range(20)))
    assert {one.text for one in heard} == {"ab"}
    assert len(server.requests) == 20


def test_it_says_nothing_reads_no_settings_and_leaves_nothing_open(server: ModelServer, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FROM_A_FILE=1\n")
    code = f"""
import asyncio, os, socket
asked = []
known = socket.getaddrinfo
socket.getaddrinfo = lambda host, *a, **k: (asked.append(host), known(host, *a, **k))[1]
from tests.adapters.llm.test_litellm_wire import ask, request_to
class Server:
    url = staticmethod(lambda: {server.url()!r})
for _ in range(2):
    heard = asyncio.run(ask(Server, request_to()))
assert heard.text == "Hello"
assert "FROM_A_FILE" not in os.environ
assert {{host for host in asked if host}} <= {{"127.0.0.1", b"127.0.0.1"}}, asked
"""
    root = str(Path(__file__).resolve().parents[3])
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-W", "ignore::DeprecationWarning", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "Warning" not in done.stderr
    assert logging.getLogger("LiteLLM").level > logging.CRITICAL or "litellm" not in sys.modules
