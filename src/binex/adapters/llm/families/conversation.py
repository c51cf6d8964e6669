"""A request of ours in the terms of pydantic-ai, and the reply as the provider's own library gives it."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar, cast

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.messages import ModelRequest as Turn
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ThinkingLevel
from pydantic_ai.tools import ToolDefinition

from binex.adapters.llm.port import Message, ModelRequest
from binex.errors import AgentError

ChunkT = TypeVar("ChunkT")


@dataclass
class RawReply(StreamedResponse, Generic[ChunkT]):
    """The chunks of a reply as the provider's library gives them, without pydantic-ai's view of them.

    That view joins parts, splits off tags, guesses what is missing and counts unknown tokens as none.
    """

    chunks: AsyncIterator[ChunkT] = field(kw_only=True)

    def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        raise NotImplementedError("the chunks are read directly")

    @property
    def model_name(self) -> str:
        return ""

    @property
    def provider_name(self) -> None:
        return None

    @property
    def provider_url(self) -> None:
        return None

    @property
    def timestamp(self) -> datetime:
        return datetime.now(UTC)


def messages_of(request: ModelRequest) -> list[ModelMessage]:
    """The conversation, each run of the same side as one turn."""
    turns: list[ModelMessage] = []
    for message in request.messages:
        if message.role == "assistant":
            turns.append(ModelResponse(parts=list(_said(message))))
            continue
        last = turns[-1] if turns else None
        if isinstance(last, Turn):
            last.parts = [*last.parts, _asked(message)]
        else:
            turns.append(Turn(parts=[_asked(message)]))
    return turns


def parameters_of(request: ModelRequest) -> ModelRequestParameters:
    """The tools, as they were written."""
    tools = [
        ToolDefinition(
            name=tool.name, description=tool.description, parameters_json_schema=tool.parameters, strict=False
        )
        for tool in request.tools
    ]
    return ModelRequestParameters(function_tools=tools)


def _asked(message: Message) -> ModelRequestPart:
    if message.role == "system":
        return SystemPromptPart(message.content)
    if message.role == "tool":
        return ToolReturnPart(message.name or "tool", message.content, tool_call_id=message.tool_call_id or "")
    return UserPromptPart(message.content)


def _said(message: Message) -> Iterator[ModelResponsePart]:
    if message.content:
        yield TextPart(message.content)
    for call in message.tool_calls:
        yield ToolCallPart(call.name, _object_text(call.arguments), tool_call_id=call.id)


def _object_text(arguments: str) -> str:
    """The arguments as the model wrote them, unless they are no object, which no provider would take back."""
    try:
        is_object = isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        is_object = False
    return arguments if is_object else json.dumps({"arguments": arguments})


def thinking_of(request: ModelRequest, profile: ModelProfile) -> ThinkingLevel | None:
    """How much the model is to reason, for pydantic-ai, which knows how each model of a family wants to hear it.

    Raises:
        AgentError: the model is not known to reason at all, and pydantic-ai would silently leave the setting out.
    """
    effort = request.settings.get("reasoning_effort")
    if effort is None:
        return None
    if effort == "none":
        return False
    if not (profile.get("supports_thinking") or profile.get("thinking_always_enabled")):
        message = f"{request.provider}/{request.model} is not known to reason, so reasoning_effort means nothing to it"
        fix = "remove config.reasoning_effort, or write what the provider wants in config.extra_body"
        raise AgentError(message, fix=fix, is_retryable=False)
    return cast(ThinkingLevel, effort)
