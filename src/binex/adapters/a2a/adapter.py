"""The adapter for remote agents that speak A2A: ``a2a://host[:port][/path]``."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from binex.adapters.a2a.address import AgentAddress
from binex.adapters.a2a.conversation import Conversation
from binex.adapters.a2a.settings import Settings, faults_of
from binex.adapters.attempt import current_attempt
from binex.adapters.base import NodeUse
from binex.adapters.extras import missing_library
from binex.errors import INSTALL_AGENTS, AgentError, FieldFault, InputError
from binex.models.health import AgentHealth, HealthStatus
from binex.models.limits import Limits
from binex.models.task import Artifact, TaskNode, now

if TYPE_CHECKING:
    from binex.adapters.a2a.card import Cards
    from binex.adapters.a2a.remote import RemoteAgent

_ENVELOPE = 4
"""How many times as long as one output a reply may be: it is encoded, and may bring a history along."""


class A2AAdapter:
    """Gives tasks to agents elsewhere. The libraries that do it are loaded at the first connection."""

    is_answered_by_tape: Final = True

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._cards: Cards | None = None

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:  # noqa: ARG002 - they are among the inputs; no trace is passed on
        """Have the agent do the task, or go on with what an earlier attempt has asked it to do.

        Raises:
            AgentError: it failed, refused, cannot be reached, or answered something else than A2A.
        """
        attempt = current_attempt()
        settings = Settings.said(task.config) if attempt.recorder.is_playing else Settings.of(task.config)
        address = _address_of(task.agent, settings.scheme)
        for secret in settings.secrets:
            attempt.hide(secret)
        connect = partial(self._connect, address, settings, attempt.hide)
        return await Conversation(task, address, settings, attempt, connect).hold()

    def check(self, use: NodeUse) -> Sequence[FieldFault]:
        """What is wrong with the URI and with ``config``; nobody is asked."""
        faults = faults_of(use.config)
        try:
            AgentAddress.of(use.agent)
        except InputError as error:
            faults.append(FieldFault(("agent",), error.message, fix=error.fix))
        return faults

    async def prepare(self, uses: Sequence[NodeUse]) -> Mapping[str, Sequence[FieldFault]]:
        """See that the libraries are there."""
        fault = missing_library("a2a://", "a2a", "httpx")
        return {use.node_id: [fault] for use in uses} if fault else {}

    async def health(self, agent: str) -> AgentHealth:
        """Whether the agent shows its card, and what that says; the agent is given no work."""
        return await self.health_with(agent, {})

    async def health_with(self, agent: str, config: Mapping[str, JsonValue]) -> AgentHealth:
        """The same, with the ``config`` of the node that uses it."""
        began = time.monotonic()
        latency_ms: float | None = None
        try:
            settings = Settings.of(config)
            async with self._connect(_address_of(agent, settings.scheme), settings, _ignore) as found:
                latency_ms = round((time.monotonic() - began) * 1000, 1)
                status, detail = HealthStatus.OK, _described(found, settings)
        except AgentError as error:
            status, detail = HealthStatus.UNREACHABLE, error.message
        return AgentHealth(agent=agent, status=status, detail=detail, latency_ms=latency_ms, checked_at=now())

    @asynccontextmanager
    async def _connect(
        self, address: AgentAddress, settings: Settings, hide: Callable[[str], None]
    ) -> AsyncIterator["RemoteAgent"]:
        if self._cards is None:
            await asyncio.to_thread(_load_libraries)  # which takes long enough to be noticed by other tasks
        from binex.adapters.a2a.card import Cards
        from binex.adapters.a2a.remote import connect

        self._cards = self._cards or Cards()
        most_bytes = _ENVELOPE * self._limits.output_bytes
        async with connect(address, settings, self._cards, most_bytes=most_bytes, hide=hide) as agent:
            yield agent


def _load_libraries() -> None:
    try:
        import binex.adapters.a2a.remote  # noqa: F401 - loads all that is needed
    except ModuleNotFoundError as error:
        raise AgentError(
            f"a2a:// needs a library that is not installed: {error.name}",
            fix=INSTALL_AGENTS,
            is_retryable=False,
        ) from error


def _address_of(agent: str, scheme: str | None) -> AgentAddress:
    try:
        return AgentAddress.of(agent, scheme)
    except InputError as error:
        raise AgentError(error.message, fix=error.fix, is_retryable=False) from None


def _described(agent: "RemoteAgent", settings: Settings) -> str:
    card = agent.card
    skills = card.get("skills")
    count = len(skills) if isinstance(skills, list) else 0
    if not card.get("signatures"):
        signature = "not signed"
    else:
        signature = "signature verified" if settings.card_key is not None else "signature not verified"
    return (
        f"{agent.name} {card.get('version', '')}".rstrip()
        + f", A2A {agent.interface.version or '1.0'} over {agent.interface.binding}"
        + f", {count} skill{'' if count == 1 else 's'}, card {signature}"
    )


def _ignore(_secret: str) -> None: ...
