"""What a bisection over commits finds out: the first one at which a workflow no longer comes out as it should."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from binex.analysis.bisection.report import BisectVerdict, StoppedBy, Trial
from binex.models.base import AnyText, Model
from binex.models.call import Spend


class CommitState(StrEnum):
    """How a workflow comes out at a commit."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "skipped"
    """It cannot be judged there."""


class Commit(Model):
    """A commit."""

    id: str
    """Its hash, in full."""
    subject: AnyText
    author: AnyText
    date: datetime
    """When it was written, by its author's clock."""
    files: tuple[AnyText, ...] = ()
    """What it changed, beside its first parent; only told of the first bad one."""


class CommitTrial(Model):
    """One commit that was executed, or could not be."""

    commit: Commit
    state: CommitState
    trial: Trial
    """The runs that were made, and how often they passed; each is a fork of the good run."""


class CommitReport(Model):
    """What `binex bisect GOOD BAD --git` finds out."""

    good: str
    """The run that passes."""
    bad: str
    """The run that does not."""
    judge: str
    """What passing means, in words."""
    workflow: str
    """The file, from the top of the repository."""
    times: int
    """How often each commit was executed."""
    verdict: BisectVerdict
    first_bad: Commit | None = None
    suspects: tuple[Commit, ...] = ()
    """The commits of which one is the first bad one, where those between could not be judged or it was stopped."""
    count: int
    """How many commits there are from the good one, which does not count, to the bad one."""
    trials: tuple[CommitTrial, ...] = ()
    """What was executed, in that order; the good commit and the bad one first."""
    stopped_by: StoppedBy | None = None
    max_cost: float | None = None
    total: Spend = Field(default_factory=Spend)
    """What all of it cost."""


class Bounds:
    """Between which commits the first bad one is; commits stand for their places, the good one for -1."""

    def __init__(self, count: int) -> None:
        self.good = -1
        self.bad = count - 1
        self.skipped: set[int] = set()

    @property
    def suspects(self) -> range:
        """The places at which the first bad one may be."""
        return range(self.good + 1, self.bad + 1)

    def next(self) -> int | None:
        """The place that is to be looked at: the middle, or the nearest to it that can be judged; None at the end."""
        middle = (self.good + self.bad) // 2
        left = [place for place in range(self.good + 1, self.bad) if place not in self.skipped]
        return min(left, key=lambda place: (abs(place - middle), place), default=None)

    def note(self, place: int, state: CommitState) -> None:
        """What was found at a place."""
        match state:
            case CommitState.GOOD:
                self.good = place
            case CommitState.BAD:
                self.bad = place
            case CommitState.SKIPPED:
                self.skipped.add(place)


async def halve(commits: Sequence[str], state_of: Callable[[str], Awaitable[CommitState]]) -> Bounds:
    """Ask for the state of one commit after the other until nothing more can be learnt.

    *commits* are in their order, without the good one and with the bad one at the end. Of n it asks for about log₂ n,
    and more where some cannot be judged.
    """
    bounds = Bounds(len(commits))
    while (place := bounds.next()) is not None:
        bounds.note(place, await state_of(commits[place]))
    return bounds
