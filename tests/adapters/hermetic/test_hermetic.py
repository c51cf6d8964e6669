"""What was recorded with all libraries, keys and servers is made again with none of them."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from a2a.types.a2a_pb2 import Part

from binex.adapters.base import AnsweredByTape
from binex.adapters.registry import Registry
from binex.adapters.tools.toolbox import close_servers
from binex.models.agent_settings import McpServer, Repair
from binex.tape.hooks import install_hooks
from tests.a2a_server import AgentServer, Turn, serving
from tests.adapters.hermetic.attempts import KEPT_OUT, TapedSurroundings, keep, outcome_of, task_of
from tests.model_server import Answer, ModelServer, Wire

ROOT = Path(__file__).parents[3]
ODD_SERVER = ROOT / "tests/adapters/tools/odd_server.py"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
MISSING = "[redacted]"
"""What stands for a variable that is not set where a run is replayed."""


async def _agent(turn: Turn) -> None:
    """Asks for a name, fails where it is told to, and else greets."""
    if "fail" in turn.text:
        await turn.accept()
        await turn.updater.reject(turn.says("not with me"))
    elif turn.is_new:
        await turn.accept()
        await turn.updater.requires_input(turn.says("who?"))
    else:
        await turn.updater.add_artifact([Part(text=f"hello {turn.text}")], name="greeting")
        await turn.updater.complete()


@pytest.fixture
def models() -> Iterator[ModelServer]:
    install_hooks()
    with ModelServer() as server:
        yield server


@pytest.fixture
def agent() -> Iterator[AgentServer]:
    with serving(AgentServer(_agent)) as server:
        yield server


def _task(path: str, agent: str, **fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "run_id": "run",
        "path": path,
        "node_id": path,
        "agent": agent,
        "inputs": {"topic": "bees"},
    }
    return {**given, **fields}


async def _record(folder: Path, tasks: list[dict[str, Any]], around: TapedSurroundings) -> dict[str, Any]:
    """Attempts at *tasks*, the outside being there; their tape goes to a store."""
    registry = Registry()
    ended = {}
    for task in tasks:
        ended[task["path"]] = await outcome_of(registry, task_of(task), around)
    await close_servers("run")
    await registry.close()
    await keep(folder / "store", around)
    return ended


def _replay(folder: Path, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """The same attempts in a process with no library, no key and no network."""
    (folder / "tasks.json").write_text(json.dumps(tasks))
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.adapters.hermetic.attempts", str(folder)],
        cwd=ROOT, env=plain, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["loaded"] == []
    ended: dict[str, Any] = said["ended"]
    return ended


def _without_values(tasks: list[dict[str, Any]], **changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**task, **changes.get(task["path"], {})} for task in tasks]


def _outcomes(ended: Mapping[str, Any]) -> dict[str, Any]:
    return {path: one["outcome"] for path, one in ended.items()}


async def test_models_tools_agents_and_people_are_answered_for_by_the_tape_alone(
    models: ModelServer, agent: AgentServer, tmp_path: Path
) -> None:
    flow = tmp_path / "flow"
    flow.mkdir()
    (flow / "kit.py").write_text(
        textwrap.dedent('''
        def note(text: str) -> str:
            """Notes."""
            with open(__file__ + ".noted", "a") as file:
                file.write(text)
            return "noted " + text
        ''')
    )
    (flow / "answers.yaml").write_text("- text: scripted\n")
    models.replies = [
        Answer("", calls=[("c1", "note", '{"text": "a"}'), ("c2", "echo", '{"a": 1}')]),
        Answer(["Bees ", "dance."]),
        Answer("no JSON"),
        Answer('{"n": 7}'),
        Wire(status=429, headers={"Retry-After": "7"}, body=b'{"error": {"message": "slow down"}}'),
        Answer("the second one"),
        Wire(status=401, body=b'{"error": {"message": "who are you"}}'),
    ]
    known = {"api_base": models.url("openai"), "api_key": "sk-a-secret-key-of-mine"}
    at_both = {"fallbacks": ["llm://openai/gpt-4o"], "config": known}
    odd = McpServer(command=sys.executable, args=(str(ODD_SERVER), "good"), env={"API_TOKEN": "token-of-mine"})
    tools = {"tools": ["python://kit.note", "mcp://odd/echo"], "mcp_servers": {"odd": odd.model_dump()}}
    tasks = [
        _task("tools", "llm://openai/gpt-4o-mini", config=known, folder=str(flow), **tools),
        _task("schema", "llm://openai/gpt-4o-mini", config=known, output_schema=SCHEMA, repair=Repair().model_dump()),
        _task("fallback", "llm://openai/gpt-4o-mini", **at_both),
        _task("refused", "llm://openai/gpt-4o-mini", config=known),
        _task("scripted", "llm://mock/writer", config={"script": "answers.yaml"}, folder=str(flow)),
        _task("agent", agent.uri, inputs={"text": "hi"}, config={"token": "token-of-the-agent"}),
        _task("reject", agent.uri, inputs={"text": "fail"}),
        _task("approve", "human://approve", outputs=["verdict", "feedback"], deadline_ms=5000),
        _task("unanswered", "human://input", deadline_ms=5000),
    ]
    around = TapedSurroundings(answers=["Ali", "approved"])
    then = await _record(tmp_path, tasks, around)
    assert then["tools"] == {"output": "Bees dance."}
    assert then["schema"] == {"output": {"n": 7}}
    assert then["fallback"] == {"output": "the second one"}
    assert then["refused"]["kind"] == "authentication"
    assert (then["agent"], then["approve"]["verdict"]) == ({"output": "hello Ali"}, "approved")
    assert then["unanswered"]["kind"] == "human"
    noted = (flow / "kit.py.noted").read_text()

    (flow / "answers.yaml").unlink()
    unset = {**known, "api_key": MISSING}
    gone = odd.model_copy(update={"command": "no-such-program", "env": {"API_TOKEN": MISSING}}).model_dump()
    again = _replay(
        tmp_path,
        _without_values(
            tasks,
            tools={"config": unset, "mcp_servers": {"odd": gone}},
            schema={"config": unset},
            fallback={"config": {**unset, "api_base": MISSING, "extra_headers": MISSING}},
            refused={"config": {**unset, "api_base": MISSING}},
            agent={"config": {"token": MISSING, "scheme": MISSING}},
        ),
    )
    assert _outcomes(again) == then
    assert {one["asked"] for one in again.values()} == {0}
    assert {cost for one in again.values() for cost in one["costs"]} == {0.0}
    assert (flow / "kit.py.noted").read_text() == noted == "a"


def test_who_needs_nothing_but_the_tape_says_so() -> None:
    registry = Registry()
    agents = ("llm://mock/a", "a2a://agents.example", "human://input", "local://steps.plan")
    assert [isinstance(registry.adapter_for(agent), AnsweredByTape) for agent in agents] == [True, True, True, False]


def test_what_is_kept_out_is_there() -> None:
    """Else the other test says nothing."""
    __import__("pydantic_ai"), __import__("a2a"), __import__("mcp")
    assert {"pydantic_ai", "a2a", "mcp", "httpx"} <= KEPT_OUT & set(sys.modules)
