"""A model's node under test: the real adapter, surroundings that keep what happens, and a backend told what to say."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from binex.adapters.base import NodeUse
from binex.adapters.llm.adapter import LlmAdapter
from binex.adapters.llm.port import Connection, Finished, FinishReason, ModelEvent, ModelRequest, TextDelta
from binex.errors import FieldFault
from binex.models.call import Call, CallKind
from binex.models.limits import Limits
from binex.models.task import Artifact, TaskNode
from tests.attempts import FakeSurroundings

Said = Sequence[ModelEvent | Exception]


def text(said: str, reason: str = FinishReason.STOP) -> Said:
    """A whole reply that is text."""
    return [TextDelta(text=said), Finished(reason=reason)]


@dataclass
class ToldBackend:
    """Says what it is told, in turn, whatever it is asked; keeps what it was asked."""

    replies: list[Said] = field(default_factory=list)
    keeps_schemas: bool = False
    models: list[str] | Exception | None = None
    keys: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    requests: list[ModelRequest] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)

    def faults(self, provider: str, model: str, settings: Mapping[str, JsonValue]) -> list[FieldFault]:
        return [
            FieldFault(("config", key), f"'{key}' is not a setting of {provider}", at_key=True)
            for key in settings
            if key in self.refused
        ]

    def has_structured_output(self, provider: str, model: str) -> bool:
        return self.keeps_schemas

    def key_variables(self, provider: str) -> tuple[str, ...]:
        return self.keys

    async def stream(self, request: ModelRequest, connection: Connection) -> AsyncIterator[ModelEvent]:
        self.requests.append(request)
        self.connections.append(connection)
        for said in self.replies.pop(0):
            await asyncio.sleep(0)
            if isinstance(said, Exception):
                raise said
            yield said

    async def list_models(self, provider: str, connection: Connection) -> list[str] | None:
        if isinstance(self.models, Exception):
            raise self.models
        return self.models


class Bench:
    """Runs attempts at one node after another."""

    def __init__(self, **backends: ToldBackend) -> None:
        self.around = FakeSurroundings()
        self.adapter = LlmAdapter(Limits(output_bytes=10_000), backends)

    async def ask(self, agent: str = "llm://mock/writer", **fields: object) -> list[Artifact]:
        task = a_task(agent, **fields)
        with self.around.attempt(task):
            return await self.adapter.execute(task, [], "trace")

    async def answer(self, agent: str = "llm://mock/writer", **fields: object) -> JsonValue:
        (artifact,) = await self.ask(agent, **fields)
        return artifact.content

    @property
    def calls(self) -> list[Call]:
        return [call for call in self.around.calls if call.kind is CallKind.MODEL]

    def request(self, number: int = 0) -> ModelRequest:
        """What a call asked, as it stands on the tape."""
        return ModelRequest.model_validate_json(self.around.request_of(self.calls[number]))

    def events(self, number: int = 0) -> list[dict[str, JsonValue]]:
        """What a call brought, as it stands on the tape; how it failed is told by the call."""
        lines = [json.loads(line) for line in self.around.response_of(self.calls[number]).splitlines()]
        return [line for line in lines if "type" in line]

    def faults(
        self, agent: str, config: Mapping[str, JsonValue], inputs: tuple[str, ...] = ("topic",)
    ) -> list[FieldFault]:
        use = NodeUse("write", agent, None, inputs, config, ("output",))
        return self.adapter.check(use)


def a_task(agent: str, **fields: object) -> TaskNode:
    given: dict[str, object] = {"inputs": {"topic": "bees"}, "run_id": "run", "path": "write", "node_id": "write"}
    return TaskNode.model_validate({**given, "agent": agent, **fields})
