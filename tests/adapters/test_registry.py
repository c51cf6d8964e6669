"""Which adapter an agent's URI leads to; adapters of other packages come in by real entry points."""

from pathlib import Path

import pytest

import binex
from binex.adapters.local import LocalAdapter
from binex.adapters.registry import Registry
from binex.errors import InputError
from binex.models.limits import Limits
from binex.models.run import RunStatus

PLUGIN = """
from binex.models.task import Artifact

class Shout:
    async def execute(self, task, input_artifacts, trace_id):
        return [Artifact.of(task, output, str(task.inputs["text"]).upper()) for output in task.outputs]

class NoAdapter:
    pass

def broken():
    raise RuntimeError("no licence")
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that brings adapters, installed as pip would leave it."""
    (tmp_path / "shouting.py").write_text(PLUGIN)
    info = tmp_path / "shouting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[binex.adapters]\nshout = shouting:Shout\nempty = shouting:NoAdapter\nbroken = shouting:broken\n"
        "gone = shouting:Missing\nlocal = shouting:Shout\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_an_adapter_that_was_given_serves_its_scheme() -> None:
    adapter = LocalAdapter()
    assert Registry({"mine": adapter}).adapter_for("mine://x") is adapter


def test_an_adapter_is_made_once() -> None:
    registry = Registry(limits=Limits(workers=3))
    assert registry.adapter_for("local://echo") is registry.adapter_for("local://other")


def test_nobody_may_take_the_place_of_a_built_in_adapter() -> None:
    with pytest.raises(InputError, match="'local://' is built in"):
        Registry({"local": LocalAdapter()})


@pytest.mark.parametrize("agent", ["echo", "", "local:/echo"])
def test_what_is_no_uri_is_refused_with_an_example(agent: str) -> None:
    with pytest.raises(InputError, match="not an agent's URI") as refused:
        Registry().adapter_for(agent)
    assert refused.value.fix == "write for example local://module.function"


def test_an_unknown_scheme_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match="no adapter for 'locl://'") as refused:
        Registry().adapter_for("locl://echo")
    assert refused.value.fix == "did you mean 'local'? schemes: a2a, human, llm, local"


async def test_a_package_can_bring_an_adapter(plugins: Path) -> None:
    (plugins / "flow.yaml").write_text('nodes: {a: {agent: "shout://x", inputs: {text: hello}}}')
    async with binex.open_session(plugins / ".binex") as session:
        run = await session.run(plugins / "flow.yaml")
    assert run.status is RunStatus.COMPLETED
    assert run.outputs == {"a": {"output": "HELLO"}}


def test_a_package_cannot_replace_a_built_in_adapter(plugins: Path) -> None:
    assert isinstance(Registry().adapter_for("local://echo"), LocalAdapter)


@pytest.mark.parametrize(
    ("scheme", "complaint"),
    [
        ("broken", "cannot be loaded: RuntimeError: no licence"),
        ("gone", "cannot be loaded: AttributeError"),
        ("empty", "has no method 'execute'"),
    ],
)
def test_a_package_whose_adapter_is_of_no_use_is_named_and_harms_nothing_else(
    plugins: Path, scheme: str, complaint: str
) -> None:
    registry = Registry()
    with pytest.raises(InputError, match=complaint):
        registry.adapter_for(f"{scheme}://x")
    assert isinstance(registry.adapter_for("local://echo"), LocalAdapter)
