"""Models of all providers that LiteLLM speaks to."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final

from pydantic import JsonValue

from binex.adapters.llm.checked_events import checked
from binex.adapters.llm.counting import tokens, usage_of
from binex.adapters.llm.failures import failure_of
from binex.adapters.llm.http_clients import CONNECT_SECONDS, loop_clients
from binex.adapters.llm.litellm_failures import behind, refused_setting
from binex.adapters.llm.litellm_library import litellm
from binex.adapters.llm.port import (
    Connection,
    Finished,
    FinishReason,
    Message,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallMade,
)
from binex.adapters.llm.providers import NO_KEY, PROVIDERS, Endpoint, Family, endpoint_of
from binex.adapters.llm.reply import Reply
from binex.adapters.llm.settings_tables import own_settings_of, refuse_faulty, settings_faults
from binex.adapters.llm.wire_settings import openai_body
from binex.errors import AgentError, FieldFault
from binex.models.call import Usage

_REASONS: Final = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.REFUSAL,
}
_THEIR_NAMES: Final = {"ai21": "ai21_chat", "cohere": "cohere_chat", "google": "gemini"}
"""Where what LiteLLM calls by the provider's name is an older protocol, or another provider."""
_AT_ONE_ADDRESS: Final = frozenset({"replicate", "sagemaker", "sagemaker_chat"})
"""For whom LiteLLM goes by no `api_base`: what was meant for another address would reach the usual one."""


class LitellmBackend:
    """A :class:`~binex.adapters.llm.port.ModelBackend`. Holds nothing of a node between two requests."""

    libraries: tuple[str, ...] = ("litellm", "genai_prices")

    def faults(self, provider: str, model: str, settings: Mapping[str, JsonValue]) -> list[FieldFault]:  # noqa: ARG002 - what a model takes is for its provider to say
        """What is wrong with a node's settings, by the table of the provider."""
        return settings_faults(provider, settings)

    def has_structured_output(self, provider: str, model: str) -> bool:  # noqa: ARG002 - LiteLLM knows only once it is imported
        """Never relied on: the model is told the schema, and its answer is checked."""
        return False

    def key_variables(self, provider: str) -> tuple[str, ...]:
        """Where the key is expected."""
        return PROVIDERS[provider].key_variables

    async def stream(self, request: ModelRequest, connection: Connection) -> AsyncIterator[ModelEvent]:
        """Ask once; see the port. One that is left before its end has to be closed, as by `aclosing`."""
        refuse_faulty(request.provider, request.settings)
        _refuse_ignored(request.provider, connection)
        endpoint, reply = endpoint_of(request.provider, connection), Reply()
        library = await litellm()
        try:
            async with AsyncExitStack() as stack:
                chunks = await library.acompletion(**_asked(library, request, endpoint, connection))
                stack.push_async_callback(chunks.aclose)
                reply.status = 200
                events = await stack.enter_async_context(aclosing(_events(chunks, reply)))
                async for event in await stack.enter_async_context(aclosing(checked(events, endpoint, reply))):
                    yield event
        except Exception as error:
            if refused := refused_setting(error, request.provider):
                raise refused from error
            endpoint, reply = behind(error, endpoint, reply)
            raise failure_of(error, endpoint, request.model, reply) from error

    async def load(self, provider: str) -> None:  # noqa: ARG002 - there is one library for all
        """Import the library now, so that the first request need not wait for it. Raises where it is not installed."""
        await litellm()

    async def list_models(self, provider: str, connection: Connection) -> list[str] | None:
        """LiteLLM has no way to ask; only the key is looked at."""
        endpoint_of(provider, connection)
        return None

    async def close(self) -> None:
        """Close the connections of the running loop now; when the loop ends that happens by itself."""
        await (await loop_clients()).close()


def _refuse_ignored(provider: str, connection: Connection) -> None:
    if connection.api_base is not None and provider in _AT_ONE_ADDRESS:
        message = f"LiteLLM asks {provider} at its own address alone, and config.api_base names another"
        raise AgentError(message, fix="remove config.api_base", is_retryable=False)


async def _events(chunks: Any, reply: Reply) -> AsyncGenerator[ModelEvent, None]:
    """What the chunks say; without :class:`Finished` at the end where the reply is not complete."""
    calls: list[dict[str, str]] = []
    by_index: dict[int, dict[str, str]] = {}
    name, reply_id, word = "", "", ""
    async for chunk in chunks:
        name, reply_id = chunk.model or name, chunk.id or reply_id
        for choice in (chunk.choices or ())[:1]:
            word = choice.finish_reason or word
            thought = getattr(choice.delta, "reasoning_content", None)
            if isinstance(thought, str) and thought:
                reply.take(thought.encode())
                yield ReasoningDelta(text=thought)
            if isinstance(choice.delta.content, str) and choice.delta.content:
                reply.take(choice.delta.content.encode())
                yield TextDelta(text=choice.delta.content)
            for piece in choice.delta.tool_calls or ():
                call = by_index.get(piece.index)
                if call is None or (piece.id and call["id"] and piece.id != call["id"]):  # some count none of them
                    call = by_index[piece.index] = {"id": "", "name": "", "arguments": ""}
                    calls.append(call)
                call["id"] = call["id"] or piece.id or ""
                call["name"] += piece.function.name or ""
                call["arguments"] += piece.function.arguments or ""
    # LiteLLM ends every stream with a reason, made up as `stop` where the provider has given none.
    if not (chunks.received_finish_reason or chunks.intermittent_finish_reason):
        return
    for number, call in enumerate(calls):
        made = {**call, "id": call["id"] or f"call_{number}", "arguments": call["arguments"] or "{}"}
        yield ToolCallMade(call=ToolCall(**made))
    reason = FinishReason.TOOL_CALLS if calls and word == "stop" else _REASONS.get(word, word)
    yield Finished(reason=reason, usage=_usage(chunks.chunks), model=name, id=reply_id)


def _usage(chunks: list[Any]) -> Usage | None:
    """What the provider said of it: the usage that LiteLLM sends itself is guessed where there is none."""
    read = written = cached = reasoned = None
    for chunk in chunks:
        said = getattr(chunk, "usage", None)
        if said is not None:
            read = tokens(said.prompt_tokens) or read
            written = tokens(said.completion_tokens) or written
            cached = tokens(getattr(said.prompt_tokens_details, "cached_tokens", None)) or cached
            reasoned = tokens(getattr(said.completion_tokens_details, "reasoning_tokens", None)) or reasoned
    return usage_of(read, written, cached, reasoned)


def _asked(library: Any, request: ModelRequest, endpoint: Endpoint, connection: Connection) -> dict[str, Any]:
    """The arguments of a completion."""
    import httpx

    known, settings = PROVIDERS[request.provider], dict(request.settings)
    extra_body = settings.pop("extra_body", None)
    own = {name: settings[name] for name in own_settings_of(request.provider) if name in settings}
    is_like_openai = known.family is Family.OPENAI
    their_name = "openai" if is_like_openai else _THEIR_NAMES.get(request.provider, request.provider)
    asked: dict[str, Any] = {
        **openai_body(request.model_copy(update={"settings": settings})),
        **own,
        "model": f"{their_name}/{request.model}",
        "messages": [_message(message) for message in request.messages],
        "tools": [{"type": "function", "function": tool.model_dump()} for tool in request.tools] or None,
        "extra_body": extra_body,
        "extra_headers": dict(connection.headers) or None,
        "api_base": endpoint.base_url if is_like_openai else connection.api_base,
        # Without one, LiteLLM would look for others in the environment, and send them to whatever address it is.
        "api_key": (endpoint.api_key or NO_KEY) if known.is_key_needed else connection.api_key,
    }
    return {name: value for name, value in asked.items() if value is not None} | {
        "stream": True,
        "stream_options": {"include_usage": True},
        "timeout": httpx.Timeout(None, connect=CONNECT_SECONDS),
        "drop_params": False,
        **_no_retries(library, their_name, request.model),
    }


def _no_retries(library: Any, their_name: str, model: str) -> dict[str, Any]:
    """The arguments by which the library of OpenAI, where it is under LiteLLM, asks once and not three times."""
    if their_name == "huggingface":  # it is not under it there, and the arguments would go into the request
        return {}
    known = library.get_supported_openai_params(model, custom_llm_provider=their_name) or ()
    is_left_out = their_name in library.openai_compatible_providers and "max_retries" not in known
    return {"num_retries": 0, "max_retries": 0, **({"allowed_openai_params": ["max_retries"]} if is_left_out else {})}


def _message(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.role == "tool":
        said |= {"tool_call_id": message.tool_call_id, "name": message.name}
    return said
