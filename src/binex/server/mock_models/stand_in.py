"""Scripted models in the place of real ones: the same requests over the same libraries, to another address.

A run that was made so says it: the version of its adapter for models is :data:`VERSION`, which also keeps what it
made from ever being recalled by a run with real models; every reply names its model as scripted, and costs nothing.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Final, cast
from urllib.parse import quote

from pydantic import JsonValue

from binex.adapters.base import AgentDescription
from binex.adapters.llm.adapter import LlmAdapter, NeedsLibrary
from binex.adapters.llm.backends import MOCK, Backends
from binex.adapters.llm.naming import ModelName
from binex.adapters.llm.port import Connection, Finished, ModelBackend, ModelEvent, ModelRequest
from binex.adapters.llm.providers import NO_KEY, PROVIDERS, Family
from binex.adapters.llm.settings import usable_settings
from binex.errors import FieldFault
from binex.models.call import Spend
from binex.models.health import AgentHealth, HealthStatus
from binex.models.limits import Limits
from binex.models.task import now
from binex.server.mock_models.server import ATTEMPT, RUN, TASK, ModelServer

VERSION: Final = "1 with scripted models"
_ANYBODY: Final = "openai-compatible"
_SPOKEN: Final = (Family.OPENAI, Family.ANTHROPIC)


class ScriptedAdapter(LlmAdapter):
    """The adapter for models, with every provider's models on one server of ours."""

    version: Final = VERSION

    def __init__(self, server: ModelServer, limits: Limits) -> None:
        backend = _Pointed(server)
        super().__init__(limits, dict.fromkeys(PROVIDERS, backend))
        self._server = server

    async def health_with(self, agent: str, config: Mapping[str, JsonValue]) -> AgentHealth:
        """What stands in for a model is always there."""
        if ModelName.of(agent).provider == MOCK:
            return await super().health_with(agent, config)
        detail = f"scripted, at {self._server.origin}"
        return AgentHealth(agent=agent, status=HealthStatus.OK, detail=detail, checked_at=now())

    def describe(self, agent: str, config: Mapping[str, JsonValue]) -> AgentDescription:
        """Where the stand-in is; it costs nothing, and no key is expected."""
        if ModelName.of(agent).provider == MOCK:
            return super().describe(agent, config)
        return AgentDescription(address=self._server.origin, price="nothing: it is scripted")

    def price_of(self, agent: str, spend: Spend) -> float | None:  # noqa: ARG002 - whatever it is
        """Nothing."""
        return 0.0


class _Pointed:
    """Asks the scripted server whatever a provider would have been asked; keys and headers of a node stay here."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._real = Backends()
        speaking = self._real.backend_for(_ANYBODY)
        self.libraries = speaking.libraries if isinstance(speaking, NeedsLibrary) else ()

    def faults(self, provider: str, model: str, settings: Mapping[str, JsonValue]) -> list[FieldFault]:
        """What would be wrong with the real provider as well."""
        return self._real.backend_for(provider).faults(provider, model, settings)

    def has_structured_output(self, provider: str, model: str) -> bool:
        """As the real provider."""
        return self._real.backend_for(provider).has_structured_output(provider, model)

    def key_variables(self, provider: str) -> tuple[str, ...]:  # noqa: ARG002
        """None: no key is needed."""
        return ()

    def estimate_cost(self, connection: Connection) -> float | None:  # noqa: ARG002
        """Nothing."""
        return 0.0

    async def load(self, provider: str) -> None:
        """Load the library that speaks to the server."""
        spoken = _spoken(provider)
        backend = self._real.backend_for(spoken)
        if isinstance(backend, NeedsLibrary):
            await backend.load(spoken)

    async def stream(self, request: ModelRequest, connection: Connection) -> AsyncIterator[ModelEvent]:
        """Ask the server."""
        spoken = _spoken(request.provider)
        backend = self._real.backend_for(spoken)
        if spoken != request.provider:
            settings = usable_settings(request.settings, backend, spoken, request.model)
            request = request.model_copy(update={"provider": spoken, "settings": settings})
        events = cast(AsyncGenerator[ModelEvent], backend.stream(request, self._connection(spoken, connection)))
        async with aclosing(events):
            async for event in events:
                yield event.model_copy(update={"cost_usd": 0.0}) if isinstance(event, Finished) else event

    async def list_models(self, provider: str, connection: Connection) -> list[str] | None:
        """What the server lists."""
        spoken = _spoken(provider)
        backend: ModelBackend = self._real.backend_for(spoken)
        return await backend.list_models(spoken, self._connection(spoken, connection))

    def _connection(self, spoken: str, connection: Connection) -> Connection:
        server, options = self._server, connection.options
        is_anthropic = PROVIDERS[spoken].family is Family.ANTHROPIC
        headers = {
            RUN: quote(str(options.get("run", ""))),
            TASK: quote(str(options.get("task", ""))),
            ATTEMPT: str(options.get("attempt", 1)),
        }
        return Connection(server.anthropic_url if is_anthropic else server.openai_url, NO_KEY, headers)


def _spoken(provider: str) -> str:
    """Under which provider's name the server is asked: the own one where that speaks a protocol of the server's."""
    return provider if PROVIDERS[provider].family in _SPOKEN else _ANYBODY
