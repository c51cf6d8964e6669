"""What a stretch of a run was made of."""

from enum import StrEnum
from typing import Final

from binex.analysis.trace import AttemptTrace, TaskTrace
from binex.analysis.waits import Waits
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
        self._gap(until)
        return self._hand_over()

    def take_task(self, task: TaskTrace, until: float) -> TimeParts:
        """The part of *task*, which settles here, back to *until*, when the one before it had settled."""
        for i in reversed(range(len(task.attempts))):
            attempt = task.attempts[i]
            self._gap(max(attempt.end_ms, until))
            self._take(TimeKind.EXECUTED, max(attempt.start_ms, until), task.task)
            if i:
                self._pause(task.attempts[i - 1], max(task.attempts[i - 1].end_ms, until))
            else:
                self._take(TimeKind.QUEUED, max(attempt.start_ms - attempt.queued_ms, until), None)
        self._gap(until)
        return self._hand_over()

    def _pause(self, before: AttemptTrace, until: float) -> None:
        """What lies between two attempts: the pause that was meant, and whatever made it longer."""
        if before.retry_in_ms is None:
            self._gap(until)
            return
        self._gap(min(self.at, max(until, before.end_ms + before.retry_in_ms)))
        self._take(TimeKind.RETRYING, until, None)

    def _gap(self, until: float) -> None:
        """Nothing of the chain: somebody was asked, or nobody executed the run, or Binex was busy itself."""
        is_long = self.at - until >= _LONG_MS
        self._take(TimeKind.IDLE if is_long and self._has_pauses else TimeKind.OWN, until, None)

    def _take(self, kind: TimeKind, until: float, task: str | None) -> None:
        """Everything back to *until* is of *kind*, but where people were asked."""
        if until >= self.at:
            return
        asked = [] if kind in (TimeKind.QUEUED, TimeKind.RETRYING) else self._waits.of(task, until, self.at)
        human = sum(end - start for start, end in asked)
        self._taken[TimeKind.HUMAN] = self._taken.get(TimeKind.HUMAN, 0.0) + human
        self._taken[kind] = self._taken.get(kind, 0.0) + self.at - until - human
        self.at = until

    def _hand_over(self) -> TimeParts:
        parts = TimeParts(**{f"{kind.value}_ms": took for kind, took in self._taken.items()})
        self._taken = {}
        return parts
