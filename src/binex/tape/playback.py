"""Plays the body of a recorded response piece by piece: at once, or with the pauses that there were.

A response whose reader gave it up never comes to its end here either: who reads it will give it up again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from itertools import zip_longest

from binex.tape.recorder import Recorded


def pieces_to_play(recorded: Recorded) -> list[bytes]:
    """The body of a recorded response in the pieces in which it came."""
    return [piece for piece in _pieces(recorded) if piece]


def play(recorded: Recorded) -> Iterator[bytes]:
    """The pieces, each when it is due; this blocks meanwhile."""
    if not recorded.pauses:
        yield from pieces_to_play(recorded)
        return
    for due, piece in schedule(recorded, time.monotonic()):
        time.sleep(max(0.0, due - time.monotonic()))
        if piece:
            yield piece


async def play_async(recorded: Recorded) -> AsyncIterator[bytes]:
    """The pieces, each when it is due."""
    if recorded.pauses:
        for due, piece in schedule(recorded, time.monotonic()):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if piece:
                yield piece
    else:
        for piece in pieces_to_play(recorded):
            yield piece
    if recorded.was_cancelled:
        await asyncio.get_running_loop().create_future()


def wait_out(recorded: Recorded) -> None:
    """Let the time go by that a call took to which nothing was answered."""
    for _ in play(recorded):
        pass


async def wait_out_async(recorded: Recorded) -> None:
    """The same on a loop."""
    async for _ in play_async(recorded):
        pass


def schedule(recorded: Recorded, start: float) -> Iterator[tuple[float, bytes]]:
    """The pieces with the times when they are due, for a clock that says *start* now; an empty one is the end."""
    due = start
    for piece, pause in zip_longest(_pieces(recorded), recorded.pauses):
        due += pause or 0.0
        yield due, piece or b""


def _pieces(recorded: Recorded) -> Iterator[bytes]:
    at = 0
    for chunk in recorded.chunks:
        yield recorded.body[at : at + chunk.size]
        at += chunk.size
    yield recorded.body[at:]
