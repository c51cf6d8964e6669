"""Runs that stop at breakpoints: what is asked there, what the answers do, and how runs go on later."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from binex.errors import InputError
from binex.models.breakpoint import read_breakpoint
from binex.models.question import Answer, Question, QuestionKind, QuestionState
from binex.models.run import RunStatus, RunSummary
from binex.models.task import SkipReason, TaskNode, TaskStatus, now
from binex.runtime.assembly import People
from binex.runtime.desk import Patience
from binex.runtime.forks.request import ForkRequest
from binex.runtime.stops.held import HELD
from binex.runtime.stops.stops import Stops
from tests.runtime.conftest import Bench
from tests.scripted import ScriptedAdapter, fail_first, forever

OpenBench = Callable[..., Awaitable[Bench]]

CHAIN = """
    inputs: {x: {type: integer, default: 1}}
    nodes:
      a: {agent: script://give, inputs: {x: "${user.x}"}}
      b: {agent: script://give, inputs: {y: "${a.output.x}"}, depends_on: [a]}
      c: {agent: script://give, inputs: {z: "${b}"}}
"""
EACH = """
    inputs: {list: {type: array, default: [10, 20, 30]}}
    nodes:
      each: {agent: script://give, foreach: "${user.list}", inputs: {n: "${item}"}}
      end: {agent: script://give, inputs: {all: "${each}"}}
"""
FAIL_FAST = """
    inputs: {list: {type: array, default: [0, 1, 2, 3]}}
    nodes:
      each:
        agent: local://courses.give
        foreach: "${user.list}"
        max_parallel: 2
        on_item_failure: fail_fast
        inputs: {n: "${item}"}
      late: {agent: local://courses.wait}
"""
COURSES = """
import pathlib, time

HERE = pathlib.Path(__file__).parent

def give(n):
    if n == 3:
        (HERE / "last").touch()
    if n == 1:
        while not (HERE / "last").exists():
            time.sleep(0.01)
        (HERE / ("failed-2" if (HERE / "failed-1").exists() else "failed-1")).touch()
        raise ValueError("no luck")
    return n

def wait():
    failed = HERE / ("failed-2" if (HERE / "failed-1").exists() else "failed-1")
    while not failed.exists():
        time.sleep(0.01)
    time.sleep(0.05)  # the run hears of this last
    failed.with_name("heard-" + failed.name).touch()
    return True
"""
LOCAL = """
    nodes:
      a: {agent: local://echo, inputs: {x: 1}}
      b: {agent: local://echo, inputs: {x: 2}}
      c: {agent: local://echo, inputs: {x: 3}}
      d: {agent: local://echo, inputs: {a: "${a}", b: "${b}", c: "${c}"}}
    concurrency: 1
"""


class Somebody:
    """A person who says one thing after the other, and remembers what was asked; who has nothing to say leaves."""

    def __init__(self, *says: JsonValue) -> None:
        self.says = deque(says)
        self.asked: list[Question] = []

    async def __call__(self, question: Question) -> Answer | None:
        self.asked.append(question)
        if not self.says:
            return None
        return Answer(value=self.says.popleft(), by="ada", at=now())

    @property
    def stopped(self) -> list[str]:
        """Where, as in ``before a``."""
        return [" ".join(question.text.split()[1:3]) for question in self.asked]


def at(*places: str, step: bool = False) -> Stops:
    return Stops([read_breakpoint(place) for place in places], is_stepping=step)


async def run(bench: Bench, text: str, stops: Stops, **variables: Any) -> RunSummary:
    return await bench.session.run(bench.spec(text), vars=variables, stops=stops)


async def answer(bench: Bench, summary: RunSummary, value: JsonValue) -> None:
    """What somebody says elsewhere, while the run does not go on."""
    (question,) = summary.questions
    await bench.session.store.answer(question.id, Answer(value=value, by="bob", at=now()))


async def content(bench: Bench, summary: RunSummary, task: str) -> JsonValue:
    artifact = await bench.session.store.get(f"{summary.run_id}~{task}~output")
    assert artifact is not None
    return artifact.content


# --- before a task --------------------------------------------------------------------------------------------


async def test_a_stop_before_a_task_shows_its_inputs_and_goes_on(open_bench: OpenBench) -> None:
    ada = Somebody("continue")
    bench = await open_bench(people=People(ada))
    summary = await run(bench, CHAIN, at("b"))
    assert summary.status is RunStatus.COMPLETED
    (question,) = ada.asked
    assert question.kind is QuestionKind.BREAKPOINT
    assert question.shown == {"inputs": {"y": 1}}
    assert question.choices == ("continue", "step", "edit", "skip", "replay", "quit")
    assert question.text == "stopped before b (script://give)"
    assert bench.agents.calls == {"a": 1, "b": 1, "c": 1}


async def test_edited_inputs_are_what_the_agent_gets_and_what_the_key_is_made_of(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(Somebody({"edit": {"y": 2}})))
    plain = await run(bench, CHAIN, at())
    edited = await run(bench, CHAIN, at("b"))
    assert edited.outputs == {"c": {"output": {"z": {"y": 2}}}}
    one, other = (await bench.records(plain))["b"], (await bench.records(edited))["b"]
    assert one.key_parts["inputs.y"] != other.key_parts["inputs.y"]
    assert one.key != other.key
    assert one.idempotency_key != other.idempotency_key
    assert other.is_edited
    assert not one.is_edited
    assert not (await bench.records(edited))["c"].is_edited


async def test_a_task_skipped_by_hand_leaves_null_to_those_that_need_it(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(Somebody("skip")))
    summary = await run(bench, CHAIN, at("b"))
    assert summary.status is RunStatus.COMPLETED
    assert summary.outputs == {"c": {"output": {"z": None}}}
    record = (await bench.records(summary))["b"]
    assert (record.status, record.skip_reason) == (TaskStatus.SKIPPED, SkipReason.BY_HAND)


async def test_stepping_stops_before_every_task_until_somebody_continues(open_bench: OpenBench) -> None:
    ada = Somebody("step", "continue")
    bench = await open_bench(people=People(ada))
    assert (await run(bench, CHAIN, at(step=True))).status is RunStatus.COMPLETED
    assert ada.stopped == ["before a", "before b"]


async def test_a_step_from_a_breakpoint_stops_at_the_next_task(open_bench: OpenBench) -> None:
    ada = Somebody("step", "continue")
    bench = await open_bench(people=People(ada))
    await run(bench, CHAIN, at("a:after"))
    assert ada.stopped == ["after a", "before b"]


async def test_who_steps_is_asked_about_one_task_at_a_time(open_bench: OpenBench) -> None:
    ada = Somebody("step", "continue")
    bench = await open_bench(people=People(ada))
    summary = await run(bench, EACH, at(step=True))
    assert summary.status is RunStatus.COMPLETED
    assert ada.stopped == ["before each[0]", "before each[1]"]
    assert len(await bench.session.store.list_questions(summary.run_id)) == 2


async def test_quitting_before_a_task_interrupts_and_resume_goes_on(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(Somebody("quit")))
    summary = await run(bench, CHAIN, at("b"))
    assert summary.status is RunStatus.INTERRUPTED
    assert bench.agents.calls == {"a": 1}
    resumed = await bench.session.resume(summary.run_id)
    assert resumed.status is RunStatus.COMPLETED
    assert bench.agents.calls == {"a": 1, "b": 1, "c": 1}


async def test_a_breakpoint_given_again_stops_again_after_somebody_quit(open_bench: OpenBench) -> None:
    ada = Somebody("quit", "continue")
    bench = await open_bench(people=People(ada))
    summary = await run(bench, CHAIN, at("b"))
    assert (await bench.session.resume(summary.run_id, stops=at("b"))).status is RunStatus.COMPLETED
    assert ada.stopped == ["before b", "before b"]


async def test_a_fork_that_somebody_wants_is_left_with_the_stops(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(Somebody("replay")))
    stops = at("b")
    summary = await run(bench, CHAIN, stops)
    assert summary.status is RunStatus.INTERRUPTED
    assert stops.replay_from == "b"


async def test_other_tasks_go_on_while_one_is_held(open_bench: OpenBench) -> None:
    others_done = asyncio.Event()

    async def ask(question: Question) -> Answer:
        await asyncio.wait_for(others_done.wait(), 10)
        return Answer(value="continue", by="ada", at=now())

    def note(task: TaskNode) -> JsonValue:
        others_done.set()
        return None

    bench = await open_bench(agents=ScriptedAdapter(note=note), people=People(ask))
    summary = await run(
        bench,
        """
        nodes:
          a: {agent: script://give}
          b: {agent: script://give}
          c: {agent: script://note, depends_on: [b]}
        """,
        at("a"),
    )
    assert summary.status is RunStatus.COMPLETED


async def test_a_held_task_keeps_its_place_and_its_deadline_has_not_begun(open_bench: OpenBench) -> None:
    async def ask(question: Question) -> Answer:
        await asyncio.sleep(0.2)
        return Answer(value="continue", by="ada", at=now())

    bench = await open_bench(people=People(ask))
    summary = await run(
        bench,
        """
        concurrency: 1
        nodes:
          a: {agent: script://give, deadline_ms: 100}
          b: {agent: script://give}
        """,
        at("a"),
    )
    assert summary.status is RunStatus.COMPLETED
    assert [task.path for task in bench.agents.tasks] == ["a", "b"]
    assert (await bench.records(summary))["a"].queued_ms < 100


# --- after a task ---------------------------------------------------------------------------------------------


async def test_a_stop_after_a_task_shows_its_output_before_anybody_builds_on_it(open_bench: OpenBench) -> None:
    ada = Somebody("continue")
    bench = await open_bench(people=People(ada))
    summary = await run(bench, CHAIN, at("b:after"))
    (question,) = ada.asked
    assert question.shown == {"outputs": {"output": {"y": 1}}}
    assert question.choices == ("continue", "step", "edit", "retry", "replay", "quit")
    assert question.text == "stopped after b (script://give), which completed"
    assert summary.status is RunStatus.COMPLETED
    assert summary.run.counts == {TaskStatus.COMPLETED: 3}


async def test_an_edited_output_is_what_others_get_and_its_lineage_says_so(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(Somebody({"edit": "mine"})))
    summary = await run(bench, CHAIN, at("b:after"))
    assert summary.outputs == {"c": {"output": {"z": "mine"}}}
    artifact = await bench.session.store.get(f"{summary.run_id}~b~output")
    assert artifact is not None
    assert (artifact.content, artifact.lineage.edited) == ("mine", True)
    assert (await bench.records(summary))["b"].is_edited


async def test_of_several_outputs_only_those_that_differ_count_as_edited(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(Somebody({"edit": {"one": 1, "two": {"x": 1}}})))
    summary = await run(bench, "nodes: {a: {agent: script://give, inputs: {x: 1}, outputs: [one, two]}}", at("a:after"))
    assert summary.outputs == {"a": {"one": 1, "two": {"x": 1}}}
    infos = await bench.session.store.list_artifacts(summary.run_id)
    assert {info.output: info.lineage.edited for info in infos} == {"one": True, "two": False}


async def test_true_in_the_place_of_one_is_an_edit(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(Somebody({"edit": {"x": True}})))
    summary = await run(bench, CHAIN, at("a:after"))
    assert await content(bench, summary, "a") == {"x": True}
    assert await content(bench, summary, "b") == {"y": True}


async def test_an_edited_output_must_fit_the_schema_of_the_task(open_bench: OpenBench) -> None:
    ada = Somebody({"edit": "many"}, {"edit": 3})
    bench = await open_bench(agents=ScriptedAdapter(one=lambda _: 1), people=People(ada))
    summary = await run(bench, "nodes: {a: {agent: script://one, output_schema: {type: integer}}}", at("a:after"))
    assert summary.outputs == {"a": {"output": 3}}
    assert "does not fit output_schema" in ada.asked[1].text


async def test_retry_executes_the_task_again_as_another_attempt(open_bench: OpenBench) -> None:
    count = 0

    def once_more(task: TaskNode) -> JsonValue:
        nonlocal count
        count += 1
        given, task.inputs["x"] = task.inputs["x"], "spoiled"  # an agent may do that
        return [count, task.attempt, given]

    ada = Somebody("retry", "continue")
    bench = await open_bench(agents=ScriptedAdapter(more=once_more), people=People(ada))
    summary = await run(bench, "nodes: {a: {agent: script://more, inputs: {x: 1}}}", at("a:after"))
    assert summary.outputs == {"a": {"output": [2, 2, 1]}}
    assert bench.agents.tasks[1].idempotency_key == bench.agents.tasks[0].idempotency_key
    first, second = await bench.session.store.list_records(summary.run_id)
    assert (first.attempt, first.is_final, first.status) == (1, False, TaskStatus.CANCELLED)
    assert first.error is not None
    assert "executed again" in first.error.message
    assert (second.attempt, second.is_final, second.status) == (2, True, TaskStatus.COMPLETED)


async def test_what_failed_can_be_tried_again_where_the_run_stops(open_bench: OpenBench) -> None:
    ada = Somebody("retry", "continue")
    bench = await open_bench(agents=ScriptedAdapter(flaky=fail_first(1)), people=People(ada))
    summary = await run(bench, "nodes: {a: {agent: script://flaky}}", at("a:after"))
    assert summary.outputs == {"a": {"output": 2}}
    shown = ada.asked[0].shown
    assert isinstance(shown, dict)
    assert isinstance(shown["error"], dict)
    assert shown["error"]["message"] == "not yet"
    assert "edit" not in ada.asked[0].choices


async def test_quitting_after_a_task_records_it_first(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(Somebody("quit")))
    summary = await run(bench, CHAIN, at("b:after"))
    assert summary.status is RunStatus.INTERRUPTED
    assert (await bench.records(summary))["b"].status is TaskStatus.COMPLETED
    assert (await bench.session.resume(summary.run_id)).status is RunStatus.COMPLETED
    assert bench.agents.calls["b"] == 1


# --- conditions and places ------------------------------------------------------------------------------------


async def test_a_condition_speaks_of_what_the_task_is_given(open_bench: OpenBench) -> None:
    ada = Somebody("continue")
    bench = await open_bench(people=People(ada))
    await run(bench, CHAIN, at("b if ${a.output.x} == 5 and ${user.x} > 4"), x=1)
    assert ada.asked == []
    await run(bench, CHAIN, at("b if ${a.output.x} == 5 and ${user.x} > 4"), x=5)
    assert ada.asked[0].text == "stopped before b (script://give), if ${a.output.x} == 5 and ${user.x} > 4"


async def test_a_condition_after_a_task_speaks_of_its_own_output(open_bench: OpenBench) -> None:
    ada = Somebody("continue", "continue")
    bench = await open_bench(people=People(ada))
    await run(bench, CHAIN, at("b:after if ${b.output.y} == 1", "c:after if ${c.output} == x"))
    assert ada.stopped == ["after b"]


async def test_a_node_with_items_stops_at_each_or_at_the_one_that_is_named(open_bench: OpenBench) -> None:
    ada = Somebody(*["continue"] * 5)
    bench = await open_bench(people=People(ada))
    await run(bench, EACH, at("each"))
    assert ada.stopped == ["before each[0]", "before each[1]", "before each[2]"]
    await run(bench, EACH, at("each[1]:after"))
    assert ada.stopped[3:] == ["after each[1]"]


async def test_a_condition_may_speak_of_the_item_and_its_index(open_bench: OpenBench) -> None:
    ada = Somebody(*["continue"] * 5)
    bench = await open_bench(people=People(ada))
    await run(bench, EACH, at("each if ${item} >= 20 and ${index} < 2", "each:after if ${each.output.n} == 30"))
    assert ada.stopped == ["before each[1]", "after each[2]"]


async def test_a_condition_that_cannot_be_decided_stops_and_says_why(open_bench: OpenBench) -> None:
    ada = Somebody("continue")
    bench = await open_bench(people=People(ada))
    await run(bench, CHAIN, at("b if ${a.output.nothing}"))
    assert "cannot be decided" in ada.asked[0].text


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("bb", "did you mean 'b'?"),
        ("b[0]", "write 'b'"),
        ("b if ${aa} == 1", "did you mean 'a'?"),
        ("b if ${user.xx}", "did you mean 'x'?"),
        ("b if ${c.output}", "nodes that 'b' depends on: a"),
        ("b if ${b.output}", "b:after"),
        ("b if ${env.HOME}", "there are no variables in use"),
        ("b if ${item}", "add foreach"),
        ("b if 1 ==", "write for example"),
    ],
)
async def test_a_breakpoint_that_is_nowhere_is_refused_before_anything_runs(
    open_bench: OpenBench, place: str, reason: str
) -> None:
    bench = await open_bench()
    with pytest.raises(InputError) as refused:
        await run(bench, CHAIN, at(place))
    assert reason in f"{refused.value.fix}"
    assert await bench.session.store.list_runs() == []


# --- nobody there ---------------------------------------------------------------------------------------------


async def test_a_run_that_nobody_can_help_waits_and_follows_the_answer_when_it_goes_on(open_bench: OpenBench) -> None:
    bench = await open_bench()
    summary = await run(bench, CHAIN, at("b"))
    assert summary.status is RunStatus.WAITING
    assert bench.agents.calls == {"a": 1}
    await answer(bench, summary, {"edit": {"y": 7}})
    resumed = await bench.session.resume(summary.run_id)
    assert resumed.outputs == {"c": {"output": {"z": {"y": 7}}}}


async def test_a_resume_asks_the_same_question_while_nobody_has_answered(open_bench: OpenBench) -> None:
    bench = await open_bench()
    first = await run(bench, CHAIN, at("b"))
    second = await bench.session.resume(first.run_id)
    assert second.status is RunStatus.WAITING
    assert second.questions == first.questions


async def test_an_answer_from_elsewhere_does_not_undo_stepping(open_bench: OpenBench) -> None:
    bench = await open_bench()
    summary = await run(bench, CHAIN, at("b"))
    await answer(bench, summary, "continue")
    resumed = await bench.session.resume(summary.run_id, stops=at(step=True))
    assert resumed.status is RunStatus.WAITING
    assert [question.task for question in resumed.questions] == ["c"]


@pytest.mark.parametrize(
    ("said", "calls", "output"),
    [("continue", 1, {"y": 1}), ("retry", 2, {"y": 1}), ({"edit": 5}, 1, 5), ("step", 1, None)],
)
async def test_what_came_of_a_task_outlives_the_process_that_nobody_answered(
    open_bench: OpenBench, said: JsonValue, calls: int, output: JsonValue
) -> None:
    bench = await open_bench()
    summary = await run(bench, CHAIN, at("b:after"))
    assert summary.status is RunStatus.WAITING
    assert "b" not in await bench.records(summary)
    await answer(bench, summary, said)
    resumed = await bench.session.resume(summary.run_id)
    assert bench.agents.calls["b"] == calls
    if said == "step":
        assert [question.task for question in resumed.questions] == ["c"]
    else:
        assert resumed.outputs == {"c": {"output": {"z": output}}}


async def test_a_fork_that_was_wanted_meanwhile_is_left_with_the_stops_of_the_resume(open_bench: OpenBench) -> None:
    bench = await open_bench()
    summary = await run(bench, CHAIN, at("b:after"))
    await answer(bench, summary, "replay")
    stops = at()
    assert (await bench.session.resume(summary.run_id, stops=stops)).status is RunStatus.INTERRUPTED
    assert stops.replay_from == "b"
    assert (await bench.session.resume(summary.run_id)).status is RunStatus.COMPLETED
    assert bench.agents.calls["b"] == 1


async def test_an_interrupted_run_asks_again_about_what_nobody_decided(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(patience=Patience.ENDLESS))
    running = asyncio.create_task(run(bench, CHAIN, at("b:after")))
    question = await asked(bench)
    bench.session.interrupt()
    assert (await running).status is RunStatus.INTERRUPTED
    resuming = asyncio.create_task(bench.session.resume(question.run_id))
    again = await asked(bench, 2)
    assert again.id == question.id
    await bench.session.store.answer(again.id, Answer(value="continue", by="bob", at=now()))
    assert (await resuming).status is RunStatus.COMPLETED
    assert bench.agents.calls["b"] == 1


async def test_an_answer_from_elsewhere_is_heard_at_once(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(patience=Patience.ENDLESS))
    running = asyncio.create_task(run(bench, CHAIN, at("b")))
    question = await asked(bench)
    await bench.session.store.answer(question.id, Answer(value="skip", by="bob", at=now()))
    assert (await running).outputs == {"c": {"output": {"z": None}}}


@pytest.mark.parametrize("place", ["b", "b:after"])
async def test_a_cancelled_run_asks_no_longer_and_keeps_what_was_made(open_bench: OpenBench, place: str) -> None:
    bench = await open_bench(people=People(patience=Patience.ENDLESS))
    running = asyncio.create_task(run(bench, CHAIN, at(place)))
    question = await asked(bench)
    await bench.session.cancel(question.run_id)
    summary = await running
    assert summary.status is RunStatus.CANCELLED
    (kept,) = await bench.session.store.list_questions(summary.run_id)
    assert kept.state is QuestionState.WITHDRAWN
    assert ("b" in await bench.records(summary)) == place.endswith("after")


async def test_an_item_that_nobody_needs_any_more_is_let_go(open_bench: OpenBench) -> None:
    async def second_fails(task: TaskNode) -> JsonValue:
        await asyncio.sleep(0.05)
        raise ValueError("no")

    bench = await open_bench(agents=ScriptedAdapter(mixed=second_fails), people=People(patience=Patience.ENDLESS))
    summary = await run(
        bench,
        'nodes: {each: {agent: script://mixed, foreach: "${user.list}", on_item_failure: fail_fast}}',
        at("each[0]"),
        list=[1, 2],
    )
    assert summary.status is RunStatus.FAILED
    records = await bench.records(summary)
    assert records["each[0]"].status is TaskStatus.CANCELLED
    (question,) = await bench.session.store.list_questions(summary.run_id)
    assert question.state is QuestionState.WITHDRAWN


async def test_a_run_stays_while_something_else_works(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(forever=forever))
    running = asyncio.create_task(
        run(bench, "nodes: {a: {agent: script://give}, busy: {agent: script://forever}}", at("a"))
    )
    question = await asked(bench)
    await bench.session.store.answer(question.id, Answer(value="continue", by="bob", at=now()))
    async with asyncio.timeout(10):
        while not bench.agents.calls["a"]:
            await asyncio.sleep(0.005)
    bench.session.interrupt()
    assert (await running).status is RunStatus.INTERRUPTED


# --- secrets --------------------------------------------------------------------------------------------------


async def test_secrets_are_not_shown_and_what_is_left_as_it_was_keeps_them(
    open_bench: OpenBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOKEN", "open-sesame-12345")
    seen: list[JsonValue] = []

    def see(task: TaskNode) -> JsonValue:
        seen.append(task.inputs)
        return None

    async def ask(question: Question) -> Answer:
        shown = question.shown
        assert isinstance(shown, dict)
        inputs = shown["inputs"]
        assert isinstance(inputs, dict)
        assert "open-sesame" not in str(inputs)
        return Answer(value={"edit": {**inputs, "x": 2}}, by="ada", at=now())

    bench = await open_bench(agents=ScriptedAdapter(see=see), people=People(ask))
    await run(bench, 'nodes: {a: {agent: script://see, inputs: {key: "k ${env.TOKEN}", x: 1}}}', at("a"))
    assert seen == [{"key": "k open-sesame-12345", "x": 2}]


async def asked(bench: Bench, count: int = 1) -> Question:
    """The last of so many questions, as soon as it is asked."""
    from binex.models.event import QuestionAsked

    async with asyncio.timeout(10):
        while len(found := bench.told(QuestionAsked)) < count:
            await asyncio.sleep(0.005)
    event = found[-1]
    assert isinstance(event, QuestionAsked)
    return event.question


# --- together with the rest -----------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["run", "task", "attempt", "artifact", "inputs", "lineage"])
async def test_what_a_bundle_says_was_held_is_not_taken_for_that_of_another_task(
    open_bench: OpenBench, other: str
) -> None:
    bench = await open_bench(people=People(Somebody()))  # who leaves at once
    victim = await run(bench, CHAIN, Stops())
    records = await bench.session.store.list_records(victim.run_id)
    summary = await run(bench, CHAIN, at("b:after"))
    await answer(bench, summary, "continue")
    store = bench.session.store
    held: Any = (await store.list_bookmarks(summary.run_id))["b"][HELD]
    match other:
        case "run":
            held["record"] |= {"run_id": victim.run_id, "attempt": 7}
        case "task":
            held["record"] |= {"task": "c", "node_id": "c"}
        case "attempt":
            held["record"] |= {"attempt": 10**30}
        case "inputs":
            held["record"] |= {"input_artifacts": [f"{victim.run_id}~a~output"]}
        case "lineage":
            held["artifacts"][0]["info"]["lineage"] |= {"derived_from": [f"{victim.run_id}~a~output"]}
        case _:
            held["artifacts"][0]["info"] |= {"run_id": victim.run_id}
    async with store.take_run(summary.run_id):
        await store.keep_bookmark(summary.run_id, "b", HELD, held)
    resumed = await bench.session.resume(summary.run_id)
    assert resumed.status is RunStatus.COMPLETED
    assert await store.list_records(victim.run_id) == records
    assert bench.agents.calls["b"] == 3  # it was executed again


@pytest.mark.parametrize("key", ["before", "before-x", "later-1", "after-1-x"])
async def test_a_question_that_no_stop_has_asked_is_none(open_bench: OpenBench, key: str) -> None:
    bench = await open_bench(people=People(Somebody()))
    summary = await run(bench, CHAIN, at("b"))
    (asked,) = summary.questions
    odd = asked.model_copy(update={"id": f"{summary.run_id}~c~{key}", "task": "c"})
    async with bench.session.store.take_run(summary.run_id):
        await bench.session.store.ask(odd)
    await answer(bench, summary, "continue")
    assert (await bench.session.resume(summary.run_id)).status is RunStatus.COMPLETED


async def test_edited_inputs_hold_for_a_task_that_is_executed_again_later(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(Somebody({"edit": {"y": 2}})))  # who then leaves
    summary = await run(bench, CHAIN, at("b", "b:after"))
    assert summary.status is RunStatus.WAITING
    await answer(bench, summary, "retry")
    resumed = await bench.session.resume(summary.run_id)
    assert resumed.outputs == {"c": {"output": {"z": {"y": 2}}}}
    assert bench.agents.calls["b"] == 2
    assert (await bench.records(resumed))["b"].is_edited


async def test_a_replay_from_the_tape_follows_what_was_done_by_hand(open_bench: OpenBench) -> None:
    ada = Somebody("retry", "continue", {"edit": "mine"}, "skip")
    bench = await open_bench(people=People(ada))
    first = await run(bench, LOCAL, at("a:after", "b:after", "c"))
    again = await bench.session.replay(first.run_id)
    assert first.outputs == again.outputs == {"d": {"output": {"a": 1, "b": "mine", "c": None}}}
    records = await bench.records(again)
    assert {path: record.status for path, record in records.items()} == {
        "a": TaskStatus.COMPLETED,
        "b": TaskStatus.COMPLETED,
        "c": TaskStatus.SKIPPED,
        "d": TaskStatus.COMPLETED,
    }


async def test_a_replay_takes_its_course_also_while_somebody_thinks_at_a_stop(open_bench: OpenBench) -> None:
    class Thinking(Somebody):
        async def __call__(self, question: Question) -> Answer | None:
            while not (bench.folder / "heard-failed-2").exists():
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)  # so that the run has heard of it
            return await super().__call__(question)

    bench = await open_bench(people=People(Thinking("continue")))
    (bench.folder / "courses.py").write_text(COURSES)
    first = await run(bench, FAIL_FAST, Stops())
    again = await bench.session.replay(first.run_id, stops=at("each[0]"))
    before, after = await bench.records(first), await bench.records(again)
    assert before.keys() == {"each", "each[0]", "each[1]", "each[2]", "each[3]", "late"}
    assert {path: one.status for path, one in before.items()} == {path: one.status for path, one in after.items()}


async def test_an_edited_output_is_never_taken_for_another_run(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(Somebody({"edit": "mine"})))
    await run(bench, CHAIN, at("a:after"))
    spec = bench.spec(CHAIN.replace('y: "${a.output.x}"', 'y: "${a.output}"'))
    assert (await bench.session.run(spec, cache=True)).outputs == {"c": {"output": {"z": {"y": {"x": 1}}}}}


async def test_a_fork_stops_as_well(open_bench: OpenBench) -> None:
    ada = Somebody({"edit": {"z": "mine"}})
    bench = await open_bench(people=People(ada))
    parent = await run(bench, CHAIN, at())
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("c",)), stops=at("b", "c"))
    assert ada.stopped == ["before c"]
    assert fork.outputs == {"c": {"output": {"z": "mine"}}}


async def test_nothing_that_is_kept_at_a_stop_holds_a_secret(
    open_bench: OpenBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOKEN", "open-sesame-12345")
    bench = await open_bench()
    summary = await run(bench, 'nodes: {a: {agent: script://give, inputs: {key: "k ${env.TOKEN}"}}}', at("a:after"))
    await answer(bench, summary, "continue")
    resumed = await bench.session.resume(summary.run_id)
    assert resumed.status is RunStatus.COMPLETED
    assert bench.agents.calls == {"a": 1}
    kept = b"".join(file.read_bytes() for file in (tmp_path / ".binex").rglob("*") if file.is_file())
    assert b"stopped after a" in kept
    assert b"open-sesame" not in kept


async def test_two_breakpoints_at_one_task_stop_before_and_after_it(open_bench: OpenBench) -> None:
    ada = Somebody({"edit": {"y": 3}}, "continue")
    bench = await open_bench(people=People(ada))
    summary = await run(bench, CHAIN, at("b", "b:after"))
    assert ada.stopped == ["before b", "after b"]
    assert ada.asked[1].shown == {"outputs": {"output": {"y": 3}}}
    assert summary.outputs == {"c": {"output": {"z": {"y": 3}}}}
