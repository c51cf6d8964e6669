"""Which backend speaks to which provider; each is made when it is first asked for, and then kept."""

from collections.abc import Mapping
from typing import Final

from binex.adapters.base import HoldsResources
from binex.adapters.llm.naming import ModelName
from binex.adapters.llm.port import ModelBackend
from binex.adapters.llm.providers import PROVIDERS, Family
from binex.errors import InputError, suggest

MOCK: Final = "mock"


class Backends:
    """Backends by provider. *given* ones, by the name of their provider, go before those that are built in."""

    def __init__(self, given: Mapping[str, ModelBackend] | None = None) -> None:
        self._given = dict(given or {})
        self._known = frozenset({MOCK, *PROVIDERS, *self._given})
        self._made: dict[str, ModelBackend] = {}

    def name_of(self, agent: str) -> ModelName:
        """The model that a URI names.

        Raises:
            InputError: it is no URI of a model, or nobody speaks to its provider.
        """
        name = ModelName.of(agent, self._known)
        if name.provider not in self._known:
            message = f"nobody speaks to the provider '{name.provider:.40}'"
            raise InputError(message, fix=suggest(name.provider, self._known, "providers"))
        return name

    def backend_for(self, provider: str) -> ModelBackend:
        """The backend of a known provider."""
        if provider in self._given:
            return self._given[provider]
        kind = provider if provider == MOCK or PROVIDERS[provider].family is Family.OLLAMA else "others"
        if kind not in self._made:
            self._made[kind] = _make(kind)
        return self._made[kind]

    async def close(self) -> None:
        """Close every backend that was made here and has something to close."""
        for backend in self._made.values():
            if isinstance(backend, HoldsResources):
                await backend.close()


def _make(kind: str) -> ModelBackend:
    if kind == MOCK:
        from binex.adapters.llm.mock import MockBackend

        return MockBackend()
    if kind == "others":
        from binex.adapters.llm.pydantic_ai_backend import PydanticAiBackend

        return PydanticAiBackend()
    from binex.adapters.llm.ollama_backend import OllamaBackend

    return OllamaBackend()
