"""Forks: only what a change reaches is executed, and the parent stays as it was."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from binex.errors import DamagedDataError, InputError, RunError
from binex.models.change import Change, ChangeKind
from binex.models.event import Event, Notice
from binex.models.fork import Decision
from binex.models.names import new_run_id
from binex.models.question import Answer, Question
from binex.models.run import Origin, RunMode, RunStatus, RunSummary
from binex.models.task import SkipReason, TaskNode, TaskStatus, now
from binex.runtime.assembly import People
from binex.runtime.forks.request import Edit, ForkRequest
from binex.runtime.session import open_session
from binex.tape.redaction import REDACTED
from tests.runtime.conftest import Bench
from tests.scripted import ScriptedAdapter, forever

OpenBench = Callable[..., Awaitable[Bench]]

DIAMOND = """
    inputs: {topic: {default: tides}}
    nodes:
      plan: {agent: "script://plan", inputs: {topic: "${user.topic}"}}
      think: {agent: "script://think", system_prompt: "Be brief", inputs: {plan: "${plan.output}"}}
      other: {agent: "script://other", inputs: {x: 1}}
      end: {agent: "script://end", inputs: {x: "${think.output}", y: "${other.output}"}}
"""
FAN = """
    nodes:
      list: {agent: "script://list", inputs: {x: 1}}
      each: {agent: "script://each", foreach: list, inputs: {x: "${item}"}}
      end: {agent: "script://end", inputs: {x: "${each.output}"}}
"""


def field(node: str, *path: str | int, value: Any) -> Change:
    return Change(kind=ChangeKind.FIELD, node=node, path=path, value=value, option=f"--set {node}")


def always(value: Any) -> Callable[[TaskNode], Awaitable[Any]]:
    async def answer(_: TaskNode) -> Any:
        return value

    return answer


async def snapshot(bench: Bench, run: RunSummary) -> str:
    """All that is kept of a run, as a hash."""
    store = bench.session.store
    kept: list[Any] = [await store.get_run(run.run_id), *await store.list_records(run.run_id)]
    kept += [*await store.list_calls(run.run_id), *await store.list_questions(run.run_id)]
    for info in await store.list_artifacts(run.run_id):
        artifact = await store.get(info.id)
        assert artifact is not None
        kept += [info, artifact.data]
    return hashlib.sha256(repr(kept).encode()).hexdigest()


async def test_from_a_node_executes_it_and_stops_where_nothing_has_changed(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    before = await snapshot(bench, parent)
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("think",)))
    assert bench.agents.calls == {"plan": 1, "think": 2, "other": 1, "end": 1}
    assert fork.status is RunStatus.COMPLETED
    assert fork.outputs == parent.outputs
    assert await snapshot(bench, parent) == before
    records = await bench.records(fork)
    taken = {path: record.reused_from for path, record in records.items()}
    assert taken == {"plan": parent.run_id, "other": parent.run_id, "think": None, "end": parent.run_id}
    assert records["plan"].output_artifacts == (f"{parent.run_id}~plan~output",)
    origin = fork.run.origin
    assert origin is not None
    assert (origin.parent, origin.mode, origin.fork_points) == (parent.run_id, RunMode.FORK, ("think",))


async def test_a_node_that_answers_otherwise_lets_its_descendants_run(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    bench.agents.behaviours["think"] = always("new")
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("think",)))
    assert bench.agents.calls == {"plan": 1, "think": 2, "other": 1, "end": 2}
    assert fork.outputs == {"end": {"output": {"x": "new", "y": {"x": 1}}}}
    end = (await bench.records(fork))["end"]
    assert end.input_artifacts == (f"{fork.run_id}~think~output", f"{parent.run_id}~other~output")


async def test_a_changed_field_runs_its_node_and_is_a_part_of_the_forks_own_workflow(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    change = field("think", "system_prompt", value="Be long")
    fork = await bench.session.fork(parent.run_id, ForkRequest(fields=(change,)))
    assert bench.agents.calls["think"] == 2
    assert bench.agents.tasks[-1].system_prompt == "Be long"
    kept = await bench.session.store.get_source(fork.run.workflow_hash)
    assert kept.changes == (change,)
    again = await bench.session.fork(fork.run_id, ForkRequest(from_=("think",)))
    assert bench.agents.tasks[-1].system_prompt == "Be long"
    assert again.status is RunStatus.COMPLETED


async def test_a_change_to_what_it_was_changes_nothing(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    request = ForkRequest(fields=(field("think", "system_prompt", value="Be brief"),))
    fork = await bench.session.fork(parent.run_id, request)
    assert bench.agents.calls == {"plan": 1, "think": 1, "other": 1, "end": 1}
    assert fork.outputs == parent.outputs


async def test_another_variable_runs_what_refers_to_it(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    fork = await bench.session.fork(parent.run_id, ForkRequest(variables={"topic": "waves"}))
    assert bench.agents.calls == {"plan": 2, "think": 2, "other": 1, "end": 2}
    assert fork.run.variables == {"topic": "waves"}
    same = await bench.session.fork(fork.run_id, ForkRequest(variables={"topic": "waves"}))
    assert bench.agents.calls["plan"] == 2
    assert same.outputs == fork.outputs


async def test_an_edited_artifact_takes_the_place_of_what_was_made(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    fork = await bench.session.fork(parent.run_id, ForkRequest(edits=(Edit("plan", "output", "by hand"),)))
    assert bench.agents.calls == {"plan": 1, "think": 2, "other": 1, "end": 2}
    assert fork.outputs["end"]["output"] == {"x": {"plan": "by hand"}, "y": {"x": 1}}
    edited = await bench.session.store.get(f"{fork.run_id}~plan~output")
    assert edited is not None
    assert (edited.content, edited.lineage.edited) == ("by hand", True)
    assert edited.lineage.derived_from == (f"{parent.run_id}~plan~output",)


async def test_text_for_an_edit_is_read_as_what_it_takes_the_place_of(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    request = ForkRequest(edits=(Edit("plan", "output", '{"topic": "waves"}', is_text=True),))
    fork = await bench.session.fork(parent.run_id, request)
    assert fork.outputs["end"]["output"]["x"] == {"plan": {"topic": "waves"}}  # type: ignore[index, call-overload]
    with pytest.raises(InputError, match=r"--edit plan\.output: an object is to be replaced, and this is no JSON"):
        await bench.session.fork(parent.run_id, ForkRequest(edits=(Edit("plan", "output", "{no", is_text=True),)))


async def test_only_one_node_is_executed_and_what_depends_on_it_is_left_out(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    bench.agents.behaviours["think"] = always("new")
    fork = await bench.session.fork(parent.run_id, ForkRequest(only="think"))
    assert bench.agents.calls == {"plan": 1, "think": 2, "other": 1, "end": 1}
    end = (await bench.records(fork))["end"]
    assert (end.status, end.skip_reason) == (TaskStatus.SKIPPED, SkipReason.LEFT_OUT)
    assert fork.status is RunStatus.COMPLETED


async def test_one_item_of_a_foreach_is_executed_and_the_others_are_taken_over(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(list=always(["a", "b", "c"])))
    parent = await bench.run(FAN)
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("each[1]",)))
    assert bench.agents.calls == {"list": 1, "each[0]": 1, "each[1]": 2, "each[2]": 1, "end": 1}
    assert fork.outputs == parent.outputs
    records = await bench.records(fork)
    assert {path: record.reused_from for path, record in records.items()} == {
        "list": parent.run_id,
        "each[0]": parent.run_id,
        "each[1]": None,
        "each[2]": parent.run_id,
        "each": None,
        "end": parent.run_id,
    }


async def test_a_list_with_another_item_runs_that_item_alone(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(list=always(["a", "b", "c"])))
    parent = await bench.run(FAN)
    bench.agents.behaviours["list"] = always(["new", "a", "b", "c"])
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("list",)))
    assert bench.agents.calls == {"list": 2, "each[0]": 2, "each[1]": 1, "each[2]": 1, "end": 2}, "known by its key"
    assert fork.outputs == {"end": {"output": {"x": [{"x": item} for item in ("new", "a", "b", "c")]}}}


async def test_an_edited_item_changes_the_list_that_it_is_in(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(list=always(["a", "b"])))
    parent = await bench.run(FAN)
    fork = await bench.session.fork(parent.run_id, ForkRequest(edits=(Edit("each[1]", "output", "by hand"),)))
    assert bench.agents.calls == {"list": 1, "each[0]": 1, "each[1]": 1, "end": 2}
    assert fork.outputs == {"end": {"output": {"x": [{"x": "a"}, "by hand"]}}}


async def test_a_failed_run_goes_on_from_what_failed(open_bench: OpenBench) -> None:
    def fail(_: TaskNode) -> Any:
        raise ValueError("not today")

    bench = await open_bench(agents=ScriptedAdapter(think=fail))
    parent = await bench.run(DIAMOND)
    assert parent.status is RunStatus.FAILED
    del bench.agents.behaviours["think"]
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("think",)))
    assert fork.status is RunStatus.COMPLETED
    assert bench.agents.calls == {"plan": 1, "think": 2, "other": 1, "end": 1}
    unrelated = await bench.session.fork(parent.run_id, ForkRequest(from_=("other",)))
    assert unrelated.status is RunStatus.FAILED
    assert [failure.task for failure in unrelated.failures] == ["think"]


async def test_a_fork_of_a_fork_names_the_run_that_executed(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("other",)))
    second = await bench.session.fork(fork.run_id, ForkRequest(from_=("end",)))
    records = await bench.records(second)
    assert records["plan"].reused_from == parent.run_id
    assert records["other"].reused_from == fork.run_id


async def test_todays_file_runs_what_changed_in_it(open_bench: OpenBench, tmp_path: Path) -> None:
    bench = await open_bench()
    file = tmp_path / "flow.yaml"
    file.write_text(
        "nodes:\n"
        '  a: {agent: "script://a", inputs: {x: 1}}\n'
        '  b: {agent: "script://b", inputs: {x: "${a.output}"}}\n'
        '  c: {agent: "script://c", inputs: {x: 2}}\n'
    )
    parent = await bench.session.run(file)
    file.write_text(
        "nodes:\n"
        '  a: {agent: "script://a", inputs: {x: 1}}\n'
        '  renamed: {agent: "script://b", inputs: {x: "${a.output}"}}\n'
        '  d: {agent: "script://d", inputs: {x: "${renamed.output}"}}\n'
    )
    request = ForkRequest(workflow=file)
    plan = await bench.session.plan_fork(parent.run_id, request)
    assert (plan.added, plan.removed) == (("renamed", "d"), ("b", "c"))
    fork = await bench.session.fork(parent.run_id, request)
    assert bench.agents.calls == {"a": 1, "b": 1, "c": 1, "d": 1}, "what is only renamed is known by its key"
    assert fork.outputs == {"d": {"output": {"x": {"x": {"x": 1}}}}}
    file.write_text('nodes:\n  b: {agent: "script://b", inputs: {x: "${a.output}"}}\n')
    with pytest.raises(InputError, match="names no node"):
        await bench.session.fork(parent.run_id, request)


async def test_a_plan_says_what_would_happen_and_executes_nothing(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    request = ForkRequest(from_=("think",), edits=(Edit("other", "output", 1),))
    plan = await bench.session.plan_fork(parent.run_id, request)
    assert {node.node: node.decision for node in plan.nodes} == {
        "plan": Decision.REUSED,
        "think": Decision.RUN,
        "other": Decision.EDITED,
        "end": Decision.MAY_RUN,
    }
    assert sum(bench.agents.calls.values()) == 4
    assert len(await bench.session.store.list_runs()) == 1


@pytest.mark.parametrize(
    ("request_", "said", "fix"),
    [
        (ForkRequest(from_=("thnk",)), "--from thnk: there is no task 'thnk'", "think"),
        (ForkRequest(from_=("think[0]",)), "there is no task 'think\\[0\\]'", "think"),
        (ForkRequest(only="nobody"), "--only nobody", ""),
        (ForkRequest(edits=(Edit("plan", "outpt", 1),)), "--edit plan.outpt: there is no such output", "output"),
        (ForkRequest(fields=(field("thnk", "config", value={}),)), "there is no node 'thnk'", "think"),
        (ForkRequest(fields=(field("think", "confg", value={}),)), "confg", "config"),
        (ForkRequest(fields=(field("think", "inputs", "plan", value="${nobody.output}"),)), "names no node", ""),
        (ForkRequest(fields=(field("think", "outputs", 3, value="x"),)), "there is no entry 3", "0"),
        (ForkRequest(variables={"topc": "x"}), "topc", "topic"),
        (ForkRequest(only="think", variables={"topic": "x"}), "'plan' is changed as well", "leave --only out"),
    ],
)
async def test_what_does_not_exist_is_refused_with_the_nearest_name(
    open_bench: OpenBench, request_: ForkRequest, said: str, fix: str
) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    with pytest.raises(InputError, match=said) as caught:
        await bench.session.fork(parent.run_id, request_)
    assert fix in (caught.value.fix or "")
    assert len(await bench.session.store.list_runs()) == 1


async def test_an_artifact_that_is_missing_is_named_and_nothing_runs(open_bench: OpenBench, tmp_path: Path) -> None:
    bench = await open_bench(agents=ScriptedAdapter(plan=always("long " * 100_000)))
    parent = await bench.run(DIAMOND)
    for file in (tmp_path / ".binex" / "artifacts" / parent.run_id).glob("*plan*"):
        file.unlink()
    with pytest.raises(DamagedDataError, match=f"{parent.run_id}~plan~output") as caught:
        await bench.session.fork(parent.run_id, ForkRequest(from_=("think",)))
    assert "--from plan" in (caught.value.fix or "")
    assert bench.agents.calls["think"] == 1
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("plan",)))
    assert fork.status is RunStatus.COMPLETED


CHAIN = """
    nodes:
      a: {agent: "script://a", inputs: {x: 1}}
      b: {agent: "script://b", inputs: {x: "${a.output}"}}
      c: {agent: "script://c", inputs: {x: "${b.output}"}}
      d: {agent: "script://d", inputs: {x: "${a.output}", y: "${c.output}"}}
"""
KEY = "sk-live-abcdefghijklmnopqrstuvwxyz0123456789ABCD"


async def stopped(bench: Bench, text: str, at: str) -> RunSummary:
    """A run of *text* that was interrupted while the task *at* never ended."""
    running = asyncio.create_task(bench.run(text))
    while not bench.agents.calls[at]:
        await asyncio.sleep(0.01)
    bench.session.interrupt()
    return await running


async def test_one_node_alone_is_refused_where_what_it_needs_never_ended(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(b=forever))
    parent = await stopped(bench, CHAIN, "b")
    with pytest.raises(InputError, match="--only c: it needs 'b', which never ended") as caught:
        await bench.session.fork(parent.run_id, ForkRequest(only="c"))
    assert "--from b" in (caught.value.fix or "")


async def test_what_one_fork_left_out_the_next_one_executes(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(CHAIN)
    bench.agents.behaviours["b"] = always("new")
    alone = await bench.session.fork(parent.run_id, ForkRequest(only="b"))
    fork = await bench.session.fork(alone.run_id, ForkRequest(from_=("d",)))
    assert fork.outputs == {"d": {"output": {"x": {"x": 1}, "y": {"x": "new"}}}}


async def test_what_was_cancelled_in_the_parent_is_executed(open_bench: OpenBench) -> None:
    bench = await open_bench(agents=ScriptedAdapter(think=forever))
    running = asyncio.create_task(bench.run(DIAMOND))
    while not bench.agents.calls["think"]:
        await asyncio.sleep(0.01)
    (run,) = await bench.session.store.list_runs()
    await bench.session.cancel(run.id)
    parent = await running
    assert parent.status is RunStatus.CANCELLED
    del bench.agents.behaviours["think"]
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("other",)))
    assert fork.status is RunStatus.COMPLETED
    assert fork.outputs == {"end": {"output": {"x": {"plan": {"topic": "tides"}}, "y": {"x": 1}}}}


async def test_an_input_may_take_the_place_of_a_variable_that_nothing_else_refers_to(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run('nodes: {a: {agent: "script://a", inputs: {topic: "${user.topic}"}}}', topic="tides")
    fork = await bench.session.fork(parent.run_id, ForkRequest(fields=(field("a", "inputs", "topic", value="bees"),)))
    assert fork.outputs == {"a": {"output": {"topic": "bees"}}}
    assert fork.run.variables == {}


async def test_a_secret_that_is_given_again_does_not_count_as_a_change_beside_the_only_node(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench()
    nodes = ", ".join(f'{name}: {{agent: "script://{name}", inputs: {{x: "${{user.token}}"}}}}' for name in "ab")
    parent = await bench.run(f"nodes: {{{nodes}}}", token=KEY)
    fork = await bench.session.fork(parent.run_id, ForkRequest(only="a", variables={"token": KEY}))
    assert bench.agents.calls == {"a": 2, "b": 1}
    assert fork.status is RunStatus.COMPLETED


async def test_no_secret_in_a_change_is_kept(open_bench: OpenBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "tok-1234567890abcdef")
    bench = await open_bench()
    flow = """
        nodes:
          a: {agent: "script://a", inputs: {x: 1}}
          b: {agent: "script://b", inputs: {x: "${a.output}", token: "${secret.THE_TOKEN}"}}
    """
    parent = await bench.run(flow)
    fields = (
        field("b", "config", "api_key", value=KEY),
        field("b", "config", "password", value="only its name tells"),
        field("b", "system_prompt", value=f"say {KEY}"),
    )
    edits = (Edit("a", "output", "it is tok-1234567890abcdef"),)
    fork = await bench.session.fork(parent.run_id, ForkRequest(fields=fields, edits=edits))
    assert bench.agents.tasks[-1].config == {"api_key": KEY, "password": "only its name tells"}
    store = bench.session.store
    kept = f"{fork.run}{await store.get_source(fork.run.workflow_hash)}{await store.get(f'{fork.run_id}~a~output')!r}"
    edited = await store.get(f"{fork.run_id}~a~output")
    assert edited is not None
    assert edited.content == f"it is {REDACTED}"
    assert not [secret for secret in (KEY, "only its name tells", "tok-123") if secret in kept]
    with pytest.raises(InputError, match="looked like a secret and was not kept"):
        await bench.session.fork(fork.run_id, ForkRequest(from_=("b",)))


async def test_a_fork_of_a_fork_reads_keys_again_from_the_unchanged_file(tmp_path: Path) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(
        "nodes:\n"
        f'  a: {{agent: local://echo, config: {{api_key: "{KEY}"}}, inputs: {{x: 1}}}}\n'
        '  b: {agent: local://echo, inputs: {x: "${a.output}"}}\n'
    )
    async with open_session(tmp_path / ".binex") as session:
        parent = await session.run(file)
        fork = await session.fork(parent.run_id, ForkRequest(fields=(field("b", "inputs", "x", value=2),)))
        again = await session.fork(fork.run_id, ForkRequest(from_=("b",)))
        assert again.outputs["b"] == {"output": 2}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ForkRequest(from_=("other",), only="think"), "--only think executes nothing else, and --from other"),
        (ForkRequest(from_=("plan",), edits=(Edit("plan", "output", 1),)), "plan is executed again"),
        (ForkRequest(fields=(field("plan", "config", value={}),), edits=(Edit("plan", "output", 1),)), "again"),
    ],
)
async def test_what_contradicts_itself_is_refused(open_bench: OpenBench, request_: ForkRequest, said: str) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    with pytest.raises(InputError, match=said):
        await bench.session.fork(parent.run_id, request_)


async def test_who_asks_the_same_several_times_gets_an_answer_each_time(open_bench: OpenBench) -> None:
    count = 0

    async def sample(_: TaskNode) -> Any:
        nonlocal count
        count += 1
        return await forever(_) if count == 3 else count

    flow = """
        nodes:
          list: {agent: "script://list", inputs: {x: 1}}
          each: {agent: "script://each", foreach: list, max_parallel: 1, inputs: {same: 1}}
          more: {agent: "script://each", inputs: {same: 1}, depends_on: [each]}
          end: {agent: "script://end", inputs: {x: "${each.output}", y: "${more.output}"}}
    """
    bench = await open_bench(agents=ScriptedAdapter(list=always([1, 2, 3, 4]), each=sample))
    parent = await stopped(bench, flow, "each[2]")
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("end",)))
    assert fork.outputs == {"end": {"output": {"x": [1, 2, 4, 5], "y": 6}}}


async def test_what_somebody_said_does_not_answer_another_question(tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(question: Question) -> Answer:
        asked.append(question.task)
        if asked == ["first", "second"]:
            session.interrupt()
            await asyncio.Event().wait()
        return Answer(value="approved", at=now())

    flow = """
        nodes:
          first: {agent: human://approve, inputs: {x: 1}}
          work: {agent: local://echo, inputs: {x: "${first.output}"}}
          second: {agent: human://approve, inputs: {x: 1}, depends_on: [work]}
    """
    (tmp_path / "flow.yaml").write_text(flow)
    async with open_session(tmp_path / ".binex", people=People(answer)) as session:
        parent = await session.run(tmp_path / "flow.yaml")
        await session.fork(parent.run_id, ForkRequest(from_=("work",)))
    assert asked == ["first", "second", "second"]


async def test_a_tool_of_today_counts_as_it_is_today(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        "nodes:\n"
        '  a: {agent: llm://mock/a, tools: ["python://steps.tool"], inputs: {x: 1}}\n'
        '  b: {agent: llm://mock/b, tools: ["python://steps.tool"], inputs: {x: "${a.output}"}}\n'
    )
    (tmp_path / "steps.py").write_text("def tool(x: int) -> int:\n    '''A tool.'''\n    return 1\n")
    async with open_session(tmp_path / ".binex") as session:
        parent = await session.run(tmp_path / "flow.yaml")
        (tmp_path / "steps.py").write_text("def tool(x: int) -> int:\n    '''A tool.'''\n    return 2222\n")
        fork = await session.fork(parent.run_id, ForkRequest(from_=("a",)))
        keys = [{r.task: r.key for r in await session.store.list_records(run)} for run in (parent.run_id, fork.run_id)]
        assert keys[0]["b"] != keys[1]["b"], "its tool is another one now"
        assert fork.recalled == 0


async def test_nothing_starts_once_a_fork_was_stopped_while_it_looked_for_what_is_known(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Notice) and "think is executed again" in event.message:
            bench.session.interrupt()

    bench = await open_bench(agents=ScriptedAdapter(think=always("long " * 100_000)), listeners=[stop])
    parent = await bench.run(DIAMOND)
    for file in (tmp_path / ".binex" / "artifacts" / parent.run_id).glob("*think*"):
        file.unlink()
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("plan",)))
    assert fork.status is RunStatus.INTERRUPTED
    assert bench.agents.calls["think"] == 1


async def test_a_fork_that_died_before_it_took_anything_over_does_not_go_on_without_it(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        'nodes:\n  a: {agent: local://echo, inputs: {x: 1}}\n  b: {agent: local://echo, inputs: {x: "${a.output}"}}\n'
    )
    async with open_session(tmp_path / ".binex") as session:
        parent = await session.run(tmp_path / "flow.yaml")
        change = Change(kind=ChangeKind.ARTIFACT, node="a", path=("output",), option="--edit a.output")
        origin = Origin(parent=parent.run_id, mode=RunMode.FORK, changes=(change,))
        died = parent.run.model_copy(update={"id": new_run_id(), "status": RunStatus.RUNNING, "origin": origin})
        async with session.store.open_run(died, await session.store.get_source(died.workflow_hash)):
            pass  # all that its process came to do
        with pytest.raises(RunError, match="was stopped before it had begun") as caught:
            await session.resume(died.id)
        assert f"binex replay {parent.run_id}" in (caught.value.fix or "")


async def test_the_most_that_the_parent_was_allowed_to_cost_holds_for_a_fork_as_well(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.session.run(bench.spec(DIAMOND), max_cost=1.0)
    fork = await bench.session.fork(parent.run_id, ForkRequest(from_=("think",)))
    assert fork.run.budget == parent.run.budget
    more = await bench.session.fork(parent.run_id, ForkRequest(from_=("think",)), max_cost=2.0)
    assert more.run.budget is not None
    assert more.run.budget.max_cost == 2.0


async def test_how_a_node_is_executed_does_not_matter_once_it_has_been(open_bench: OpenBench) -> None:
    bench = await open_bench()
    parent = await bench.run(DIAMOND)
    request = ForkRequest(fields=(field("think", "deadline_ms", value=99_000),))
    plan = await bench.session.plan_fork(parent.run_id, request)
    assert {node.decision for node in plan.nodes} == {Decision.REUSED}


async def test_todays_defaults_are_todays(open_bench: OpenBench, tmp_path: Path) -> None:
    bench = await open_bench(agents=ScriptedAdapter(slow=forever))
    file = tmp_path / "flow.yaml"
    text = """
        inputs: {topic: {default: tides}}
        defaults: {deadline_ms: 50}
        nodes:
          slow: {agent: "script://slow", inputs: {x: 1}}
          ask: {agent: "script://ask", inputs: {topic: "${user.topic}"}}
    """
    file.write_text(dedent(text))
    parent = await bench.session.run(file)
    assert parent.status is RunStatus.FAILED
    del bench.agents.behaviours["slow"]
    file.write_text(dedent(text).replace("50", "5000").replace("tides", "waves"))
    fork = await bench.session.fork(parent.run_id, ForkRequest(workflow=file))
    assert fork.status is RunStatus.COMPLETED
    assert fork.run.variables == {"topic": "waves"}
    assert bench.agents.calls == {"slow": 2, "ask": 2}
