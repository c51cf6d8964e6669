"""A model's node over the wire, against a real server of each protocol."""

from collections.abc import Iterator

import pytest
from pydantic import JsonValue

from binex.errors import AuthenticationError, BadReplyError, RemoteError
from binex.models.call import Call, CallKind
from binex.tape.hooks import install_hooks
from tests.adapters.llm.asking import MODELS
from tests.adapters.llm.bench import Bench, a_task
from tests.attempts import FakeSurroundings
from tests.model_server import PROTOCOLS, Answer, ModelServer, Protocol, Wire

each = pytest.mark.parametrize("protocol", PROTOCOLS)
COUNT: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    install_hooks()
    with ModelServer() as running:
        yield running


@pytest.fixture
async def bench() -> Bench:
    return Bench()


def agent_of(protocol: Protocol) -> str:
    return "llm://" + "/".join(MODELS[protocol])


def config_of(protocol: Protocol, server: ModelServer, **more: JsonValue) -> dict[str, JsonValue]:
    return {"api_base": server.url(protocol), "api_key": "sk-planted-canary", **more}


@each
async def test_an_answer_is_one_call_of_a_model_with_the_wire_below_it(
    protocol: Protocol, server: ModelServer, bench: Bench
) -> None:
    server.replies = [Answer(["Bees ", "dance."])]
    config = config_of(protocol, server, temperature=0.5, extra_headers={"X-Team": "bees"})
    assert await bench.answer(agent_of(protocol), config=config) == "Bees dance."
    assert bench.around.streamed == ["Bees ", "dance."]
    (model,) = bench.calls
    (wire,) = (call for call in bench.around.calls if call.kind is CallKind.HTTP)
    assert (wire.parent, wire.status, wire.error) == (model.number, 200, None)
    assert model.usage is not None and model.usage.output_tokens == 9
    assert server.requests[0].headers["x-team"] == "bees"
    assert b"canary" not in b"".join(part.data for part in bench.around.parts.values())
    assert _canaries_in(bench.around.calls) == []
    await bench.adapter.close()


@each
async def test_a_schema_and_a_tool_work_with_every_protocol(
    protocol: Protocol, server: ModelServer, bench: Bench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("flow")
    (folder / "adding.py").write_text("def add(a: int) -> int:\n    return a + 1\n", "utf-8")
    server.replies = [Answer("", calls=[("c1", "add", '{"a": 1}')]), Answer('{"n": "two"}'), Answer('{"n": 2}')]
    answer = await bench.answer(
        agent_of(protocol),
        config=config_of(protocol, server),
        tools=("python://adding.add",),
        folder=str(folder),
        output_schema=COUNT,
    )
    assert answer == {"n": 2}
    assert len(server.requests) == len(bench.calls) == 3
    assert bench.request(1).messages[-1].content == "2"
    assert "not of type" in bench.request(2).messages[-1].content
    await bench.adapter.close()


@each
async def test_a_replay_needs_neither_the_server_nor_a_key(
    protocol: Protocol, server: ModelServer, bench: Bench
) -> None:
    server.replies = [Answer(["Bees ", "dance."])]
    await bench.answer(agent_of(protocol), config=config_of(protocol, server))
    again = Bench()
    again.around = FakeSurroundings(player=bench.around.player_of(a_task(agent_of(protocol))))
    assert await again.answer(agent_of(protocol)) == "Bees dance."
    assert len(server.requests) == 1
    await bench.adapter.close()


@pytest.mark.parametrize(
    ("wire", "kind", "status", "is_retryable"),
    [
        (
            Wire(status=429, headers={"Retry-After": "2"}, body=b'{"error": {"message": "slow"}}'),
            RemoteError,
            429,
            True,
        ),
        (Wire(status=400, body=b'{"error": {"message": "wrong"}}'), RemoteError, 400, False),
        (Wire(status=401, body=b'{"error": {"message": "key"}}'), AuthenticationError, 401, False),
        (Wire(status=503, body=b"busy"), RemoteError, 503, True),
        (Wire(body=b"<html>no</html>", media_type="text/html"), BadReplyError, 200, True),
        (Answer("half", cut=3), BadReplyError, 200, True),
    ],
)
async def test_a_failure_is_tried_once_and_kept_as_it_was(
    wire: Wire | Answer, kind: type[RemoteError], status: int, is_retryable: bool, server: ModelServer, bench: Bench
) -> None:
    server.replies = [wire]
    with pytest.raises(kind) as caught:
        await bench.answer(agent_of("openai"), config=config_of("openai", server))
    error = caught.value
    assert (error.status, error.is_retryable, bool(error.message)) == (status, is_retryable, True)
    assert f"127.0.0.1:{server.port}" in error.message
    assert len(server.requests) == 1
    assert len(bench.calls) == 1 and bench.calls[0].error
    await bench.adapter.close()


async def test_a_model_that_cannot_be_had_is_replaced_over_the_wire(server: ModelServer, bench: Bench) -> None:
    server.replies = [Wire(status=503, body=b"busy"), Answer("from the other")]
    fallbacks = ("llm://openai/gpt-4o",)
    answer = await bench.answer(agent_of("openai"), config=config_of("openai", server), fallbacks=fallbacks)
    assert answer == "from the other"
    assert [request.body["model"] for request in server.requests] == ["gpt-4o-mini", "gpt-4o"]
    await bench.adapter.close()


def _canaries_in(calls: list[Call]) -> list[str]:
    return [call.target for call in calls if "canary" in call.model_dump_json()]
