"""How runs go: what fails, what it takes with it, what is recorded, what listeners hear."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from binex.errors import AgentError, InputError, RemoteError
from binex.models.event import (
    Event,
    FanOutStarted,
    Notice,
    RunEnded,
    RunStarted,
    TaskRetrying,
    TaskSettled,
    TaskStarted,
)
from binex.models.limits import Limits
from binex.models.run import RunStatus
from binex.models.task import ErrorKind, SkipReason, TaskNode, TaskStatus
from binex.stores.backends.sqlite import open_sqlite_store
from tests.runtime.conftest import Bench
from tests.scripted import ScriptedAdapter, fail_first, forever, stubborn

OpenBench = Callable[..., Awaitable[Bench]]

THREE = """
    nodes:
      a: {agent: "script://a", inputs: {x: 1}}
      b: {agent: "script://b", inputs: {x: "${a.output}"}}
      c: {agent: "script://c", inputs: {x: 3}}
"""


def broken(task: TaskNode) -> Any:
    raise ValueError("out of luck")


async def test_a_chain_passes_values_on_and_the_run_completes(open_bench: OpenBench) -> None:
    bench = await open_bench()
    run = await bench.run(THREE)
    assert run.status is RunStatus.COMPLETED
    assert run.outputs == {"b": {"output": {"x": {"x": 1}}}, "c": {"output": {"x": 3}}}
    assert run.run.counts == {TaskStatus.COMPLETED: 3}


async def test_a_failed_node_skips_what_needs_it_and_spares_the_rest(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(a=broken))
    run = await bench.run(THREE)
    records = await bench.records(run)
    assert run.status is RunStatus.FAILED
    assert records["a"].status is TaskStatus.FAILED
    assert (records["b"].skip_reason, records["b"].blocked_by) == (SkipReason.BLOCKED, "a")
    assert records["c"].status is TaskStatus.COMPLETED
    assert [(failure.task, failure.blocked) for failure in run.failures] == [("a", ("b",))]


async def test_the_error_is_recorded_in_full_with_the_users_own_frames(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(a=broken))
    record = (await bench.records(await bench.run(THREE)))["a"]
    assert record.error is not None
    assert (record.error.kind, record.error.type, record.error.message) == (ErrorKind.CODE, "ValueError", "out of luck")
    assert record.error.traceback is not None
    assert "raise ValueError" in record.error.traceback
    assert "dispatcher.py" not in record.error.traceback


async def test_an_error_without_a_text_still_says_something(open_bench: OpenBench) -> None:
    def mute(task: TaskNode) -> Any:
        raise KeyError

    bench = await open_bench(agents=ScriptedAdapter(a=mute))
    run = await bench.run(THREE)
    assert run.failures[0].error.message == "KeyError without a message"


async def test_a_node_that_is_skipped_by_its_condition_gives_null_and_blocks_nobody(open_bench: OpenBench) -> None:
    bench = await open_bench()
    run = await bench.run("""
        inputs: {go: {type: boolean, default: false}}
        nodes:
          a: {agent: "script://a", inputs: {x: 1}, when: "${user.go}"}
          b: {agent: "script://b", inputs: {x: "${a.output}", text: "got ${a.output}"}}
    """)
    assert run.status is RunStatus.COMPLETED
    assert run.outputs == {"b": {"output": {"x": None, "text": "got null"}}}
    assert (await bench.records(run))["a"].skip_reason is SkipReason.WHEN


async def test_failed_attempts_are_repeated_and_each_has_a_record(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(a=fail_first(2)))
    run = await bench.run("""
        nodes:
          a: {agent: "script://a", retry_policy: {max_retries: 3, delay_ms: 1}}
    """)
    records = await bench.session.store.list_records(run.run_id)
    assert [(r.attempt, r.status, r.is_final) for r in records] == [
        (1, TaskStatus.FAILED, False),
        (2, TaskStatus.FAILED, False),
        (3, TaskStatus.COMPLETED, True),
    ]
    assert records[0].error is not None and records[0].error.message == "not yet"
    assert records[0].retry_in_ms is not None
    assert len({record.idempotency_key for record in records}) == 1
    assert len(bench.told(TaskRetrying)) == 2


async def test_what_repetition_cannot_help_is_tried_once(open_bench: OpenBench) -> None:
    def refused(task: TaskNode) -> Any:
        raise AgentError("401 no", is_retryable=False)

    bench = await open_bench(agents=ScriptedAdapter(a=refused))
    run = await bench.run('nodes: {a: {agent: "script://a", retry_policy: {max_retries: 5}}}')
    assert run.failures[0].attempts == 1
    assert bench.agents.calls["a"] == 1


async def test_the_pause_that_an_agent_asks_for_is_kept(open_bench: OpenBench) -> None:
    error = lambda: AgentError("429 slow down", retry_after_ms=40)  # noqa: E731
    bench = await open_bench(agents=ScriptedAdapter(a=fail_first(1, error)))
    run = await bench.run('nodes: {a: {agent: "script://a", retry_policy: {max_retries: 1, delay_ms: 0}}}')
    first = (await bench.session.store.list_records(run.run_id))[0]
    assert first.retry_in_ms == 40


async def test_an_attempt_that_changes_its_inputs_spoils_neither_the_next_one_nor_its_neighbours(
    open_bench: OpenBench,
) -> None:
    seen: list[Any] = []

    def greedy(task: TaskNode) -> Any:
        seen.append(repr(task.inputs))
        task.inputs["list"].clear()  # type: ignore[union-attr]
        if len(seen) == 1:
            raise ValueError("again")
        return 1

    bench = await open_bench(agents=ScriptedAdapter(greedy=greedy))
    run = await bench.run("""
        nodes:
          a: {agent: "script://a", inputs: {x: [1, 2]}}
          b: {agent: "script://greedy", inputs: {list: "${a.output.x}"}, retry_policy: {max_retries: 1, delay_ms: 0}}
          c: {agent: "script://greedy", inputs: {list: "${a.output.x}"}, depends_on: [b]}
    """)
    assert run.status is RunStatus.COMPLETED
    assert set(seen) == {"{'list': [1, 2]}"}


async def test_a_deadline_ends_an_attempt_as_timed_out(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(a=forever))
    run = await bench.run(
        'nodes: {a: {agent: "script://a", deadline_ms: 20, retry_policy: {max_retries: 1, delay_ms: 0}}}'
    )
    records = await bench.session.store.list_records(run.run_id)
    assert [record.status for record in records] == [TaskStatus.TIMED_OUT, TaskStatus.TIMED_OUT]
    assert records[0].error is not None
    assert records[0].error.message == "no answer in 20 ms (deadline_ms)"


async def test_an_agents_own_timeout_is_a_failure_and_no_deadline(open_bench: OpenBench) -> None:
    def slow_backend(task: TaskNode) -> Any:
        raise TimeoutError("backend")

    bench = await open_bench(agents=ScriptedAdapter(a=slow_backend))
    run = await bench.run('nodes: {a: {agent: "script://a", deadline_ms: 60000}}')
    assert run.failures[0].status is TaskStatus.FAILED
    assert run.failures[0].error.type == "TimeoutError"


async def test_an_agent_that_cancels_itself_has_failed_and_hangs_nothing(open_bench: OpenBench) -> None:
    async def suicidal(task: TaskNode) -> Any:
        raise asyncio.CancelledError

    bench = await open_bench(agents=ScriptedAdapter(a=suicidal))
    run = await bench.run(THREE)
    assert run.failures[0].error.message == "the agent cancelled itself"


async def test_an_agent_that_does_not_stop_is_left_behind_with_a_notice(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(a=stubborn))
    bench.session.settings = replace(bench.session.settings, grace_s=0.02)
    run = await bench.run('nodes: {a: {agent: "script://a", deadline_ms: 10}, b: {agent: "script://b"}}')
    assert (await bench.records(run))["a"].status is TaskStatus.TIMED_OUT
    assert (await bench.records(run))["b"].status is TaskStatus.COMPLETED
    assert any("left behind" in notice.message for notice in bench.told(Notice) if isinstance(notice, Notice))


async def test_too_large_an_output_fails_the_node_and_names_the_limit(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(a=lambda t: "x" * 2000), limits=Limits(output_bytes=1000))
    run = await bench.run('nodes: {a: {agent: "script://a"}}')
    assert run.failures[0].error.kind is ErrorKind.BAD_OUTPUT
    assert run.failures[0].error.message == "output 'output' is 2,002 bytes, limit 1,000 (limits.output_bytes)"


async def test_what_is_not_json_fails_the_node(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(a=lambda t: {"hits": [1, float("nan")]}))
    run = await bench.run('nodes: {a: {agent: "script://a"}}')
    assert run.failures[0].error.message == "not JSON: nan at .hits[1] is not a finite number"


async def test_a_fan_out_runs_each_item_as_a_task_and_keeps_their_order(open_bench: OpenBench) -> None:
    async def late_first(task: TaskNode) -> Any:
        for _ in range(5 - int(task.inputs["n"])):  # type: ignore[arg-type]
            await asyncio.sleep(0)
        return task.inputs["n"]

    bench = await open_bench(agents=ScriptedAdapter(late=late_first))
    run = await bench.run("""
        nodes:
          list: {agent: "script://list", inputs: {all: [0, 1, 2, 3]}}
          each: {agent: "script://late", foreach: "${list.output.all}", inputs: {n: "${item}"}}
          sum: {agent: "script://sum", inputs: {values: "${each.output}"}}
    """)
    assert run.outputs == {"sum": {"output": {"values": [0, 1, 2, 3]}}}
    assert set(await bench.records(run)) == {"list", "each", "sum", *(f"each[{i}]" for i in range(4))}
    assert [event.item_count for event in bench.told(FanOutStarted) if isinstance(event, FanOutStarted)] == [4]


async def test_a_failed_item_leaves_null_under_continue_and_the_run_completes(open_bench: OpenBench) -> None:
    def odd(task: TaskNode) -> Any:
        if task.inputs["n"] == 1:
            raise ValueError("odd")
        return task.inputs["n"]

    bench = await open_bench(agents=ScriptedAdapter(odd=odd))
    run = await bench.run("""
        inputs: {all: {type: array, default: [0, 1, 2]}}
        nodes:
          each: {agent: "script://odd", foreach: "${user.all}", inputs: {n: "${item}"}}
    """)
    assert run.status is RunStatus.COMPLETED
    assert run.outputs == {"each": {"output": [0, None, 2]}}
    assert [failure.task for failure in run.failures] == ["each[1]"]


async def test_fail_fast_stops_the_running_items_and_never_starts_the_others(open_bench: OpenBench) -> None:
    async def second_fails(task: TaskNode) -> Any:
        if task.inputs["n"] == 1:
            raise ValueError("no")
        return await forever(task)

    bench = await open_bench(agents=ScriptedAdapter(x=second_fails))
    run = await bench.run("""
        inputs: {all: {type: array, default: [0, 1, 2, 3, 4, 5]}}
        nodes:
          each: {agent: "script://x", foreach: "${user.all}", max_parallel: 3, on_item_failure: fail_fast,
                 inputs: {n: "${item}"}}
          after: {agent: "script://after", inputs: {x: "${each.output}"}}
    """)
    records = await bench.records(run)
    assert run.status is RunStatus.FAILED
    assert {path: record.status for path, record in records.items()} == {
        "each[0]": TaskStatus.CANCELLED,
        "each[1]": TaskStatus.FAILED,
        "each[2]": TaskStatus.CANCELLED,
        "each[3]": TaskStatus.SKIPPED,
        "each[4]": TaskStatus.SKIPPED,
        "each[5]": TaskStatus.SKIPPED,
        "each": TaskStatus.FAILED,
        "after": TaskStatus.SKIPPED,
    }
    assert records["each[4]"].blocked_by == "each[1]"
    assert bench.agents.calls["each[4]"] == 0


async def test_too_many_items_are_refused_before_any_of_them_starts(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(list=lambda t: list(range(1_000_000))))
    run = await bench.run("""
        nodes:
          list: {agent: "script://list"}
          each: {agent: "script://x", foreach: list}
    """)
    assert run.failures[0].task == "each"
    assert "1,000,000 items, limit 100 (max_items)" in run.failures[0].error.message
    assert sum(bench.agents.calls.values()) == 1


async def test_no_more_tasks_run_at_a_time_than_the_workflow_allows(open_bench: OpenBench) -> None:
    async def brief(task: TaskNode) -> Any:
        await asyncio.sleep(0.002)
        return 1

    bench = await open_bench(agents=ScriptedAdapter(x=brief))
    run = await bench.run("""
        concurrency: 3
        inputs: {all: {type: array, default: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}}
        nodes:
          each: {agent: "script://x", foreach: "${user.all}"}
    """)
    assert run.status is RunStatus.COMPLETED
    assert bench.agents.most_running == 3


async def test_a_settled_task_is_durable_before_anybody_hears_of_it(open_bench: OpenBench) -> None:
    seen: list[tuple[str, bool]] = []
    bench: Bench | None = None

    def listener(event: Event) -> None:
        if isinstance(event, TaskSettled):
            import sqlite3

            assert bench is not None
            with sqlite3.connect(f"file:{bench.session.directory}/binex.db?mode=ro", uri=True) as connection:
                count = connection.execute("SELECT count(*) FROM records").fetchone()[0]
            connection.close()
            seen.append((event.record.task, count >= len(seen) + 1))

    bench = await open_bench(listeners=[listener])
    await bench.run(THREE)
    assert sorted(seen) == [("a", True), ("b", True), ("c", True)]


async def test_a_listener_that_fails_is_dropped_with_a_notice_and_harms_nothing(open_bench: OpenBench) -> None:
    def bad(event: Event) -> None:
        raise RuntimeError("listener")

    bench = await open_bench(listeners=[bad])
    run = await bench.run(THREE)
    assert run.status is RunStatus.COMPLETED
    assert len(bench.told(Notice)) == 1


async def test_listeners_hear_of_a_run_in_order(open_bench: OpenBench) -> None:
    bench = await open_bench()
    await bench.run('nodes: {a: {agent: "script://a"}}')
    assert [type(event) for event in bench.events] == [RunStarted, TaskStarted, TaskSettled, RunEnded]


async def test_a_value_from_the_environment_reaches_the_agent_and_nothing_on_disk(
    open_bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "canary-7f3a-value"
    monkeypatch.setenv("BENCH_TOKEN", secret)
    got: list[Any] = []

    def tell(task: TaskNode) -> Any:
        got.append(task.inputs["token"])
        if task.attempt == 1:
            raise ValueError(f"refused {secret}")
        return {"echo": secret}

    bench = await open_bench(agents=ScriptedAdapter(a=tell))
    run = await bench.run("""
        nodes:
          a: {agent: "script://a", inputs: {token: "${env.BENCH_TOKEN}"}, retry_policy: {max_retries: 1, delay_ms: 0}}
    """)
    assert got == [secret, secret]
    assert run.outputs == {"a": {"output": {"echo": "[redacted]"}}}
    files = [path for path in bench.session.directory.rglob("*") if path.is_file()]
    assert files and not [path for path in files if secret.encode() in path.read_bytes()]


async def test_half_a_secret_at_the_end_of_what_is_kept_of_a_body_is_not_kept(
    open_bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD_TOKEN", "correct horse battery staple")

    def refused(task: TaskNode) -> Any:
        raise RemoteError("no", host="there", status=400, body="." * 1_980 + str(task.inputs["token"]))

    bench = await open_bench(agents=ScriptedAdapter(refused=refused))
    run = await bench.run("nodes: {a: {agent: script://refused, inputs: {token: '${env.ODD_TOKEN}'}}}")
    assert run.failures[0].error.body == "." * 1_980


async def test_the_settings_of_a_server_are_text_whatever_a_variable_is(open_bench: OpenBench) -> None:
    bench = await open_bench()
    run = await bench.run(
        """
        inputs: {n: {type: integer}, map: {type: object}}
        mcp_servers: {s: {command: /nowhere/s, args: ["-n", "${user.n}"], env: {MAP: "${user.map}"}}}
        nodes: {a: {agent: script://give, inputs: {x: 1}, tools: "mcp://s"}}
        """,
        n=3,
        map={"a": [1]},
    )
    assert run.status is RunStatus.COMPLETED
    server = bench.agents.tasks[0].mcp_servers["s"]
    assert (server.args, server.env) == (("-n", "3"), {"MAP": '{"a":[1]}'})


async def test_a_missing_variable_stops_the_run_before_any_node(open_bench: OpenBench) -> None:
    bench = await open_bench()
    with pytest.raises(InputError, match="topic"):
        await bench.run('nodes: {a: {agent: "script://a", inputs: {x: "${user.topic}"}}}')
    assert not bench.agents.calls
    assert await bench.session.store.list_runs() == []


async def test_two_runs_side_by_side_in_one_session_do_not_mix(open_bench: OpenBench) -> None:
    bench = await open_bench()
    runs = await asyncio.gather(*(bench.run(THREE) for _ in range(10)))
    assert len({run.run_id for run in runs}) == 10
    for run in runs:
        assert run.status is RunStatus.COMPLETED
        assert len(await bench.session.store.list_records(run.run_id)) == 3


async def test_the_record_is_readable_from_another_process_view(open_bench: OpenBench) -> None:
    bench = await open_bench()
    run = await bench.run(THREE)
    async with open_sqlite_store(bench.session.directory, read_only=True) as store:
        artifacts = {info.id: await store.get(info.id) for info in await store.list_artifacts(run.run_id)}
    assert {artifact.output for artifact in artifacts.values() if artifact} == {"output"}
    b = artifacts[f"{run.run_id}~b~output"]
    assert b is not None
    assert b.lineage.derived_from == (f"{run.run_id}~a~output",)


async def test_a_thread_that_goes_on_after_its_deadline_is_told_of(open_bench: OpenBench) -> None:
    bench = await open_bench()
    (bench.folder / "steps.py").write_text(
        "import threading\nGATE = threading.Event()\ndef wait():\n    GATE.wait(30)\n"
    )
    run = await bench.run('nodes: {a: {agent: "local://steps.wait", deadline_ms: 50}}')
    assert run.failures[0].status is TaskStatus.TIMED_OUT
    notices = [event.message for event in bench.told(Notice) if isinstance(event, Notice)]
    assert notices == ["a goes on in its thread, which nobody can stop; 'isolation: process' can be"]


async def test_a_crash_in_a_process_of_its_own_fails_only_the_node(open_bench: OpenBench) -> None:
    bench = await open_bench()
    (bench.folder / "steps.py").write_text("import os\ndef crash():\n    os._exit(3)\ndef fine():\n    return 1\n")
    run = await bench.run("""
        nodes:
          a: {agent: "local://steps.crash", isolation: process}
          b: {agent: "local://steps.fine", isolation: process}
    """)
    assert run.failures[0].error.kind is ErrorKind.PROCESS
    assert run.failures[0].error.message == "process exited with code 3 before it answered"
    assert (await bench.records(run))["b"].status is TaskStatus.COMPLETED


async def test_a_fan_out_over_what_a_skipped_node_would_have_made_is_skipped_as_well(open_bench: OpenBench) -> None:
    bench = await open_bench()
    run = await bench.run("""
        inputs: {go: {type: boolean, default: false}}
        nodes:
          list: {agent: "script://list", inputs: {all: [1, 2]}, when: "${user.go}"}
          each: {agent: "script://each", foreach: "${list.output.all}"}
          end: {agent: "script://end", inputs: {got: "${each.output}"}}
    """)
    assert run.status is RunStatus.COMPLETED
    assert (await bench.records(run))["each"].skip_reason is SkipReason.WHEN
    assert run.outputs == {"end": {"output": {"got": None}}}


async def test_a_node_says_only_what_is_different_about_its_retries(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(a=fail_first(2)))
    run = await bench.run("""
        defaults: {retry_policy: {max_retries: 1, delay_ms: 0}}
        nodes:
          a: {agent: "script://a", retry_policy: {max_retries: 2}}
    """)
    assert run.status is RunStatus.COMPLETED
    assert [r.retry_in_ms for r in await bench.session.store.list_records(run.run_id)] == [0, 0, None]
