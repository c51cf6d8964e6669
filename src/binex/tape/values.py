"""Moments, random numbers and ids that are on the tape of an attempt, so that a replay sees the same ones."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import random as draw
from typing import TypeVar
from uuid import UUID, uuid4

from binex.errors import ReplayError
from binex.models.call import CallKind
from binex.tape.recorder import current_recorder

T = TypeVar("T")


def now() -> datetime:
    """This moment, in UTC; in a replay the one that was seen when it was recorded."""
    return _read("now", datetime.fromisoformat, lambda: datetime.now(UTC).isoformat())


def random() -> float:
    """A random number from 0 up to but not including 1; in a replay the recorded one."""
    return _read("random", float, lambda: repr(draw()))


def uuid() -> UUID:
    """A random UUID; in a replay the recorded one."""
    return _read("uuid", UUID, lambda: str(uuid4()))


def _read(name: str, parse: Callable[[str], T], make: Callable[[], str]) -> T:
    """The value called *name*: made new, or as it is on the tape."""
    recorder = current_recorder()
    if recorder is None:
        return parse(make())
    with recorder.begin(CallKind.VALUE, name) as taping:
        recorded = recorder.answer(CallKind.VALUE, name)
        text = make() if recorded is None else recorded.body.decode(errors="replace")
        try:
            value = parse(text)
        except ValueError:
            raise ReplayError(
                f"the recorded value of binex.{name}() in task '{recorder.task}' cannot be read: {text[:40]!r}"
            ) from None
        taping.respond(text.encode(), media_type="text/plain")
    return value
