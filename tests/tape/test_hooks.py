"""HTTP is taped whatever library makes it: word for word, as it is read, with what went wrong."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3

from binex.models.call import CallKind
from binex.tape.exchange import Exchange
from binex.tape.hooks import install_hooks
from binex.tape.recorder import recording
from tests.servers import LoopbackServer, serving
from tests.tape.conftest import Tape, pieces_of, words_of

SYNC = ["httpx", "httpx2", "requests", "urllib3"]
ASYNC = ["httpx", "httpx2", "aiohttp"]
BODY = b'{"question": "why?"}'
JSON = {"Content-Type": "application/json"}
ERRORS = (httpx.HTTPError, httpx2.HTTPError, requests.RequestException, urllib3.exceptions.HTTPError)


def ask(library: str, url: str, body: object = BODY) -> bytes:
    """Post with a library, and read all that comes back."""
    match library:
        case "httpx":
            with httpx.Client(timeout=5) as client:
                return client.post(url, content=body, headers=JSON).content  # type: ignore[arg-type]
        case "httpx2":
            with httpx2.Client(timeout=5) as client2:
                return client2.post(url, content=body, headers=JSON).content  # type: ignore[arg-type]
        case "requests":
            with requests.Session() as session:
                return session.post(url, data=body, headers=JSON, timeout=5).content  # type: ignore[arg-type]
        case _:
            with urllib3.PoolManager(retries=False, timeout=5) as pool:
                return pool.request("POST", url, body=body, headers=JSON).data  # type: ignore[arg-type]


async def ask_async(library: str, url: str, body: object = BODY, timeout: float = 5) -> bytes:
    match library:
        case "httpx":
            async with httpx.AsyncClient(timeout=timeout) as client:
                return (await client.post(url, content=body, headers=JSON)).content  # type: ignore[arg-type]
        case "httpx2":
            async with httpx2.AsyncClient(timeout=timeout) as client2:
                return (await client2.post(url, content=body, headers=JSON)).content  # type: ignore[arg-type]
        case _:
            limit = aiohttp.ClientTimeout(sock_read=timeout)
            async with aiohttp.ClientSession(timeout=limit) as session, session.post(url, data=body, headers=JSON) as r:
                return await r.read()


@pytest.mark.parametrize("library", SYNC)
def test_a_call_is_taped_word_for_word(tape: Tape, server: LoopbackServer, library: str) -> None:
    with tape.recording():
        answer = ask(library, f"{server.url}/json?a=1")
    call = tape.call
    assert (call.kind, call.target) == (CallKind.HTTP, f"POST {server.url}/json?a=1")
    assert (tape.request, tape.response, call.status) == (BODY, answer, 200)
    assert call.is_complete and call.error is None and call.duration_ms > 0
    assert {k.lower(): v for k, v in call.request_headers}["content-type"] == "application/json"
    assert {k.lower(): v for k, v in call.response_headers}["content-length"] == str(len(answer))
    assert call.response and call.response.media_type == "application/json"


@pytest.mark.parametrize("library", ASYNC)
async def test_an_async_call_is_taped_word_for_word(tape: Tape, server: LoopbackServer, library: str) -> None:
    with tape.recording():
        answer = await ask_async(library, f"{server.url}/json?a=1")
    call = tape.call
    assert (call.kind, call.target) == (CallKind.HTTP, f"POST {server.url}/json?a=1")
    assert (tape.request, tape.response, call.status) == (BODY, answer, 200)
    assert call.is_complete and call.error is None


@pytest.mark.parametrize("library", SYNC)
def test_a_stream_is_taped_in_the_chunks_in_which_it_was_read(tape: Tape, server: LoopbackServer, library: str) -> None:
    with tape.recording():
        answer = ask(library, f"{server.url}/stream")
    pieces = pieces_of(tape.response, tape.call.chunks)
    assert tape.response == answer and words_of(answer) == "word 0 word 1 word 2 word 3 word 4 "
    assert tape.call.is_complete
    assert len(pieces) > 1 or library == "urllib3", "which was asked for all of it at once"
    offsets = [chunk.offset_ms for chunk in tape.call.chunks]
    assert offsets == sorted(offsets) and offsets[0] > 0


@pytest.mark.parametrize("library", ASYNC)
async def test_an_async_stream_is_taped(tape: Tape, server: LoopbackServer, library: str) -> None:
    with tape.recording():
        answer = await ask_async(library, f"{server.url}/stream")
    assert b"".join(pieces_of(tape.response, tape.call.chunks)) == answer == tape.response
    assert tape.call.is_complete


def test_a_stream_is_not_read_ahead(tape: Tape, server: LoopbackServer) -> None:
    with tape.recording(), httpx.stream("GET", f"{server.url}/endless") as response:
        first = next(response.iter_raw())
        assert response.num_bytes_downloaded == len(first)
    assert tape.response == first
    assert not tape.call.is_complete and tape.call.error is None


async def test_closing_an_async_stream_early_leaves_it_incomplete(tape: Tape, server: LoopbackServer) -> None:
    with tape.recording():
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/endless") as response:
            await response.content.readany()
        async with httpx.AsyncClient() as client, client.stream("GET", f"{server.url}/endless") as stream:
            async for _ in stream.aiter_raw():
                break
    assert [call.is_complete for call in tape.calls] == [False, False]
    assert all(call.response and call.response.size for call in tape.calls)


def test_closing_a_requests_stream_early_leaves_it_incomplete(tape: Tape, server: LoopbackServer) -> None:
    with tape.recording(), requests.get(f"{server.url}/endless", stream=True, timeout=5) as response:
        next(response.iter_content(None))
    assert not tape.call.is_complete and tape.response


@pytest.mark.parametrize("library", SYNC)
def test_a_connection_that_is_refused_is_taped(tape: Tape, library: str) -> None:
    with serving() as gone:
        pass
    with tape.recording(), pytest.raises(ERRORS):
        ask(library, f"{gone.url}/json")
    assert tape.call.error and not tape.call.is_complete and tape.call.status is None
    assert tape.request == BODY


@pytest.mark.parametrize("path", ["reset", "half", "half-stream"])
@pytest.mark.parametrize("library", SYNC)
def test_what_breaks_off_is_taped_as_far_as_it_came(
    tape: Tape, server: LoopbackServer, library: str, path: str
) -> None:
    with tape.recording(), pytest.raises(ERRORS):
        ask(library, f"{server.url}/{path}")
    assert tape.call.error and not tape.call.is_complete
    if path == "half":
        assert tape.response == b'{"half": "' + b"x" * 40 and tape.call.status == 200
    if path == "half-stream":
        assert tape.response.count(b"data: ") == 2


@pytest.mark.parametrize("path", ["reset", "half", "half-stream"])
@pytest.mark.parametrize("library", ASYNC)
async def test_what_breaks_off_async_is_taped_too(tape: Tape, server: LoopbackServer, library: str, path: str) -> None:
    with tape.recording(), pytest.raises((*ERRORS, aiohttp.ClientError)):
        await ask_async(library, f"{server.url}/{path}")
    assert all(call.error and not call.is_complete for call in tape.calls)
    assert len(tape.calls) == 1 or library == "aiohttp", "aiohttp may ask again"
    if path == "half-stream":
        assert tape.read(tape.calls[-1].response).count(b"data: ") == 2


@pytest.mark.parametrize("library", ASYNC)
async def test_a_timeout_is_taped(tape: Tape, server: LoopbackServer, library: str) -> None:
    with tape.recording(), pytest.raises((*ERRORS, TimeoutError)):
        await ask_async(library, f"{server.url}/hang", timeout=0.2)
    assert "Timeout" in str(tape.call.error)


async def test_a_refused_aiohttp_connection_is_taped(tape: Tape) -> None:
    with serving() as gone:
        pass
    with tape.recording(), pytest.raises(aiohttp.ClientConnectorError):
        await ask_async("aiohttp", f"{gone.url}/json")
    assert "ClientConnectorError" in str(tape.call.error)


@pytest.mark.parametrize("library", ["httpx", "httpx2", "requests", "urllib3"])
def test_redirects_and_refusals_are_calls_of_their_own(tape: Tape, server: LoopbackServer, library: str) -> None:
    with tape.recording():
        if library.startswith("httpx"):
            module = httpx if library == "httpx" else httpx2
            module.get(f"{server.url}/redirect", follow_redirects=True)
        elif library == "requests":
            requests.get(f"{server.url}/redirect", timeout=5)
        else:
            with urllib3.PoolManager() as pool:
                pool.request("GET", f"{server.url}/redirect")
        ask(library, f"{server.url}/429")
    assert [call.status for call in tape.calls] == [302, 200, 429]
    assert [call.number for call in tape.calls] == [1, 2, 3]


async def test_redirects_of_aiohttp_are_calls_of_their_own(tape: Tape, server: LoopbackServer) -> None:
    with tape.recording():
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/redirect") as response:
            await response.read()
    assert [call.status for call in tape.calls] == [302, 200]


@pytest.mark.parametrize("library", SYNC)
def test_compressed_bodies_are_taped_as_they_read(tape: Tape, server: LoopbackServer, library: str) -> None:
    with tape.recording():
        answer = ask(library, f"{server.url}/gzip")
    assert tape.response == answer == b'{"is_compressed": true}' * 20


async def test_compressed_bodies_are_taped_as_aiohttp_reads_them(tape: Tape, server: LoopbackServer) -> None:
    with tape.recording():
        answer = await ask_async("aiohttp", f"{server.url}/gzip")
    assert tape.response == answer == b'{"is_compressed": true}' * 20


async def test_a_body_that_aiohttp_leaves_compressed_is_taped_as_it_reads(tape: Tape, server: LoopbackServer) -> None:
    with tape.recording():
        async with aiohttp.ClientSession(auto_decompress=False) as session, session.get(f"{server.url}/gzip") as answer:
            assert (await answer.read())[:2] == b"\x1f\x8b"
    assert tape.response == b'{"is_compressed": true}' * 20


def numbers() -> Iterator[bytes]:
    yield b"one "
    yield b"two"


async def async_numbers() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


@pytest.mark.parametrize("library", SYNC)
def test_bodies_that_are_made_while_they_are_sent_are_taped(tape: Tape, server: LoopbackServer, library: str) -> None:
    with tape.recording():
        assert ask(library, f"{server.url}/echo", numbers()) == b"one two"
    assert tape.request == tape.response == b"one two"


@pytest.mark.parametrize("library", ASYNC)
async def test_async_bodies_are_taped(tape: Tape, server: LoopbackServer, library: str) -> None:
    with tape.recording():
        assert await ask_async(library, f"{server.url}/echo", async_numbers()) == b"one two"
    assert tape.request == tape.response == b"one two"


def test_an_upload_that_is_larger_than_memory_is_kept_in_part(tape: Tape) -> None:
    exchange = Exchange(tape.recorder(), "POST", "http://host/", (), None)
    piece = bytes(5 << 20)
    for _ in range(20):
        exchange.ask(piece)
    exchange.begin_response(200, ())
    exchange.end()
    assert len(tape.request) == 64 << 20


def test_multipart_bodies_and_files_are_taped(tape: Tape, server: LoopbackServer, tmp_path: object) -> None:
    files = {"file": ("a.txt", b"the text of a file", "text/plain")}
    with tape.recording():
        httpx.post(f"{server.url}/echo", files=files)
        requests.post(f"{server.url}/echo", files=files, timeout=5)
    for call in tape.calls:
        assert b"the text of a file" in tape.read(call.request)
        assert tape.read(call.request) == tape.read(call.response)


async def test_concurrent_attempts_never_mix(server: LoopbackServer) -> None:
    install_hooks()
    tapes = [Tape() for _ in range(20)]

    async def attempt(n: int) -> None:
        library = ASYNC[n % 3]
        with recording(tapes[n].recorder()):
            for turn in range(3):
                body = json.dumps({"attempt": n, "turn": turn}).encode()
                await ask_async(library, f"{server.url}/echo", body)
                await asyncio.to_thread(ask, SYNC[n % 4], f"{server.url}/echo", body)

    await asyncio.gather(*(attempt(n) for n in range(20)))
    for n, tape in enumerate(tapes):
        assert len(tape.calls) == 6
        assert all(json.loads(tape.read(call.response))["attempt"] == n for call in tape.calls)


def test_nothing_is_taped_outside_of_an_attempt(tape: Tape, server: LoopbackServer) -> None:
    for library in SYNC:
        assert ask(library, f"{server.url}/echo") == BODY
    with tape.recording():
        thread = threading.Thread(target=ask, args=("httpx", f"{server.url}/echo"))
        thread.start()
        thread.join()
    assert tape.calls == []


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_vendors_library_is_taped(tape: Tape, server: LoopbackServer, is_streamed: bool) -> None:
    import openai

    with (
        tape.recording() as recorder,
        openai.OpenAI(api_key="sk-" + "a" * 40, base_url=f"{server.url}/chat?x=") as client,
        recorder.begin(CallKind.MODEL, "openai/small", b"{}") as taping,
    ):
        answer = client.chat.completions.create(
            model="small", messages=[{"role": "user", "content": "say these words"}], stream=is_streamed
        )
        if is_streamed:
            said = "".join(chunk.choices[0].delta.content or "" for chunk in answer)  # type: ignore[union-attr]
        else:
            said = str(answer.choices[0].message.content)  # type: ignore[union-attr]
        taping.respond(said.encode())
    wire, model = tape.calls
    assert (wire.parent, wire.kind, wire.is_complete, wire.status) == (model.number, CallKind.HTTP, True, 200)
    assert json.loads(tape.read(wire.request))["model"] == "small"
    assert b"a" * 40 not in tape.everything()
    assert said == "say these words "


def test_libraries_are_hooked_when_they_are_imported_later() -> None:
    with serving() as server:
        program = f"""
import sys
import binex
from binex.tape.hooks import install_hooks
from binex.tape.recorder import recording
from binex.tape.redaction import Redactor
from binex.tape.taping import AttemptRecorder
install_hooks()
install_hooks()
assert not {{"httpx", "httpx2", "urllib3", "aiohttp", "requests"}} & set(sys.modules)
calls = []
recorder = AttemptRecorder("run", "task", 1, sink=lambda call, parts: calls.append(call), redactor=Redactor(()))
import httpx, httpx2, requests
with recording(recorder):
    for library in (httpx, httpx2, requests):
        library.get({server.url!r} + "/json", timeout=5)
print([call.number for call in calls], httpx.__spec__.loader is httpx.__loader__)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[1, 2, 3] True\n", done.stderr


def test_to_look_for_a_library_does_not_keep_it_from_being_hooked() -> None:
    program = """
import sys
from importlib.util import find_spec
from binex.tape.hooks import install_hooks
install_hooks()
assert all(find_spec(name) for name in ("httpx", "urllib3"))
assert find_spec("httpx").loader.get_filename("httpx").endswith("__init__.py")
import httpx, urllib3
print([hasattr(method, "__wrapped__") for method in (
    httpx.HTTPTransport.handle_request, urllib3.HTTPConnectionPool._make_request
)])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[True, True]\n", done.stderr
