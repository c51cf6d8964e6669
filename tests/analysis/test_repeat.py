"""What repetitions have in common: intervals and similarities with a known truth, groups, spreads, outliers."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.analysis.repetition.likeness import Likeness, find_likeness
from binex.analysis.repetition.report import RepeatReport, Repetition, StopReason, compare_repetitions
from binex.analysis.repetition.samples import Sample
from binex.analysis.repetition.similarity import Reading
from binex.analysis.repetition.wilson import wilson_interval
from binex.models.call import Spend
from binex.models.run import Origin, Run, RunMode, RunStatus
from binex.models.task import TaskStatus
from tests.analysis.conftest import Ledger, error

LOREM = (
    "It was a bright cold day in April, and the clocks were striking thirteen. The hallway smelt of boiled cabbage "
    "and old rag mats. At one end of it a coloured poster, too large for indoor display, had been tacked to the wall."
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=150),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


# Wilson's interval


@pytest.mark.parametrize(
    ("passed", "total", "low", "high"),
    [
        # R: prop.test(x, n, correct = FALSE)$conf.int
        (15, 20, 0.5313, 0.8881),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 2, 0.0945, 0.9055),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_has_the_published_bounds(passed: int, total: int, low: float, high: float) -> None:
    found = wilson_interval(passed, total)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_where_nothing_was_tried_everything_is_possible() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_rate_is_inside_its_interval(passed: int, total: int) -> None:
    passed = min(passed, total)
    low, high = wilson_interval(passed, total)
    assert 0 <= low <= passed / total <= high <= 1


# Similarity


@pytest.mark.parametrize(
    ("one", "other", "is_near"),
    [
        ("Paris", "Paris.", True),
        ("Paris", "London", False),
        ("The capital is Paris.", "The capital is Paris!", True),
        ("yes", "no", False),
        ("", "", True),
        ("", "x", False),
        (LOREM, LOREM.replace("cabbage", "onions"), True),
        (LOREM, LOREM.upper(), False),
        (LOREM * 500, LOREM * 500 + " The end.", True),
        ("東京は日本の首都です。" * 20, "東京は日本の首都です。" * 20 + "本当", True),
        ("東京は日本の首都です。" * 20, "北京是中国的首都。" * 20, False),
        (" " * 200, "\n" * 200, False),
        (100, 109, True),
        (100, 112, False),
        (0, 0.0, True),
        (0, 1, False),
        (1, True, False),
        (10**400, 1.5, False),
        (10**400, 10**400 + 1, True),
        (-5, 5, False),
        (None, None, True),
        (None, False, False),
        (True, False, False),
        ([], {}, False),
        ([], [], True),
        ({"a": 1, "b": "text"}, {"b": "text", "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"score": 100, "why": "It is good"}, {"score": 95, "why": "It is good!"}, True),
        ({"score": 4, "why": "It is good"}, {"score": 5, "why": "It is good"}, False),
        ([1, 2, 3], [1, 2], False),
        ([1, 2, 3], [3, 2, 1], False),
        ({"0": 1}, [1], False),
        (list(range(5000)), list(range(5000)), True),
        (list(range(5000)), [*range(4999), "x"], False),
    ],
)
def test_values_are_nearly_equal_or_not(one: JsonValue, other: JsonValue, is_near: bool) -> None:
    assert Reading(one).is_near(Reading(other)) is is_near
    assert Reading(other).is_near(Reading(one)) is is_near


@given(JSON, JSON)
def test_similarity_is_one_for_equals_and_the_same_in_both_directions(one: JsonValue, other: JsonValue) -> None:
    first, second = Reading(one), Reading(other)
    assert first.similarity(Reading(one)) == 1
    assert first.is_near(Reading(one))
    assert 0 <= first.similarity(second) <= 1
    assert first.similarity(second) == pytest.approx(second.similarity(first))
    assert first.is_near(second) == second.is_near(first)


def test_more_in_common_is_more_similar() -> None:
    words = LOREM.split()
    readings = [Reading(" ".join(words[:keep] + ["other"] * (len(words) - keep))) for keep in range(0, len(words), 6)]
    found = [reading.similarity(Reading(LOREM)) for reading in readings]
    assert found == sorted(found)
    assert found[0] < 0.1
    assert found[-1] > 0.8


# Groups, and what is unusual


def sample(number: int, value: JsonValue) -> Sample:
    return Sample(
        run_id=f"run{number}",
        task="think",
        status=TaskStatus.COMPLETED,
        outputs={"output": value},
        sha256=repr(value),
    )


def likeness(values: Sequence[JsonValue], recorded: JsonValue = "?") -> Likeness:
    samples = [sample(number, value) for number, value in enumerate(values)]
    return find_likeness(samples, sample(99, recorded) if recorded != "?" else None)


def test_equal_and_nearly_equal_outputs_are_grouped_the_largest_group_first() -> None:
    found = likeness(["London", "Paris.", "Paris", "Rome", "Paris", "London", "Paris!", "London", "Paris"], "Paris?")
    assert [(len(g.samples), g.variants, g.representative, g.has_recorded) for g in found.groups] == [
        (5, 3, "run2", True),
        (3, 1, "run0", False),
        (1, 1, "run3", False),
    ]
    assert found.groups[0].samples == ("run1", "run2", "run4", "run6", "run8")


def test_groups_of_the_same_size_stand_in_the_order_of_their_first_sample() -> None:
    assert [group.representative for group in likeness(["b", "a", "c", "a", "b"]).groups] == ["run0", "run1", "run2"]


def test_what_is_in_a_group_of_most_samples_is_no_outlier() -> None:
    found = likeness(["The tide is high"] * 10, "The tide is high.").standing
    assert found is not None
    assert (found.is_outlier, found.share) == (False, 1.0)
    assert found.similarity < found.threshold == 1.0


def test_what_is_unlike_all_samples_is_an_outlier() -> None:
    values = [f"The tide is high at {hour} o'clock in the morning" for hour in range(10)]
    found = likeness(values, "I cannot answer that").standing
    assert found is not None
    assert (found.is_outlier, found.share) == (True, 0.0)
    assert found.similarity < 0.3
    assert found.threshold > 0.8


def test_where_every_sample_is_unlike_the_others_nothing_is_an_outlier() -> None:
    values = ["blue whale", "red desk", "slow train", "warm bread", "tall oak", "cold rain", "old song"]
    found = likeness(values, "green lake").standing
    assert found is not None
    assert not found.is_outlier


def test_what_half_of_the_samples_are_like_is_measured_all_the_same() -> None:
    found = likeness(["yes"] * 5 + ["no"] * 5, "yes").standing
    assert found is not None
    assert (found.is_outlier, found.share) == (False, 0.5)


def test_the_threshold_leaves_one_sample_in_twenty_outside() -> None:
    values = ["The tide is high today"] * 39 + ["?"]
    found = likeness([*values[:30], *values[30:]], "Well now, who knows").standing
    assert found is not None
    assert found.threshold > 0.9, "the one that is unlike the others is outside"
    assert found.is_outlier


@pytest.mark.parametrize("count", [0, 1, 4])
def test_of_few_samples_nothing_is_said(count: int) -> None:
    assert likeness(["a"] * count, "b").standing is None


def test_a_thousand_large_outputs_are_compared_within_seconds() -> None:
    values = [f"{number} " + f"{LOREM} {number * 7} " * 100 for number in range(1000)]
    began = time.monotonic()
    found = likeness(values, LOREM)
    assert time.monotonic() - began < 60
    assert sum(len(group.samples) for group in found.groups) == 1000


# Reports


async def make(ledger: Ledger, run_id: str, makes: JsonValue, *, cost: float | None = 0.25, **fields: Any) -> Run:
    """A run in which *think* ended: it took 100 ms for each character of what it made."""
    status = fields.pop("status", TaskStatus.COMPLETED)
    origin = None if run_id == "1parent" else Origin(parent="1parent", mode=RunMode.FORK, fork_points=("think",))
    spend = Spend(cost_usd=cost or 0.0, model_calls=1, unpriced_calls=int(cost is None), input_tokens=10)
    run = await ledger.run(
        run_id,
        status=RunStatus.FAILED if status is TaskStatus.FAILED else RunStatus.COMPLETED,
        origin=origin,
        spend=spend,
        **fields,
    )
    made = {"makes": makes} if status is TaskStatus.COMPLETED else {"error": error("boom")}
    await ledger.attempt(run, "think", 0, len(str(makes)) * 100, status=status, spend=spend, **made)
    return run


async def report_of(ledger: Ledger, runs: Sequence[str], **fields: Any) -> RepeatReport:
    await ledger.store.flush()
    repetition = Repetition(parent="1parent", task="think", times=len(runs), runs=tuple(runs), **fields)
    return await compare_repetitions(ledger.store, repetition)


async def test_spreads_are_those_of_the_samples_that_completed(ledger: Ledger) -> None:
    await make(ledger, "1parent", "a" * 4)
    for number in range(10):
        await make(ledger, f"1fork{number}", "a" * (number + 1), cost=0.5 if number else 1.0)
    await make(ledger, "1failed", "a" * 100, status=TaskStatus.FAILED, cost=8.0)
    found = await report_of(ledger, [f"1fork{number}" for number in range(10)] + ["1failed"])
    assert found.spreads is not None
    length, latency, cost = found.spreads.length, found.spreads.latency_ms, found.spreads.cost_usd
    assert (length.least, length.median, length.p90, length.most) == (1, 5.5, 9, 10)
    assert (latency.least, latency.median, latency.p90, latency.most) == (100, 550, 900, 1000)
    assert cost is not None
    assert (cost.least, cost.median, cost.p90, cost.most) == (0.5, 0.5, 0.5, 1.0)
    assert found.total.cost_usd == 13.5
    assert found.recorded is not None
    assert (found.recorded.length, found.recorded.latency_ms) == (4, 400)
    assert [len(found.completed), len(found.failed), found.is_done] == [10, 1, True]


async def test_samples_with_an_unknown_price_are_in_no_spread_of_costs(ledger: Ledger) -> None:
    await make(ledger, "1parent", "a")
    await make(ledger, "1forka", "a", cost=0.5)
    await make(ledger, "1forkb", "a", cost=None)
    found = await report_of(ledger, ["1forka", "1forkb"])
    assert found.spreads is not None
    assert found.spreads.cost_usd is not None
    assert (found.spreads.cost_usd.least, found.spreads.unpriced) == (0.5, 1)
    assert (found.total.cost_usd, found.total.unpriced_calls) == (0.5, 1)


async def test_attempts_before_the_last_one_count_for_cost_and_latency(ledger: Ledger) -> None:
    run = await ledger.run("1parent")
    first = {"status": TaskStatus.FAILED, "is_final": False, "error": error()}
    await ledger.attempt(run, "think", 0, 100, spend=Spend(cost_usd=1, model_calls=1), **first)
    await ledger.attempt(run, "think", 300, 50, attempt=2, makes="x", spend=Spend(cost_usd=2, model_calls=1))
    found = (await report_of(ledger, [])).recorded
    assert found is not None
    assert (found.attempts, found.latency_ms, found.spend.cost_usd) == (2, 350, 3)


async def test_runs_without_an_end_are_no_samples_and_cost_all_the_same(ledger: Ledger) -> None:
    await make(ledger, "1parent", "a")
    await make(ledger, "1forka", "a")
    await ledger.run("1forkb", status=RunStatus.OVER_BUDGET, spend=Spend(cost_usd=0.125, model_calls=1))
    found = await report_of(ledger, ["1forka", "1forkb"], stopped_by=StopReason.BUDGET)
    assert [sample.run_id for sample in found.samples] == ["1forka"]
    assert [(run.run_id, run.status) for run in found.unfinished] == [("1forkb", RunStatus.OVER_BUDGET)]
    assert found.total.cost_usd == 0.375
    assert not found.is_done


async def test_where_the_run_took_the_task_over_what_was_recorded_is_that_of_the_run_that_made_it(
    ledger: Ledger,
) -> None:
    origin = await make(ledger, "1origin", "abc")
    run = await ledger.run("1parent")
    made = (ledger.artifact(origin, "think", "abc").id,)
    fields: dict[str, Any] = {"reused_from": origin.id, "output_artifacts": made}
    await ledger.decided(run, "think", 0, TaskStatus.COMPLETED, attempt=1, **fields)
    found = (await report_of(ledger, [])).recorded
    assert found is not None
    assert (found.run_id, found.outputs, found.latency_ms, found.spend.cost_usd) == (
        "1origin",
        {"output": "abc"},
        300,
        0.25,
    )


async def test_a_report_says_the_same_after_it_was_printed_as_json(ledger: Ledger) -> None:
    await make(ledger, "1parent", {"a": [1, None]})
    for number in range(6):
        await make(ledger, f"1fork{number}", {"a": [number, None]})
    found = await report_of(ledger, [f"1fork{number}" for number in range(6)])
    assert RepeatReport.model_validate_json(found.model_dump_json()) == found
