"""Repetitions: one task many times, each in a fork of its own, within one budget, until somebody stops it."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from binex.analysis.repetition.report import RepeatReport, StopReason
from binex.errors import DamagedDataError, InputError
from binex.models.change import Change, ChangeKind
from binex.models.event import Event, RunStarted
from binex.models.question import Answer as HumanAnswer
from binex.models.question import Question
from binex.models.run import RunMode, RunStatus, RunSummary
from binex.models.task import ErrorKind, TaskNode, TaskStatus, now
from binex.runtime.assembly import People
from binex.runtime.forks.request import Edit, ForkRequest
from binex.runtime.repeating import Repeater, RepeatRequest
from tests.model_server import Answer, ModelServer, Tokens, Wire
from tests.runtime.conftest import Bench
from tests.runtime.test_forks import snapshot
from tests.scripted import ScriptedAdapter, forever

OpenBench = Callable[..., Awaitable[Bench]]

CHAIN = """
    inputs: {topic: {default: tides}}
    nodes:
      plan: {agent: "script://plan", inputs: {topic: "${user.topic}"}}
      think: {agent: "script://think", inputs: {plan: "${plan.output}"}}
      end: {agent: "script://end", inputs: {x: "${think.output}"}}
"""
FAN = """
    nodes:
      list: {agent: "script://list", inputs: {x: 1}}
      each: {agent: "script://each", foreach: list, inputs: {x: "${item}"}}
      end: {agent: "script://end", inputs: {x: "${each.output}"}}
"""
PRICED = """
    nodes:
      ask:
        agent: llm://mock/teller
        inputs: {question: How many tides?}
        config:
          answers:
            - {text: two a day, price: 0.25, delay_ms: 1, usage: {input_tokens: 10, output_tokens: 3}}
"""


def numbered() -> Callable[[TaskNode], int]:
    """Answers 0, 1, 2 and so on."""
    numbers = count()
    return lambda _: next(numbers)


async def repeat(bench: Bench, run: RunSummary | str, only: str = "think", times: int = 4, **more: Any) -> RepeatReport:
    fork = more.pop("fork", None) or ForkRequest(only=only)
    run_id = run if isinstance(run, str) else run.run_id
    repeater = await Repeater.prepare(bench.session, run_id, RepeatRequest(fork, times, **more))
    return await repeater.report(await repeater.run())


async def test_each_repetition_is_a_fork_of_its_own_with_the_same_inputs(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(CHAIN)
    before = await snapshot(bench, parent)
    report = await repeat(bench, parent, times=5)
    assert bench.agents.calls == {"plan": 1, "think": 6, "end": 1}
    assert {str(task.inputs) for task in bench.agents.tasks if task.path == "think"} == {
        str({"plan": {"topic": "tides"}})
    }
    assert await snapshot(bench, parent) == before
    assert report.is_done
    assert len({sample.run_id for sample in report.samples}) == 5
    for sample in report.samples:
        run = await bench.session.store.get_run(sample.run_id)
        assert run is not None
        assert run.origin is not None
        assert (run.origin.parent, run.origin.mode, run.origin.fork_points) == (
            parent.run_id,
            RunMode.FORK,
            ("think",),
        )
    assert [(len(group.samples), group.variants, group.has_recorded) for group in report.groups] == [(5, 1, True)]
    assert report.standing is not None
    assert not report.standing.is_outlier


async def test_latest_means_the_run_that_was_latest_in_the_beginning(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(CHAIN)
    report = await repeat(bench, "latest", times=3, parallel=1)
    assert report.repetition.parent == parent.run_id
    runs = [await bench.session.store.get_run(sample.run_id) for sample in report.samples]
    assert {run.origin.parent for run in runs if run is not None and run.origin is not None} == {parent.run_id}


@pytest.mark.parametrize(("parallel", "most"), [(1, 1), (3, 3), (8, 6)])
async def test_no_more_are_executed_at_a_time_than_may(open_bench: OpenBench, parallel: int, most: int) -> None:
    gate = asyncio.Event()

    async def wait_for_the_others(task: TaskNode) -> str:
        if bench.agents.running >= most:
            gate.set()
        await gate.wait()
        return "done"

    bench = await open_bench()
    parent = await bench.run(CHAIN)
    bench.agents.behaviours["think"] = wait_for_the_others
    async with asyncio.timeout(20):
        report = await repeat(bench, parent, times=6, parallel=parallel)
    assert report.is_done
    assert bench.agents.most_running == most


async def test_what_fails_is_counted_apart_and_does_not_pass(open_bench: OpenBench) -> None:
    numbers = count()

    def fail_each_third(_: TaskNode) -> Any:
        number = next(numbers)
        if number % 3 == 0:
            raise ValueError("no luck")
        return {"score": number}

    bench = await open_bench(agents=ScriptedAdapter(think=lambda _: {"score": 4}))
    parent = await bench.run(CHAIN)
    bench.agents.behaviours["think"] = fail_each_third
    report = await repeat(bench, parent, times=6, parallel=1, expect="${think.output.score} >= 4")
    assert [sample.status for sample in report.failed] == [TaskStatus.FAILED] * 2
    assert {sample.error.message for sample in report.failed if sample.error is not None} == {"no luck"}
    assert report.pass_rate is not None
    assert (report.pass_rate.passed, report.pass_rate.total) == (2, 6)
    assert [sample.why_not for sample in report.samples if not sample.is_passed] == [
        "it is failed",
        "${think.output.score} is 1",
        "${think.output.score} is 2",
        "it is failed",
    ]
    assert sum(len(group.samples) for group in report.groups) == 4


async def test_an_expectation_may_speak_of_what_was_given_and_of_inputs_of_the_workflow(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(think=lambda task: f"all about {task.inputs['plan']['topic']}"))  # type: ignore[index, call-overload]
    parent = await bench.run(CHAIN)
    expect = "${plan.output.topic} in ${think.output} and ${user.topic} == tides"
    report = await repeat(bench, parent, times=2, expect=expect)
    assert report.pass_rate is not None
    assert report.pass_rate.rate == 1.0


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("${think.output} >=", "expected a value"),
        ("${thin.output} == 1", "names no node"),
        ("${think.score} == 1", "has no output 'score'"),
        ("${user.topics} == 1", "is not an input"),
        ("${env.HOME} == 1", "is not known when the answer is"),
        ("${end.output} == 1", "depends on 'think'"),
        ("${plan.output.topics} == 1", "there is no field 'topics'"),
        ("${item} == 1", "foreach"),
    ],
)
async def test_an_expectation_that_cannot_be_decided_is_refused_before_anything_runs(
    open_bench: OpenBench, expect: str, said: str
) -> None:
    bench = await open_bench()
    parent = await bench.run(CHAIN)
    with pytest.raises(InputError, match="--expect") as refused:
        await repeat(bench, parent, expect=expect)
    assert said in refused.value.message
    assert bench.agents.calls["think"] == 1
    assert len(await bench.session.store.list_runs()) == 1


async def test_what_is_edited_is_expected_as_it_is_edited(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(CHAIN)
    fork = ForkRequest(only="think", edits=(Edit("plan", "output", {"depth": 3}),))
    report = await repeat(
        bench, parent, fork=fork, times=2, expect="${plan.output.depth} == ${think.output.plan.depth}"
    )
    assert report.pass_rate is not None
    assert report.pass_rate.passed == 2


async def test_one_item_of_a_foreach_is_repeated_alone(open_bench: OpenBench) -> None:
    agents = ScriptedAdapter(list=lambda _: ["a", "b", "c"], each=lambda task: f"said {task.inputs['x']}")
    bench = await open_bench(agents=agents)
    parent = await bench.run(FAN)
    report = await repeat(bench, parent, only="each[1]", times=3, expect="${each.output} == 'said b'")
    assert bench.agents.calls == {"list": 1, "each[0]": 1, "each[1]": 4, "each[2]": 1, "end": 1}
    assert [sample.outputs for sample in report.samples] == [{"output": "said b"}] * 3
    assert report.pass_rate is not None
    assert report.pass_rate.passed == 3
    assert report.recorded is not None
    assert report.recorded.outputs == {"output": "said b"}


async def test_all_items_of_a_foreach_are_repeated_and_their_list_is_compared(open_bench: OpenBench) -> None:
    numbers = count()
    agents = ScriptedAdapter(list=lambda _: ["a", "b"], each=lambda task: [task.inputs["x"], next(numbers) // 4])
    bench = await open_bench(agents=agents)
    parent = await bench.run(FAN)
    report = await repeat(bench, parent, only="each", times=3, parallel=1)
    assert bench.agents.calls["each[1]"] == 4
    assert report.samples[0].outputs == {"output": [["a", 0], ["b", 0]]}
    assert report.samples[-1].outputs == {"output": [["a", 1], ["b", 1]]}
    assert [sample.attempts for sample in report.samples] == [2, 2, 2]
    assert [(len(group.samples), group.has_recorded) for group in report.groups] == [(2, False), (1, True)]


async def test_the_node_may_be_repeated_with_something_changed(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(CHAIN)
    change = Change(kind=ChangeKind.FIELD, node="think", path=("agent",), value="script://deep", option="--agent think")
    bench.agents.behaviours["deep"] = lambda _: "deeper"
    report = await repeat(bench, parent, fork=ForkRequest(only="think", fields=(change,)), times=2)
    assert {str(sample.outputs) for sample in report.samples} == {"{'output': 'deeper'}"}
    assert not report.groups[0].has_recorded


@pytest.mark.parametrize(
    ("only", "times", "more", "said"),
    [
        ("thin", 2, {}, "there is no task 'thin'"),
        ("think", 0, {}, "at least once"),
        ("think", 2, {"parallel": 0}, "at least one at a time"),
        ("think", 2, {"max_cost": float("nan")}, "a budget cannot be"),
        (None, 2, {}, "only one node"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_runs(
    open_bench: OpenBench, only: str | None, times: int, more: dict[str, Any], said: str
) -> None:
    bench = await open_bench()
    parent = await bench.run(CHAIN)
    with pytest.raises(InputError, match=said):
        await repeat(bench, parent, fork=ForkRequest(only=only), times=times, **more)
    with pytest.raises(InputError, match="only one node"):
        await repeat(bench, parent, fork=ForkRequest(only="think", from_=("plan",)))
    assert bench.agents.calls["think"] == 1


async def test_a_task_that_never_made_anything_can_be_repeated_too(open_bench: OpenBench) -> None:
    def fail(_: TaskNode) -> Any:
        raise ValueError("no luck")

    bench = await open_bench(agents=ScriptedAdapter(think=fail))
    parent = await bench.run(CHAIN)
    bench.agents.behaviours["think"] = lambda _: "at last"
    report = await repeat(bench, parent, times=5)
    assert report.recorded is None
    assert report.standing is None
    assert [group.variants for group in report.groups] == [1]


# Money


async def test_the_cost_of_all_repetitions_is_told_together(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(PRICED)
    report = await repeat(bench, parent, only="ask", times=4)
    assert report.total.cost_usd == 1.0
    assert report.total.model_calls == 4
    assert report.spreads is not None
    assert report.spreads.cost_usd is not None
    assert report.spreads.input_tokens is not None
    assert (report.spreads.cost_usd.least, report.spreads.cost_usd.most, report.spreads.unpriced) == (0.25, 0.25, 0)
    assert (report.spreads.input_tokens.median, report.recorded and report.recorded.spend.input_tokens) == (10, 10)


@pytest.mark.parametrize(("max_cost", "made"), [(0.0, 0), (0.24, 0), (0.25, 1), (1.1, 4), (2.49, 9), (2.5, 10)])
@pytest.mark.parametrize("parallel", [1, 4])
async def test_a_budget_holds_for_all_repetitions_together(
    open_bench: OpenBench, max_cost: float, made: int, parallel: int
) -> None:
    bench = await open_bench()
    parent = await bench.run(PRICED)
    report = await repeat(bench, parent, only="ask", times=10, parallel=parallel, max_cost=max_cost)
    assert len(report.samples) == made
    assert report.total.cost_usd == made * 0.25
    assert report.repetition.stopped_by is (None if made == 10 else StopReason.BUDGET)
    assert {run.status for run in report.unfinished} <= {RunStatus.OVER_BUDGET}
    assert len(report.unfinished) <= parallel + 1


async def test_a_workflow_that_only_warns_about_its_budget_is_not_begun_again_beyond_it(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run("    budget: {max_cost: 9, policy: warn}" + PRICED)
    report = await repeat(bench, parent, only="ask", times=10, parallel=2, max_cost=0.5)
    assert report.repetition.stopped_by is StopReason.BUDGET
    assert 2 <= len(report.samples) <= 3
    assert not report.unfinished


async def test_the_budget_of_a_workflow_holds_for_each_repetition(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run("    budget: 0.25" + PRICED)
    report = await repeat(bench, parent, only="ask", times=3)
    assert report.is_done
    assert report.total.cost_usd == 0.75


async def test_unknown_prices_stay_unknown(open_bench: OpenBench) -> None:
    text = """
        nodes:
          ask:
            agent: llm://openai-compatible/own
            inputs: {q: hello}
            config: {api_base: URL}
    """
    answers = ["The tide is high", "The tide is high!", "Completely different words here"]
    with ModelServer() as server:
        server.replies = [Answer("The tide is high")]
        bench = await open_bench()
        parent = await bench.run(text.replace("URL", server.url("openai")))
        server.replies = [
            *[Answer(said, tokens=Tokens(20, 5 + n), delay=0.01 * n) for n, said in enumerate(answers)],
            Wire(status=400, body=b'{"error": {"message": "no"}}'),
        ]
        report = await repeat(bench, parent, only="ask", times=4, parallel=4, max_cost=5.0)
    assert report.is_done
    assert sorted(len(group.samples) for group in report.groups) == [1, 2]
    assert (report.groups[0].variants, report.groups[0].has_recorded) == (2, True)
    (failed,) = report.failed
    assert failed.error is not None
    assert failed.error.kind is ErrorKind.REFUSED
    assert report.spreads is not None
    assert (report.spreads.cost_usd, report.spreads.unpriced) == (None, 3)
    assert report.spreads.output_tokens is not None
    assert (report.spreads.output_tokens.least, report.spreads.output_tokens.most) == (5, 7)
    assert report.spreads.latency_ms.most >= report.spreads.latency_ms.least > 0
    assert (report.total.model_calls, report.total.unpriced_calls) == (4, 3), "the refused call costs nothing"


# Stopping


async def test_interrupting_ends_what_runs_and_keeps_what_there_is(open_bench: OpenBench) -> None:
    numbers, begun = count(), asyncio.Event()

    async def hang_from_the_third_on(task: TaskNode) -> Any:
        if next(numbers) < 2:
            return "quick"
        begun.set()
        return await forever(task)

    bench = await open_bench()
    parent = await bench.run(CHAIN)
    bench.agents.behaviours["think"] = hang_from_the_third_on
    request = RepeatRequest(ForkRequest(only="think"), times=20, parallel=2)
    repeater = await Repeater.prepare(bench.session, parent.run_id, request)
    running = asyncio.create_task(repeater.run())
    async with asyncio.timeout(20):
        await begun.wait()
        repeater.interrupt()
        report = await repeater.report(await running)
    assert report.repetition.stopped_by is StopReason.INTERRUPTED
    assert [sample.outputs for sample in report.samples] == [{"output": "quick"}] * 2
    assert {run.status for run in report.unfinished} == {RunStatus.INTERRUPTED}
    assert 1 <= len(report.unfinished) <= 2
    assert report.groups[0].samples == tuple(sample.run_id for sample in report.samples)


async def test_a_repetition_that_is_being_prepared_is_interrupted_too(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(CHAIN)
    bench.agents.behaviours["think"] = forever
    request = RepeatRequest(ForkRequest(only="think"), times=3, parallel=1)
    repeater = await Repeater.prepare(bench.session, parent.run_id, request)
    running = asyncio.create_task(repeater.run())
    await asyncio.sleep(0)
    repeater.interrupt()
    async with asyncio.timeout(20):
        repetition = await running
    assert repetition.stopped_by is StopReason.INTERRUPTED
    assert [summary.status for summary in repeater.summaries] == [RunStatus.INTERRUPTED]


async def test_whoever_interrupts_the_session_interrupts_the_repetitions(open_bench: OpenBench) -> None:
    started = asyncio.Event()

    def listen(event: Event) -> None:
        if isinstance(event, RunStarted) and event.run.origin is not None:
            started.set()

    bench = await open_bench(listeners=[listen])
    parent = await bench.run(CHAIN)
    bench.agents.behaviours["think"] = forever
    repeating = asyncio.create_task(repeat(bench, parent, times=9, parallel=3))
    async with asyncio.timeout(20):
        await started.wait()
        bench.session.interrupt()
        report = await repeating
    assert report.repetition.stopped_by is StopReason.INTERRUPTED
    assert not report.samples
    assert not report.groups


async def test_cancelling_the_repetitions_leaves_no_run_behind(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(CHAIN)
    begun = asyncio.Event()

    async def hang(task: TaskNode) -> Any:
        begun.set()
        return await forever(task)

    bench.agents.behaviours["think"] = hang
    repeating = asyncio.create_task(repeat(bench, parent, times=4, parallel=2))
    async with asyncio.timeout(20):
        await begun.wait()
        repeating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await repeating
    assert bench.agents.running == 0
    runs = await bench.session.store.list_runs()
    assert {run.status for run in runs if run.id != parent.run_id} <= {RunStatus.INTERRUPTED}


async def test_people_are_asked_one_after_the_other_and_nobody_is_asked_in_vain(open_bench: OpenBench) -> None:
    bench = await open_bench()
    text = """
        nodes:
          plan: {agent: "script://plan", inputs: {x: 1}}
          gate: {agent: "human://approve", inputs: {plan: "${plan.output}"}}
    """
    parent = await bench.run(text)
    assert parent.status is RunStatus.WAITING
    report = await repeat(bench, parent, only="gate", times=3)
    assert report.repetition.stopped_by is StopReason.WAITING
    assert [run.status for run in report.unfinished] == [RunStatus.WAITING]


async def test_people_are_asked_for_every_repetition_and_never_two_questions_at_a_time(open_bench: OpenBench) -> None:
    asking, most, numbers = 0, 0, count()

    async def answer(question: Question) -> HumanAnswer:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0)
        asking -= 1
        return HumanAnswer(value="approved" if next(numbers) % 2 else "rejected", at=now())

    bench = await open_bench(people=People(answer))
    parent = await bench.run("nodes: {gate: {agent: 'human://approve', inputs: {x: 1}}}")
    report = await repeat(bench, parent, only="gate", times=4, expect="${gate.output} == approved")
    assert report.is_done
    assert (most, next(numbers)) == (1, 5)
    assert report.pass_rate is not None
    assert report.pass_rate.passed == 2


async def test_an_item_probably_costs_its_share_of_what_all_items_cost(open_bench: OpenBench) -> None:
    text = """
        nodes:
          list: {agent: "script://list", inputs: {x: 1}}
          ask:
            agent: llm://mock/teller
            foreach: list
            inputs: {x: "${item}"}
            config: {answers: [{text: done, price: 0.25}]}
    """
    bench = await open_bench(agents=ScriptedAdapter(list=lambda _: [1, 2, 3]))
    parent = await bench.run(text)
    for only, cost in (("ask", 0.75), ("ask[1]", 0.25)):
        request = RepeatRequest(ForkRequest(only=only), times=2, max_cost=2.0)
        repeater = await Repeater.prepare(bench.session, parent.run_id, request)
        assert repeater.probable_cost_usd == cost
        assert (await repeater.report(await repeater.run())).total.cost_usd == 2 * cost


async def test_no_run_is_made_in_vain_where_it_is_known_for_how_many_the_budget_suffices(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(PRICED)
    report = await repeat(bench, parent, only="ask", times=20, parallel=8, max_cost=1.0)
    assert len(report.samples) == 4
    assert not report.unfinished
    assert report.repetition.stopped_by is StopReason.BUDGET


async def test_a_given_artifact_that_is_missing_is_named_once_and_nothing_runs(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(plan=lambda _: "long " * 100_000))
    parent = await bench.run(CHAIN)
    for file in (bench.folder / ".binex" / "artifacts" / parent.run_id).glob("*plan*"):
        file.unlink()
    with pytest.raises(DamagedDataError, match=f"{parent.run_id}~plan~output"):
        await repeat(bench, parent, times=6, parallel=3)
    assert bench.agents.calls["think"] == 1


async def test_a_recorded_output_that_is_missing_is_only_not_compared(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(think=lambda _: "long " * 100_000))
    parent = await bench.run(CHAIN)
    for file in (bench.folder / ".binex" / "artifacts" / parent.run_id).glob("*think*"):
        file.unlink()
    report = await repeat(bench, parent, times=5)
    assert report.is_done
    assert (report.recorded, report.standing) == (None, None)
