"""Models that run under Ollama, over its own protocol."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import JsonValue

from binex.adapters.llm.checked_events import checked
from binex.adapters.llm.counting import tokens, usage_of
from binex.adapters.llm.failures import failure_of
from binex.adapters.llm.http_clients import CONNECT_SECONDS, LoopClients, loop_clients, options
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
from binex.adapters.llm.providers import PROVIDERS, Endpoint, Family, endpoint_of
from binex.adapters.llm.reply import Reply, watching
from binex.adapters.llm.settings_tables import refuse_faulty, settings_faults
from binex.adapters.llm.wire_settings import ollama_options, ollama_think
from binex.errors import INSTALL_AGENTS, AgentError, FieldFault

if TYPE_CHECKING:
    import httpx
    from ollama import AsyncClient, ChatResponse

_REASONS: Final = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}
_headers: ContextVar[Mapping[str, str]] = ContextVar("binex_ollama_headers")


class OllamaBackend:
    """A :class:`~binex.adapters.llm.port.ModelBackend`. Holds nothing of a node between two requests."""

    providers: ClassVar[tuple[str, ...]] = tuple(n for n, one in PROVIDERS.items() if one.family is Family.OLLAMA)
    libraries: tuple[str, ...] = ("ollama", "genai_prices")

    def faults(self, provider: str, model: str, settings: Mapping[str, JsonValue]) -> list[FieldFault]:  # noqa: ARG002 - every model takes the same
        """What is wrong with a node's settings."""
        return settings_faults(provider, settings)

    def has_structured_output(self, provider: str, model: str) -> bool:  # noqa: ARG002 - Ollama does it for every model
        """Ollama holds any model to a schema."""
        return True

    def key_variables(self, provider: str) -> tuple[str, ...]:  # noqa: ARG002 - there is one provider
        """A server of one's own needs no key."""
        return ()

    async def load(self, provider: str) -> None:  # noqa: ARG002 - there is one provider
        """Load the library, so that the first request need not wait for it."""
        await asyncio.to_thread(import_module, "ollama")

    async def stream(self, request: ModelRequest, connection: Connection) -> AsyncIterator[ModelEvent]:
        """Ask once; see the port. One that is left before its end has to be closed, as by `aclosing`."""
        refuse_faulty(request.provider, request.settings)
        endpoint, reply = endpoint_of(request.provider, connection), Reply()
        client = _client(await loop_clients(), endpoint)
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(reply.aclose)
                with watching(reply), _sending(connection.headers):
                    chunks: Any = await client.chat(**_asked(request))
                    await stack.enter_async_context(aclosing(chunks))
                    first = await anext(chunks, None)  # only now the request is sent
                events = await stack.enter_async_context(aclosing(_events(first, chunks)))
                async for event in await stack.enter_async_context(aclosing(checked(events, endpoint, reply))):
                    yield event
        except Exception as error:
            raise failure_of(error, endpoint, request.model, reply) from error

    async def list_models(self, provider: str, connection: Connection) -> list[str] | None:
        """The models that have been pulled."""
        endpoint, reply = endpoint_of(provider, connection), Reply()
        client = _client(await loop_clients(), endpoint)
        try:
            with watching(reply), _sending(connection.headers):
                listed = await client.list()
        except Exception as error:
            raise failure_of(error, endpoint, "", reply) from error
        return [one.model for one in listed.models if one.model]

    async def close(self) -> None:
        """Close the connections of the running loop now; when the loop ends that happens by itself."""
        await (await loop_clients()).close()


@contextmanager
def _sending(headers: Mapping[str, str]) -> Iterator[None]:
    """Send *headers* with the requests of the block: the library only knows headers of a whole client."""
    token = _headers.set(headers)
    try:
        yield
    finally:
        _headers.reset(token)


async def _add_headers(request: "httpx.Request") -> None:
    request.headers.update(_headers.get({}))


async def _events(
    first: "ChatResponse | None", rest: "AsyncIterator[ChatResponse]"
) -> AsyncGenerator[ModelEvent, None]:
    """What the chunks say; without :class:`Finished` at the end where the reply is not complete."""
    calls: list[ToolCall] = []
    last: ChatResponse | None = None
    chunk = first
    while chunk is not None:
        message = chunk.message
        if message.thinking:
            yield ReasoningDelta(text=message.thinking)
        if message.content:
            yield TextDelta(text=message.content)
        for call in message.tool_calls or ():
            arguments = json.dumps(dict(call.function.arguments), ensure_ascii=False)
            calls.append(ToolCall(id=f"call_{len(calls)}", name=call.function.name, arguments=arguments))
        last = chunk if chunk.done else last
        # Also after the last one: only a body that was read to its end leaves its connection to the next request.
        chunk = await anext(rest, None)
    if last is None:
        return
    for made in calls:
        yield ToolCallMade(call=made)
    word = last.done_reason or "stop"
    reason = FinishReason.TOOL_CALLS if calls and word == "stop" else _REASONS.get(word, word)
    usage = usage_of(tokens(last.prompt_eval_count), tokens(last.eval_count))
    yield Finished(reason=reason, usage=usage, model=last.model or "")


def _asked(request: ModelRequest) -> dict[str, Any]:
    settings = request.settings
    wants_json = settings.get("response_format") == "json_object"
    asked: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "options": ollama_options(request) or None,
        "think": ollama_think(request),
        "format": request.output_schema or ("json" if wants_json else None),
        "keep_alive": settings.get("keep_alive"),
        "tools": [_tool(tool.name, tool.description, tool.parameters) for tool in request.tools] or None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _message(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        calls = [{"name": call.name, "arguments": _object(call.arguments)} for call in message.tool_calls]
        said["tool_calls"] = [{"function": call} for call in calls]
    if message.role == "tool" and message.name:
        said["tool_name"] = message.name
    return said


def _tool(name: str, description: str, parameters: JsonValue) -> Any:
    """A tool, past a model of the library's that would leave out what it does not know of a schema."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _object(arguments: str) -> dict[str, Any]:
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"arguments": arguments}


def _client(clients: LoopClients, endpoint: Endpoint) -> "AsyncClient":
    """The client for an address.

    Raises:
        AgentError: the library is not installed.
    """
    try:
        import httpx
        from ollama import AsyncClient
    except ImportError as error:
        message = f"ollama needs a library that is not installed: {error}"
        raise AgentError(message, fix=INSTALL_AGENTS, is_retryable=False) from error

    def make() -> AsyncClient:
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=30)
        arguments = options(httpx.AsyncByteStream, timeout, limits)
        arguments["event_hooks"]["request"].append(_add_headers)
        if endpoint.api_key:
            arguments["headers"]["Authorization"] = f"Bearer {endpoint.api_key}"
        client = AsyncClient(endpoint.base_url, **arguments)
        clients.opened(client._client)
        return client

    return clients.get(("client", endpoint), make)
