"""Which backend speaks to which provider; each is made when it is first asked for, and then kept."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Final

from binex.adapters.base import HoldsResources
from binex.adapters.extras import is_installed
from binex.adapters.llm.naming import ModelName
from binex.adapters.llm.port import ModelBackend
from binex.adapters.llm.providers import ALIASES, PROVIDERS, Family
from binex.errors import InputError, suggest

MOCK: Final = "mock"
_PYDANTIC_AI: Final = "pydantic_ai"
_MOST_NAMES: Final = 256
"""What is asked about models for each attempt is remembered of so many."""


class Backends:
    """Backends by provider. *given* ones, by the name of their provider, go before those that are built in."""

    def __init__(self, given: Mapping[str, ModelBackend] | None = None) -> None:
        self._given = dict(given or {})
        self._known = frozenset({MOCK, *PROVIDERS, *ALIASES, *self._given})
        self._made: dict[str, ModelBackend] = {}
        self.name_of = lru_cache(_MOST_NAMES)(self._name_of)
        self.key_variables = lru_cache(_MOST_NAMES)(self._key_variables)

    def _name_of(self, agent: str) -> ModelName:
        """The model that a URI names, by our name of its provider.

        Raises:
            InputError: it is no URI of a model, or nobody speaks to its provider.
        """
        name = ModelName.of(agent, self._known)
        if name.provider not in self._known:
            message = f"nobody speaks to the provider '{name.provider:.40}'"
            raise InputError(message, fix=suggest(name.provider, self._known, "providers"))
        if name.provider in self._given:
            return name
        return replace(name, provider=ALIASES.get(name.provider, name.provider))

    def backend_for(self, provider: str) -> ModelBackend:
        """The backend of a known provider."""
        if provider in self._given:
            return self._given[provider]
        kind = _kind_of(provider)
        if kind not in self._made:
            self._made[kind] = _make(kind)
        return self._made[kind]

    def _key_variables(self, agents: tuple[str, ...]) -> frozenset[str]:
        """Where the keys of models can be, also where none is needed; names, and never what is in them."""
        providers = {self.name_of(agent).provider for agent in agents}
        expected = [self.backend_for(each).key_variables(each) for each in providers]
        possible = [PROVIDERS[each].key_variables for each in providers if each in PROVIDERS]
        return frozenset(name for names in (*expected, *possible) for name in names)

    async def close(self) -> None:
        """Close every backend that was made here and has something to close."""
        for backend in self._made.values():
            if isinstance(backend, HoldsResources):
                await backend.close()


@cache  # to look for a library is slow, and this is asked for each request
def _kind_of(provider: str) -> str:
    """Who speaks to it. The two large libraries never share an environment: where only LiteLLM is, it does it all."""
    if provider == MOCK:
        return MOCK
    family = PROVIDERS[provider].family
    if family in (Family.OLLAMA, Family.LITELLM):
        return family
    return Family.LITELLM if is_installed("litellm") and not is_installed("pydantic_ai") else _PYDANTIC_AI


def _make(kind: str) -> ModelBackend:
    if kind == MOCK:
        from binex.adapters.llm.mock import MockBackend

        return MockBackend()
    if kind == _PYDANTIC_AI:
        from binex.adapters.llm.pydantic_ai_backend import PydanticAiBackend

        return PydanticAiBackend()
    if kind == Family.LITELLM:
        from binex.adapters.llm.litellm_backend import LitellmBackend

        return LitellmBackend()
    from binex.adapters.llm.ollama_backend import OllamaBackend

    return OllamaBackend()
