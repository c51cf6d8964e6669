"""A workflow's folder with real modules in it, and the adapter that runs them."""

import textwrap
from pathlib import Path

from pydantic import JsonValue

from binex.adapters.base import NodeUse
from binex.adapters.local import LocalAdapter
from binex.models.agent_settings import Isolation
from binex.models.task import Artifact, TaskNode


class Workbench:
    """Writes modules into *folder* and runs their functions."""

    def __init__(self, folder: Path, adapter: LocalAdapter | None = None) -> None:
        self.folder = folder
        self.adapter = adapter or LocalAdapter()
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, text: str, file: str = "steps.py") -> Path:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
        return path

    def task(
        self,
        function: str,
        inputs: dict[str, JsonValue] | None = None,
        *,
        outputs: tuple[str, ...] = ("output",),
        isolated: bool = False,
        config: dict[str, JsonValue] | None = None,
    ) -> TaskNode:
        return TaskNode(
            run_id="run",
            path=function.rpartition(".")[2],
            node_id="node",
            agent=f"local://{function}",
            inputs=inputs or {},
            outputs=outputs,
            folder=str(self.folder),
            isolation=Isolation.PROCESS if isolated else Isolation.THREAD,
            config=config or {},
        )

    def use(
        self,
        function: str,
        *inputs: str,
        node: str = "node",
        isolated: bool = False,
        config: dict[str, JsonValue] | None = None,
    ) -> NodeUse:
        return NodeUse(node, f"local://{function}", self.folder, inputs, config or {}, ("output",), isolated)

    async def made_by(
        self,
        function: str,
        inputs: dict[str, JsonValue] | None = None,
        *,
        outputs: tuple[str, ...] = ("output",),
        isolated: bool = False,
        config: dict[str, JsonValue] | None = None,
        artifacts: list[Artifact] | None = None,
    ) -> dict[str, JsonValue]:
        """The outputs of one task, by name."""
        task = self.task(function, inputs, outputs=outputs, isolated=isolated, config=config)
        made = await self.adapter.execute(task, artifacts or [], "trace")
        return {artifact.output: artifact.content for artifact in made}

    async def value_of(
        self, function: str, inputs: dict[str, JsonValue] | None = None, *, isolated: bool = False
    ) -> JsonValue:
        """The only output of one task."""
        return (await self.made_by(function, inputs, isolated=isolated))["output"]

    def complaints(self, function: str, *inputs: str) -> list[str]:
        """What reading the module tells about the use of a function."""
        return [fault.message for fault in self.adapter.check(self.use(function, *inputs))]

    async def import_complaints(self, function: str, *inputs: str) -> list[str]:
        """What importing the module tells about the use of a function."""
        faults = await self.adapter.prepare([self.use(function, *inputs)])
        return [fault.message for fault in faults.get("node", ())]
