"""What the duration of a run was made of."""

import asyncio
import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binex.analysis.tasks.values import Binds
from binex.analysis.timing.critical_path import CriticalPath, critical_path
from binex.analysis.timing.time_parts import TimeKind
from binex.loader import bind_source
from binex.models.question import Answer, Question, QuestionKind, QuestionState
from binex.models.run import Run, RunStatus
from binex.models.task import SkipReason, TaskStatus
from binex.models.workflow_source import WorkflowSource
from binex.runtime.session import open_session
from tests.analysis.conftest import Kin, Ledger, at, error

DIAMOND = """
nodes:
  a: {agent: local://x.y, inputs: {}}
  b: {agent: local://x.y, inputs: {v: "${a}"}}
  c: {agent: local://x.y, inputs: {v: "${a}"}}
  d: {agent: local://x.y, inputs: {b: "${b}", c: "${c}"}}
"""
SPREAD = """
nodes:
  a: {agent: local://x.y, inputs: {}}
  s: {foreach: "${a}", agent: local://x.y, inputs: {v: "${item}"}}
  d: {agent: local://x.y, inputs: {v: "${s}"}}
"""


def binding(text: str) -> Binds:
    """Reads *text* instead of the snapshot."""
    return lambda _: bind_source(WorkflowSource(file="flow.yaml", folder="/", text=text))


def check_sums(found: CriticalPath) -> None:
    """Nothing is left out and nothing is counted twice, and each link begins where the one before it ends."""
    ends = [link.start_ms for link in found.links] + [link.end_ms for link in found.links[-1:]]
    assert ends == sorted(ends)
    for before, link in zip(found.links, found.links[1:], strict=False):
        assert link.start_ms == pytest.approx(before.end_ms)
        assert link.after == before.task
    for link in found.links:
        assert link.parts.total_ms == pytest.approx(link.end_ms - link.start_ms, abs=1e-6)
        assert all(link.parts.of(kind) >= -1e-9 for kind in TimeKind)
    total = sum(link.parts.total_ms for link in found.links) + found.ending.total_ms
    assert total == pytest.approx(found.span_ms, abs=1e-6)
    assert found.parts.total_ms == pytest.approx(found.span_ms, abs=1e-6)


async def diamond(ledger: Ledger, **run_fields: object) -> Run:
    """``a`` 0-100, ``b`` 100-400, ``c`` 110-200, ``d`` queued until 430, done at 500; the run ends at 510."""
    run = await ledger.run("1aaa1", node_count=4, duration_ms=510.0, ended_at=at(510), **run_fields)
    await ledger.attempt(run, "a", 0, 100)
    await ledger.attempt(run, "b", 100, 300)
    await ledger.attempt(run, "c", 110, 90)
    await ledger.attempt(run, "d", 430, 70, queued_ms=20)
    return run


async def test_the_chain_goes_through_what_settled_last_and_its_parts_are_the_duration(ledger: Ledger) -> None:
    found = await critical_path(ledger.store, await diamond(ledger), binding(DIAMOND))
    check_sums(found)
    assert [link.task for link in found.links] == ["a", "b", "d"]
    assert found.span_ms == 510
    assert (found.parts.executed_ms, found.parts.queued_ms, found.parts.own_ms) == (470, 20, 20)
    assert found.ending.own_ms == 10


async def test_what_runs_beside_bounds_how_much_it_helps_to_be_faster(ledger: Ledger) -> None:
    found = await critical_path(ledger.store, await diamond(ledger), binding(DIAMOND))
    saves = {one.node: one.saves_ms for one in found.speed_ups}
    # Without b, d waits for c, which settles 200 ms earlier than b; without a all is 100 ms earlier.
    assert saves == {"b": 200, "a": 100, "d": 70}
    assert [one.node for one in found.speed_ups] == ["b", "a", "d"]


async def test_pauses_before_a_retry_are_counted_apart(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=1, duration_ms=700.0, ended_at=at(700))
    failed = {"status": TaskStatus.FAILED, "error": error(), "is_final": False}
    await ledger.attempt(run, "a", 0, 100, retry_in_ms=400, **failed)
    await ledger.attempt(run, "a", 510, 190, attempt=2)
    found = await critical_path(ledger.store, run, binding("nodes: {a: {agent: local://x.y}}"))
    check_sums(found)
    assert (found.parts.executed_ms, found.parts.retrying_ms, found.parts.own_ms) == (290, 400, 10)


async def test_the_night_before_a_resume_is_idle_and_not_work(ledger: Ledger) -> None:
    night = 3_600_000
    run = await ledger.run("1aaa1", node_count=4, duration_ms=300.0, ended_at=at(night + 300), resumed=1)
    await ledger.attempt(run, "a", 0, 100)
    cut_off = {"status": TaskStatus.CANCELLED, "is_final": False}
    await ledger.attempt(run, "b", 100, 50, **cut_off)
    await ledger.attempt(run, "c", 100, 10)
    await ledger.attempt(run, "b", night, 200, attempt=2)
    await ledger.attempt(run, "d", night + 200, 100)
    found = await critical_path(ledger.store, run, binding(DIAMOND))
    check_sums(found)
    assert found.parts.idle_ms == night - 150
    assert found.parts.executed_ms == 450


async def test_what_is_asked_beside_the_chain_is_no_part_of_it(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=3, duration_ms=510.0, ended_at=at(510))
    await ledger.attempt(run, "a", 0, 100)
    await ledger.attempt(run, "b", 120, 380)
    await ledger.attempt(run, "c", 20, 180)
    question = Question(id="1aaa1~c~1", run_id="1aaa1", task="c", kind=QuestionKind.INPUT, text="?", asked_at=at(30))
    await ledger.store.ask(question)
    await ledger.store.close_question(question.id, QuestionState.TIMED_OUT, Answer(value="x", at=at(190)))
    flow = "nodes: {a: {agent: local://x.y}, b: {agent: local://x.y, depends_on: [a]}, c: {agent: 'human://input'}}"
    found = await critical_path(ledger.store, run, binding(flow))
    check_sums(found)
    assert [link.task for link in found.links] == ["a", "b"]
    assert (found.parts.human_ms, found.parts.executed_ms, found.parts.own_ms) == (0, 480, 30)


async def test_waiting_for_a_person_is_counted_apart(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=1, duration_ms=1000.0, ended_at=at(1000))
    question = Question(id="1aaa1~a~1", run_id="1aaa1", task="a", kind=QuestionKind.INPUT, text="?", asked_at=at(100))
    await ledger.store.ask(question)
    await ledger.store.close_question(question.id, QuestionState.TIMED_OUT, Answer(value="x", at=at(900)))
    await ledger.attempt(run, "a", 50, 950)
    found = await critical_path(ledger.store, run, binding("nodes: {a: {agent: 'human://input'}}"))
    check_sums(found)
    assert (found.parts.human_ms, found.parts.executed_ms, found.parts.own_ms) == (800, 150, 50)


async def test_a_fan_out_is_passed_through_its_last_item(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=3, duration_ms=400.0, ended_at=at(400))
    await ledger.attempt(run, "a", 0, 50)
    await ledger.attempt(run, "s[0]", 50, 100)
    await ledger.attempt(run, "s[1]", 50, 250)
    await ledger.decided(run, "s", 300, TaskStatus.COMPLETED, attempt=1)
    await ledger.attempt(run, "d", 300, 100)
    found = await critical_path(ledger.store, run, binding(SPREAD))
    check_sums(found)
    assert [link.task for link in found.links] == ["a", "s[1]", "d"]
    assert {one.node: one.saves_ms for one in found.speed_ups} == {"s": 250, "d": 100, "a": 50}


async def test_skipped_tasks_and_a_run_that_started_nothing(ledger: Ledger) -> None:
    empty = await ledger.run("1aaa0", status=RunStatus.INTERRUPTED, node_count=4)
    found = await critical_path(ledger.store, empty, binding(DIAMOND))
    assert (found.links, found.span_ms) == ((), 0)
    run = await ledger.run("1aaa1", status=RunStatus.FAILED, node_count=4, duration_ms=60.0, ended_at=at(60))
    await ledger.attempt(run, "a", 0, 50, status=TaskStatus.FAILED, error=error())
    for task in ("b", "c", "d"):
        await ledger.decided(run, task, 51, TaskStatus.SKIPPED, skip_reason=SkipReason.BLOCKED, blocked_by="a")
    found = await critical_path(ledger.store, run, binding(DIAMOND))
    check_sums(found)
    assert found.links[0].task == "a"
    assert found.parts.executed_ms == 50


async def test_without_the_workflow_the_artifacts_that_were_given_say_what_depends_on_what(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=2, duration_ms=100.0, ended_at=at(100))
    made = await ledger.attempt(run, "a", 0, 50, makes=1)
    await ledger.attempt(run, "b", 50, 50, input_artifacts=made.output_artifacts)
    found = await critical_path(ledger.store, run, bind_source)
    assert [link.task for link in found.links] == ["a", "b"]
    assert [damage.where for damage in found.damage] == ["workflow"]


async def test_every_shape_of_a_real_family_sums_up(kin: Kin) -> None:
    run = await kin.run()
    for one in (run, await kin.replay(run), await kin.prompt(run), await kin.edit(run)):
        check_sums(await critical_path(kin.store, one, bind_source))


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Nodes, each with those that it depends on."""
    count = draw(st.integers(1, 7))
    return {
        f"n{i}": sorted(f"n{j}" for j in draw(st.sets(st.integers(0, i - 1), max_size=3))) if i else []
        for i in range(count)
    }


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs(), concurrency=st.integers(1, 3), data=st.data())
def test_random_workflows_that_are_really_run_sum_up(
    tmp_path: Path, graph: dict[str, list[str]], concurrency: int, data: st.DataObject
) -> None:
    (tmp_path / "rests.py").write_text("import time\ndef rest(ms): time.sleep(ms / 1000)\n")
    rests = {node: data.draw(st.sampled_from([0, 1, 5]), label=node) for node in graph}
    lines = [
        f"  {node}: {{agent: local://rests.rest, inputs: {{ms: {rests[node]}}}, depends_on: [{', '.join(before)}]}}"
        for node, before in graph.items()
    ]
    file = tmp_path / "flow.yaml"
    file.write_text("\n".join([f"concurrency: {concurrency}", "nodes:", *lines]) + "\n")

    async def found() -> CriticalPath:
        async with open_session(tmp_path / ".binex", durability="normal") as session:
            run = (await session.run(file)).run
            return await critical_path(session.store, run, bind_source)

    path = asyncio.run(found())
    check_sums(path)
    chain = [link.task for link in path.links]
    assert not graph[chain[0]]
    assert all(before in graph[task] for before, task in itertools.pairwise(chain))
    assert path.parts.executed_ms >= sum(rests[task] for task in chain)
