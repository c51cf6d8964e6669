"""What is said about why a task ran, or did not."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from binex.models.base import Model
from binex.models.run import Run
from binex.models.task import TaskStatus


class Verdict(StrEnum):
    """What became of a task."""

    EXECUTED = "executed"
    REUSED = "reused"
    """Its outcome was taken from another run."""
    SKIPPED = "skipped"
    """Its condition was false."""
    BLOCKED = "blocked"
    """Something whose output it needs did not complete."""
    LEFT_OUT = "left_out"
    """Only another task was asked for."""
    BY_HAND = "by_hand"
    """Somebody skipped it."""
    UNKNOWN = "unknown"
    """Only what is known was to count, and its outcome was not."""
    UNUSABLE = "unusable"
    """It could not be put together: a reference, a condition, a list to fan out over."""
    JOINED = "joined"
    """A foreach node, whose items do the work."""
    UNSETTLED = "unsettled"
    """It has not ended: it runs, waits, or its run was stopped before."""


class PartState(StrEnum):
    """How a part of the key compares with that of the nearest earlier task."""

    SAME = "same"
    DIFFERENT = "differs"
    ONLY_HERE = "only here"
    ONLY_THERE = "only there"


class Part(Model):
    """One thing that the key is made of."""

    name: str
    """As in `config.temperature`."""
    group: str
    """As in `config`."""
    state: PartState
    before: str | None = None
    """What it was, in short, where it differs and that is known."""
    after: str | None = None
    """What it is."""


class Likeness(StrEnum):
    """In what the nearest earlier task is like this one."""

    KEY = "key"
    TASK = "task"
    """The same task of an earlier run of the same workflow."""
    AGENT = "agent"


class Nearest(Model):
    """The earlier task that a task is compared with."""

    run_id: str
    task: str
    like: Likeness
    ended_at: datetime


class ConditionValues(Model):
    """A condition, and what stood in it."""

    text: str
    values: dict[str, JsonValue] = Field(default_factory=dict)
    """By reference, as in `${review.output}`."""


class Items(Model):
    """The items of a foreach node, summed up."""

    verdicts: dict[Verdict, int]
    """How many of them became what."""
    reused_from: dict[str, int] = Field(default_factory=dict)
    """How many were taken from which run."""
    differing: dict[str, int] = Field(default_factory=dict)
    """In how many executed items a part differs from that of the same item earlier; those only here included."""
    new: int = 0
    """How many executed items have no counterpart in an earlier run of the workflow."""


class Why(Model):
    """Why a task ran, or did not: what `binex why --json` prints."""

    run: Run
    task: str
    node_id: str
    agent: str = ""
    verdict: Verdict
    status: TaskStatus | None = None
    """How it ended, if it did."""
    error: str | None = None
    """Why it failed."""
    is_edited: bool = False
    """Whether a person changed what it was given or what it made."""
    reused_from: str | None = None
    """The run that executed it, where that is another one."""
    blocked_by: str | None = None
    """The task whose failure kept it from running."""
    condition: ConditionValues | None = None
    """The condition under which it runs, where it was skipped for it."""
    nearest: Nearest | None = None
    """The earlier task that it is compared with."""
    parts: tuple[Part, ...] = ()
    """What its key is made of, compared with the nearest earlier task; without one, all of it is only here."""
    items: Items | None = None
    """The items, for a foreach node."""
