"""What is told about a model by reading alone."""

import pytest
from pydantic import JsonValue

from binex.adapters.base import AgentDescription
from binex.adapters.llm.backends import Backends
from binex.adapters.llm.describing import describe_model
from binex.models.settings import Rates


@pytest.mark.parametrize(
    ("agent", "config", "expected"),
    [
        (
            "llm://openai/gpt-4o-mini",
            {},
            AgentDescription("$0.15 / $0.60 per million tokens in/out", ("OPENAI_API_KEY",)),
        ),
        (
            "llm://openai/gpt-4o-mini",
            {"api_key": "${secret.MINE}", "api_base": "http://127.0.0.1:1/v1"},
            AgentDescription("$0.15 / $0.60 per million tokens in/out", (), "http://127.0.0.1:1/v1"),
        ),
        ("llm://ollama/llama3", {}, AgentDescription("$1.00 / $2.00 per million tokens in/out")),
        ("llm://mock/m", {}, AgentDescription("free")),
        ("llm://openai/not-known", {}, AgentDescription("unknown", ("OPENAI_API_KEY",))),
    ],
)
def test_price_key_and_address_are_told(agent: str, config: dict[str, JsonValue], expected: AgentDescription) -> None:
    backends = Backends()
    name = backends.name_of(agent)
    own = {"ollama/*": Rates(input=1, output=2)}
    assert describe_model(name, backends.backend_for(name.provider), config, own) == expected
