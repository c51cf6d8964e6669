"""Replay: everything is executed again, nothing is asked, and what came out is compared to the byte."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from binex.analysis.replayed import DifferenceKind, ReplayVerdict, compare_replay
from binex.analysis.varying import find_varying
from binex.errors import DamagedDataError, RunError
from binex.models.event import Event, TaskSettled
from binex.models.run import RunMode, RunStatus, RunSummary
from binex.models.task import TaskStatus
from binex.runtime.assembly import People
from binex.runtime.forks.request import Edit, ForkRequest
from binex.runtime.session import Session, open_session
from binex.tape.redaction import REDACTED
from tests.model_server import ModelServer
from tests.runtime.conftest import Bench
from tests.runtime.test_forks import DIAMOND, FAN, always, snapshot
from tests.scripted import ScriptedAdapter, fail_first

OpenBench = Callable[..., Awaitable[Bench]]


def write(folder: Path, flow: str, code: str = "") -> Path:
    (folder / "flow.yaml").write_text(dedent(flow))
    if code:
        (folder / "steps.py").write_text(dedent(code))
    return folder / "flow.yaml"


async def replay(session: Session, run: RunSummary) -> ReplayVerdict:
    parent = await session.store.get_run(run.run_id)
    assert parent is not None
    again = await session.replay(run.run_id)
    return await compare_replay(session.store, again.run, parent)


MIXED = """
    inputs: {topics: {type: array, default: [tides, waves, foam]}}
    nodes:
      plan: {agent: llm://mock/a, system_prompt: "Plan", inputs: {topics: "${user.topics}"}}
      each:
        agent: llm://mock/b
        foreach: "${user.topics}"
        inputs: {topic: "${item}", plan: "${plan.output}"}
      bad: {agent: local://steps.fail, inputs: {x: 1}}
      after_bad: {agent: local://echo, inputs: {x: "${bad.output}"}}
      never: {agent: local://echo, when: "${user.topics} == []", inputs: {x: 1}}
      end: {agent: local://steps.join, inputs: {parts: "${each.output}", never: "${never.output}"}}
"""
CODE = """
    def fail(x):
        raise ValueError("not today")

    def join(parts, never):
        return {"text": " / ".join(parts), "never": never}
"""


async def test_a_replay_comes_out_equal_and_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    file = write(tmp_path, MIXED, CODE)
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file)
        assert run.status is RunStatus.FAILED
        before = await snapshot(Bench(session, None, [], tmp_path), run)  # type: ignore[arg-type]
        verdict = await replay(session, run)
        assert verdict.is_equal, verdict.first
        assert (verdict.tasks, verdict.artifacts, verdict.taken_over) == (9, 6, 0)
        assert verdict.run.status is RunStatus.FAILED
        assert verdict.run.origin is not None
        assert (verdict.run.origin.parent, verdict.run.origin.mode) == (run.run_id, RunMode.REPLAY)
        assert verdict.run.spend.model_calls == 4
        assert verdict.run.spend.cost_usd == 0
        assert await snapshot(Bench(session, None, [], tmp_path), run) == before  # type: ignore[arg-type]
        second = await session.replay(verdict.run.id)
        assert second.status is RunStatus.FAILED, "a replay can be replayed"


async def test_what_a_server_said_is_replayed_when_it_is_gone(tmp_path: Path) -> None:
    code = """
        import httpx

        def fetch(url):
            return httpx.get(url).json()
    """
    flow = """
        inputs: {url: {}}
        nodes:
          fetch: {agent: local://steps.fetch, inputs: {url: "${user.url}"}}
    """
    file = write(tmp_path, flow, code)
    async with open_session(tmp_path / ".binex") as session:
        with ModelServer() as server:
            run = await session.run(file, vars={"url": f"{server.url()}/models"})
        assert run.status is RunStatus.COMPLETED, run.failures
        verdict = await replay(session, run)
        assert verdict.is_equal, verdict.first


async def test_a_function_that_goes_elsewhere_is_refused_with_node_and_host(tmp_path: Path) -> None:
    code = """
        import pathlib, socket

        def speak():
            if pathlib.Path(__file__).with_name("elsewhere").exists():
                socket.create_connection(("127.0.0.1", 9), timeout=1)
            return "spoken"
    """
    file = write(tmp_path, "nodes:\n  speak: {agent: local://steps.speak}\n", code)
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file)
        (tmp_path / "elsewhere").touch()
        verdict = await replay(session, run)
        assert not verdict.is_equal
        assert verdict.first is not None
        assert (verdict.first.task, verdict.first.kind) == ("speak", DifferenceKind.STATUS)
        assert "127.0.0.1:9" in verdict.first.led_to_it[0]
        assert "speak" in verdict.first.led_to_it[0]


async def test_code_that_has_changed_is_named_as_what_led_to_the_difference(tmp_path: Path) -> None:
    flow = """
        nodes:
          make: {agent: local://steps.make}
          use: {agent: local://echo, inputs: {x: "${make.output}"}}
    """
    file = write(tmp_path, flow, "def make():\n    return 'before'\n")
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file)
    (tmp_path / "steps.py").write_text("def make():\n    return 'afterwards'\n")
    async with open_session(tmp_path / ".binex") as session:
        verdict = await replay(session, run)
        assert verdict.first is not None
        assert (verdict.first.task, verdict.first.before, verdict.first.after) == ("make", '"before"', '"afterwards"')
        assert verdict.first.led_to_it[0] == "the code of local://steps.make has changed since"
        assert [found.task for found in verdict.differences] == ["make", "use"]
        assert verdict.differences[1].follows_from == ("make",)


async def test_chance_is_replayed_where_it_goes_through_binex_and_named_where_not(tmp_path: Path) -> None:
    code = """
        import random
        import binex

        def ours():
            return [binex.now().isoformat(), binex.random(), str(binex.uuid())]

        def own():
            return random.random()
    """
    flow = """
        nodes:
          ours: {agent: local://steps.ours}
          own: {agent: local://steps.own}
    """
    file = write(tmp_path, flow, code)
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file)
        verdict = await replay(session, run)
        assert [found.task for found in verdict.differences] == ["own"]
        assert "is not deterministic" in verdict.differences[0].led_to_it[0]


async def test_a_task_that_was_too_late_is_too_late_again_at_once(tmp_path: Path) -> None:
    flow = """
        nodes:
          slow:
            agent: llm://mock/a
            inputs: {x: 1}
            deadline_ms: 300
            config: {answers: [{text: "far too long", delay_ms: 60000}]}
          after: {agent: local://echo, inputs: {x: "${slow.output}"}}
    """
    file = write(tmp_path, flow)
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file)
        assert run.status is RunStatus.FAILED
        verdict = await replay(session, run)
        assert verdict.is_equal, verdict.first
        assert verdict.run.duration_ms < 300
        records = {record.task: record for record in await session.store.list_records(verdict.run.id)}
        assert records["slow"].status is TaskStatus.TIMED_OUT


async def test_retries_are_replayed_without_their_pauses(tmp_path: Path) -> None:
    flow = """
        nodes:
          ask:
            agent: llm://mock/a
            inputs: {x: 1}
            retry_policy: {max_retries: 2, delay_ms: 400, backoff: fixed}
            config: {answers: [{status: 500, repeat: 2}, {text: fine}]}
    """
    file = write(tmp_path, flow.replace("{status: 500, repeat: 2}", "{error: {status: 500}, repeat: 2}"))
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file)
        assert run.status is RunStatus.COMPLETED, run.failures
        verdict = await replay(session, run)
        assert verdict.is_equal, verdict.first
        assert verdict.run.duration_ms < 400
        records = await session.store.list_records(verdict.run.id)
        assert [record.attempt for record in records] == [1, 2, 3]


async def test_what_people_said_is_not_asked_again(tmp_path: Path) -> None:
    from binex.models.question import Answer, Question
    from binex.models.task import now

    asked: list[Question] = []

    async def answer(question: Question) -> Answer:
        asked.append(question)
        return Answer(value="approved" if question.kind == "approve" else "by hand", at=now())

    flow = """
        nodes:
          gate: {agent: human://approve, inputs: {x: 1}}
          text: {agent: human://input, inputs: {gate: "${gate.output}"}}
    """
    file = write(tmp_path, flow)
    async with open_session(tmp_path / ".binex", people=People(answer)) as session:
        run = await session.run(file)
        assert len(asked) == 2
        verdict = await replay(session, run)
        assert verdict.is_equal, verdict.first
        assert len(asked) == 2
        assert await session.store.list_questions(verdict.run.id) == []


async def test_a_secret_that_is_no_longer_set_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = """
        nodes:
          ask: {agent: llm://mock/a, inputs: {key: "${env.THE_TOKEN}"}}
          show: {agent: local://echo, inputs: {key: "${env.THE_TOKEN}"}}
    """
    monkeypatch.setenv("THE_TOKEN", "tok-1234567890abcdef")
    file = write(tmp_path, flow)
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file)
        assert run.outputs["show"] == {"output": REDACTED}
        monkeypatch.delenv("THE_TOKEN")
        verdict = await replay(session, run)
        assert verdict.is_equal, verdict.first


async def test_a_run_that_was_stopped_is_replayed_as_far_as_it_came(open_bench: OpenBench) -> None:
    from tests.scripted import ScriptedAdapter, forever

    bench = await open_bench(agents=ScriptedAdapter(think=forever))
    running = asyncio.create_task(bench.run(DIAMOND))
    while "think" not in bench.agents.calls:
        await asyncio.sleep(0.01)
    bench.session.interrupt()
    run = await running
    assert run.status is RunStatus.INTERRUPTED
    verdict = await replay(bench.session, run)
    assert bench.agents.calls == {"plan": 2, "other": 2, "think": 1}
    assert verdict.is_equal, verdict.first
    assert verdict.taken_over == 1
    assert verdict.run.status is RunStatus.CANCELLED, "not all of it was executed, so it is not completed"


async def test_a_replay_does_not_go_on_and_says_what_to_do(open_bench: OpenBench) -> None:
    bench = await open_bench()
    run = await bench.run(DIAMOND)
    again = await bench.session.replay(run.run_id)
    with pytest.raises(RunError, match="is a replay") as caught:
        await bench.session.resume(again.run_id)
    assert f"binex replay {run.run_id}" in (caught.value.fix or "")


async def test_what_was_edited_by_hand_is_taken_as_it_was(open_bench: OpenBench) -> None:
    bench = await open_bench()
    run = await bench.run(DIAMOND)
    fork = await bench.session.fork(run.run_id, ForkRequest(edits=(Edit("plan", "output", "by hand"),)))
    verdict = await replay(bench.session, fork)
    assert verdict.is_equal, verdict.first
    assert verdict.taken_over == 1


async def test_a_function_that_swallows_the_refusal_has_failed_all_the_same(tmp_path: Path) -> None:
    code = """
        import contextlib, socket

        def speak():
            with contextlib.suppress(Exception):
                socket.create_connection(("127.0.0.1", 9), timeout=1)
            return "spoken"
    """
    file = write(tmp_path, "nodes:\n  speak: {agent: local://steps.speak}\n", code)
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file)
        verdict = await replay(session, run)
        assert verdict.first is not None
        assert "127.0.0.1:9" in verdict.first.led_to_it[0]
        assert "went on without it" in verdict.first.led_to_it[0]


async def test_a_fork_that_was_stopped_goes_on_with_what_its_parent_knows(open_bench: OpenBench) -> None:
    from tests.scripted import ScriptedAdapter, forever

    bench = await open_bench(agents=ScriptedAdapter())
    run = await bench.run(DIAMOND)
    bench.agents.behaviours["think"] = forever
    forking = asyncio.create_task(bench.session.fork(run.run_id, ForkRequest(from_=("think",))))
    while bench.agents.calls["think"] < 2:
        await asyncio.sleep(0.01)
    bench.session.interrupt()
    fork = await forking
    assert fork.status is RunStatus.INTERRUPTED
    del bench.agents.behaviours["think"]
    done = await bench.session.resume(fork.run_id)
    assert done.status is RunStatus.COMPLETED
    assert bench.agents.calls == {"plan": 1, "think": 3, "other": 1, "end": 1}, "the end is known by its key"
    assert done.outputs == run.outputs


async def test_a_fork_of_one_node_is_replayed_with_the_same_left_out(open_bench: OpenBench) -> None:
    from tests.runtime.test_forks import FAN, always
    from tests.scripted import ScriptedAdapter

    bench = await open_bench(agents=ScriptedAdapter(list=always(["a", "b"])))
    run = await bench.run(FAN)
    for request in (
        ForkRequest(only="list"),
        ForkRequest(edits=(Edit("each", "output", ["by", "hand"]),)),
        ForkRequest(edits=(Edit("each[0]", "output", "by hand"),)),
    ):
        fork = await bench.session.fork(run.run_id, request)
        verdict = await replay(bench.session, fork)
        assert verdict.is_equal, verdict.first


async def test_items_that_were_stopped_are_stopped_however_fast_the_others_are_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
        import asyncio, os

        PAUSES = {0: 0.15, 1: 0.05, 2: 0.05}

        async def work(x):
            if "AT_ONCE" not in os.environ:
                await asyncio.sleep(PAUSES.get(x, 30))
            if x == 0:
                raise ValueError("no")
            return x
    """
    flow = """
        concurrency: 3
        nodes:
          each: {agent: local://steps.work, foreach: "${user.xs}", on_item_failure: fail_fast, inputs: {x: "${item}"}}
    """
    file = write(tmp_path, flow, code)
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file, vars={"xs": [0, 1, 2, 3, 4, 5]})
        statuses = {record.task: record.status for record in await session.store.list_records(run.run_id)}
        assert list(statuses.values()).count(TaskStatus.CANCELLED) == 2
        monkeypatch.setenv("AT_ONCE", "1")
        verdict = await replay(session, run)
        assert verdict.is_equal, verdict.differences


async def test_only_the_last_try_of_a_fail_fast_node_counts(open_bench: OpenBench) -> None:
    flow = """
        concurrency: 2
        nodes:
          list: {agent: "script://list", inputs: {x: 1}}
          each: {agent: "script://each", foreach: list, on_item_failure: fail_fast, inputs: {x: "${item}"}}
    """
    bench = await open_bench(agents=ScriptedAdapter(list=always([0, 1, 2, 3]), each=fail_first(1)))
    run = await bench.run(flow)
    while run.status is RunStatus.FAILED:
        run = await bench.session.resume(run.run_id, retry_failed=True)
    bench.agents.behaviours["each"] = always(2)
    verdict = await replay(bench.session, run)
    assert verdict.is_equal, verdict.differences


async def test_an_edited_list_is_replayed_with_its_items_as_they_were(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(list=always(["a", "b"])))
    run = await bench.run(FAN)
    fork = await bench.session.fork(run.run_id, ForkRequest(edits=(Edit("each", "output", ["by hand"]),)))
    verdict = await replay(bench.session, fork)
    assert verdict.is_equal, verdict.differences
    assert verdict.taken_over == 3


async def test_an_item_that_is_sometimes_missing_varies_because_of_its_list(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(list=always([1, 2])))
    run = await bench.run(FAN)
    bench.agents.behaviours["list"] = always([1])
    found = await find_varying(bench.session.store, run.run, [await replay(bench.session, run) for _ in range(2)])
    assert {task.task: task.follows_from for task in found.tasks} == {
        "list": (),
        "each[1]": ("list",),
        "each": ("each[1]",),
        "end": ("each",),
    }


async def test_what_was_refused_offline_is_refused_again(tmp_path: Path) -> None:
    flow = """
        nodes:
          ask: {agent: llm://mock/a, inputs: {x: 1}}
          show: {agent: local://echo, inputs: {x: "${ask.output}"}}
    """
    file = write(tmp_path, flow)
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file, offline=True)
        assert run.status is RunStatus.FAILED
        verdict = await replay(session, run)
        assert verdict.is_equal, verdict.first


async def test_a_damaged_reply_stops_a_replay_at_its_own_task_and_not_before(tmp_path: Path) -> None:
    flow = """
        nodes:
          first: {agent: llm://mock/a, inputs: {x: 1}, config: {answers: [{text: one}]}}
          second: {agent: llm://mock/a, inputs: {x: "${first.output}"}, config: {answers: [{text: two}]}}
          third: {agent: llm://mock/a, inputs: {x: "${second.output}"}, config: {answers: [{text: three}]}}
    """
    file = write(tmp_path, flow)
    async with open_session(tmp_path / ".binex") as session:
        run = await session.run(file)
        calls = {call.task: call for call in await session.store.list_calls(run.run_id)}
    response = calls["third"].response
    assert response is not None
    with closing(sqlite3.connect(tmp_path / ".binex" / "binex.db")) as database:
        link = bytes.fromhex(response.last)
        database.execute(
            "UPDATE blobs SET content = x'00' WHERE sha256 = (SELECT blob FROM links WHERE id = ?)", [link]
        )
        database.commit()
    told: list[Event] = []
    async with open_session(tmp_path / ".binex", listeners=[told.append]) as session:
        with pytest.raises(DamagedDataError, match=response.last[:12]):
            await session.replay(run.run_id)
    assert [event.record.task for event in told if isinstance(event, TaskSettled)] == ["first", "second"]
