"""Uses of tools on the tape: each is one call, and a tape that knows the answer is asked first."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from pydantic import JsonValue

from binex.adapters.attempt import current_attempt
from binex.errors import RemoteError, ReplayError
from binex.models.call import CallKind
from binex.models.json_value import decode_json, encode_json
from binex.tape.recorder import Recorded

_JSON: Final = "application/json"


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
    recorded = recorder.answer(CallKind.TOOL, target, request)
    with recorder.begin(CallKind.TOOL, target, request, media_type=_JSON) as taping:
        answered = await ask() if recorded is None else _read(target, recorded)
        taping.respond(encode_json(answered.value), media_type=_JSON)
        if answered.error is not None:
            taping.fail(answered.error)
    return answered.value


def _read(target: str, recorded: Recorded) -> Answered:
    if not recorded.body:
        raise RemoteError(recorded.error or f"{target} gave no answer when this was recorded")
    try:
        return Answered(decode_json(recorded.body), recorded.error)
    except ValueError:
        fix = "run it again, with the tool"
        raise ReplayError(f"the tape holds only a part of what {target} answered", fix=fix) from None
