"""What is wrong with the use of an agent, found by reading alone."""

from typing import Any

import pytest

from binex.adapters.a2a.adapter import A2AAdapter
from binex.adapters.a2a.address import AgentAddress
from binex.adapters.base import ChecksNodes, NodeUse, ReportsHealth
from binex.errors import AgentError, FieldFault, InputError
from tests.adapters.a2a.talk import talking


def _faults(agent: str = "a2a://agents.example.com", **config: Any) -> list[FieldFault]:
    return list(A2AAdapter().check(NodeUse("node", agent, None, ("text",), config, ("output",))))


def test_the_adapter_can_be_checked_with_and_asked_for_health() -> None:
    assert isinstance(A2AAdapter(), ChecksNodes)
    assert isinstance(A2AAdapter(), ReportsHealth)


@pytest.mark.parametrize(
    ("agent", "scheme", "card"),
    [
        ("a2a://agents.example.com", None, "https://agents.example.com/.well-known/agent-card.json"),
        ("a2a://Agents.Example.com:8443/team/red/", None, "https://agents.example.com:8443/team/red/.well-known/"),
        ("a2a://localhost:8001", None, "http://localhost:8001/.well-known/"),
        ("a2a://127.0.0.5:8001/x", None, "http://127.0.0.5:8001/x/.well-known/"),
        ("a2a://[::1]:8001", None, "http://[::1]:8001/.well-known/"),
        ("a2a://192.168.0.7:8001", None, "https://192.168.0.7:8001/.well-known/"),
        ("a2a://192.168.0.7:8001", "http", "http://192.168.0.7:8001/.well-known/"),
        ("a2a://localhost", "https", "https://localhost/.well-known/"),
        ("a2a://http://localhost:8001", None, "http://localhost:8001/.well-known/"),
        ("a2a://https://host.example/", None, "https://host.example/.well-known/"),
        ("a2a://http://host.example/", None, "http://host.example/.well-known/"),
    ],
)
def test_a_uri_says_where_the_card_is(agent: str, scheme: str | None, card: str) -> None:
    assert AgentAddress.of(agent, scheme).card_urls[0].startswith(card)


@pytest.mark.parametrize(
    "agent",
    [
        "a2a://",
        "a2a:///path",
        "a2a://host:99999",
        "a2a://host:0",
        "a2a://host:port",
        "a2a://ho st",
        "a2a://[::1",
        "a2a://-host",
        "a2a://host/pa th",
        "a2a://host/a\nb",
        "a2a://host?key=1",
        "a2a://host/#x",
        "a2a://user:secret@host",
        "a2a://ftp://host",
        "llm://host",
        "a2a://" + "x" * 300,
    ],
)
def test_a_bad_uri_is_a_fault_of_the_agent(agent: str) -> None:
    (fault,) = _faults(agent)
    assert fault.path == ("agent",)
    assert fault.fix
    assert "secret" not in fault.message
    with pytest.raises(InputError):
        AgentAddress.of(agent)


def test_everything_right_is_no_fault() -> None:
    assert not _faults(
        token="t",
        auth={"key": "k", "login": {"username": "u", "password": "p"}},
        headers={"X-Team": "red"},
        skill="greet",
        metadata={"a": 1},
        blocking=False,
        streaming=True,
        scheme="http",
        allow_hosts=["other.example"],
        allow_private=True,
        card_key={"kty": "EC"},
    )


def test_what_is_still_a_reference_or_null_is_no_fault() -> None:
    assert not _faults(token="${secret.T}", blocking="${user.b}", allow_hosts="${user.hosts}", skill=None)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("token", 7),
        ("token", ""),
        ("auth", "text"),
        ("auth", {"s": 1}),
        ("auth", {"s": {"username": "u"}}),
        ("headers", {"X": 1}),
        ("headers", {"X": "a\r\nY: b"}),
        ("headers", {"X: Y": "a"}),
        ("skill", []),
        ("metadata", "x"),
        ("blocking", "yes"),
        ("streaming", 1),
        ("scheme", "ftp"),
        ("allow_hosts", "one.example"),
        ("allow_hosts", [1]),
        ("allow_private", "no"),
        ("card_key", 3),
    ],
)
def test_a_setting_of_the_wrong_type_says_what_it_must_be(key: str, value: Any) -> None:
    (fault,) = _faults(**{key: value})
    assert fault.path == ("config", key)
    assert fault.message.startswith(f"'{key}' must be ")
    assert fault.fix is not None and fault.fix.startswith(f"{key}: ")


def test_an_unknown_setting_is_answered_with_the_nearest() -> None:
    (fault,) = _faults(tokn="x")
    assert fault.path == ("config", "tokn")
    assert fault.at_key
    assert fault.fix is not None and fault.fix.startswith("did you mean 'token'?")


async def test_what_only_comes_to_light_in_a_run_is_an_error_of_the_attempt() -> None:
    with talking() as (talk, server):
        for changes in ({"config": {"streaming": "yes"}}, {"agent": "a2a://"}):
            with pytest.raises(AgentError) as caught:
                await talk.say(**changes)
            assert not caught.value.is_retryable
    assert not server.requests
