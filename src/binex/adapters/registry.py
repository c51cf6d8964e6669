"""Which adapter speaks to which agent: the scheme of the agent's URI decides."""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TypeAlias

from binex.adapters.base import AgentAdapter, HasVersion, HoldsResources, ServesRuns
from binex.errors import InputError, suggest
from binex.models.limits import Limits
from binex.models.settings import ProjectSettings

AdapterFactory: TypeAlias = Callable[[Limits, ProjectSettings], AgentAdapter]

GROUP = "binex.adapters"
"""The entry point group: a package names a scheme and a callable without arguments that makes the adapter."""


def _local(limits: Limits, _: ProjectSettings) -> AgentAdapter:
    from binex.adapters.local import LocalAdapter

    return LocalAdapter(workers=limits.workers)


def _llm(limits: Limits, project: ProjectSettings) -> AgentAdapter:
    from binex.adapters.llm.adapter import LlmAdapter

    return LlmAdapter(limits, prices=project.prices)


def _a2a(limits: Limits, _: ProjectSettings) -> AgentAdapter:
    from binex.adapters.a2a.adapter import A2AAdapter

    return A2AAdapter(limits)


def _human(_limits: Limits, _: ProjectSettings) -> AgentAdapter:
    from binex.adapters.human import HumanAdapter

    return HumanAdapter()


_FIRST_VERSION = "1"
"""The version of a built-in adapter for as long as it names no other."""
_BUILT_IN: Mapping[str, AdapterFactory] = {"local": _local, "llm": _llm, "a2a": _a2a, "human": _human}


class Registry:
    """Adapters by scheme; each is made when it is first asked for, and then kept.

    Built-in schemes win over *given* ones only by being refused: nobody may take their place. Only what *stands_in*
    for a part of this machine while a workflow is tried may, and says so in its version.
    """

    def __init__(
        self,
        given: Mapping[str, AgentAdapter] | None = None,
        *,
        limits: Limits | None = None,
        project: ProjectSettings | None = None,
        stands_in: Mapping[str, AgentAdapter] | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._project = project or ProjectSettings()
        self._adapters: dict[str, AgentAdapter] = dict(given or {})
        taken = sorted(set(self._adapters) & set(_BUILT_IN))
        if taken:
            raise InputError(
                f"an adapter for '{taken[0]}://' is built in and cannot be replaced", fix="use another scheme"
            )
        self._stands_in = dict(stands_in or {})
        self._adapters.update(self._stands_in)
        self._plugins: dict[str, EntryPoint] | None = None

    def adapter_for(self, agent: str) -> AgentAdapter:
        """The adapter of an agent's URI.

        Raises:
            InputError: the URI has no scheme, nobody speaks it, or its adapter cannot be made.
        """
        scheme, separator, _ = agent.partition("://")
        if not separator:
            raise InputError(f"'{agent:.80}' is not an agent's URI", fix="write for example local://module.function")
        if scheme not in self._adapters:
            self._adapters[scheme] = self._make(scheme)
        return self._adapters[scheme]

    def version_of(self, agent: str) -> str:
        """The version of the adapter of an agent's URI: its own, else its package's; empty where there is none."""
        scheme = agent.partition("://")[0]
        adapter = self.adapter_for(agent)
        if isinstance(adapter, HasVersion):
            return str(adapter.version)
        if scheme in _BUILT_IN:
            return _FIRST_VERSION
        plugin = self._plugins.get(scheme) if self._plugins is not None else None
        return plugin.dist.version if plugin is not None and plugin.dist is not None else ""

    async def end_run(self, run_id: str) -> None:
        """Let every adapter that was made give back what it holds for a run that has ended."""
        for adapter in self._adapters.values():
            if isinstance(adapter, ServesRuns):
                await adapter.end_run(run_id)

    async def close(self) -> None:
        """Let every adapter give back what it holds, but for those that stand in: others may be using them as well."""
        for scheme, adapter in self._adapters.items():
            if scheme not in self._stands_in and isinstance(adapter, HoldsResources):
                await adapter.close()

    def _make(self, scheme: str) -> AgentAdapter:
        if scheme in _BUILT_IN:
            return _BUILT_IN[scheme](self._limits, self._project)
        plugin = self._find_plugins().get(scheme)
        if plugin is None:
            raise InputError(f"no adapter for '{scheme:.40}://'", fix=self._known(scheme))
        try:
            adapter = plugin.load()()
        except Exception as error:  # somebody else's code
            raise InputError(
                f"the adapter for '{scheme}://' ({plugin.value}) cannot be loaded: {type(error).__name__}: {error}",
                fix="repair or uninstall the package that brings it",
            ) from error
        if not isinstance(adapter, AgentAdapter):
            raise InputError(f"the adapter for '{scheme}://' ({plugin.value}) has no method 'execute'")
        return adapter

    def _find_plugins(self) -> dict[str, EntryPoint]:
        if self._plugins is None:
            self._plugins = {point.name: point for point in entry_points(group=GROUP) if point.name not in _BUILT_IN}
        return self._plugins

    def _known(self, wrong: str) -> str:
        return suggest(wrong, {*_BUILT_IN, *self._adapters, *self._find_plugins()}, "schemes")
