"""What the tests of the loader share: an adapter that checks by reading, and short ways to load."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from binex.adapters.base import NodeUse
from binex.adapters.registry import Registry
from binex.errors import Fault, FieldFault, WorkflowError, suggest
from binex.loader import load_workflow, parse_workflow
from binex.models.task import Artifact, TaskNode


class ToolAdapter:
    """Speaks ``tool://echo`` and ``tool://upper``; the latter takes one input, ``text``."""

    TOOLS = ("echo", "upper")

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:
        return [Artifact.of(task, output, task.inputs) for output in task.outputs]

    def check(self, use: NodeUse) -> Sequence[FieldFault]:
        tool = use.agent.removeprefix("tool://")
        if tool not in self.TOOLS:
            return [FieldFault(("agent",), f"there is no tool '{tool}'", suggest(tool, self.TOOLS, "tools"))]
        if tool == "upper":
            return [
                FieldFault(("inputs", name), f"'upper' takes no '{name}'", "rename it to 'text'", at_key=True)
                for name in use.inputs
                if name != "text"
            ]
        return []


class PlainAdapter:
    """Speaks ``plain://``, and has no check."""

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:
        return []


@pytest.fixture
def registry() -> Registry:
    return Registry(given={"tool": ToolAdapter(), "plain": PlainAdapter()})


@pytest.fixture
def faults_of(registry: Registry) -> Callable[[str], list[Fault]]:
    """The faults of a text; empty where it is usable."""

    def faults(text: str) -> list[Fault]:
        try:
            parse_workflow(text, registry=registry)
        except WorkflowError as error:
            return list(error.faults)
        return []

    return faults


@pytest.fixture
def told(registry: Registry, tmp_path: Path) -> Callable[[str], str]:
    """What a user is told about a file with this text: all of it, as ``flow.yaml``."""

    def tell(text: str) -> str:
        file = tmp_path / "flow.yaml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(WorkflowError) as caught:
            load_workflow(file, registry=registry)
        fix = f"\n  fix: {caught.value.fix}" if caught.value.fix else ""
        return f"{caught.value.message}{fix}".replace(str(file), "flow.yaml")

    return tell
