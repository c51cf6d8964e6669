"""A tape answers what it recorded, with nobody on the other side, and says what it cannot answer."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests

from binex.errors import ReplayError
from binex.models.call import ENDED_FIRST, CallKind
from binex.tape.asked import Asked, hash_asked
from binex.tape.player import Player
from binex.tape.recorder import CutOffError
from binex.tape.redaction import Redactor
from binex.tape.taping import AttemptRecorder
from tests.servers import serving
from tests.tape.conftest import Tape
from tests.tape.test_hooks import ASYNC, ERRORS, SYNC, ask, ask_async, numbers


def player_of(tape: Tape) -> Player:
    return Player(tape.calls, tape.read)


@pytest.mark.parametrize("path", ["json?a=1", "stream", "gzip", "429"])
@pytest.mark.parametrize("library", SYNC)
def test_a_server_that_is_gone_is_answered_for(tape: Tape, library: str, path: str) -> None:
    with serving() as server, tape.recording():
        said = ask(library, f"{server.url}/{path}")
    again = Tape()
    with again.recording(player=player_of(tape)):
        assert ask(library, f"{server.url}/{path}") == said
    assert again.response == tape.response and again.call.status == tape.call.status
    assert again.call.asked == tape.call.asked


@pytest.mark.parametrize("path", ["json?a=1", "stream", "gzip", "429"])
@pytest.mark.parametrize("library", ASYNC)
async def test_async_clients_are_answered_too(tape: Tape, library: str, path: str) -> None:
    with serving() as server, tape.recording():
        said = await ask_async(library, f"{server.url}/{path}")
    with Tape().recording(player=player_of(tape)):
        assert await ask_async(library, f"{server.url}/{path}") == said


@pytest.mark.parametrize("path", ["reset", "half", "half-stream"])
@pytest.mark.parametrize("library", SYNC)
def test_what_failed_fails_again(tape: Tape, library: str, path: str) -> None:
    with serving() as server, tape.recording(), pytest.raises(ERRORS) as first:
        ask(library, f"{server.url}/{path}")
    with Tape().recording(player=player_of(tape)), pytest.raises(ERRORS) as second:
        ask(library, f"{server.url}/{path}")
    assert second.type is first.type


@pytest.mark.parametrize("path", ["half", "half-stream"])
async def test_what_failed_fails_again_for_aiohttp(tape: Tape, path: str) -> None:
    with serving() as server, tape.recording(), pytest.raises(aiohttp.ClientPayloadError):
        await ask_async("aiohttp", f"{server.url}/{path}")
    with Tape().recording(player=player_of(tape)), pytest.raises(aiohttp.ClientPayloadError):
        await ask_async("aiohttp", f"{server.url}/{path}")


@pytest.mark.parametrize("library", SYNC)
def test_bodies_that_are_made_while_they_are_sent_are_matched(tape: Tape, library: str) -> None:
    with serving() as server, tape.recording():
        ask(library, f"{server.url}/echo", numbers())
    with Tape().recording(player=player_of(tape)):
        assert ask(library, f"{server.url}/echo", numbers()) == b"one two"


@pytest.mark.parametrize("get", [httpx.get, httpx2.get, requests.get])
def test_the_same_question_is_answered_in_the_order_of_the_tape_and_once(
    tape: Tape, get: Callable[..., httpx.Response]
) -> None:
    with serving(n=b"1") as server, tape.recording():
        for n in (b"1", b"2"):
            server.replies["/n"] = n
            get(f"{server.url}/n", timeout=5)
    with Tape().recording(player=player_of(tape)):
        assert [get(f"{server.url}/n", timeout=5).content for _ in range(2)] == [b"1", b"2"]
        with pytest.raises(ReplayError, match="no http call of it is left on the tape"):
            get(f"{server.url}/n", timeout=5)


def test_what_was_never_asked_is_refused_by_name(tape: Tape) -> None:
    with serving() as server, tape.recording():
        ask("httpx", f"{server.url}/json", b'{"n": 1}')
    again = Tape()
    with again.recording(player=player_of(tape)):
        with pytest.raises(
            ReplayError, match=f"POST {server.url}/echo of task 'task': the nearest .* {server.url}/json"
        ):
            ask("httpx", f"{server.url}/echo")
        with pytest.raises(ReplayError, match="what it asks is not what was asked"):
            ask("requests", f"{server.url}/json", b'{"n": 2}')
    assert len(server.asked) == 1
    assert all("ReplayError" in str(call.error) for call in again.calls)


def recorded(tape: Tape, *calls: tuple[CallKind, str, object], **player: Any) -> Player:
    """A player of calls that asked this; each answered with its number."""
    recorder = tape.recorder("canary-0123")
    for kind, target, body in calls:
        with recorder.begin(kind, target, json.dumps(body).encode(), media_type="application/json") as taping:
            taping.respond(str(taping.number).encode())
    return Player(tape.calls, tape.read, **player)


def complaint(player: Player, kind: CallKind, target: str, body: object) -> str:
    """What is said where nothing fits."""
    with Tape().recording("canary-0123", player=player) as recorder, pytest.raises(ReplayError) as caught:
        recorder.answer(kind, target, json.dumps(body).encode())
    assert recorder.refused == (caught.value.message,)
    return caught.value.message


HI = {"model": "small", "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "tides"}]}


def test_what_does_not_fit_is_shown_against_the_nearest_request_to_the_same_target(tape: Tape) -> None:
    player = recorded(
        tape,
        (CallKind.MODEL, "mock/small", {"model": "other", "temperature": 1}),
        (CallKind.MODEL, "mock/small", HI),
        (CallKind.MODEL, "mock/large", HI),
    )
    asked = json.loads(json.dumps(HI))
    asked["messages"][1]["content"] = "a long text about the waves of the sea, " * 10
    asked["seed"] = 1
    said = complaint(player, CallKind.MODEL, "mock/small", asked)
    assert "the model call mock/small of task 'task'" in said
    assert "call 2 is nearest" in said
    assert 'messages[1].content: "tides" → "a long text about the waves of the sea, …"' in said
    assert "seed: nothing → 1" in said and "temperature" not in said and len(said) < 500


def test_a_difference_deep_in_a_long_text_is_shown_where_it_is(tape: Tape) -> None:
    text = "It was a dark and stormy night. " * 50
    player = recorded(tape, (CallKind.MODEL, "mock/small", {"text": f"{text}the tides rose{text}"}))
    said = complaint(player, CallKind.MODEL, "mock/small", {"text": f"{text}the waves rose{text}"})
    assert "tides rose" in said and "waves rose" in said and len(said) < 400


def test_a_difference_holds_no_secret_of_either_side(tape: Tape) -> None:
    player = recorded(
        tape, (CallKind.MODEL, "mock/small", {"text": "canary-0123 and tides", "api_key": "hunter2hunter2"})
    )
    body = {"text": "canary-0123 and waves", "api_key": "hunter3hunter3"}
    said = complaint(player, CallKind.MODEL, "mock/small", body)
    assert 'text: "[redacted] and tides" → "[redacted] and waves"' in said
    assert "canary" not in said and "hunter" not in said


def test_another_target_and_another_kind_are_named(tape: Tape) -> None:
    player = recorded(tape, (CallKind.HTTP, "POST http://a.test/one", {"n": 1}), (CallKind.TOOL, "tool://search", {}))
    said = complaint(player, CallKind.HTTP, "POST http://a.test/two", {"n": 2})
    assert "POST http://a.test/two" in said
    assert "nearest that was recorded is POST http://a.test/one (call 1); n: 1 → 2" in said
    said = complaint(player, CallKind.MODEL, "mock/small", {})
    assert "no model call of it is left on the tape; what is left there: 1 http, 1 tool" in said


def test_what_is_asked_once_more_than_it_was_is_told(tape: Tape) -> None:
    player = recorded(tape, (CallKind.MODEL, "mock/small", HI))
    with Tape().recording(player=player) as recorder:
        recorder.answer(CallKind.MODEL, "mock/small", json.dumps(HI).encode())
    assert "was asked once when it was recorded" in complaint(player, CallKind.MODEL, "mock/small", HI)


def test_a_request_that_is_not_at_hand_keeps_nobody_from_being_told(tape: Tape) -> None:
    recorded(tape, (CallKind.MODEL, "mock/small", HI))
    player = Player(tape.calls, {}.__getitem__)  # type: ignore[arg-type]
    assert "call 1 is nearest" in complaint(player, CallKind.MODEL, "mock/small", {})


def test_an_attempt_that_made_no_calls_answers_none(tape: Tape) -> None:
    said = complaint(Player([], tape.read), CallKind.HTTP, "GET http://a.test/", {})
    assert said.endswith("of task 'task': no http call of it is left on the tape")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_gone_is_not_asked_either(tape: Tape, scheme: str) -> None:
    url = f"{scheme}://binex.test/page"
    with tape.recorder().begin(CallKind.HTTP, f"GET {url}") as taping:
        taping.respond(b"said", status=200)
    tape.calls *= 4
    proxy = "http://127.0.0.1:1"
    with Tape().recording(player=player_of(tape)):
        assert requests.get(url, proxies={scheme: proxy}, timeout=5).content == b"said"
        assert httpx.Client(proxy=proxy).get(url).content == b"said"
        assert httpx2.Client(proxy=proxy).get(url).content == b"said"


async def test_fifty_calls_at_once_get_their_own_answers(tape: Tape) -> None:
    async def ask_all(url: str) -> list[bytes]:
        async with httpx.AsyncClient(timeout=30) as client:
            same = [client.post(f"{url}/echo", content=b"same") for _ in range(25)]
            different = [client.post(f"{url}/echo", content=f"{n}".encode()) for n in range(25)]
            return [reply.content for reply in await asyncio.gather(*same, *different)]

    with serving() as server, tape.recording():
        said = await ask_all(server.url)
    again = Tape()
    with again.recording(player=player_of(tape)):
        assert await ask_all(server.url) == said == [b"same"] * 25 + [f"{n}".encode() for n in range(25)]
    assert sorted(call.asked for call in again.calls) == sorted(call.asked for call in tape.calls)


async def test_threads_get_their_own_answers(tape: Tape) -> None:
    async def ask_all(url: str) -> list[bytes]:
        asked = [asyncio.to_thread(ask, SYNC[n % 4], f"{url}/echo", f"{n % 10}".encode()) for n in range(40)]
        return await asyncio.gather(*asked)

    with serving() as server, tape.recording():
        said = await ask_all(server.url)
    with Tape().recording(player=player_of(tape)):
        assert await ask_all(server.url) == said == [f"{n % 10}".encode() for n in range(40)]


def test_the_calls_that_were_made_for_another_one_come_last(tape: Tape) -> None:
    recorder = tape.recorder()
    with recorder.begin(CallKind.TOOL, "tool://search"), recorder.begin(CallKind.VALUE, "now") as inner:
        inner.respond(b"inner")
    with recorder.begin(CallKind.VALUE, "now") as outer:
        outer.respond(b"outer")
    with Tape().recording(player=player_of(tape)) as again:
        said = [again.answer(CallKind.VALUE, "now") for _ in range(2)]
    assert [answer and answer.body for answer in said] == [b"outer", b"inner"]


def test_a_call_that_the_end_of_the_attempt_cut_off_ends_it_again(tape: Tape) -> None:
    with serving() as server, tape.recording():
        stream = httpx.Client().stream("GET", f"{server.url}/endless")
        pieces = stream.__enter__().iter_raw()
        first = next(pieces)
    stream.__exit__(None, None, None)
    assert tape.call.error == ENDED_FIRST
    ended: list[str] = []
    player = Player(tape.calls, tape.read, end_attempt=lambda: ended.append("ended"))
    with Tape().recording(player=player) as recorder, pytest.raises(CutOffError, match="attempt ended before"):
        httpx.get(f"{server.url}/endless")
    assert ended == ["ended"] and recorder.refused == ()
    with Tape().recording(player=player_of(tape)), httpx.stream("GET", f"{server.url}/endless") as again:
        assert next(again.iter_raw()) == first


@pytest.mark.parametrize("library", ASYNC)
async def test_a_call_that_was_cancelled_with_its_attempt_ends_it_again(tape: Tape, library: str) -> None:
    with serving() as server, tape.recording(), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await ask_async(library, f"{server.url}/hang")
    ended: list[str] = []
    player = Player(tape.calls, tape.read, end_attempt=lambda: ended.append("ended"))
    with Tape().recording(player=player), pytest.raises(CutOffError):
        await ask_async(library, f"{server.url}/hang")
    assert ended == ["ended"]


@pytest.mark.parametrize("path", ["hang", "drip"])
@pytest.mark.parametrize("library", ASYNC)
async def test_what_a_function_gave_up_waiting_for_is_waited_for_again(tape: Tape, library: str, path: str) -> None:
    async def give_up(url: str) -> bytes:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await ask_async(library, f"{url}/{path}")
        return await ask_async(library, f"{url}/echo")

    with serving() as server, tape.recording():
        said = await give_up(server.url)
    player = Player(tape.calls, tape.read, end_attempt=lambda: pytest.fail("it was the function's own decision"))
    with Tape().recording(player=player):
        assert await give_up(server.url) == said


def test_ten_thousand_answers_take_no_second(tape: Tape) -> None:
    calls = [(CallKind.MODEL, "mock/small", {"n": n, "text": "x" * 200}) for n in range(2000)]
    player = recorded(tape, *calls)
    asked = [Asked(call.asked) for call in tape.calls]
    started = time.perf_counter()
    for n, question in enumerate(asked):
        assert player.answer(CallKind.MODEL, "mock/small", question).body == b"%d" % (n + 1)
    assert time.perf_counter() - started < 1, "a fifth of that is what it may take"


def test_secrets_do_not_decide_what_fits(tape: Tape) -> None:
    def begin(recorder_of: Tape, key: str) -> str:
        recorder = recorder_of.recorder(key)
        recorder.begin(CallKind.HTTP, f"GET http://host/?api_key={key}", json.dumps({"said": key}).encode()).end()
        return recorder_of.call.asked

    assert begin(tape, "canary-one") == begin(Tape(), "canary-two")


def test_a_form_with_a_secret_in_it_is_found_again(tape: Tape) -> None:
    form = {"client_secret": "hunter2hunter2", "grant_type": "client_credentials"}
    with serving() as server, tape.recording():
        said = httpx.post(f"{server.url}/json", data=form, timeout=5).content
    assert b"hunter2" not in tape.request
    with Tape().recording(player=player_of(tape)):
        assert httpx.post(f"{server.url}/json", data=form, timeout=5).content == said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"jsonrpc": "2.0", "id": 1, "method": "m"}', b'{"jsonrpc": "2.0", "id": "x7", "method": "m"}'),
        (b'{"messageId": "a", "text": "hi"}', b'{"messageId": "b", "text": "hi"}'),
        (b'{"task": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}', b'{"task": "00000000-8b86-d011-b42d-00cf4fc964fe"}'),
        (b"--b1\r\nX: y\r\n\r\ntext\r\n--b1--\r\n", b"--b2\r\nX: y\r\n\r\ntext\r\n--b2--\r\n"),
    ],
)
def test_what_changes_by_chance_does_not_decide_what_fits(one: bytes, other: bytes) -> None:
    assert hash_asked(CallKind.HTTP, "POST http://h/", one) == hash_asked(CallKind.HTTP, "POST http://h/", other)


def test_everything_else_decides() -> None:
    asked = {
        hash_asked(kind, target, body)
        for kind in (CallKind.HTTP, CallKind.TOOL)
        for target in ("GET http://h/a", "GET http://h/b")
        for body in (b'{"text": "a"}', b'{"text": "b"}', b'{"id": 1}', b'{"id": 2}')
    }
    assert len(asked) == 16


KEPT_REPLY = b'{"text": "two a day"}\n'


def answer_again(tape: Tape, again: Tape, *secrets: str, request: bytes = b'{"asked": 1}') -> None:
    """Record once more what the tape answers, where it is kept too."""
    recorder = again.recorder(*secrets, player=Player(tape.calls, tape.read, is_kept_here=True))
    recorded = recorder.answer(CallKind.MODEL, "mock/a", request, media_type="application/json")
    assert recorded is not None
    with recorder.begin(CallKind.MODEL, "mock/a", request, media_type="application/json") as taping:
        taping.chunk(recorded.body)


def record_reply(tape: Tape) -> None:
    taping = tape.recorder().begin(CallKind.MODEL, "mock/a", b'{"asked": 1}', media_type="application/json")
    with taping:
        taping.chunk(KEPT_REPLY)


def test_what_is_kept_there_already_is_not_handed_over_again(tape: Tape) -> None:
    record_reply(tape)
    again = Tape()
    answer_again(tape, again)
    assert again.handed_over == []
    assert (again.call.request, again.call.response) == (tape.call.request, tape.call.response)
    assert again.call.asked == tape.call.asked


def test_a_secret_that_only_became_known_since_is_cut_out_of_what_is_answered(tape: Tape) -> None:
    record_reply(tape)
    again = Tape()
    answer_again(tape, again, "two a day")
    assert again.response == b'{"text": "[redacted]"}\n'
    assert b"two a day" not in again.everything()


def test_a_secret_that_becomes_known_between_question_and_call_is_cut_out_of_the_request(tape: Tape) -> None:
    record_reply(tape)
    again, redactor = Tape(), Redactor(())
    recorder = AttemptRecorder(
        "run", "task", 1, sink=again.take, redactor=redactor, player=Player(tape.calls, tape.read, is_kept_here=True)
    )
    recorder.answer(CallKind.MODEL, "mock/a", b'{"asked": 1}')
    redactor.add(["asked"])
    with recorder.begin(CallKind.MODEL, "mock/a", b'{"asked": 1}') as taping:
        taping.chunk(b"{}")
    assert again.request == b'{"[redacted]": 1}'
