"""Whom a workflow talks to: agents, models that stand in for others, and tools."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, cast

from pydantic import JsonValue

from binex.adapters.base import AgentDescription, DescribesAgents, ReportsHealth, ReportsHealthOfNodes
from binex.adapters.registry import Registry
from binex.errors import BinexError
from binex.graph.dag import DAG, PlannedNode
from binex.graph.reference import Reference, Source, Template
from binex.models.agent_settings import McpServer
from binex.models.base import Model
from binex.models.health import AgentHealth, HealthStatus
from binex.models.task import now
from binex.models.workflow import WorkflowSpec
from binex.tape.redaction import Redactor

PATIENCE_S: Final = 5.0
"""How long an agent may take to show that it is there."""

_MCP: Final = "mcp://"
_NOTHING_KNOWN: Final = AgentDescription()
_VARIABLE: Final = re.compile(r"\$\{(?:env|secret)\.([A-Za-z0-9_-]+)")
_keys: Final = Redactor(())


class Role(StrEnum):
    """What an agent is for a node."""

    AGENT = "agent"
    FALLBACK = "fallback"
    """It is asked where the agent cannot be had."""
    ESCALATION = "escalation"
    """It is asked where the agent's answers do not fit."""
    TOOL = "tool"
    """The agent may use it."""


class AgentUse(Model):
    """A node that talks to an agent."""

    node: str
    role: Role


class KeyPlace(Model):
    """Where a key is expected; never the key."""

    variables: tuple[str, ...]
    """Environment variables, of which one is enough."""
    is_set: bool


class AgentEntry(Model):
    """One agent of a workflow."""

    agent: str
    """Its URI."""
    uses: tuple[AgentUse, ...]
    price: str = ""
    """What it costs, in words; empty where it costs nothing that is known of."""
    address: str = ""
    """Where it is, where the workflow says so."""
    keys: tuple[KeyPlace, ...] = ()
    health: AgentHealth | None = None
    """How it answers; None where it was not asked."""

    @property
    def is_usable(self) -> bool:
        """Whether nothing is known to stand in the way of using it."""
        is_there = self.health is None or self.health.status is not HealthStatus.UNREACHABLE
        return is_there and all(key.is_set for key in self.keys)


class AgentList(Model):
    """What `binex agents --json` prints."""

    workflow: str
    agents: tuple[AgentEntry, ...]
    """In the order in which the workflow names them."""

    @property
    def is_usable(self) -> bool:
        """Whether all of them can be used, as far as is known."""
        return all(entry.is_usable for entry in self.agents)


@dataclass(slots=True)
class _Found:
    """One agent, while the workflow is read."""

    uses: list[AgentUse] = field(default_factory=list)
    description: AgentDescription = _NOTHING_KNOWN
    variables: dict[tuple[str, ...], None] = field(default_factory=dict)
    ask: Callable[[], Awaitable[AgentHealth]] | None = None


class Agents:
    """All agents of one workflow. Nothing is connected to until :meth:`check`."""

    def __init__(self, spec: WorkflowSpec, dag: DAG, registry: Registry, environ: Mapping[str, str]) -> None:
        self._spec = spec
        self._folder = spec.source.folder if spec.source is not None else None
        self._registry = registry
        self._environ = environ
        self._found: dict[str, _Found] = {}
        for node in dag.nodes.values():
            for agent, role in _agents_of(node):
                self._note(agent, role, node)

    def list(self) -> AgentList:
        """What is known by reading alone."""
        return self._with_health({})

    async def check(self, patience_s: float = PATIENCE_S) -> AgentList:
        """The same, with how each of them answers; all are asked at the same time, and have that long."""
        asked = {agent: found.ask for agent, found in self._found.items() if found.ask is not None}
        answers = await asyncio.gather(*(_answer(agent, ask, patience_s) for agent, ask in asked.items()))
        cut = self._redactor()
        return self._with_health(
            {
                agent: health.model_copy(update={"detail": cut.redact_text(health.detail, shapes=True)})
                for agent, health in zip(asked, answers, strict=True)
            }
        )

    def _with_health(self, health: Mapping[str, AgentHealth]) -> AgentList:
        return AgentList(
            workflow=self._spec.name,
            agents=tuple(
                AgentEntry(
                    agent=_shown(agent),
                    uses=tuple(found.uses),
                    price=found.description.price,
                    address=_shown(found.description.address),
                    keys=tuple(self._place(variables) for variables in found.variables),
                    health=health.get(agent),
                )
                for agent, found in self._found.items()
            ),
        )

    def _redactor(self) -> Redactor:
        """Cuts the keys out of what others say."""
        variables = {name for found in self._found.values() for names in found.variables for name in names}
        return Redactor(self._environ.get(name, "") for name in variables)

    def _place(self, variables: tuple[str, ...]) -> KeyPlace:
        return KeyPlace(variables=variables, is_set=any(self._environ.get(name) for name in variables))

    def _note(self, agent: str, role: Role, node: PlannedNode) -> None:
        found = self._found.setdefault(agent, _Found())
        is_first_of_role = all(use.role is not role for use in found.uses)
        if agent.startswith(_MCP) and is_first_of_role:
            self._describe_server(agent, found, node)
        elif role is Role.AGENT and is_first_of_role:
            self._describe_agent(agent, found, node.spec.config, cast(dict[str, JsonValue], self._fill(node.config)))
        elif role is not Role.TOOL and not found.uses:
            self._describe_agent(agent, found, {}, {})  # a node's settings are for its own agent
        found.uses.append(AgentUse(node=node.id, role=role))
        if role is Role.AGENT:
            found.variables.update(dict.fromkeys(_variables_in(node.spec.config)))

    def _describe_agent(
        self, agent: str, found: _Found, written: Mapping[str, JsonValue], config: dict[str, JsonValue]
    ) -> None:
        adapter = self._registry.adapter_for(agent)
        if isinstance(adapter, DescribesAgents):
            found.description = adapter.describe(agent, written)
            if found.description.key_variables:
                found.variables[found.description.key_variables] = None
        if isinstance(adapter, ReportsHealthOfNodes):
            found.ask = lambda: adapter.health_with(agent, config)
        elif isinstance(adapter, ReportsHealth):
            found.ask = lambda: adapter.health(agent)

    def _describe_server(self, agent: str, found: _Found, node: PlannedNode) -> None:
        name = agent.removeprefix(_MCP)
        if name not in self._spec.mcp_servers:
            return
        written = self._spec.mcp_servers[name]
        servers = cast(dict[str, JsonValue], self._fill(node.mcp_servers))
        server = McpServer.model_validate(servers[name])
        found.description = AgentDescription(address=written.url or written.command or "")
        found.variables.update(dict.fromkeys(_variables_in(written.model_dump(mode="json"))))

        async def ask() -> AgentHealth:
            from binex.adapters.tools.health import server_health

            return await server_health(name, server, self._folder)

        found.ask = ask

    def _fill(self, template: Template) -> JsonValue:
        """The template with what is in the environment; what a run would have to give stays a reference."""

        def look_up(reference: Reference) -> JsonValue:
            if reference.source in (Source.ENV, Source.SECRET):
                return self._environ.get(reference.name, "")
            return reference.text

        return template.fill(look_up)


def _agents_of(node: PlannedNode) -> Iterator[tuple[str, Role]]:
    spec = node.spec
    yield spec.agent, Role.AGENT
    for agent in spec.fallbacks:
        yield agent, Role.FALLBACK
    if spec.repair is not None and spec.repair.escalate is not None:
        yield spec.repair.escalate, Role.ESCALATION
    for uri in dict.fromkeys(_server_of(uri) for uri in spec.tools):
        yield uri, Role.TOOL


def _server_of(uri: str) -> str:
    """The server behind a tool, where it has one: that is what one talks to."""
    return _MCP + uri.removeprefix(_MCP).partition("/")[0] if uri.startswith(_MCP) else uri


def _variables_in(value: JsonValue) -> Iterator[tuple[str, ...]]:
    """The variables of the environment that something needs, each for itself."""
    return ((name,) for name in _VARIABLE.findall(json.dumps(value)))


async def _answer(agent: str, ask: Callable[[], Awaitable[AgentHealth]], patience_s: float) -> AgentHealth:
    """How an agent answers, whatever it does."""
    try:
        async with asyncio.timeout(patience_s):
            return await ask()
    except TimeoutError:
        detail = f"no answer in {patience_s:g} s"
    except BinexError as error:
        detail = error.message
    except Exception as error:  # noqa: BLE001 - what goes wrong with one agent says nothing about the others
        detail = str(error) or type(error).__name__
    return AgentHealth(agent=agent, status=HealthStatus.UNREACHABLE, detail=detail, checked_at=now())


def _shown(text: str) -> str:
    """A URI without a password that stands in it."""
    return _keys.redact_text(text, shapes=True)
