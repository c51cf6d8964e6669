"""A node's ``config`` for a model: what shapes the answer, what reaches the provider, and what is for us."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from pydantic import JsonValue

from binex.adapters.llm.port import ModelBackend
from binex.adapters.named_secrets import secrets_in
from binex.errors import FieldFault

MAX_TOOL_ROUNDS: Final = 10
SCRIPT: Final = frozenset({"script", "answers", "on_end"})
"""What belongs to the scripted model alone, and is no part of a request."""


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _is_address(value: JsonValue) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://")) and len(value.split()) == 1


def _are_headers(value: JsonValue) -> bool:
    return isinstance(value, dict) and all(_is_text(name) and isinstance(text, str) for name, text in value.items())


def _is_count(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_OURS: Final[Mapping[str, tuple[Callable[[JsonValue], bool], str, str]]] = {
    "api_base": (_is_address, "an address that begins with http:// or https://", "api_base: http://localhost:8000/v1"),
    "api_key": (_is_text, "text", "api_key: ${env.MY_KEY}"),
    "extra_headers": (_are_headers, "an object of texts", "extra_headers: {X-Team: research}"),
    "max_tool_rounds": (_is_count, "a whole number, at least 1", f"max_tool_rounds: {MAX_TOOL_ROUNDS}"),
}
COMMON_KEYS: Final = tuple(_OURS)
"""The keys that mean the same for every provider, and are no part of a request."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """A node's ``config``, by whom it is for."""

    generation: Mapping[str, JsonValue]
    """What stands in the request."""
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_tool_rounds: int = MAX_TOOL_ROUNDS

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be cut out of all that is kept."""
        own = (self.api_key,) if self.api_key else ()
        return (*own, *secrets_in(self.headers))


def read_settings(config: Mapping[str, JsonValue]) -> NodeSettings:
    """The settings of a node whose config has no faults."""
    return NodeSettings(
        generation={name: value for name, value in config.items() if name not in _OURS and name not in SCRIPT},
        api_base=cast(str | None, config.get("api_base")),
        api_key=cast(str | None, config.get("api_key")),
        headers=cast(Mapping[str, str], config.get("extra_headers", {})),
        max_tool_rounds=cast(int, config.get("max_tool_rounds", MAX_TOOL_ROUNDS)),
    )


def settings_faults(
    config: Mapping[str, JsonValue], backend: ModelBackend, provider: str, model: str
) -> Iterator[FieldFault]:
    """What is wrong with a node's ``config`` for a provider; values with references in them are let be."""
    for name, (is_fine, meant, example) in _OURS.items():
        if name in config and not has_reference(config[name]) and not is_fine(config[name]):
            shown = "" if name in ("api_key", "extra_headers") else f", not {config[name]!r:.60}"
            yield FieldFault(("config", name), f"'{name}' must be {meant}{shown}", f"write {example}")
    theirs = {name: value for name, value in config.items() if name not in _OURS}
    for fault in backend.faults(provider, model, theirs):
        near = difflib.get_close_matches(str(fault.path[-1]), _OURS, n=1, cutoff=0.75) if fault.at_key else []
        yield FieldFault(fault.path, fault.message, f"did you mean '{near[0]}'?", at_key=True) if near else fault


def without_faulty(config: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The config without those of our own settings that make no sense, as what stands for a missing variable does."""
    return {name: value for name, value in config.items() if name not in _OURS or _OURS[name][0](value)}


def usable_settings(
    settings: Mapping[str, JsonValue], backend: ModelBackend, provider: str, model: str
) -> dict[str, JsonValue]:
    """The settings without those that the provider does not take: for a model that stands in for another."""
    refused = {str(fault.path[1]) for fault in backend.faults(provider, model, settings) if len(fault.path) > 1}
    return {name: value for name, value in settings.items() if name not in refused}


def has_reference(value: JsonValue) -> bool:
    """Whether anything in *value* is only known when the run is there."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, dict):
        return any(map(has_reference, value.values()))
    return isinstance(value, list) and any(map(has_reference, value))
