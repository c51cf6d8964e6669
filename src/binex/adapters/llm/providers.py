"""The providers of models: which protocol each speaks, where it is, and where its key is expected."""

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from binex.adapters.llm.port import Connection
from binex.errors import AgentError, AuthenticationError

NO_KEY: Final = "no-key"
"""What is sent where a server of one's own needs no key, and the protocol's library wants one."""


class Family(StrEnum):
    """A protocol."""

    OPENAI = "openai"
    """Chat completions."""
    ANTHROPIC = "anthropic"
    """Messages."""
    GOOGLE = "google"
    """Generate content."""
    OLLAMA = "ollama"
    """Ollama's own chat."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What has to be known about a provider before it is asked."""

    family: Family
    base_url: str | None
    """None where each customer has an address of their own, so that `config.api_base` is needed."""
    key_variables: tuple[str, ...] = ()
    is_key_needed: bool = True
    has_schemas: bool = True
    """Whether its models can be held to a JSON Schema, as far as that does not depend on the model."""


def _like_openai(base_url: str | None, *key_variables: str, has_schemas: bool = True) -> Provider:
    return Provider(Family.OPENAI, base_url, key_variables, has_schemas=has_schemas)


_GOOGLE: Final = Provider(
    Family.GOOGLE, "https://generativelanguage.googleapis.com", ("GEMINI_API_KEY", "GOOGLE_API_KEY")
)

PROVIDERS: Final[dict[str, Provider]] = {
    "openai": _like_openai("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "anthropic": Provider(Family.ANTHROPIC, "https://api.anthropic.com", ("ANTHROPIC_API_KEY",)),
    "gemini": _GOOGLE,
    "google": _GOOGLE,
    "ollama": Provider(Family.OLLAMA, "http://127.0.0.1:11434", ("OLLAMA_API_KEY",), is_key_needed=False),
    "azure": _like_openai(None, "AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
    "cerebras": _like_openai("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "deepseek": _like_openai("https://api.deepseek.com", "DEEPSEEK_API_KEY", has_schemas=False),
    "fireworks": _like_openai("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "github": _like_openai("https://models.github.ai/inference", "GITHUB_API_KEY", "GITHUB_TOKEN"),
    "groq": _like_openai("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "moonshot": _like_openai("https://api.moonshot.ai/v1", "MOONSHOTAI_API_KEY", "MOONSHOT_API_KEY"),
    "nebius": _like_openai("https://api.studio.nebius.com/v1", "NEBIUS_API_KEY"),
    "openai-compatible": _like_openai(None, "OPENAI_COMPATIBLE_API_KEY"),
    "openrouter": _like_openai("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "sambanova": _like_openai("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "together": _like_openai("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "xai": _like_openai("https://api.x.ai/v1", "XAI_API_KEY"),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one request goes, and with which key."""

    provider: str
    family: Family
    base_url: str
    api_key: str = field(repr=False)
    key_variables: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """Who is asked, with the port where it is not the usual one."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2] or self.base_url

    @property
    def is_customised(self) -> bool:
        """Whether it is another address than the provider's own."""
        return self.base_url != PROVIDERS[self.provider].base_url


def endpoint_of(provider: str, connection: Connection) -> Endpoint:
    """Where a request goes.

    Raises:
        AuthenticationError: there is no key, and the provider wants one.
        AgentError: the provider has no address of its own, and none was given, or it is no address.
    """
    known = PROVIDERS[provider]
    base_url = connection.api_base or known.base_url
    if base_url is None:
        message = f"{provider} is at another address for everyone, and config.api_base does not say which"
        raise AgentError(message, fix="set config.api_base to the URL that ends in /v1", is_retryable=False)
    base_url = _checked(base_url)
    key = connection.api_key or next((os.environ[name] for name in known.key_variables if os.environ.get(name)), "")
    if not key and known.is_key_needed and connection.api_base is None:
        names = " or ".join(known.key_variables)
        message = f"there is no key for {provider}: {names} is not set, and the node has no config.api_key"
        raise AuthenticationError(
            message, fix=f"export {known.key_variables[0]}=…, or set config.api_key", is_retryable=False
        )
    return Endpoint(provider, known.family, base_url, key, known.key_variables)


def _checked(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        message = f"config.api_base is no address: {base_url!r:.200}"
        raise AgentError(message, fix="write it as https://host/path", is_retryable=False)
    return base_url.rstrip("/")
