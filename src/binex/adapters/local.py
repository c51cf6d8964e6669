"""The adapter for functions of this machine: ``local://module.function`` and ``local://echo``."""

import os
from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from pathlib import Path

from binex.adapters.base import NodeUse
from binex.adapters.echo import echo
from binex.adapters.local_call import Handler, artifacts_of, load
from binex.adapters.local_failure import contained
from binex.adapters.local_finding import ECHO, SCHEME, LocalName
from binex.adapters.local_process import ProcessCalls
from binex.adapters.local_source import Sources
from binex.adapters.threads import Threads
from binex.errors import AgentError, FieldFault, InputError
from binex.models.agent_settings import Isolation
from binex.models.health import AgentHealth, HealthStatus
from binex.models.task import Artifact, TaskNode, now

_ECHO = SCHEME + ECHO


class LocalAdapter:
    """Calls Python functions: async ones on the loop, plain ones in threads, isolated ones in processes.

    A module is looked for in the workflow's folder first and then in the environment. Arguments come by name
    from the task's inputs; inputs that the function does not take are a fault when the workflow is checked,
    and left out when it runs. A function whose parameters are exactly ``(task, artifacts)`` gets those. A
    class with ``__call__`` is made once, without arguments, and called for every task.
    """

    def __init__(self, *, workers: int = 256) -> None:
        self._threads = Threads(workers)
        self._processes = ProcessCalls(Threads(workers))
        self._sources = Sources()
        self._handlers: dict[tuple[str | None, str], Handler] = {}
        self._folders: dict[str, str] = {}

    @property
    def abandoned(self) -> int:
        """How many functions go on in threads although their tasks have ended."""
        return self._threads.abandoned

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:  # noqa: ARG002 - nothing leaves this machine
        """Call the task's function once.

        Raises:
            AgentError: the function ended its process, or cannot be called at all.
            BadOutputError: what it returned cannot be kept.
        """
        if task.agent == _ECHO:
            return echo(task)
        if task.isolation is Isolation.PROCESS:
            return await self._processes.run(task, self._absolute(task.folder), input_artifacts)
        handler = self._handlers.get((task.folder, task.agent)) or await self._load_now(task)
        if not handler.is_async:
            answer = await self._threads.run(task.path, handler.answer, task, input_artifacts)
            if isinstance(answer, list):
                return answer
        try:
            value = await (handler.call(task, input_artifacts) if handler.is_async else answer)  # type: ignore[misc]
        except (Exception, CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            raise contained(error) from error  # SystemExit and KeyboardInterrupt would end the loop
        return artifacts_of(task, value)

    def check(self, use: NodeUse) -> list[FieldFault]:
        """What the text of the module tells about the use of its function; nothing is imported."""
        if use.agent == _ECHO:
            return []
        try:
            name = LocalName.of(use.agent)
        except InputError as error:
            return [FieldFault(("agent",), error.message, fix=error.fix)]
        folder = self._absolute(use.folder)
        faults = self._sources.faults(name, folder, use.inputs, are_implied=use.are_inputs_implied)
        return [*faults, *_environment_faults(use)]

    async def prepare(self, uses: Sequence[NodeUse]) -> Mapping[str, Sequence[FieldFault]]:
        """Import every module that is used, each once, and look whether the functions take what they will get.

        What is isolated is only imported in its own process, later.
        """
        wanted = {_key(use): use for use in uses if use.agent != _ECHO and not use.is_isolated}
        loaded = await self._threads.run("prepare", self._load_all, list(wanted)) if wanted else {}
        faults: dict[str, Sequence[FieldFault]] = {}
        for use in uses:
            found = loaded.get(_key(use)) if not use.is_isolated else None
            if isinstance(found, FieldFault):
                faults[use.node_id] = [found]
            elif found is not None and found.parameters is not None:
                wrong = found.parameters.faults(found.name, use.inputs, are_implied=use.are_inputs_implied)
                if wrong:
                    faults[use.node_id] = wrong
        self._handlers.update({key: found for key, found in loaded.items() if isinstance(found, Handler)})
        return faults

    def fingerprint(self, use: NodeUse) -> str | None:
        """The hash of the function's module and of what it imports from the workflow's folder."""
        folder = self._absolute(use.folder)
        if use.agent == _ECHO or folder is None:
            return None
        try:
            return self._sources.hash_of(LocalName.of(use.agent).module, folder)
        except InputError:
            return None

    async def health(self, agent: str) -> AgentHealth:
        """Whether the function is there, in a folder that was asked about before or in the environment."""
        status, detail = HealthStatus.OK, "built in"
        if agent != _ECHO:
            try:
                name = LocalName.of(agent)
            except InputError as error:
                status, detail = HealthStatus.UNREACHABLE, error.message
            else:
                places = [*self._folders.values(), None]
                faults = {place: self._sources.faults(name, place, None) for place in places}
                found = [place for place in places if not faults[place]]
                status = HealthStatus.OK if found else HealthStatus.UNREACHABLE
                detail = f"found in {found[0] or 'the environment'}" if found else faults[places[0]][0].message
        return AgentHealth(agent=agent, status=status, detail=detail, checked_at=now())

    async def _load_now(self, task: TaskNode) -> Handler:
        key = (task.folder, task.agent)
        loaded = await self._threads.run(task.path, self._load_all, [key])
        found = loaded[key]
        if isinstance(found, FieldFault):
            raise AgentError(found.message, fix=found.fix, is_retryable=False)
        self._handlers[key] = found
        return found

    def _load_all(self, keys: list[tuple[str | None, str]]) -> dict[tuple[str | None, str], Handler | FieldFault]:
        loaded: dict[tuple[str | None, str], Handler | FieldFault] = {}
        for folder, agent in keys:
            try:
                loaded[folder, agent] = load(LocalName.of(agent), self._absolute(folder), self._sources)
            except InputError as error:
                loaded[folder, agent] = FieldFault(("agent",), error.message, fix=error.fix)
        return loaded

    def _absolute(self, folder: str | Path | None) -> str | None:
        """The folder's absolute path, as it was when it was first asked for: a function may change directories."""
        if folder is None:
            return None
        given = str(folder)
        known = self._folders.get(given)
        if known is None:
            known = self._folders[given] = os.path.abspath(given)  # noqa: PTH100 - links stay as they are
        return known


def _key(use: NodeUse) -> tuple[str | None, str]:
    return (None if use.folder is None else str(use.folder), use.agent)


def _environment_faults(use: NodeUse) -> list[FieldFault]:
    """What is wrong with `config.env`, which names the variables that an isolated function may see."""
    names = use.config.get("env")
    if names is None or (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        return []
    return [FieldFault(("config", "env"), "'env' must be a list of names of environment variables", fix="env: [NAME]")]
