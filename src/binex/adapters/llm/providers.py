"""The providers of models: which protocol each speaks, where it is, and where its key is expected."""

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
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
    LITELLM = "litellm"
    """Whatever it is, LiteLLM speaks it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What has to be known about a provider before it is asked."""

    family: Family
    base_url: str | None
    """None where each customer has an address of their own, so that `config.api_base` is needed."""
    key_variables: tuple[str, ...] = ()
    """Where there are several, the first that is set counts; without `is_key_needed` they may belong together."""
    base_variables: tuple[str, ...] = ()
    """Where the address may stand instead of `config.api_base`."""
    is_key_needed: bool = True
    has_schemas: bool = True
    """Whether its models can be held to a JSON Schema, as far as that does not depend on the model."""


def _like_openai(base_url: str | None, *key_variables: str, has_schemas: bool = True) -> Provider:
    return Provider(Family.OPENAI, base_url, key_variables, has_schemas=has_schemas)


def _by_litellm(base_url: str | None, *key_variables: str, **more: Any) -> Provider:
    return Provider(Family.LITELLM, base_url, key_variables, has_schemas=False, **more)


_AWS: Final = ("AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
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
    "fireworks": _like_openai("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
    "github": _like_openai("https://models.github.ai/inference", "GITHUB_API_KEY", "GITHUB_TOKEN"),
    "groq": _like_openai("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "moonshot": _like_openai("https://api.moonshot.ai/v1", "MOONSHOTAI_API_KEY", "MOONSHOT_API_KEY"),
    "nebius": _like_openai("https://api.studio.nebius.com/v1", "NEBIUS_API_KEY"),
    "openai-compatible": _like_openai(None, "OPENAI_COMPATIBLE_API_KEY"),
    "openrouter": _like_openai("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "sambanova": _like_openai("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "together": _like_openai("https://api.together.xyz/v1", "TOGETHER_API_KEY", "TOGETHERAI_API_KEY"),
    "xai": _like_openai("https://api.x.ai/v1", "XAI_API_KEY"),
    "ai21": _by_litellm("https://api.ai21.com/studio/v1", "AI21_API_KEY"),
    "azure_ai": _by_litellm(None, "AZURE_AI_API_KEY", base_variables=("AZURE_AI_API_BASE",)),
    "bedrock": _by_litellm("https://bedrock-runtime.amazonaws.com", *_AWS, is_key_needed=False),
    "cloudflare": _by_litellm("https://api.cloudflare.com", "CLOUDFLARE_API_KEY"),
    "codestral": _by_litellm("https://codestral.mistral.ai/v1", "CODESTRAL_API_KEY"),
    "cohere": _by_litellm("https://api.cohere.ai", "COHERE_API_KEY", "CO_API_KEY"),
    "dashscope": _by_litellm("https://dashscope-intl.aliyuncs.com", "DASHSCOPE_API_KEY"),
    "databricks": _by_litellm(None, "DATABRICKS_API_KEY", base_variables=("DATABRICKS_API_BASE",)),
    "deepinfra": _by_litellm("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    "huggingface": _by_litellm("https://router.huggingface.co", "HUGGINGFACE_API_KEY", "HF_TOKEN"),
    "hyperbolic": _by_litellm("https://api.hyperbolic.xyz/v1", "HYPERBOLIC_API_KEY"),
    "meta_llama": _by_litellm("https://api.llama.com/compat/v1", "LLAMA_API_KEY"),
    "minimax": _by_litellm("https://api.minimax.io/v1", "MINIMAX_API_KEY"),
    "mistral": _by_litellm("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "novita": _by_litellm("https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),
    "nvidia_nim": _by_litellm("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    "perplexity": _by_litellm("https://api.perplexity.ai", "PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "replicate": _by_litellm("https://api.replicate.com/v1", "REPLICATE_API_KEY", "REPLICATE_API_TOKEN"),
    "sagemaker": _by_litellm("https://runtime.sagemaker.amazonaws.com", *_AWS[1:], is_key_needed=False),
    "sagemaker_chat": _by_litellm("https://runtime.sagemaker.amazonaws.com", *_AWS[1:], is_key_needed=False),
    "vertex_ai": _by_litellm(
        "https://aiplatform.googleapis.com", "GOOGLE_APPLICATION_CREDENTIALS", is_key_needed=False
    ),
    "volcengine": _by_litellm("https://ark.cn-beijing.volces.com/api/v3", "VOLCENGINE_API_KEY", "ARK_API_KEY"),
    "watsonx": _by_litellm(
        None, "WATSONX_APIKEY", "WATSONX_API_KEY", base_variables=("WATSONX_URL", "WATSONX_API_BASE")
    ),
    "zai": _by_litellm("https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
}

ALIASES: Final = {
    "cohere_chat": "cohere",
    "custom_openai": "openai-compatible",
    "fireworks_ai": "fireworks",
    "hosted_vllm": "openai-compatible",
    "litellm_proxy": "openai-compatible",
    "llamafile": "openai-compatible",
    "lm_studio": "openai-compatible",
    "ollama_chat": "ollama",
    "together_ai": "together",
}
"""What LiteLLM calls providers that have another name here. Only the name differs: everything goes by ours."""


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
    base_url = connection.api_base or known.base_url or _first_set(known.base_variables)
    if not base_url:
        message = f"{provider} is at another address for everyone, and config.api_base does not say which"
        is_like_openai = known.family is Family.OPENAI
        fix = "set config.api_base to the URL that ends in /v1" if is_like_openai else "set config.api_base"
        fix += "".join(f", or {name}" for name in known.base_variables[:1])
        raise AgentError(message, fix=fix, is_retryable=False)
    base_url = _checked(base_url)
    key = connection.api_key or _first_set(known.key_variables)
    if not key and known.is_key_needed and connection.api_base is None:
        names = " or ".join(known.key_variables)
        message = f"there is no key for {provider}: {names} is not set, and the node has no config.api_key"
        raise AuthenticationError(
            message, fix=f"export {known.key_variables[0]}=…, or set config.api_key", is_retryable=False
        )
    return Endpoint(provider, known.family, base_url, key, known.key_variables)


def _first_set(variables: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in variables if os.environ.get(name)), "")


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
