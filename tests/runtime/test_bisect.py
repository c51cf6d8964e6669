"""Two runs bisected: the change that was built in is named, alone or together, whatever else has changed."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from textwrap import dedent
from typing import Any

import pytest

from binex.analysis.bisection.report import BisectReport, BisectVerdict, StoppedBy, ThingKind
from binex.analysis.bisection.search import Moved
from binex.errors import InputError
from binex.models.change import Change, ChangeKind
from binex.models.run import RunMode, RunSummary
from binex.models.task import TaskNode
from binex.runtime.bisecting.bisector import Bisector
from binex.runtime.bisecting.request import BisectRequest
from binex.runtime.forks.request import Edit, ForkRequest
from tests.runtime.conftest import Bench
from tests.scripted import ScriptedAdapter

OpenBench = Callable[..., Awaitable[Bench]]

BEFORE = """
    inputs: {topic: {default: tides}}
    nodes:
      facts: {agent: "script://facts", inputs: {topic: "${user.topic}"}, config: {depth: 3}}
      draft:
        agent: script://small
        system_prompt: Be brief.
        inputs: {facts: "${facts.output}"}
        config: {temperature: 0, style: plain}
      check: {agent: "script://check", inputs: {text: "${draft.output}"}, config: {level: 1}}
      aside: {agent: "script://aside", inputs: {topic: "${user.topic}"}, config: {x: 1}}
"""
AFTER = (
    BEFORE.replace("depth: 3", "depth: 4")
    .replace("script://small", "script://large")
    .replace("Be brief.", "Be long.")
    .replace("temperature: 0, style: plain", "temperature: 1, style: ornate")
    .replace("level: 1", "level: 2")
    .replace("x: 1", "x: 2")
)


def seeing(is_bad: Callable[[dict[str, Any]], bool]) -> ScriptedAdapter:
    """Agents that hand on all that they were told, so that `check` can see what is otherwise, and judge it."""

    def hand_on(task: TaskNode) -> Any:
        known = next((value for value in task.inputs.values() if isinstance(value, dict)), {})
        return {**known, task.path: {"agent": task.agent, "prompt": task.system_prompt, **task.config}}

    def check(task: TaskNode) -> Any:
        seen = hand_on(task)
        text = task.inputs["text"]
        return {"good": not is_bad({**text, **seen} if isinstance(text, dict) else seen)}

    return ScriptedAdapter(facts=hand_on, small=hand_on, large=hand_on, check=check, aside=hand_on)


EXPECT = "${check.output.good}"


async def bisect(bench: Bench, good: RunSummary, bad: RunSummary, **more: Any) -> BisectReport:
    more = {"expect": EXPECT, "times": 1} | more
    bisector = await Bisector.prepare(bench.session, good.run_id, bad.run_id, BisectRequest(**more))
    return await bisector.run()


def named(report: BisectReport) -> list[tuple[str, ...]]:
    return [culprit.changes for culprit in report.culprits]


async def test_the_prompt_is_named_among_seven_changes(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=seeing(lambda seen: seen["draft"]["prompt"] == "Be long."))
    good, bad = await bench.run(BEFORE), await bench.run(AFTER)
    report = await bisect(bench, good, bad)
    assert report.verdict is BisectVerdict.FOUND
    assert named(report) == [("draft: prompt",)]
    assert report.culprits[0].sureness == 1
    assert {thing.name: thing.is_out_of_reach for thing in report.changes} == {
        "facts: config.depth": False,
        "draft: prompt": False,
        "draft: agent": False,
        "draft: config.temperature": False,
        "draft: config.style": False,
        "check: config.level": False,
        "aside: config.x": True,
    }
    assert [trial.passed for trial in report.noise] == [1, 0]
    assert len(report.trials) <= 8


async def test_each_mixture_is_a_fork_on_record_and_none_is_made_twice(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=seeing(lambda seen: seen["draft"]["prompt"] == "Be long."))
    good, bad = await bench.run(BEFORE), await bench.run(AFTER)
    report = await bisect(bench, good, bad)
    sets = [trial.changes for trial in report.trials]
    assert len(sets) == len(set(sets))
    runs = await bench.session.store.list_runs(limit=100)
    made = [id for trial in (*report.noise, *report.trials) for id in trial.runs]
    assert {run.id for run in runs} == {good.run_id, bad.run_id, *made}
    for run in runs:
        if run.id in made:
            assert run.origin is not None
            assert run.origin.mode is RunMode.FORK
            assert run.origin.parent in (good.run_id, bad.run_id)
    changed = [run.origin.changes for run in runs if run.origin is not None and run.origin.changes]
    assert len(changed) == len(report.trials)
    assert bench.agents.calls["aside"] == 2, "what cannot reach the outcome is never executed again"


async def test_two_changes_that_only_together_do_it_are_named_together(open_bench: OpenBench) -> None:
    bench = await open_bench(
        agents=seeing(lambda seen: seen["draft"]["temperature"] == 1 and seen["facts"]["depth"] == 4)
    )
    report = await bisect(bench, await bench.run(BEFORE), await bench.run(AFTER))
    assert named(report) == [("facts: config.depth", "draft: config.temperature")]


async def test_two_changes_that_each_do_it_are_both_named(open_bench: OpenBench) -> None:
    bench = await open_bench(
        agents=seeing(lambda seen: seen["draft"]["temperature"] == 1 or seen["check"]["level"] == 2)
    )
    report = await bisect(bench, await bench.run(BEFORE), await bench.run(AFTER))
    assert sorted(named(report)) == [("check: config.level",), ("draft: config.temperature",)]


VALUES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "facts: config.depth": lambda seen: seen["facts"]["depth"] == 4,
    "draft: prompt": lambda seen: seen["draft"]["prompt"] == "Be long.",
    "draft: agent": lambda seen: seen["draft"]["agent"] == "script://large",
    "draft: config.temperature": lambda seen: seen["draft"]["temperature"] == 1,
    "draft: config.style": lambda seen: seen["draft"]["style"] == "ornate",
    "check: config.level": lambda seen: seen["check"]["level"] == 2,
}


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_changes_are_built_in_as_causes_exactly_these_are_named(
    open_bench: OpenBench, seed: int
) -> None:
    chance = random.Random(seed)
    names = list(VALUES)
    chance.shuffle(names)
    sizes = chance.choice([[1], [2], [3], [1, 1], [1, 2], [2, 2], [5], [6]])
    causes = [frozenset(names.pop() for _ in range(size)) for size in sizes]
    bench = await open_bench(
        agents=seeing(lambda seen: any(all(VALUES[name](seen) for name in cause) for cause in causes))
    )
    report = await bisect(bench, await bench.run(BEFORE), await bench.run(AFTER), times=seed % 2 * 4 or 1)
    assert {frozenset(culprit.changes) for culprit in report.culprits} == set(causes)
    assert all(culprit.is_smallest for culprit in report.culprits)


async def test_a_variable_is_named(open_bench: OpenBench) -> None:
    def facts(task: TaskNode) -> Any:
        return {"facts": task.inputs["topic"]}

    agents = seeing(lambda seen: seen["facts"] == "bees")
    agents.behaviours["facts"] = facts
    bench = await open_bench(agents=agents)
    report = await bisect(bench, await bench.run(BEFORE), await bench.run(AFTER, topic="bees"))
    assert named(report) == [("variable topic",)]


@pytest.mark.parametrize("is_bad_with", [True, False])
async def test_a_setting_that_only_one_run_has_is_put_in_and_taken_out(
    open_bench: OpenBench, is_bad_with: bool
) -> None:
    bench = await open_bench(agents=seeing(lambda seen: ("extra" in seen["draft"]) is is_bad_with))
    without = BEFORE.replace("style: plain", "style: ornate").replace("Be brief.", "Be long.")
    runs = [await bench.run(text) for text in (BEFORE.replace("style: plain", "style: plain, extra: 1"), without)]
    report = await bisect(bench, runs[is_bad_with], runs[not is_bad_with])
    assert named(report) == [("draft: config.extra",)]


async def test_what_a_node_made_of_the_same_is_named_and_it_is_not_executed_again(open_bench: OpenBench) -> None:
    agents = seeing(lambda seen: seen["facts"] == "wrong")
    answers = iter(["right", "wrong"])
    agents.behaviours["facts"] = lambda _: {"facts": next(answers)}
    bench = await open_bench(agents=agents)
    changed = BEFORE.replace("Be brief.", "Be long.").replace("level: 1", "level: 2")
    report = await bisect(bench, await bench.run(BEFORE), await bench.run(changed))
    assert named(report) == [("what facts made",)]
    (thing,) = [thing for thing in report.changes if thing.name == "what facts made"]
    assert thing.kind is ThingKind.ARTIFACT
    assert bench.agents.calls["facts"] == 2


async def test_an_item_of_a_foreach_that_came_out_otherwise_is_named(open_bench: OpenBench) -> None:
    fan = """
        nodes:
          list: {agent: "script://list", inputs: {x: 1}}
          each: {agent: "script://each", foreach: list, inputs: {x: "${item}"}}
          check: {agent: "script://check", inputs: {all: "${each.output}"}, config: {level: 1}}
    """
    odd = itertools.count()
    agents = ScriptedAdapter(
        list=lambda _: [1, 2, 3],
        each=lambda task: -1 if task.path == "each[1]" and next(odd) else task.inputs["x"],
        check=lambda task: {"good": min(task.inputs["all"]) > 0},
    )
    bench = await open_bench(agents=agents)
    report = await bisect(bench, await bench.run(fan), await bench.run(fan.replace("level: 1", "level: 2")))
    assert named(report) == [("what each made",)]
    (thing,) = [thing for thing in report.changes if thing.name == "what each made"]
    assert thing.path == ("each[1]",)


async def test_what_somebody_put_in_the_place_of_an_artifact_is_named(open_bench: OpenBench) -> None:
    agents = seeing(lambda seen: seen["facts"] == "wrong")
    agents.behaviours["facts"] = lambda _: {"facts": "right"}
    bench = await open_bench(agents=agents)
    good = await bench.run(BEFORE)
    request = ForkRequest(
        edits=(Edit("facts", "output", {"facts": "wrong"}),),
        fields=(Change(kind=ChangeKind.FIELD, node="check", path=("config", "level"), value=2),),
    )
    report = await bisect(bench, good, await bench.session.fork(good.run_id, request))
    assert named(report) == [("what facts made",)]
    assert [thing.kind for thing in report.changes if thing.name == "what facts made"] == [ThingKind.EDIT]


async def test_nodes_and_edges_are_swapped_as_one(open_bench: OpenBench) -> None:
    def check(task: TaskNode) -> Any:
        return {"good": "more" not in task.inputs}

    agents = seeing(lambda _: False)
    agents.behaviours["check"] = check
    bench = await open_bench(agents=agents)
    more = AFTER.replace(
        'inputs: {text: "${draft.output}"}', 'inputs: {text: "${draft.output}", more: "${new.output}"}'
    )
    more += '      new: {agent: "script://new", inputs: {x: "${facts.output}"}}\n'
    report = await bisect(bench, await bench.run(BEFORE), await bench.run(more))
    assert named(report) == [("the workflow's nodes and edges",)]
    (thing,) = [thing for thing in report.changes if thing.kind is ThingKind.REST]
    assert thing.nodes == ("check", "new")
    assert "together" in thing.obstacle


async def test_an_input_of_a_node_with_other_edges_is_swapped_by_itself(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(check=lambda task: {"good": task.inputs["tone"] == "kind"}))
    workflow = """
        nodes:
          first: {agent: "script://first", inputs: {x: 1}}
          check: {agent: "script://check", inputs: {text: "${first.output}", tone: kind}}
    """
    more = workflow.replace("tone: kind", 'tone: rude, more: "${new.output}"')
    more += '      new: {agent: "script://new", inputs: {x: 1}}\n'
    report = await bisect(bench, await bench.run(workflow), await bench.run(more))
    assert named(report) == [("check: inputs.tone",)]


async def test_a_deadline_is_named_although_it_says_only_how_a_node_is_executed(open_bench: OpenBench) -> None:
    async def slow(task: TaskNode) -> Any:
        await asyncio.sleep(0.2)
        return {"good": True}

    agents = seeing(lambda _: False)
    agents.behaviours["check"] = slow
    bench = await open_bench(agents=agents)
    hurried = AFTER.replace("config: {level: 2}", "config: {level: 2}, deadline_ms: 20")
    report = await bisect(bench, await bench.run(BEFORE), await bench.run(hurried))
    assert named(report) == [("check: deadline_ms",)]
    assert "timed_out" in report.noise[1].why


async def test_what_is_held_fast_is_not_executed_however_often_a_mixture_is(open_bench: OpenBench) -> None:
    fan = """
        nodes:
          list: {agent: "script://list", inputs: {x: 1}, config: {a: 1}}
          each: {agent: "script://each", foreach: list, inputs: {x: "${item}"}}
          check: {agent: "script://check", inputs: {all: "${each.output}"}, config: {level: 1}}
    """
    odd = itertools.count()
    agents = ScriptedAdapter(
        list=lambda _: [1, 2, 3],
        each=lambda task: -1 if task.path == "each[1]" and next(odd) else task.inputs["x"],
        check=lambda task: {"good": min(task.inputs["all"]) > 0 or task.config["level"] == 1},
    )
    bench = await open_bench(agents=agents)
    other = fan.replace("level: 1", "level: 2").replace("a: 1", "a: 2")
    report = await bisect(bench, await bench.run(fan), await bench.run(other), times=5)
    assert named(report) == [("check: config.level", "what each made")]
    assert {path: bench.agents.calls[path] for path in ("each[0]", "each[1]", "each[2]")} == dict.fromkeys(
        ("each[0]", "each[1]", "each[2]"), 2
    )


# --- code -----------------------------------------------------------------------------------------------------

CODE = """
    nodes:
      count: {agent: local://steps.count, inputs: {text: one two}}
      check: {agent: "script://check", inputs: {number: "${count.output}"}, config: {level: 1}}
"""


async def with_code(open_bench: OpenBench, today: str) -> BisectReport:
    agents = ScriptedAdapter(check=lambda task: {"good": task.inputs["number"] == 2})
    bench = await open_bench(agents=agents)
    steps = bench.folder / "steps.py"
    steps.write_text("def count(text): return len(text.split())\n")
    good = await bench.run(CODE)
    steps.write_text("def count(text): return len(text.split()) + 1  # off by one\n")
    bad = await bench.run(CODE.replace("level: 1", "level: 2"))
    if today == "good":
        steps.write_text("def count(text): return len(text.split())\n")
    if today == "gone":
        steps.unlink()
    if today == "neither":
        steps.write_text("def count(text): return 1 / 0  # neither of them\n")
    return await bisect(bench, good, bad)


@pytest.mark.parametrize("today", ["good", "bad", "neither", "gone"])
async def test_code_is_named_whichever_code_is_there_today(open_bench: OpenBench, today: str) -> None:
    report = await with_code(open_bench, today)
    assert named(report) == [("code of local://steps.count",)], report.trials


@pytest.mark.parametrize("today", ["good", "bad", "neither"])
async def test_code_that_changed_and_makes_no_difference_is_cleared(open_bench: OpenBench, today: str) -> None:
    workflow = """
        nodes:
          first: {agent: "script://first", inputs: {x: 1}, config: {n: 1, m: 1}}
          count: {agent: local://steps.count, inputs: {number: "${first.output}"}}
          check: {agent: "script://check", inputs: {number: "${count.output}"}}
    """
    agents = ScriptedAdapter(
        first=lambda task: task.config["n"], check=lambda task: {"good": task.inputs["number"] < 2}
    )
    bench = await open_bench(agents=agents)
    code = {name: f"def count(number): return number  # {name}\n" for name in ("good", "bad", "neither")}
    (bench.folder / "steps.py").write_text(code["good"])
    good = await bench.run(workflow)
    (bench.folder / "steps.py").write_text(code["bad"])
    bad = await bench.run(workflow.replace("n: 1, m: 1", "n: 2, m: 2"))
    (bench.folder / "steps.py").write_text(code[today])
    report = await bisect(bench, good, bad)
    assert named(report) == [("first: config.n",)]
    assert report.culprits[0].is_smallest
    (thing,) = [thing for thing in report.changes if thing.kind is ThingKind.CODE]
    assert thing.is_cleared


async def test_code_that_is_gone_and_was_given_other_things_cannot_be_swapped_and_that_is_said(
    open_bench: OpenBench,
) -> None:
    workflow = """
        nodes:
          first: {agent: "script://first", inputs: {x: 1}, config: {n: 1}}
          count: {agent: local://steps.count, inputs: {number: "${first.output}"}}
          check: {agent: "script://check", inputs: {number: "${count.output}"}}
    """
    agents = ScriptedAdapter(
        first=lambda task: task.config["n"], check=lambda task: {"good": task.inputs["number"] < 10}
    )
    bench = await open_bench(agents=agents)
    steps = bench.folder / "steps.py"
    steps.write_text("def count(number): return number\n")
    good = await bench.run(workflow)
    steps.write_text("def count(number): return number + 10\n")
    bad = await bench.run(workflow.replace("n: 1", "n: 2"))
    steps.write_text("def count(number): return number + 1000\n")
    report = await bisect(bench, good, bad)
    (thing,) = [thing for thing in report.changes if thing.kind is ThingKind.CODE]
    assert "that of neither run" in thing.obstacle
    assert all(trial.moved is Moved.UNKNOWN for trial in report.trials)
    assert "today's code" in report.trials[0].why
    assert not report.culprits[0].is_smallest


async def test_another_function_is_only_swapped_in_with_the_code_that_it_had(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(check=lambda task: {"good": task.inputs["number"] == 2}))
    (bench.folder / "steps.py").write_text("def count(text): return 2\n")
    (bench.folder / "other.py").write_text("def count(text): return 3\n")
    good = await bench.run(CODE)
    bad = await bench.run(CODE.replace("steps.count", "other.count").replace("level: 1", "level: 2"))
    assert named(await bisect(bench, good, bad)) == [("count: agent",)]
    (bench.folder / "other.py").write_text("def count(text): return 2  # mended since\n")
    report = await bisect(bench, good, bad)
    assert named(report) == [("count: agent",)], "what it made then stands for it"
    (trial,) = [trial for trial in report.trials if trial.changes == ("count: agent",)]
    assert trial.base == bad.run_id


# --- chance ---------------------------------------------------------------------------------------------------


def rolling(*rates: tuple[str, int]) -> Callable[[TaskNode], Any]:
    """Good so many times of ten, by the prompt, in a fixed order."""
    numbers = {prompt: itertools.count() for prompt, _ in rates}
    counts = dict(rates)

    def check(task: TaskNode) -> Any:
        prompt = task.system_prompt or ""
        return {"good": next(numbers[prompt]) * 7 % 10 < counts[prompt]}

    return check


CHANCE = """
    nodes:
      check: {agent: "script://check", system_prompt: P, inputs: {x: 1}, config: {a: 1, b: 1, c: 1}}
"""
OTHER = CHANCE.replace(": P", ": Q").replace("{a: 1, b: 1, c: 1}", "{a: 2, b: 2, c: 2}")


async def test_a_change_of_the_rate_is_found_and_how_sure_that_is(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(check=rolling(("P", 9), ("Q", 1))))
    good, bad = await bench.run(CHANCE), await bench.run(OTHER)
    while bad.outputs["check"]["output"]["good"] is not False:
        bad = await bench.run(OTHER)
    report = await bisect(bench, good, bad, times=20)
    assert named(report) == [("check: prompt",)]
    assert 0.99 < report.culprits[0].sureness < 1
    assert [trial.total for trial in report.noise] == [20, 20]
    assert report.noise[0].low > report.noise[1].high
    assert all(trial.is_clear for trial in report.trials)


async def test_runs_that_differ_by_chance_alone_are_called_that_and_nothing_is_searched(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(check=rolling(("P", 5), ("Q", 5))))
    runs = [await bench.run(text) for text in (CHANCE, OTHER, CHANCE, OTHER, CHANCE, OTHER)]
    good = next(run for run in runs[::2] if run.outputs["check"]["output"]["good"])
    bad = next(run for run in runs[1::2] if not run.outputs["check"]["output"]["good"])
    report = await bisect(bench, good, bad, times=10)
    assert report.verdict is BisectVerdict.NOISY
    assert report.trials == ()
    assert (await bisect(bench, good, bad, times=10, is_anyway=True)).verdict is not BisectVerdict.NOISY


async def test_samples_are_taken_five_times_unless_all_is_local(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=seeing(lambda seen: seen["draft"]["prompt"] == "Be long."))
    good, bad = await bench.run(BEFORE), await bench.run(AFTER)
    report = await bisect(bench, good, bad, times=None)
    assert report.times == 5
    assert named(report) == [("draft: prompt",)]


# --- what stops it --------------------------------------------------------------------------------------------


async def test_a_good_run_that_does_not_pass_is_refused_with_what_each_gave(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=seeing(lambda seen: seen["draft"]["prompt"] == "Be long."))
    good, bad = await bench.run(BEFORE), await bench.run(AFTER)
    with pytest.raises(InputError, match="the good run does not pass, and the bad one") as caught:
        await bisect(bench, bad, good)
    assert "other way round" in str(caught.value.fix)
    with pytest.raises(InputError, match=r"the bad run passes as well .* check made"):
        await bisect(bench, good, await bench.run(BEFORE))
    with pytest.raises(InputError, match="the good run does not pass"):
        await bisect(bench, good, bad, expect="${check.output.good} == 7")
    with pytest.raises(InputError, match="both are run"):
        await bisect(bench, good, good)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"times": 2}, "can never tell"),
        ({"by": "steps.judge"}, "both judge"),
        ({"expect": "${nowhere.output}"}, "nowhere"),
        ({"node": "nowhere"}, "no such node"),
        ({"expect": None, "by": "gone.judge"}, "gone"),
        ({"expect": None, "by": "steps.two"}, "only argument"),
        ({"expect": None, "by": "steps.text"}, "answered with"),
        ({"expect": None, "by": "steps.broken"}, "ZeroDivisionError"),
        ({"max_cost": -1.0}, "budget"),
    ],
)
async def test_what_makes_no_sense_is_refused_before_anything_runs(
    open_bench: OpenBench, more: dict[str, Any], said: str
) -> None:
    bench = await open_bench(agents=seeing(lambda seen: seen["draft"]["prompt"] == "Be long."))
    (bench.folder / "steps.py").write_text(
        "def two(a, b): return True\ndef text(a): return 'yes'\ndef broken(a): return 1 / 0\n"
    )
    good, bad = await bench.run(BEFORE), await bench.run(AFTER)
    with pytest.raises(InputError, match=said):
        await bisect(bench, good, bad, **more)
    assert len(await bench.session.store.list_runs(limit=9)) == 2


@pytest.mark.parametrize("answer", ["bool", "number", "later"])
async def test_a_function_of_the_project_may_judge(open_bench: OpenBench, answer: str) -> None:
    bench = await open_bench(agents=seeing(lambda seen: seen["draft"]["prompt"] == "Be long."))
    (bench.folder / "judges.py").write_text(
        dedent("""
        def bool(checked): return checked["good"]
        def number(checked): return 0.9 if checked["good"] else 0.2
        async def later(checked): return checked["good"]
        """)
    )
    good, bad = await bench.run(BEFORE), await bench.run(AFTER)
    report = await bisect(bench, good, bad, expect=None, by=f"judges.{answer}", node="check")
    assert named(report) == [("draft: prompt",)]


async def test_without_a_judge_the_outputs_of_the_good_run_are_wanted(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=seeing(lambda seen: seen["draft"]["style"] == "ornate"))
    good, bad = await bench.run(BEFORE), await bench.run(AFTER)
    report = await bisect(bench, good, bad, expect=None, node="check")
    assert named(report) == [("draft: config.style",)]
    everything = await bisect(bench, good, bad, expect=None)
    assert sorted(named(everything)) == [("aside: config.x",), ("draft: config.style",)]


async def test_the_plan_executes_nothing(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=seeing(lambda seen: seen["draft"]["prompt"] == "Be long."))
    good, bad = await bench.run(BEFORE), await bench.run(AFTER)
    calls = dict(bench.agents.calls)
    bisector = await Bisector.prepare(bench.session, good.run_id, bad.run_id, BisectRequest(expect=EXPECT))
    plan = await bisector.plan()
    assert dict(bench.agents.calls) == calls
    assert len(await bench.session.store.list_runs(limit=9)) == 2
    assert len(plan.swaps) == 6
    assert (plan.fewest_trials, plan.most_trials, plan.times) == (6, 54, 5)


async def test_nothing_that_changed_can_explain_a_failure_by_chance(open_bench: OpenBench) -> None:
    calls = itertools.count()

    def once(task: TaskNode) -> Any:
        if next(calls) == 1:
            raise ValueError("the network was down")
        return {"good": True}

    bench = await open_bench(agents=ScriptedAdapter(check=once))
    good, bad = await bench.run(CHANCE), await bench.run(CHANCE)
    report = await bisect(bench, good, bad)
    assert report.verdict is BisectVerdict.NOISY, "executed again, the bad one passes"
    assert [trial.passed for trial in report.noise] == [1, 1]


async def test_somebody_may_stop_it_and_is_told_what_is_known(open_bench: OpenBench) -> None:
    started = asyncio.Event()

    async def slow(task: TaskNode) -> Any:
        if task.config["level"] == 1 and task.inputs["text"]["draft"]["prompt"] == "Be long.":
            started.set()
            await asyncio.get_running_loop().create_future()
        return {"good": task.inputs["text"]["draft"]["prompt"] != "Be long."}

    agents = seeing(lambda _: False)
    agents.behaviours["check"] = slow
    bench = await open_bench(agents=agents)
    good, bad = await bench.run(BEFORE), await bench.run(AFTER)
    bisector = await Bisector.prepare(bench.session, good.run_id, bad.run_id, BisectRequest(expect=EXPECT, times=1))
    running = asyncio.ensure_future(bisector.run())
    async with asyncio.timeout(20):
        await started.wait()
        bisector.trying.interrupt()
        report = await running
    assert report.verdict is BisectVerdict.STOPPED
    assert report.stopped_by is StoppedBy.INTERRUPTED
    assert [trial.passed for trial in report.noise] == [1, 0]


async def test_the_budget_bounds_all_of_it(open_bench: OpenBench) -> None:
    priced = """
        nodes:
          ask:
            agent: llm://mock/exact
            inputs: {question: How many?}
            system_prompt: Be exact.
            config:
              seed: 1
              answers:
                - {text: two, price: 0.25, repeat: 100, when: {model: exact}}
                - {text: many, price: 0.25, repeat: 100}
    """
    bench = await open_bench()
    good = await bench.run(priced)
    bad = await bench.run(
        priced.replace("Be exact.", "Be kind.").replace("seed: 1", "seed: 2").replace("mock/exact", "mock/guess")
    )
    report = await bisect(bench, good, bad, expect='${ask.output} == "two"', max_cost=0.6)
    assert report.verdict is BisectVerdict.STOPPED
    assert report.stopped_by is StoppedBy.BUDGET
    assert report.total.cost_usd <= 0.6
    whole = await bisect(bench, good, bad, expect='${ask.output} == "two"', max_cost=5)
    assert named(whole) == [("ask: agent",)]
    assert whole.total.cost_usd <= 5
