"""What a stretch of a run was made of."""

from enum import StrEnum
from typing import Final

from binex.analysis.timing.waits import Waits
from binex.analysis.trace import TaskTrace
from binex.models.base import Model

_LONG_MS: Final = 1000.0
"""A resume takes at least so long; what is shorter is Binex at work."""


class TimeKind(StrEnum):
    """What happened meanwhile."""

    EXECUTED = "executed"
    QUEUED = "queued"
    RETRYING = "retrying"
    HUMAN = "human"
    IDLE = "idle"
    OWN = "own"


class TimeParts(Model):
    """How long what took, in milliseconds."""

    executed_ms: float = 0.0
    """Agents worked."""
    queued_ms: float = 0.0
    """A task could have run and was not let, since as many were running as may."""
    retrying_ms: float = 0.0
    """The pause before an attempt was repeated."""
    human_ms: float = 0.0
    """A person was being asked."""
    idle_ms: float = 0.0
    """No process executed the run, until it was resumed."""
    own_ms: float = 0.0
    """Binex itself: to read, to decide, to store."""

    @property
    def total_ms(self) -> float:
        return sum(self.of(kind) for kind in TimeKind)

    def of(self, kind: TimeKind) -> float:
        """How long this took."""
        took: float = getattr(self, f"{kind.value}_ms")
        return took

    def __add__(self, other: "TimeParts") -> "TimeParts":
        return TimeParts(**{f"{kind.value}_ms": self.of(kind) + other.of(kind) for kind in TimeKind})


class Meter:
    """Goes through a run from its end to its start, and says what each stretch was made of. Nothing is left out."""

    def __init__(self, at: float, waits: Waits, *, has_pauses: bool) -> None:
        self.at = at
        self._waits = waits
        self._has_pauses = has_pauses
        self._taken: dict[TimeKind, float] = {}

    def take_gap(self, until: float) -> TimeParts:
        """What lies between here and *until*, where no task of the chain was executed."""
        self._gap(until, None)
        return self._hand_over()

    def take_task(self, task: TaskTrace, until: float) -> TimeParts:
        """The part of *task*, which settles here, back to *until*, when the one before it had settled."""
        for i in reversed(range(len(task.attempts))):
            attempt = task.attempts[i]
            self._gap(max(attempt.end_ms, until), task.task)
            self._take(TimeKind.EXECUTED, max(attempt.start_ms, until), task.task)
            if i:
                self._pause(task, i - 1, until)
            else:
                self._take(TimeKind.QUEUED, max(attempt.start_ms - attempt.queued_ms, until), None)
        self._gap(until, task.task)
        return self._hand_over()

    def _pause(self, task: TaskTrace, number: int, until: float) -> None:
        """What lies behind an attempt: the pause that was meant, and whatever made it longer."""
        before = task.attempts[number]
        until = max(before.end_ms, until)
        if before.retry_in_ms is None:
            self._gap(until, task.task)
            return
        self._gap(min(self.at, max(until, before.end_ms + before.retry_in_ms)), task.task)
        self._take(TimeKind.RETRYING, until, None)

    def _gap(self, until: float, task: str | None) -> None:
        """Nothing of the chain: *task* asked somebody, or nobody executed the run, or Binex was busy itself."""
        is_idle = self._has_pauses and self.at - until >= _LONG_MS
        self._take(TimeKind.IDLE if is_idle else TimeKind.OWN, until, task)

    def _take(self, kind: TimeKind, until: float, task: str | None) -> None:
        """Everything back to *until* is of *kind*, but where people were asked: by *task*, or, where nobody executed
        the run, by any."""
        if until >= self.at:
            return
        by_any = kind is TimeKind.IDLE
        asked = self._waits.of(None if by_any else task, until, self.at) if by_any or task is not None else []
        human = sum(end - start for start, end in asked)
        self._taken[TimeKind.HUMAN] = self._taken.get(TimeKind.HUMAN, 0.0) + human
        self._taken[kind] = self._taken.get(kind, 0.0) + self.at - until - human
        self.at = until

    def _hand_over(self) -> TimeParts:
        parts = TimeParts(**{f"{kind.value}_ms": took for kind, took in self._taken.items()})
        self._taken = {}
        return parts
