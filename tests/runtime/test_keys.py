"""What a task is known by: what counts, what does not, and that it is the same everywhere."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from time import perf_counter
from typing import Any

import pytest

from binex.adapters.registry import Registry
from binex.loader import bind_workflow, node_uses
from binex.models.agent_settings import Isolation, McpServer, Repair
from binex.models.run import Versions
from binex.models.task import TaskNode
from binex.runtime.keys import Keys, TaskKey
from binex.runtime.preparation import versions_of
from binex.tape.redaction import Redactor
from tests.scripted import ScriptedAdapter

VERSIONS = Versions(
    binex="1", python="3", handlers={"local://steps.give": "c0de", "python://tools.add": "ad0"}, adapters={"llm": "1"}
)
BASE: dict[str, Any] = {
    "run_id": "1aaaaaaaaaaa",
    "path": "ask",
    "node_id": "ask",
    "agent": "llm://openai/gpt-4o",
    "inputs": {"topic": "ants", "n": 3},
    "config": {"temperature": 0.5},
    "system_prompt": "Be brief.",
}


def key_of(redactor: Redactor | None = None, versions: Versions = VERSIONS, **fields: Any) -> TaskKey:
    return Keys(versions, redactor or Redactor([])).of(TaskNode(**BASE | fields))


def test_a_key_is_the_same_on_every_machine_and_with_every_python() -> None:
    key = key_of(
        config={"temperature": 0.1, "deep": {"b": [1, 2.5e300, None, "ü", "\ud800"], "a": True}},
        output_schema={"type": "object"},
        tools=("python://tools.add", "mcp://files"),
        mcp_servers={"files": McpServer(command="serve", args=("--all",))},
        fallbacks=("llm://mock/m",),
        repair=Repair(max_attempts=1),
        messages=[{"role": "user", "content": "hello"}],
    )
    assert key.hash == "913e3bc75d6449fdccafd4fda4446827e1978e86366f308c6d4b5c029af4a214"
    assert key.parts == {
        "adapter": "391552c099c101b1",
        "agent": "5308ce9c249f8988",
        "code": "eda4ec5dc759d043",
        "config.deep": "2eee74e3ca5fce1e",
        "config.temperature": "14be4b45f18e0d8c",
        "fallbacks": "f67c7d7023e29fd5",
        "inputs": "0a3e2ba28797767e",
        "inputs.n": "4e07408562bedb8b",
        "inputs.topic": "44034353ea471aef",
        "key": "391552c099c101b1",
        "mcp_servers.files": "a7cef0a43435c27d",
        "messages": "e920b204bce6401c",
        "output_schema": "a2c799262a3ce3c1",
        "outputs": "dcf8d25e4236f77e",
        "prompt": "fecef222d7732bb7",
        "repair": "03e0d5505490cfa3",
        "tools": "05c8f3a2130b9345",
    }


def test_a_plain_task_has_only_the_parts_that_it_needs() -> None:
    assert sorted(key_of(agent="local://echo", inputs={"x": 1}, config={}, system_prompt=None).parts) == [
        "agent", "inputs.x", "key", "outputs",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"agent": "llm://openai/gpt-4o-mini"}, {"agent"}),
        ({"agent": "local://steps.give"}, {"agent", "code", "adapter"}),
        ({"inputs": {"topic": "bees", "n": 3}}, {"inputs.topic"}),
        ({"inputs": {"topic": "ants"}}, {"inputs.n", "inputs"}),
        ({"inputs": {"n": 3, "topic": "ants"}}, {"inputs"}),
        ({"config": {"temperature": 0}}, {"config.temperature"}),
        ({"config": {"temperature": 0.5, "seed": 1}}, {"config.seed"}),
        ({"system_prompt": "Be long."}, {"prompt"}),
        ({"system_prompt": None}, {"prompt"}),
        ({"messages": [{"role": "user", "content": "hello"}]}, {"messages"}),
        ({"outputs": ("text",)}, {"outputs"}),
        ({"output_schema": {"type": "string"}}, {"output_schema"}),
        ({"repair": Repair(max_attempts=5)}, {"repair"}),
        ({"tools": ("python://tools.add",)}, {"tools", "code"}),
        ({"tools": ("python://tools.of_a_package",)}, {"tools"}),
        ({"mcp_servers": {"files": McpServer(command="serve")}}, {"mcp_servers.files"}),
        ({"fallbacks": ("llm://mock/m",)}, {"fallbacks"}),
    ],
)
def test_what_the_outcome_depends_on_counts(fields: dict[str, Any], parts: set[str]) -> None:
    one, other = key_of(), key_of(**fields)
    assert one.hash != other.hash
    assert {name for name, _ in one.parts.items() ^ other.parts.items()} == parts


@pytest.mark.parametrize(
    "fields",
    [
        {"run_id": "1bbbbbbbbbbb", "path": "other[3]", "node_id": "other"},
        {"attempt": 4, "deadline_ms": 10, "idempotency_key": "x", "input_artifacts": ("1a~b~c",)},
        {"isolation": Isolation.PROCESS, "folder": "/elsewhere"},
    ],
)
def test_the_name_the_place_and_the_circumstances_do_not_count(fields: dict[str, Any]) -> None:
    assert key_of(**fields) == key_of()


def test_another_version_of_the_adapter_or_of_the_code_makes_another_key() -> None:
    newer = VERSIONS.model_copy(update={"adapters": {"llm": "2"}})
    assert {name for name, _ in key_of().parts.items() ^ key_of(versions=newer).parts.items()} == {"adapter"}
    changed = VERSIONS.model_copy(update={"handlers": {**VERSIONS.handlers, "python://tools.add": "ad1"}})
    one, other = (key_of(versions=each, tools=("python://tools.add",)) for each in (VERSIONS, changed))
    assert {name for name, _ in one.parts.items() ^ other.parts.items()} == {"code"}


def test_a_secret_counts_as_what_is_kept_of_it() -> None:
    config, servers = {"token": "first-secret"}, {"s": McpServer(url="http://x", headers={"a": "first-secret"})}
    before = key_of(Redactor(["first-secret"]), config=config, mcp_servers=servers)
    config, servers = {"token": "second-secret"}, {"s": McpServer(url="http://x", headers={"a": "second-secret"})}
    assert key_of(Redactor(["second-secret"]), config=config, mcp_servers=servers) == before
    assert key_of(config=config, mcp_servers=servers).hash != before.hash


def test_names_cannot_be_told_so_that_two_tasks_look_alike() -> None:
    parts = key_of(inputs={"a": 1, "b": 2}).parts
    forged = key_of(inputs={f"a={parts['inputs.a']}8:inputs.b": 2})
    assert forged.hash != key_of(inputs={"a": 1, "b": 2}).hash


def test_a_key_is_computed_in_less_than_100_microseconds() -> None:
    keys = Keys(VERSIONS, Redactor(["a-secret-value"]))
    task = TaskNode(**BASE)
    keys.of(task)
    took = []
    for _ in range(2000):
        started = perf_counter()
        keys.of(task)
        took.append(perf_counter() - started)
    assert sorted(took)[len(took) // 2] < 100e-6


FLOW = """
nodes:
  a: {agent: local://steps.give, inputs: {value: 1}}
  b: {agent: llm://mock/m, inputs: {x: "${a.output}"}, tools: ["python://tools.add", "python://os.getcwd"]}
  c: {agent: script://x}
"""


async def _versions(folder: Path, adapter: Any = None) -> Versions:
    registry = Registry({"script": adapter or ScriptedAdapter()})
    bound = bind_workflow(folder / "flow.yaml", registry=registry)
    assert bound.spec.source is not None
    return await versions_of(registry, tuple(node_uses(*bound).values()), bound.spec.source)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "steps.py").write_text("def give(value): return value\n")
    (tmp_path / "tools.py").write_text("import sums\ndef add(a: int, b: int) -> int: return sums.add(a, b)\n")
    (tmp_path / "sums.py").write_text("def add(a, b): return a + b\n")
    (tmp_path / "flow.yaml").write_text(dedent(FLOW))
    return tmp_path


async def test_a_run_knows_the_code_of_functions_and_tools_and_the_versions_of_adapters(project: Path) -> None:
    versions = await _versions(project)
    assert sorted(versions.handlers) == ["local://steps.give", "python://tools.add"]
    assert versions.adapters == {"llm": "1", "local": "1"}
    (project / "sums.py").write_text("def add(a, b): return b + a\n")
    changed = await _versions(project)
    assert changed.handlers["local://steps.give"] == versions.handlers["local://steps.give"]
    assert changed.handlers["python://tools.add"] != versions.handlers["python://tools.add"]


async def test_an_adapter_may_say_its_own_version(project: Path) -> None:
    adapter = ScriptedAdapter()
    adapter.version = "2026.1"  # type: ignore[attr-defined]
    assert (await _versions(project, adapter)).adapters["script"] == "2026.1"


def test_an_installed_adapter_has_the_version_of_its_package(tmp_path: Path) -> None:
    package = tmp_path / "odd_adapter-4.2.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-adapter\nVersion: 4.2\n")
    (package / "entry_points.txt").write_text("[binex.adapters]\nodd = odd_adapter:Odd\n")
    (tmp_path / "odd_adapter.py").write_text("class Odd:\n    async def execute(self, *_): ...\n")
    code = "from binex.adapters.registry import Registry; print(Registry().version_of('odd://x'))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "4.2\n"
