"""Why tasks ran or did not: what became of them, and how their keys compare with earlier ones."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from binex.analysis.why import why
from binex.errors import InputError
from binex.loader import bind_source, parse_workflow
from binex.models.run import RunSummary
from binex.models.task import SkipReason, TaskStatus
from binex.models.why import Likeness, PartState, Verdict, Why
from binex.runtime.session import Session, open_session
from tests.analysis.conftest import Ledger
from tests.scripted import ScriptedAdapter, fail_first

FLOW = """
    name: report
    inputs: {topic: {default: ants}, tone: {default: dry}}
    nodes:
      plan: {agent: "script://plan", inputs: {topic: "${user.topic}"}, system_prompt: "Be ${user.tone}."}
      write:
        agent: "script://write"
        inputs: {plan: "${plan.output}", token: "${env.HOME}"}
        config: {temperature: 0.2, style: {length: short}}
      shout: {agent: "script://shout", depends_on: [write], when: "${user.tone} == loud and ${plan.output} != no"}
      each: {foreach: "${list.output}", agent: "script://item", inputs: {item: "${item}", n: "${index}"}}
      list: {agent: "local://echo", inputs: {x: [one, two]}}
"""


class Bench:
    """Runs workflows, and asks why."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.folder = folder

    async def run(self, text: str = FLOW, *, cache: bool = False, offline: bool = False, **vars: Any) -> RunSummary:
        spec = parse_workflow(dedent(text), file="t.yaml", folder=self.folder, registry=self.session.registry)
        return await self.session.run(spec, vars=vars, cache=cache, offline=offline)

    async def why(self, summary: RunSummary, task: str) -> Why:
        return await why(self.session.store, summary.run, task, bind_source)


@pytest.fixture
async def agents() -> ScriptedAdapter:
    return ScriptedAdapter()


@pytest.fixture
async def bench(tmp_path: Path, agents: ScriptedAdapter) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(tmp_path / ".binex", adapters={"script": agents}))
        yield Bench(session, tmp_path)


def differing(found: Why) -> dict[str, tuple[PartState, str | None, str | None]]:
    return {
        part.name: (part.state, part.before, part.after) for part in found.parts if part.state is not PartState.SAME
    }


def states(found: Why) -> Sequence[PartState]:
    return list(dict.fromkeys(part.state for part in found.parts))


async def test_the_first_task_of_all_has_nothing_to_be_compared_with(bench: Bench) -> None:
    found = await bench.why(await bench.run(), "plan")
    assert (found.verdict, found.status, found.nearest) == (Verdict.EXECUTED, TaskStatus.COMPLETED, None)
    assert states(found) == [PartState.ONLY_HERE]
    assert [part.name for part in found.parts] == ["agent", "prompt", "inputs.topic", "outputs", "key"]
    assert differing(found)["prompt"] == (PartState.ONLY_HERE, None, "Be dry.")


async def test_an_executed_task_says_that_its_outcome_was_known(bench: Bench) -> None:
    first = await bench.run()
    found = await bench.why(await bench.run(), "write")
    assert found.verdict is Verdict.EXECUTED
    assert found.nearest is not None
    assert (found.nearest.run_id, found.nearest.task, found.nearest.like) == (first.run_id, "write", Likeness.KEY)
    assert states(found) == [PartState.SAME]


async def test_a_reused_task_is_compared_with_the_one_that_was_executed(bench: Bench) -> None:
    first = await bench.run()
    await bench.run(cache=True)
    found = await bench.why(await bench.run(cache=True), "write")
    assert (found.verdict, found.reused_from) == (Verdict.REUSED, first.run_id)
    assert found.nearest is not None and found.nearest.run_id == first.run_id
    assert states(found) == [PartState.SAME]


async def test_the_parts_that_differ_are_shown_with_their_values(bench: Bench) -> None:
    await bench.run()
    changed = FLOW.replace("temperature: 0.2", "temperature: 0.7, seed: 4").replace(", style: {length: short}", "")
    found = await bench.why(await bench.run(changed, cache=True, topic="bees"), "write")
    assert found.nearest is not None and found.nearest.like is Likeness.TASK
    assert differing(found) == {
        "config.temperature": (PartState.DIFFERENT, "0.2", "0.7"),
        "config.seed": (PartState.ONLY_HERE, None, "4"),
        "config.style": (PartState.ONLY_THERE, '{"length":"short"}', None),
        "inputs.plan": (PartState.DIFFERENT, '{"topic":"ants"}', '{"topic":"bees"}'),
    }
    plan = await bench.why(await bench.run(changed, tone="warm"), "plan")
    assert differing(plan)["prompt"] == (PartState.DIFFERENT, "Be dry.", "Be warm.")


async def test_long_values_are_shown_from_their_first_difference(bench: Bench) -> None:
    await bench.run(topic="a" * 5000 + "1" + "b" * 5000)
    found = await bench.why(await bench.run(topic="a" * 5000 + "2" + "b" * 5000), "plan")
    _, before, after = differing(found)["inputs.topic"]
    assert before == "…" + "a" * 30 + "1" + "b" * 129 + "…"
    assert after == "…" + "a" * 30 + "2" + "b" * 129 + "…"


async def test_what_comes_from_the_environment_stays_a_reference(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/a-place-that-is-secret")
    found = await bench.why(await bench.run(), "write")
    assert differing(found)["inputs.token"] == (PartState.ONLY_HERE, None, "${env.HOME}")
    assert "secret" not in found.model_dump_json(exclude={"run"})


async def test_a_task_of_another_workflow_is_compared_by_its_agent(bench: Bench) -> None:
    first = await bench.run()
    other = await bench.run("{name: other, nodes: {draft: {agent: 'script://write', inputs: {plan: 1}}}}")
    found = await bench.why(other, "draft")
    assert found.nearest is not None
    assert (found.nearest.run_id, found.nearest.task, found.nearest.like) == (first.run_id, "write", Likeness.AGENT)
    assert differing(found)["inputs.plan"] == (PartState.DIFFERENT, '{"topic":"ants"}', "1")


async def test_changed_code_is_named(bench: Bench) -> None:
    module = bench.folder / "why_steps.py"
    flow = "{name: code, nodes: {a: {agent: 'local://why_steps.say', inputs: {}}}}"
    module.write_text("def say(): return 1\n")
    await bench.run(flow)
    module.write_text("def say(): return 12\n")
    async with open_session(bench.folder / ".binex") as session:
        again = Bench(session, bench.folder)
        found = await again.why(await again.run(flow, cache=True), "a")
    ((name, (state, before, after)),) = differing(found).items()
    assert (name, state) == ("code", PartState.DIFFERENT)
    assert before != after and before is not None and before.startswith("local://why_steps.say ")


async def test_a_skipped_task_shows_its_condition_and_the_values_in_it(bench: Bench) -> None:
    found = await bench.why(await bench.run(), "shout")
    assert found.verdict is Verdict.SKIPPED
    assert found.condition is not None
    assert found.condition.text == "${user.tone} == loud and ${plan.output} != no"
    assert found.condition.values == {"${user.tone}": "dry", "${plan.output}": {"topic": "ants"}}


async def test_a_failed_task_and_what_it_blocked_say_so(bench: Bench, agents: ScriptedAdapter) -> None:
    agents.behaviours["plan"] = fail_first(9)
    summary = await bench.run()
    failed, blocked = await bench.why(summary, "plan"), await bench.why(summary, "write")
    assert (failed.verdict, failed.status, failed.error) == (Verdict.EXECUTED, TaskStatus.FAILED, "not yet")
    assert (blocked.verdict, blocked.blocked_by) == (Verdict.BLOCKED, "plan")


async def test_a_task_that_was_not_known_offline_is_compared_with_one_that_was_executed(bench: Bench) -> None:
    first = await bench.run()
    await bench.run(offline=True, topic="bees")
    found = await bench.why(await bench.run(offline=True, topic="bees"), "plan")
    assert found.verdict is Verdict.UNKNOWN
    assert found.nearest is not None and found.nearest.run_id == first.run_id
    assert differing(found) == {"inputs.topic": (PartState.DIFFERENT, "ants", "bees")}


async def test_a_task_that_cannot_be_put_together_says_so(bench: Bench) -> None:
    flow = (
        "{nodes: {a: {agent: 'local://echo', inputs: {x: 1}}, b: {agent: 'script://b', inputs: {y: '${a.output.z}'}}}}"
    )
    assert (await bench.why(await bench.run(flow), "b")).verdict is Verdict.UNUSABLE


@pytest.mark.parametrize("reason", SkipReason)
async def test_every_reason_for_a_skip_has_a_verdict(ledger: Ledger, reason: SkipReason) -> None:
    run = await ledger.run("1aaaaaaaaaaa")
    await ledger.decided(run, "plan", 1, TaskStatus.SKIPPED, skip_reason=reason)
    found = await why(ledger.store, run, "plan", bind_source)
    assert found.verdict not in (Verdict.EXECUTED, Verdict.JOINED, Verdict.UNSETTLED)


# --- foreach ------------------------------------------------------------------------------------------------


async def test_a_foreach_node_sums_up_its_items_and_each_item_can_be_asked_for(bench: Bench) -> None:
    first = await bench.run()
    longer = FLOW.replace("[one, two]", "[one, other, three]")
    second = await bench.run(longer, cache=True)
    found = await bench.why(second, "each")
    assert found.verdict is Verdict.JOINED
    assert found.items is not None
    assert found.items.verdicts == {Verdict.EXECUTED: 2, Verdict.REUSED: 1}
    assert found.items.reused_from == {first.run_id: 1}
    assert (found.items.differing, found.items.new) == ({"inputs.item": 1}, 1)
    item = await bench.why(second, "each[1]")
    assert item.verdict is Verdict.EXECUTED
    assert differing(item) == {"inputs.item": (PartState.DIFFERENT, "two", "other")}
    assert (await bench.why(second, "each[0]")).reused_from == first.run_id


# --- what is not there --------------------------------------------------------------------------------------


async def test_an_unknown_task_is_refused_with_the_nearest(bench: Bench) -> None:
    summary = await bench.run()
    with pytest.raises(InputError, match="no task 'wriite'") as caught:
        await bench.why(summary, "wriite")
    assert "did you mean 'write'" in (caught.value.fix or "")


async def test_why_works_without_the_snapshot_of_the_workflow(bench: Bench) -> None:
    await bench.run()
    summary = await bench.run(topic="bees")
    lost = summary.run.model_copy(update={"workflow_hash": "0" * 64})
    found = await why(bench.session.store, lost, "plan", bind_source)
    assert differing(found) == {"inputs.topic": (PartState.DIFFERENT, "ants", None)}


async def test_a_node_that_has_not_run_yet_is_known_by_the_workflow(bench: Bench, agents: ScriptedAdapter) -> None:
    def stop(_: object) -> int:
        bench.session.interrupt()
        return 1

    agents.behaviours["plan"] = stop
    summary = await bench.run()
    assert (await bench.why(summary, "write")).verdict is Verdict.UNSETTLED
