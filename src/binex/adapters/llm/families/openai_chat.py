"""OpenAI's chat completions, also as spoken by all who copied them."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, cast

from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDelta, ChoiceDeltaToolCall
from pydantic_ai.models import StreamedResponse
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings
from pydantic_ai.providers.openai import OpenAIProvider

from binex.adapters.llm.counting import plus, tokens, usage_of
from binex.adapters.llm.families.conversation import RawReply, messages_of, parameters_of
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
from binex.adapters.llm.wire_settings import openai_body
from binex.models.call import Usage

_REASONS: Final = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.REFUSAL,
}


class _Model(OpenAIChatModel):
    """Gives the chunks as they come."""

    async def _process_streamed_response(
        self, response: AsyncStream[ChatCompletionChunk], model_request_parameters: Any, *_: Any
    ) -> Any:
        return RawReply(model_request_parameters, chunks=aiter(response))


def open_reply(
    clients: LoopClients, endpoint: Endpoint, request: ModelRequest, connection: Connection
) -> AbstractAsyncContextManager[StreamedResponse]:
    """Send the request; the block has the reply."""
    settings = OpenAIChatModelSettings(extra_body=openai_body(request), extra_headers=dict(connection.headers))
    model = clients.get(
        ("model", endpoint, request.model, _version(connection)), lambda: _model(clients, endpoint, request, connection)
    )
    return model.request_stream(messages_of(request), settings, parameters_of(request))


async def model_names(clients: LoopClients, endpoint: Endpoint, connection: Connection) -> list[str]:
    """The models there are."""
    client = _client(clients, endpoint, connection)
    return [model.id async for model in client.models.list(extra_headers=dict(connection.headers))]


async def events(chunks: AsyncIterator[ChatCompletionChunk]) -> AsyncGenerator[ModelEvent, None]:
    """What the chunks say; without :class:`Finished` at the end where the reply is not complete."""
    reason, usage, name, reply_id, has_refused = "", None, "", "", False
    calls = _Calls()
    async for chunk in chunks:
        usage = _usage(chunk) or usage
        name, reply_id = chunk.model or name, chunk.id or reply_id
        for choice in (chunk.choices or ())[:1]:
            delta = cast(ChoiceDelta | None, choice.delta)
            reason = choice.finish_reason or reason
            if delta is None:
                continue
            thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
            if isinstance(thought, str) and thought:
                yield ReasoningDelta(text=thought)
            refusal = delta.refusal
            has_refused = has_refused or bool(refusal)
            for text in (*_texts(delta.content), refusal):
                if isinstance(text, str) and text:
                    yield TextDelta(text=text)
            for call in delta.tool_calls or ():
                calls.take(call)
    if not reason:
        return
    for made in calls.made():
        yield ToolCallMade(call=made)
    ours = FinishReason.REFUSAL if has_refused else _REASONS.get(reason, reason)
    yield Finished(reason=ours, usage=usage, model=name, id=reply_id)


@dataclass(slots=True)
class _Piece:
    id: str
    name: str
    arguments: str = ""


@dataclass(slots=True)
class _Calls:
    """Puts the tool calls together."""

    pieces: list[_Piece] = field(default_factory=list)
    by_index: dict[int, _Piece] = field(default_factory=dict)

    def take(self, delta: ChoiceDeltaToolCall) -> None:
        function = delta.function
        # Some servers give every call the same index, or none; a new id is a new call.
        index = delta.index if isinstance(delta.index, int) else len(self.pieces) - (0 if delta.id else 1)
        piece = self.by_index.get(index)
        if piece is None or (delta.id and piece.id and delta.id != piece.id):
            piece = self.by_index[index] = _Piece(delta.id or "", "")
            self.pieces.append(piece)
        piece.id = piece.id or delta.id or ""
        if function is not None:
            piece.name += function.name or ""
            piece.arguments += function.arguments or ""

    def made(self) -> Iterator[ToolCall]:
        for number, piece in enumerate(self.pieces):
            yield ToolCall(id=piece.id or f"call_{number}", name=piece.name, arguments=piece.arguments or "{}")


def _texts(content: object) -> list[object]:
    """The content, which some servers send as a list of parts."""
    if isinstance(content, list):
        return [part.get("text") for part in content if isinstance(part, dict)]
    return [content]


def _usage(chunk: ChatCompletionChunk) -> Usage | None:
    said = chunk.usage
    if said is None:
        return None
    read, written = tokens(said.prompt_tokens), tokens(said.completion_tokens)
    reasoned = tokens(getattr(said.completion_tokens_details, "reasoning_tokens", None))
    if reasoned and read is not None and written is not None and said.total_tokens == read + written + reasoned:
        written += reasoned  # xAI counts reasoning beside the output, not within
    cached = getattr(said.prompt_tokens_details, "cached_tokens", None)
    if cached is None:
        cached = getattr(said, "prompt_cache_hit_tokens", None)
    return usage_of(plus(read), written, cached, reasoned)


def _model(clients: LoopClients, endpoint: Endpoint, request: ModelRequest, connection: Connection) -> _Model:
    return _Model(request.model, provider=OpenAIProvider(openai_client=_client(clients, endpoint, connection)))


def _client(clients: LoopClients, endpoint: Endpoint, connection: Connection) -> AsyncOpenAI:
    version = _version(connection)

    def make() -> AsyncOpenAI:
        import httpx2

        client = AsyncOpenAI(
            api_key=endpoint.api_key or NO_KEY,
            base_url=endpoint.base_url,
            default_query={"api-version": version} if version else None,
            max_retries=0,
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            http_client=http_client(clients, endpoint.base_url),
        )
        if endpoint.provider != "openai":  # what the environment says of OpenAI's account is not for anybody else
            client.organization = client.project = None
            client._custom_headers = {}
        return client

    return clients.get(("client", endpoint, version), make)


def _version(connection: Connection) -> str:
    return str(connection.options.get("api_version") or "")
