"""Whether a model can be had is asked of its provider; the answer never has a key in it."""

import pytest

from binex.errors import AuthenticationError, RemoteError
from binex.models.health import AgentHealth, HealthStatus
from tests.adapters.llm.bench import Bench, ToldBackend


async def health_of(agent: str, **told: object) -> AgentHealth:
    return await Bench(openai=ToldBackend(**told)).adapter.health(agent)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("agent", "models", "status", "detail"),
    [
        ("llm://openai/gpt-4o", ["gpt-4o", "o3"], HealthStatus.OK, "among 2 models"),
        ("llm://openai/llama3", ["llama3:latest"], HealthStatus.OK, "openai has it"),
        ("llm://openai/gpt-9", ["gpt-4o"], HealthStatus.DEGRADED, "no model 'gpt-9'"),
        ("llm://openai/gpt-4o", None, HealthStatus.UNKNOWN, "does not tell"),
        ("llm://openai/gpt-4o", RemoteError("openai: refused"), HealthStatus.UNREACHABLE, "openai: refused"),
        ("llm://opnai/gpt-4o", None, HealthStatus.UNREACHABLE, "nobody speaks to the provider 'opnai'"),
        ("llm://mock/a", None, HealthStatus.OK, "scripted"),
        ("llm://openai-compatible/a", None, HealthStatus.UNKNOWN, "in the node's config"),
    ],
)
async def test_the_health_of_a_model_says_what_was_found(
    agent: str, models: object, status: HealthStatus, detail: str
) -> None:
    health = await health_of(agent, models=models)
    assert (health.agent, health.status) == (agent, status)
    assert detail in health.detail


async def test_without_a_key_it_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BEES_KEY", raising=False)
    health = await health_of("llm://openai/gpt-4o", models=AuthenticationError("no key"), keys=("BEES_KEY",))
    assert (health.status, health.detail) == (HealthStatus.UNREACHABLE, "set BEES_KEY")


async def test_a_key_that_is_not_accepted_is_another_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEES_KEY", "sk-secret")
    health = await health_of("llm://openai/gpt-4o", models=AuthenticationError("openai: 401"), keys=("BEES_KEY",))
    assert (health.status, health.detail) == (HealthStatus.UNREACHABLE, "openai: 401")
