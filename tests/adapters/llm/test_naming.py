"""A model is named by its provider and its own name, which may have anything in it."""

import pytest

from binex.adapters.llm.backends import Backends
from binex.adapters.llm.naming import ModelName
from binex.errors import InputError


@pytest.mark.parametrize(
    ("agent", "provider", "model"),
    [
        ("llm://openai/gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("llm://ollama/llama3.1:8b", "ollama", "llama3.1:8b"),
        ("llm://openrouter/meta/llama-3", "openrouter", "meta/llama-3"),
        ("llm://mock/a", "mock", "a"),
    ],
)
def test_a_model_may_have_slashes_and_colons_in_its_name(agent: str, provider: str, model: str) -> None:
    name = Backends().name_of(agent)
    assert name == ModelName(provider, model)
    assert name.target == f"{provider}/{model}"


@pytest.mark.parametrize(
    ("agent", "message", "fix"),
    [
        ("llm://gpt-4o", "names no provider", "llm://openai/gpt-4o"),
        ("llm://claude-sonnet-4-5", "names no provider", "llm://anthropic/claude-sonnet-4-5"),
        ("llm://something", "names no provider", "llm://provider/model"),
        ("llm://", "names no provider", "llm://provider/model"),
        ("llm:///gpt-4o", "names no provider", "llm://provider/model"),
        ("llm://openai", "names no model", "llm://openai/<model>"),
        ("llm://openai/", "names no model", "llm://openai/<model>"),
        ("llm://openai/gpt 4", "blanks", "llm://provider/model"),
        ("llm://opnai/gpt-4o", "nobody speaks to the provider 'opnai'", "did you mean 'openai'?"),
    ],
)
def test_what_is_wrong_with_a_name_comes_with_a_way_out(agent: str, message: str, fix: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Backends().name_of(agent)
    assert caught.value.fix is not None and fix in caught.value.fix
