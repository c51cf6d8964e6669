"""Whom a workflow talks to."""

from collections.abc import Iterator

from binex.analysis.agents import AgentEntry, AgentList, KeyPlace, Role
from binex.cli.render.errors import in_one_line
from binex.cli.render.look import Look
from binex.cli.render.text import escape
from binex.cli.render.units import count, duration
from binex.models.health import AgentHealth, HealthStatus

_MARKS = {
    HealthStatus.OK: "completed",
    HealthStatus.DEGRADED: "interrupted",
    HealthStatus.UNREACHABLE: "failed",
    HealthStatus.UNKNOWN: "waiting_for_human",
}
_NODES_SHOWN = 6


def agent_list(found: AgentList, look: Look) -> str:
    """Each agent with who uses it, its price, where its key is expected, and how it answers."""
    blocks = ["\n".join(_lines(entry, look)) for entry in found.agents]
    return "\n\n".join([*blocks, _sum(found, look)])


def _lines(entry: AgentEntry, look: Look) -> Iterator[str]:
    mark = ""
    if entry.health is not None:
        mark = look.mark(_MARKS[entry.health.status] if entry.is_usable else "failed") + " "
    yield mark + look.paint(escape(entry.agent), "strong")
    yield f"  used by  {escape(_users(entry))}"
    if entry.address:
        yield f"  at       {escape(entry.address)}"
    if entry.price:
        yield f"  price    {escape(entry.price)}"
    for key in entry.keys:
        yield f"  key      {_key(key, look)}"
    if entry.health is not None:
        yield f"  health   {_health(entry.health)}"


def _users(entry: AgentEntry) -> str:
    named = [use.node if use.role is Role.AGENT else f"{use.node} ({use.role})" for use in entry.uses]
    more = f" and {len(named) - _NODES_SHOWN:,} more" if len(named) > _NODES_SHOWN else ""
    return ", ".join(named[:_NODES_SHOWN]) + more


def _key(key: KeyPlace, look: Look) -> str:
    state = look.paint("set", "good") if key.is_set else look.paint("not set", "bad")
    return f"{escape(' or '.join(key.variables))}: {state}"


def _health(health: AgentHealth) -> str:
    took = "" if health.latency_ms is None else f" in {duration(health.latency_ms)}"
    detail = f": {in_one_line(health.detail)}" if health.detail else ""
    return f"{health.status}{took}{detail}"


def _sum(found: AgentList, look: Look) -> str:
    bad = sum(not entry.is_usable for entry in found.agents)
    name = escape(found.workflow)
    if bad:
        return f"{look.mark('failed')} {name}: {bad:,} of {count(len(found.agents), 'agent')} cannot be used"
    return f"{look.mark('completed')} {name}: {count(len(found.agents), 'agent')}"
