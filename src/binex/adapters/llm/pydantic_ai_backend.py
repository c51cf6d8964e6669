"""Models of OpenAI, Anthropic, Google and all who speak like OpenAI, through pydantic-ai and the vendors' libraries."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from importlib import import_module
from typing import ClassVar, Final, Protocol, cast

from pydantic import JsonValue

from binex.adapters.llm.checked_events import checked
from binex.adapters.llm.failures import failure_of
from binex.adapters.llm.http_clients import LoopClients, loop_clients
from binex.adapters.llm.port import Connection, ModelEvent, ModelRequest
from binex.adapters.llm.providers import PROVIDERS, Endpoint, Family, endpoint_of
from binex.adapters.llm.reply import Reply, watching
from binex.adapters.llm.settings_tables import refuse_faulty, settings_faults
from binex.errors import INSTALL_AGENTS, AgentError, FieldFault

_MODULES: Final = {
    Family.OPENAI: "binex.adapters.llm.families.openai_chat",
    Family.ANTHROPIC: "binex.adapters.llm.families.anthropic_messages",
    Family.GOOGLE: "binex.adapters.llm.families.google_content",
}
_WITHOUT_SCHEMAS: Final = {
    Family.OPENAI: ("gpt-3.5", "gpt-4-", "o1-mini", "o1-preview"),
    Family.ANTHROPIC: (
        *("claude-2", "claude-3", "claude-instant", "claude-4-", "claude-opus-4-0", "claude-sonnet-4-0"),
        *("claude-opus-4-2025", "claude-sonnet-4-2025"),
    ),
    Family.GOOGLE: ("gemini-1.0", "gemini-pro"),
}
"""How the names of the models begin that cannot be held to a schema; all that came later can."""


class _Chunks(Protocol):
    chunks: AsyncIterator[object]


class _FamilyModule(Protocol):
    """What each module of `families` has."""

    open_reply: Callable[[LoopClients, Endpoint, ModelRequest, Connection], AbstractAsyncContextManager[_Chunks]]
    events: Callable[[AsyncIterator[object]], AsyncGenerator[ModelEvent, None]]

    async def model_names(self, clients: LoopClients, endpoint: Endpoint, connection: Connection) -> list[str]: ...


class PydanticAiBackend:
    """A :class:`~binex.adapters.llm.port.ModelBackend`. Holds nothing of a node between two requests."""

    providers: ClassVar[tuple[str, ...]] = tuple(name for name, one in PROVIDERS.items() if one.family in _MODULES)
    libraries: tuple[str, ...] = ("pydantic_ai", "genai_prices")

    def faults(self, provider: str, model: str, settings: Mapping[str, JsonValue]) -> list[FieldFault]:  # noqa: ARG002 - what a model takes is for its provider to say
        """What is wrong with a node's settings, by the table of the provider's protocol."""
        return settings_faults(provider, settings)

    def has_structured_output(self, provider: str, model: str) -> bool:
        """Whether the provider holds the model to a schema."""
        known = PROVIDERS[provider]
        is_older = model.startswith(_WITHOUT_SCHEMAS[known.family]) or model == "gpt-4"
        return known.has_schemas and not is_older

    def key_variables(self, provider: str) -> tuple[str, ...]:
        """Where the key is expected."""
        return PROVIDERS[provider].key_variables

    async def load(self, provider: str) -> None:
        """Load what speaks to a provider, so that the first request need not wait for it."""
        await _family(provider, PROVIDERS[provider].family)

    async def stream(self, request: ModelRequest, connection: Connection) -> AsyncIterator[ModelEvent]:
        """Ask once; see the port. One that is left before its end has to be closed, as by `aclosing`."""
        refuse_faulty(request.provider, request.settings)
        endpoint = endpoint_of(request.provider, connection)
        family, clients, reply = await _family(endpoint.provider, endpoint.family), await loop_clients(), Reply()
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(reply.aclose)
                with watching(reply):
                    raw = await stack.enter_async_context(family.open_reply(clients, endpoint, request, connection))
                events = await stack.enter_async_context(aclosing(family.events(raw.chunks)))
                async for event in await stack.enter_async_context(aclosing(checked(events, endpoint, reply))):
                    yield event
        except Exception as error:
            raise failure_of(error, endpoint, request.model, reply) from error

    async def list_models(self, provider: str, connection: Connection) -> list[str] | None:
        """What the provider lists."""
        endpoint = endpoint_of(provider, connection)
        family, clients, reply = await _family(endpoint.provider, endpoint.family), await loop_clients(), Reply()
        try:
            with watching(reply):
                return await family.model_names(clients, endpoint, connection)
        except Exception as error:
            raise failure_of(error, endpoint, "", reply) from error

    async def close(self) -> None:
        """Close the connections of the running loop now; when the loop ends that happens by itself."""
        await (await loop_clients()).close()


_loaded: Final[dict[Family, _FamilyModule]] = {}


async def _family(provider: str, family: Family) -> _FamilyModule:
    """The module of a protocol, which brings the vendor's library with it: a second or more, in a thread.

    Raises:
        AgentError: the library is not installed.
    """
    if family in _loaded:
        return _loaded[family]
    try:
        module = await asyncio.to_thread(import_module, _MODULES[family])
    except ImportError as error:
        message = f"{provider} needs a library that is not installed: {error}"
        raise AgentError(message, fix=INSTALL_AGENTS, is_retryable=False) from error
    return _loaded.setdefault(family, cast(_FamilyModule, module))
