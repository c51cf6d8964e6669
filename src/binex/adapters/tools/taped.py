"""Uses of tools on the tape: each is one call, and a tape that knows the answer is asked first."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from pydantic import JsonValue

from binex.adapters.attempt import current_attempt
from binex.adapters.taped_calls import JSON, answer_of_tape
from binex.errors import AgentError, ReplayError
from binex.models.call import CallKind
from binex.models.failure import MEDIA_TYPE, decode_failure, encode_failure, failure_in_words
from binex.models.json_value import decode_json, encode_json
from binex.tape.playback import wait_out_async
from binex.tape.recorder import Recorded


class Answered(NamedTuple):
    """What a tool answered; where it failed, with what the model is told as its value."""

    value: JsonValue
    error: str | None = None


async def ask_taped(target: str, request: bytes, ask: Callable[[], Awaitable[Answered]]) -> JsonValue:
    """What *ask* answers, or what the tape says that it answered.

    Raises:
        AgentError: *ask* did, or did when the tape was made.
        ReplayError: only the tape may answer, and it has nothing that fits.
    """
    recorder = current_attempt().recorder
    recorded = await answer_of_tape(recorder, CallKind.TOOL, target, request)
    with recorder.begin(CallKind.TOOL, target, request, media_type=JSON) as taping:
        try:
            answered = await ask() if recorded is None else await _play(target, recorded)
        except AgentError as error:
            taping.respond(encode_failure(error), media_type=MEDIA_TYPE)
            raise
        taping.respond(encode_json(answered.value), media_type=JSON)
        if answered.error is not None:
            taping.fail(answered.error)
    return answered.value


async def _play(target: str, recorded: Recorded) -> Answered:
    await wait_out_async(recorded)
    if recorded.media_type == MEDIA_TYPE and (failure := decode_failure(recorded.body)) is not None:
        raise failure
    if not recorded.body:
        raise failure_in_words(recorded.error or f"{target} gave no answer when this was recorded")
    try:
        return Answered(decode_json(recorded.body), recorded.error)
    except ValueError:
        fix = "run it again, with the tool"
        raise ReplayError(f"the tape holds only a part of what {target} answered", fix=fix) from None
