"""LiteLLM as a library that does nothing but speak to providers: no telemetry, no log, no files of settings."""

import asyncio
import logging
import os
import warnings
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from binex.adapters.llm.http_clients import loop_clients
from binex.errors import INSTALL_LITELLM, AgentError

_ENVIRONMENT: Final = {
    "LITELLM_MODE": "PRODUCTION",  # else it reads a .env file into our environment
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
}
"""Read when it is imported, and when it first looks something up: what it would fetch comes with the package too."""
_SWITCHES: Final = {
    "telemetry": False,
    "suppress_debug_info": True,
    "turn_off_message_logging": True,
    "disable_hf_tokenizer_download": True,
    "disable_aiohttp_transport": True,  # with httpx what is behind a failure can be told apart
    "drop_params": False,
    "num_retries": 0,
}
_loaded: Final[list[ModuleType]] = []


async def litellm() -> Any:
    """The library, whose clients of the running loop are closed when the loop ends.

    Raises:
        AgentError: it is not installed.
    """
    if not _loaded:
        try:
            _loaded.append(await asyncio.to_thread(_load))
        except ImportError as error:
            message = f"a package that LiteLLM needs is not installed: {error}"
            raise AgentError(message, fix=INSTALL_LITELLM, is_retryable=False) from error
    clients = await loop_clients()
    clients.get("litellm", lambda: clients.opened(_ClientsOfLoop(_loaded[0])))
    return _loaded[0]


def _load() -> ModuleType:
    """Import it, which takes seconds."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    module = import_module("litellm")
    for name, switch in _SWITCHES.items():
        setattr(module, name, switch)
    warnings.filterwarnings("ignore", message=".*using the `ReadOnly` qualifier")  # given where it describes Cohere
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL + 1)  # what goes wrong is raised as well
    return module


class _ClientsOfLoop:
    """LiteLLM's HTTP clients of the running loop: it keeps them by names that end in the loop's id."""

    def __init__(self, module: Any) -> None:
        self._cache = module.in_memory_llm_clients_cache
        self._end = f"-{id(asyncio.get_running_loop())}"

    async def aclose(self) -> None:
        for name in [name for name in self._cache.cache_dict if name.endswith(self._end)]:
            client = self._cache.cache_dict.pop(name)
            close = getattr(client, "close", None) or getattr(client, "aclose", None)
            if close is not None:
                await close()
