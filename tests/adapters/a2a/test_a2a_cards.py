"""The card of an agent: fetched, kept, checked, and what follows from it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from a2a.types.a2a_pb2 import AgentCard, AgentInterface
from a2a.utils.signing import create_agent_card_signer
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from jwt.algorithms import ECAlgorithm

from binex.errors import AgentError, AuthenticationError, BadReplyError, RemoteError
from binex.models.health import HealthStatus
from tests.a2a_server import RawServer, Request, http, raw_card, rpc_result, serving_raw
from tests.adapters.a2a.talk import Talk, talking


def test_nothing_is_fetched_before_there_is_a_task() -> None:
    with talking() as (talk, server):
        assert talk.adapter is not None
    assert not server.requests


async def test_a_card_is_asked_for_again_with_its_etag() -> None:
    with talking() as (talk, server):
        await talk.say()
        talk.world.bookmarks.clear()
        await talk.say()
    first, second = server.card_requests
    assert "if-none-match" not in first.headers
    assert second.headers["if-none-match"].startswith('W/"')


async def test_a_card_is_not_asked_for_again_while_it_is_fresh() -> None:
    with talking(cache_control="public, max-age=60") as (talk, server):
        await talk.say()
        talk.world.bookmarks.clear()
        await talk.say()
    assert len(server.card_requests) == 1
    assert len(server.turns) == 2


def _one_answer(card: Callable[[RawServer], Any], path: str = "/.well-known/agent-card.json") -> RawServer:
    """A server by hand: its card, at a place, and one completed task for everything."""

    def answer(server: RawServer, request: Request) -> Iterator[bytes]:
        if request.method == "GET":
            yield http(card(server)) if request.path == path else http("no such page", 404, kind="text/html")
            return
        task = {
            "id": "t1",
            "contextId": "c1",
            "status": {"state": "TASK_STATE_COMPLETED"},
            "artifacts": [{"artifactId": "a", "parts": [{"text": "fine"}]}],
        }
        yield http(rpc_result(request, {"task": task}))

    return RawServer(answer)


async def test_the_older_place_of_the_card_is_looked_at_too() -> None:
    with serving_raw(_one_answer(raw_card, "/.well-known/agent.json")) as server:
        assert await Talk(server).say() == "fine"
    assert [request.path for request in server.requests[:2]] == [
        "/.well-known/agent-card.json",
        "/.well-known/agent.json",
    ]


async def test_the_path_of_the_uri_belongs_to_the_card() -> None:
    with serving_raw(_one_answer(raw_card, "/team/red/.well-known/agent-card.json")) as server:
        assert await Talk(server).say(agent=f"{server.uri}/team/red/") == "fine"


async def test_uris_with_a_web_address_inside_work_too() -> None:
    with serving_raw(_one_answer(raw_card)) as server:
        assert await Talk(server).say(agent=f"a2a://http://localhost:{server.port}") == "fine"


async def test_protocol_1_0_is_preferred_and_grpc_is_passed_over() -> None:
    def change(card: AgentCard) -> None:
        good = AgentInterface()
        good.CopyFrom(card.supported_interfaces[0])
        old = AgentInterface(url=good.url + "/old", protocol_binding="JSONRPC", protocol_version="0.3.0")
        grpc = AgentInterface(url="127.0.0.1:1", protocol_binding="GRPC", protocol_version="1.0")
        del card.supported_interfaces[:]
        card.supported_interfaces.extend([grpc, old, good])

    with talking(change=change) as (talk, server):
        assert await talk.say() == "hello world"
    assert server.rpcs == ["SendStreamingMessage"]


async def test_a_card_with_nothing_that_is_understood_says_what_there_is() -> None:
    def change(card: AgentCard) -> None:
        card.supported_interfaces[0].protocol_binding = "GRPC"

    with talking(change=change) as (talk, _), pytest.raises(RemoteError, match=r"offers GRPC 1\.0; JSONRPC") as caught:
        await talk.say()
    assert not caught.value.is_retryable


@pytest.mark.parametrize(
    ("card", "why"),
    [
        ("<html>hello</html>", "the agent card is no JSON"),
        ("[]", "the agent card is no object"),
        ('{"name": "x"}', "the agent card names no interface"),
        ('{"name": 7, "supportedInterfaces": 3}', "not a valid A2A reply"),
        ('{"name": "' + "x" * (1 << 20) + '"}', "more than 1,048,576 bytes"),
    ],
)
async def test_a_card_that_is_none_is_no_valid_reply(card: str, why: str) -> None:
    with serving_raw(_one_answer(lambda _: card)) as server, pytest.raises(BadReplyError, match=why):
        await Talk(server).say()


async def test_no_card_at_all_says_where_it_was_looked_for() -> None:
    with (
        serving_raw(_one_answer(raw_card, "/elsewhere")) as server,
        pytest.raises(RemoteError, match=r"404 to http://127\.0\.0\.1:\d+/\.well-known/agent-card\.json") as caught,
    ):
        await Talk(server).say()
    assert caught.value.status == 404
    assert not caught.value.is_retryable


def _wants(schemes: dict[str, Any], *ways: list[str]) -> Callable[[AgentCard], None]:
    def change(card: AgentCard) -> None:
        requirements: list[dict[str, Any]] = [{"schemes": {name: {"list": []} for name in way}} for way in ways]
        ParseDict({"securitySchemes": schemes, "securityRequirements": requirements}, card)

    return change


_KEY = {"apiKeySecurityScheme": {"name": "X-Key", "location": "header"}}
_BEARER = {"httpAuthSecurityScheme": {"scheme": "bearer"}}


@pytest.mark.parametrize(
    ("scheme", "config", "shows"),
    [
        (_KEY, {"auth": {"s": "sesame-open"}}, lambda r: r.headers.get("x-key") == "sesame-open"),
        (
            {"apiKeySecurityScheme": {"name": "key", "location": "query"}},
            {"token": "sesame-open"},
            lambda r: r.query == "key=sesame-open",
        ),
        (
            {"apiKeySecurityScheme": {"name": "key", "location": "cookie"}},
            {"token": "sesame-open"},
            lambda r: r.headers.get("cookie") == "key=sesame-open",
        ),
        (_BEARER, {"token": "sesame-open"}, lambda r: r.headers.get("authorization") == "Bearer sesame-open"),
        (
            {"httpAuthSecurityScheme": {"scheme": "basic"}},
            {"auth": {"s": {"username": "ali", "password": "sesame-open"}}},
            lambda r: r.headers.get("authorization") == "Basic YWxpOnNlc2FtZS1vcGVu",
        ),
        (
            {"oauth2SecurityScheme": {"flows": {}}},
            {"token": "sesame-open"},
            lambda r: r.headers.get("authorization") == "Bearer sesame-open",
        ),
        (
            {"openIdConnectSecurityScheme": {"openIdConnectUrl": "https://id.example"}},
            {"token": "sesame-open"},
            lambda r: r.headers.get("authorization") == "Bearer sesame-open",
        ),
    ],
)
async def test_the_key_is_shown_the_way_the_card_wants(
    scheme: dict[str, Any], config: dict[str, Any], shows: Callable[[Request], bool]
) -> None:
    with talking(change=_wants({"s": scheme}, ["s"]), guard=shows) as (talk, server):
        assert await talk.say(config=config) == "hello world"
        assert "sesame" not in str(server.card_requests[0])
    assert any("sesame-open" in hidden for hidden in talk.world.hidden)


async def test_the_first_way_in_that_can_be_gone_is_gone() -> None:
    ways = _wants({"key": _KEY, "bearer": _BEARER}, ["key", "bearer"], ["bearer"])
    with talking(change=ways, guard=lambda r: r.headers.get("authorization") == "Bearer abcdef") as (talk, server):
        assert await talk.say(config={"auth": {"bearer": "abcdef"}}) == "hello world"
    assert "x-key" not in server.requests[-1].headers


async def test_a_missing_key_is_named_before_anything_is_sent() -> None:
    wanted = pytest.raises(AuthenticationError, match=r"'mine' \(a key in the header 'X-Key'\)")
    with talking(change=_wants({"mine": _KEY}, ["mine"])) as (talk, server), wanted as caught:
        await talk.say()
    assert caught.value.fix == "config.auth: {mine: '${secret.NAME}'}"
    assert not caught.value.is_retryable
    assert not server.turns


async def test_headers_go_along_with_the_card_and_with_each_request() -> None:
    with talking() as (talk, server):
        await talk.say(config={"headers": {"X-Team": "red-team", "X-Api-Key": "Key sesame-open"}})
    assert {request.headers.get("x-team") for request in server.requests} == {"red-team"}
    assert {request.headers.get("x-api-key") for request in server.requests} == {"Key sesame-open"}
    assert "sesame-open" in talk.world.hidden
    assert "red-team" not in talk.world.hidden


async def test_a_token_is_a_bearer_token_where_the_card_wants_nothing() -> None:
    with talking(guard=lambda r: r.headers.get("authorization") == "Bearer abcdef") as (talk, _):
        assert await talk.say(config={"token": "abcdef"}) == "hello world"


async def test_a_wrong_token_is_a_matter_of_authentication() -> None:
    with talking(guard=lambda _: False) as (talk, _), pytest.raises(AuthenticationError) as caught:
        await talk.say(config={"token": "abcdef"})
    error = caught.value
    assert (error.status, error.host, error.is_retryable) == (401, "127.0.0.1", False)
    assert "who are you?" in error.message
    assert error.fix is not None and "config.token" in error.fix


def _signed() -> tuple[Callable[[AgentCard], None], dict[str, Any], dict[str, Any]]:
    """What signs a card, the key to check it with, and another one."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "k1", "alg": "ES256"}
    other = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True) | {"alg": "ES256"}
    private = jwt.PyJWK.from_dict(ECAlgorithm.to_jwk(key, as_dict=True) | {"alg": "ES256"})
    sign = create_agent_card_signer(private, {"kid": "k1", "alg": "ES256", "jku": None, "typ": "JOSE"})

    def change(card: AgentCard) -> None:
        sign(card)

    return change, jwk, other


async def test_a_signature_is_checked_where_there_is_a_key() -> None:
    change, jwk, other = _signed()
    with talking(change=change) as (talk, _):
        assert await talk.say(config={"card_key": jwk}) == "hello world"
        talk.world.bookmarks.clear()
        assert await talk.say(config={"card_key": {"keys": [other, jwk]}}) == "hello world"
        with pytest.raises(RemoteError, match="is not signed with config") as caught:
            await talk.say(config={"card_key": other})
        assert not caught.value.is_retryable
        with pytest.raises(AgentError, match="cannot be read"):
            await talk.say(config={"card_key": {"kty": "nonsense"}})
        found = await talk.adapter.health(talk.server.uri)
        assert "signature not verified" in found.detail
        found = await talk.adapter.health_with(talk.server.uri, {"card_key": jwk})
        assert "signature verified" in found.detail


async def test_an_unsigned_card_is_refused_where_there_is_a_key() -> None:
    _, jwk, _ = _signed()
    with talking() as (talk, server), pytest.raises(RemoteError, match="is not signed"):
        await talk.say(config={"card_key": jwk})
    assert not server.turns


async def test_health_tells_what_the_card_says() -> None:
    with talking(version="0.3", bindings=["HTTP+JSON"]) as (talk, server):
        found = await talk.adapter.health(server.uri)
    assert found.status is HealthStatus.OK
    assert found.detail == "Greeter 2.1, A2A 0.3 over HTTP+JSON, 1 skill, card not signed"
    assert found.latency_ms is not None
    assert not server.turns


async def test_health_of_a_dead_agent_is_no_exception() -> None:
    with talking() as (talk, server):
        pass
    found = await talk.adapter.health(server.uri)
    assert found.status is HealthStatus.UNREACHABLE
    assert "cannot connect to 127.0.0.1" in found.detail
    assert (await talk.adapter.health("a2a://")).status is HealthStatus.UNREACHABLE


async def test_a_card_of_today_may_be_another_one_tomorrow() -> None:
    names = iter(["first", "second"])

    def answer(server: RawServer, request: Request) -> Iterator[bytes]:
        yield http(json.dumps(raw_card(server, name=next(names))))

    with serving_raw(RawServer(answer)) as server:
        talk = Talk(server)
        assert (await talk.adapter.health(server.uri)).detail.startswith("first")
        assert (await talk.adapter.health(server.uri)).detail.startswith("second")
