"""Runs that wait for people: how they stay, leave, end, and go on."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from binex.adapters.attempt import Ask, current_attempt
from binex.models.event import QuestionAsked, RunEnded
from binex.models.question import Answer, Question, QuestionKind, QuestionState
from binex.models.run import RunStatus, RunSummary
from binex.models.task import TaskNode, TaskStatus, now
from binex.runtime.assembly import People
from binex.runtime.desk import Patience
from tests.runtime.conftest import Bench
from tests.scripted import ScriptedAdapter, forever

OpenBench = Callable[..., Awaitable[Bench]]

GATE = """
    nodes:
      before: {agent: script://give, inputs: {x: 1}}
      gate: {agent: human://approve, depends_on: [before]}
      after: {agent: script://give, inputs: {verdict: "${gate}"}}
"""


async def asked(bench: Bench, count: int = 1) -> list[Question]:
    """The questions of this run, as soon as there are so many."""
    async with asyncio.timeout(10):
        while len(found := bench.told(QuestionAsked)) < count:
            await asyncio.sleep(0.005)
    return [event.question for event in found if isinstance(event, QuestionAsked)]


async def say(bench: Bench, question: Question, value: Any) -> None:
    await bench.session.store.answer(question.id, Answer(value=value, by="ada", at=now()))


async def test_a_run_leaves_when_only_people_are_left_and_goes_on_when_they_have_answered(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench()
    run = await bench.run(GATE)
    assert run.status is RunStatus.WAITING
    (question,) = run.questions
    assert (question.task, question.state) == ("gate", QuestionState.OPEN)
    (end,) = [event for event in bench.told(RunEnded) if isinstance(event, RunEnded)]
    assert end.summary.questions == run.questions
    await say(bench, question, "approved")
    resumed = await bench.session.resume(run.run_id)
    assert resumed.status is RunStatus.COMPLETED
    assert resumed.outputs == {"after": {"output": {"verdict": "approved"}}}
    assert bench.agents.calls["before"] == 1
    assert len(bench.told(QuestionAsked)) == 1


async def test_what_can_be_done_without_people_is_done_first(open_bench: OpenBench) -> None:
    async def slow(task: TaskNode) -> Any:
        await asyncio.sleep(0.1)
        return "done"

    bench = await open_bench(agents=ScriptedAdapter(slow=slow))
    run = await bench.run("""
        concurrency: 1
        nodes:
          gate: {agent: human://input}
          a: {agent: script://slow}
          b: {agent: script://slow, depends_on: [a]}
          c: {agent: script://slow, inputs: {x: "${gate}"}}
    """)
    records = await bench.records(run)
    assert run.status is RunStatus.WAITING
    assert {path: record.status for path, record in records.items()} == {
        "a": TaskStatus.COMPLETED,
        "b": TaskStatus.COMPLETED,
        "gate": TaskStatus.WAITING_FOR_HUMAN,
    }


async def test_a_pause_before_a_retry_is_no_reason_to_leave(open_bench: OpenBench) -> None:
    from tests.scripted import fail_first

    bench = await open_bench(agents=ScriptedAdapter(flaky=fail_first(1)))
    run = await bench.run("""
        nodes:
          gate: {agent: human://input}
          a: {agent: script://flaky, retry_policy: {max_retries: 1, delay_ms: 100}}
    """)
    assert run.status is RunStatus.WAITING
    assert (await bench.records(run))["a"].status is TaskStatus.COMPLETED


async def test_an_answer_that_comes_while_something_else_runs_is_used_at_once(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(forever=forever))
    running = asyncio.create_task(
        bench.run("""
        nodes:
          busy: {agent: script://forever}
          gate: {agent: human://input}
          after: {agent: script://give, inputs: {x: "${gate}"}}
        """)
    )
    (question,) = await asked(bench)
    await say(bench, question, "go")
    async with asyncio.timeout(10):
        while not bench.agents.calls["after"]:
            await asyncio.sleep(0.005)
    bench.session.interrupt()
    assert (await running).status is RunStatus.INTERRUPTED


async def test_an_interrupted_run_keeps_its_question_open(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(patience=Patience.ENDLESS))
    running = asyncio.create_task(bench.run(GATE))
    (question,) = await asked(bench)
    bench.session.interrupt()
    run = await running
    assert run.status is RunStatus.INTERRUPTED
    assert run.questions == (question,)
    assert (await bench.records(run))["gate"].status is TaskStatus.WAITING_FOR_HUMAN


async def test_a_cancelled_run_withdraws_its_question(open_bench: OpenBench) -> None:
    bench = await open_bench(people=People(patience=Patience.ENDLESS))
    running = asyncio.create_task(bench.run(GATE))
    (question,) = await asked(bench)
    await bench.session.cancel(question.run_id)
    run = await running
    assert run.status is RunStatus.CANCELLED
    assert run.questions == ()
    kept = await bench.session.store.get_question(question.id)
    assert kept is not None
    assert kept.state is QuestionState.WITHDRAWN


async def test_an_item_that_nobody_needs_any_more_asks_no_longer(open_bench: OpenBench) -> None:
    def second(task: TaskNode) -> Any:
        raise ValueError("no")

    async def first_asks(task: TaskNode) -> Any:
        if task.path.endswith("[0]"):
            await current_attempt().desk.ask(Ask(QuestionKind.INPUT, "?"))
        await asyncio.sleep(0.05)
        return second(task)

    bench = await open_bench(agents=ScriptedAdapter(mixed=first_asks), people=People(patience=Patience.ENDLESS))
    run = await bench.run(
        """
        nodes:
          each: {agent: script://mixed, foreach: "${user.list}", on_item_failure: fail_fast}
        """,
        list=[1, 2],
    )
    assert run.status is RunStatus.FAILED
    (question,) = await bench.session.store.list_questions(run.run_id)
    assert question.state is QuestionState.WITHDRAWN


async def test_an_attempt_deadline_withdraws_what_its_agent_asked(open_bench: OpenBench) -> None:
    async def ask(task: TaskNode) -> Any:
        return (await current_attempt().desk.ask(Ask(QuestionKind.AGENT, "Which?"))).value

    bench = await open_bench(agents=ScriptedAdapter(ask=ask), people=People(patience=Patience.ENDLESS))
    run = await bench.run("nodes: {a: {agent: script://ask, deadline_ms: 100}}")
    assert run.status is RunStatus.FAILED
    (question,) = await bench.session.store.list_questions(run.run_id)
    assert question.state is QuestionState.WITHDRAWN


async def test_any_agent_may_ask_and_asks_again_when_the_run_goes_on(open_bench: OpenBench) -> None:
    async def ask(task: TaskNode) -> Any:
        return (await current_attempt().desk.ask(Ask(QuestionKind.AGENT, "Which?", key="which"))).value

    bench = await open_bench(agents=ScriptedAdapter(ask=ask))
    run = await bench.run("nodes: {a: {agent: script://ask}}")
    assert run.status is RunStatus.WAITING
    await say(bench, run.questions[0], "this")
    resumed: RunSummary = await bench.session.resume(run.run_id)
    assert resumed.outputs == {"a": {"output": "this"}}


async def test_a_failed_question_is_asked_again_where_failures_are_tried_again(open_bench: OpenBench) -> None:
    bench = await open_bench()
    run = await bench.run("nodes: {a: {agent: human://input, deadline_ms: 50}}")
    assert run.status is RunStatus.FAILED
    resuming = asyncio.create_task(bench.session.resume(run.run_id, retry_failed=True))
    _, question = await asked(bench, 2)
    await say(bench, question, "in time")
    assert (await resuming).outputs == {"a": {"output": "in time"}}


async def test_a_run_that_winds_down_lets_what_runs_finish_and_starts_nothing(open_bench: OpenBench) -> None:
    bench = await open_bench()
    orchestrators = bench.session._executor._running

    async def over(task: TaskNode) -> Any:
        next(iter(orchestrators)).wind_down(RunStatus.OVER_BUDGET)
        await asyncio.sleep(0.05)
        return "finished"

    bench.agents.behaviours["over"] = over
    run = await bench.run("""
        nodes:
          a: {agent: script://over}
          gate: {agent: human://input}
          b: {agent: script://give, inputs: {x: "${a}"}}
    """)
    records = await bench.records(run)
    assert run.status is RunStatus.OVER_BUDGET
    assert records["a"].status is TaskStatus.COMPLETED
    assert "b" not in records
    assert records["gate"].status is TaskStatus.WAITING_FOR_HUMAN


@pytest.mark.parametrize("status", [RunStatus.CANCELLED, RunStatus.INTERRUPTED])
async def test_a_run_that_winds_down_can_still_be_stopped(open_bench: OpenBench, status: RunStatus) -> None:
    bench = await open_bench()
    orchestrators = bench.session._executor._running

    async def over(task: TaskNode) -> Any:
        orchestrator = next(iter(orchestrators))
        orchestrator.wind_down(RunStatus.OVER_BUDGET)
        asyncio.get_running_loop().call_later(0.05, orchestrator.stop, status)
        return await forever(task)

    bench.agents.behaviours["over"] = over
    run = await bench.run("nodes: {a: {agent: script://over}, b: {agent: script://give, depends_on: [a]}}")
    assert run.status is status


async def test_what_an_earlier_session_asked_is_withdrawn_when_the_run_ends_without_asking_again(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench()

    async def changes_its_mind(task: TaskNode) -> Any:
        if bench.agents.calls["a"] == 1:
            await current_attempt().desk.ask(Ask(kind=QuestionKind.INPUT, text="Which?", key="which"))
        return "done"

    bench.agents.behaviours["moody"] = changes_its_mind
    run = await bench.run("nodes: {a: {agent: script://moody}}")
    assert run.status is RunStatus.WAITING
    assert (await bench.session.resume(run.run_id)).status is RunStatus.COMPLETED
    kept = await bench.session.store.get_question(run.questions[0].id)
    assert kept is not None
    assert kept.state is QuestionState.WITHDRAWN


async def test_a_run_that_is_cancelled_while_it_is_being_interrupted_is_cancelled(open_bench: OpenBench) -> None:
    bench = await open_bench()
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def slow_to_stop(task: TaskNode) -> Any:
        begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await cancelled.wait()

    bench.agents.behaviours["slow"] = slow_to_stop
    running = asyncio.create_task(bench.run("nodes: {a: {agent: script://slow}}"))
    await begun.wait()
    (going,) = await bench.session.store.list_runs()
    bench.session.interrupt()
    cancelling = asyncio.create_task(bench.session.cancel(going.id))
    asyncio.get_running_loop().call_later(0.1, cancelled.set)
    assert (await cancelling).status is RunStatus.CANCELLED
    assert (await running).status is RunStatus.CANCELLED


async def test_a_secret_that_somebody_types_is_heard_and_not_kept(
    open_bench: OpenBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = "tok-1234567890abcdef"
    monkeypatch.setenv("THE_TOKEN", secret)

    async def answer(_: Question) -> Answer:
        return Answer(value=f"use {secret}", at=now())

    heard: list[object] = []
    agents = ScriptedAdapter(hear=lambda task: heard.append(task.inputs["said"]))
    bench = await open_bench(agents=agents, people=People(answer))
    run = await bench.run(
        """
        nodes:
          ask: {agent: "human://input", inputs: {key: "${env.THE_TOKEN}"}}
          hear: {agent: "script://hear", inputs: {said: "${ask.output}"}}
        """
    )
    assert run.status is RunStatus.COMPLETED, run.failures
    (question,) = await bench.session.store.list_questions(run.run_id)
    assert question.answer is not None
    assert question.answer.value == "use [redacted]"
    await bench.session.store.flush()
    kept = b"".join(file.read_bytes() for file in (tmp_path / ".binex").rglob("*") if file.is_file())
    assert secret.encode() not in kept
