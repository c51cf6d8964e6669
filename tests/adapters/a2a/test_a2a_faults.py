"""Agents that are dead, slow or broken, and servers that speak something else than A2A."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from binex.adapters.a2a.adapter import A2AAdapter
from binex.errors import AuthenticationError, BadReplyError, RemoteError
from binex.models.limits import Limits
from tests.a2a_server import RawServer, Request, Turn, event_stream, http, raw_card, rpc_result, serving_raw
from tests.adapters.a2a.talk import Talk, talking

Answer = Callable[[Request], bytes]


def _saying(answer: Answer, *, streaming: bool = False) -> RawServer:
    """A server with a good card that answers everything else with *answer*."""

    def both(server: RawServer, request: Request) -> Iterator[bytes]:
        yield http(raw_card(server, streaming=streaming)) if request.method == "GET" else answer(request)

    return RawServer(both)


def _task(state: str = "COMPLETED", task_id: str = "t1", **more: Any) -> dict[str, Any]:
    return {"id": task_id, "contextId": "c1", "status": {"state": f"TASK_STATE_{state}"}, **more}


def _status(state: str, task_id: str = "t1") -> dict[str, Any]:
    return {"statusUpdate": {"taskId": task_id, "contextId": "c1", "status": {"state": f"TASK_STATE_{state}"}}}


def _artifact(text: str, task_id: str = "t1", **more: Any) -> dict[str, Any]:
    artifact = {"artifactId": "a", "parts": [{"text": text}]}
    return {"artifactUpdate": {"taskId": task_id, "contextId": "c1", "artifact": artifact, **more}}


async def _failure(server: RawServer, **changes: Any) -> RemoteError:
    with serving_raw(server), pytest.raises(RemoteError) as caught:
        await Talk(server, adapter=A2AAdapter(Limits(output_bytes=1 << 20))).say(**changes)
    error = caught.value
    assert error.host == "127.0.0.1"
    assert error.message
    return error


async def test_a_dead_agent_is_named_with_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with talking() as (talk, _), pytest.raises(RemoteError, match=f"127.0.0.1:{port}: Connection refused") as caught:
        await talk.say(agent=f"a2a://127.0.0.1:{port}")
    assert caught.value.is_retryable
    assert caught.value.fix == "is the agent running, and is its address right?"


async def test_a_name_that_nobody_knows_is_said_so() -> None:
    with talking() as (talk, _), pytest.raises(RemoteError, match=r"the name nobody\.invalid cannot be resolved"):
        await talk.say(agent="a2a://nobody.invalid")


@pytest.mark.parametrize(
    ("status", "is_retryable"), [(400, False), (404, False), (408, True), (500, True), (502, True), (529, True)]
)
async def test_a_status_is_told_with_what_was_said(status: int, is_retryable: bool) -> None:
    error = await _failure(_saying(lambda _: http({"error": {"message": "the kitchen burns"}}, status)))
    assert f"127.0.0.1 answered {status}" in error.message
    assert "the kitchen burns" in error.message
    assert (error.status, error.is_retryable) == (status, is_retryable)
    assert "kitchen" in error.body


async def test_the_status_of_a_stream_is_told_too() -> None:
    error = await _failure(_saying(lambda _: http("burning", 503, kind="text/plain"), streaming=True))
    assert (error.status, error.body) == (503, "burning")


async def test_a_forbidden_agent_is_a_matter_of_authentication() -> None:
    error = await _failure(_saying(lambda _: http("", 403)))
    assert isinstance(error, AuthenticationError)
    assert not error.is_retryable


@pytest.mark.parametrize(("value", "expected"), [("7", 7000), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)])
async def test_the_pause_that_is_asked_for_is_known(value: str, expected: int | None) -> None:
    error = await _failure(_saying(lambda _: http("slowly", 429, Retry_After=value)))
    assert (error.status, error.retry_after_ms, error.is_retryable) == (429, expected, True)


@pytest.mark.parametrize("code", [-32001, -32602, -32603, -32000])
async def test_an_error_of_json_rpc_is_told_with_its_message(code: int) -> None:
    def answer(request: Request) -> bytes:
        error = {"code": code, "message": "no room left"}
        return http({"jsonrpc": "2.0", "id": json.loads(request.body)["id"], "error": error})

    error = await _failure(_saying(answer))
    assert "no room left" in error.message
    assert error.is_retryable == (code in (-32603, -32000))


async def test_a_connection_that_breaks_is_a_matter_of_reaching() -> None:
    error = await _failure(_saying(lambda _: b""))
    assert "the connection to 127.0.0.1 broke" in error.message
    assert error.is_retryable
    assert not isinstance(error, BadReplyError)


async def test_half_an_answer_is_none() -> None:
    error = await _failure(_saying(lambda request: http(rpc_result(request, {"task": _task()}))[:-20]))
    assert "broke" in error.message


async def test_an_agent_that_hangs_is_left_at_the_deadline() -> None:
    def answer(server: RawServer, request: Request) -> Iterator[bytes]:
        if request.method == "GET":
            yield http(raw_card(server))
        else:
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
            while server.port:
                yield b" "
                time.sleep(0.05)  # a drip

    server = RawServer(answer)
    with serving_raw(server):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await Talk(server).say()
        server.port = 0


@pytest.mark.parametrize("streaming", [True, False])
async def test_an_endless_answer_is_cut(streaming: bool) -> None:
    pieces = 0

    def answer(server: RawServer, request: Request) -> Iterator[bytes]:
        nonlocal pieces
        if request.method == "GET":
            yield http(raw_card(server, streaming=streaming))
            return
        kind = "text/event-stream" if streaming else "application/json"
        yield f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode()
        for _ in range(60):
            pieces += 1
            yield b":" + b"x" * (1 << 20) + b"\n"

    error = await _failure(RawServer(answer))
    assert "longer than 4,194,304 bytes" in error.message
    assert not error.is_retryable
    assert pieces < 60


async def test_what_is_compressed_unasked_is_not_unpacked() -> None:
    error = await _failure(_saying(lambda _: http(b"\x1f\x8b", Content_Encoding="gzip")))
    assert "compressed as gzip" in error.message


NOT_A2A: dict[str, tuple[Answer, str]] = {
    "html": (lambda _: http("<html>hi</html>", kind="text/html"), "JSON"),
    "other json": (lambda _: http({"choices": []}), "neither 'result' nor 'error'"),
    "a list": (lambda _: http("[1, 2]"), "expected an object"),
    "null": (lambda r: http(rpc_result(r, None)), "not a valid A2A reply"),
    "an empty result": (lambda r: http(rpc_result(r, {})), "neither task nor message"),
    "no http": (lambda _: b"220 mail.example ESMTP\r\n\r\n", "no HTTP"),
    "a number for a task": (lambda r: http(rpc_result(r, {"task": 7})), "not a valid A2A reply"),
    "a task without an id": (lambda r: http(rpc_result(r, {"task": _task(task_id="")})), "without a task id"),
    "a task without a state": (lambda r: http(rpc_result(r, {"task": {"id": "t1"}})), "state is 'missing'"),
    "an unknown state": (lambda r: http(rpc_result(r, {"task": _task("LOST")})), "the task's state is"),
    "an unspecified state": (lambda r: http(rpc_result(r, {"task": _task("UNSPECIFIED")})), "the task's state is"),
    "no artifact": (lambda r: http(rpc_result(r, {"task": _task()})), "completed, but with no artifact"),
    "an artifact without parts": (
        lambda r: http(rpc_result(r, {"task": _task(artifacts=[{"artifactId": "a"}])})),
        "no artifact",
    ),
    "an artifact without an id": (
        lambda r: http(rpc_result(r, {"task": _task(artifacts=[{"parts": [{"text": "x"}]}])})),
        "an artifact without an id",
    ),
    "a part without content": (
        lambda r: http(rpc_result(r, {"task": _task(artifacts=[{"artifactId": "a", "parts": [{}]}])})),
        "a part without content",
    ),
}


@pytest.mark.parametrize("name", NOT_A2A)
async def test_what_is_no_a2a_is_said_to_be_none(name: str) -> None:
    answer, why = NOT_A2A[name]
    error = await _failure(_saying(answer))
    assert isinstance(error, BadReplyError)
    assert error.message.startswith("not a valid A2A reply from 127.0.0.1 (")
    assert why in error.message


NOT_A_STREAM: dict[str, tuple[list[dict[str, Any]], str]] = {
    "nothing": ([], "ended before anything was said"),
    "something else": ([{"hello": "you"}], "neither a task nor a message"),
    "another task's status": ([{"task": _task("WORKING")}, _status("COMPLETED", "t2")], "task 't2', not of 't1'"),
    "another task's artifact": ([_status("WORKING"), _artifact("x", "t2")], "task 't2', not of 't1'"),
    "a reply for another task": (
        [_status("WORKING"), {"message": {"messageId": "m", "taskId": "t2", "parts": [{"text": "x"}]}}],
        "a reply for the task 't2'",
    ),
    "a state that goes back": ([_status("WORKING"), _status("SUBMITTED")], "went back from working to submitted"),
}


@pytest.mark.parametrize("name", NOT_A_STREAM)
async def test_a_stream_that_breaks_the_rules_is_no_valid_reply(name: str) -> None:
    events, why = NOT_A_STREAM[name]
    error = await _failure(_saying(lambda request: event_stream(request, *events), streaming=True))
    assert isinstance(error, BadReplyError)
    assert why in error.message


async def test_a_stream_that_is_no_json_is_no_valid_reply() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    error = await _failure(_saying(lambda _: head + b"data: hello\n\n", streaming=True))
    assert isinstance(error, BadReplyError)


@pytest.mark.parametrize("late", [_status("FAILED"), _status("WORKING"), _artifact("late"), _status("COMPLETED", "t2")])
async def test_the_first_final_state_wins(late: dict[str, Any]) -> None:
    events = [{"task": _task("WORKING")}, _artifact("in time"), _status("COMPLETED"), late]
    with serving_raw(_saying(lambda request: event_stream(request, *events), streaming=True)) as server:
        assert await Talk(server).say() == "in time"


async def test_a_first_failure_is_not_made_good_by_what_comes_later() -> None:
    events = [{"task": _task("WORKING")}, _status("FAILED"), _artifact("late"), _status("COMPLETED")]
    error = await _failure(_saying(lambda request: event_stream(request, *events), streaming=True))
    assert error.message == "the agent at 127.0.0.1 failed, and did not say why"


async def test_a_stream_that_breaks_is_followed_by_asking_after_the_task() -> None:
    def answer(request: Request) -> bytes:
        if request.rpc == "GetTask":
            return http(rpc_result(request, _task(artifacts=[{"artifactId": "a", "parts": [{"text": "whole"}]}])))
        cut = event_stream(request, {"task": _task("WORKING")}, _artifact("wh"))
        return cut.replace(b"Connection: close", b"Connection: close\r\nContent-Length: 99999")

    with serving_raw(_saying(answer, streaming=True)) as server:
        assert await Talk(server).say() == "whole"
    assert server.rpcs == ["SendStreamingMessage", "GetTask"]


async def test_a_polled_task_of_another_id_is_no_valid_reply() -> None:
    def answer(request: Request) -> bytes:
        task = _task(task_id="t9") if request.rpc == "GetTask" else {"task": _task("WORKING")}
        return http(rpc_result(request, task))

    error = await _failure(_saying(answer))
    assert "task 't9', not of 't1'" in error.message


@pytest.mark.parametrize(
    ("state", "message", "is_retryable"),
    [
        ("failed", "the agent at 127.0.0.1 failed: no more tea", True),
        ("reject", "the agent at 127.0.0.1 rejected the task: no more tea", False),
        ("cancel", "the agent at 127.0.0.1 cancelled the task: no more tea", True),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_an_agent_that_fails_says_why(version: str, state: str, message: str, is_retryable: bool) -> None:
    async def act(turn: Turn) -> None:
        await turn.accept()
        await getattr(turn.updater, state)(turn.says("no more tea"))

    with talking(act, version=version) as (talk, _), pytest.raises(RemoteError) as caught:
        await talk.say()
    assert caught.value.message == message
    assert caught.value.is_retryable == is_retryable


async def test_an_agent_whose_code_raises_has_failed() -> None:
    async def act(turn: Turn) -> None:
        raise ValueError("oops")

    for streams in (True, False):
        with talking(act, is_streaming=streams) as (talk, _), pytest.raises(RemoteError) as caught:
            await talk.say()
        assert caught.value.message
