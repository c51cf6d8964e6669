"""How a model is named: ``llm://provider/model``, where the model's own name may have slashes and colons in it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Self

from binex.errors import InputError

SCHEME: Final = "llm://"
_EXAMPLE: Final = "write llm://provider/model, as in llm://openai/gpt-4o-mini"
_FAMILIES: Final = (
    ("gpt", "openai"),
    ("chatgpt", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("claude", "anthropic"),
    ("gemini", "google"),
    ("gemini", "gemini"),
    ("llama", "ollama"),
    ("mistral", "mistral"),
    ("qwen", "ollama"),
    ("deepseek", "deepseek"),
    ("grok", "xai"),
)


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model of a provider."""

    provider: str
    model: str

    @classmethod
    def of(cls, agent: str, providers: Collection[str] = ()) -> Self:
        """The model that a URI names; *providers* helps to say what was meant by one that names none.

        Raises:
            InputError: it names no provider, or no model.
        """
        if not agent.startswith(SCHEME):
            raise InputError(f"'{agent:.80}' is no model", fix=_EXAMPLE)
        provider, slash, model = agent.removeprefix(SCHEME).partition("/")
        if agent.split() != [agent]:
            raise InputError(f"'{agent:.80}' has blanks in it", fix=_EXAMPLE)
        if not provider:
            raise InputError(f"'{agent:.80}' names no provider", fix=_EXAMPLE)
        if not model:
            if slash or provider in providers:
                raise InputError(f"'{agent:.80}' names no model", fix=f"write {SCHEME}{provider}/<model>")
            raise InputError(f"'{agent:.80}' names no provider", fix=_guess(provider, providers))
        return cls(provider, model)

    @property
    def target(self) -> str:
        """The name as it stands on the tape: ``provider/model``."""
        return f"{self.provider}/{self.model}"


def _guess(model: str, providers: Collection[str]) -> str:
    for start, provider in _FAMILIES:
        if model.lower().startswith(start) and provider in providers:
            return f"write {SCHEME}{provider}/{model}"
    return _EXAMPLE
