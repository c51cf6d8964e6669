"""Calls of functions in processes of their own are on the tape of their attempt."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
from pydantic import JsonValue

from binex.errors import OfflineError, ProcessDiedError, ReplayError
from binex.models.call import ENDED_FIRST, CallKind
from binex.tape.asked import Asked
from binex.tape.player import Player
from binex.tape.recorder import CutOffError
from binex.tape.transfer import ProcessRecorder, Receiver
from tests.adapters.workbench import Workbench
from tests.servers import LoopbackServer, serving
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

    async def ask_later(url, body):
        import httpx
        async with httpx.AsyncClient() as client:
            return (await client.post(url, content=body)).text

    def fork_and_ask(url):
        import httpx
        child = os.fork()
        if child == 0:
            httpx.get(url)
            os._exit(0)
        os.waitpid(child, 0)
        return httpx.get(url).status_code

    def ask_for_much(url):
        import requests
        return [len(requests.get(url + "/large").content)] + [requests.get(f"{url}/json?n={n}").text for n in range(50)]

    def reach(port):
        import socket
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except Exception as error:
            return "refused"
        return "reached"

    def swallow(port):
        return reach(port)

    def start_thread(port):
        said = []
        thread = threading.Thread(target=lambda: said.append(reach(port)), name="own")
        thread.start()
        thread.join()
        return said[0]

    async def ask_at_once(url):
        import asyncio, requests
        def one(n): return requests.post(url, data=f"{n}" * 100_000).text
        return await asyncio.gather(*(asyncio.to_thread(one, n) for n in range(8)))

    def die_while_asking(url):
        import requests, time
        def die():
            time.sleep(0.3)
            os.kill(os.getpid(), 9)
        threading.Thread(target=die).start()
        while True:
            try:
                requests.get(url)
            except Exception:
                time.sleep(0.01)
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
    inputs: dict[str, JsonValue] = {"url": f"{server.url}/json", "body": "hi"}
    assert '"hi"' in str(await bench.value_of("steps.ask", inputs, isolated=True))


async def replayed(
    tape: Tape, bench: Workbench, function: str, inputs: dict[str, JsonValue], **player: Any
) -> tuple[JsonValue, Tape]:
    """What an isolated function says when *tape* answers its calls, and what is recorded then."""
    again = Tape()
    with again.recording("canary-0123", player=Player(tape.calls, tape.read, **player)):
        return await bench.value_of(function, inputs, isolated=True), again


@pytest.mark.parametrize("function", ["steps.ask", "steps.ask_twice", "steps.ask_for_much"])
async def test_a_replay_is_answered_from_the_tape(tape: Tape, bench: Workbench, function: str) -> None:
    with serving(large=b"x" * 3_000_000) as server:
        inputs: dict[str, JsonValue] = {"url": f"{server.url}/stream"}
        if function == "steps.ask":
            inputs["body"] = "a canary-0123"
        if function == "steps.ask_for_much":
            inputs = {"url": server.url}
        with tape.recording("canary-0123"):
            said = await bench.value_of(function, inputs, isolated=True)
        asked = len(server.asked)
    answer, again = await replayed(tape, bench, function, inputs)
    assert answer == said and len(server.asked) == asked
    assert [call.asked for call in again.calls] == [call.asked for call in tape.calls]
    assert [again.read(call.response) for call in again.calls] == [tape.read(call.response) for call in tape.calls]
    assert b"canary" not in again.everything()


async def test_a_timed_replay_keeps_its_pauses(tape: Tape, server: LoopbackServer, bench: Workbench) -> None:
    inputs: dict[str, JsonValue] = {"url": f"{server.url}/echo", "body": "hi"}
    with tape.recording():
        said = await bench.value_of("steps.ask", inputs, isolated=True)
    tape.calls = [tape.call.model_copy(update={"duration_ms": 400.0})]
    answer, again = await replayed(tape, bench, "steps.ask", inputs, is_timed=True)
    assert answer == said and again.call.duration_ms >= 399


async def test_what_does_not_fit_is_told_with_its_difference(
    tape: Tape, server: LoopbackServer, bench: Workbench
) -> None:
    inputs: dict[str, JsonValue] = {"url": f"{server.url}/json", "body": '{"text": "canary-0123 tides"}'}
    with tape.recording("canary-0123"):
        await bench.value_of("steps.ask", inputs, isolated=True)
    inputs["body"] = '{"text": "canary-0123 waves"}'
    with Tape().recording("canary-0123", player=player_of(tape)) as recorder:
        with pytest.raises(ReplayError, match=r"of task 'task': .*call 1 is nearest") as caught:
            await bench.value_of("steps.ask", inputs, isolated=True)
        assert 'text: "[redacted] tides" → "[redacted] waves"' in caught.value.message
        assert recorder.refused == (caught.value.message,) and caught.value.fix
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("function", "who"), [("steps.swallow", "task 'swallow'"), ("steps.start_thread", "thread 'own'")]
)
async def test_what_a_process_was_refused_is_known_even_where_it_swallowed_it(
    server: LoopbackServer, bench: Workbench, function: str, who: str
) -> None:
    with Tape().recording(player=Player([], Tape().read)) as recorder:
        assert await bench.value_of(function, {"port": server.port}, isolated=True) == "refused"
    assert recorder.refused == (f"{who} tried to reach 127.0.0.1:{server.port} (socket.connect)",)
    with Tape().recording():
        assert await bench.value_of(function, {"port": server.port}, isolated=True) == "reached"


async def test_a_call_that_was_cut_off_ends_the_attempt_again(
    tape: Tape, server: LoopbackServer, bench: Workbench
) -> None:
    with tape.recording():
        await bench.value_of("steps.leave_open", {"url": f"{server.url}/endless"}, isolated=True)
    ended: list[str] = []
    player = Player(tape.calls, tape.read, end_attempt=lambda: ended.append("ended"))
    with Tape().recording(player=player) as recorder, pytest.raises(ReplayError, match="the attempt ended before"):
        await bench.value_of("steps.leave_open", {"url": f"{server.url}/endless"}, isolated=True)
    assert ended == ["ended"] and recorder.refused == ()


@pytest.mark.parametrize("function", ["steps.ask", "steps.ask_later"])
async def test_a_call_that_was_cut_off_with_its_process_ends_the_attempt_again(
    tape: Tape, server: LoopbackServer, bench: Workbench, function: str
) -> None:
    inputs: dict[str, JsonValue] = {"url": f"{server.url}/hang", "body": "hi"}
    with tape.recording() as recorder:
        work = asyncio.create_task(bench.value_of(function, inputs, isolated=True))
        while not server.asked:
            await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert recorder.progress == ""
    assert (tape.call.error, tape.call.is_complete, tape.request) == (ENDED_FIRST, False, b"hi")
    ended: list[str] = []
    player = Player(tape.calls, tape.read, end_attempt=lambda: ended.append("ended"))
    with Tape().recording(player=player), pytest.raises(CutOffError, match="the attempt ended before"):
        await bench.value_of(function, inputs, isolated=True)
    assert ended == ["ended"]


async def test_a_call_that_its_process_died_in_is_on_the_tape(
    tape: Tape, server: LoopbackServer, bench: Workbench
) -> None:
    with tape.recording(), pytest.raises(ProcessDiedError):
        await bench.value_of("steps.die_while_asking", {"url": f"{server.url}/hang"}, isolated=True)
    assert (tape.call.error, tape.call.is_complete) == ("the process ended first", False)


async def test_calls_are_numbered_as_they_began_and_know_what_they_were_made_for(
    tape: Tape, server: LoopbackServer, bench: Workbench
) -> None:
    bench.write("""
        def nested(url):
            import binex, httpx
            from binex.models.call import CallKind
            from binex.tape.recorder import current_recorder
            binex.random()
            with current_recorder().begin(CallKind.TOOL, "tool://outer"):
                httpx.get(url)
    """)
    with tape.recording():
        await bench.value_of("steps.nested", {"url": f"{server.url}/json"}, isolated=True)
    said = sorted((call.number, call.parent, call.kind) for call in tape.calls)
    assert said == [(1, None, CallKind.VALUE), (2, None, CallKind.TOOL), (3, 2, CallKind.HTTP)]


async def test_what_is_refused_offline_keeps_its_type(server: LoopbackServer, bench: Workbench) -> None:
    class Offline:
        def answer(self, kind: CallKind, target: str, asked: Asked) -> None:
            raise OfflineError(f"{asked.task} would have to ask {target}", fix="run it")

    with Tape().recording(player=Offline()), pytest.raises(OfflineError, match="would have to ask POST") as caught:
        await bench.value_of("steps.ask", {"url": f"{server.url}/json", "body": "hi"}, isolated=True)
    assert caught.value.fix == "run it" and not caught.value.is_retryable


async def test_a_fork_of_a_replayed_function_gets_no_answers(
    tape: Tape, server: LoopbackServer, bench: Workbench
) -> None:
    with tape.recording():
        assert await bench.value_of("steps.fork_and_ask", {"url": f"{server.url}/json"}, isolated=True) == 200
    answer, again = await replayed(tape, bench, "steps.fork_and_ask", {"url": f"{server.url}/json"})
    assert answer == 200 and again.call.status == 200 and len(server.asked) == 2


async def test_threads_of_a_replayed_process_are_answered_side_by_side(
    tape: Tape, server: LoopbackServer, bench: Workbench
) -> None:
    with tape.recording():
        said = await bench.value_of("steps.ask_at_once", {"url": f"{server.url}/echo"}, isolated=True)
    answer, again = await replayed(tape, bench, "steps.ask_at_once", {"url": f"{server.url}/echo"})
    assert answer == said == [f"{n}" * 100_000 for n in range(8)] and len(again.calls) == 8


async def test_a_process_that_dies_while_it_is_answered_holds_nobody_up(
    tape: Tape, server: LoopbackServer, bench: Workbench
) -> None:
    server.replies["/large"] = b"x" * 1_000_000
    with tape.recording():
        for _ in range(20):
            requests.get(f"{server.url}/large", timeout=5)
    with Tape().recording(player=player_of(tape)), pytest.raises(ProcessDiedError):
        await asyncio.wait_for(
            bench.value_of("steps.die_while_asking", {"url": f"{server.url}/large"}, isolated=True), 30
        )


def test_a_call_that_begins_while_its_attempt_ends_is_dropped(tape: Tape) -> None:
    sent: list[Sequence[bytes]] = []
    there = ProcessRecorder("r", "t", 1, ask=None, send=sent.append)

    class Headers(list[tuple[str, str]]):
        def __iter__(self) -> Iterator[tuple[str, str]]:
            there.close()  # as the main thread does between two steps of another one
            return super().__iter__()

    there.begin(CallKind.HTTP, "http://host/", b"words", headers=Headers([("a", "b")]))
    receiver = Receiver(tape.recorder())
    for description, *bodies in sent:
        receiver.take(json.loads(description), bodies)


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
