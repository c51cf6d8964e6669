"""What every store does, whatever it keeps things in."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.errors import DamagedDataError, InputError, RunOwnedError, StoreError
from binex.models.names import new_run_id
from binex.models.run import Durability, Run, RunStatus, Versions
from binex.models.task import ErrorInfo, ErrorKind, ExecutionRecord, SkipReason, TaskStatus, now
from binex.models.workflow_source import WorkflowSource
from binex.stores.run_store import RunStore
from tests.stores.making import SOURCE, make_artifact, make_record, make_run, make_started

KEEP_FIXTURE = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


# --- runs ---------------------------------------------------------------------------------------------------


async def test_a_new_run_is_kept_as_it_is(store: RunStore) -> None:
    run = make_run(variables={"topic": "ants", "deep": {"list": [1, None, "ü"]}}, node_count=7)
    async with store.open_run(run, SOURCE):
        assert await store.get_run(run.id) == run
    assert await store.get_run(run.id) == run


async def test_an_unknown_run_is_none(store: RunStore) -> None:
    assert await store.get_run("nothing") is None


@pytest.mark.parametrize("odd", ["", "..", "*", "a/b", "x" * 5000, "a\0b", "\udcff", "%", "'; DROP TABLE runs; --"])
async def test_an_odd_run_id_is_only_unknown(store: RunStore, odd: str) -> None:
    assert await store.get_run(odd) is None
    assert await store.list_records(odd) == []
    assert await store.list_artifacts(odd) == []
    assert await store.list_hashes(odd) == {}
    assert await store.list_running(odd) == []
    assert await store.list_runs(prefix=odd) == []
    assert await store.get(odd) is None
    assert await store.get(f"{odd}~plan~output") is None
    assert not await store.is_owned(odd)
    assert not await store.request_cancel(odd)


@pytest.mark.parametrize("odd", ["", "..", "a/b", "../x", "a\0b", ".hidden", "x" * 65])
async def test_a_run_whose_id_is_no_name_is_refused(store: RunStore, odd: str) -> None:
    with pytest.raises(StoreError, match="not a run id"):
        async with store.open_run(make_run(run_id="x").model_copy(update={"id": odd}), SOURCE):
            pytest.fail("it was opened")


async def test_a_second_run_with_the_same_id_is_refused_and_the_first_stays(store: RunStore) -> None:
    first = make_run(workflow="first")
    async with store.open_run(first, SOURCE):
        pass
    with pytest.raises(StoreError, match=f"there is a run {first.id} already"):
        async with store.open_run(make_run(first.id, workflow="second"), SOURCE):
            pytest.fail("it was opened")
    assert await store.get_run(first.id) == first


async def test_a_saved_run_takes_the_place_of_the_old_state(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        ended = run.model_copy(
            update={
                "status": RunStatus.FAILED,
                "ended_at": now(),
                "duration_ms": 1234.567,
                "counts": {TaskStatus.COMPLETED: 3, TaskStatus.FAILED: 1},
                "error": "it broke",
                "resumed": 2,
            }
        )
        await store.save_run(ended)
    assert await store.get_run(run.id) == ended
    assert await store.list_runs() == [ended]


async def test_saving_a_run_that_is_not_there_fails(store: RunStore) -> None:
    with pytest.raises(StoreError, match="there is no run"):
        await store.save_run(make_run())


async def test_runs_are_listed_newest_first_whatever_their_clocks_and_ids_say(store: RunStore) -> None:
    runs = [make_run(f"run{name}", started_at=now() - timedelta(days=day)) for day, name in enumerate("cab")]
    for run in runs:
        async with store.open_run(run, SOURCE):
            pass
    assert await store.list_runs() == runs[::-1]


async def test_runs_are_paged(store: RunStore) -> None:
    runs = [make_run(f"run{number}") for number in range(7)]
    for run in runs:
        async with store.open_run(run, SOURCE):
            pass
    runs.reverse()
    assert await store.list_runs(limit=3) == runs[:3]
    assert await store.list_runs(limit=3, offset=3) == runs[3:6]
    assert await store.list_runs(limit=3, offset=6) == runs[6:]
    assert await store.list_runs(limit=0) == []
    assert await store.list_runs(offset=10) == []


async def test_runs_are_found_by_workflow_and_prefix(store: RunStore) -> None:
    runs = [make_run("abc1", workflow="x"), make_run("abc2", workflow="y"), make_run("abd1", workflow="x")]
    for run in runs:
        async with store.open_run(run, SOURCE):
            pass
    one, two, three = runs
    assert await store.list_runs(workflow="x") == [three, one]
    assert await store.list_runs(prefix="abc") == [two, one]
    assert await store.list_runs(prefix="abc", workflow="x") == [one]
    assert await store.list_runs(prefix="abd1") == [three]
    assert await store.list_runs(prefix="b") == []
    assert await store.list_runs(workflow="z") == []


# --- snapshots ----------------------------------------------------------------------------------------------


async def test_a_snapshot_comes_back_as_it_was(store: RunStore) -> None:
    source = WorkflowSource(
        file="späße.yaml", folder="/x y", text="nodes:\r\n  a: {}\t\0☃", prompts={"file://a.md": "¶\n"}
    )
    run = make_run()
    async with store.open_run(run, source):
        pass
    assert await store.get_source(run.workflow_hash) == source


async def test_runs_of_one_workflow_share_its_snapshot(store: RunStore) -> None:
    for _ in range(2):
        async with store.open_run(make_run(), SOURCE):
            pass
    assert await store.get_source(make_run().workflow_hash) == SOURCE


async def test_a_missing_snapshot_is_a_named_error(store: RunStore) -> None:
    with pytest.raises(DamagedDataError, match="the snapshot abcdef of the workflow is missing"):
        await store.get_source("abcdef")


# --- records ------------------------------------------------------------------------------------------------


async def test_records_come_back_in_the_order_in_which_they_were_kept(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        records = [make_record(run.id, task) for task in ("z", "a", "m[10]", "m[2]", "review/draft#2")]
        for record in records:
            await store.record(record)
        assert await store.list_records(run.id) == records


async def test_a_full_record_comes_back_as_it_was(store: RunStore) -> None:
    run = make_run()
    record = make_record(
        run.id,
        "search[3]",
        attempt=4,
        status=TaskStatus.FAILED,
        is_final=False,
        queued_ms=0.25,
        input_artifacts=(f"{run.id}~plan~output",),
        output_artifacts=(f"{run.id}~search[3]~hits",),
        error=ErrorInfo(
            kind=ErrorKind.CODE, type="ValueError", message="\0 \x1b[31m ü", fix="none", traceback="…\n" * 500
        ),
        retry_in_ms=500,
        idempotency_key="k" * 64,
    )
    async with store.open_run(run, SOURCE):
        await store.record(record)
    assert await store.list_records(run.id) == [record]


async def test_a_skipped_task_has_a_record_without_a_beginning(store: RunStore) -> None:
    run = make_run()
    record = make_record(
        run.id, attempt=0, status=TaskStatus.SKIPPED, started_at=None, skip_reason=SkipReason.BLOCKED, blocked_by="a"
    )
    async with store.open_run(run, SOURCE):
        await store.record(record)
    assert await store.list_records(run.id) == [record]


async def test_the_first_record_of_an_attempt_stays(store: RunStore) -> None:
    run = make_run()
    first = make_record(run.id, status=TaskStatus.COMPLETED)
    async with store.open_run(run, SOURCE):
        await store.record(first)
        await store.record(first)
        await store.record(make_record(run.id, status=TaskStatus.CANCELLED))
        assert await store.list_records(run.id) == [first]


async def test_of_outcomes_that_race_exactly_one_is_kept(store: RunStore) -> None:
    run = make_run()
    rivals = [
        make_record(run.id, status=status)
        for status in (TaskStatus.COMPLETED, TaskStatus.CANCELLED, TaskStatus.TIMED_OUT)
    ]
    async with store.open_run(run, SOURCE):
        await asyncio.gather(*map(store.record, rivals))
        (kept,) = await store.list_records(run.id)
        assert kept in rivals


async def test_attempts_of_a_task_have_a_record_each(store: RunStore) -> None:
    run = make_run()
    records = [make_record(run.id, attempt=number) for number in (1, 2, 3)]
    async with store.open_run(run, SOURCE):
        await store.settle(records)
        assert await store.list_records(run.id) == records


async def test_a_record_of_an_unknown_run_is_refused(store: RunStore) -> None:
    with pytest.raises(StoreError, match="there is no run"):
        await store.record(make_record("nothing"))


async def test_records_of_one_run_are_not_another_s(store: RunStore) -> None:
    runs = [make_run(), make_run()]
    for run in runs:
        async with store.open_run(run, SOURCE):
            await store.record(make_record(run.id))
    for run in runs:
        assert [record.run_id for record in await store.list_records(run.id)] == [run.id]


# --- outcomes -----------------------------------------------------------------------------------------------


async def test_an_outcome_keeps_its_record_and_its_artifacts(store: RunStore) -> None:
    run = make_run()
    record = make_record(run.id)
    artifacts = [make_artifact(run.id, output=name) for name in ("b", "a")]
    async with store.open_run(run, SOURCE):
        await store.settle([record], artifacts)
        assert await store.list_records(run.id) == [record]
        assert await store.list_artifacts(run.id) == [artifact.info for artifact in artifacts]
        assert await store.list_hashes(run.id) == {artifact.id: artifact.sha256 for artifact in artifacts}


async def test_a_repeated_outcome_changes_nothing(store: RunStore) -> None:
    run = make_run()
    record, artifact = make_record(run.id), make_artifact(run.id)
    async with store.open_run(run, SOURCE):
        for _ in range(3):
            await store.settle([record], [artifact])
        assert await store.list_records(run.id) == [record]
        assert await store.list_artifacts(run.id) == [artifact.info]


async def test_the_loser_of_a_race_leaves_no_artifacts(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        await store.settle([make_record(run.id, status=TaskStatus.CANCELLED)])
        await store.settle([make_record(run.id)], [make_artifact(run.id)])
        assert await store.list_artifacts(run.id) == []


async def test_an_outcome_is_kept_whole_or_not_at_all(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        await store.store(make_artifact(run.id, "plan", "first"))
        with pytest.raises(StoreError, match=r"there is an artifact .*~plan~output already, with other content"):
            await store.settle(
                [make_record(run.id, "other"), make_record(run.id, "plan")],
                [make_artifact(run.id, "other"), make_artifact(run.id, "plan", "second")],
            )
        assert await store.list_records(run.id) == []
        assert [info.task for info in await store.list_artifacts(run.id)] == ["plan"]
        await store.record(make_record(run.id, "other"))


async def test_an_outcome_that_is_refused_spares_those_that_settle_beside_it(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        await store.store(make_artifact(run.id, "bad", "first"))
        answers = await asyncio.gather(
            store.settle([make_record(run.id, "a")], [make_artifact(run.id, "a")]),
            store.settle([make_record(run.id, "bad")], [make_artifact(run.id, "bad", "second")]),
            store.settle([make_record(run.id, "b")], [make_artifact(run.id, "b")]),
            store.record(make_record("nothing")),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [type(None), StoreError, type(None), StoreError]
        assert {record.task for record in await store.list_records(run.id)} == {"a", "b"}


async def test_outcomes_of_two_runs_are_not_one_outcome(store: RunStore) -> None:
    one, two = make_run(), make_run()
    async with store.open_run(one, SOURCE), store.open_run(two, SOURCE):
        with pytest.raises(ValueError, match="belongs to one run"):
            await store.settle([make_record(one.id), make_record(two.id)])


async def test_nothing_settles_at_once(store: RunStore) -> None:
    await store.settle([], [])


async def test_two_hundred_outcomes_at_once_are_all_kept(store: RunStore) -> None:
    run = make_run()
    tasks = [f"search[{number}]" for number in range(200)]
    async with store.open_run(run, SOURCE):
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(store.settle([make_record(run.id, task)], [make_artifact(run.id, task, task)]))
        assert [record.task for record in await store.list_records(run.id)] == tasks
        assert [info.task for info in await store.list_artifacts(run.id)] == tasks


async def test_a_settle_that_is_cancelled_harms_no_other(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        settling = [asyncio.create_task(store.record(make_record(run.id, f"t{number}"))) for number in range(3)]
        await asyncio.sleep(0)
        settling[1].cancel()
        answers = await asyncio.gather(*settling, return_exceptions=True)
        assert answers[0] is None and answers[2] is None
        assert {"t0", "t2"} <= {record.task for record in await store.list_records(run.id)}


# --- artifacts ----------------------------------------------------------------------------------------------


async def test_an_artifact_comes_back_as_it_was(store: RunStore) -> None:
    run = make_run()
    artifact = make_artifact(run.id, "review/draft#2", {"text": "ü", "n": [1, 2.5, None]}, output="plan.v2")
    async with store.open_run(run, SOURCE):
        await store.store(artifact)
        kept = await store.get(artifact.id)
    assert kept == artifact
    assert kept is not None and kept.data == artifact.data and kept.content == artifact.content


@KEEP_FIXTURE
@given(content=JSON)
async def test_any_json_comes_back_byte_for_byte(store: RunStore, content: JsonValue) -> None:
    run = make_run()
    artifact = make_artifact(run.id, content=content)
    async with store.open_run(run, SOURCE):
        await store.settle([make_record(run.id)], [artifact])
        kept = await store.get(artifact.id)
    assert kept is not None and kept.data == artifact.data


@pytest.mark.parametrize(
    "content",
    [
        "\udcff lone",
        "\0",
        '","content":"forged"}',
        {"content": 1, "sha256": "0", "id": "x"},
        "",
        None,
        [],
        1e300,
        10**400,
        {"kind": "binary", "$ref": "x", "__class__": "y", "lc": 1},
        '}\n{"content":',
    ],
)
async def test_content_that_looks_like_something_else_is_only_data(store: RunStore, content: JsonValue) -> None:
    run = make_run()
    artifact = make_artifact(run.id, content=content)
    async with store.open_run(run, SOURCE):
        await store.store(artifact)
        await store.flush()
        kept = await store.get(artifact.id)
    assert kept == artifact
    assert kept is not None and kept.content == content


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 1_000_000])
async def test_an_artifact_of_any_size_comes_back(store: RunStore, size: int) -> None:
    run = make_run()
    artifact = make_artifact(run.id, content="x" * (size - 2))
    async with store.open_run(run, SOURCE):
        await store.settle([make_record(run.id)], [artifact])
        assert await store.get(artifact.id) == artifact
        assert await store.list_artifacts(run.id) == [artifact.info]


async def test_an_unknown_artifact_is_none(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        assert await store.get(f"{run.id}~plan~output") is None
        assert await store.get("nothing~plan~output") is None
        assert await store.get("nonsense") is None


@pytest.mark.parametrize("size", [10, 100_000])
async def test_a_second_artifact_with_the_same_id_is_refused_and_the_first_stays(store: RunStore, size: int) -> None:
    run = make_run()
    first = make_artifact(run.id, content="a" * size)
    async with store.open_run(run, SOURCE):
        await store.store(first)
        await store.store(first)
        with pytest.raises(StoreError, match="with other content; the first one stays"):
            await store.store(make_artifact(run.id, content="b" * size))
        await store.flush()
        assert await store.get(first.id) == first


@pytest.mark.parametrize("size", [10, 100_000])
async def test_of_rivals_for_an_id_one_is_kept_whole(store: RunStore, size: int) -> None:
    run = make_run()
    rivals = [make_artifact(run.id, content=letter * size) for letter in "abcd"]
    async with store.open_run(run, SOURCE):
        answers = await asyncio.gather(*map(store.store, rivals), return_exceptions=True)
        assert sum(answer is None for answer in answers) == 1
        await store.flush()
        assert await store.get(rivals[0].id) == rivals[answers.index(None)]


@pytest.mark.parametrize("odd", ["x", "other~plan~output", "{run}", "{run}~", "{run}~../../x~y", "{run}~a\0b"])
async def test_an_artifact_id_that_is_not_of_its_run_is_refused(store: RunStore, odd: str) -> None:
    run = make_run()
    artifact = make_artifact(run.id).model_copy(update={"id": odd.format(run=run.id)})
    async with store.open_run(run, SOURCE):
        with pytest.raises(ValueError, match="not the id of an artifact"):
            await store.store(artifact)


async def test_an_artifact_with_a_very_long_path_is_kept(store: RunStore) -> None:
    run = make_run()
    path = "/".join(f"{letter * 60}#{7}[12]" for letter in "abcdef")
    artifacts = [make_artifact(run.id, path, 1, output=f"{'o' * 63}{number}") for number in range(2)]
    async with store.open_run(run, SOURCE):
        await store.settle([make_record(run.id, path)], artifacts)
        await store.flush()
        assert await store.get(artifacts[1].id) == artifacts[1]


async def test_an_artifact_keeps_its_lineage(store: RunStore) -> None:
    run = make_run()
    plain = make_artifact(run.id)
    lineage = plain.lineage.model_copy(update={"derived_from": (f"{run.id}~a~output",), "attempt": 3, "task": "else"})
    artifact = plain.model_copy(update={"lineage": lineage})
    async with store.open_run(run, SOURCE):
        await store.store(artifact)
        kept = await store.get(artifact.id)
        assert kept is not None and kept.lineage == lineage
        (info,) = await store.list_artifacts(run.id)
        assert info.lineage == lineage


# --- leases -------------------------------------------------------------------------------------------------


async def test_a_run_is_owned_while_its_block_lasts(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE) as lease:
        assert (lease.run_id, lease.epoch) == (run.id, 1)
        assert await store.is_owned(run.id)
    assert not await store.is_owned(run.id)


async def test_a_run_is_given_up_however_its_block_ends(store: RunStore) -> None:
    run = make_run()
    with pytest.raises(ZeroDivisionError):
        async with store.open_run(run, SOURCE):
            raise ZeroDivisionError
    assert not await store.is_owned(run.id)
    assert await store.get_run(run.id) == run


async def test_every_owner_has_a_higher_epoch(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE) as lease:
        epochs = [lease.epoch]
    for _ in range(3):
        async with store.take_run(run.id) as lease:
            assert await store.is_owned(run.id)
            epochs.append(lease.epoch)
    assert epochs == [1, 2, 3, 4]


async def test_a_run_that_is_owned_cannot_be_taken(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        with pytest.raises(RunOwnedError, match=f"run {run.id} is executed by .* since ") as caught:
            async with store.take_run(run.id):
                pytest.fail("it was taken")
        assert caught.value.fix and f"binex cancel {run.id}" in caught.value.fix
        await store.record(make_record(run.id))


async def test_of_two_who_take_a_run_one_gets_it(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        pass
    all_have_tried = asyncio.Barrier(2)

    async def take() -> bool:
        try:
            async with store.take_run(run.id):
                await all_have_tried.wait()
                return True
        except RunOwnedError:
            await all_have_tried.wait()
            return False

    assert sorted(await asyncio.gather(take(), take())) == [False, True]


async def test_an_unknown_run_cannot_be_taken(store: RunStore) -> None:
    with pytest.raises(InputError, match="no run 'nothing'"):
        async with store.take_run("nothing"):
            pytest.fail("it was taken")


async def test_a_run_goes_on_after_it_was_taken(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        await store.record(make_record(run.id, "a"))
    async with store.take_run(run.id):
        await store.settle([make_record(run.id, "b")], [make_artifact(run.id, "b")])
        await store.save_run(run.model_copy(update={"status": RunStatus.COMPLETED}))
    assert [record.task for record in await store.list_records(run.id)] == ["a", "b"]


async def test_two_runs_are_owned_side_by_side(store: RunStore) -> None:
    one, two = make_run(), make_run()
    async with store.open_run(one, SOURCE), store.open_run(two, SOURCE):
        await asyncio.gather(store.record(make_record(one.id)), store.record(make_record(two.id)))
        assert await store.is_owned(one.id) and await store.is_owned(two.id)


async def test_the_owner_hears_a_request_to_cancel(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE) as lease:
        waiting = asyncio.create_task(lease.wait_for_cancel())
        assert await store.request_cancel(run.id)
        assert await store.request_cancel(run.id)
        await asyncio.wait_for(waiting, 5)
        await lease.wait_for_cancel()


async def test_nobody_hears_a_request_to_cancel_an_unowned_run(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        pass
    assert not await store.request_cancel(run.id)
    assert not await store.request_cancel("nothing")


# --- what is running ----------------------------------------------------------------------------------------


async def test_an_attempt_runs_until_it_has_a_record(store: RunStore) -> None:
    run = make_run()
    started = [make_started(run.id, "a"), make_started(run.id, "b")]
    async with store.open_run(run, SOURCE):
        await store.note_running(started)
        await store.flush()
        assert await store.list_running(run.id) == started
        await store.record(make_record(run.id, "a"))
        assert await store.list_running(run.id) == started[1:]
        await store.record(make_record(run.id, "b"))
        assert await store.list_running(run.id) == []


async def test_an_attempt_that_is_noted_late_is_not_running(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        await store.record(make_record(run.id, "a"))
        await store.note_running([make_started(run.id, "a")])
        await store.flush()
        assert await store.list_running(run.id) == []


async def test_a_second_attempt_runs_after_the_first_has_its_record(store: RunStore) -> None:
    run = make_run()
    second = make_started(run.id, attempt=2)
    async with store.open_run(run, SOURCE):
        await store.note_running([make_started(run.id, attempt=1)])
        await store.record(make_record(run.id, attempt=1))
        await store.note_running([second])
        await store.flush()
        assert await store.list_running(run.id) == [second]


async def test_what_ran_when_the_owner_ended_can_be_seen_until_the_run_is_taken(store: RunStore) -> None:
    run = make_run()
    started = make_started(run.id)
    async with store.open_run(run, SOURCE):
        await store.note_running([started])
        await store.flush()
    assert await store.list_running(run.id) == [started]
    async with store.take_run(run.id):
        assert await store.list_running(run.id) == []


async def test_notes_about_a_run_that_is_not_owned_are_dropped(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        pass
    await store.note_running([make_started(run.id), make_started("nothing")])
    await store.note_running([])
    await store.flush()
    assert await store.list_running(run.id) == []


# --- any value ----------------------------------------------------------------------------------------------

MOMENT = st.datetimes(timezones=st.just(now().tzinfo or None))
NAME = st.from_regex(r"[a-z0-9_-]{1,10}", fullmatch=True)
RUNS = st.builds(
    Run,
    id=st.builds(new_run_id),
    workflow=TEXT,
    workflow_hash=NAME,
    status=st.sampled_from(RunStatus),
    started_at=MOMENT,
    ended_at=st.none() | MOMENT,
    duration_ms=st.floats(0, 1e12),
    variables=st.dictionaries(TEXT, JSON, max_size=3),
    durability=st.sampled_from(Durability),
    versions=st.builds(Versions, binex=TEXT, python=TEXT, handlers=st.dictionaries(TEXT, TEXT, max_size=2)),
    resumed=st.integers(0, 2**60),
    node_count=st.integers(0, 2**60),
    counts=st.dictionaries(st.sampled_from(TaskStatus), st.integers(0, 1000)),
    error=st.none() | TEXT,
)
ERRORS = st.builds(
    ErrorInfo,
    kind=st.sampled_from(ErrorKind),
    type=TEXT,
    message=TEXT.filter(bool),
    fix=st.none() | TEXT,
    traceback=st.none() | TEXT,
)
RECORDS = st.builds(
    ExecutionRecord,
    run_id=st.just(""),
    task=NAME,
    node_id=NAME,
    agent=TEXT,
    attempt=st.integers(0, 2**60),
    status=st.sampled_from(TaskStatus),
    is_final=st.booleans(),
    started_at=st.none() | MOMENT,
    ended_at=MOMENT,
    duration_ms=st.floats(0, 1e12),
    queued_ms=st.floats(0, 1e12),
    input_artifacts=st.lists(TEXT, max_size=3).map(tuple),
    output_artifacts=st.lists(TEXT, max_size=3).map(tuple),
    error=st.none() | ERRORS,
    skip_reason=st.none() | st.sampled_from(SkipReason),
    blocked_by=st.none() | TEXT,
    reused_from=st.none() | TEXT,
    retry_in_ms=st.none() | st.integers(0, 2**60),
    idempotency_key=TEXT,
)


@KEEP_FIXTURE
@given(run=RUNS)
async def test_any_run_comes_back_as_it_was(store: RunStore, run: Run) -> None:
    async with store.open_run(run, SOURCE):
        pass
    assert await store.get_run(run.id) == run
    assert await store.list_runs(limit=1) == [run]


@KEEP_FIXTURE
@given(records=st.lists(RECORDS, max_size=5, unique_by=lambda record: (record.task, record.attempt)))
async def test_any_records_come_back_as_they_were(store: RunStore, records: list[ExecutionRecord]) -> None:
    run = make_run()
    own = [record.model_copy(update={"run_id": run.id}) for record in records]
    async with store.open_run(run, SOURCE):
        await store.settle(own)
    assert await store.list_records(run.id) == own
