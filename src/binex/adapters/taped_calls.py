"""What adapters have in common that ask the tape before anybody else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from binex.models.call import CallKind
from binex.tape.playback import play_async
from binex.tape.recorder import CutOffError, Recorded, Recorder

JSON: Final = "application/json"
REPLAYED: Final = "replayed"
"""Who says what a reply from the tape costs: nothing."""


async def answer_of_tape(recorder: Recorder, kind: CallKind, target: str, request: bytes) -> Recorded | None:
    """What the tape answers; None where the outside is to be asked.

    Raises:
        ReplayError: only the tape may answer, and it has nothing that fits.
        CancelledError: the attempt was ended during this call, and so it is now.
    """
    try:
        return recorder.answer(kind, target, request, media_type=JSON)
    except CutOffError:
        with recorder.begin(kind, target, request, media_type=JSON) as taping:
            if kind is CallKind.MODEL:
                taping.price(None, 0.0, REPLAYED)
            await asyncio.sleep(0)  # the attempt was told to end, and does so here, with the call on its own tape
            raise


async def lines_to_play(recorded: Recorded) -> AsyncIterator[bytes]:
    """The lines of a response, each as soon as all of it has come; what was given up then has no end."""
    if not recorded.pauses and not recorded.was_cancelled:  # nobody can tell in which pieces it came
        *whole, begun = recorded.body.split(b"\n")
        for line in whole:
            yield line
    else:
        begun = b""
        async for piece in play_async(recorded):
            *whole, begun = (begun + piece).split(b"\n")
            for line in whole:
                yield line
    if begun:
        yield begun
