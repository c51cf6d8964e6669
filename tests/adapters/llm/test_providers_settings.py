"""Every setting of a node reaches the provider, and what is no setting is a fault."""

from typing import Any

import pytest

from binex.adapters.llm.port import Connection, ModelRequest
from binex.adapters.llm.pydantic_ai_backend import PydanticAiBackend
from binex.adapters.llm.settings_tables import rules_for
from binex.adapters.llm.wire_settings import is_strict
from binex.errors import AgentError
from tests.adapters.llm.asking import ADD, HI, MODELS, ask, backend_for
from tests.model_server import PROTOCOLS, ModelServer, Protocol

SAMPLES: dict[str, Any] = {
    "temperature": 0.25,
    "top_p": 0.5,
    "top_k": 7,
    "max_tokens": 9000,
    "seed": 11,
    "stop": ["END", "STOP"],
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "logit_bias": {"50256": -100},
    "reasoning_effort": "low",
    "response_format": "json_object",
    "parallel_tool_calls": False,
    "tool_choice": "add",
    "user": "somebody",
    "extra_body": {"of_theirs": {"deep": [1]}},
    "keep_alive": "5m",
    "options": {"num_ctx": 8192},
}
OPENAI: dict[str, Any] = {
    **{name: SAMPLES[name] for name in ("temperature", "top_p", "seed", "stop", "presence_penalty", "user")},
    **{name: SAMPLES[name] for name in ("frequency_penalty", "logit_bias", "reasoning_effort", "parallel_tool_calls")},
    "max_completion_tokens": 9000,
    "response_format": {"type": "json_object"},
    "tool_choice": {"type": "function", "function": {"name": "add"}},
    "of_theirs": {"deep": [1]},
}
ON_THE_WIRE: dict[Protocol, dict[str, Any]] = {
    "openai": OPENAI,
    "anthropic": {
        "temperature": 0.25,
        "top_p": 0.5,
        "top_k": 7,
        "max_tokens": 9000,
        "stop_sequences": ["END", "STOP"],
        "output_config": {"effort": "low"},
        "thinking": {"type": "adaptive"},
        "tool_choice": {"type": "tool", "name": "add", "disable_parallel_tool_use": True},
        "metadata": {"user_id": "somebody"},
        "of_theirs": {"deep": [1]},
    },
    "google": {
        "generationConfig": {
            "temperature": 0.25,
            "topP": 0.5,
            "topK": 7,
            "maxOutputTokens": 9000,
            "seed": 11,
            "stopSequences": ["END", "STOP"],
            "presencePenalty": 0.5,
            "frequencyPenalty": -0.5,
            "thinkingConfig": {"include_thoughts": True, "thinking_budget": 2048},
            "responseMimeType": "application/json",
            "responseModalities": ["TEXT"],
        },
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["add"]}},
        "of_theirs": {"deep": [1]},
    },
    "ollama": {
        "options": {
            "temperature": 0.25,
            "top_p": 0.5,
            "top_k": 7,
            "num_predict": 9000,
            "seed": 11,
            "stop": ["END", "STOP"],
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
            "num_ctx": 8192,
        },
        "think": "low",
        "format": "json",
        "keep_alive": "5m",
    },
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_every_setting_reaches_the_provider(protocol: Protocol) -> None:
    provider, model = MODELS[protocol]
    settings = {name: SAMPLES[name] for name in rules_for(provider)}
    assert backend_for(protocol).faults(provider, model, settings) == []
    with ModelServer() as server:
        await ask(protocol, server, settings=settings, tools=(ADD,))
        body = server.requests[0].body
    sent = {name: body.get(name) for name in ON_THE_WIRE[protocol]}
    if protocol == "anthropic":
        sent["thinking"] = {"type": body["thinking"]["type"]}
    assert sent == ON_THE_WIRE[protocol]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_node_without_settings_sends_none(protocol: Protocol) -> None:
    with ModelServer() as server:
        await ask(protocol, server, settings={"temperature": 0.9}, tools=(ADD,))
        await ask(protocol, server)
        text = str(server.requests[1].body)
    assert "temperature" not in text
    assert "'add'" not in text


async def test_providers_that_copied_openai_get_the_names_that_they_know() -> None:
    settings: dict[str, Any] = {"max_tokens": 5, "top_k": 3}
    request = ModelRequest(provider="openrouter", model="m", messages=HI, settings=settings)
    with ModelServer() as server:
        async for _ in PydanticAiBackend().stream(request, Connection(api_base=server.url(), api_key="k")):
            pass
        body = server.requests[0].body
    assert (body["max_tokens"], body["top_k"]) == (5, 3)
    assert "max_completion_tokens" not in body


@pytest.mark.parametrize(
    ("provider", "settings", "message", "fix"),
    [
        ("openai", {"tempreture": 1}, "'tempreture' is not a setting of openai", "did you mean 'temperature'?"),
        ("openai", {"top_k": 1}, "'top_k' is not a setting of openai", "top_p"),
        ("anthropic", {"seed": 1}, "'seed' is not a setting of anthropic", "settings of anthropic: extra_body"),
        ("gemini", {"user": "x"}, "'user' is not a setting of gemini", "temperature"),
        ("ollama", {"tool_choice": "x"}, "'tool_choice' is not a setting of ollama", "num"),
        ("openai", {"temperature": 3}, "'temperature' must be a number from 0 to 2, not 3", "write temperature"),
        ("openai", {"temperature": "warm"}, "'temperature' must be a number from 0 to 2, not 'warm'", "write"),
        ("openai", {"temperature": True}, "'temperature' must be a number from 0 to 2, not True", "write"),
        ("anthropic", {"temperature": 1.5}, "'temperature' must be a number from 0 to 1, not 1.5", "write"),
        ("openai", {"max_tokens": 0}, "'max_tokens' must be a whole number, at least 1, not 0", "write"),
        ("openai", {"stop": [1]}, "'stop' must be text, or a list of texts, not [1]", "write"),
        ("openai", {"reasoning_effort": "much"}, "'reasoning_effort' must be one of none, minimal", "write"),
        ("openai", {"logit_bias": {"1": 500}}, "'logit_bias' must be an object of numbers", "write"),
        ("openai", {"extra_body": []}, "'extra_body' must be an object, not []", "write"),
    ],
)
def test_what_is_no_setting_is_a_fault(provider: str, settings: dict[str, Any], message: str, fix: str) -> None:
    protocol: Protocol = "ollama" if provider == "ollama" else "openai"
    (fault,) = backend_for(protocol).faults(provider, "m", settings)
    assert fault.path == ("config", next(iter(settings)))
    assert fault.message.startswith(message)
    assert fault.fix is not None
    assert fix in fault.fix or fix == "num"


def test_values_that_are_only_known_later_are_no_faults() -> None:
    assert PydanticAiBackend().faults("openai", "m", {"temperature": "${user.warmth}"}) == []


async def test_a_reference_that_became_a_wrong_value_is_refused_before_anything_is_sent() -> None:
    with ModelServer() as server:
        with pytest.raises(AgentError, match="'temperature' must be a number") as caught:
            await ask("openai", server, settings={"temperature": "hot"})
        assert server.requests == []
    assert not caught.value.is_retryable


async def test_effort_is_refused_where_it_would_silently_mean_nothing() -> None:
    with ModelServer() as server:
        with pytest.raises(AgentError, match="is not known to reason"):
            await ask("google", server, model="gemini-1.5-pro", settings={"reasoning_effort": "high"})
        assert server.requests == []


def test_strict_mode_is_for_schemas_that_leave_nothing_open() -> None:
    closed = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert is_strict(closed)
    assert is_strict({"type": "array", "items": closed})
    assert is_strict({"anyOf": [closed, {"type": "null"}], "$defs": {"a": closed}})
    assert not is_strict({"type": "object"})
    assert not is_strict({**closed, "properties": {"a": {"type": "string"}}})
    assert not is_strict({"type": "array", "items": {"type": "object"}})
    assert not is_strict({"oneOf": [closed]})
