"""A tape answers what it recorded, with nobody on the other side, and says what it cannot answer."""

import json
from collections.abc import Callable

import aiohttp
import httpx
import httpx2
import pytest
import requests

from binex.errors import ReplayError
from binex.models.call import CallKind
from binex.tape.asked import hash_asked
from binex.tape.player import Player
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
