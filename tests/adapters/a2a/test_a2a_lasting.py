"""Remote tasks that outlast an attempt or a process, questions, and cancelling."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from a2a.types.a2a_pb2 import Part

from binex.errors import BadReplyError, RemoteError, UnansweredError
from binex.models.question import QuestionKind
from tests.a2a_server import AgentServer, RawServer, Request, Turn, http, raw_card, rpc_result, serving, serving_raw
from tests.adapters.a2a.talk import Talk, talking

ROOT = Path(__file__).parents[3]


class Gate:
    """An agent that begins, and goes on when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    async def __call__(self, turn: Turn) -> None:
        await turn.accept()
        await turn.updater.start_work()
        self.begun.set()
        while not self.go.is_set():
            await asyncio.sleep(0.01)
        await turn.updater.add_artifact([Part(text="done")])
        await turn.updater.complete()


async def _begun(gate: Gate, talk: Talk) -> None:
    """The agent works, and its task's id is kept."""
    while not (gate.begun.is_set() and talk.world.bookmarks.get("a2a") and talk.mark["task_id"]):
        await asyncio.sleep(0.01)


async def test_the_ids_are_kept_as_soon_as_they_are_known() -> None:
    gate = Gate()
    with talking(gate) as (talk, server):
        running = asyncio.create_task(talk.say())
        await _begun(gate, talk)
        assert talk.mark["url"] == server.uri
        assert talk.mark["task_id"] == server.turns[0].context.task_id
        assert talk.mark["context_id"] == server.turns[0].context.context_id
        assert talk.mark["message_id"] == server.turns[0].message.message_id
        gate.go.set()
        assert await running == "done"


async def test_a_message_that_is_sent_again_has_the_same_id() -> None:
    with talking() as (talk, server):
        await talk.say()
        talk.world.bookmarks.clear()
        await talk.say(attempt=2)
    first, second = server.turns
    assert first.message.message_id == second.message.message_id


@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_later_attempt_goes_on_with_the_remote_task(version: str) -> None:
    gate = Gate()
    with talking(gate, version=version) as (talk, server):
        lost = asyncio.create_task(talk.say())
        await _begun(gate, talk)
        kept = dict(talk.world.bookmarks)
        talk.adapter = type(talk.adapter)()
        again = asyncio.create_task(talk.say(attempt=2))
        await asyncio.sleep(0.3)
        gate.go.set()
        assert await again == "done"
        assert await lost == "done"
    assert len(server.turns) == 1
    assert talk.world.bookmarks == kept


async def test_a_finished_remote_task_is_only_asked_for_its_answer() -> None:
    with talking() as (talk, server):
        assert await talk.say() == "hello world"
        assert await talk.say(attempt=2) == "hello world"
    assert len(server.turns) == 1


async def test_an_answer_that_did_not_fit_its_schema_is_asked_for_anew() -> None:
    with talking() as (talk, server):
        await talk.say(output_schema={"type": "object"})
        await talk.say(attempt=2, output_schema={"type": "object"})
    first, second = server.turns
    assert first.message.message_id != second.message.message_id


async def test_a_failed_remote_task_is_not_gone_on_with() -> None:
    async def act(turn: Turn) -> None:
        await turn.accept()
        if len(server.turns) == 1:
            await turn.updater.failed(turn.says("not today"))
        else:
            await turn.updater.complete(turn.says("today"))

    with talking(act) as (talk, server):
        with pytest.raises(RemoteError, match="not today"):
            await talk.say()
        assert await talk.say(attempt=2) == "today"
    first, second = server.turns
    assert first.message.message_id != second.message.message_id


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_task_that_the_agent_has_forgotten_is_started_with_the_same_message(version: str, binding: str) -> None:
    with talking(version=version, bindings=[binding]) as (talk, server):
        talk.world.bookmarks["a2a"] = {"url": server.uri, "message_id": "m1", "task_id": "t-forgotten"}
        assert await talk.say(attempt=2) == "hello world"
    assert [turn.message.message_id for turn in server.turns] == ["m1"]


async def test_what_a_proxy_says_in_between_does_not_lose_the_remote_task() -> None:
    is_broken = False
    task = {"id": "t1", "status": {"state": "TASK_STATE_COMPLETED", "message": {"parts": [{"text": "fine"}]}}}

    def answer(server: RawServer, request: Request) -> Iterator[bytes]:
        if request.method == "GET":
            yield http(raw_card(server))
        else:
            yield http("<html>busy</html>") if is_broken else http(rpc_result(request, task))

    with serving_raw(RawServer(answer)) as server:
        talk = Talk(server)
        mark = {"url": server.uri, "message_id": "m1", "task_id": "t1"}
        talk.world.bookmarks["a2a"] = dict(mark)
        is_broken = True
        with pytest.raises(BadReplyError):
            await talk.say()
        is_broken = False
        assert talk.world.bookmarks["a2a"] == mark
        assert await talk.say(attempt=2) == "fine"
    assert server.rpcs == ["GetTask", "GetTask"]


async def test_an_attempt_that_is_cancelled_while_it_looks_for_its_remote_task_cancels_that() -> None:
    asked, is_over = threading.Event(), threading.Event()

    def answer(server: RawServer, request: Request) -> Iterator[bytes]:
        if request.method == "GET":
            yield http(raw_card(server))
        elif request.rpc == "CancelTask":
            is_over.set()
            yield http(rpc_result(request, {"id": "t1", "status": {"state": "TASK_STATE_CANCELED"}}))
        else:
            asked.set()
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
            while not is_over.is_set():
                yield b""

    with serving_raw(RawServer(answer)) as server:
        talk = Talk(server)
        talk.world.bookmarks["a2a"] = {"url": server.uri, "message_id": "m1", "task_id": "t1"}
        running = asyncio.create_task(talk.say(attempt=2))
        while not asked.is_set():
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])
    assert server.rpcs == ["GetTask", "CancelTask"]


async def test_many_tasks_for_one_agent_do_not_mix() -> None:
    with talking() as (talk, server):
        talks = [Talk(server, adapter=talk.adapter) for _ in range(20)]
        said = await asyncio.gather(*(one.say({"n": f"number {i}"}) for i, one in enumerate(talks)))
    assert said == [f"hello number {i}" for i in range(20)]
    assert len({one.mark["task_id"] for one in talks}) == 20


async def test_a_task_that_was_cancelled_is_started_with_another_message() -> None:
    gate = Gate()
    with talking(gate) as (talk, server):
        running = asyncio.create_task(talk.say())
        await _begun(gate, talk)
        running.cancel()
        await asyncio.wait([running])
        gate.go.set()
        assert await talk.say(attempt=2) == "done"
    first, second = server.turns
    assert first.message.message_id != second.message.message_id


async def test_a_bookmark_of_another_agent_is_not_used() -> None:
    with talking() as (talk, server):
        talk.world.bookmarks["a2a"] = {"url": "a2a://elsewhere", "message_id": "m", "task_id": "t"}
        assert await talk.say() == "hello world"
    assert server.rpcs == ["SendStreamingMessage"]


async def test_a_killed_process_leaves_one_remote_task_that_is_gone_on_with(tmp_path: Path) -> None:
    gate = Gate()
    server = AgentServer(gate)
    script = textwrap.dedent("""
        import asyncio, json, sys
        from pathlib import Path
        from tests.adapters.a2a.talk import Talk
        from tests.a2a_server import AgentServer

        file, port = Path(sys.argv[1]), int(sys.argv[2])
        talk = Talk(AgentServer(port=port))
        plain = talk.world.keep

        async def keep(name, value):
            await plain(name, value)
            file.with_suffix(".new").write_text(json.dumps(talk.world.bookmarks))
            file.with_suffix(".new").rename(file)

        talk.world.keep = keep
        if file.exists():
            talk.world.bookmarks.update(json.loads(file.read_text()))
        print(asyncio.run(talk.say()), flush=True)
    """)
    kept = tmp_path / "kept.json"
    command = [sys.executable, "-c", script, str(kept)]
    with serving(server):
        first = subprocess.Popen([*command, str(server.port)], cwd=ROOT, stdout=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 30
            while not (kept.exists() and gate.begun.is_set()):
                assert time.monotonic() < deadline and first.poll() is None
                await asyncio.sleep(0.02)
            os.kill(first.pid, signal.SIGKILL)
        finally:
            first.kill()
            first.communicate()
        second = subprocess.Popen([*command, str(server.port)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            while not server.rpcs.count("GetTask"):
                assert time.monotonic() < deadline and second.poll() is None
                await asyncio.sleep(0.02)
            gate.go.set()
            said, _ = await asyncio.to_thread(second.communicate, timeout=30)
        finally:
            second.kill()
            second.wait()
    assert said == "done\n"
    assert len(server.turns) == 1
    assert not server.cancelled


async def _asks_for_a_name(turn: Turn) -> None:
    if turn.is_new:
        await turn.accept()
        await turn.updater.add_artifact([Part(text="before ")], artifact_id="a")
        await turn.updater.requires_input(turn.says("what is your name?"))
    elif turn.text != "Ali":
        await turn.updater.requires_input(turn.says(f"{turn.text} is no name; what is it?"))
    else:
        await turn.updater.add_artifact([Part(text=f"hello {turn.text}")], artifact_id="a", append=True)
        await turn.updater.complete()


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_what_the_agent_asks_is_put_to_a_person(version: str, binding: str, streams: bool) -> None:
    with talking(_asks_for_a_name, version=version, bindings=[binding], is_streaming=streams) as (talk, server):
        talk.world.answers = ["7", "Ali"]
        assert await talk.say() == "before hello Ali"
    first, second = talk.world.asked
    task_id = server.turns[0].context.task_id
    assert (first.kind, first.key, first.text) == (QuestionKind.AGENT, f"{task_id}-1", "what is your name?")
    assert (second.key, second.text) == (f"{task_id}-2", "7 is no name; what is it?")
    assert {turn.context.task_id for turn in server.turns} == {task_id}
    assert {turn.context.context_id for turn in server.turns} == {talk.mark["context_id"]}
    assert len({turn.message.message_id for turn in server.turns}) == 3
    assert len(talk.exchanges) == 3


async def test_what_needs_a_permission_is_put_to_a_person_with_what_there_is_to_see() -> None:
    async def act(turn: Turn) -> None:
        if turn.is_new:
            await turn.accept()
            shown = Part()
            shown.data.struct_value.update({"url": "https://id.example"})
            message = turn.updater.new_agent_message([Part(text="log in"), shown])
            await turn.updater.requires_auth(message)
        else:
            await turn.updater.complete(turn.says("welcome"))

    with talking(act) as (talk, _):
        talk.world.answers = [{"done": True}]
        assert await talk.say() == "welcome"
    assert talk.world.asked[0].text == "log in"
    assert talk.world.asked[0].shown == {"data": {"url": "https://id.example"}}


async def test_a_question_that_was_asked_before_keeps_its_key() -> None:
    with talking(_asks_for_a_name) as (talk, server):
        with pytest.raises(UnansweredError):
            await talk.say()
        first = talk.world.asked.pop()
        assert server.cancelled == [server.turns[0].context.task_id]

    waiting = asyncio.Event()

    async def never(ask: Any) -> Any:
        talk.world.asked.append(ask)
        waiting.set()
        await asyncio.sleep(60)

    with talking(_asks_for_a_name) as (talk, server):
        plain, talk.world.ask = talk.world.ask, never  # type: ignore[method-assign]
        left = asyncio.create_task(talk.say())
        await waiting.wait()
        left.cancel()
        await asyncio.wait([left])
        first = talk.world.asked.pop()
        assert not server.cancelled  # the run may only wait, and the agent does that too
        talk.world.ask = plain  # type: ignore[method-assign]
        talk.world.answers = ["Ali"]
        assert await talk.say(attempt=2) == "before hello Ali"
    assert [ask.key for ask in talk.world.asked] == [first.key]
    assert len(server.turns) == 2


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_an_attempt_that_is_cancelled_cancels_the_remote_task(version: str, streams: bool, binding: str) -> None:
    gate = Gate()
    with talking(gate, version=version, is_streaming=streams, bindings=[binding]) as (talk, server):
        running = asyncio.create_task(talk.say())
        await _begun(gate, talk)
        began = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert time.monotonic() - began < 2
        assert server.cancelled == [server.turns[0].context.task_id]
        gate.go.set()


async def test_an_agent_that_does_not_react_to_cancelling_is_not_waited_for() -> None:
    gate = Gate()
    stuck = threading.Event()

    def guard(request: Any) -> bool:
        if request.rpc == "CancelTask":
            stuck.wait(10)
        return True

    with talking(gate, guard=guard) as (talk, _):
        with pytest.raises(TimeoutError):
            began = time.monotonic()
            async with asyncio.timeout(0.5):
                await talk.say()
        assert time.monotonic() - began < 3
        stuck.set()
        gate.go.set()


async def test_a_bad_reply_is_not_gone_on_with() -> None:
    async def act(turn: Turn) -> None:
        await turn.accept()
        if len(server.turns) > 1:
            await turn.updater.add_artifact([Part(text="better")])
        await turn.updater.complete()

    with talking(act) as (talk, server):
        with pytest.raises(BadReplyError, match="no artifact"):
            await talk.say()
        assert await talk.say(attempt=2) == "better"
