"""What a bisection finds out: what changed between two runs, what was tried, and which change moves the outcome."""

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from pydantic import Field, JsonValue

from binex.analysis.bisection.search import Moved
from binex.models.base import Model
from binex.models.call import Spend
from binex.models.fork import ForkPlan

LEAST_SAMPLES: Final = 4
"""With fewer, the intervals of a rate of 0 and of one of 1 overlap, so that nothing could be told apart."""

_HALF: Final = 0.5


class ThingKind(StrEnum):
    """What sort of thing is otherwise in two runs."""

    PROMPT = "prompt"
    MODEL = "model"
    """The agent of a node."""
    CONFIG = "config"
    INPUT = "input"
    """An input of a node, as the workflow writes it."""
    FIELD = "field"
    """Another field of a node: its tools, its schema, its deadline."""
    CODE = "code"
    """The code of a local function or tool."""
    VARIABLE = "variable"
    """An input of the workflow."""
    ARTIFACT = "artifact"
    """What a node made although it was given the same: chance, or the world outside."""
    EDIT = "edit"
    """What somebody put in the place of what a node made."""
    REST = "rest"
    """All that cannot be swapped by itself: nodes and edges, and whatever has an obstacle."""


class ChangedThing(Model):
    """One thing that is otherwise in the bad run than in the good one."""

    name: str
    """What it is called, as in `draft: prompt`; unique in a report."""
    kind: ThingKind
    nodes: tuple[str, ...] = ()
    """The nodes that it is about."""
    path: tuple[str | int, ...] = ()
    """The field of the node, or the name of the variable or of the agent."""
    good: JsonValue = None
    """What it is in the good run; null where it is not there, and for artifacts, which `binex artifacts` shows."""
    bad: JsonValue = None
    """The same of the bad run."""
    obstacle: str = ""
    """Why it cannot be swapped by itself; empty where it can."""
    is_out_of_reach: bool = False
    """Whether nothing leads from it to what is judged, so that it was not tried."""
    is_cleared: bool = False
    """Whether it is code that all mixtures were executed with as it is today: the runs differ all the same."""


class Trial(Model):
    """A mixture of both runs, and how often it passed."""

    changes: tuple[str, ...]
    """The things that are as in the bad run; all others are as in the good one."""
    base: str = ""
    """The run that it was forked from."""
    runs: tuple[str, ...] = ()
    """The forks; for a trial that needed no execution, the run itself."""
    passed: int = 0
    total: int = 0
    """How many were judged."""
    rate: float = 0.0
    low: float = 0.0
    """The lower bound of the 95 % Wilson interval."""
    high: float = 1.0
    """The upper one."""
    moved: Moved = Moved.UNKNOWN
    """Whether the outcome is that of the bad run."""
    is_clear: bool = False
    """Whether the interval does not overlap that of the other side."""
    why: str = ""
    """What the first one that did not pass made, or why the mixture could not be tried."""
    spend: Spend = Field(default_factory=Spend)
    """What its forks cost together."""


class Culprit(Model):
    """Changes that move the outcome, none of which can be left out."""

    changes: tuple[str, ...]
    """One that does it alone, or several that only do it together."""
    sureness: float
    """The probability that every trial which this rests on was read rightly."""
    is_smallest: bool = True
    """Whether it was tried to leave each of them out; where that cannot be, fewer of them may be enough."""


class BisectVerdict(StrEnum):
    """How a bisection ended."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    """Nothing that was tried moves the outcome."""
    NOISY = "noisy"
    """Executed again, the two runs do not come out differently enough to tell anything."""
    STOPPED = "stopped"
    """It was stopped before it was done."""


class StoppedBy(StrEnum):
    """Why a bisection ended early."""

    BUDGET = "budget"
    INTERRUPTED = "interrupted"
    WAITING = "waiting"
    """Somebody would have had to answer first."""


class BisectReport(Model):
    """What `binex bisect GOOD BAD` finds out."""

    good: str
    """The run that passes."""
    bad: str
    """The run that does not."""
    judge: str
    """What passing means, in words."""
    targets: tuple[str, ...]
    """The nodes whose outputs are judged."""
    times: int
    """How often each mixture was executed."""
    verdict: BisectVerdict
    culprits: tuple[Culprit, ...] = ()
    """Each moves the outcome without the others."""
    narrowed_to: tuple[str, ...] = ()
    """The smallest set that is known to move the outcome, where the search was stopped."""
    changes: tuple[ChangedThing, ...] = ()
    """All that changed, what was not tried included."""
    noise: tuple[Trial, ...] = ()
    """The good run and the bad one executed again, nothing swapped."""
    trials: tuple[Trial, ...] = ()
    """What was tried, in that order."""
    notes: tuple[str, ...] = ()
    """What else is different between the runs, and nothing can be done about."""
    stopped_by: StoppedBy | None = None
    max_cost: float | None = None
    """What all of it may cost together, in US dollars."""
    total: Spend = Field(default_factory=Spend)
    """What all of it cost."""


class SwapPlan(Model):
    """What swapping one thing would execute."""

    change: str
    base: str = ""
    """The run that would be forked."""
    plan: ForkPlan | None = None
    """None where it cannot be tried."""
    obstacle: str = ""
    """Why not."""


class BisectPlan(Model):
    """What a bisection would do; nothing has been executed for it."""

    good: str
    bad: str
    judge: str
    targets: tuple[str, ...]
    changes: tuple[ChangedThing, ...]
    swaps: tuple[SwapPlan, ...]
    """Each thing put into the good run alone."""
    noise: tuple[SwapPlan, ...] = ()
    """The good run and the bad one executed again."""
    times: int
    """How often each mixture would be executed."""
    fewest_trials: int
    """How many mixtures where one change is to blame."""
    most_trials: int
    """How many where none is to blame alone, at the worst."""
    probable_cost_usd: float
    """What the noise and the fewest trials will probably cost."""
    most_cost_usd: float
    """What the noise and the most trials would."""
    unpriced: tuple[str, ...] = ()
    """Nodes whose cost is unknown."""


def are_apart(good: Trial, bad: Trial) -> bool:
    """Whether the good run passes more often than the bad one for sure: their intervals do not overlap.

    Where nothing is left to chance, both were executed once, and it is enough that they came out differently. Where
    one of them cannot be executed again, there is only what was recorded of it, and the other one must be on its own
    side of one half for sure.
    """
    if good.total > 1 and bad.total > 1:
        return good.low > bad.high
    is_sure = (good.total < 2 or good.low > _HALF) and (bad.total < 2 or bad.high < _HALF)
    return is_sure and good.rate > bad.rate


def sureness_of(trials: Iterable[Trial], threshold: float, *, is_chance: bool) -> float:
    """The probability that the true rate of each of *trials* is on the side of *threshold* where it was seen.

    Before a trial every rate is equally likely; after it, the rate has a beta distribution (T. Bayes, 1763). Where
    nothing is left to chance, as *is_chance* says, one sample is certain; where something is, it says little.
    """
    sure = 1.0
    for trial in trials:
        if is_chance and trial.total:
            below = probability_below(threshold, trial.passed, trial.total)
            sure *= below if trial.moved is Moved.YES else 1 - below
        elif trial.total:
            sure *= (trial.rate < threshold) is (trial.moved is Moved.YES)
    return sure


def probability_below(threshold: float, passed: int, total: int) -> float:
    """The probability that a rate is below *threshold*, if *passed* of *total* were seen.

    The regularised incomplete beta function with integer parameters is a sum of the binomial distribution: NIST
    Digital Library of Mathematical Functions, 8.17.5, with a = passed + 1 and b = total - passed + 1.
    """
    trials = total + 1
    return sum(
        math.comb(trials, count) * threshold**count * (1 - threshold) ** (trials - count)
        for count in range(passed + 1, trials + 1)
    )
