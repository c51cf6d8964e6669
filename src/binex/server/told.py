"""Events as they go over the wire: what a page needs to draw, without what it can ask for."""

from typing import Final, NamedTuple

from pydantic import JsonValue

from binex.models.event import (
    CallRecorded,
    Event,
    FanOutStarted,
    Notice,
    QuestionAsked,
    QuestionSettled,
    RunEnded,
    RunStarted,
    Streamed,
    TaskRetrying,
    TaskSettled,
    TaskStarted,
)
from binex.models.run import Run
from binex.server.answers import as_json

_LIGHT: Final = {"request_headers": (), "response_headers": (), "chunks": ()}


class Told(NamedTuple):
    """One event: its name in the stream, the run it is about, and what it says, as JSON."""

    name: str
    run_id: str
    data: bytes


MISSED: Final = Told("reset", "", b'{"type":"Reset","run_id":""}')
"""That more has happened than was seen: who follows has to ask for everything again."""


def run_of(event: Event) -> str:
    """The run that an event is about; empty where it is about none."""
    match event:
        case RunStarted():
            return event.run.id
        case RunEnded():
            return event.summary.run.id
        case TaskRetrying() | TaskSettled():
            return event.record.run_id
        case CallRecorded():
            return event.call.run_id
        case QuestionAsked() | QuestionSettled():
            return event.question.run_id
        case _:
            return event.run_id


def tell(event: Event) -> Told:
    """What is told of *event*."""
    name, fields, model = _tell(event)
    run_id = run_of(event)
    return Told(name, run_id, _document({"type": type(event).__name__, "run_id": run_id, **fields}, model))


def tell_change(run: Run) -> Told:
    """What is told of a run of another process that is not as it was."""
    return Told("run", run.id, _document({"type": "Changed", "run_id": run.id}, ("run", as_json(run))))


def _tell(event: Event) -> tuple[str, dict[str, JsonValue], tuple[str, bytes] | None]:  # noqa: PLR0911 - one line each
    match event:
        case RunStarted():
            return "run", {}, ("run", as_json(event.run))
        case RunEnded():
            return "end", {}, ("run", as_json(event.summary.run))
        case TaskRetrying() | TaskSettled():
            record = event.record
            head: dict[str, JsonValue] = {"task": record.task, "attempt": record.attempt, "status": record.status.value}
            return "task", head, ("record", as_json(record))
        case TaskStarted() | FanOutStarted():
            return "task", event.model_dump(mode="json"), None
        case CallRecorded():
            return "call", {"task": event.call.task}, ("call", as_json(event.call.model_copy(update=_LIGHT)))
        case Streamed():
            return "token", event.model_dump(mode="json"), None
        case QuestionAsked() | QuestionSettled():
            question = event.question.model_copy(update={"shown": None})
            return "question", {}, ("question", as_json(question))
        case Notice():
            return "run", {"message": event.message}, None


def _document(fields: dict[str, JsonValue], model: tuple[str, bytes] | None) -> bytes:
    """One object: *fields*, and a model that was written already, which takes a tenth of the time."""
    head = as_json(fields)
    return head if model is None else head[:-1] + b',"' + model[0].encode() + b'":' + model[1] + b"}"
