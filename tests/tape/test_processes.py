"""Calls of functions in processes of their own are on the tape of their attempt."""

import asyncio
from pathlib import Path

import pytest

from binex.errors import AgentError, ProcessDiedError
from tests.adapters.workbench import Workbench
from tests.servers import LoopbackServer
from tests.tape.conftest import Tape, words_of
from tests.tape.test_player import player_of

STEPS = """
    import os, threading

    def ask(url, body):
        import httpx
        return httpx.post(url, content=body, headers={"X-Api-Key": "hidden"}).text

    async def ask_twice(url):
        import aiohttp
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as one, session.get(url) as other:
                return [len(await one.read()), len(await other.read())]

    def ask_and_die(url):
        import requests
        requests.get(url)
        os.kill(os.getpid(), 9)

    def leave_open(url):
        import httpx
        global kept
        stream = httpx.Client().stream("GET", url)
        pieces = stream.__enter__().iter_raw()
        kept = stream, pieces
        next(pieces)
        return "left"

    def fork_and_ask(url):
        import httpx
        child = os.fork()
        if child == 0:
            httpx.get(url)
            os._exit(0)
        os.waitpid(child, 0)
        return httpx.get(url).status_code
"""


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    bench = Workbench(tmp_path)
    bench.write(STEPS)
    return bench


async def test_a_call_arrives_with_all_that_was_said_and_without_secrets(
    tape: Tape, server: LoopbackServer, bench: Workbench
) -> None:
    with tape.recording("canary-0123"):
        answer = await bench.value_of(
            "steps.ask", {"url": f"{server.url}/stream", "body": "a canary-0123"}, isolated=True
        )
    call = tape.call
    assert (call.number, call.target, call.status, call.is_complete) == (1, f"POST {server.url}/stream", 200, True)
    assert tape.request == b"a [redacted]" and tape.response == str(answer).encode()
    assert words_of(tape.response) == "word 0 word 1 word 2 word 3 word 4 " and call.chunks
    assert call.duration_ms > 0 and b"hidden" not in tape.everything()


async def test_async_functions_are_taped_too(tape: Tape, server: LoopbackServer, bench: Workbench) -> None:
    with tape.recording():
        sizes = await bench.value_of("steps.ask_twice", {"url": f"{server.url}/json"}, isolated=True)
    assert [call.response.size for call in tape.calls if call.response] == sizes
    assert [call.number for call in tape.calls] == [1, 2]


async def test_what_was_asked_before_a_process_died_is_there(
    tape: Tape, server: LoopbackServer, bench: Workbench
) -> None:
    with tape.recording(), pytest.raises(ProcessDiedError):
        await bench.value_of("steps.ask_and_die", {"url": f"{server.url}/json"}, isolated=True)
    assert tape.call.status == 200


async def test_what_is_open_when_a_function_returns_is_incomplete(
    tape: Tape, server: LoopbackServer, bench: Workbench
) -> None:
    with tape.recording():
        assert await bench.value_of("steps.leave_open", {"url": f"{server.url}/endless"}, isolated=True) == "left"
    assert not tape.call.is_complete and tape.call.error == "the attempt ended first" and tape.response


async def test_forks_do_not_write_between_our_messages(tape: Tape, server: LoopbackServer, bench: Workbench) -> None:
    with tape.recording():
        assert await bench.value_of("steps.fork_and_ask", {"url": f"{server.url}/json"}, isolated=True) == 200
    assert tape.call.status == 200 and len(server.asked) == 2


async def test_nothing_is_sent_where_nothing_is_recorded(server: LoopbackServer, bench: Workbench) -> None:
    inputs = {"url": f"{server.url}/json", "body": "hi"}
    assert '"hi"' in str(await bench.value_of("steps.ask", inputs, isolated=True))


async def test_a_replay_asks_nobody(tape: Tape, server: LoopbackServer, bench: Workbench) -> None:
    inputs = {"url": f"{server.url}/json", "body": "hi"}
    with Tape().recording(player=player_of(tape)), pytest.raises(AgentError, match="a process of its own"):
        await asyncio.wait_for(bench.value_of("steps.ask", inputs, isolated=True), 30)
    assert not server.asked


async def test_calls_that_say_the_same_again_arrive_whole(tape: Tape, server: LoopbackServer, bench: Workbench) -> None:
    bench.write("""
        def ask_again(url, body):
            import httpx
            return [httpx.post(url, content=body * n).text for n in (1, 1, 2)]
    """)
    said = '{"messages": [' + '{"text": "' + "a" * 3000 + '"}]}'
    with tape.recording():
        await bench.value_of("steps.ask_again", {"url": f"{server.url}/echo", "body": said}, isolated=True)
    assert [tape.read(call.request).decode() for call in tape.calls] == [said, said, said * 2]
    assert [tape.read(call.response).decode() for call in tape.calls] == [said, said, said * 2]
