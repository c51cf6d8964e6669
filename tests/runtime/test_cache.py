"""Outcomes of earlier runs stand for tasks with the same key; offline, nothing else counts."""

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from binex.errors import WorkflowError
from binex.models.event import Notice, TaskStarted
from binex.models.question import Answer
from binex.models.run import RunStatus, RunSummary
from binex.models.task import ErrorKind, TaskNode, TaskStatus, now
from tests.runtime.conftest import Bench
from tests.scripted import ScriptedAdapter, fail_first, forever

OpenBench = Callable[..., Awaitable[Bench]]
CHAIN = """
    name: chain
    inputs: {{topic: {{default: ants}}}}
    nodes:
      plan: {{agent: "script://plan", inputs: {{topic: "${{user.topic}}"}}}}
      write: {{agent: "script://write", inputs: {{plan: "${{plan.output}}"}}, config: {{tone: {tone}}}}}
      print: {{agent: "local://echo", inputs: {{text: "${{write.output}}"}}}}
"""


def counted() -> tuple[ScriptedAdapter, Callable[[], dict[str, int]]]:
    """Agents whose answers are new each time, and how often each was asked since the last time."""
    asked = 0

    def answer(task: TaskNode) -> JsonValue:
        nonlocal asked
        asked += 1
        return {"answer": asked, "to": dict(task.inputs)}

    agents = ScriptedAdapter(plan=answer, write=answer, item=lambda task: f"made {task.inputs['item']}")

    def calls() -> dict[str, int]:
        found = dict(agents.calls)
        agents.calls.clear()
        return found

    return agents, calls


async def run(bench: Bench, text: str, *, cache: bool = True, offline: bool = False, **variables: Any) -> RunSummary:
    return await bench.session.run(bench.spec(text), vars=variables, cache=cache, offline=offline)


async def reused(bench: Bench, summary: RunSummary) -> dict[str, str | None]:
    return {task: record.reused_from for task, record in (await bench.records(summary)).items()}


async def test_nothing_runs_again_whose_key_is_known(open_bench: OpenBench) -> None:
    agents, calls = counted()
    bench = await open_bench(agents=agents)
    first = await run(bench, CHAIN.format(tone="dry"), cache=False)
    assert calls() == {"plan": 1, "write": 1}
    second = await run(bench, CHAIN.format(tone="dry"))
    assert calls() == {}
    assert second.outputs == first.outputs
    assert second.recalled == 3 and second.run.counts == first.run.counts == {TaskStatus.COMPLETED: 3}
    assert await reused(bench, second) == dict.fromkeys(("plan", "write", "print"), first.run_id)
    third = await run(bench, CHAIN.format(tone="dry"), cache=False)
    assert calls() == {"plan": 1, "write": 1}
    assert third.recalled == 0


async def test_only_what_is_otherwise_runs_and_what_that_reaches(open_bench: OpenBench) -> None:
    agents, calls = counted()
    bench = await open_bench(agents=agents)
    first = await run(bench, CHAIN.format(tone="dry"))
    second = await run(bench, CHAIN.format(tone="warm"))
    assert calls() == {"plan": 1, "write": 2}
    assert await reused(bench, second) == {"plan": first.run_id, "write": None, "print": None}
    # Each half of a third run was made by another run.
    third = await run(bench, CHAIN.format(tone="warm"))
    assert calls() == {}
    assert await reused(bench, third) == {"plan": first.run_id, "write": second.run_id, "print": second.run_id}
    await run(bench, CHAIN.format(tone="warm"), topic="bees")
    assert calls() == {"plan": 1, "write": 1}


async def test_the_record_is_the_runs_own_and_the_artifacts_stay_where_they_were_made(open_bench: OpenBench) -> None:
    bench = await open_bench()
    first = await run(bench, CHAIN.format(tone="dry"))
    second = await run(bench, CHAIN.format(tone="dry"))
    record = (await bench.records(second))["write"]
    before = (await bench.records(first))["write"]
    assert record.run_id == second.run_id
    assert record.output_artifacts == before.output_artifacts == (f"{first.run_id}~write~output",)
    assert (record.started_at, record.duration_ms, record.spend) == (None, 0.0, None)
    assert (record.key, record.key_parts) == (before.key, before.key_parts)
    assert await bench.session.store.list_artifacts(second.run_id) == []
    told = [event for event in bench.told(TaskStarted) if getattr(event, "run_id", "") == second.run_id]
    assert told == []


async def test_the_name_and_the_place_of_a_task_do_not_count(open_bench: OpenBench) -> None:
    agents, calls = counted()
    bench = await open_bench(agents=agents)
    first = await run(bench, CHAIN.format(tone="dry"))
    calls()
    second = await run(
        bench,
        """
        name: elsewhere
        nodes:
          first: {agent: "script://plan", inputs: {topic: ants}}
          second: {agent: "script://write", inputs: {plan: "${first.output}"}, config: {tone: dry}}
        """,
    )
    assert calls() == {}
    assert await reused(bench, second) == {"first": first.run_id, "second": first.run_id}
    assert second.outputs["second"]["output"] == first.outputs["print"]["output"]


# --- which nodes --------------------------------------------------------------------------------------------

PER_NODE = """
    nodes:
      always: {agent: "script://plan", cache: true}
      never: {agent: "script://write", cache: false}
      other: {agent: "script://plan", inputs: {x: 1}}
"""


async def test_a_node_may_use_the_cache_always_or_never(open_bench: OpenBench) -> None:
    agents, calls = counted()
    bench = await open_bench(agents=agents)
    await run(bench, PER_NODE, cache=False)
    calls()
    await run(bench, PER_NODE, cache=False)
    assert calls() == {"never": 1, "other": 1}
    await run(bench, PER_NODE, cache=True)
    assert calls() == {"never": 1}


@pytest.mark.parametrize(("said", "told"), [("1", "the number 1"), ("sometimes", "the text 'sometimes'")])
async def test_a_node_says_true_or_false(open_bench: OpenBench, said: str, told: str) -> None:
    bench = await open_bench()
    with pytest.raises(WorkflowError) as caught:
        bench.spec(f"nodes: {{a: {{agent: 'script://a', cache: {said}}}}}")
    (fault,) = caught.value.faults
    assert fault.message == f"'cache' in node 'a' must be true or false, not {told}"


async def test_a_resumed_run_uses_the_cache_where_its_nodes_say_so(open_bench: OpenBench) -> None:
    agents, calls = counted()
    bench = await open_bench(agents=agents)
    flow = """
        nodes:
          first: {{agent: "script://{agent}"}}
          second: {{agent: "script://plan", inputs: {{x: 1}}, cache: true, depends_on: [first]}}
    """
    await run(bench, flow.format(agent="write"), cache=False)
    agents.behaviours["late"] = fail_first(1)
    failed = await run(bench, flow.format(agent="late"), cache=False)
    calls()
    resumed = await bench.session.resume(failed.run_id, retry_failed=True)
    assert resumed.status is RunStatus.COMPLETED
    assert calls() == {"first": 1}


@pytest.mark.parametrize("behaviour", [fail_first(9), forever])
async def test_what_failed_or_took_too_long_is_never_reused(open_bench: OpenBench, behaviour: Any) -> None:
    agents = ScriptedAdapter(a=behaviour)
    bench = await open_bench(agents=agents)
    flow = "nodes: {a: {agent: 'script://a', deadline_ms: 50, cache: true}}"
    for _ in range(2):
        assert (await run(bench, flow)).status is RunStatus.FAILED
    assert agents.calls == {"a": 2}


async def test_what_people_said_is_reused_only_where_the_node_asks_for_it(open_bench: OpenBench) -> None:
    from binex.runtime.cache import CachePolicy

    bench = await open_bench()
    spec = bench.spec("""
        nodes:
          a: {agent: "human://approve"}
          b: {agent: "human://approve", cache: true}
          c: {agent: "script://c"}
          d: {agent: "script://d", cache: false}
    """)
    assert [CachePolicy(spec.nodes, is_on=True).covers(node) for node in "abcd"] == [False, True, True, False]
    assert [CachePolicy(spec.nodes).covers(node) for node in "abcd"] == [False, True, False, False]


async def test_an_answer_is_taken_from_an_earlier_run_where_the_node_says_so(open_bench: OpenBench) -> None:
    flow = """
        nodes:
          gate: {{agent: "human://approve", {cache}}}
          last: {{agent: "local://echo", inputs: {{x: "${{gate}}"}}}}
    """
    bench = await open_bench()
    first = await run(bench, flow.format(cache="cache: true"))
    assert first.status is RunStatus.WAITING
    (question,) = first.questions
    await bench.session.store.answer(question.id, Answer(value="approved", by="ada", at=now()))
    await bench.session.resume(first.run_id)
    again = await run(bench, flow.format(cache="cache: true"), cache=False)
    assert (again.status, again.recalled) == (RunStatus.COMPLETED, 1)
    assert again.outputs == {"last": {"output": "approved"}}
    asked = await run(bench, flow.format(cache="depends_on: []"))
    assert asked.status is RunStatus.WAITING


# --- items --------------------------------------------------------------------------------------------------

ITEMS = """
    inputs: {{list: {{type: array, default: {list}}}}}
    nodes:
      each: {{foreach: "${{user.list}}", agent: "script://item", inputs: {{item: "${{item}}"}}}}
      all: {{agent: "local://echo", inputs: {{x: "${{each.output}}"}}}}
"""


async def test_items_are_reused_one_by_one_and_their_list_is_made_anew(open_bench: OpenBench) -> None:
    agents, calls = counted()
    bench = await open_bench(agents=agents)
    first = await run(bench, ITEMS.format(list="[a, b, c]"))
    calls()
    second = await run(bench, ITEMS.format(list="[b, new, a]"))
    assert calls() == {"each[1]": 1}
    assert second.outputs == {"all": {"output": ["made b", "made new", "made a"]}}
    found = await reused(bench, second)
    assert found == {
        "each[0]": first.run_id, "each[1]": None, "each[2]": first.run_id, "each": None, "all": None,
    }  # fmt: skip
    assert (await bench.records(second))["each"].output_artifacts == (f"{second.run_id}~each~output",)
    assert (await run(bench, ITEMS.format(list="[b, new, a]"))).recalled == 4


async def test_items_that_are_alike_get_each_its_own_earlier_answer(open_bench: OpenBench) -> None:
    agents, calls = counted()
    bench = await open_bench(agents=agents)
    flow = """
        nodes:
          list: {agent: "local://echo", inputs: {x: [1, 2, 3]}}
          ask: {foreach: "${list.output}", agent: "script://plan", inputs: {what: an idea}}
    """
    first = await run(bench, flow)
    assert calls() == {f"ask[{n}]": 1 for n in range(3)}
    second = await run(bench, flow)
    assert calls() == {}
    assert second.outputs == first.outputs
    assert len({str(answer) for answer in second.outputs["ask"]["output"]}) == 3  # type: ignore[union-attr]


# --- code and damage ----------------------------------------------------------------------------------------


async def test_a_change_of_the_code_or_of_what_it_imports_makes_it_run_again(
    open_bench: OpenBench, tmp_path: Path
) -> None:
    (tmp_path / "cached_steps.py").write_text("import cached_words\ndef say(): return cached_words.WORD\n")
    (tmp_path / "cached_words.py").write_text("WORD = 'one'\n")
    flow = "nodes: {a: {agent: 'local://cached_steps.say', inputs: {}}}"
    bench = await open_bench()
    assert (await run(bench, flow)).outputs == {"a": {"output": "one"}}
    again = await run(bench, flow)
    assert again.recalled == 1
    (tmp_path / "cached_words.py").write_text("WORD = 'another'\n")
    bench = await open_bench()
    changed = await run(bench, flow)
    assert changed.recalled == 0


@pytest.mark.parametrize("damage", ["gone", "altered"])
async def test_an_artifact_that_is_not_what_it_was_is_no_hit_and_is_named(
    open_bench: OpenBench, tmp_path: Path, damage: str
) -> None:
    agents, calls = counted()
    agents.behaviours["plan"] = lambda _: "x" * 100_000  # too large for the database
    bench = await open_bench(agents=agents)
    first = await run(bench, CHAIN.format(tone="dry"))
    calls()
    file = tmp_path / ".binex" / "artifacts" / first.run_id / f"{first.run_id}~plan~output.json"
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace(b"xx", b"xy", 1))
    second = await run(bench, CHAIN.format(tone="dry"))
    assert calls() == {"plan": 1}
    assert await reused(bench, second) == {"plan": None, "write": first.run_id, "print": first.run_id}
    (notice,) = bench.told(Notice)
    assert isinstance(notice, Notice)
    assert f"plan of run {first.run_id} cannot stand for plan" in notice.message


async def test_a_secret_does_not_keep_a_task_from_being_known(
    open_bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents, calls = counted()
    bench = await open_bench(agents=agents)
    flow = "nodes: {a: {agent: 'script://plan', config: {token: '${env.CACHED_TOKEN}'}}}"
    for token in ("first-long-secret", "second-long-secret"):
        monkeypatch.setenv("CACHED_TOKEN", token)
        await run(bench, flow)
    assert calls() == {"a": 1}


async def test_a_run_without_a_cache_makes_no_index(open_bench: OpenBench) -> None:
    bench = await open_bench()
    await run(bench, CHAIN.format(tone="dry"), cache=False)
    read: Any = bench.session.store
    assert await read._read("SELECT count(*) FROM indexed") == [(0,)]
    await run(bench, CHAIN.format(tone="dry"))
    assert await read._read("SELECT name, last FROM indexed") == [("keys", 3)]


# --- offline ------------------------------------------------------------------------------------------------


async def test_offline_only_what_is_known_runs_and_the_rest_is_named(open_bench: OpenBench) -> None:
    agents, calls = counted()
    bench = await open_bench(agents=agents)
    first = await run(bench, CHAIN.format(tone="dry"))
    calls()
    known = await run(bench, CHAIN.format(tone="dry"), cache=False, offline=True)
    assert (known.status, known.recalled, known.outputs) == (RunStatus.COMPLETED, 3, first.outputs)
    unknown = await run(bench, CHAIN.format(tone="warm"), offline=True)
    assert calls() == {}
    assert unknown.status is RunStatus.FAILED
    (failure,) = unknown.failures
    assert (failure.task, failure.error.kind, failure.blocked) == ("write", ErrorKind.OFFLINE, ("print",))
    assert failure.error.message.startswith("script://write would have to be asked")
    assert failure.error.fix


async def test_offline_functions_of_this_machine_run(open_bench: OpenBench) -> None:
    bench = await open_bench()
    done = await run(bench, "nodes: {a: {agent: 'local://echo', inputs: {x: 1}}}", offline=True)
    assert done.outputs == {"a": {"output": 1}}


async def test_what_was_not_known_offline_is_asked_by_a_resume(open_bench: OpenBench) -> None:
    agents, calls = counted()
    bench = await open_bench(agents=agents)
    stopped = await run(bench, CHAIN.format(tone="dry"), offline=True)
    assert stopped.status is RunStatus.FAILED
    done = await bench.session.resume(stopped.run_id, retry_failed=True)
    assert (done.status, calls()) == (RunStatus.COMPLETED, {"plan": 1, "write": 1})


OUTSIDE = """
import httpx, socket
import binex

def moment(): return binex.now().isoformat()

def fetch(url):
    binex.random()
    return httpx.get(url).text

def connect(port):
    binex.now()
    socket.create_connection(("127.0.0.1", port)).close()
    return "connected"
"""


@pytest.mark.parametrize("isolation", ["thread", "process"])
async def test_offline_functions_cannot_ask_the_outside_either(
    open_bench: OpenBench, tmp_path: Path, isolation: str
) -> None:
    (tmp_path / "offline_steps.py").write_text(OUTSIDE)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        bench = await open_bench()
        run_so = f"isolation: {isolation}"
        done = await run(
            bench,
            f"""
            nodes:
              moment: {{agent: "local://offline_steps.moment", {run_so}}}
              fetch: {{agent: "local://offline_steps.fetch", inputs: {{url: "http://127.0.0.1:{port}/"}}, {run_so}}}
              connect: {{agent: "local://offline_steps.connect", inputs: {{port: {port}}}, {run_so}}}
            """,
            offline=True,
        )
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert isinstance(done.outputs["moment"]["output"], str)
    errors = {failure.task: failure.error for failure in done.failures}
    assert errors.keys() == {"fetch", "connect"}
    assert isolation == "process" or errors["fetch"].kind is ErrorKind.OFFLINE
    assert f"task 'fetch' would have to ask GET http://127.0.0.1:{port}/" in errors["fetch"].message
    assert "task 'connect' tried to reach 127.0.0.1" in errors["connect"].message


async def test_a_function_whose_code_is_not_known_is_executed_unless_its_node_wants_otherwise(
    open_bench: OpenBench,
) -> None:
    bench = await open_bench()
    text = """
        nodes:
          plain: {agent: "local://textwrap.dedent", inputs: {text: "a"}}
          wanted: {agent: "local://textwrap.dedent", inputs: {text: "a"}, cache: true}
    """
    first = await bench.run(text)
    assert first.status is RunStatus.COMPLETED, first.failures
    second = await bench.session.run(bench.spec(text), cache=True)
    records = await bench.records(second)
    assert records["plain"].reused_from is None
    assert records["wanted"].reused_from == first.run_id
