"""The examples with models, tools and people, run as their readers run them."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import binex
from binex.models.call import CallKind
from binex.models.question import Answer
from binex.models.run import RunStatus
from binex.models.task import TaskStatus, now
from tests import model_server
from tests.model_server import ModelServer, Wire

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.usefixtures("activated")
async def test_research_uses_an_mcp_tool_and_a_function_for_every_question(tmp_path: Path) -> None:
    async with binex.open_session(tmp_path / ".binex") as session:
        run = await session.run(EXAMPLES / "research" / "flow.yaml")
        calls = await session.store.list_calls(run.run_id)
    assert run.status is RunStatus.COMPLETED
    assert run.run.counts[TaskStatus.COMPLETED] == 6
    assert "Bay of Fundy" in str(run.outputs["report"]["output"])
    tools = [(call.task, call.target) for call in calls if call.kind is CallKind.TOOL and "/find" in call.target]
    assert sorted(tools) == [
        ("search[0]", "mcp://shelf/find"),
        ("search[1]", "mcp://shelf/find"),
        ("search[2]", "mcp://shelf/find"),
    ]
    assert any(call.target == "python://counting.count_words" for call in calls)


async def test_review_waits_for_a_person_and_goes_on_as_they_decide(tmp_path: Path) -> None:
    async with binex.open_session(tmp_path / ".binex") as session:
        run = await session.run(EXAMPLES / "review" / "flow.yaml")
        assert run.status is RunStatus.WAITING
        (question,) = run.questions
        assert question.task == "approval"
        assert isinstance(question.shown, dict)
        assert set(question.shown) == {"draft", "remark"}
        answer = Answer(value="rejected", feedback="Say where they can be had.", by="somebody", at=now())
        await session.store.answer(question.id, answer)
        done = await session.resume(run.run_id)
        calls = await session.store.list_calls(run.run_id)
        body = next(call.request for call in calls if call.task == "revise")
        assert body is not None
        asked = (await session.store.read_body(body)).decode()
    assert done.status is RunStatus.COMPLETED
    assert "every harbour office" in str(done.outputs["revise"]["output"])
    assert "Say where they can be had." in asked
    assert len([call for call in calls if call.task == "draft"]) == 1, "nothing is asked again"


@contextmanager
def three_agents(ports: list[int]) -> Iterator[None]:
    """The example's own agents, in a process of their own, for as long as the block runs."""
    program = EXAMPLES / "agents" / "agents.py"
    process = subprocess.Popen([sys.executable, str(program), *map(str, ports)], stderr=subprocess.PIPE)
    try:
        for port in ports:
            wait_for_port(process, port)
        yield
    finally:
        process.kill()
        process.communicate()


def wait_for_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    while True:
        with socket.socket() as connection:
            connection.settimeout(0.2)
            if connection.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(process.communicate()[1].decode())


def free_ports(count: int) -> list[int]:
    with ExitStack() as open_sockets:
        found = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in found]


async def test_three_remote_agents_work_side_by_side_and_after_each_other(tmp_path: Path) -> None:
    ports = free_ports(3)
    text = (EXAMPLES / "agents" / "flow.yaml").read_text("utf-8")
    for example, port in zip((9101, 9102, 9103), ports, strict=True):
        text = text.replace(f"localhost:{example}", f"localhost:{port}")
    (tmp_path / "flow.yaml").write_text(text, "utf-8")
    with three_agents(ports):
        async with binex.open_session(tmp_path / ".binex") as session:
            run = await session.run(tmp_path / "flow.yaml")
            calls = await session.store.list_calls(run.run_id)
    assert run.outputs["compare"]["output"] == "'THE TIDE COMES IN.' and '.ni semoc edit ehT' share 12 characters"
    assert {call.task for call in calls if call.kind is CallKind.A2A} == {"shout", "reverse", "compare"}
    assert all(call.error is None for call in calls)


async def test_two_providers_answer_and_check_within_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-for-one")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key-for-the-other")
    shutil.copytree(EXAMPLES / "two_providers", tmp_path / "example")
    verdict = '{"is_right": true, "reason": "Most coasts have two."}'
    busy = Wire(status=429, body=b'{"error": {"message": "slow down"}}', headers={"Retry-After": "0"})
    with (
        ModelServer([busy, model_server.Answer(text="Two, on most coasts.")]) as openai,
        ModelServer(default=model_server.Answer(text=verdict)) as anthropic,
    ):
        bases = {"openai_base": openai.url("openai"), "anthropic_base": anthropic.url("anthropic")}
        async with binex.open_session(tmp_path / ".binex") as session:
            run = await session.run(tmp_path / "example" / "flow.yaml", vars=bases)
    assert run.status is RunStatus.COMPLETED, run.failures
    assert run.outputs["check"]["output"] == {"is_right": True, "reason": "Most coasts have two."}
    assert [seen.headers.get("authorization") for seen in openai.requests] == ["Bearer a-key-for-one"] * 2
    assert ["a-key-for-the-other" in seen.headers["authorization"] for seen in anthropic.requests] == [True]
    assert openai.requests[0].body["max_completion_tokens"] == 200
    assert 0 < run.run.spend.cost_usd < 0.1
