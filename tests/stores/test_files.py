"""Artifacts as files: who may see them, when they are there, and what becomes of missing and altered ones."""

import asyncio
import json
import os
import signal
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from binex.errors import DamagedDataError, StoreError
from binex.models.task import Artifact
from tests.stores.making import (
    SOURCE,
    OpenStore,
    artifact_file,
    ended,
    heard,
    keep_run,
    make_artifact,
    make_record,
    make_run,
)


def age(folder: Path, artifact: Artifact) -> None:
    """Let the files of a run have lain for a while."""
    past = time.time() - 3600
    os.utime(artifact_file(folder, artifact).parent, (past, past))


def content_in_database(folder: Path) -> list[bytes | None]:
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        return [row[0] for row in connection.execute("SELECT content FROM artifacts ORDER BY seq")]


async def confirm(open_store: OpenStore, folder: Path, artifacts: list[Artifact]) -> None:
    """Open the store until everything is confirmed: each opening gives it only a moment."""
    for _ in range(500):
        age(folder, artifacts[0])
        async with open_store() as store:
            await store.flush()
        if set(content_in_database(folder)) == {None}:
            return
    raise AssertionError("never confirmed")


@pytest.fixture(params=["small", "confirmed", "large"])
async def kept(request: pytest.FixtureRequest, open_store: OpenStore, folder: Path) -> Artifact:
    """An artifact with its file; a small one's content is in the database as well."""
    run = make_run()
    artifact = make_artifact(run.id, content="x" * (100_000 if request.param == "large" else 100))
    async with open_store() as store, store.open_run(run, SOURCE):
        await store.settle([make_record(run.id)], [artifact])
    if request.param == "confirmed":
        await confirm(open_store, folder, [artifact])
    return artifact


# --- who may see them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
async def test_everything_is_its_owner_s_alone_whatever_the_umask(
    open_store: OpenStore, folder: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        run = make_run()
        async with open_store() as store, store.open_run(run, SOURCE):
            await store.settle([make_record(run.id)], [make_artifact(run.id, "small")])
            await store.settle([], [make_artifact(run.id, "large", "x" * 100_000)])
            await store.flush()
            seen = [folder, *folder.rglob("*")]
            modes = {path.relative_to(folder): stat.S_IMODE(path.lstat().st_mode) for path in seen}
    finally:
        os.umask(before)
    assert len([path for path in modes if path.suffix == ".json"]) == 2
    assert Path("binex.db-wal") in modes and Path("locks") / f"{run.id}.1.control" in modes
    for path, mode in modes.items():
        assert mode == (0o700 if (folder / path).is_dir() else 0o600), path


async def test_the_folder_is_kept_out_of_git(open_store: OpenStore, folder: Path) -> None:
    async with open_store():
        pass
    assert (folder / ".gitignore").read_text() == "*\n"


# --- when they are there ------------------------------------------------------------------------------------


async def test_a_file_holds_the_envelope_and_the_exact_bytes_of_the_content(
    open_store: OpenStore, folder: Path
) -> None:
    run = make_run()
    artifacts = [make_artifact(run.id, "small", {"ü": [1.0, None]}), make_artifact(run.id, "large", "ü" * 100_000)]
    async with open_store() as store, store.open_run(run, SOURCE):
        await store.settle([], artifacts)
        await store.flush()
    for artifact in artifacts:
        whole = artifact_file(folder, artifact).read_bytes()
        assert whole.endswith(b'"content":' + artifact.data + b"}")
        envelope = json.loads(whole)
        assert envelope.pop("content") == artifact.content
        assert envelope == artifact.info.model_dump(mode="json")


async def test_files_are_there_when_the_store_is_closed(open_store: OpenStore, folder: Path) -> None:
    artifacts = await keep_run(open_store, make_run(), tasks=200)
    assert all(artifact_file(folder, artifact).exists() for artifact in artifacts)
    assert len(list((folder / "artifacts").rglob("*"))) == 201


@pytest.mark.parametrize("size", [100, 100_000])
async def test_what_was_acknowledged_survives_the_death_of_the_process(
    open_store: OpenStore, folder: Path, start: Any, size: int
) -> None:
    process = start(
        """
        async with open_sqlite_store(folder) as store:
            async with store.open_run(make_run("therun"), SOURCE):
                artifacts = [make_artifact("therun", f"t{number}", "x" * int(sys.argv[2])) for number in range(30)]
                await store.settle([make_record("therun", a.task) for a in artifacts], artifacts)
                die()
        """,
        str(size),
    )
    assert await ended(process) == -signal.SIGKILL
    folder_of_run = folder / "artifacts" / "therun"
    assert len(list(folder_of_run.glob("*.json"))) == 30  # small files follow their commit, large ones precede it
    async with open_store() as store:
        infos = await store.list_artifacts("therun")
        assert len(infos) == len(await store.list_records("therun")) == 30
        assert len(list(folder_of_run.glob("*.json"))) == 30
        for info in infos:
            assert (folder_of_run / f"{info.id}.json").stat().st_size > info.size
            assert await store.get(info.id) is not None


async def test_nothing_stands_under_the_final_name_when_a_large_write_is_killed(
    open_store: OpenStore, folder: Path, start: Any
) -> None:
    process = start("""
        async with open_sqlite_store(folder) as store:
            async with store.open_run(make_run("therun"), SOURCE):
                artifact = make_artifact("therun", "big", "x" * 50_000_000)
                say("writing")
                await store.settle([make_record("therun", "big")], [artifact])
                say("written")
    """)
    assert heard(process) == "writing"
    folder_of_run = folder / "artifacts" / "therun"
    while not (folder_of_run.exists() and any(folder_of_run.iterdir())):
        await asyncio.sleep(0)
    process.kill()
    await ended(process)
    left = [path.name for path in folder_of_run.iterdir()]
    if left == ["therun~big~output.json"]:
        pytest.skip("this machine wrote 50 MB before it could be killed")
    assert len(left) == 1 and left[0].startswith(".tmp-")
    async with open_store(read_only=True) as store:
        assert await store.list_artifacts("therun") == []
    assert [path.name for path in folder_of_run.iterdir()] == left
    async with open_store() as store:
        assert list(folder_of_run.iterdir()) == []
        async with store.take_run("therun"):
            await store.settle([make_record("therun", "big")], [make_artifact("therun", "big", "y" * 100_000)])


async def test_a_file_whose_commit_never_came_is_invisible_and_gives_way(
    open_store: OpenStore, folder: Path, start: Any
) -> None:
    async with open_store() as store, store.open_run(make_run("therun"), SOURCE):
        pass
    with closing(sqlite3.connect(folder / "binex.db", isolation_level=None)) as other:
        process = start("""
            async with open_sqlite_store(folder) as store:
                async with store.take_run("therun"):
                    say("taken")
                    sys.stdin.readline()
                    await store.settle([make_record("therun")], [make_artifact("therun", "plan", "x" * 100_000)])
        """)
        assert heard(process) == "taken"
        other.execute("BEGIN IMMEDIATE")
        process.stdin.write("go on\n")
        process.stdin.flush()
        orphan = folder / "artifacts" / "therun" / "therun~plan~output.json"
        while not orphan.exists():
            await asyncio.sleep(0)
        process.kill()
        await ended(process)
        other.execute("ROLLBACK")
    async with open_store() as store:
        assert await store.get("therun~plan~output") is None
        assert await store.list_artifacts("therun") == []
        again = make_artifact("therun", "plan", "y" * 90_000)
        async with store.take_run("therun"):
            await store.settle([make_record("therun")], [again])
        assert await store.get(again.id) == again


async def test_temporary_files_of_the_living_stay(open_store: OpenStore, folder: Path, start: Any) -> None:
    run = make_run()
    (artifact,) = await keep_run(open_store, run, tasks=1)
    gone = start("say('here')")
    assert heard(gone) == "here"
    assert await ended(gone) == 0
    living = [
        folder / "tmp" / f".tmp-{os.getpid()}-x",
        artifact_file(folder, artifact).with_name(f".tmp-{os.getpid()}-x"),
    ]
    dead = [path.with_name(f".tmp-{gone.pid}-x") for path in living]
    for path in living + dead:
        path.write_bytes(b"half")
    async with open_store():
        pass
    assert [path.exists() for path in living] == [True, True]
    assert [path.exists() for path in dead] == [False, False]


# --- missing, torn, altered ---------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["missing", "empty", "half"])
async def test_an_unconfirmed_file_is_written_again_from_the_database(
    open_store: OpenStore, folder: Path, harm: str
) -> None:
    artifacts = await keep_run(open_store, make_run(), tasks=3)
    path = artifact_file(folder, artifacts[1])
    whole = path.read_bytes()
    path.unlink() if harm == "missing" else path.write_bytes(whole[: 0 if harm == "empty" else 50])
    async with open_store() as store:
        assert path.read_bytes() == whole
        assert await store.get(artifacts[1].id) == artifacts[1]


async def test_a_run_that_is_owned_is_not_repaired_by_others(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    artifact = make_artifact(run.id)
    async with open_store() as store, store.open_run(run, SOURCE):
        await store.settle([make_record(run.id)], [artifact])
        await store.flush()
        artifact_file(folder, artifact).unlink()
        async with open_store():
            assert not artifact_file(folder, artifact).exists()
    async with open_store():
        assert artifact_file(folder, artifact).exists()


async def test_reading_repairs_nothing(open_store: OpenStore, folder: Path) -> None:
    (artifact,) = await keep_run(open_store, make_run(), tasks=1)
    artifact_file(folder, artifact).unlink()
    async with open_store(read_only=True) as store:
        assert await store.get(artifact.id) == artifact
    assert not artifact_file(folder, artifact).exists()


async def test_files_are_confirmed_when_they_have_lain_for_a_while(open_store: OpenStore, folder: Path) -> None:
    artifacts = await keep_run(open_store, make_run(), tasks=5)
    async with open_store():
        pass
    assert None not in content_in_database(folder)
    await confirm(open_store, folder, artifacts)
    async with open_store() as store:
        for artifact in artifacts:
            assert await store.get(artifact.id) == artifact


async def test_a_torn_file_is_not_confirmed_but_replaced(open_store: OpenStore, folder: Path) -> None:
    artifacts = await keep_run(open_store, make_run(), tasks=3)
    path = artifact_file(folder, artifacts[0])
    size = path.stat().st_size
    path.write_bytes(bytes(size))  # what a power loss may leave: the right size, and nothing in it
    await confirm(open_store, folder, artifacts)
    async with open_store() as store:
        for artifact in artifacts:
            assert await store.get(artifact.id) == artifact


async def test_a_run_that_goes_on_after_it_was_confirmed_is_confirmed_again(
    open_store: OpenStore, folder: Path
) -> None:
    run = make_run()
    artifacts = await keep_run(open_store, run, tasks=2)
    await confirm(open_store, folder, artifacts)
    more = make_artifact(run.id, "more")
    async with open_store() as store, store.take_run(run.id):
        await store.settle([make_record(run.id, "more")], [more])
    assert content_in_database(folder) == [None, None, more.data]
    await confirm(open_store, folder, [more])


async def test_an_opening_confirms_only_so_many(open_store: OpenStore, folder: Path) -> None:
    artifacts = await keep_run(open_store, make_run(), tasks=300)
    age(folder, artifacts[0])
    async with open_store():
        pass
    assert 0 < content_in_database(folder).count(None) <= 256


async def test_a_missing_file_is_a_named_error_or_does_not_matter(
    open_store: OpenStore, folder: Path, kept: Artifact
) -> None:
    artifact_file(folder, kept).unlink()
    is_in_database = content_in_database(folder) != [None]
    async with open_store(read_only=True) as store:
        if is_in_database:
            assert await store.get(kept.id) == kept
            return
        with pytest.raises(
            DamagedDataError, match=f"artifact {kept.id} is missing: .*{kept.id}.json is gone"
        ) as caught:
            await store.get(kept.id)
        assert caught.value.fix
        assert await store.list_artifacts(kept.run_id) == [kept.info]
        assert len(await store.list_records(kept.run_id)) == 1


@pytest.mark.parametrize("harm", ["empty", "half", "longer", "other letter", "other envelope size", "folder"])
async def test_an_altered_file_is_a_named_error_or_does_not_matter(
    open_store: OpenStore, folder: Path, kept: Artifact, harm: str
) -> None:
    path = artifact_file(folder, kept)
    whole = path.read_bytes()
    at = whole.index(b'"content":') + 20
    altered = {
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "longer": whole[:-2] + b'xxxx"}',
        "other letter": whole[:at] + b"y" + whole[at + 1 :],
        "other envelope size": whole[:at] + b"}",
        "folder": b"",
    }[harm]
    path.unlink()
    path.mkdir() if harm == "folder" else path.write_bytes(altered)
    is_in_database = content_in_database(folder) != [None]
    async with open_store(read_only=True) as store:
        if is_in_database:
            assert await store.get(kept.id) == kept
            return
        with pytest.raises(DamagedDataError, match=f"artifact {kept.id} is ") as caught:
            await store.get(kept.id)
        if harm != "folder":
            assert f"expected {kept.sha256}" in caught.value.message
            assert "has sha256 " in caught.value.message


async def test_what_a_file_s_envelope_says_is_never_believed(
    open_store: OpenStore, folder: Path, kept: Artifact
) -> None:
    path = artifact_file(folder, kept)
    forged = b'{"id":"x","size":1,"sha256":"0","lineage":"forged \\"content\\":1","content":' + kept.data + b"}"
    path.write_bytes(forged)
    async with open_store(read_only=True) as store:
        assert await store.get(kept.id) == kept


async def test_a_damaged_content_in_the_database_is_read_from_the_file(open_store: OpenStore, folder: Path) -> None:
    (artifact,) = await keep_run(open_store, make_run(), tasks=1)
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        connection.execute("UPDATE artifacts SET content = x'00'")
    async with open_store(read_only=True) as store:
        assert await store.get(artifact.id) == artifact


async def test_a_link_in_the_place_of_a_run_s_folder_is_not_followed(
    open_store: OpenStore, folder: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run = make_run()
    with pytest.raises(StoreError, match="cannot write"):
        async with open_store() as store, store.open_run(run, SOURCE):
            (folder / "artifacts" / run.id).symlink_to(elsewhere)
            await store.settle([make_record(run.id)], [make_artifact(run.id)])
            await store.flush()
    assert list(elsewhere.iterdir()) == []


# --- damaged rows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("doc", ["", "{", "[]", "null", '{"agent": 1}', '{"no_such_field": 1}', b"\xff\xfe", None, 7])
async def test_one_damaged_row_hides_nothing_else(
    open_store: OpenStore, folder: Path, notices: list[str], doc: object
) -> None:
    runs = [make_run(f"run{number}") for number in range(3)]
    for run in runs:
        await keep_run(open_store, run, tasks=3)
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        for table, condition in (
            ("runs", "id = 'run1'"),
            ("records", "run = 1 AND task = 'node1'"),
            ("artifacts", "run = 1 AND name LIKE 'node1~%'"),
        ):
            value = doc if doc is not None else "\0"
            connection.execute(
                f"UPDATE {table} SET doc = CAST(? AS {'TEXT' if doc != 7 else 'INTEGER'}) WHERE {condition}", (value,)
            )
    async with open_store(read_only=True) as store:
        notices.clear()
        assert [run.id for run in await store.list_runs()] == ["run2", "run0"]
        assert [record.task for record in await store.list_records("run0")] == ["node0", "node2"]
        assert [info.task for info in await store.list_artifacts("run0")] == ["node0", "node2"]
        assert [notice.split(" cannot be read")[0] for notice in notices] == [
            "run run1",
            "the record of attempt 1 at node1 in run run0",
            "the envelope of artifact run0~node1~output",
        ]
        with pytest.raises(DamagedDataError, match="run run1 cannot be read"):
            await store.get_run("run1")
        with pytest.raises(DamagedDataError, match="the envelope of artifact run0~node1~output cannot be read"):
            await store.get("run0~node1~output")
        assert await store.get("run0~node2~output") is not None
        assert len(await store.list_records("run1")) == 3


async def test_a_task_whose_record_is_damaged_can_end_again(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    await keep_run(open_store, run, tasks=1)
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        connection.execute("UPDATE records SET doc = '{'")
    again = make_record(run.id, "node0")
    async with open_store() as store, store.take_run(run.id):
        await store.settle([again], [make_artifact(run.id, "node0", {"number": 0})])
        assert await store.list_records(run.id) == [again]


async def test_an_altered_snapshot_is_a_named_error(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    await keep_run(open_store, run)
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        connection.execute("UPDATE workflows SET doc = replace(doc, 'nodes', 'noses')")
    async with open_store() as store:
        with pytest.raises(DamagedDataError, match=r"the snapshot .* is not what was kept"):
            await store.get_source(run.workflow_hash)
        async with store.open_run(make_run(), SOURCE):  # a new run brings a sound copy along
            assert await store.get_source(run.workflow_hash) == SOURCE
