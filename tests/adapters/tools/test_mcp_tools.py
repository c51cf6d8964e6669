"""Tools of MCP servers that are processes: what a model is told, what is on the tape, what the server can see."""

import asyncio
import json
import os

import pytest

from binex.errors import AgentError, BadReplyError, RemoteError
from binex.models.agent_settings import McpServer
from tests.adapters.tools.bench import ToolBench


async def test_all_tools_of_a_real_server_can_be_used(bench: ToolBench) -> None:
    async with bench.open("mcp://library", library=bench.real()) as box:
        assert [spec.name for spec in box.specs] == ["add", "search", "fail", "whoami"]
        assert box.specs[0].description == "Adds two numbers."
        assert box.specs[0].parameters["required"] == ["a", "b"]
        assert await box.call(bench.call("add", a=1, b=2)) == "3"
        hits = json.loads(await box.call(bench.call("search", query="x", limit=2)))
        assert hits[0] == {"title": "x 1", "score": 1.0}
        assert await box.call(bench.call("fail")) == "error: Error calling tool 'fail': the shelf is empty"
        assert "validation error" in await box.call(bench.call("add", a="x"))
    listing, added, searched, failed, refused = bench.surroundings.calls
    assert (listing.kind, listing.target, listing.error) == ("tool", "mcp://library", None)
    assert (added.target, added.error) == ("mcp://library/add", None)
    assert bench.surroundings.request_of(added) == b'{"a":1,"b":2}'
    assert json.loads(bench.surroundings.response_of(added))["structuredContent"] == {"result": 3}
    assert searched.error is None
    assert failed.error == "Error calling tool 'fail': the shelf is empty"
    assert refused.error is not None


async def test_one_tool_of_a_server_can_be_named(bench: ToolBench) -> None:
    async with bench.open("mcp://odd/echo", "mcp://odd/big", odd=bench.odd()) as box:
        assert [spec.name for spec in box.specs] == ["echo", "big"]
        assert await box.call(bench.call("echo", word="ja")) == '{"word": "ja"}'
    assert [call.target for call in bench.surroundings.calls] == ["mcp://odd", "mcp://odd/echo"]


async def test_tools_of_two_servers_that_are_called_alike_are_told_apart(bench: ToolBench) -> None:
    async with bench.open("mcp://one/echo", "mcp://two/echo", one=bench.odd(), two=bench.odd("banner")) as box:
        assert [spec.name for spec in box.specs] == ["one_echo", "two_echo"]
        await box.call(bench.call("two_echo"))
    assert bench.surroundings.calls[-1].target == "mcp://two/echo"


async def test_a_tool_that_the_server_does_not_have_fails_with_the_nearest_one(bench: ToolBench) -> None:
    with pytest.raises(AgentError) as caught:
        async with bench.open("mcp://odd/eco", odd=bench.odd()):
            pass
    assert caught.value.message == "the MCP server 'odd' has no tool 'eco'"
    assert str(caught.value.fix).startswith("did you mean 'echo'?")
    assert not caught.value.is_retryable


async def test_a_server_sees_nothing_of_our_environment_but_what_it_is_given(
    bench: ToolBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-key")
    monkeypatch.setenv("PYTHONPATH", "/canary")
    monkeypatch.setenv("LANG", "C.UTF-8")
    async with bench.open("mcp://odd/environment", odd=bench.odd("good", ODD_TOKEN="t-123", ODD_MODE="fast")) as box:
        seen = json.loads(await box.call(bench.call("environment")))
    allowed = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "LOGNAME", "SHELL", "TERM", "ODD_TOKEN", "ODD_MODE"}
    assert seen.keys() - {"LC_CTYPE"} <= allowed  # which Python itself sets
    assert (seen["ODD_TOKEN"], seen["ODD_MODE"]) == ("t-123", "fast")
    assert seen["PATH"] == os.environ["PATH"]


async def test_what_is_called_a_secret_is_hidden(bench: ToolBench) -> None:
    said = {"ODD_TOKEN": "t-123", "ODD_MODE": "fast", "MAX_TOKENS": "4096", "TOKENIZERS_PARALLELISM": "false"}
    server = bench.odd("good", **said, AUTHORIZATION="Bearer b-456")
    async with bench.open("mcp://odd/echo", odd=server):
        pass
    assert bench.surroundings.hidden == ["t-123", "Bearer b-456", "b-456"]


async def test_all_pages_of_tools_are_read(bench: ToolBench) -> None:
    async with bench.open("mcp://odd", odd=bench.odd("paged")) as box:
        assert [spec.name for spec in box.specs] == [f"tool_{at}" for at in range(30)]


async def test_a_list_of_tools_without_an_end_is_refused(bench: ToolBench) -> None:
    with pytest.raises(RemoteError, match=r"the MCP server 'odd' .* there are more than 100 pages of them"):
        async with bench.open("mcp://odd", odd=bench.odd("endless")):
            pass


async def test_a_server_that_has_no_tools_to_list_says_so(bench: ToolBench) -> None:
    with pytest.raises(RemoteError, match=r"the MCP server 'odd' .* did not list its tools: Method not found"):
        async with bench.open("mcp://odd", odd=bench.odd("toolless")):
            pass


async def test_a_server_that_never_lists_its_tools_is_given_up(bench: ToolBench) -> None:
    bench.allow_s(1)
    with pytest.raises(RemoteError, match="did not list its tools in 1 s"):
        async with bench.open("mcp://odd", odd=bench.odd("mute")):
            pass


async def test_what_is_no_text_is_described(bench: ToolBench) -> None:
    async with bench.open("mcp://odd/image", odd=bench.odd()) as box:
        told = await box.call(bench.call("image"))
    assert told == 'a picture:\n{"type":"image","bytes":5,"mimeType":"image/png"}'


async def test_a_long_result_is_cut_for_the_model_and_whole_on_the_tape(bench: ToolBench) -> None:
    async with bench.open("mcp://odd/big", odd=bench.odd(), output_bytes=1_000) as box:
        told = await box.call(bench.call("big"))
    assert told == "ä" * 500 + "\n[cut: the first 1,000 of 200,000 bytes (limits.output_bytes)]"
    assert len(bench.surroundings.response_of(bench.surroundings.calls[-1])) > 200_000


async def test_an_error_of_the_protocol_is_told_to_the_model(bench: ToolBench) -> None:
    async with bench.open("mcp://odd/refuse", odd=bench.odd()) as box:
        assert await box.call(bench.call("refuse")) == "error: no such thing"
        assert await box.call(bench.raw_call("refuse", "{")) == (
            "error: bad arguments for refuse: they are not JSON: "
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
        )
    assert [call.error is not None for call in bench.surroundings.calls] == [False, True, True]


async def test_a_result_that_is_no_mcp_fails_the_attempt(bench: ToolBench) -> None:
    async with bench.open("mcp://odd/break", odd=bench.odd()) as box:
        with pytest.raises(BadReplyError, match="answered with what is not MCP"):
            await box.call(bench.call("break"))


async def test_what_a_server_prints_besides_its_messages_does_no_harm(bench: ToolBench) -> None:
    async with bench.open("mcp://odd/flood", odd=bench.odd("noisy")) as box:
        assert await box.call(bench.call("flood")) == "flooded"
    async with bench.open("mcp://odd/echo", odd=bench.odd("banner")) as box:
        assert await box.call(bench.call("echo")) == "{}"


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("exits", "ended with exit code 3 before it answered initialize; its last words:\ncannot open config.toml"),
        (
            "garbage",
            "did not answer initialize in 1 s; it wrote '<html>I am no MCP server</html>' where messages are expected",
        ),
        ("silent", "did not answer initialize in 1 s"),
    ],
)
async def test_a_server_that_does_not_start_is_named_with_its_last_words(
    bench: ToolBench, mode: str, said: str
) -> None:
    bench.allow_s(1)
    with pytest.raises(RemoteError) as caught:
        async with bench.open("mcp://odd", odd=bench.odd(mode)):
            pass
    message = caught.value.message
    assert message.startswith("the MCP server 'odd' (")
    assert message.endswith(said)
    assert caught.value.is_retryable
    assert bench.surroundings.calls[0].error == f"RemoteError: {message}"
    await bench.assert_all_gone()


async def test_a_program_that_is_not_there_is_named(bench: ToolBench) -> None:
    with pytest.raises(RemoteError) as caught:
        async with bench.open("mcp://odd", odd=McpServer(command="no-such-program")):
            pass
    assert caught.value.message == (
        "the MCP server 'odd' cannot be started: no-such-program: No such file or directory"
    )
    assert caught.value.fix == "install 'no-such-program', or give its path in mcp_servers.odd.command"
    assert not caught.value.is_retryable


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("die", "ended with exit code 9 while it was used; its last words:\nout of ink"),
        ("kill", "was killed by signal 9 while it was used"),
    ],
)
async def test_a_server_that_dies_fails_the_attempt_and_the_next_one_gets_another(
    bench: ToolBench, tool: str, said: str
) -> None:
    async with bench.open("mcp://odd", odd=bench.odd()) as box:
        with pytest.raises(RemoteError) as caught:
            await box.call(bench.call(tool))
    assert caught.value.message.endswith(said)
    async with bench.open("mcp://odd", odd=bench.odd()) as box:
        assert await box.call(bench.call("echo")) == "{}"
    assert len(bench.pids) == 2


async def test_all_calls_that_wait_for_a_server_learn_of_its_death(bench: ToolBench) -> None:
    async with bench.open("mcp://odd", odd=bench.odd()) as box:
        names = ["hang", "hang", "hang", "die"]
        ends = await asyncio.gather(*(box.call(bench.call(name)) for name in names), return_exceptions=True)
    assert [type(end) for end in ends] == [RemoteError] * 4
    assert len({str(end) for end in ends}) == 1
    assert len({id(end) for end in ends}) == 4
