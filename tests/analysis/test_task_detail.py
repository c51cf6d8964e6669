"""Everything about one task."""

from pathlib import Path

import pytest

from binex.analysis.debug import debug
from binex.analysis.failures.classes import FailureKind
from binex.analysis.tasks.detail import DetailReader, TaskDetail, task_detail
from binex.analysis.tasks.parts import Given
from binex.analysis.timing.call_timeline import call_timeline
from binex.errors import InputError
from binex.loader import bind_source
from binex.models.names import node_of
from binex.models.run import Run, RunStatus
from binex.models.task import TaskStatus
from binex.runtime.session import Session, open_session
from binex.stores.backends.sqlite import open_sqlite_store
from tests.analysis.conftest import Kin, Ledger

TOOLS = """
def weather(city: str) -> str:
    "The weather in a city."
    return "sunny in " + city

def give(value): return value
def blow(): return "x" * 100_000
def pick(n):
    if n % 2:
        raise ValueError(f"no luck with {n}")
    return n
"""
FLOW = """
name: shapes
inputs: {topic: {default: tides}, token: {default: none}}
nodes:
  list: {agent: local://tools.give, inputs: {value: [1, 2, 3, 4]}}
  each: {foreach: "${list}", agent: local://tools.pick, inputs: {n: "${item}"}, retry_policy: {max_retries: 0}}
  ask:
    agent: llm://mock/a
    system_prompt: "Talk about ${user.topic}"
    inputs: {about: "${user.topic}", all: "${each}", two: "${list} and ${user.topic}", key: "${env.BINEX_NEVER_KEPT}"}
    tools: [python://tools.weather]
    config:
      temperature: 0.5
      answers:
      - {tool_calls: [{name: weather, arguments: {city: Bern}}], usage: {input_tokens: 5, output_tokens: 2}}
      - {text: It is sunny, price: 0.25, usage: {input_tokens: 10, output_tokens: 3}}
  dry: {agent: local://tools.give, inputs: {value: 1}, when: "${ask} == 'It is sunny'"}
  wet: {agent: local://tools.give, inputs: {value: 1}, when: "${ask} == 'rain'"}
  bare: {agent: local://echo, depends_on: [list]}
  stubborn:
    agent: llm://mock/b
    inputs: {q: hi}
    retry_policy: {max_retries: 2, delay_ms: 1}
    config: {answers: [{error: {status: 503}}, {error: reset}, {text: at last}]}
  after: {agent: local://echo, inputs: {v: "${bad}"}}
  big: {agent: local://tools.blow}
  next: {agent: local://echo, inputs: {v: "${big}"}}
  bad: {agent: local://tools.pick, inputs: {n: 1}, retry_policy: {max_retries: 0}}
"""


class Shapes:
    """A run of every shape, asked about its tasks."""

    def __init__(self, session: Session, run: Run) -> None:
        self.session = session
        self.run = run

    async def __call__(self, task: str, run: Run | None = None) -> TaskDetail:
        return await task_detail(self.session.store, run or self.run, task, bind_source)


@pytest.fixture
async def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("BINEX_NEVER_KEPT", "from the environment")
    (tmp_path / "tools.py").write_text(TOOLS, "utf-8")
    file = tmp_path / "flow.yaml"
    file.write_text(FLOW, "utf-8")
    async with open_session(tmp_path / ".binex", durability="normal") as session:
        yield Shapes(session, (await session.run(file)).run)


def named(given: tuple[Given, ...]) -> dict[str, Given]:
    return {one.name: one for one in given}


async def test_inputs_are_told_as_they_were_written_and_as_what_they_came_to(shapes: Shapes) -> None:
    found = await shapes("ask")
    inputs = named(found.inputs)
    assert list(inputs) == ["about", "all", "two", "key"]
    assert (inputs["about"].written, inputs["about"].value, inputs["about"].artifacts) == ("${user.topic}", "tides", ())
    assert (inputs["all"].written, inputs["all"].value) == ("${each}", [None, 2, None, 4])
    assert inputs["all"].artifacts == (f"{shapes.run.id}~each~output",)
    assert inputs["two"].value == "[1,2,3,4] and tides"
    assert inputs["two"].artifacts == (f"{shapes.run.id}~list~output",)
    settings = named(found.settings)
    assert (settings["prompt"].written, settings["prompt"].value) == ("Talk about ${user.topic}", "Talk about tides")
    assert settings["tools"].value == ["python://tools.weather"]
    assert not any(one.is_implied for one in found.inputs)


async def test_what_comes_from_the_environment_stays_a_reference(shapes: Shapes) -> None:
    found = await shapes("ask")
    assert named(found.inputs)["key"].value == "${env.BINEX_NEVER_KEPT}"


async def test_the_exact_messages_the_tools_and_what_it_cost(shapes: Shapes) -> None:
    found = await shapes("ask")
    (attempt,) = found.attempts
    first, second = attempt.rounds
    assert [(m.role, m.content) for m in first.messages[:1]] == [("system", "Talk about tides")]
    assert "tides" in str(first.messages[1].content)
    assert first.tools == ("weather",)
    assert first.settings == {"temperature": 0.5}
    (use,) = first.tool_uses
    assert (use.name, use.arguments, use.result) == ("weather", '{"city":"Bern"}', "sunny in Bern")
    assert second.is_continued
    assert [message.role for message in second.messages] == ["assistant", "tool"]
    assert second.messages[1].content == "sunny in Bern"
    assert (second.reply, second.error) == ("It is sunny", None)
    assert (found.spend.cost_usd, found.spend.model_calls, found.spend.input_tokens) == (0.25, 2, 15)
    assert [detail.call.number for detail in attempt.calls] == [1, 2, 3]
    (made,) = found.outputs
    assert made.value == "It is sunny"


async def test_every_attempt_is_there_with_its_own_failure(shapes: Shapes) -> None:
    found = await shapes("stubborn")
    assert [attempt.record.status for attempt in found.attempts] == [
        TaskStatus.FAILED,
        TaskStatus.FAILED,
        TaskStatus.COMPLETED,
    ]
    kinds = [attempt.failure and attempt.failure.kind for attempt in found.attempts]
    assert kinds == [FailureKind.UNREACHABLE, FailureKind.UNREACHABLE, None]
    assert found.failure is None  # it completed in the end
    assert [len(attempt.rounds) for attempt in found.attempts] == [1, 1, 1]
    assert found.attempts[0].rounds[0].error is not None


@pytest.mark.parametrize(("task", "held"), [("dry", True), ("wet", False), ("list", None)])
async def test_a_condition_is_told_with_what_stood_in_it(shapes: Shapes, task: str, held: bool | None) -> None:
    found = await shapes(task)
    assert found.held is held
    if held is None:
        assert found.condition is None
    else:
        assert found.condition is not None
        assert found.condition.values == {"${ask}": "It is sunny"}


async def test_a_node_without_inputs_gets_what_it_depends_on(shapes: Shapes) -> None:
    (given,) = (await shapes("bare")).inputs
    assert (given.name, given.written, given.is_implied, given.value) == ("list", "${list.output}", True, [1, 2, 3, 4])


async def test_a_fan_out_has_its_items_in_short_and_each_item_is_a_task(shapes: Shapes) -> None:
    node = await shapes("each")
    assert [item.task for item in node.items] == ["each[0]", "each[1]", "each[2]", "each[3]"]
    assert [item.cause for item in node.items] == ["ValueError at tools.py:10", None, "ValueError at tools.py:10", None]
    (group,) = node.item_failures
    assert sorted(group.tasks) == ["each[0]", "each[2]"]
    assert named(node.inputs)["foreach"].value == [1, 2, 3, 4]
    assert named(node.inputs)["n"].value == "${item}"
    item = await shapes("each[2]")
    assert [(one.name, one.value) for one in item.inputs] == [("n", 3)]
    assert item.failure is not None
    assert item.failure.kind is FailureKind.CODE
    assert item.items == ()


async def test_what_failed_says_what_it_blocked_and_what_was_blocked_has_no_attempt(shapes: Shapes) -> None:
    assert (await shapes("bad")).blocked == ("after",)
    blocked = await shapes("after")
    assert (blocked.attempts[0].record.started_at, blocked.outputs) == (None, ())
    assert blocked.timing.blocked_by == "bad"


async def test_an_unknown_task_is_named_with_the_nearest(shapes: Shapes) -> None:
    with pytest.raises(InputError, match="no task 'eech'") as caught:
        await shapes("eech")
    assert "did you mean 'each'" in (caught.value.fix or "")


async def test_a_task_that_was_taken_over_shows_the_calls_of_the_run_that_made_them(kin: Kin) -> None:
    run = await kin.run()
    fork = await kin.fork(run, from_=("each",))
    found = await task_detail(kin.store, fork, "think", bind_source)
    assert (found.executed_run, found.executed_task, found.was_executed_elsewhere) == (run.id, "think", True)
    assert found.timing.reused_from == run.id
    assert found.attempts[0].rounds[0].reply == "hi"
    assert found.spend.cost_usd == 0.25
    assert found.outputs[0].artifact.taken_from == run.id
    assert named(found.inputs)["plan"].value == "tides"


async def test_what_a_person_put_in_its_place_is_what_the_next_task_was_given(kin: Kin) -> None:
    fork = await kin.edit(await kin.run())
    found = await task_detail(kin.store, fork, "think", bind_source)
    assert named(found.inputs)["plan"].value == {"t": "by hand"}
    assert (await task_detail(kin.store, fork, "plan", bind_source)).timing.is_edited


async def test_a_task_that_has_not_begun_is_known_by_the_workflow(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        'nodes: {a: {agent: "human://input", inputs: {q: 1}}, b: {agent: local://echo, inputs: {v: "${a}"}}}'
    )
    async with open_session(tmp_path / ".binex", durability="normal") as session:
        run = (await session.run(tmp_path / "flow.yaml")).run
        assert run.status is RunStatus.WAITING
        asked = await task_detail(session.store, run, "a", bind_source)
        assert (len(asked.questions), asked.failure) == (1, None)
        waiting = await task_detail(session.store, run, "b", bind_source)
        assert (waiting.record, waiting.attempts, waiting.timing.agent) == (None, (), "local://echo")


async def test_damaged_pieces_are_named_in_place_and_the_rest_is_there(shapes: Shapes, tmp_path: Path) -> None:
    await shapes.session.store.flush()
    (tmp_path / ".binex" / "artifacts" / shapes.run.id / f"{shapes.run.id}~big~output.json").write_bytes(b"[9]")
    async with open_sqlite_store(tmp_path / ".binex", read_only=True) as store:
        found = await task_detail(store, shapes.run, "next", bind_source)
        (given,) = found.inputs
        assert not given.is_readable
        assert [damage.where for damage in found.damage] == ["big.output"]
        assert found.outputs[0].is_readable
        maker = await task_detail(store, shapes.run, "big", bind_source)
        assert not maker.outputs[0].is_readable
        assert [damage.where for damage in maker.damage] == ["big.output"]


async def test_without_the_workflow_there_are_still_the_attempts(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=1)
    await ledger.attempt(run, "a", 0, 5, makes=[1])
    found = await task_detail(ledger.store, run, "a", bind_source)
    assert (len(found.attempts), found.outputs[0].value, found.inputs) == (1, [1], ())
    assert [damage.where for damage in found.damage] == ["workflow"]


async def test_calls_stand_under_their_task_with_their_offset(shapes: Shapes) -> None:
    found = await call_timeline(shapes.session.store, shapes.run)
    calls = found.calls["ask"]
    assert [(call.kind, call.name, call.depth) for call in calls] == [
        ("model", "ask:1.1", 0),
        ("tool", "ask:1.2", 0),
        ("model", "ask:1.3", 0),
    ]
    starts = [call.start_ms for call in calls]
    assert starts == sorted(starts)
    assert calls[2].cost_usd == 0.25
    assert calls[2].usage is not None


async def test_a_reader_of_all_tasks_says_of_each_what_is_said_of_it_alone(shapes: Shapes) -> None:
    store = shapes.session.store
    found = await debug(store, shapes.run)
    records = [record for task in found.tasks for record in task.records]
    reader = DetailReader(store, found.run, records, await store.list_questions(shapes.run.id), bind_source)
    timings = {task.timing.task: task.timing for task in found.tasks}
    for task in found.tasks:
        path = task.timing.task
        items = tuple(timing for name, timing in timings.items() if name != path and node_of(name) == path)
        detail = await reader.read(task.timing.model_copy(update={"items": items}), task.artifacts)
        alone = await shapes(path)
        assert detail.model_copy(update={"timing": alone.timing}) == alone
