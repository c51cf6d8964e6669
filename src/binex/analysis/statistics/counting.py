"""Adding up what is known of runs, attempts and calls."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final

from binex.models.run_query import AttemptFigures, CallFigures, RunFigures

_ENDED: Final = frozenset({"completed", "failed", "timed_out", "over_budget"})
"""What came to an end by itself: not what was cancelled or interrupted, and not what runs or waits."""


class Counter:
    """The sums over some runs, over the tasks of one node, or over the calls of one model."""

    __slots__ = (
        "cost_usd",
        "count",
        "durations",
        "ended",
        "input_tokens",
        "output_tokens",
        "passed",
        "retries",
        "unpriced",
    )

    def __init__(self) -> None:
        self.count = 0
        self.ended = 0
        self.passed = 0
        self.retries = 0
        self.durations = array("d")
        self.cost_usd = 0.0
        self.unpriced = 0
        self.input_tokens = 0
        self.output_tokens = 0

    def add_run(self, run: RunFigures) -> None:
        """Count a run."""
        self._settle(run.status, run.duration_ms)
        self._spend(run)

    def add_attempt(self, attempt: AttemptFigures) -> None:
        """Count an attempt; a task is counted with its last one."""
        if attempt.is_final:
            self._settle(attempt.status, attempt.duration_ms)
        else:
            self.retries += 1
        self._spend(attempt)

    def add_call(self, call: CallFigures) -> None:
        """Count a call."""
        self._settle(call.status, call.duration_ms)
        self._spend(call)

    @classmethod
    def sum_of(cls, counters: Iterable["Counter"]) -> "Counter":
        """All of them together."""
        total = cls()
        for one in counters:
            for name in cls.__slots__:
                setattr(total, name, getattr(total, name) + getattr(one, name))
        return total

    def _settle(self, status: str, duration_ms: float) -> None:
        self.count += 1
        if status in _ENDED:
            self.ended += 1
            self.passed += status == "completed"
            self.durations.append(duration_ms)

    def _spend(self, figures: RunFigures | AttemptFigures | CallFigures) -> None:
        self.cost_usd += figures.cost_usd
        self.unpriced += figures.unpriced_calls
        self.input_tokens += figures.input_tokens
        self.output_tokens += figures.output_tokens


def quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile of values in their order, interpolated between the two nearest.

    Definition 7 of R. J. Hyndman and Y. Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50
    (1996), 361-365; what NumPy and spreadsheets give.
    """
    at = (len(ordered) - 1) * share
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)
