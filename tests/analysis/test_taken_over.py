"""What is seen of forks and replays: what they executed, and what they took over from other runs."""

from pathlib import Path

import pytest

from binex.analysis.artifacts import list_artifacts
from binex.analysis.calls import list_calls
from binex.analysis.cost import cost_of
from binex.analysis.debug import debug
from binex.analysis.find import find_artifact
from binex.analysis.trace import trace
from binex.errors import InputError
from binex.loader import bind_source
from binex.models.call import CallKind
from binex.models.run import Run, RunStatus
from binex.models.task import SkipReason, TaskStatus
from binex.stores.backends.sqlite import open_sqlite_store
from tests.analysis.conftest import Kin

ALL = {"plan", "think", "each", "each[0]", "each[1]", "each[2]", "never", "broken", "after", "end"}
MADE = [
    "plan.output",
    "think.output",
    "each[0].output",
    "each[1].output",
    "each[2].output",
    "each.output",
    "end.output",
]


async def artifacts(kin: Kin, run: Run) -> dict[str, str]:
    """The run that made each of the artifacts of a run."""
    listed = await list_artifacts(kin.store, run, verify=True)
    assert listed.damage == ()
    assert all((found.taken_from is None) == (found.run_id == run.id) for found in listed.artifacts)
    return {found.name: found.run_id for found in listed.artifacts}


async def test_the_artifacts_of_a_fork_are_also_those_that_it_took_over(kin: Kin) -> None:
    run = await kin.run()
    assert sorted(await artifacts(kin, run)) == sorted(MADE)
    fork = await kin.prompt(run)
    # What the model says is the same, so that what depends on it is taken over as well.
    assert await artifacts(kin, fork) == {**dict.fromkeys(MADE, run.id), "think.output": fork.id}
    edited = await kin.edit(fork)
    assert await artifacts(kin, edited) == {
        **dict.fromkeys(MADE, run.id),
        "plan.output": edited.id,
        "think.output": edited.id,
    }
    # A replay executes everything but what was made by hand.
    replay = await kin.replay(edited)
    assert await artifacts(kin, replay) == {**dict.fromkeys(MADE, replay.id), "plan.output": edited.id}


async def test_an_edited_artifact_says_so_also_where_it_was_taken_over(kin: Kin) -> None:
    run = await kin.run()
    edited = await kin.edit(run)
    later = await kin.fork(edited, from_=("each[1]",))
    for one, taken_from in ((edited, None), (later, edited.id)):
        listed = await list_artifacts(kin.store, one)
        plan = next(found for found in listed.artifacts if found.path == "plan")
        assert (plan.lineage.edited, plan.taken_from) == (True, taken_from)
        assert [found.name for found in listed.artifacts if found.lineage.edited] == ["plan.output"]
    assert (await artifacts(kin, later))["each[1].output"] == later.id
    assert (await artifacts(kin, later))["each[0].output"] == run.id


async def test_an_artifact_is_found_by_its_name_in_the_fork_and_by_its_id(kin: Kin) -> None:
    run = await kin.run()
    fork = await kin.fork(run, from_=("think",))
    replay = await kin.replay(fork)
    for text, made_by in (("plan", run), ("plan.output", run), ("think", fork), ("each[2].output", run)):
        assert (await find_artifact(kin.store, text, fork)).run_id == made_by.id
        assert (await find_artifact(kin.store, text, replay)).run_id == replay.id
    assert (await find_artifact(kin.store, f"{run.id}~plan~output")).run_id == run.id
    with pytest.raises(InputError, match=r"no artifact 'plam' in run .*") as caught:
        await find_artifact(kin.store, "plam", fork)
    assert "plan.output" in str(caught.value.fix)


async def test_a_damaged_artifact_of_the_parent_is_damage_of_the_fork(kin: Kin, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "def stamp(value): return 'x' * 100_000\ndef refuse(value): raise ValueError('no')"
    )
    run = await kin.run()
    fork = await kin.fork(run, from_=("think",))
    await kin.store.flush()
    (file,) = (tmp_path / ".binex" / "artifacts" / run.id).glob("*~each[[]1[]]~output.json")
    file.write_bytes(file.read_bytes()[:-10])
    async with open_sqlite_store(tmp_path / ".binex", read_only=True) as store:
        assert [damage.where for damage in (await list_artifacts(store, fork, verify=True)).damage] == [
            "each[1].output"
        ]
        found = await debug(store, fork)
        assert [damage.where for damage in found.damage] == ["each[1].output"]
        assert found.verdict.endswith("Parts of its record are damaged.")


async def test_what_was_taken_over_took_no_time_and_has_no_place_on_the_line(kin: Kin) -> None:
    run = await kin.run()
    fork = await kin.prompt(run)
    found = await trace(kin.store, fork)
    tasks = {task.task: task for task in found.tasks}
    assert {task for task, traced in tasks.items() if traced.reused_from == run.id} == set(tasks) - {"think"}
    taken = [task for node in found.tasks for task in (node, *node.items) if task.reused_from is not None]
    assert {(task.start_ms, task.duration_ms, task.attempts) for task in taken} == {(None, 0.0, ())}
    assert tasks["think"].reused_from is None
    assert len(tasks["think"].attempts) == 1
    assert found.slowest == ("think",)
    assert found.taken_over == len(ALL) - 1
    assert (found.unsettled, found.pauses) == (0, ())
    assert found.span_ms < 60_000


async def test_items_that_were_taken_over_stand_beside_those_that_were_executed(kin: Kin) -> None:
    run = await kin.run()
    fork = await kin.fork(run, variables={"n": [1, 2, 9]})
    each = next(task for task in (await trace(kin.store, fork)).tasks if task.task == "each")
    assert [item.reused_from for item in each.items] == [run.id, run.id, None]
    assert each.reused_from is None
    assert (each.start_ms, each.duration_ms) == (each.items[2].start_ms, each.items[2].duration_ms)
    assert (await artifacts(kin, fork))["each[0].output"] == run.id
    assert (await artifacts(kin, fork))["each[2].output"] == fork.id


async def test_a_fork_of_a_fork_names_the_run_that_executed_a_task(kin: Kin) -> None:
    run = await kin.run()
    fork = await kin.prompt(run)
    second = await kin.fork(fork, from_=("each[0]",))
    tasks = {task.task: task for task in (await trace(kin.store, second)).tasks}
    assert tasks["plan"].reused_from == run.id
    assert tasks["think"].reused_from == fork.id
    assert [item.reused_from for item in tasks["each"].items] == [None, run.id, run.id]


async def test_a_replay_of_a_fork_takes_over_nothing_but_what_was_made_by_hand(kin: Kin) -> None:
    edited = await kin.edit(await kin.run())
    replay = await kin.replay(edited)
    found = await trace(kin.store, replay)
    assert [(task.task, task.reused_from is not None, task.is_edited) for task in found.tasks if task.is_edited] == [
        ("plan", True, True)
    ]
    assert found.taken_over == 1


async def test_what_was_left_out_says_so(kin: Kin) -> None:
    run = await kin.run()
    fork = await kin.fork(run, only="think")
    tasks = {task.timing.task: task.timing for task in (await debug(kin.store, fork)).tasks}
    assert (tasks["end"].status, tasks["end"].skip_reason) == (TaskStatus.SKIPPED, SkipReason.LEFT_OUT)
    assert tasks["never"].skip_reason is SkipReason.WHEN
    assert tasks["never"].reused_from == run.id


async def test_a_failure_that_was_taken_over_says_from_where_and_how_to_execute_it_again(kin: Kin) -> None:
    run = await kin.run()
    assert run.status is RunStatus.FAILED
    fork = await kin.prompt(run)
    found = await debug(kin.store, fork)
    assert (
        found.verdict
        == f"Failed: 'broken' failed (ValueError at odd.py:8, taken over from run {run.id}) and blocked 1 more."
    )
    assert [step.command for step in found.next_steps] == [
        f"trace {fork.id} --node broken",
        f"resume {fork.id} --retry-failed",
        f"replay {fork.id} --from broken",
        f"diff {run.id} {fork.id}",
        f"runs --tree {fork.id}",
    ]
    assert found.taken_over == len(ALL) - 1
    tasks = {task.timing.task: task for task in found.tasks}
    assert [made.run_id for made in tasks["plan"].artifacts] == [run.id]
    assert [made.run_id for made in tasks["think"].artifacts] == [fork.id]
    assert found.damage == ()


async def test_a_failed_replay_failed_itself_and_is_not_resumed(kin: Kin) -> None:
    replay = await kin.replay(await kin.run())
    assert replay.origin is not None
    found = await debug(kin.store, replay)
    assert found.verdict == "Failed: 'broken' failed (ValueError at odd.py:8) and blocked 1 more."
    assert [step.command for step in found.next_steps] == [
        f"trace {replay.id} --node broken",
        f"replay {replay.id} --from broken",
        f"diff {replay.origin.parent} {replay.id}",
        f"runs --tree {replay.id}",
    ]
    again = await kin.fork(replay, from_=("broken",))
    assert (await debug(kin.store, again)).verdict == found.verdict


async def test_a_fork_costs_what_it_executed_and_a_replay_nothing(kin: Kin) -> None:
    run = await kin.run()
    plain = await kin.fork(run, from_=("each",))
    prompt = await kin.prompt(plain)
    replay = await kin.replay(prompt)
    for one, cost, calls in ((run, 0.25, 1), (plain, 0.0, 0), (prompt, 0.25, 1), (replay, 0.0, 1)):
        report = await cost_of(kin.store, one, bind_source)
        assert (report.total.cost_usd, report.total.model_calls, report.total.unpriced_calls) == (cost, calls, 0)
        assert report.total == one.spend
        assert [node.node for node in report.nodes] == ["think"] * calls
    assert [model.priced_by for model in (await cost_of(kin.store, replay, bind_source)).models] == [("replayed",)]


async def test_the_calls_of_a_replay_are_those_of_its_parent_and_the_values_too(kin: Kin) -> None:
    run = await kin.run()
    replay = await kin.replay(run)
    before, after = [(await list_calls(kin.store, one)).calls for one in (run, replay)]
    assert {call.run_id for call in after} == {replay.id}

    def said(calls: object) -> list[tuple[str, CallKind, str, int]]:
        assert isinstance(calls, tuple)
        return sorted((call.task, call.kind, call.target, call.number) for call in calls)

    assert said(before) == said(after)
    assert [call[:3] for call in said(after)] == [
        ("each[0]", CallKind.VALUE, "random"),
        ("each[1]", CallKind.VALUE, "random"),
        ("each[2]", CallKind.VALUE, "random"),
        ("think", CallKind.MODEL, "mock/a"),
    ]


async def test_the_calls_of_a_task_that_was_taken_over_are_in_the_run_that_executed_it(kin: Kin) -> None:
    run = await kin.run()
    fork = await kin.fork(await kin.fork(run, from_=("each",)), from_=("each",))
    with pytest.raises(InputError, match=rf"its outcome was taken over from run {run.id}") as caught:
        await list_calls(kin.store, fork, "think")
    assert caught.value.fix is not None
    assert caught.value.fix.startswith(f"binex calls list {run.id} --task think")
    with pytest.raises(InputError) as caught:
        await list_calls(kin.store, fork, "end")
    assert "taken over" in caught.value.message


async def test_a_task_that_was_recalled_under_another_name_is_found_by_its_name_here(kin: Kin, tmp_path: Path) -> None:
    run = await kin.run()
    text = kin.file.read_text("utf-8")
    kin.file.write_text(text.replace("  think:", "  muse:").replace("think.output", "muse.output"), "utf-8")
    fork = await kin.fork(run, workflow=kin.file)
    made = await artifacts(kin, fork)
    assert made["muse.output"] == run.id
    assert "think.output" not in made
    found = await find_artifact(kin.store, "muse", fork)
    assert found.id == f"{run.id}~think~output"
    (muse,) = [task for task in (await debug(kin.store, fork)).tasks if task.timing.task == "muse"]
    assert [made.id for made in muse.artifacts] == [found.id]
    with pytest.raises(InputError) as caught:
        await list_calls(kin.store, fork, "muse")
    assert f"{run.id} --task think" in str(caught.value.fix)
