"""The adapter for models: ``llm://provider/model``."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from time import monotonic
from typing import Final, Protocol, runtime_checkable

from pydantic import JsonValue

from binex.adapters.attempt import current_attempt
from binex.adapters.base import AgentDescription, NodeUse
from binex.adapters.extras import missing_library
from binex.adapters.llm.backends import MOCK, Backends
from binex.adapters.llm.exchange import Exchange
from binex.adapters.llm.messages import opening_messages
from binex.adapters.llm.models import Models
from binex.adapters.llm.naming import ModelName
from binex.adapters.llm.port import Connection, ModelBackend
from binex.adapters.llm.providers import PROVIDERS, Family, Provider
from binex.adapters.llm.rounds import Conversation, Toolbox
from binex.adapters.llm.settings import NodeSettings, read_settings, settings_faults, without_faulty
from binex.adapters.llm.structured import Shape
from binex.errors import AgentError, AuthenticationError, FieldFault, InputError
from binex.models.call import Spend, Usage
from binex.models.health import AgentHealth, HealthStatus
from binex.models.limits import Limits
from binex.models.settings import Rates
from binex.models.task import Artifact, TaskNode, now

_HEALTH_S: Final = 5.0


@runtime_checkable
class ReadsFiles(Protocol):
    """A backend that reads something of the workflow's folder before a run begins."""

    def prepare(self, config: Mapping[str, JsonValue], folder: str | None) -> list[FieldFault]: ...


@runtime_checkable
class NeedsLibrary(Protocol):
    """A backend that speaks through libraries which may not be installed, and take a second to load."""

    libraries: tuple[str, ...]

    async def load(self, provider: str) -> None: ...


class LlmAdapter:
    """Asks models. Nothing of one node is kept for another.

    *backends* stand for the providers that they are named by; *prices* are the project's own.
    """

    is_answered_by_tape: Final = True

    def __init__(
        self,
        limits: Limits,
        backends: Mapping[str, ModelBackend] | None = None,
        *,
        prices: Mapping[str, Rates] | None = None,
    ) -> None:
        self._limits = limits
        self._prices = prices or {}
        self._has_used_tools = False
        self._backends = Backends(backends)
        self._exchange = Exchange(limits.output_bytes, self._prices)

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:  # noqa: ARG002 - what a model is told are the task's inputs
        """Ask the task's model, and let it use its tools, until there is an answer that fits.

        Raises:
            RemoteError: neither the model nor any that stands in for it could be had.
            SchemaError: the answer does not fit, whatever was tried.
            BudgetError: the budget does not allow a request.
        """
        settings = self._settings_of(task)
        models = Models(task, settings, self._backends, self._exchange)
        for secret in (*settings.secrets, *(os.environ.get(name, "") for name in models.key_variables)):
            if secret:
                current_attempt().hide(secret)
        shape = Shape.of(task)
        async with self._toolbox_of(task) as toolbox:
            talk = Conversation(models, opening_messages(task), shape, toolbox, settings.max_tool_rounds)
            value = await talk.answer(task.repair)
        return shape.artifacts(task, value)

    def check(self, use: NodeUse) -> list[FieldFault]:
        """What is wrong with the model's name, with the settings, and whether there is anything to ask."""
        try:
            name = self._backends.name_of(use.agent)
        except InputError as error:
            return [FieldFault(("agent",), error.message, error.fix)]
        backend = self._backends.backend_for(name.provider)
        faults = list(settings_faults(use.config, backend, name.provider, name.model))
        known = PROVIDERS.get(name.provider)
        is_ours = known is not None and known.family is not Family.LITELLM
        if known is not None and is_ours and known.base_url is None and not _is_placed(use.config, known):
            message = f"{name.provider} is at another address for everyone, and config.api_base does not say where"
            faults.append(FieldFault(("agent",), message, 'add config: {api_base: "https://…"}'))
        if not use.inputs and not use.has_instructions:
            message = "there is nothing to ask the model: neither 'inputs' nor 'messages'"
            faults.append(FieldFault(("agent",), message, 'add for example inputs: {topic: "${user.topic}"}'))
        return faults

    async def prepare(self, uses: Sequence[NodeUse]) -> Mapping[str, Sequence[FieldFault]]:
        """Load the libraries and the prices of models, so that no deadline pays for it, and the scripts of others."""
        faults: dict[str, Sequence[FieldFault]] = {}
        loading: dict[str, NeedsLibrary] = {}
        for use in uses:
            provider = self._backends.name_of(use.agent).provider
            backend = self._backends.backend_for(provider)
            if isinstance(backend, NeedsLibrary):
                loading[provider] = backend
                if fault := missing_library(use.agent, *backend.libraries):
                    faults[use.node_id] = [fault]
            if isinstance(backend, ReadsFiles):
                folder = None if use.folder is None else str(use.folder)
                found = await asyncio.to_thread(backend.prepare, use.config, folder)
                if found:
                    faults[use.node_id] = found
        if loading and not faults:
            from binex.adapters.llm.prices import load_table

            await asyncio.to_thread(load_table)
            for provider, loaded in loading.items():
                await loaded.load(provider)
        return faults

    async def health(self, agent: str) -> AgentHealth:
        """Whether the provider can be reached with the key that is in the environment, and has the model."""
        return await self.health_with(agent, {})

    async def health_with(self, agent: str, config: Mapping[str, JsonValue]) -> AgentHealth:
        """The same for a node, whose config may say where the provider is and what its key is."""
        began = monotonic()
        latency_ms = None
        settings = read_settings(config)
        try:
            name = self._backends.name_of(agent)
            backend = self._backends.backend_for(name.provider)
            known = PROVIDERS.get(name.provider)
            if known is not None and known.base_url is None and settings.api_base is None:
                detail = f"{name.provider} is at another address for everyone, which stands in the node's config"
                return AgentHealth(agent=agent, status=HealthStatus.UNKNOWN, detail=detail, checked_at=now())
            connection = Connection(settings.api_base, settings.api_key, settings.headers)
            async with asyncio.timeout(_HEALTH_S):
                models = await backend.list_models(name.provider, connection)
            latency_ms = round((monotonic() - began) * 1000, 1)
            status, detail = _judge(name, models)
        except TimeoutError:
            status, detail = HealthStatus.UNREACHABLE, f"no answer in {_HEALTH_S:g} s"
        except AuthenticationError as error:
            status, detail = HealthStatus.UNREACHABLE, self._advice_on_key(agent) or error.message
        except (AgentError, InputError) as error:
            status, detail = HealthStatus.UNREACHABLE, error.message
        return AgentHealth(agent=agent, status=status, detail=detail, latency_ms=latency_ms, checked_at=now())

    def describe(self, agent: str, config: Mapping[str, JsonValue]) -> AgentDescription:
        """What a model costs, and where its key is expected."""
        from binex.adapters.llm.describing import describe_model

        name = self._backends.name_of(agent)
        return describe_model(name, self._backends.backend_for(name.provider), config, self._prices)

    def price_of(self, agent: str, spend: Spend) -> float | None:
        """What a model would take for the tokens of *spend*."""
        from binex.adapters.llm.prices import price_of

        name = self._backends.name_of(agent)
        usage = Usage(
            input_tokens=spend.input_tokens,
            output_tokens=spend.output_tokens,
            cached_tokens=spend.cached_tokens,
            reasoning_tokens=spend.reasoning_tokens,
        )
        return price_of(name.provider, name.model, usage, now(), own=self._prices)[0]

    async def end_run(self, run_id: str) -> None:
        """End the MCP servers that the run's models have used."""
        if self._has_used_tools:
            from binex.adapters.tools.toolbox import close_servers

            await close_servers(run_id)

    async def close(self) -> None:
        """Give back the connections that were kept open."""
        await self._backends.close()

    def _toolbox_of(self, task: TaskNode) -> AbstractAsyncContextManager[Toolbox | None]:
        if not task.tools:
            return nullcontext()
        from binex.adapters.tools.toolbox import open_toolbox

        self._has_used_tools = True
        return open_toolbox(task, output_bytes=self._limits.output_bytes)

    def _settings_of(self, task: TaskNode) -> NodeSettings:
        """The task's settings, now that their references are filled in; some may not be, where a tape answers."""
        try:
            name = self._backends.name_of(task.agent)
        except InputError as error:
            raise AgentError(error.message, fix=error.fix, is_retryable=False) from None
        if current_attempt().recorder.is_playing:
            return read_settings(without_faulty(task.config))
        backend = self._backends.backend_for(name.provider)
        for fault in settings_faults(task.config, backend, name.provider, name.model):
            raise AgentError(f"{'.'.join(map(str, fault.path))}: {fault.message}", fix=fault.fix, is_retryable=False)
        return read_settings(task.config)

    def _advice_on_key(self, agent: str) -> str | None:
        """Which variable to set, where none is; never what is in one."""
        provider = self._backends.name_of(agent).provider
        names = self._backends.backend_for(provider).key_variables(provider)
        return f"set {names[0]}" if names and not any(os.environ.get(name) for name in names) else None


def _is_placed(config: Mapping[str, JsonValue], provider: Provider) -> bool:
    """Whether it is known where a provider is that has no address of its own."""
    return "api_base" in config or any(os.environ.get(name) for name in provider.base_variables)


def _judge(name: ModelName, models: list[str] | None) -> tuple[HealthStatus, str]:
    if name.provider == MOCK:
        return HealthStatus.OK, "a scripted model, built in"
    if models is None:
        return HealthStatus.UNKNOWN, f"{name.provider} does not tell which models it has"
    if name.model in models or f"{name.model}:latest" in models:
        return HealthStatus.OK, f"{name.provider} has it, among {len(models):,} models"
    return HealthStatus.DEGRADED, f"{name.provider} answers, and has no model '{name.model:.80}'"
