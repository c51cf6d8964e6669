"""Which settings each protocol takes, what each must look like, and what is wrong with those of a node."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

from pydantic import JsonValue

from binex.adapters.llm.providers import PROVIDERS, Family
from binex.errors import AgentError, FieldFault, suggest

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting must look like."""

    is_kept: Callable[[JsonValue], bool]
    words: str
    """The same, as the end of `must be …`."""


def _number(low: float, high: float) -> Rule:
    return Rule(lambda value: _is_number(value) and low <= value <= high, f"a number from {low:g} to {high:g}")  # type: ignore[operator]


def _whole(low: int) -> Rule:
    words = f"a whole number, at least {low}"
    return Rule(lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= low, words)


def _one_of(*words: str) -> Rule:
    return Rule(lambda value: isinstance(value, str) and value in words, f"one of {', '.join(words)}")


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_stop(value: JsonValue) -> bool:
    texts = value if isinstance(value, list) else [value]
    return bool(texts) and all(isinstance(text, str) and text for text in texts)


def _is_bias(value: JsonValue) -> bool:
    return isinstance(value, dict) and all(_is_number(one) and -100 <= one <= 100 for one in value.values())  # type: ignore[operator]


def _is_format(value: JsonValue) -> bool:
    return value in ("text", "json_object") or (isinstance(value, dict) and isinstance(value.get("type"), str))


_OBJECT: Final = Rule(lambda value: isinstance(value, dict), "an object")
_BOOLEAN: Final = Rule(lambda value: isinstance(value, bool), "true or false")
_TEXT: Final = Rule(lambda value: isinstance(value, str) and bool(value), "text")
_TOOL_CHOICE: Final = Rule(
    lambda value: isinstance(value, str) and bool(value), "auto, none, required or a tool's name"
)
_JSON_OR_TEXT: Final = _one_of("text", "json_object")

_COMMON: Final = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "max_tokens": _whole(1),
    "stop": Rule(_is_stop, "text, or a list of texts"),
    "reasoning_effort": _one_of(*EFFORTS),
}
_PENALTIES: Final = {
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "seed": Rule(lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
}

RULES: Final[Mapping[Family, Mapping[str, Rule]]] = {
    Family.OPENAI: {
        **_COMMON,
        **_PENALTIES,
        "logit_bias": Rule(_is_bias, "an object of numbers from -100 to 100, by token"),
        "response_format": Rule(_is_format, "text, json_object, or an object with a type"),
        "parallel_tool_calls": _BOOLEAN,
        "tool_choice": _TOOL_CHOICE,
        "user": _TEXT,
        "extra_body": _OBJECT,
    },
    Family.ANTHROPIC: {
        **_COMMON,
        "temperature": _number(0, 1),
        "top_k": _whole(1),
        "parallel_tool_calls": _BOOLEAN,
        "tool_choice": _TOOL_CHOICE,
        "user": _TEXT,
        "extra_body": _OBJECT,
    },
    Family.GOOGLE: {
        **_COMMON,
        **_PENALTIES,
        "top_k": _whole(1),
        "response_format": _JSON_OR_TEXT,
        "tool_choice": _TOOL_CHOICE,
        "extra_body": _OBJECT,
    },
    Family.OLLAMA: {
        **_COMMON,
        **_PENALTIES,
        "top_k": _whole(1),
        "response_format": _JSON_OR_TEXT,
        "keep_alive": Rule(lambda value: _is_number(value) or (isinstance(value, str) and bool(value)), "a duration"),
        "options": _OBJECT,
    },
}

_AWS: Final = {"aws_region_name": _TEXT, "aws_profile_name": _TEXT}
_OF_ONE_PROVIDER: Final[Mapping[str, Mapping[str, Rule]]] = {
    "azure_ai": {"api_version": _TEXT},
    "bedrock": _AWS,
    "sagemaker": _AWS,
    "sagemaker_chat": _AWS,
    "vertex_ai": {"vertex_project": _TEXT, "vertex_location": _TEXT},
    "watsonx": {"project_id": _TEXT, "space_id": _TEXT},
}
"""Which account, and where: LiteLLM also takes them from the environment."""
_WITHOUT_TOP_K: Final = frozenset({"openai", "azure"})
"""Others that speak OpenAI's protocol mostly take it."""


def rules_for(provider: str) -> dict[str, Rule]:
    """Every setting of a provider, by name."""
    family = PROVIDERS[provider].family
    family = Family.OPENAI if family is Family.LITELLM else family  # LiteLLM takes everything under OpenAI's names
    rules = {**RULES[family], **_OF_ONE_PROVIDER.get(provider, {})}
    if family is Family.OPENAI and provider not in _WITHOUT_TOP_K:
        rules["top_k"] = _whole(1)
    return rules


def own_settings_of(provider: str) -> tuple[str, ...]:
    """The settings that no other provider's protocol has."""
    return tuple(_OF_ONE_PROVIDER.get(provider, ()))


def settings_faults(provider: str, settings: Mapping[str, JsonValue]) -> list[FieldFault]:
    """What is wrong with the settings of a node."""
    rules = rules_for(provider)
    faults: list[FieldFault] = []
    for key, value in settings.items():
        rule = rules.get(key)
        if rule is None:
            fix = suggest(key, rules, f"settings of {provider}")
            faults.append(FieldFault(("config", key), f"'{key}' is not a setting of {provider}", fix, at_key=True))
        elif not _may_be_filled_in(value) and not rule.is_kept(value):
            message = f"'{key}' must be {rule.words}, not {value!r:.80}"
            faults.append(FieldFault(("config", key), message, f"write {key}: as {rule.words}"))
    return faults


def _may_be_filled_in(value: JsonValue) -> bool:
    """Whether it has references in it, so that its value is not known yet."""
    return isinstance(value, str) and "${" in value


def refuse_faulty(provider: str, settings: Mapping[str, JsonValue]) -> None:
    """Refuse settings that have become wrong when their references were filled in.

    Raises:
        AgentError: one of them is wrong.
    """
    for fault in settings_faults(provider, settings):
        raise AgentError(f"config: {fault.message}", fix=fault.fix, is_retryable=False)
