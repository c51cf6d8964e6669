"""A recorded node meets a fault that was asked for, and does what it would do: tries again, asks another, gives up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from a2a.types.a2a_pb2 import Part
from pydantic import JsonValue

from binex.adapters.registry import Registry
from binex.errors import AgentError, BadReplyError, InputError, RemoteError, ReplayError, SchemaError
from binex.models.agent_settings import Repair
from binex.models.call import CallKind
from binex.models.task import TaskNode
from binex.tape.asked import Asked
from binex.tape.faults import Fault, FaultKind, read_fault
from binex.tape.faulty_player import FaultyTask
from binex.tape.hooks import install_hooks
from binex.tape.recorder import recording
from tests.a2a_server import AgentServer, Turn, serving
from tests.adapters.hermetic.attempts import TapedSurroundings
from tests.servers import serving as serving_http
from tests.tape.conftest import Tape
from tests.tape.test_hooks import ASYNC, ERRORS, SYNC, ask, ask_async

each = pytest.mark.parametrize("kind", FaultKind)
RETRYABLE = {
    FaultKind.RATE_LIMIT: RemoteError,
    FaultKind.TIMEOUT: RemoteError,
    FaultKind.HALF_STREAM: BadReplyError,
    FaultKind.MALFORMED: BadReplyError,
}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@dataclass
class Node:
    """A node that is recorded once, and then played with faults; all adapters are real."""

    agent: str
    fields: dict[str, Any]
    tapes: list[TapedSurroundings] = field(default_factory=list)
    registry: Registry = field(default_factory=Registry)
    played: list[TapedSurroundings] = field(default_factory=list)

    def task(self, attempt: int, **changes: Any) -> TaskNode:
        given = {"run_id": "run", "path": "node", "node_id": "node", "inputs": {"topic": "bees"}}
        return TaskNode.model_validate({**given, "agent": self.agent, "attempt": attempt, **self.fields, **changes})

    async def record(self, *, attempts: int = 1, answers: Sequence[JsonValue] = ()) -> JsonValue:
        """The output of the last of so many attempts, of which the others fail."""
        for attempt in range(1, attempts + 1):
            self.tapes.append(TapedSurroundings(answers=list(answers)))
            try:
                output = await self._attempt(self.task(attempt), self.tapes[-1])
            except AgentError:
                assert attempt < attempts
        return output

    def faulty(self, *faults: Fault) -> FaultyTask:
        has_schema = "output_schema" in self.fields
        bodies = {last: part for tape in self.tapes for last, part in tape.parts.items()}
        reader = TapedSurroundings(parts=bodies)
        return FaultyTask(faults, [tape.calls for tape in self.tapes], reader.read, has_schema=has_schema)

    async def play(self, faulty: FaultyTask, attempt: int = 1, **changes: Any) -> JsonValue:
        """The output of an attempt that meets what *faulty* says."""
        self.played.append(TapedSurroundings(player=faulty.player(attempt)))
        return await self._attempt(self.task(attempt, **changes), self.played[-1])

    async def _attempt(self, task: TaskNode, around: TapedSurroundings) -> JsonValue:
        with around.attempt(task):
            made = await self.registry.adapter_for(task.agent).execute(task, [], "trace")
        return made[0].content


def a_model(*answers: dict[str, JsonValue], **fields: Any) -> Node:
    """A node of the scripted model."""
    return Node("llm://mock/writer", {"config": {"answers": list(answers), "on_end": "fail"}, **fields})


def fault(kind: FaultKind, count: int = 1) -> Fault:
    return Fault("node", kind, count)


@pytest.mark.parametrize(("kind", "error"), RETRYABLE.items())
async def test_a_model_that_failed_is_asked_again_by_the_next_attempt(
    kind: FaultKind, error: type[RemoteError]
) -> None:
    node = a_model({"chunks": ["bees ", "dance ", "well"]})
    said = await node.record()
    faulty = node.faulty(fault(kind, 2))
    for attempt in (1, 2):
        with pytest.raises(error) as raised:
            await node.play(faulty, attempt)
        assert faulty.to_come == 2 - attempt
        assert type(raised.value) is error and raised.value.is_retryable
        assert "mock" in raised.value.message
        assert (raised.value.status == 429) == (kind is FaultKind.RATE_LIMIT)
    assert await node.play(faulty, 3) == said == "bees dance well"
    [call] = node.played[-1].calls
    assert (call.cost_usd, call.priced_by) == (0.0, "replayed")


async def test_half_a_stream_is_the_first_half_of_what_was_said() -> None:
    node = a_model({"chunks": ["bees ", "dance ", "well ", "today"]})
    await node.record()
    with pytest.raises(BadReplyError):
        await node.play(node.faulty(fault(FaultKind.HALF_STREAM)))
    assert node.played[0].streamed == ["bees ", "dance "]
    assert not node.played[0].calls[0].is_complete


async def test_a_model_that_refuses_is_not_asked_again() -> None:
    node = a_model({"text": "bees"})
    await node.record()
    with pytest.raises(RemoteError, match="refused to answer") as raised:
        await node.play(node.faulty(fault(FaultKind.REFUSAL)))
    assert not raised.value.is_retryable


@each
async def test_a_model_that_was_never_asked_stands_in_with_what_the_first_one_said(kind: FaultKind) -> None:
    node = a_model({"text": "bees"}, fallbacks=("llm://openai/gpt-4o", "llm://mock/third"))
    await node.record()
    assert await node.play(node.faulty(fault(kind))) == "bees"
    assert [call.target for call in node.played[0].calls] == ["mock/writer", "openai/gpt-4o"]
    assert await node.play(node.faulty(fault(kind, 2))) == "bees"
    assert [call.target for call in node.played[1].calls] == ["mock/writer", "openai/gpt-4o", "mock/third"]
    assert node.played[1].reserved == []


@each
async def test_all_models_together_can_be_made_to_fail(kind: FaultKind) -> None:
    node = a_model({"text": "bees"}, fallbacks=("llm://openai/gpt-4o",))
    await node.record()
    with pytest.raises(RemoteError, match="none of 2 models could be had"):
        await node.play(node.faulty(fault(kind, 2)))


async def test_an_answer_that_does_not_fit_the_schema_is_repaired_with_what_was_answered() -> None:
    node = a_model({"json": {"n": 7}}, output_schema=SCHEMA, repair=Repair(max_attempts=1))
    await node.record()
    assert await node.play(node.faulty(fault(FaultKind.MALFORMED))) == {"n": 7}
    assert len(node.played[0].calls) == 2
    with pytest.raises(SchemaError, match="it is no JSON"):
        await node.play(node.faulty(fault(FaultKind.MALFORMED, 2)))


async def test_a_repair_that_was_recorded_holds_under_a_further_fault() -> None:
    node = a_model({"text": "no JSON"}, {"json": {"n": 7}}, output_schema=SCHEMA, repair=Repair(max_attempts=2))
    assert await node.record() == {"n": 7}
    assert await node.play(node.faulty(fault(FaultKind.MALFORMED))) == {"n": 7}
    for kind in (FaultKind.RATE_LIMIT, FaultKind.TIMEOUT, FaultKind.HALF_STREAM):
        faulty = node.faulty(fault(kind))
        with pytest.raises(RemoteError):
            await node.play(faulty)
        assert await node.play(faulty, 2) == {"n": 7}


async def test_attempts_are_answered_as_they_were_and_further_ones_as_the_last_was() -> None:
    node = a_model({"error": {"status": 503}}, {"text": "bees"})
    await node.record(attempts=2)
    faulty = node.faulty(fault(FaultKind.TIMEOUT))
    with pytest.raises(RemoteError, match="ReadTimeout"):
        await node.play(faulty, 1)
    assert [await node.play(faulty, attempt) for attempt in (2, 3, 4)] == ["bees"] * 3
    with pytest.raises(RemoteError, match="503"):
        await node.play(node.faulty(), 1)


async def test_faults_follow_one_another_and_each_task_has_its_own() -> None:
    node = a_model({"text": "bees"})
    await node.record()
    both = (fault(FaultKind.RATE_LIMIT), fault(FaultKind.REFUSAL))
    for faulty in (node.faulty(*both), node.faulty(*both)):
        seen = []
        for attempt in (1, 2):
            with pytest.raises(RemoteError) as raised:
                await node.play(faulty, attempt)
            seen.append(raised.value.status)
        assert seen == [429, None]
        assert await node.play(faulty, 3) == "bees"


async def test_tools_are_answered_from_the_tape_however_often_an_attempt_is_made(tmp_path: Path) -> None:
    (tmp_path / "kit.py").write_text(
        """
def note(text: str) -> str:
    with open(__file__ + ".noted", "a") as file:
        file.write(text)
    return "ok"
"""
    )
    tools = {"tools": ("python://kit.note",), "folder": str(tmp_path)}
    node = a_model({"tool_calls": [{"name": "note", "arguments": {"text": "x"}}]}, {"text": "noted"}, **tools)
    await node.record()
    faulty = node.faulty(fault(FaultKind.TIMEOUT))
    with pytest.raises(RemoteError):
        await node.play(faulty)
    assert [await node.play(faulty, attempt) for attempt in (2, 3)] == ["noted", "noted"]
    assert (tmp_path / "kit.py.noted").read_text() == "x"


# --- agents


async def _agent(turn: Turn) -> None:
    """Asks for a name before it greets."""
    if turn.is_new:
        await turn.accept()
        await turn.updater.start_work(turn.says("thinking"))
        await turn.updater.requires_input(turn.says("who?"))
    else:
        await turn.updater.add_artifact([Part(text=f"hello {turn.text}")], name="greeting")
        await turn.updater.complete()


@pytest.fixture
def agent() -> Iterator[AgentServer]:
    install_hooks()
    with serving(AgentServer(_agent)) as server:
        yield server


@each
async def test_an_agent_that_failed_is_spoken_to_again_and_nobody_is_asked_twice(
    kind: FaultKind, agent: AgentServer
) -> None:
    node = Node(agent.uri, {"inputs": {"text": "hi"}})
    assert await node.record(answers=["Ali"]) == "hello Ali"
    faulty = node.faulty(fault(kind))
    with pytest.raises(RemoteError) as raised:
        await node.play(faulty)
    assert raised.value.host == "127.0.0.1"
    assert raised.value.is_retryable is (kind is not FaultKind.REFUSAL)
    assert isinstance(raised.value, BadReplyError) is (kind is FaultKind.MALFORMED)
    before = len(agent.requests)
    assert await node.play(faulty, 2) == "hello Ali"
    assert (node.played[-1].asked, len(agent.requests)) == ([], before)


async def test_a_question_that_was_never_put_to_a_person_is_put_for_real() -> None:
    node = Node("human://input", {"inputs": {}, "config": {"text": "who?"}})
    assert await node.record(answers=["Ali"]) == "Ali"
    faulty = node.faulty(fault(FaultKind.TIMEOUT))
    assert await node.play(faulty) == "Ali"
    assert faulty.to_come == 1
    around = TapedSurroundings(answers=["Eve"], player=faulty.player(2))
    assert await node._attempt(node.task(2, config={"text": "and who are you?"}), around) == "Eve"
    assert [ask.text for ask in around.asked] == ["and who are you?"]


# --- the wire


def a_wire(tape: Tape, kind: FaultKind, count: int = 1) -> FaultyTask:
    return FaultyTask([fault(kind, count)], [tape.calls], tape.read)


@pytest.mark.parametrize("library", SYNC)
def test_a_library_meets_faults_as_it_would_on_the_wire(tape: Tape, library: str) -> None:
    with serving_http() as server, tape.recording():
        said = ask(library, f"{server.url}/stream")
    url = tape.call.target.removeprefix("POST ")
    for kind in (FaultKind.TIMEOUT, FaultKind.HALF_STREAM):
        faulty = a_wire(tape, kind)
        with Tape().recording(player=faulty.player(1)):
            with pytest.raises(ERRORS):
                ask(library, url)
            assert ask(library, url) == said
    for kind, status in ((FaultKind.RATE_LIMIT, 429), (FaultKind.REFUSAL, 403), (FaultKind.MALFORMED, 200)):
        again = Tape()
        with again.recording(player=a_wire(tape, kind).player(1)):
            assert ask(library, url) != said
        assert again.call.status == status
        assert again.response.startswith(b"<html>") is (kind is FaultKind.MALFORMED)


@pytest.mark.parametrize("library", ASYNC)
@each
async def test_an_async_library_does_so_too(tape: Tape, library: str, kind: FaultKind) -> None:
    with serving_http() as server, tape.recording():
        said = await ask_async(library, f"{server.url}/json")
    url = tape.call.target.removeprefix("POST ")
    faulty = a_wire(tape, kind)
    with Tape().recording(player=faulty.player(1)):
        try:
            assert await ask_async(library, url) != said
        except (TimeoutError, httpx.HTTPError, *ERRORS, OSError) as error:
            assert kind in (FaultKind.TIMEOUT, FaultKind.HALF_STREAM), error
        except Exception as error:
            assert type(error).__module__.startswith("aiohttp"), error
        assert await ask_async(library, url) == said


def test_what_was_never_asked_has_no_answer(tape: Tape) -> None:
    with serving_http() as server, tape.recording():
        ask("httpx", f"{server.url}/json")
    again = Tape()
    with again.recording(player=a_wire(tape, FaultKind.TIMEOUT).player(1)) as recorder, recording(recorder):
        with pytest.raises(httpx.ReadTimeout):
            ask("httpx", tape.call.target.removeprefix("POST ") + "?other")
        with pytest.raises(ReplayError, match="after the fault: the nearest that was recorded is"):
            ask("httpx", tape.call.target.removeprefix("POST ") + "?other")


def test_moments_are_those_of_one_attempt_and_then_new_ones(tape: Tape) -> None:
    second = Tape()
    for one, moments in ((tape, (b"1", b"2")), (second, (b"3",))):
        for moment in moments:
            with one.recorder().begin(CallKind.VALUE, "now") as taping:
                taping.respond(moment)
    both = Tape(parts={**tape.parts, **second.parts})
    faulty = FaultyTask([], [tape.calls, second.calls], both.read)

    def moments_of(attempt: int) -> list[bytes | None]:
        player = faulty.player(attempt)
        asked = Asked.of(CallKind.VALUE, "now", b"", media_type="", task="task")
        found = [player.answer(CallKind.VALUE, "now", asked) for _ in range(3)]
        return [None if one is None else one.body for one in found]

    assert moments_of(1) == [b"1", b"2", None]
    assert moments_of(2) == moments_of(3) == [b"3", None, None]


async def test_a_request_to_a_model_that_resembles_nothing_has_no_answer() -> None:
    node = a_model({"text": "bees"})
    await node.record()
    with pytest.raises(ReplayError, match="nothing on the tape answers the model call mock/writer"):
        await node.play(node.faulty(), 1, inputs={"topic": "ants"})


def test_a_task_without_a_tape_meets_a_fault_with_its_first_call() -> None:
    player = FaultyTask([fault(FaultKind.TIMEOUT)], [], lambda _: b"").player(1)
    asked = Asked.of(CallKind.HTTP, "GET http://h/", b"", media_type="", task="node")
    found = player.answer(CallKind.HTTP, "GET http://h/", asked)
    assert found is not None and found.error == "ReadTimeout: this fault was asked for"
    with pytest.raises(ReplayError):
        player.answer(CallKind.HTTP, "GET http://h/", asked)


@each
def test_a_tool_meets_faults_where_nothing_else_is_on_the_tape(kind: FaultKind) -> None:
    player = FaultyTask([fault(kind)], [], lambda _: b"").player(1)
    asked = Asked.of(CallKind.TOOL, "mcp://s/t", b"", media_type="", task="node")
    found = player.answer(CallKind.TOOL, "mcp://s/t", asked)
    assert found is not None and found.media_type == "application/vnd.binex.failure+json"


# --- how it is written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plan=429", Fault("plan", FaultKind.RATE_LIMIT)),
        ("plan=429:2", Fault("plan", FaultKind.RATE_LIMIT, 2)),
        ("a.b-c_d=half-stream:10000", Fault("a.b-c_d", FaultKind.HALF_STREAM, 10_000)),
        ("plan[3]=refusal", Fault("plan[3]", FaultKind.REFUSAL)),
    ],
)
def test_a_fault_is_read(text: str, expected: Fault) -> None:
    assert read_fault(text) == expected


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("plan", "names no fault", "plan=429:2"),
        ("=429", "names no fault", "plan=429:2"),
        ("plan=", "there is no fault ''", "429, half-stream, malformed, refusal, timeout"),
        ("plan=timout:2", "there is no fault 'timout'", "did you mean 'timeout'"),
        ("plan=429:", "a whole number from 1", "plan=429:2"),
        ("plan=429:0", "not '0'", "plan=429:2"),
        ("plan=429:-1", "not '-1'", "plan=429:2"),
        ("plan=429:٣", "a whole number from 1", "plan=429:2"),
        ("plan=429:10001", "from 1 to 10,000", "plan=429:2"),
        ("plan=429:99999999999999999999", "from 1 to 10,000", "plan=429:2"),
    ],
)
def test_what_is_no_fault_says_how_to_write_one(text: str, message: str, fix: str) -> None:
    with pytest.raises(InputError) as raised:
        read_fault(text)
    assert message in raised.value.message
    assert fix in str(raised.value.fix)


def test_a_fault_is_for_all_items_of_a_node_or_for_one() -> None:
    assert read_fault("plan=429").is_for("plan") and read_fault("plan=429").is_for("plan[3]")
    assert read_fault("plan[3]=429").is_for("plan[3]")
    assert not read_fault("plan[3]=429").is_for("plan[4]") and not read_fault("plan=429").is_for("planner")
