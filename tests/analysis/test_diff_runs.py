"""How two runs differ: in each of these, the test has built in what is different."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from binex.analysis.differences.compare import diff_runs
from binex.analysis.differences.model import (
    Aspect,
    Cause,
    CauseKind,
    Likeness,
    RunDiff,
    Side,
    TaskDiff,
    TaskState,
)
from binex.analysis.differences.text_diff import Change as Became
from binex.analysis.differences.text_diff import TextDiff
from binex.loader import Bound, bind_source
from binex.models.breakpoint import read_breakpoint
from binex.models.change import Change, ChangeKind
from binex.models.run import Run, RunStatus
from binex.models.workflow_source import WorkflowSource
from binex.runtime.forks.request import Edit, ForkRequest
from binex.runtime.session import Session, open_session
from binex.runtime.stops.stops import Stops
from binex.stores.backends.sqlite import open_sqlite_store
from tests.model_server import Answer, ModelServer

FLOW = """
    name: story
    inputs: {{topic: {{default: tides}}, names: {{type: array, default: [ann, bob, cy]}}}}
    nodes:
      plan: {{agent: local://steps.plan, inputs: {{topic: "${{user.topic}}"}}}}
      think:
        agent: {model}
        system_prompt: {prompt}
        inputs: {{plan: "${{plan.output}}"}}
        config: {{answers: [{{text: {answers}}}]}}
      write: {{agent: local://steps.give, inputs: {{value: "${{think.output}}"}}}}
      each: {{foreach: "${{user.names}}", agent: local://steps.greet, inputs: {{name: "${{item}}"}}}}
      all: {{agent: local://steps.give, inputs: {{value: "${{each.output}}"}}}}
"""
CODE = """
    from pathlib import Path

    def give(value): return value
    def plan(topic): return f"a plan about {topic}"
    def greet(name): return f"hello {name}"
    def odd(value): return [value, Path(__file__).with_name("odd.txt").read_text()]
    def may_fail(value):
        text = Path(__file__).with_name("odd.txt").read_text()
        if "bad" in text: raise ValueError(f"cannot: {text}")
        return value
    def once(value):
        file = Path(__file__).with_name("odd.txt")
        if "bad" in file.read_text():
            file.write_text("good")
            raise ValueError("once")
        return value
"""


class Bench:
    """Runs workflows in a folder, and compares the runs."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.folder = folder
        self.code(CODE)
        self.odd("first")

    def code(self, text: str) -> None:
        (self.folder / "steps.py").write_text(dedent(text), "utf-8")

    def odd(self, text: str) -> None:
        """What the functions that are not deterministic say from now on."""
        (self.folder / "odd.txt").write_text(text, "utf-8")

    async def story(
        self,
        *,
        prompt: str = "Be brief",
        answers: str = "a short story about tides",
        model: str = "llm://mock/a",
        greet: str = "steps.greet",
        **variables: Any,
    ) -> Run:
        text = FLOW.format(prompt=prompt, model=model, answers=answers).replace("steps.greet", greet)
        return await self.run(text, **variables)

    async def run(self, text: str, **variables: Any) -> Run:
        file = self.folder / "flow.yaml"
        file.write_text(dedent(text), "utf-8")
        return (await self.session.run(file, vars=variables)).run

    async def fork(self, parent: Run, **request: Any) -> Run:
        return (await self.session.fork(parent.id, ForkRequest(**request))).run

    async def diff(self, before: Run, after: Run, **options: Any) -> RunDiff:
        await self.session.store.flush()
        async with open_sqlite_store(self.folder / ".binex", read_only=True) as store:
            return await diff_runs(store, before, after, bind_source, **options)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_session(tmp_path / ".binex", durability="normal") as session:
        yield Bench(session, tmp_path)


def only(found: RunDiff) -> Cause:
    """The only cause."""
    assert len(found.causes) == 1, found.causes
    return found.causes[0]


def task(found: RunDiff, path: str) -> TaskDiff:
    one = found.task(path)
    assert one is not None
    return one


def changed(diff: TextDiff | None) -> list[str]:
    """The pieces that were changed."""
    assert diff is not None
    return [piece.text.strip() for piece in diff.pieces if piece.change is not Became.SAME]


def states(found: RunDiff) -> dict[str, TaskState]:
    return {one.task: one.state for one in found.tasks}


async def test_a_run_does_not_differ_from_itself(bench: Bench) -> None:
    run = await bench.story()
    found = await bench.diff(run, run)
    assert found.is_equal
    assert not found.causes
    assert set(states(found).values()) == {TaskState.EQUAL}


async def test_the_same_workflow_run_twice_is_equal(bench: Bench) -> None:
    found = await bench.diff(await bench.story(), await bench.story())
    assert found.is_equal
    assert len(found.tasks) == 8
    assert not found.variables
    assert found.workflow is None


async def test_a_prompt_that_was_changed_in_the_middle_is_the_first_cause(bench: Bench) -> None:
    before = await bench.story()
    after = await bench.story(prompt="Be very brief", answers="a short tale about tides")
    found = await bench.diff(before, after)
    cause = only(found)
    assert (cause.kind, cause.tasks, cause.leads_to) == (CauseKind.CHANGED, ("think",), ("write",))
    assert cause.text == "its prompt and config.answers changed"
    think = task(found, "think")
    assert think.aspects == (Aspect.OUTPUT, Aspect.PROMPT, Aspect.CONFIG)
    (prompt,) = [part for part in think.parts if part.name == "prompt"]
    assert prompt.value is not None
    assert changed(prompt.value.text) == ["very"]
    assert think.outputs[0].value is not None
    assert changed(think.outputs[0].value.text) == ["story", "tale"]
    assert task(found, "write").follows_from == ("think",)
    assert states(found)["plan"] is states(found)["each[0]"] is TaskState.EQUAL
    assert found.workflow is not None


async def test_a_prompt_that_made_no_difference_is_named_and_is_no_cause(bench: Bench) -> None:
    found = await bench.diff(await bench.story(), await bench.story(prompt="Be very brief"))
    assert found.is_equal
    assert not found.causes
    assert states(found)["think"] is TaskState.UNAFFECTED
    assert task(found, "think").aspects == (Aspect.PROMPT,)


async def test_another_model_is_called_a_model(bench: Bench) -> None:
    before = await bench.story()
    found = await bench.diff(before, await bench.story(model="llm://mock/b", answers="another"))
    assert only(found).text == "its model and config.answers changed"
    assert Aspect.MODEL in task(found, "think").aspects


async def test_the_same_question_and_another_answer_is_sampling(bench: Bench) -> None:
    flow = """
        inputs: {{url: {{default: "{url}"}}}}
        nodes:
          think: {{agent: llm://openai/m, inputs: {{x: 1}}, config: {{api_key: none, api_base: "${{user.url}}"}}}}
          write: {{agent: local://steps.give, inputs: {{value: "${{think.output}}"}}}}
    """
    with ModelServer([Answer("a calm sea today"), Answer("a rough sea today")]) as server:
        runs = [await bench.run(flow.format(url=server.url("openai"))) for _ in range(2)]
    found = await bench.diff(*runs)
    cause = only(found)
    assert (cause.kind, cause.tasks, cause.leads_to) == (CauseKind.SAMPLING, ("think",), ("write",))
    assert cause.text == "the same was asked and another answer came: sampling"
    value = task(found, "think").outputs[0].value
    assert value is not None
    assert changed(value.text) == ["calm", "rough"]


async def test_code_that_was_changed_is_the_cause_in_every_item(bench: Bench) -> None:
    (bench.folder / "kind.py").write_text("def greet(name): return f'hello {name}'")
    before = await bench.story(greet="kind.greet")
    (bench.folder / "kind.py").write_text("def greet(name): return f'good day {name}'")
    found = await bench.diff(before, await bench.story(greet="kind.greet"))
    cause = only(found)
    assert (cause.kind, cause.aspects) == (CauseKind.CHANGED, (Aspect.CODE,))
    assert sorted(cause.tasks) == ["each[0]", "each[1]", "each[2]"]
    assert set(cause.leads_to) == {"each", "all"}
    assert "code local://kind.greet" in [one.name for one in found.versions]


async def test_functions_of_one_module_are_changed_together_and_the_first_is_the_cause(bench: Bench) -> None:
    before = await bench.story()
    bench.code(CODE.replace("hello {name}", "good day {name}"))
    found = await bench.diff(before, await bench.story())
    assert only(found).node == "each"
    assert states(found)["plan"] is TaskState.UNAFFECTED
    assert task(found, "all").follows_from == ("each",)


async def test_a_variable_that_was_changed_is_the_cause_and_not_the_prompt_it_stands_in(bench: Bench) -> None:
    found = await bench.diff(
        await bench.story(prompt='"Be brief about ${user.topic}"'),
        await bench.story(prompt='"Be brief about ${user.topic}"', topic="bees"),
    )
    cause = only(found)
    assert (cause.kind, cause.parts, cause.tasks) == (CauseKind.VARIABLE, ("topic",), ("plan",))
    assert [one.name for one in found.variables] == ["topic"]
    assert states(found)["think"] is TaskState.UNAFFECTED
    assert {part.name: (part.is_own, part.variables) for part in task(found, "think").parts} == {
        "prompt": (False, ("topic",)),
        "inputs.plan": (False, ()),
    }


async def test_what_is_not_deterministic_is_told_from_what_was_changed(bench: Bench) -> None:
    flow = """
        nodes:
          a: {agent: local://steps.odd, inputs: {value: 1}}
          b: {agent: local://steps.give, inputs: {value: "${a.output}"}}
    """
    before = await bench.run(flow)
    bench.odd("second")
    found = await bench.diff(before, await bench.run(flow))
    cause = only(found)
    assert (cause.kind, cause.tasks, cause.leads_to) == (CauseKind.CHANCE, ("a",), ("b",))
    assert cause.text == "the same was asked and another answer came: it is not deterministic"
    value = task(found, "a").outputs[0].value
    assert value is not None
    assert value.json_value is not None
    assert [(one.path, one.before, one.after) for one in value.json_value.changes] == [((1,), "first", "second")]


async def test_independent_causes_are_all_named(bench: Bench) -> None:
    flow = """
        nodes:
          a: {{agent: local://steps.give, inputs: {{value: {}}}}}
          b: {{agent: local://steps.give, inputs: {{value: {}}}}}
          c: {{agent: local://steps.give, inputs: {{value: ["${{a.output}}", "${{b.output}}"]}}}}
    """
    found = await bench.diff(await bench.run(flow.format(1, 1)), await bench.run(flow.format(2, 2)))
    assert {cause.tasks for cause in found.causes} == {("a",), ("b",)}
    assert [cause.leads_to for cause in found.causes] == [("c",), ("c",)]
    assert set(task(found, "c").follows_from) == {"a", "b"}


async def test_what_was_changed_behind_another_change_is_a_cause_of_its_own_but_not_the_first(bench: Bench) -> None:
    flow = """
        nodes:
          a: {{agent: local://steps.give, inputs: {{value: {0}}}}}
          b: {{agent: local://steps.give, inputs: {{value: "${{a.output}}", more: {0}}}}}
    """
    bench.code(CODE + "\n    def give(value, more=None): return [value, more]\n")
    found = await bench.diff(await bench.run(flow.format(1)), await bench.run(flow.format(2)))
    assert [(cause.tasks, cause.follows_from) for cause in found.causes] == [(("a",), ()), (("b",), ("a",))]


@pytest.mark.parametrize(
    ("before", "after", "alone"),
    [
        (["ann", "bob", "cy"], ["zoe", "ann", "bob", "cy"], {"each[0]": TaskState.ADDED}),
        (["ann", "bob", "cy"], ["ann", "cy"], {"each[1] (before)": TaskState.REMOVED}),
        (["ann", "bob", "cy"], ["cy", "ann", "bob"], {}),
        (["ann", "ann", "bob"], ["ann", "bob"], {"each[1] (before)": TaskState.REMOVED}),
        (["ann", "bob", "cy"], ["ann", "bea", "cy"], {"each[1]": TaskState.DIFFERENT}),
        (["ann", "bob"], [], {"each[0]": TaskState.REMOVED, "each[1]": TaskState.REMOVED}),
    ],
)
async def test_items_are_matched_by_what_they_were_given(
    bench: Bench, before: list[str], after: list[str], alone: dict[str, TaskState]
) -> None:
    found = await bench.diff(await bench.story(names=before), await bench.story(names=after))
    items = {one.task: one.state for one in found.tasks if one.task.startswith("each[")}
    assert {path: state for path, state in items.items() if state is not TaskState.EQUAL} == alone
    assert only(found).kind is CauseKind.VARIABLE
    assert only(found).parts == ("names",)
    assert states(found)["all"] is TaskState.DIFFERENT


async def test_an_item_that_moved_says_where_it_was(bench: Bench) -> None:
    found = await bench.diff(await bench.story(names=["a", "b"]), await bench.story(names=["x", "a", "b"]))
    moved = task(found, "each[2]")
    assert moved.before is not None
    assert (moved.before.task, moved.matched_by) == ("each[1]", Likeness.ITEM)


async def test_items_follow_from_the_task_that_made_their_list(bench: Bench) -> None:
    flow = """
        nodes:
          list: {{agent: local://steps.give, inputs: {{value: {}}}}}
          each: {{foreach: list, agent: local://steps.greet, inputs: {{name: "${{item}}"}}}}
    """
    found = await bench.diff(await bench.run(flow.format("[a, b]")), await bench.run(flow.format("[a, b, c]")))
    assert only(found).tasks == ("list",)
    assert set(only(found).leads_to) == {"each", "each[2]"}


async def test_a_branch_that_was_skipped_in_one_run_follows_from_its_condition(bench: Bench) -> None:
    flow = """
        inputs: {mode: {default: fast}}
        nodes:
          judge: {agent: local://steps.give, inputs: {value: "${user.mode}"}}
          slow: {agent: local://steps.give, inputs: {value: 1}, when: "${judge.output} == slow"}
          by_hand: {agent: local://steps.give, inputs: {value: 1}, when: "${user.mode} == slow"}
          end: {agent: local://steps.give, inputs: {value: "${slow.output}"}}
    """
    found = await bench.diff(await bench.run(flow), await bench.run(flow, mode="slow"))
    cause = only(found)
    assert (cause.kind, set(cause.tasks)) == (CauseKind.VARIABLE, {"judge", "by_hand"})
    assert task(found, "slow").follows_from == ("judge",)
    assert Aspect.STATUS in task(found, "slow").aspects
    assert task(found, "end").follows_from == ("slow",)


async def test_a_condition_that_was_changed_is_the_cause(bench: Bench) -> None:
    flow = """
        nodes:
          a: {{agent: local://steps.give, inputs: {{value: 1}}}}
          b: {{agent: local://steps.give, inputs: {{value: 1}}, when: "${{a.output}} == {}"}}
    """
    found = await bench.diff(await bench.run(flow.format(1)), await bench.run(flow.format(2)))
    assert (only(found).tasks, only(found).text) == (("b",), "its when changed")


async def test_failure_and_success_with_the_same_question(bench: Bench) -> None:
    flow = """
        nodes:
          a: {agent: local://steps.may_fail, inputs: {value: 1}}
          b: {agent: local://steps.give, inputs: {value: "${a.output}"}}
    """
    before = await bench.run(flow)
    bench.odd("a bad one")
    found = await bench.diff(before, await bench.run(flow))
    cause = only(found)
    assert (cause.kind, cause.tasks, cause.leads_to) == (CauseKind.FAILURE, ("a",), ("b",))
    assert cause.text == "the same was asked, and it failed (code)"
    after = task(found, "a").after
    assert after is not None
    assert after.error is not None
    assert after.error.message == "cannot: a bad one"
    assert task(found, "b").follows_from == ("a",)


async def test_errors_that_say_something_else_are_compared_and_are_no_other_outcome(bench: Bench) -> None:
    flow = "nodes: {a: {agent: local://steps.may_fail, inputs: {value: 1}}}"
    bench.odd("a bad one")
    before = await bench.run(flow)
    bench.odd("a bad two")
    found = await bench.diff(before, await bench.run(flow), most=None)
    assert found.is_equal
    error = task(found, "a").error
    assert error is not None
    assert changed(error.text) == ["one", "two"]


async def test_another_number_of_attempts_alone_is_no_difference(bench: Bench) -> None:
    flow = """
        nodes:
          a: {agent: local://steps.once, inputs: {value: 1}, retry_policy: {max_retries: 2, delay_ms: 0}}
    """
    before = await bench.run(flow)
    bench.odd("bad once")
    found = await bench.diff(before, await bench.run(flow))
    sides = task(found, "a")
    assert sides.before is not None
    assert sides.after is not None
    assert (sides.before.attempts, sides.after.attempts) == (1, 2)
    assert found.is_equal


async def test_retries_that_are_allowed_in_one_run_only_are_a_rule(bench: Bench) -> None:
    flow = "nodes: {{a: {{agent: local://steps.give, inputs: {{value: 1}}, retry_policy: {{max_retries: {}}}}}}}"
    found = await bench.diff(await bench.run(flow.format(0)), await bench.run(flow.format(3)), most=None)
    (part,) = task(found, "a").parts
    assert (part.name, part.aspect) == ("retry_policy", Aspect.RULES)
    assert part.value is not None
    assert part.value.json_value is not None
    assert [(one.path, one.after) for one in part.value.json_value.changes] == [(("max_retries",), 3)]
    assert found.is_equal


async def test_a_fork_with_one_edit_differs_by_a_person_and_costs_nothing_for_what_it_took_over(bench: Bench) -> None:
    parent = await bench.story()
    fork = await bench.fork(parent, edits=(Edit("plan", "output", "by hand"),))
    found = await bench.diff(parent, fork)
    cause = only(found)
    assert (cause.kind, cause.tasks) == (CauseKind.EDITED, ("plan",))
    assert cause.text == "a person changed it by hand"
    taken = task(found, "each[0]")
    assert taken.state is TaskState.EQUAL
    assert taken.after is not None
    assert taken.after.reused_from == parent.id


async def test_a_fork_with_another_prompt_is_compared_with_its_parent(bench: Bench) -> None:
    parent = await bench.story()
    prompt = Change(
        kind=ChangeKind.FIELD, node="think", path=("system_prompt",), value="Be very brief", option="--prompt"
    )
    answers = Change(
        kind=ChangeKind.FIELD, node="think", path=("config", "answers"), value=[{"text": "other"}], option="--set"
    )
    found = await bench.diff(parent, await bench.fork(parent, fields=(prompt, answers)))
    assert only(found).text == "its prompt and config.answers changed"
    assert only(found).leads_to == ("write",)


async def test_a_sample_of_one_task_says_what_was_left_out(bench: Bench) -> None:
    parent = await bench.story()
    sample = await bench.fork(parent, only="think")
    found = await bench.diff(parent, sample)
    assert {cause.kind for cause in found.causes} <= {CauseKind.STOPPED}


@pytest.mark.parametrize("prompt", ["Be brief", "Be exact"])
async def test_a_node_with_another_name_is_found_again(bench: Bench, prompt: str) -> None:
    before = await bench.story(prompt=prompt)
    text = FLOW.format(prompt=prompt, model="llm://mock/a", answers="a short story about tides")
    found = await bench.diff(before, await bench.run(text.replace("think", "ponder")))
    ponder = task(found, "ponder")
    assert ponder.before is not None
    assert (ponder.before.task, ponder.matched_by) == ("think", Likeness.KEY)
    assert ponder.aspects == (Aspect.NAME,)
    assert found.is_equal
    assert task(found, "think") is ponder


async def test_a_node_with_another_name_and_other_settings_is_found_by_its_place(bench: Bench) -> None:
    text = FLOW.format(prompt="Be brief", model="llm://mock/a", answers="another").replace("think", "ponder")
    found = await bench.diff(await bench.story(), await bench.run(text))
    assert task(found, "ponder").matched_by is Likeness.PLACE
    assert only(found).text == "its config.answers changed"
    assert only(found).leads_to == ("write",)


async def test_nodes_that_only_one_workflow_has_are_causes(bench: Bench) -> None:
    flow = """
        nodes:
          a: {agent: local://steps.give, inputs: {value: 1}}
          b: {agent: local://steps.give, inputs: {value: "${a.output}"}}
    """
    more = flow + '      c: {agent: local://steps.greet, inputs: {name: "${b.output}"}}\n'
    small, large = (
        await bench.run(flow),
        await bench.run(dedent(flow) + dedent(more[len(flow) :]).replace("c:", "  c:")),
    )
    found = await bench.diff(small, large, most=None)
    assert (only(found).kind, only(found).tasks) == (CauseKind.ADDED, ("c",))
    (output,) = task(found, "c").outputs
    assert output.side is Side.AFTER
    assert output.value is not None
    assert output.value.after == "hello 1"
    back = await bench.diff(large, small)
    assert (only(back).kind, only(back).tasks) == (CauseKind.REMOVED, ("c",))


async def test_runs_of_different_workflows_are_compared_by_name(bench: Bench) -> None:
    one = await bench.run("name: one\nnodes: {a: {agent: local://steps.give, inputs: {value: 1}}}")
    two = await bench.run("name: two\nnodes: {a: {agent: local://steps.give, inputs: {value: 2}}}")
    found = await bench.diff(one, two)
    assert not found.is_same_workflow
    assert only(found).text == "its inputs.value changed"


async def test_what_a_run_that_was_held_never_came_to_is_no_cause_beside_others(bench: Bench) -> None:
    before = await bench.story()
    file = bench.folder / "flow.yaml"
    held = await bench.session.run(file, stops=Stops([read_breakpoint("write")]))
    assert held.status is RunStatus.WAITING
    found = await bench.diff(before, held.run)
    cause = only(found)
    assert (cause.kind, cause.tasks) == (CauseKind.STOPPED, ("write",))
    assert states(found)["think"] is TaskState.EQUAL
    assert states(found)["write"] in (TaskState.REMOVED, TaskState.DIFFERENT)


async def test_a_thousand_items_of_which_one_is_new_are_matched(bench: Bench) -> None:
    flow = """
        inputs: {n: {type: array}}
        nodes:
          each: {foreach: "${user.n}", max_items: 2000, agent: local://echo, inputs: {value: "${item}"}}
    """
    before = await bench.run(flow, n=list(range(1000)))
    found = await bench.diff(before, await bench.run(flow, n=[*range(500), -1, *range(500, 1000)]))
    assert {path: state for path, state in states(found).items() if state is not TaskState.EQUAL} == {
        "each[500]": TaskState.ADDED,
        "each": TaskState.DIFFERENT,
    }
    assert task(found, "each[900]").matched_by is Likeness.ITEM


async def test_damaged_contents_are_named_and_the_rest_is_compared(bench: Bench, tmp_path: Path) -> None:
    before, after = await bench.story(), await bench.story(topic="bees", names=["ann"])
    await bench.session.store.flush()
    with closing(sqlite3.connect(tmp_path / ".binex" / "binex.db")) as database, database:
        database.execute("UPDATE artifacts SET content = x'00' WHERE name LIKE 'plan~%'")
    for file in (tmp_path / ".binex" / "artifacts").rglob("*~plan~*"):
        file.write_text("?")
    found = await bench.diff(before, after, most=None)
    assert {damage.where.split(" of ")[0] for damage in found.damage} == {"plan.output"}
    assert task(found, "plan").outputs[0].value is None
    assert task(found, "all").outputs[0].value is not None


async def test_a_damaged_workflow_is_named_and_the_hashes_still_tell(bench: Bench, tmp_path: Path) -> None:
    before, after = await bench.story(), await bench.story(prompt="Other", answers="other")
    with closing(sqlite3.connect(tmp_path / ".binex" / "binex.db")) as database, database:
        database.execute("UPDATE workflows SET doc = '{}'")
    found = await bench.diff(before, after)
    assert len(found.damage) == 2
    assert only(found).tasks == ("think",)


async def test_an_artifact_that_is_gone_is_damage_and_no_difference(bench: Bench, tmp_path: Path) -> None:
    before, after = await bench.story(), await bench.story()
    with closing(sqlite3.connect(tmp_path / ".binex" / "binex.db")) as database, database:
        database.execute("DELETE FROM artifacts WHERE name LIKE 'plan~%'")
    found = await bench.diff(before, after)
    assert found.is_equal
    assert len(found.damage) == 2


async def test_only_as_many_contents_are_read_as_are_asked_for(bench: Bench) -> None:
    before, after = await bench.story(), await bench.story(topic="bees", names=["x"])
    none = await bench.diff(before, after, most=0)
    assert none.is_cut
    assert [one.task for one in none.tasks if any(output.value for output in one.outputs)] == [
        cause.tasks[0] for cause in none.causes if task(none, cause.tasks[0]).outputs
    ]
    every = await bench.diff(before, after, most=None)
    assert not every.is_cut
    assert all(output.value for one in every.tasks for output in one.outputs)
    named = await bench.diff(before, after, most=0, task="all")
    assert task(named, "all").outputs[0].value is not None


LAYERS = """
    name: layers
    inputs: {v: {default: 1}, other: {default: {inner: x}}, list: {type: array, default: [p, q]}}
    nodes:
      whole: {agent: local://steps.give, inputs: {value: "${user.v}"}}
      deep: {agent: local://steps.give, inputs: {value: {v: "${whole.output}"}}}
      next: {agent: local://steps.give, inputs: {value: "${whole.output}"}}
      last: {agent: local://steps.give, inputs: {value: "${deep.output}"}}
      field: {agent: local://steps.give, inputs: {value: "${deep.output.v}"}}
      inner: {agent: local://steps.give, inputs: {value: "${user.other.inner}"}}
      items: {foreach: "${user.list}", agent: local://steps.give, inputs: {value: "${item}"}}
      both: {agent: local://steps.give, inputs: {value: "${user.v}"}, depends_on: [whole]}
"""


async def test_hashes_say_which_variable_was_filled_in_without_reading_the_workflow(bench: Bench) -> None:
    flow = """
        name: chain
        inputs: {v: {default: a}}
        nodes:
          first: {agent: local://steps.plan, inputs: {topic: "${user.v}"}}
          second: {agent: local://steps.give, inputs: {value: "${first.output}"}}
    """
    before, after = await bench.run(flow), await bench.run(flow, v="b")
    await bench.session.store.flush()
    async with open_sqlite_store(bench.folder / ".binex", read_only=True) as store:
        found = await diff_runs(store, before, after, _never_bind, most=0)
    cause = only(found)
    assert (cause.kind, cause.tasks, cause.leads_to) == (CauseKind.VARIABLE, ("first",), ("second",))
    assert task(found, "first").parts[0].variables == ("v",)
    value = task(found, "first").parts[0].value
    assert value is not None
    assert changed(value.text) == ["a", "b"]


def _never_bind(source: WorkflowSource) -> Bound:
    raise AssertionError(f"{source.file} was read")


async def test_what_only_looks_like_a_variable_follows_from_the_task_that_made_it(bench: Bench) -> None:
    found = await bench.diff(await bench.run(LAYERS), await bench.run(LAYERS, v="2"))
    cause = only(found)
    assert (cause.parts, set(cause.tasks)) == (("v",), {"whole", "both"})
    assert set(cause.leads_to) == {"deep", "next", "last", "field"}
    assert {one.task: one.follows_from for one in found.different if one.task in cause.leads_to} == {
        "deep": ("whole",),
        "next": ("whole",),
        "last": ("deep",),
        "field": ("deep",),
    }


async def test_items_and_fields_that_are_as_another_variable_are_told_apart(bench: Bench) -> None:
    before = await bench.run(LAYERS, v="x", other={"inner": "x"}, list=["x", "q"])
    after = await bench.run(LAYERS, v="y", other={"inner": "y"}, list=["y", "q"])
    found = await bench.diff(before, after)
    used = {cause.parts: set(cause.tasks) for cause in found.causes}
    assert used == {("v",): {"whole", "both"}, ("other",): {"inner"}, ("list",): {"items[0]"}}


async def test_a_list_that_another_was_put_in_the_place_of_is_the_cause_of_its_new_items(bench: Bench) -> None:
    flow = """
        name: lists
        inputs: {a: {type: array, default: [x, y]}, b: {type: array, default: [x, y, z]}}
        nodes:
          each: {foreach: "${user.a}", agent: local://steps.give, inputs: {value: "${item}"}}
          all: {agent: local://steps.give, inputs: {value: "${each.output}"}}
    """
    found = await bench.diff(await bench.run(flow), await bench.run(flow.replace("user.a}", "user.b}")))
    cause = only(found)
    assert (cause.kind, cause.tasks, cause.text) == (
        CauseKind.CHANGED,
        ("each", "each[2]"),
        "its foreach changed",
    )
    assert (cause.follows_from, cause.leads_to) == ((), ("all",))


async def test_what_neither_run_has_ended_is_no_difference(bench: Bench) -> None:
    flow = """
        name: asking
        nodes:
          first: {agent: local://steps.give, inputs: {value: 1}}
          ask: {agent: human://input, system_prompt: "Well?", inputs: {value: "${first.output}"}}
    """
    before, after = await bench.run(flow), await bench.run(flow)
    assert after.status is RunStatus.WAITING
    found = await bench.diff(before, after)
    assert (found.is_equal, found.causes) == (True, ())


async def test_a_record_that_is_gone_is_called_so_and_not_that_the_run_stopped(bench: Bench, tmp_path: Path) -> None:
    before, after = await bench.story(), await bench.story()
    await bench.session.store.flush()
    with closing(sqlite3.connect(tmp_path / ".binex" / "binex.db")) as connection, connection:
        connection.execute(
            "DELETE FROM records WHERE task IN ('plan', 'each[1]') AND run = (SELECT seq FROM runs WHERE id = ?)",
            (after.id,),
        )
    found = await bench.diff(before, after)
    assert {(cause.kind, cause.tasks) for cause in found.causes} == {
        (CauseKind.MISSING, ("plan",)),
        (CauseKind.MISSING, ("each[1]",)),
    }
