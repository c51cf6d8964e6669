"""What a tape knows of a request to a model: the reply, event by event, or why the request was never made."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import cache
from typing import Final, NamedTuple

from pydantic import TypeAdapter

from binex.adapters.llm.port import ModelEvent, ModelRequest
from binex.adapters.taped_calls import JSON, lines_to_play
from binex.errors import BadReplyError, BudgetError
from binex.models.call import NOT_MADE, CallKind
from binex.models.failure import decode_failure, encode_failure, failure_in_words
from binex.tape.recorder import Recorded, Recorder

HOST: Final = "host"
"""Under which header a reply on the tape has who gave it: it may depend on what is only known where it was recorded."""
_SHOWN: Final = 200


class Said(NamedTuple):
    """One event of a reply, and the line that it has on the tape."""

    line: bytes
    event: ModelEvent


async def written(events: AsyncGenerator[ModelEvent, None]) -> AsyncGenerator[Said, None]:
    """*events* as they come in, each with its line."""
    async with aclosing(events):
        async for event in events:
            yield Said(event.model_dump_json(exclude_none=True).encode(), event)


def note_refusal(recorder: Recorder, target: str, body: bytes, error: BudgetError) -> None:
    """Keep in the place of a request that was not made what was decided about it."""
    with recorder.begin(CallKind.MODEL, target, body, media_type=JSON) as taping:
        taping.chunk(encode_failure(error) + b"\n")
        taping.price(None, 0.0, NOT_MADE)
        taping.fail(error)


def host_on_tape(recorded: Recorded) -> str:
    """Who gave the reply; empty where the tape does not say."""
    return next((value for name, value in recorded.headers if name == HOST), "")


async def played(recorded: Recorded, request: ModelRequest, host: str) -> AsyncGenerator[Said, None]:
    """What was said then, with the pauses that there were if they are wanted, and how it failed if it did."""
    async for line in lines_to_play(recorded):
        failure = decode_failure(line)
        if failure is not None:
            raise failure
        yield Said(line, _event_in(line, request))
    if recorded.error is not None or not recorded.is_complete:
        text = recorded.error or "the recorded reply is incomplete"
        raise failure_in_words(text, host=host, status=recorded.status)


@cache
def _event_type() -> TypeAdapter[ModelEvent]:
    return TypeAdapter(ModelEvent)


def _event_in(line: bytes, request: ModelRequest) -> ModelEvent:
    try:
        return _event_type().validate_json(line)
    except ValueError:
        message = f"the recorded reply of {request.provider}/{request.model} cannot be read: {line[:_SHOWN]!r}"
        raise BadReplyError(message, host=request.provider, is_retryable=False) from None
