"""Streams are played back in the pieces in which they came; where that is asked for, with their pauses."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3

from binex.models.call import Chunk
from binex.tape.playback import pieces_to_play, play, play_async
from binex.tape.player import Player
from binex.tape.recorder import Recorded
from tests.servers import serving
from tests.tape.conftest import Tape, pieces_of
from tests.tape.test_hooks import ASYNC, ERRORS, SYNC, ask, ask_async

PAUSES = (0.05, 0.0, 0.2, 0.05, 0.0, 0.1)
"""Before the five events and the end of a stream, in seconds."""


def stream(library: str, url: str) -> Iterator[bytes]:
    """The pieces of a response as a library reads them."""
    match library:
        case "httpx" | "httpx2":
            module = httpx if library == "httpx" else httpx2
            with module.stream("GET", url) as response:
                yield from response.iter_raw()
        case "requests":
            with requests.get(url, stream=True, timeout=5) as streamed:
                yield from streamed.iter_content(None)
        case _:
            with urllib3.PoolManager() as pool:
                yield from pool.request("GET", url, preload_content=False).stream(None)


async def stream_async(library: str, url: str) -> AsyncIterator[bytes]:
    if library == "aiohttp":
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            async for piece in response.content.iter_any():
                yield piece
    else:
        module = httpx if library == "httpx" else httpx2
        async with module.AsyncClient() as client, client.stream("GET", url) as streamed:
            async for piece in streamed.aiter_raw():
                yield piece


def paced(tape: Tape, pauses: Sequence[float]) -> Player:
    """A player of the only call of *tape*, which came with these pauses."""
    call, came, chunks = tape.call, 0.0, []
    data = tape.response
    events = [event + b"\n\n" for event in data.split(b"\n\n")[:-2]] + [b"data: [DONE]\n\n"]
    for event, pause in zip(events, pauses, strict=True):
        came += pause * 1000
        chunks.append(Chunk(came, len(event)))
    changed = call.model_copy(update={"chunks": tuple(chunks), "duration_ms": came})
    assert pieces_of(data, chunks) == events
    return Player([changed], tape.read, is_timed=True)


@pytest.mark.parametrize("library", SYNC)
def test_a_stream_comes_in_the_chunks_in_which_it_was_recorded(tape: Tape, library: str) -> None:
    with serving() as server, tape.recording():
        said = b"".join(stream(library, f"{server.url}/stream"))
    with Tape().recording(player=Player(tape.calls, tape.read)):
        again = list(stream(library, f"{server.url}/stream"))
    assert b"".join(again) == said and again == pieces_of(tape.response, tape.call.chunks)


@pytest.mark.parametrize("library", SYNC)
def test_a_timed_stream_keeps_its_pauses(tape: Tape, library: str) -> None:
    with serving() as server, tape.recording():
        list(stream(library, f"{server.url}/stream"))
    with Tape().recording(player=paced(tape, PAUSES)):
        began, came = time.monotonic(), []
        for _ in stream(library, f"{server.url}/stream"):
            came.append(time.monotonic() - began)
    assert len(came) == len(PAUSES)
    for moment, due in zip(came, (0.05, 0.05, 0.25, 0.3, 0.3, 0.4), strict=True):
        assert moment >= due - 0.001
    assert came[1] < 0.25, "the second piece does not wait for the third"


@pytest.mark.parametrize("library", ASYNC)
async def test_a_timed_stream_keeps_its_pauses_and_lets_others_go_on(tape: Tape, library: str) -> None:
    with serving() as server, tape.recording():
        async for _ in stream_async(library, f"{server.url}/stream"):
            pass
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.02)
            ticks += 1

    ticking = asyncio.create_task(tick())
    with Tape().recording(player=paced(tape, PAUSES)):
        began, came, between = time.monotonic(), [], []
        async for piece in stream_async(library, f"{server.url}/stream"):
            came += [time.monotonic() - began] * piece.count(b"data: ")
            between.append(ticks)
    ticking.cancel()
    assert len(came) == len(PAUSES)
    for moment, due in zip(came, (0.05, 0.05, 0.25, 0.3, 0.3, 0.4), strict=True):
        assert moment >= due - 0.001
    assert between[-1] > between[0], "others ran between the first piece and the last"


@pytest.mark.parametrize("library", SYNC)
def test_without_timing_nobody_waits(tape: Tape, library: str) -> None:
    with serving() as server, tape.recording():
        said = ask(library, f"{server.url}/stream")
    slow = tape.call.model_copy(update={"duration_ms": 3_600_000.0})
    with Tape().recording(player=Player([slow], tape.read)):
        assert ask(library, f"{server.url}/stream") == said


@pytest.mark.parametrize("library", SYNC)
def test_a_timed_error_comes_after_its_time(tape: Tape, library: str) -> None:
    with serving() as gone:
        pass
    with tape.recording(), pytest.raises(ERRORS):
        ask(library, f"{gone.url}/json")
    slow = tape.call.model_copy(update={"duration_ms": 150.0})
    began = time.monotonic()
    with Tape().recording(player=Player([slow], tape.read, is_timed=True)), pytest.raises(ERRORS):
        ask(library, f"{gone.url}/json")
    assert time.monotonic() - began >= 0.149


@pytest.mark.parametrize("library", ASYNC)
async def test_a_timed_error_comes_after_its_time_for_async_clients(tape: Tape, library: str) -> None:
    with serving() as gone:
        pass
    with tape.recording(), pytest.raises((*ERRORS, aiohttp.ClientError)):
        await ask_async(library, f"{gone.url}/json")
    slow = tape.call.model_copy(update={"duration_ms": 150.0})
    began = time.monotonic()
    player = Player([slow], tape.read, is_timed=True)
    with Tape().recording(player=player), pytest.raises((*ERRORS, aiohttp.ClientError)):
        await ask_async(library, f"{gone.url}/json")
    assert time.monotonic() - began >= 0.149


async def test_a_timed_aiohttp_stream_that_is_left_early_leaves_nothing_behind(tape: Tape) -> None:
    with serving() as server, tape.recording():
        async for _ in stream_async("aiohttp", f"{server.url}/stream"):
            pass
    with Tape().recording(player=paced(tape, (0.0, 60.0, 0.0, 0.0, 0.0, 0.0))):
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/stream") as response:
            assert await response.content.readany()
    waiting = getattr(asyncio.get_running_loop(), "_scheduled", [])
    assert all(handle.cancelled() for handle in waiting if "_Feeder" in repr(handle))


@pytest.mark.parametrize("library", ASYNC)
async def test_a_large_body_is_played_to_its_end(tape: Tape, library: str) -> None:
    with serving(large=b"x" * 3_000_000) as server, tape.recording():
        said = await ask_async(library, f"{server.url}/large")
    for is_timed in (False, True):
        with Tape().recording(player=Player(tape.calls, tape.read, is_timed=is_timed)):
            assert await ask_async(library, f"{server.url}/large") == said


def test_a_body_that_was_not_streamed_comes_at_the_end() -> None:
    recorded = Recorded(b"whole", pauses=(0.05,))
    began = time.monotonic()
    assert list(play(recorded)) == [b"whole"]
    assert time.monotonic() - began >= 0.049


async def test_pieces_add_up_to_the_body_whatever_the_chunks_say() -> None:
    recorded = Recorded(b"abcdef", chunks=(Chunk(0.0, 2), Chunk(0.0, 0), Chunk(0.0, 3)))
    assert pieces_to_play(recorded) == list(play(recorded)) == [b"ab", b"cde", b"f"]
    assert [piece async for piece in play_async(recorded)] == [b"ab", b"cde", b"f"]


async def test_what_was_cancelled_never_ends_by_itself() -> None:
    came = []
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            async for piece in play_async(Recorded(b"ab", is_complete=False, error="CancelledError")):
                came.append(piece)
    assert came == [b"ab"]
