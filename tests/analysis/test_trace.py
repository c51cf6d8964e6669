"""When everything in a run happened."""

from datetime import timedelta

import pytest

from binex.analysis.trace import trace, trace_of
from binex.cli.render.look import Look
from binex.cli.render.timeline import timeline
from binex.models.question import Answer, Question, QuestionKind, QuestionState
from binex.models.run import RunStatus
from binex.models.task import SkipReason, TaskStatus, now
from tests.analysis.conftest import START, Ledger, at, error


async def test_attempts_stand_where_they_happened(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", ended_at=at(120), duration_ms=120, node_count=2)
    await ledger.attempt(run, "b", 60, 50, queued_ms=7)
    await ledger.attempt(run, "a", 5, 40)
    found = await trace(ledger.store, run)
    assert found.span_ms == 120
    assert [(task.task, task.start_ms, task.duration_ms, task.queued_ms) for task in found.tasks] == [
        ("a", 5, 40, 0),
        ("b", 60, 50, 7),
    ]
    assert found.unsettled == 0
    assert found.slowest == ("b", "a")


async def test_a_retried_task_has_all_its_attempts_and_spans_the_pauses(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", ended_at=at(400), duration_ms=400, node_count=1)
    failed = {"status": TaskStatus.FAILED, "error": error("not yet"), "is_final": False, "retry_in_ms": 100}
    await ledger.attempt(run, "a", 0, 50, **failed)
    await ledger.attempt(run, "a", 150, 50, attempt=2)
    (task,) = (await trace(ledger.store, run)).tasks
    assert task.status is TaskStatus.COMPLETED
    assert task.error is None
    assert (task.start_ms, task.duration_ms) == (0, 200)
    assert [(one.attempt, one.status, one.start_ms, one.retry_in_ms) for one in task.attempts] == [
        (1, TaskStatus.FAILED, 0, 100),
        (2, TaskStatus.COMPLETED, 150, None),
    ]


async def test_items_stand_under_their_node_in_their_own_order(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", ended_at=at(100), duration_ms=100, node_count=1)
    for index, start in ((10, 5), (2, 30), (0, 20)):
        await ledger.attempt(run, f"s[{index}]", start, 20)
    await ledger.decided(run, "s", 60, TaskStatus.COMPLETED, attempt=1)
    (node,) = (await trace(ledger.store, run)).tasks
    assert [item.task for item in node.items] == ["s[0]", "s[2]", "s[10]"]
    assert (node.start_ms, node.duration_ms, node.attempts, node.settled_ms) == (5, 45, (), 60)


async def test_items_whose_node_never_settled_are_there(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.RUNNING, is_alive=True, node_count=2)
    await ledger.attempt(run, "s[0]", 0, 10)
    found = trace_of(run, await ledger.store.list_records(run.id), [ledger.started(run, "s[1]", 5)])
    (node,) = found.tasks
    assert node.status is TaskStatus.RUNNING
    assert [item.status for item in node.items] == [TaskStatus.COMPLETED, TaskStatus.RUNNING]
    assert found.unsettled == 2


async def test_skipped_tasks_say_why_and_never_started(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.FAILED, node_count=3)
    await ledger.attempt(run, "a", 0, 10, status=TaskStatus.FAILED, error=error())
    await ledger.decided(run, "b", 11, TaskStatus.SKIPPED, skip_reason=SkipReason.BLOCKED, blocked_by="a")
    await ledger.decided(run, "c", 1, TaskStatus.SKIPPED, skip_reason=SkipReason.WHEN)
    a, c, b = (await trace(ledger.store, run)).tasks
    assert (a.task, b.task, c.task) == ("a", "b", "c")
    assert a.error is not None
    assert (b.blocked_by, b.start_ms, b.attempts) == ("a", None, ())
    assert c.skip_reason is SkipReason.WHEN


async def test_what_runs_now_has_run_until_now(ledger: Ledger) -> None:
    begun = now() - timedelta(seconds=10)
    run = await ledger.run("1aaa1", status=RunStatus.RUNNING, is_alive=True, node_count=1, started_at=begun)
    event = ledger.started(run, "a", 0).model_copy(update={"at": begun + timedelta(seconds=2)})
    found = trace_of(run, [], [event])
    (task,) = found.tasks
    assert task.status is TaskStatus.RUNNING
    assert task.start_ms == pytest.approx(2000)
    assert 8000 <= task.duration_ms < 20_000
    assert found.span_ms >= 10_000


async def test_what_a_dead_process_was_executing_was_cut_off(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.RUNNING, node_count=2)
    await ledger.attempt(run, "a", 0, 10)
    seen = run.model_copy(update={"status": RunStatus.INTERRUPTED})
    found = trace_of(seen, await ledger.store.list_records(run.id), [ledger.started(run, "b", 10)])
    assert [(task.task, task.status, task.was_cut_off) for task in found.tasks] == [
        ("a", TaskStatus.COMPLETED, False),
        ("b", TaskStatus.WAITING, True),
    ]
    assert found.unsettled == 1
    assert (await trace(ledger.store, run)).run.status is RunStatus.INTERRUPTED


async def test_an_attempt_that_was_stopped_with_its_run_was_cut_off(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.INTERRUPTED, node_count=1)
    await ledger.attempt(run, "a", 0, 10, status=TaskStatus.CANCELLED, error=error(), is_final=False)
    (task,) = (await trace(ledger.store, run)).tasks
    assert task.was_cut_off
    assert task.status is TaskStatus.WAITING


async def test_the_night_before_a_resume_is_a_pause(ledger: Ledger) -> None:
    night = 8 * 3600 * 1000
    run = await ledger.run("1aaa1", ended_at=at(night + 300), duration_ms=400, resumed=1, node_count=2)
    await ledger.attempt(run, "a", 0, 200)
    await ledger.attempt(run, "b", night, 200)
    found = await trace(ledger.store, run)
    assert [(pause.start_ms, pause.duration_ms) for pause in found.pauses] == [(200, night - 200)]
    assert found.span_ms == night + 300


async def test_a_clock_that_went_back_gives_no_negative_times(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", ended_at=START - timedelta(days=1), duration_ms=50, node_count=1)
    await ledger.attempt(run, "a", -86_400_000, 30)
    found = await trace(ledger.store, run)
    assert found.tasks[0].start_ms == 0
    assert found.span_ms >= 0


async def test_ten_thousand_items_are_traced_in_a_moment(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", ended_at=at(10_000), duration_ms=10_000, node_count=1)
    template = await ledger.attempt(run, "s[0]", 0, 5)
    records = [template.model_copy(update={"task": f"s[{i}]", "started_at": at(i)}) for i in range(10_000)]
    found = trace_of(run, records)
    assert len(found.tasks[0].items) == 10_000
    assert len(found.model_dump_json()) > 1_000_000


async def test_when_a_person_was_asked_is_a_part_of_the_timeline(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=1, duration_ms=1000.0, ended_at=at(1000))
    for number, (asked, answered) in enumerate([(100, 300), (250, 400), (600, 900)]):
        question = Question(
            id=f"1aaa1~a~{number}",
            run_id="1aaa1",
            task="a",
            kind=QuestionKind.INPUT,
            text="?",
            asked_at=at(asked),
        )
        await ledger.store.ask(question)
        await ledger.store.close_question(question.id, QuestionState.TIMED_OUT, Answer(value="x", at=at(answered)))
    await ledger.attempt(run, "a", 50, 950)
    found = await trace(ledger.store, run)
    (task,) = found.tasks
    assert [(pause.start_ms, pause.duration_ms) for pause in task.asked] == [(100, 300), (600, 300)]
    drawn = timeline(found, Look(width=60))
    assert "┅" in drawn
    assert "waits for a person" in drawn
    assert "?" in timeline(found, Look(width=60, has_unicode=False))
