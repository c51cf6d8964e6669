"""What happens when a provider misbehaves: one request, one error that says who, what and the way out."""

import asyncio
import json
import resource
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from binex.adapters.llm.failures import retry_after_ms
from binex.adapters.llm.port import Connection, FinishReason
from binex.adapters.llm.reply import MAX_TEXT
from binex.errors import AuthenticationError, BadReplyError, RemoteError
from tests.adapters.llm.asking import MODELS, Heard, ask, backend_for, request_to
from tests.model_server import PROTOCOLS, Answer, ModelServer, Protocol, Wire, sse

each = pytest.mark.parametrize("protocol", PROTOCOLS)
with_sse = pytest.mark.parametrize("protocol", PROTOCOLS[:3])
SAID = "the words of the provider"
ERRORS: dict[Protocol, Any] = {
    "openai": {"error": {"message": SAID, "type": "some_error", "code": "some_code"}},
    "anthropic": {"type": "error", "error": {"type": "some_error", "message": SAID}},
    "google": {"error": {"code": 400, "message": SAID, "status": "SOME_STATUS"}},
    "ollama": {"error": SAID},
}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


async def _failure(protocol: Protocol, server: ModelServer, heard: Heard | None = None) -> RemoteError:
    """The error of one question, which was asked once."""
    with pytest.raises(RemoteError) as caught:
        async with asyncio.timeout(30):
            await ask(protocol, server, heard)
    assert len(server.requests) == 1, "a hidden retry"
    error = caught.value
    assert error.message
    assert error.host == f"127.0.0.1:{server.port}"
    assert error.host in error.message
    return error


def _refusal(protocol: Protocol, status: int, **headers: str) -> Wire:
    return Wire(
        status, json.dumps(ERRORS[protocol]).encode(), headers={n.replace("_", "-"): v for n, v in headers.items()}
    )


@each
async def test_429_is_a_rate_limit_that_says_how_long_to_wait(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [_refusal(protocol, 429, Retry_After="7")]
    error = await _failure(protocol, server)
    assert error.message == f"rate limited by {error.host}: {SAID}"
    assert (error.status, error.is_retryable, error.retry_after_ms) == (429, True, 7000)
    assert SAID in error.body


@each
@pytest.mark.parametrize("status", [500, 502, 503, 529])
async def test_a_failure_of_the_provider_may_pass(protocol: Protocol, status: int, server: ModelServer) -> None:
    server.replies = [_refusal(protocol, status)]
    error = await _failure(protocol, server)
    assert (error.status, error.is_retryable) == (status, True)
    assert str(status) in error.message
    assert SAID in error.message


@each
async def test_a_refused_key_names_where_the_key_is_looked_for(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [_refusal(protocol, 401)]
    error = await _failure(protocol, server)
    assert isinstance(error, AuthenticationError)
    assert (error.status, error.is_retryable) == (401, False)
    assert "config.api_key" in (error.fix or "")
    if protocol != "ollama":
        assert "_API_KEY" in (error.fix or "")


@each
async def test_a_refused_request_is_not_worth_repeating(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [_refusal(protocol, 400)]
    error = await _failure(protocol, server)
    assert (error.status, error.is_retryable) == (400, False)
    assert SAID in error.message


@each
async def test_404_asks_whether_the_model_is_right(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [_refusal(protocol, 404)]
    error = await _failure(protocol, server)
    assert MODELS[protocol][1] in (error.fix or "")
    assert not error.is_retryable


@each
async def test_redirects_are_not_followed(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Wire(307, headers={"Location": "http://127.0.0.1:1/elsewhere"})]
    error = await _failure(protocol, server)
    assert "http://127.0.0.1:1/elsewhere" in error.message
    assert not error.is_retryable


@each
async def test_an_error_page_is_shown_by_its_beginning(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Wire(502, b"<html>Bad gateway</html>", media_type="text/html")]
    error = await _failure(protocol, server)
    assert "<html>Bad gateway</html>" in error.message


@each
@pytest.mark.parametrize("end", ["reset", "hang"])
async def test_a_connection_that_ends_before_an_answer(protocol: Protocol, end: Any, server: ModelServer) -> None:
    if end == "hang":
        server.replies = [Wire(before_headers=True, end="hang")]
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await ask(protocol, server)
        assert time.monotonic() - began < 5
        assert await asyncio.to_thread(server.requests[0].left.wait, 5), "the connection stays open"
        return
    server.replies = [Wire(before_headers=True, end="reset")]
    error = await _failure(protocol, server)
    assert error.message.startswith(f"the connection to {error.host} broke before an answer came")
    assert (error.status, error.is_retryable) == (None, True)


@each
async def test_a_stream_that_is_reset_keeps_what_was_heard(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Answer(["one", "two", "three"], cut=3, end="reset")]
    error = await _failure(protocol, server, Heard())
    assert error.is_retryable
    assert not isinstance(error, BadReplyError)
    assert "broke after" in error.message


@each
async def test_half_a_stream_is_no_reply(protocol: Protocol, server: ModelServer) -> None:
    cut = {"openai": 3, "anthropic": 2, "google": 1, "ollama": 1}[protocol]
    server.replies = [Answer(["one", " two"], cut=cut)]
    heard = Heard()
    error = await _failure(protocol, server, heard)
    assert isinstance(error, BadReplyError)
    assert error.message.startswith(f"bad reply from {error.host}: it ended after")
    assert error.is_retryable
    assert heard.text == "one two"


@each
async def test_a_stream_that_hangs_ends_with_the_deadline(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Answer(["one", "two"], cut=2, end="hang")]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await ask(protocol, server)
    assert await asyncio.to_thread(server.requests[0].left.wait, 5), "the connection stays open"


@each
async def test_a_drip_ends_with_the_deadline(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Wire(body=[b"d"] * 10_000, media_type="text/event-stream", pause=0.05)]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await ask(protocol, server)
    assert await asyncio.to_thread(server.requests[0].left.wait, 5), "the connection stays open"


@each
async def test_a_page_of_html_is_no_reply(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Wire(body=b"<html><b>Log in</b>" + b"x" * 500, media_type="text/html")]
    error = await _failure(protocol, server)
    assert isinstance(error, BadReplyError)
    assert error.message.startswith(f"bad reply from {error.host}: ")
    assert "<html><b>Log in</b>" in error.message
    assert len(error.message) < 600


@each
async def test_bad_json_is_no_reply(protocol: Protocol, server: ModelServer) -> None:
    prefix = b"" if protocol == "ollama" else b"event: message_start\ndata: "
    server.replies = [Wire(body=prefix + b'{"choices": [{"del\n\n', media_type="text/event-stream")]
    error = await _failure(protocol, server)
    assert isinstance(error, BadReplyError)
    assert '{"choices": [{"del' in error.message


@each
async def test_an_empty_body_is_no_reply(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Wire(body=b"", media_type="text/event-stream")]
    error = await _failure(protocol, server)
    assert isinstance(error, BadReplyError)
    assert "it is empty" in error.message


async def test_no_choices_are_no_reply(server: ModelServer) -> None:
    server.replies = [Wire(body=sse({"id": "x", "choices": []}) + b"data: [DONE]\n\n", media_type="text/event-stream")]
    assert isinstance(await _failure("openai", server), BadReplyError)


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("openai", sse({"choices": [{"index": 0, "delta": {"content": None}, "finish_reason": "stop"}]})),
        ("openai", sse({"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]})),
        ("google", sse({"candidates": [{"content": None, "finishReason": "STOP"}]})),
        ("ollama", b'{"message": {"role": "assistant", "content": null}, "done": true, "done_reason": "stop"}\n'),
    ],
)
async def test_nothing_in_a_reply_is_no_reply(protocol: Protocol, body: bytes, server: ModelServer) -> None:
    server.replies = [Wire(body=body, media_type="text/event-stream")]
    error = await _failure(protocol, server)
    assert isinstance(error, BadReplyError)
    assert "there is nothing in it" in error.message


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": "no list"},
        {"choices": [None]},
        {"choices": [{"delta": {"tool_calls": [None]}}]},
        {"choices": [{"delta": "text"}]},
        ["a", "list"],
        "text",
        17,
        {"usage": "free", "choices": []},
    ],
)
async def test_json_of_another_shape_is_no_reply(chunk: Any, server: ModelServer) -> None:
    server.replies = [Wire(body=sse(chunk), media_type="text/event-stream")]
    assert isinstance(await _failure("openai", server), BadReplyError)


async def test_a_refusal_is_heard_and_called_one(server: ModelServer) -> None:
    chunks = [
        sse({"choices": [{"index": 0, "delta": {"refusal": "I must not."}}]}),
        sse({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    ]
    server.replies = [Wire(body=chunks, media_type="text/event-stream")]
    heard = await ask("openai", server)
    assert (heard.text, heard.finished.reason) == ("I must not.", FinishReason.REFUSAL)


async def test_a_blocked_prompt_is_a_refusal(server: ModelServer) -> None:
    server.replies = [Wire(body=sse({"promptFeedback": {"blockReason": "SAFETY"}}), media_type="text/event-stream")]
    assert (await ask("google", server)).finished.reason == FinishReason.REFUSAL


@pytest.mark.parametrize(
    ("protocol", "event", "status"),
    [
        ("openai", sse({"error": {"message": SAID, "type": "server_error"}}), 500),
        ("openai", sse({"error": {"message": SAID, "code": 429}}), 429),
        ("anthropic", sse({"type": "error", "error": {"type": "overloaded_error", "message": SAID}}, "error"), 529),
        ("anthropic", sse({"type": "error", "error": {"type": "rate_limit_error", "message": SAID}}, "error"), 429),
        ("google", sse({"error": {"code": 503, "message": SAID, "status": "UNAVAILABLE"}}), 503),
        ("ollama", json.dumps({"error": SAID}).encode() + b"\n", 500),
    ],
)
async def test_a_failure_that_is_told_within_the_stream_has_its_status(
    protocol: Protocol, event: bytes, status: int, server: ModelServer
) -> None:
    server.replies = [Wire(body=event, media_type="text/event-stream")]
    error = await _failure(protocol, server)
    assert (error.status, error.is_retryable) == (status, True)
    assert SAID in error.message


async def test_a_broken_stream_of_gemini_is_not_taken_up_behind_our_back(server: ModelServer) -> None:
    candidate = {"content": {"role": "model", "parts": [{"text": "some"}]}, "continuationToken": "bW9yZQ=="}
    server.replies = [Wire(body=sse({"candidates": [candidate]}), media_type="text/event-stream", end="reset")]
    assert (await _failure("google", server)).is_retryable


async def test_a_request_is_not_repeated_without_its_thinking(server: ModelServer) -> None:
    said = "messages.1.content.0: block_binding.prefix_mismatch_behavior: thinking blocks are bound to their prefix"
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": said}}
    server.replies = [Wire(400, json.dumps(error).encode())]
    assert not (await _failure("anthropic", server)).is_retryable


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@each
async def test_60_mb_in_one_line_are_cut(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Wire(body=[b"x" * 2**20] * 60, media_type="text/event-stream")]
    before = _peak_mb()
    error = await _failure(protocol, server)
    assert isinstance(error, BadReplyError)
    assert not error.is_retryable
    assert "a line longer than 4 MiB, and was cut there" in error.message
    assert _peak_mb() - before < 100


@with_sse
async def test_text_without_end_is_cut(protocol: Protocol, server: ModelServer) -> None:
    pieces = ["y" * 2**20] * 60
    server.replies = [Answer(pieces)]
    error = await _failure(protocol, server)
    assert f"longer than {MAX_TEXT:,} characters" in error.message
    assert not error.is_retryable


async def test_a_compressed_reply_is_refused_because_its_size_cannot_be_known(server: ModelServer) -> None:
    server.replies = [Wire(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})]
    error = await _failure("openai", server)
    assert "compressed (gzip)" in error.message


@each
async def test_nobody_there(protocol: Protocol) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(RemoteError, match="refused the connection") as caught:
            async for _ in backend_for(protocol).stream(request_to(protocol), Connection(api_base=base)):
                pass
    assert caught.value.is_retryable
    assert "config.api_base" in (caught.value.fix or "")


@each
async def test_no_such_host(protocol: Protocol) -> None:
    connection = Connection(api_base="http://no-such-host.invalid/v1")
    with pytest.raises(RemoteError, match=r"there is no host no-such-host\.invalid") as caught:
        async for _ in backend_for(protocol).stream(request_to(protocol), connection):
            pass
    assert caught.value.is_retryable


@each
async def test_a_server_that_does_not_speak_tls(protocol: Protocol, server: ModelServer) -> None:
    connection = Connection(api_base=server.url(protocol).replace("http:", "https:"))
    with pytest.raises(RemoteError, match="no secure connection to 127") as caught:
        async for _ in backend_for(protocol).stream(request_to(protocol), connection):
            pass
    assert caught.value.fix


@each
async def test_listing_models_fails_as_asking_does(protocol: Protocol) -> None:
    connection = Connection(api_base="http://127.0.0.1:1", api_key="k")
    with pytest.raises(RemoteError, match="refused the connection"):
        await backend_for(protocol).list_models(MODELS[protocol][0], connection)


def test_how_long_to_wait_is_read_in_every_form() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert retry_after_ms({"retry-after": "1.5"}) == 1500
    assert retry_after_ms({"retry-after-ms": "250", "retry-after": "9"}) == 250
    assert retry_after_ms({"retry-after": later}, now=now) == 90_000
    assert retry_after_ms({"retry-after": later}, now=now + timedelta(hours=1)) == 0
    assert retry_after_ms({"retry-after": "soon"}) is None
    assert retry_after_ms({"retry-after": "-5"}) is None
    assert retry_after_ms({"retry-after": "nan"}) is None
    assert retry_after_ms({}) is None
    body = json.dumps({"error": {"details": [{"@type": "x.RetryInfo", "retryDelay": "32s"}]}})
    assert retry_after_ms({}, body) == 32_000
