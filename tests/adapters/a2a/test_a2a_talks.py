"""Tasks given to real agents, and what comes back."""

from typing import Any

import pytest
from a2a.types.a2a_pb2 import Part
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from binex.errors import AgentError, BadOutputError
from tests.a2a_server import AgentServer, Turn
from tests.adapters.a2a.talk import makes, part, talking


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_the_sample_agent_says_hello_in_every_protocol(version: str, binding: str, streams: bool) -> None:
    with talking(version=version, bindings=[binding], is_streaming=streams) as (talk, server):
        assert await talk.say() == "hello world"
    assert len(server.turns) == 1
    assert ("hello world" in talk.world.streamed) == streams


async def test_text_of_a_status_is_shown_while_the_agent_works() -> None:
    with talking() as (talk, _):
        await talk.say()
    assert talk.world.streamed == ["thinking\n", "hello world"]


async def test_a_streaming_agent_can_be_asked_after_instead() -> None:
    with talking() as (talk, server):
        assert await talk.say(config={"streaming": False}) == "hello world"
    assert server.rpcs[:2] == ["SendMessage", "GetTask"]


async def test_a_blocking_request_brings_the_answer_with_it() -> None:
    with talking() as (talk, server):
        assert await talk.say(config={"blocking": True}) == "hello world"
    assert server.rpcs == ["SendMessage"]


async def test_a_message_instead_of_a_task_is_an_answer() -> None:
    async def act(turn: Turn) -> None:
        await turn.reply("just so")

    for streams in (True, False):
        with talking(act, is_streaming=streams) as (talk, _):
            assert await talk.say() == "just so"


async def test_the_message_of_the_final_state_is_an_answer_where_there_is_no_artifact() -> None:
    async def act(turn: Turn) -> None:
        await turn.accept()
        await turn.updater.complete(turn.says("done that"))

    with talking(act) as (talk, _):
        assert await talk.say() == "done that"


def _parts(server: AgentServer) -> list[dict[str, Any]]:
    return [MessageToDict(one) for one in server.turns[0].message.parts]


async def test_one_text_is_sent_as_it_is_after_the_prompt() -> None:
    with talking() as (talk, server):
        await talk.say({"anything": "hi"}, system_prompt="be brief")
    assert _parts(server) == [{"text": "be brief"}, {"text": "hi"}]


async def test_several_inputs_are_sent_by_name_as_text_and_as_data() -> None:
    with talking() as (talk, server):
        await talk.say({"topic": "tea", "hits": [1, 2]})
    text, data = _parts(server)
    assert text == {"text": "topic:\ntea\n\nhits:\n[\n  1,\n  2\n]"}
    assert data["data"] == {"topic": "tea", "hits": [1, 2]}


async def test_data_survives_protocol_0_3() -> None:
    with talking(version="0.3") as (talk, server):
        await talk.say({"hits": [1, 2]})
    assert _parts(server)[1]["data"] == {"hits": [1, 2]}


async def test_a_task_without_inputs_says_what_the_prompt_says() -> None:
    with talking() as (talk, server):
        await talk.say({}, system_prompt="go")
    assert _parts(server) == [{"text": "go"}]


async def test_skill_and_metadata_go_along() -> None:
    with talking() as (talk, server):
        await talk.say(config={"skill": "greet", "metadata": {"priority": "high"}})
    assert MessageToDict(server.turns[0].message.metadata) == {"skillId": "greet", "priority": "high"}


async def test_an_unknown_skill_is_refused_with_the_nearest() -> None:
    with talking() as (talk, server), pytest.raises(AgentError, match="no skill 'great'") as caught:
        await talk.say(config={"skill": "great"})
    assert caught.value.fix == "did you mean 'greet'? skills: greet"
    assert not caught.value.is_retryable
    assert not server.turns


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
async def test_the_tenant_of_the_card_is_kept_to(binding: str) -> None:
    with talking(bindings=[binding], tenant="red") as (talk, server):
        assert await talk.say() == "hello world"
    asked = server.requests[1]
    assert "/rest/red/" in asked.path or b'"tenant": "red"' in asked.body or b'"tenant":"red"' in asked.body


@pytest.mark.parametrize(
    ("artifacts", "expected"),
    [
        ([("a", [{"text": "one "}, {"text": "two"}])], "one two"),
        ([("a", [{"text": "one"}]), ("b", [{"text": "two"}])], "one\n\ntwo"),
        ([("a", [{"data": {"n": 1, "f": 1.5, "deep": [{"x": 2}]}}])], {"n": 1, "f": 1.5, "deep": [{"x": 2}]}),
        ([("a", [{"data": [1, None, True]}])], [1, None, True]),
        (
            [("a", [{"text": "see"}, {"data": {"n": 1}}])],
            [{"kind": "text", "text": "see"}, {"kind": "data", "data": {"n": 1}}],
        ),
        (
            [("a", [{"raw": "aGk=", "filename": "a.txt", "mediaType": "text/plain"}])],
            [{"kind": "file", "name": "a.txt", "media_type": "text/plain", "base64": "aGk="}],
        ),
        (
            [("a", [{"url": "http://10.0.0.1/x"}])],
            [{"kind": "file", "name": "", "media_type": "", "url": "http://10.0.0.1/x"}],
        ),
        ([("a", [{"text": "scratch"}]), ("output", [{"text": "the answer"}])], "the answer"),
    ],
)
async def test_artifacts_become_plain_data(artifacts: list[Any], expected: object) -> None:
    with talking(makes(*artifacts)) as (talk, _):
        assert await talk.say() == expected


async def test_several_outputs_are_artifacts_of_their_names() -> None:
    with talking(makes(("plan", [{"text": "p"}]), ("score", [{"data": 3}]))) as (talk, _):
        assert await talk.run(outputs=("score", "plan")) == {"score": 3, "plan": "p"}


async def test_several_outputs_are_one_object_with_exactly_their_names() -> None:
    with talking(makes(("a", [{"data": {"plan": "p", "score": 3}}]))) as (talk, _):
        assert await talk.run(outputs=("plan", "score")) == {"plan": "p", "score": 3}


async def test_other_artifacts_than_declared_are_named() -> None:
    wanted = pytest.raises(BadOutputError, match=r"made .*plan; the node declares plan, score")
    with talking(makes(("plan", [{"text": "p"}]))) as (talk, _), wanted:
        await talk.run(outputs=("plan", "score"))


@pytest.mark.parametrize("streams", [True, False])
async def test_chunks_of_an_artifact_are_put_together(streams: bool) -> None:
    async def act(turn: Turn) -> None:
        await turn.accept()
        for index, text in enumerate(("ha", "ha", "!")):
            await turn.updater.add_artifact([Part(text=text)], artifact_id="a", append=index > 0, last_chunk=index == 2)
        await turn.updater.complete()

    with talking(act, is_streaming=streams) as (talk, _):
        assert await talk.say() == "haha!"


async def test_an_artifact_that_is_sent_again_replaces_the_earlier_one() -> None:
    async def act(turn: Turn) -> None:
        await turn.accept()
        await turn.updater.add_artifact([part({"text": "draft"})], artifact_id="a")
        await turn.updater.add_artifact([part({"text": "final"})], artifact_id="a")
        await turn.updater.complete()

    with talking(act) as (talk, _):
        assert await talk.say() == "final"


async def test_inputs_that_the_protocol_has_no_form_for_are_our_failure_not_the_agents() -> None:
    deep: Any = "end"
    for _ in range(150):
        deep = [deep]
    with talking() as (talk, server), pytest.raises(AgentError, match="cannot be sent as A2A") as caught:
        await talk.say({"deep": deep})
    assert not caught.value.is_retryable
    assert not server.turns
