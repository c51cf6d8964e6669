"""Google's generated content: Gemini."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, cast

from google.genai import Client
from google.genai.types import Candidate, GenerateContentResponse, HttpOptions
from pydantic_ai.models import StreamedResponse
from pydantic_ai.models.google import GoogleModel, GoogleModelSettings
from pydantic_ai.providers.google import GoogleProvider

from binex.adapters.llm.counting import plus, tokens, usage_of
from binex.adapters.llm.families.conversation import RawReply, messages_of, parameters_of, thinking_of
from binex.adapters.llm.http_clients import LoopClients, http_client, tls_context
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
from binex.adapters.llm.wire_settings import Body, google_body
from binex.models.call import Usage

_BODY: Final = "binex_body"
_REFUSALS: Final = frozenset(("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"))


class _Settings(GoogleModelSettings, total=False):
    binex_body: Body


class _Model(GoogleModel):
    """Gives the chunks as they come, sends fields of ours, and never takes a broken stream up again by itself."""

    async def _build_content_and_config(self, messages: Any, model_settings: Any, *rest: Any) -> Any:
        contents, config = await super()._build_content_and_config(messages, model_settings, *rest)
        config["automatic_continuation"] = False
        config["http_options"] = {**(config.get("http_options") or {}), "extra_body": model_settings[_BODY]}
        return contents, config

    async def _process_streamed_response(self, response: Any, model_request_parameters: Any) -> Any:
        # Only the first chunk makes the library send the request.
        first = await anext(response, None)
        return RawReply(model_request_parameters, chunks=_with_first(first, response))


def open_reply(
    clients: LoopClients, endpoint: Endpoint, request: ModelRequest, connection: Connection
) -> AbstractAsyncContextManager[StreamedResponse]:
    """Send the request; the block has the reply."""
    model = clients.get(("model", endpoint, request.model), lambda: _model(clients, endpoint, request.model))
    settings = _Settings(binex_body=google_body(request), extra_headers=dict(connection.headers))
    thinking = thinking_of(request, model.profile)
    if thinking is not None:
        settings["thinking"] = thinking
    return model.request_stream(messages_of(request), settings, parameters_of(request))


async def model_names(clients: LoopClients, endpoint: Endpoint, connection: Connection) -> list[str]:
    """The models there are."""
    options = {"http_options": {"headers": dict(connection.headers)}}
    listed = await _client(clients, endpoint).aio.models.list(config=cast(Any, options))
    return [(model.name or "").removeprefix("models/") async for model in listed]


async def events(chunks: AsyncIterator[GenerateContentResponse]) -> AsyncGenerator[ModelEvent, None]:
    """What the chunks say; without :class:`Finished` at the end where the reply is not complete."""
    reason, name, reply_id = "", "", ""
    usage: Usage | None = None
    calls: list[ToolCall] = []
    async for chunk in chunks:
        usage = _usage(chunk) or usage
        name, reply_id = chunk.model_version or name, chunk.response_id or reply_id
        feedback = chunk.prompt_feedback
        if feedback is not None and feedback.block_reason is not None:
            reason = "SAFETY"
        for candidate in (chunk.candidates or ())[:1]:
            reason = _word(candidate) or reason
            for part in (candidate.content.parts if candidate.content else None) or ():
                if part.function_call is not None:
                    made = part.function_call
                    arguments = json.dumps(made.args or {}, ensure_ascii=False)
                    calls.append(
                        ToolCall(id=made.id or f"call_{len(calls)}", name=made.name or "", arguments=arguments)
                    )
                elif part.text:
                    yield ReasoningDelta(text=part.text) if part.thought else TextDelta(text=part.text)
    if not reason:
        return
    for call in calls:
        yield ToolCallMade(call=call)
    yield Finished(reason=_reason(reason, has_calls=bool(calls)), usage=usage, model=name, id=reply_id)


def _word(candidate: Candidate) -> str:
    return "" if candidate.finish_reason is None else str(candidate.finish_reason.value)


def _reason(word: str, *, has_calls: bool) -> str:
    if word in _REFUSALS:
        return FinishReason.REFUSAL
    if word == "STOP":
        return FinishReason.TOOL_CALLS if has_calls else FinishReason.STOP
    return FinishReason.LENGTH if word == "MAX_TOKENS" else word.lower()


def _usage(chunk: GenerateContentResponse) -> Usage | None:
    said = chunk.usage_metadata
    if said is None:
        return None
    read = plus(said.prompt_token_count, said.tool_use_prompt_token_count)
    thoughts = said.thoughts_token_count
    # Nothing but thoughts has been written where only they are counted.
    written = (
        plus(said.candidates_token_count, thoughts) if said.candidates_token_count is not None else tokens(thoughts)
    )
    return usage_of(read, written, said.cached_content_token_count, thoughts)


async def _with_first(
    first: GenerateContentResponse | None, rest: AsyncIterator[GenerateContentResponse]
) -> AsyncIterator[GenerateContentResponse]:
    if first is not None:
        yield first
    async for chunk in rest:
        yield chunk


def _model(clients: LoopClients, endpoint: Endpoint, model: str) -> _Model:
    return _Model(model, provider=GoogleProvider(client=_client(clients, endpoint)))


def _client(clients: LoopClients, endpoint: Endpoint) -> Client:
    def make() -> Client:
        tls = {"verify": tls_context()}
        options = HttpOptions(
            base_url=endpoint.base_url,
            httpx_async_client=http_client(clients, endpoint.base_url),
            client_args=tls,
            async_client_args=tls,
        )
        return Client(vertexai=False, api_key=endpoint.api_key or NO_KEY, http_options=options)

    return clients.get(("client", endpoint), make)
