"""What an exchange with an agent leaves on the tape, and how the tape answers in its place."""

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from binex.adapters.attempt import AttemptContext, attempting
from binex.errors import AgentError, BadReplyError, RemoteError, ReplayError
from binex.models.call import Call, CallKind
from binex.models.task import TaskNode
from binex.tape.player import Player as TapePlayer
from binex.tape.recorder import Recorded
from binex.tape.redaction import Redactor
from binex.tape.taping import AttemptRecorder
from tests.a2a_server import Turn
from tests.adapters.a2a.talk import Talk, talking
from tests.attempts import FakeSurroundings

ROOT = Path(__file__).parents[3]


class Player:
    """Answers what *world* has recorded, in turn, and nothing else."""

    def __init__(self, world: FakeSurroundings) -> None:
        self.world = world
        self.left = [call for call in world.calls if call.kind is CallKind.A2A]

    def answer(self, kind: CallKind, target: str, asked: str) -> Recorded:
        for call in self.left:
            if (call.kind, call.target, call.asked) == (kind, target, asked):
                self.left.remove(call)
                return Recorded(self.world.response_of(call), chunks=call.chunks, error=call.error)
        raise ReplayError(f"nothing on the tape for {target}")


async def _replay(talk: Talk, task: TaskNode) -> tuple[list[Any], FakeSurroundings]:
    world = FakeSurroundings(answers=list(talk.world.answers))
    recorder = AttemptRecorder("again", task.path, 1, sink=world.take, redactor=Redactor(()), player=Player(talk.world))
    context = AttemptContext(recorder=recorder, desk=world, ledger=world, stream=world.streamed.append)
    with attempting(context):
        artifacts = await talk.adapter.execute(task, [], "trace")
    recorder.close()
    return [artifact.content for artifact in artifacts], world


def _lines(world: FakeSurroundings, call: Call) -> list[dict[str, Any]]:
    return [json.loads(line) for line in world.response_of(call).splitlines()]


async def test_each_event_is_a_line_of_one_call_whose_children_are_the_requests() -> None:
    with talking() as (talk, server):
        await talk.say({"text": "tea"})
    (exchange,) = talk.exchanges
    wire = [call for call in talk.world.calls if call.kind is CallKind.HTTP]
    assert exchange.target == server.uri
    assert json.loads(talk.world.request_of(exchange)) == {"message": {"role": "ROLE_USER", "parts": [{"text": "tea"}]}}
    assert [next(iter(line)) for line in _lines(talk.world, exchange)] == [
        "task",
        "statusUpdate",
        "artifactUpdate",
        "statusUpdate",
    ]
    assert len(exchange.chunks) == 4
    assert exchange.is_complete
    assert exchange.error is None
    assert {call.parent for call in wire} == {exchange.number}
    assert [call.target.split(" ")[0] for call in wire] == ["GET", "POST"]
    assert b"SendStreamingMessage" in talk.world.request_of(wire[1])


async def test_a_task_that_does_not_move_is_kept_once() -> None:
    with talking() as (talk, _):
        await talk.say(config={"streaming": False})
    lines = _lines(talk.world, talk.exchanges[0])
    assert [line["task"]["status"]["state"] for line in lines][-1] == "TASK_STATE_COMPLETED"
    assert len(lines) == len({json.dumps(line) for line in lines})


async def test_a_replay_needs_no_agent_and_shows_the_same() -> None:
    with talking() as (talk, _):
        await talk.say()
        task = talk.task()
    contents, again = await _replay(talk, task)
    assert contents == ["hello world"]
    assert again.streamed == talk.world.streamed
    assert again.response_of(again.calls[0]) == talk.world.response_of(talk.exchanges[0])
    assert again.calls[0].asked == talk.exchanges[0].asked


async def test_a_replay_with_questions_asks_them_at_their_own_seam() -> None:
    async def act(turn: Turn) -> None:
        if turn.is_new:
            await turn.accept()
            await turn.updater.requires_input(turn.says("who?"))
        else:
            await turn.updater.complete(turn.says(f"hello {turn.text}"))

    with talking(act) as (talk, _):
        talk.world.answers = ["Ali"]
        assert await talk.say() == "hello Ali"
        task = talk.task()
    talk.world.answers = ["Ali"]
    contents, again = await _replay(talk, task)
    assert contents == ["hello Ali"]
    assert [ask.key for ask in again.asked] == [ask.key for ask in talk.world.asked]


async def test_a_replay_fails_as_it_failed_then() -> None:
    async def act(turn: Turn) -> None:
        await turn.accept()
        await turn.updater.reject(turn.says("never"))

    with talking(act) as (talk, _):
        with pytest.raises(RemoteError) as then:
            await talk.say()
        task = talk.task()
    with pytest.raises(RemoteError) as now:
        await _replay(talk, task)
    assert (now.value.message, now.value.is_retryable) == (then.value.message, False)


async def test_a_replay_of_an_error_on_the_wire_is_that_error() -> None:
    with talking(guard=lambda _: False) as (talk, _):
        with pytest.raises(RemoteError) as then:
            await talk.say()
        task = talk.task()
    assert talk.exchanges[0].error is not None
    with pytest.raises(type(then.value)) as now:
        await _replay(talk, task)
    assert vars(now.value) == vars(then.value)


async def test_a_replay_of_something_that_was_cut_off_says_so() -> None:
    with talking() as (talk, _):
        await talk.say()
        task = talk.task()
    cut = talk.world.response_of(talk.exchanges[0]).splitlines()[0]
    talk.world.response_of = lambda call: cut  # type: ignore[method-assign]
    with pytest.raises(AgentError, match="has no end"):
        await _replay(talk, task)


async def test_a_replay_takes_the_time_that_it_took_where_that_is_wanted() -> None:
    with talking() as (talk, _):
        await talk.say()
        task = talk.task()
    [exchange] = talk.exchanges
    chunks = tuple(chunk._replace(offset_ms=60.0 * n) for n, chunk in enumerate(exchange.chunks))
    slow = exchange.model_copy(update={"chunks": chunks, "duration_ms": 300.0})
    again = FakeSurroundings(player=TapePlayer([slow], talk.world.read, is_timed=True))
    began = time.monotonic()
    with again.attempt(task):
        [made] = await talk.adapter.execute(task, [], "trace")
    assert made.content == "hello world"
    assert time.monotonic() - began >= 0.3


async def test_what_is_not_on_the_tape_is_not_asked_of_the_agent() -> None:
    with talking() as (talk, server):
        with pytest.raises(ReplayError):
            await _replay(talk, talk.task({"text": "other"}))
        assert not server.requests


async def test_what_makes_an_answer_bad_is_on_the_tape() -> None:
    async def act(turn: Turn) -> None:
        await turn.accept()
        await turn.updater.complete()

    with talking(act) as (talk, _), pytest.raises(BadReplyError):
        await talk.say()
    assert _lines(talk.world, talk.exchanges[0])[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


def test_neither_importing_nor_checking_nor_replaying_loads_a_library_or_connects() -> None:
    script = textwrap.dedent("""
        import asyncio, sys
        from binex.adapters.a2a.adapter import A2AAdapter
        from binex.adapters.attempt import AttemptContext, attempting
        from binex.adapters.base import NodeUse
        from binex.models.task import TaskNode
        from binex.tape.recorder import Recorded
        from binex.tape.redaction import Redactor
        from binex.tape.taping import AttemptRecorder
        from tests.attempts import FakeSurroundings

        class Player:
            def answer(self, kind, target, asked):
                return Recorded(b'{"message":{"messageId":"m","parts":[{"text":"from the tape"}]}}')

        def open_socket(event, args):
            assert event != "socket.connect", args

        sys.addaudithook(open_socket)
        adapter = A2AAdapter()
        assert not adapter.check(NodeUse("n", "a2a://agents.example", None, (), {"streaming": True}, ("output",)))
        world = FakeSurroundings()
        task = TaskNode(run_id="r", path="n", node_id="n", agent="a2a://agents.example", inputs={})
        recorder = AttemptRecorder("r", "n", 1, sink=world.take, redactor=Redactor(()), player=Player())
        with attempting(AttemptContext(recorder=recorder, desk=world, ledger=world)):
            print(asyncio.run(adapter.execute(task, [], "t"))[0].content)
        heavy = {"a2a", "httpx", "httpcore", "google", "jwt", "starlette"}
        print(sorted(heavy & set(sys.modules)))
    """)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout == "from the tape\n[]\n"
