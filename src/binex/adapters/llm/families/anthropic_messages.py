"""Anthropic's messages."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, cast

from anthropic import AsyncAnthropic
from anthropic.types.beta import BetaRawMessageStreamEvent
from pydantic_ai.models import StreamedResponse
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.profiles.anthropic import AnthropicModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider

from binex.adapters.llm.counting import plus, tokens, usage_of
from binex.adapters.llm.families.conversation import RawReply, messages_of, parameters_of, thinking_of
from binex.adapters.llm.http_clients import CONNECT_SECONDS, LoopClients, http_client
from binex.adapters.llm.port import (
    Connection,
    Finished,
    FinishReason,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallMade,
)
from binex.adapters.llm.providers import NO_KEY, Endpoint
from binex.adapters.llm.wire_settings import anthropic_body
from binex.models.call import Usage

_REASONS: Final = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.REFUSAL,
}
# A schema is only asked for where it is known to be kept to; and a request is never repeated without its thinking.
_PROFILE: Final = AnthropicModelProfile(supports_json_schema_output=True, anthropic_binds_thinking_blocks=False)


class _Model(AnthropicModel):
    """Gives the events as they come."""

    async def _process_streamed_response(self, response: Any, model_request_parameters: Any, *_: Any, **__: Any) -> Any:
        return RawReply(model_request_parameters, chunks=aiter(response))


def open_reply(
    clients: LoopClients, endpoint: Endpoint, request: ModelRequest, connection: Connection
) -> AbstractAsyncContextManager[StreamedResponse]:
    """Send the request; the block has the reply."""
    model = clients.get(("model", endpoint, request.model), lambda: _model(clients, endpoint, request.model))
    settings = AnthropicModelSettings(extra_body=anthropic_body(request), extra_headers=dict(connection.headers))
    if "max_tokens" in request.settings:
        settings["max_tokens"] = cast(int, request.settings["max_tokens"])
    thinking = thinking_of(request, model.profile)
    if thinking is not None:
        settings["thinking"] = thinking
    parameters = parameters_of(request)
    if request.output_schema is not None:
        parameters.output_mode = "native"
        parameters.output_object = OutputObjectDefinition(json_schema=request.output_schema)
    return model.request_stream(messages_of(request), settings, parameters)


async def model_names(clients: LoopClients, endpoint: Endpoint, connection: Connection) -> list[str]:
    """The models there are."""
    listed = _client(clients, endpoint).models.list(extra_headers=dict(connection.headers))
    return [model.id async for model in listed]


async def events(chunks: AsyncIterator[BetaRawMessageStreamEvent]) -> AsyncGenerator[ModelEvent, None]:
    """What the events say; without :class:`Finished` at the end where the reply is not complete."""
    name, reply_id, reason = "", "", ""
    counts: dict[str, object] = {}
    calls: dict[int, ToolCall] = {}
    arguments: dict[int, list[str]] = {}
    is_complete = False
    async for event in chunks:
        if event.type == "message_start":
            name, reply_id = event.message.model or "", event.message.id or ""
            counts.update(_counts(event.message.usage))
        elif event.type == "content_block_start" and event.content_block.type == "tool_use":
            block = event.content_block
            calls[event.index] = ToolCall(id=block.id, name=block.name, arguments="{}")
            arguments[event.index] = []
        elif event.type == "content_block_start" and event.content_block.type == "text" and event.content_block.text:
            yield TextDelta(text=event.content_block.text)
        elif event.type == "content_block_delta":
            delta = event.delta
            if delta.type == "text_delta" and delta.text:
                yield TextDelta(text=delta.text)
            elif delta.type == "thinking_delta" and delta.thinking:
                yield ReasoningDelta(text=delta.thinking)
            elif delta.type == "input_json_delta" and event.index in arguments:
                arguments[event.index].append(delta.partial_json)
        elif event.type == "message_delta":
            reason = event.delta.stop_reason or reason
            counts.update(_counts(event.usage))
        elif event.type == "message_stop":
            is_complete = True
    if not (is_complete and reason):
        return
    for index, call in calls.items():
        yield ToolCallMade(call=call.model_copy(update={"arguments": "".join(arguments[index]) or "{}"}))
    yield Finished(reason=_REASONS.get(reason, reason), usage=_usage(counts), model=name, id=reply_id)


def _counts(said: object) -> dict[str, object]:
    """The counts that an event knows; the later one is the better one."""
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    found = {name: getattr(said, name, None) for name in names}
    found["thinking"] = getattr(getattr(said, "output_tokens_details", None), "thinking_tokens", None)
    return {name: value for name, value in found.items() if value is not None}


def _usage(counts: dict[str, object]) -> Usage | None:
    cached = counts.get("cache_read_input_tokens")
    read = plus(counts.get("input_tokens"), cached, counts.get("cache_creation_input_tokens"))
    return usage_of(read, tokens(counts.get("output_tokens")), cached, counts.get("thinking"))


def _model(clients: LoopClients, endpoint: Endpoint, model: str) -> _Model:
    return _Model(model, provider=AnthropicProvider(anthropic_client=_client(clients, endpoint)), profile=_PROFILE)


def _client(clients: LoopClients, endpoint: Endpoint) -> AsyncAnthropic:
    def make() -> AsyncAnthropic:
        import httpx2

        return AsyncAnthropic(
            api_key=endpoint.api_key or NO_KEY,
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            http_client=http_client(clients, endpoint.base_url),
        )

    return clients.get(("client", endpoint), make)
