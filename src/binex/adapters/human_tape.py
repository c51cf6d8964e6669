"""What people were asked and what they said, on the tape of the attempt that asked."""

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import JsonValue

from binex.adapters.attempt import Ask
from binex.errors import UnansweredError
from binex.models.call import CallKind
from binex.models.failure import decode_failure, encode_failure
from binex.models.json_value import encode_json
from binex.models.question import Answer
from binex.tape.recorder import Recorded, current_recorder

_MEDIA_TYPE: Final = "application/json"


async def ask_on_tape(ask: Ask, ask_people: Callable[[Ask], Awaitable[Answer]]) -> Answer:
    """The answer of the tape where it has one, else what *ask_people* brings; one call, whichever it was.

    The call begins when there is an answer: a question that is still open when its process ends is asked on by
    the next one, and is one call all the same.

    Raises:
        UnansweredError: nobody answered in time, now or when it was recorded.
    """
    recorder = current_recorder()
    if recorder is None:
        return await ask_people(ask)
    request, target = _request_of(ask), f"human://{ask.kind}"
    recorded = recorder.answer(CallKind.HUMAN, target, request)
    try:
        answer = await ask_people(ask) if recorded is None else _replayed(recorded)
    except UnansweredError as error:
        with recorder.begin(CallKind.HUMAN, target, request, media_type=_MEDIA_TYPE) as taping:
            taping.respond(encode_failure(error), media_type=_MEDIA_TYPE)
            taping.fail(error.message)
        raise
    with recorder.begin(CallKind.HUMAN, target, request, media_type=_MEDIA_TYPE) as taping:
        taping.respond(answer.model_dump_json().encode(), media_type=_MEDIA_TYPE)
    return answer


def _replayed(recorded: Recorded) -> Answer:
    if (failure := decode_failure(recorded.body)) is not None:
        raise failure
    if recorded.error is not None or not recorded.body:
        raise UnansweredError(recorded.error or "nobody answered")
    return Answer.model_validate_json(recorded.body)


def _request_of(ask: Ask) -> bytes:
    """The question without any moment in time, so that it is found again."""
    asked: dict[str, JsonValue] = {
        "kind": ask.kind.value,
        "key": ask.key,
        "text": ask.text,
        "shown": ask.shown,
        "choices": list(ask.choices),
    }
    return encode_json(asked)
