"""Models under LiteLLM's names: which load and check everywhere, and what is said where LiteLLM is not installed."""

from importlib.util import find_spec

import pytest
from pydantic import JsonValue

from binex.adapters.base import NodeUse
from binex.adapters.llm.adapter import LlmAdapter
from binex.adapters.llm.backends import Backends
from binex.adapters.llm.litellm_backend import LitellmBackend
from binex.adapters.llm.port import Connection
from binex.adapters.llm.providers import ALIASES, PROVIDERS, Family, endpoint_of
from binex.errors import AgentError
from binex.models.limits import Limits

ONLY_LITELLM = [name for name, known in PROVIDERS.items() if known.family is Family.LITELLM]


@pytest.fixture
def adapter() -> LlmAdapter:
    return LlmAdapter(Limits())


def use(agent: str, **config: JsonValue) -> NodeUse:
    return NodeUse("n", agent, None, ("topic",), config, ())


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_the_same_provider_everywhere(alias: str, adapter: LlmAdapter) -> None:
    name = Backends().name_of(f"llm://{alias}/org/some-model:1")
    assert (name.provider, name.model) == (ALIASES[alias], "org/some-model:1")
    assert alias not in PROVIDERS
    ours, theirs = (f"llm://{provider}/meta-llama/Llama-3.3-70B-Instruct-Turbo" for provider in (name.provider, alias))
    assert adapter.describe(theirs, {}) == adapter.describe(ours, {})


def test_a_price_is_known_under_litellms_name(adapter: LlmAdapter) -> None:
    described = adapter.describe("llm://together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", {})
    assert "per million tokens" in described.price
    assert described.key_variables == ("TOGETHER_API_KEY", "TOGETHERAI_API_KEY")


@pytest.mark.parametrize("provider", ONLY_LITELLM)
def test_what_only_litellm_speaks_is_checked_without_it(provider: str, adapter: LlmAdapter) -> None:
    agent = f"llm://{provider}/some/model"
    assert adapter.check(use(agent, temperature=0.2, max_tokens=5, tool_choice="auto")) == []
    (fault,) = adapter.check(use(agent, temprature=0.2))
    assert fault.path == ("config", "temprature")
    assert fault.fix is not None and "temperature" in fault.fix


def test_where_an_account_is_belongs_to_its_provider_alone(adapter: LlmAdapter) -> None:
    assert adapter.check(use("llm://bedrock/m", aws_region_name="eu-west-1")) == []
    assert adapter.check(use("llm://vertex_ai/m", vertex_project="p", vertex_location="l")) == []
    assert len(adapter.check(use("llm://mistral/m", aws_region_name="eu-west-1"))) == 1


def test_an_address_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_API_KEY", "k")
    monkeypatch.delenv("DATABRICKS_API_BASE", raising=False)
    with pytest.raises(AgentError) as caught:
        endpoint_of("databricks", Connection())
    assert caught.value.fix == "set config.api_base, or DATABRICKS_API_BASE"
    monkeypatch.setenv("DATABRICKS_API_BASE", "https://dbc.example/serving-endpoints")
    assert endpoint_of("databricks", Connection()).host == "dbc.example"


@pytest.mark.skipif(find_spec("litellm") is not None, reason="LiteLLM is installed")
async def test_running_without_litellm_is_a_fault_before_the_run(adapter: LlmAdapter) -> None:
    faults = await adapter.prepare([use("llm://mistral/mistral-large-latest")])
    (fault,) = faults["n"]
    assert fault.path == ("agent",)
    assert fault.message == "llm://mistral/mistral-large-latest needs the package 'litellm', which is not installed"
    assert (fault.fix or "").startswith("pip install 'binex[litellm]'")


def test_litellm_speaks_to_all_where_it_is_alone() -> None:
    is_alone = find_spec("litellm") is not None and find_spec("pydantic_ai") is None
    others = "LitellmBackend" if is_alone else "PydanticAiBackend"
    made = [type(Backends().backend_for(name)).__name__ for name in ("openai", "anthropic", "ollama", "mistral")]
    assert made == [others, others, "OllamaBackend", "LitellmBackend"]


def test_the_backend_is_made_without_importing_the_library() -> None:
    backend = LitellmBackend()
    assert backend.key_variables("mistral") == ("MISTRAL_API_KEY",)
    assert not backend.has_structured_output("mistral", "mistral-large-latest")
    assert backend.faults("mistral", "m", {"seed": 1}) == []
