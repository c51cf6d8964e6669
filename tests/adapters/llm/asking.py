"""One question to each protocol's backend, and what came of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from binex.adapters.llm.ollama_backend import OllamaBackend
from binex.adapters.llm.port import (
    Connection,
    Finished,
    Message,
    ModelBackend,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallMade,
    ToolSpec,
)
from binex.adapters.llm.pydantic_ai_backend import PydanticAiBackend
from tests.model_server import ModelServer, Protocol

MODELS: dict[Protocol, tuple[str, str]] = {
    "openai": ("openai", "gpt-4o-mini"),
    "anthropic": ("anthropic", "claude-sonnet-4-6"),
    "google": ("gemini", "gemini-2.5-flash"),
    "ollama": ("ollama", "llama3.2"),
}
"""A provider and a model of each protocol."""
HI = (Message(role="user", content="Hi"),)
ADD = ToolSpec(
    name="add",
    description="Adds.",
    parameters={"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
)


@dataclass
class Heard:
    """What a backend said."""

    events: list[ModelEvent] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, TextDelta)]

    @property
    def thoughts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, ReasoningDelta)]

    @property
    def calls(self) -> list[ToolCall]:
        return [event.call for event in self.events if isinstance(event, ToolCallMade)]

    @property
    def finished(self) -> Finished:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last


def backend_for(protocol: Protocol) -> ModelBackend:
    return OllamaBackend() if protocol == "ollama" else PydanticAiBackend()


def request_to(protocol: Protocol, **parts: Any) -> ModelRequest:
    provider, model = MODELS[protocol]
    return ModelRequest(**{"provider": provider, "model": model, "messages": HI, **parts})


def stream(protocol: Protocol, server: ModelServer, **parts: Any) -> AsyncIterator[ModelEvent]:
    """The events as they come in."""
    connection = Connection(api_base=server.url(protocol), api_key="a-key")
    return backend_for(protocol).stream(request_to(protocol, **parts), connection)


async def ask(protocol: Protocol, server: ModelServer, heard: Heard | None = None, **parts: Any) -> Heard:
    """All events, also kept in *heard* while they come in."""
    heard = heard or Heard()
    async for event in stream(protocol, server, **parts):
        heard.events.append(event)
    return heard
