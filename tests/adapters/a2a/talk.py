"""Gives an agent a task, the way a run does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from a2a.types.a2a_pb2 import Part
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from pydantic import JsonValue

from binex.adapters.a2a.adapter import A2AAdapter
from binex.models.call import Call, CallKind
from binex.models.task import TaskNode
from tests.a2a_server import Act, AgentServer, RawServer, Turn, serving
from tests.attempts import FakeSurroundings


@dataclass
class Talk:
    """A node that uses one agent, and the world around it."""

    server: AgentServer | RawServer
    world: FakeSurroundings = field(default_factory=FakeSurroundings)
    adapter: A2AAdapter = field(default_factory=A2AAdapter)

    def task(self, inputs: dict[str, JsonValue] | None = None, **changes: Any) -> TaskNode:
        return TaskNode(
            run_id="run",
            path="node",
            node_id="node",
            agent=changes.pop("agent", self.server.uri),
            inputs={"text": "world"} if inputs is None else inputs,
            idempotency_key="key",
            **changes,
        )

    async def run(self, inputs: dict[str, JsonValue] | None = None, **changes: Any) -> dict[str, JsonValue]:
        """One attempt; its outputs by name."""
        task = self.task(inputs, **changes)
        with self.world.attempt(task):
            artifacts = await self.adapter.execute(task, [], "trace")
        return {artifact.output: artifact.content for artifact in artifacts}

    async def say(self, inputs: dict[str, JsonValue] | None = None, **changes: Any) -> JsonValue:
        """One attempt; its only output."""
        return (await self.run(inputs, **changes))["output"]

    @property
    def exchanges(self) -> list[Call]:
        """What was said to agents, as it is on the tape."""
        return [call for call in self.world.calls if call.kind is CallKind.A2A]

    @property
    def mark(self) -> dict[str, Any]:
        found = self.world.bookmarks["a2a"]
        assert isinstance(found, dict)
        return found


@contextmanager
def talking(act: Act | None = None, **kinds: Any) -> Iterator[tuple[Talk, AgentServer]]:
    """A node and the agent that it uses."""
    server = AgentServer(**kinds) if act is None else AgentServer(act, **kinds)
    with serving(server):
        yield Talk(server), server


def part(value: dict[str, Any]) -> Part:
    """A part, from its JSON form."""
    found = ParseDict(value, Part())
    assert isinstance(found, Part)
    return found


def makes(*artifacts: tuple[str, list[dict[str, Any]]]) -> Act:
    """An agent that makes artifacts: their names, and their parts."""

    async def act(turn: Turn) -> None:
        await turn.accept()
        for name, parts in artifacts:
            await turn.updater.add_artifact([part(one) for one in parts], name=name)
        await turn.updater.complete()

    return act
