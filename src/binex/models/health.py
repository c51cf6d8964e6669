"""Whether an agent can be reached, and how well."""

from datetime import datetime
from enum import StrEnum

from binex.models.base import Model


class HealthStatus(StrEnum):
    """How an agent answers."""

    OK = "ok"
    DEGRADED = "degraded"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class AgentHealth(Model):
    """What an adapter found out about an agent, without giving it work."""

    agent: str
    """The agent's URI."""
    status: HealthStatus
    """How it answers."""
    detail: str = ""
    """What was found, in words."""
    latency_ms: float | None = None
    """How long the answer took, in milliseconds."""
    checked_at: datetime
    """When it was asked."""
