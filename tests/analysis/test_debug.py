"""Everything about a run."""

import sqlite3
from pathlib import Path

import pytest

from binex.analysis.artifacts import find_damage, get_artifact, list_artifacts
from binex.analysis.debug import debug
from binex.analysis.failures.kind import FailureKind
from binex.cli.render.look import Look
from binex.cli.render.run_debug import run_debug
from binex.errors import DamagedDataError
from binex.models.run import Origin, RunMode, RunStatus
from binex.models.task import ErrorInfo, ErrorKind, SkipReason, TaskStatus
from binex.stores.backends.sqlite import open_sqlite_store
from tests.analysis.conftest import Ledger, error


async def test_a_failed_run_says_what_failed_what_that_blocked_and_what_to_type(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.FAILED, node_count=4)
    await ledger.attempt(run, "a", 0, 5, makes=[1])
    failed = {"status": TaskStatus.FAILED, "error": error("no luck")}
    await ledger.attempt(run, "b", 5, 5, is_final=False, retry_in_ms=5, **failed)
    await ledger.attempt(run, "b", 15, 5, attempt=2, **failed)
    for task in ("c", "d"):
        await ledger.decided(run, task, 21, TaskStatus.SKIPPED, skip_reason=SkipReason.BLOCKED, blocked_by="b")
    found = await debug(ledger.store, run)
    assert found.verdict == "Failed: 'b' failed (ValueError: no luck) and blocked 2 more."
    (failure,) = found.failures
    assert (failure.task, failure.attempts, failure.blocked) == ("b", 2, ("c", "d"))
    assert [step.command for step in found.next_steps] == [
        "trace 1aaa1 --node b",
        "resume 1aaa1 --retry-failed",
        "replay 1aaa1 --from b",
    ]
    tasks = {task.timing.task: task for task in found.tasks}
    assert [record.attempt for record in tasks["b"].records] == [1, 2]
    assert tasks["b"].blocked == ("c", "d")
    assert [info.id for info in tasks["a"].artifacts] == ["1aaa1~a~output"]
    assert found.damage == ()


@pytest.mark.parametrize(
    ("status", "verdict", "commands"),
    [
        (RunStatus.COMPLETED, "Completed.", ["artifacts list 1aaa1"]),
        (RunStatus.INTERRUPTED, "Interrupted: 1 of 2 nodes have not settled.", ["resume 1aaa1"]),
        (RunStatus.RUNNING, "Interrupted: 1 of 2 nodes have not settled.", ["resume 1aaa1"]),
        (RunStatus.CANCELLED, "Cancelled: 1 of 2 nodes have not settled.", []),
        (RunStatus.WAITING, "Waiting for an answer.", ["answer 1aaa1", "resume 1aaa1"]),
        (
            RunStatus.OVER_BUDGET,
            "Over budget: 1 of 2 nodes have not settled.",
            ["cost 1aaa1", "resume 1aaa1 --budget USD"],
        ),
    ],
)
async def test_the_verdict_fits_the_state(ledger: Ledger, status: RunStatus, verdict: str, commands: list[str]) -> None:
    run = await ledger.run("1aaa1", status=status, node_count=2)
    await ledger.attempt(run, "a", 0, 5)
    found = await debug(ledger.store, run)
    assert found.verdict == verdict
    assert [step.command for step in found.next_steps] == commands


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("the disk is full", FailureKind.STORE),
        ("RuntimeError: boom", FailureKind.CODE),
        ("MemoryError", FailureKind.CODE),
        (None, None),
    ],
)
async def test_what_ended_the_run_itself_is_told_apart(
    ledger: Ledger, said: str | None, kind: FailureKind | None
) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.INTERRUPTED, node_count=2, error=said)
    found = await debug(ledger.store, run)
    assert found.stopped_by is kind
    text = run_debug(found, Look(), None)
    assert ("the run itself" in text) is (kind is not None)
    assert ("binex doctor" in text) is (kind is FailureKind.STORE)


async def test_alike_items_are_told_together_with_the_evidence_of_one(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.FAILED, node_count=2)
    limited = ErrorInfo(kind=ErrorKind.RATE_LIMIT, type="RemoteError", message="429 from api", host="api", status=429)
    for number in range(8):
        task = f"fetch[{number}]"
        await ledger.attempt(run, task, number, 1, status=TaskStatus.FAILED, error=limited)
    items = ErrorInfo(kind=ErrorKind.ITEMS, type="ItemsFailed", message="8 of 8 items failed")
    await ledger.decided(run, "fetch", 9, TaskStatus.FAILED, attempt=1, error=items)
    await ledger.decided(run, "end", 10, TaskStatus.SKIPPED, skip_reason=SkipReason.BLOCKED, blocked_by="fetch")
    found = await debug(ledger.store, run)
    assert found.verdict == "Failed: 8 items of 'fetch' failed (rate limited by api) and blocked 1 more."
    assert [group.kind for group in found.causes] == [FailureKind.RATE_LIMIT, FailureKind.ITEMS]
    text = run_debug(found, Look(), None)
    assert text.count("rate limit  rate limited by api") == 1
    assert "and 7 items alike: fetch[1]" in text


async def test_a_fork_is_to_be_compared_with_its_parent(ledger: Ledger) -> None:
    origin = Origin(parent="1aaa1", mode=RunMode.FORK)
    fork = await ledger.run("1aaa2", status=RunStatus.COMPLETED, node_count=0, origin=origin)
    steps = [step.command for step in (await debug(ledger.store, fork)).next_steps]
    assert steps == ["artifacts list 1aaa2", "diff 1aaa1 1aaa2", "runs --tree 1aaa2"]


async def test_a_running_run_can_be_cancelled(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.RUNNING, node_count=2, is_alive=True)
    found = await debug(ledger.store, run)
    assert found.verdict == "Running: 2 of 2 nodes have not settled."
    assert [step.command for step in found.next_steps] == ["cancel 1aaa1", "trace 1aaa1 --follow"]


async def test_a_completed_run_with_failed_items_says_so(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=1)
    await ledger.attempt(run, "s[0]", 0, 5, status=TaskStatus.TIMED_OUT, error=error("late"))
    await ledger.attempt(run, "s[1]", 0, 5)
    await ledger.decided(run, "s", 6, TaskStatus.COMPLETED, attempt=1)
    found = await debug(ledger.store, run)
    assert found.verdict == "Completed, though 's[0]' timed out (ValueError: late)."
    assert [task.timing.task for task in found.tasks] == ["s", "s[0]", "s[1]"]
    assert found.tasks[0].item_count == 2


@pytest.mark.parametrize(("failing", "place"), [(("s[1]",), "'s[1]'"), (("s[0]", "s[1]"), "s")])
async def test_what_failed_first_can_be_executed_again(ledger: Ledger, failing: tuple[str, ...], place: str) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.FAILED, node_count=2)
    for item in ("s[0]", "s[1]"):
        failed = {"status": TaskStatus.FAILED, "error": error()} if item in failing else {}
        await ledger.attempt(run, item, 0, 5, **failed)
    await ledger.decided(run, "s", 6, TaskStatus.FAILED, attempt=1, error=error("items"))
    await ledger.attempt(run, "later", 6, 5, status=TaskStatus.FAILED, error=error())
    assert (await debug(ledger.store, run)).next_steps[-1].command == f"replay 1aaa1 --from {place}"


async def test_a_task_that_another_run_stopped_before_says_so(ledger: Ledger) -> None:
    await ledger.run("1aaa1", status=RunStatus.CANCELLED)
    replay = await ledger.run("1aaa2", node_count=1, origin=Origin(parent="1aaa1", mode=RunMode.REPLAY))
    await ledger.decided(replay, "a", 5, TaskStatus.CANCELLED, error=error("stopped"), reused_from="1aaa1")
    found = await debug(ledger.store, replay)
    assert found.taken_over == 1
    assert "from run 1aaa1: only how it ended was taken over" in run_debug(found, Look(), None)


async def test_an_interrupted_replay_is_replayed_and_not_resumed(ledger: Ledger) -> None:
    origin = Origin(parent="1aaa1", mode=RunMode.REPLAY)
    replay = await ledger.run("1aaa2", status=RunStatus.RUNNING, node_count=1, origin=origin)
    steps = [step.command for step in (await debug(ledger.store, replay)).next_steps]
    assert steps == ["replay 1aaa1", "runs --tree 1aaa2"]


async def test_many_causes_are_counted(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.FAILED, node_count=5)
    for number in range(5):
        await ledger.attempt(run, f"t{number}", number, 1, status=TaskStatus.FAILED, error=error())
    why = "(ValueError: boom)"
    verdict = (await debug(ledger.store, run)).verdict
    assert verdict == f"Failed: 't0' failed {why}; 't1' failed {why}; 't2' failed {why}; 2 more failed."


async def test_a_lost_and_an_altered_artifact_are_named_and_the_rest_is_there(tmp_path: Path) -> None:
    folder = tmp_path / ".binex"
    async with open_sqlite_store(folder) as store:
        ledger = Ledger(store, folder, None)  # type: ignore[arg-type]
        run = await ledger.run("1aaa1", node_count=3)
        for task in ("lost", "altered", "sound"):
            await ledger.attempt(run, task, 0, 5, makes="x" * 100_000)
    files = {path.name: path for path in (folder / "artifacts" / "1aaa1").iterdir()}
    files["1aaa1~lost~output.json"].unlink()
    altered = files["1aaa1~altered~output.json"]
    altered.write_bytes(altered.read_bytes().replace(b"xxx", b"yyy", 1))

    async with open_sqlite_store(folder, read_only=True) as store:
        found = await debug(store, run)
        assert sorted(damage.where for damage in found.damage) == ["altered.output", "lost.output"]
        assert all(damage.message for damage in found.damage)
        assert found.verdict == "Completed. Parts of its record are damaged."
        assert found.next_steps[0].command == "doctor"
        assert len(found.tasks) == 3

        listed = await list_artifacts(store, run, verify=True)
        assert len(listed.artifacts) == 3
        assert len(listed.damage) == 2
        sound = next(info for info in listed.artifacts if info.task == "sound")
        assert await find_damage(store, sound) is None
        assert (await get_artifact(store, sound)).content == "x" * 100_000


async def test_an_artifact_that_only_its_record_knows_is_damage(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=1)
    await ledger.attempt(run, "a", 0, 5, output_artifacts=("1aaa1~a~output",))
    (damage,) = (await debug(ledger.store, run)).damage
    assert (damage.where, damage.message) == ("a.output", "its artifact 1aaa1~a~output is not in the store")


async def test_a_lost_workflow_is_damage_and_the_rest_is_there(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=1)
    await ledger.attempt(run, "a", 0, 5)
    with sqlite3.connect(ledger.folder / "binex.db") as database:
        database.execute("DELETE FROM workflows")
    database.close()
    found = await debug(ledger.store, run)
    assert [damage.where for damage in found.damage] == ["workflow"]
    assert len(found.tasks) == 1


async def test_an_artifact_that_is_gone_between_two_looks_is_damage(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", node_count=1)
    with pytest.raises(DamagedDataError, match="is listed and is not there"):
        await get_artifact(ledger.store, ledger.artifact(run, "a", 1).info)
