"""The search for the changes that move an outcome, given somebody who can try any set of them."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from binex.analysis.bisection.report import Trial, are_apart, probability_below, sureness_of
from binex.analysis.bisection.search import Moved, find_causes, minimise, most_trials

NAMES = [f"c{number}" for number in range(9)]
Truth = Callable[[frozenset[str]], Moved]
SETS = st.frozensets(st.sampled_from(NAMES), min_size=1)


class Counting:
    """Tries sets by a truth that the test has made, and counts how many different ones."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.asked: set[frozenset[str]] = set()

    async def __call__(self, wanted: frozenset[str]) -> Moved:
        self.asked.add(wanted)
        return self.truth(wanted)


def containing(*causes: frozenset[str]) -> Truth:
    """Any of *causes* moves the outcome, whatever else is there."""
    return lambda wanted: Moved.YES if any(cause <= wanted for cause in causes) else Moved.NO


def arbitrary(moving: frozenset[frozenset[str]], unknown: frozenset[frozenset[str]]) -> Truth:
    """No rule at all, but that everything together moves the outcome."""

    def truth(wanted: frozenset[str]) -> Moved:
        if wanted == frozenset(NAMES) or wanted in moving:
            return Moved.YES
        return Moved.UNKNOWN if wanted in unknown else Moved.NO

    return truth


@given(SETS)
async def test_the_one_cause_is_found_whole_and_alone(cause: frozenset[str]) -> None:
    move = Counting(containing(cause))
    assert await find_causes(NAMES, move) == [cause]
    assert len(move.asked) <= most_trials(len(NAMES)) + 1  # and the set without the cause


@given(st.lists(SETS, min_size=1, max_size=4))
async def test_every_cause_that_is_found_is_one_and_none_is_left(causes: list[frozenset[str]]) -> None:
    move = Counting(containing(*causes))
    found = await find_causes(NAMES, move)
    smallest = {cause for cause in causes if not any(other < cause for other in causes)}
    assert set(found) <= smallest
    left = frozenset(NAMES) - frozenset().union(*found)
    assert move.truth(left) is Moved.NO, "putting back what was found makes the bad run good"


@given(st.frozensets(SETS, max_size=60), st.frozensets(SETS, max_size=60))
async def test_whatever_the_rule_nothing_can_be_left_out_of_what_is_found(
    moving: frozenset[frozenset[str]], unknown: frozenset[frozenset[str]]
) -> None:
    move = Counting(arbitrary(moving, unknown))
    found = await minimise(NAMES, move)
    assert move.truth(found) is Moved.YES
    assert len(found) == 1 or all(move.truth(found - {name}) is not Moved.YES for name in found)
    assert len(move.asked) <= most_trials(len(NAMES))


async def test_a_single_cause_takes_a_logarithm_of_trials() -> None:
    names = [f"c{number}" for number in range(64)]
    for name in names:
        move = Counting(containing(frozenset({name})))
        assert await minimise(names, move) == {name}
        assert len(move.asked) <= 2 * 6


async def test_nothing_is_found_where_not_even_everything_moves_the_outcome() -> None:
    assert await find_causes(NAMES, Counting(lambda _: Moved.NO)) == []
    assert await find_causes([], Counting(lambda _: Moved.YES)) == []


def test_the_probability_of_a_rate_is_that_of_the_beta_distribution() -> None:
    assert probability_below(0.5, 0, 0) == 0.5
    assert abs(probability_below(0.5, 0, 5) - (1 - 0.5**6)) < 1e-12
    assert abs(probability_below(0.25, 1, 1) - 0.25**2) < 1e-12


def rates(passed: int, total: int) -> Trial:
    from binex.analysis.repetition.wilson import wilson_interval

    low, high = wilson_interval(passed, total)
    return Trial(changes=(), passed=passed, total=total, rate=passed / total, low=low, high=high)


def test_five_of_five_and_none_of_five_are_apart_and_three_are_too_few() -> None:
    assert are_apart(rates(5, 5), rates(0, 5))
    assert are_apart(rates(4, 4), rates(0, 4))
    assert not are_apart(rates(3, 3), rates(0, 3))
    assert not are_apart(rates(4, 5), rates(2, 5))
    assert are_apart(rates(1, 1), rates(0, 1)), "where nothing is left to chance"
    assert not are_apart(rates(0, 1), rates(0, 1))


def test_a_run_of_which_there_is_only_the_record_is_apart_from_what_is_surely_on_the_other_side() -> None:
    assert are_apart(rates(1, 1), rates(0, 5))
    assert are_apart(rates(5, 5), rates(0, 1))
    assert not are_apart(rates(1, 1), rates(4, 5)), "one that passes four times of five does not come out worse"
    assert not are_apart(rates(1, 1), rates(1, 5))
    assert not are_apart(rates(4, 5), rates(0, 1))


def test_what_was_executed_once_is_certain_only_where_nothing_is_left_to_chance() -> None:
    trial = rates(1, 1).model_copy(update={"moved": Moved.NO})
    assert sureness_of([trial], 0.5, is_chance=False) == 1
    assert sureness_of([trial], 0.5, is_chance=True) == 0.75
    five = rates(5, 5).model_copy(update={"moved": Moved.NO})
    assert abs(sureness_of([five, trial], 0.5, is_chance=True) - (1 - 0.5**6) * 0.75) < 1e-12
