"""Whom a workflow talks to, with adapters that say what they are told to."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import dedent

from pydantic import JsonValue

from binex.adapters.base import AgentDescription
from binex.adapters.registry import Registry
from binex.analysis.agents import AgentEntry, Agents, KeyPlace, Role
from binex.errors import AgentError
from binex.graph.dag import DAG
from binex.loader import parse_workflow
from binex.models.health import AgentHealth, HealthStatus
from binex.models.task import Artifact, TaskNode, now

SECRET = "sk-much-too-secret-to-be-shown"


@dataclass
class Described:
    """Has a price and a key, and answers with what it was given."""

    asked: list[tuple[str, Mapping[str, JsonValue]]] = field(default_factory=list)

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:
        raise AssertionError("it is given no work")

    def describe(self, agent: str, config: Mapping[str, JsonValue]) -> AgentDescription:
        return AgentDescription("$1 / $2", () if "key" in config else ("A_KEY", "B_KEY"), "http://somewhere")

    async def health_with(self, agent: str, config: Mapping[str, JsonValue]) -> AgentHealth:
        self.asked.append((agent, config))
        detail = f"it was shown {config.get('key')}"
        return AgentHealth(agent=agent, status=HealthStatus.OK, detail=detail, checked_at=now())


@dataclass
class Plain:
    """Only answers whether it is there, each agent in its own way."""

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:
        raise AssertionError("it is given no work")

    async def health(self, agent: str) -> AgentHealth:
        if agent.endswith("slow"):
            await asyncio.Event().wait()
        if agent.endswith("broken"):
            raise AgentError("it is broken")
        if agent.endswith("gone"):
            raise ConnectionRefusedError("nobody listens")
        return AgentHealth(agent=agent, status=HealthStatus.DEGRADED, checked_at=now())


class Silent:
    """Says nothing about itself."""

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:
        raise AssertionError("it is given no work")


def agents(text: str, environ: Mapping[str, str] | None = None, described: Described | None = None) -> Agents:
    registry = Registry({"own": described or Described(), "plain": Plain(), "silent": Silent()})
    spec = parse_workflow(dedent(text), registry=registry)
    return Agents(spec, DAG.from_workflow(spec), registry, environ or {})


def by_uri(entries: tuple[AgentEntry, ...]) -> dict[str, AgentEntry]:
    return {entry.agent: entry for entry in entries}


async def test_every_agent_is_listed_once_with_all_who_use_it_and_what_for() -> None:
    found = agents(
        """
        mcp_servers: {files: {url: "http://127.0.0.1:1/${env.ROOM}"}}
        nodes:
          a:
            agent: own://x
            inputs: {v: 1}
            fallbacks: [own://y, plain://z]
            repair: {escalate: own://x}
            tools: [mcp://files/read, mcp://files/write, python://json.dumps]
          b: {agent: own://y, inputs: {v: 1}}
        """
    ).list()
    assert [(entry.agent, [(use.node, use.role) for use in entry.uses]) for entry in found.agents] == [
        ("own://x", [("a", Role.AGENT), ("a", Role.ESCALATION)]),
        ("own://y", [("a", Role.FALLBACK), ("b", Role.AGENT)]),
        ("plain://z", [("a", Role.FALLBACK)]),
        ("mcp://files", [("a", Role.TOOL)]),
        ("python://json.dumps", [("a", Role.TOOL)]),
    ]
    listed = by_uri(found.agents)
    assert (listed["own://x"].price, listed["own://x"].address) == ("$1 / $2", "http://somewhere")
    assert listed["mcp://files"].address == "http://127.0.0.1:1/${env.ROOM}"
    assert listed["mcp://files"].keys == (KeyPlace(variables=("ROOM",), is_set=False),)
    assert all(entry.health is None for entry in found.agents)


async def test_a_key_is_there_when_one_of_its_variables_is_and_not_empty() -> None:
    text = "nodes: {a: {agent: own://x, inputs: {v: 1}}}"
    places = [agents(text, environ).list().agents[0].keys for environ in ({}, {"B_KEY": SECRET}, {"A_KEY": ""})]
    assert [[key.is_set for key in keys] for keys in places] == [[False], [True], [False]]
    assert places[0][0].variables == ("A_KEY", "B_KEY")
    assert agents(text).list().is_usable is False


async def test_a_key_of_the_node_s_own_is_asked_about_instead_and_never_shown() -> None:
    described = Described()
    found = agents(
        """
        inputs: {x: {}}
        nodes: {a: {agent: own://x, inputs: {v: 1}, config: {key: "${secret.MINE}", all: "${user.x}"}}}
        """,
        {"MINE": SECRET},
        described,
    )
    listed = await found.check()
    assert listed.agents[0].keys == (KeyPlace(variables=("MINE",), is_set=True),)
    assert described.asked == [("own://x", {"key": SECRET, "all": "${user.x}"})]
    assert SECRET not in listed.model_dump_json()
    assert "it was shown [redacted]" in listed.model_dump_json()
    assert listed.is_usable


async def test_whatever_an_agent_does_when_asked_is_an_answer() -> None:
    found = agents(
        "nodes: {"
        + ", ".join(
            f"n{number}: {{agent: {agent}, inputs: {{v: 1}}}}"
            for number, agent in enumerate(
                ("plain://ok", "plain://slow", "plain://broken", "plain://gone", "silent://one", "plain://slow")
            )
        )
        + "}"
    )
    listed = await found.check(patience_s=0.05)
    told = {entry.agent: entry.health and (entry.health.status, entry.health.detail) for entry in listed.agents}
    assert told == {
        "plain://ok": (HealthStatus.DEGRADED, ""),
        "plain://slow": (HealthStatus.UNREACHABLE, "no answer in 0.05 s"),
        "plain://broken": (HealthStatus.UNREACHABLE, "it is broken"),
        "plain://gone": (HealthStatus.UNREACHABLE, "nobody listens"),
        "silent://one": None,
    }
    assert not listed.is_usable
    assert [entry.is_usable for entry in listed.agents] == [True, False, False, False, True]


async def test_a_password_in_an_address_is_not_shown() -> None:
    found = agents(
        """
        mcp_servers: {files: {url: "http://me:hunter22@127.0.0.1:1/x"}}
        nodes: {a: {agent: own://x, inputs: {v: 1}, tools: [mcp://files]}}
        """
    ).list()
    assert by_uri(found.agents)["mcp://files"].address == "http://[redacted]@127.0.0.1:1/x"
