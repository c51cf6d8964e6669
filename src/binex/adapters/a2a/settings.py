"""``config`` of a node with an A2A agent."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self, TypeAlias, cast

from pydantic import JsonValue

from binex.adapters.named_secrets import secrets_in
from binex.errors import AgentError, FieldFault, suggest

Secret: TypeAlias = str | Mapping[str, str]
"""A key or token as text, or ``{username, password}``."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``config`` says, typed; see :data:`KEYS`."""

    token: str | None = None
    auth: Mapping[str, Secret] = field(default_factory=dict)
    """Credentials, by the name that the agent's card gives to the scheme."""
    headers: Mapping[str, str] = field(default_factory=dict)
    skill: str | None = None
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    blocking: bool = False
    streaming: bool = True
    scheme: str | None = None
    allow_hosts: tuple[str, ...] = ()
    allow_private: bool = False
    card_key: str | Mapping[str, JsonValue] | None = None

    @classmethod
    def of(cls, config: Mapping[str, JsonValue]) -> Self:
        """Read *config*.

        Raises:
            AgentError: something in it is wrong; trying again cannot help.
        """
        for fault in faults_of(config):
            raise AgentError(fault.message, fix=fault.fix, is_retryable=False)
        known = {key: value for key, value in config.items() if value is not None}
        known["allow_hosts"] = tuple(cast(list[str], known.get("allow_hosts", ())))  # type: ignore[assignment]
        return cls(**known)  # type: ignore[arg-type]

    @classmethod
    def said(cls, config: Mapping[str, JsonValue]) -> Self:
        """What of *config* the agent is told, which is all that a tape is asked by; the rest may not be known."""
        wrong = {fault.path[-1] for fault in faults_of(config)}
        known = {key: config[key] for key in ("skill", "metadata") if config.get(key) is not None and key not in wrong}
        return cls(**known)  # type: ignore[arg-type]

    @property
    def has_credentials(self) -> bool:
        """Whether there is anything to show to the agent."""
        return self.token is not None or bool(self.auth)

    @property
    def secrets(self) -> Iterator[str]:
        """Every text that must not be seen."""
        if self.token is not None:
            yield self.token
        for secret in self.auth.values():
            yield from (secret,) if isinstance(secret, str) else secret.values()
        yield from secrets_in(self.headers)


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str) and bool(value)


def _is_flag(value: JsonValue) -> bool:
    return isinstance(value, bool)


def _is_map(value: JsonValue) -> bool:
    return isinstance(value, dict)


def _is_texts(value: JsonValue) -> bool:
    return isinstance(value, list) and all(_is_text(item) for item in value)


def _is_headers(value: JsonValue) -> bool:
    return isinstance(value, dict) and all(
        isinstance(text, str) and text.isprintable() and name.isascii() and name.isprintable() and ":" not in name
        for name, text in value.items()
    )


def _is_auth(value: JsonValue) -> bool:
    return isinstance(value, dict) and all(_is_text(secret) or _is_login(secret) for secret in value.values())


def _is_login(value: JsonValue) -> bool:
    return isinstance(value, dict) and value.keys() == {"username", "password"} and all(map(_is_text, value.values()))


def _is_scheme(value: JsonValue) -> bool:
    return value in ("http", "https")


def _is_key(value: JsonValue) -> bool:
    return _is_text(value) or _is_map(value)


KEYS: Final[Mapping[str, tuple[Callable[[JsonValue], bool], str, str]]] = {
    "token": (_is_text, "text", "token: ${secret.AGENT_TOKEN}"),
    "auth": (_is_auth, "credentials by the scheme's name in the card", "auth: {apiKey: '${secret.AGENT_KEY}'}"),
    "headers": (_is_headers, "a mapping of header names to text", "headers: {X-Team: red}"),
    "skill": (_is_text, "the id of a skill", "skill: translate"),
    "metadata": (_is_map, "a mapping", "metadata: {priority: 1}"),
    "blocking": (_is_flag, "true or false", "blocking: true"),
    "streaming": (_is_flag, "true or false", "streaming: false"),
    "scheme": (_is_scheme, "http or https", "scheme: http"),
    "allow_hosts": (_is_texts, "a list of host names", "allow_hosts: [agents.example.com]"),
    "allow_private": (_is_flag, "true or false", "allow_private: true"),
    "card_key": (_is_key, "a public key: a JWK, a JWKS or PEM text", "card_key: ${env.AGENT_CARD_KEY}"),
}
"""What a node may say: how each value is checked, what it must be in words, and an example."""


def faults_of(config: Mapping[str, JsonValue]) -> list[FieldFault]:
    """What is wrong with *config*; texts that are still references may become anything."""
    faults = []
    for key, value in config.items():
        if key not in KEYS:
            faults.append(
                FieldFault(
                    ("config", key),
                    f"unknown setting '{key:.80}' for an A2A agent",
                    fix=suggest(key, KEYS, "settings"),
                    at_key=True,
                )
            )
            continue
        is_right, wanted, example = KEYS[key]
        if value is not None and not (isinstance(value, str) and "${" in value) and not is_right(value):
            faults.append(FieldFault(("config", key), f"'{key}' must be {wanted}", fix=example))
    return faults
