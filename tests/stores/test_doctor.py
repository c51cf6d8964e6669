"""The doctor finds every damage, repairs what loses nothing, and salvages the rest."""

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from binex.errors import DamagedDataError, InputError, RunOwnedError, StoreDamagedError, StoreVersionError
from binex.models.run import RunStatus
from binex.models.task import Artifact
from binex.stores.backends import schema
from binex.stores.doctor import Finding, Severity, examine, repair, salvage
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
from tests.stores.test_files import confirm
from tests.stores.test_opening import (
    HARMS,
    content_of,
    cut_to_nothing,
    make_old,
    overwrite_schema,
    remove_database,
    replace_by_text,
)


def seen(findings: list[Finding], severity: Severity) -> list[str]:
    return [f"{finding.subject}: {finding.message}" for finding in findings if finding.severity is severity]


def damage(folder: Path) -> list[str]:
    return seen(examine(folder), Severity.DAMAGE)


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
async def kept(open_store: OpenStore) -> list[Artifact]:
    """A sound store with a run of three tasks, one of them with a large artifact."""
    run = make_run("therun")
    artifacts = [make_artifact(run.id, f"node{number}", "x" * (10 if number else 100_000)) for number in range(3)]
    async with open_store() as store, store.open_run(run, SOURCE):
        for artifact in artifacts:
            await store.settle([make_record(run.id, artifact.task, output_artifacts=(artifact.id,))], [artifact])
        await store.save_run(run.model_copy(update={"status": RunStatus.COMPLETED}))
    return artifacts


async def test_a_sound_store_has_no_damage_and_is_not_changed_by_looking(kept: list[Artifact], folder: Path) -> None:
    before = content_of(folder)
    findings = examine(folder)
    assert not seen(findings, Severity.DAMAGE) + seen(findings, Severity.WARNING)
    assert {name: hash for name, hash in content_of(folder).items() if not name.endswith("-wal")} == before
    assert repair(folder) == []


def test_no_store_is_said(folder: Path) -> None:
    for act in (examine, repair, salvage):
        with pytest.raises(InputError, match=r"no \.binex folder"):
            act(folder)


def test_a_link_and_a_file_are_found(folder: Path, tmp_path: Path) -> None:
    folder.write_text("")
    assert "is a file, not a folder" in damage(folder)[0]
    folder.unlink()
    folder.symlink_to(tmp_path)
    assert "is a symbolic link" in damage(folder)[0]


@pytest.mark.parametrize("harm", HARMS)
async def test_every_damaged_database_is_found(
    kept: list[Artifact], folder: Path, harm: Callable[[Path], None]
) -> None:
    harm(folder)
    before = content_of(folder)
    assert "binex.db" in damage(folder)[0]
    assert {name: hash for name, hash in content_of(folder).items() if not name.endswith("-wal")} == before


async def test_a_newer_store_is_found_and_left_alone(kept: list[Artifact], folder: Path) -> None:
    change(folder, f"PRAGMA user_version={len(schema.MIGRATIONS) + 1}")
    before = content_of(folder)
    assert "was written by a newer Binex" in damage(folder)[0]
    with pytest.raises(StoreVersionError):
        repair(folder)
    assert content_of(folder) == before


def test_an_older_store_is_no_damage(folder: Path) -> None:
    change(make_old(folder).parent, "PRAGMA user_version=0")
    findings = examine(folder)
    assert not seen(findings, Severity.DAMAGE)
    assert any("has version 0" in text for text in seen(findings, Severity.INFO))


@pytest.mark.parametrize("table", ["runs", "records", "artifacts", "workflows"])
async def test_a_damaged_row_is_found(kept: list[Artifact], folder: Path, table: str) -> None:
    change(folder, f"UPDATE {table} SET doc = '{{'")
    named = {"runs": "run therun", "records": "therun: node0", "artifacts": kept[0].id, "workflows": "run therun"}
    assert any(text.startswith(named[table]) for text in damage(folder))


async def test_a_missing_snapshot_is_found(kept: list[Artifact], folder: Path) -> None:
    change(folder, "DELETE FROM workflows")
    (found,) = damage(folder)
    assert found.startswith("run therun: the snapshot ") and found.endswith("is missing")


async def test_rows_of_no_run_are_found(kept: list[Artifact], folder: Path) -> None:
    change(folder, "UPDATE records SET run = 77 WHERE task = 'node1'")
    assert any("belongs to run number 77" in text for text in damage(folder))


async def test_a_record_whose_artifact_is_gone_is_found(kept: list[Artifact], folder: Path) -> None:
    change(folder, "DELETE FROM artifacts WHERE name = 'node1~output'")
    found = damage(folder)
    assert f"run therun: node1: its record names artifact {kept[1].id}, which is not there" in found


@pytest.mark.parametrize("harm", ["missing", "half", "altered"])
async def test_a_damaged_large_file_is_found_and_cannot_be_repaired(
    kept: list[Artifact], folder: Path, harm: str
) -> None:
    path = artifact_file(folder, kept[0])
    whole = path.read_bytes()
    path.unlink() if harm == "missing" else path.write_bytes(
        whole[:500] if harm == "half" else whole.replace(b"xxx", b"xyx", 1)
    )
    repair(folder)
    (found,) = damage(folder)
    assert found.startswith(f"{kept[0].id}: artifact {kept[0].id} is ")


async def test_a_damaged_small_file_is_repaired_from_the_database(kept: list[Artifact], folder: Path) -> None:
    artifact_file(folder, kept[1]).unlink()
    artifact_file(folder, kept[2]).write_bytes(b"{")
    findings = examine(folder)
    assert not seen(findings, Severity.DAMAGE)
    assert len(seen(findings, Severity.WARNING)) == 2
    assert [finding.message for finding in repair(folder)] == ["2 artifact files were written again from the database"]
    assert not seen(examine(folder), Severity.WARNING)


async def test_a_damaged_confirmed_file_is_found(kept: list[Artifact], folder: Path, open_store: OpenStore) -> None:
    await confirm(open_store, folder, kept)
    artifact_file(folder, kept[1]).unlink()
    (found,) = damage(folder)
    assert "is missing" in found


async def test_a_content_that_is_damaged_in_the_database_is_repaired_from_the_file(
    kept: list[Artifact], folder: Path, open_store: OpenStore
) -> None:
    change(folder, "UPDATE artifacts SET content = x'00' WHERE name = 'node1~output'")
    assert damage(folder) == [f"{kept[1].id}: its content in the database is not what was stored"]
    assert [finding.message for finding in repair(folder)] == ["its content in the database was restored from its file"]
    assert damage(folder) == []
    async with open_store(read_only=True) as store:
        assert await store.get(kept[1].id) == kept[1]


async def test_files_whose_commits_are_gone_are_found(kept: list[Artifact], folder: Path) -> None:
    change(folder, "DELETE FROM artifacts WHERE name = 'node1~output'", "DELETE FROM records WHERE task = 'node1'")
    unknown = folder / "artifacts" / "otherrun"
    unknown.mkdir(mode=0o700)
    (unknown / "otherrun~a~output.json").write_bytes(b"{}")
    found = damage(folder)
    assert any("1 artifact files have no record" in text for text in found)
    assert any("the database knows nothing of this run" in text for text in found)


async def test_loose_permissions_are_found_and_tightened(kept: list[Artifact], folder: Path) -> None:
    for path in (folder, folder / "binex.db", folder / "artifacts"):
        path.chmod(0o777)
    assert len(seen(examine(folder), Severity.WARNING)) == 3
    repair(folder)
    assert not seen(examine(folder), Severity.WARNING)
    assert (folder / "binex.db").stat().st_mode & 0o077 == 0


async def test_what_a_dead_process_left_is_found_and_removed(folder: Path, start: Any) -> None:
    process = start("""
        async with open_sqlite_store(folder) as store:
            async with store.open_run(make_run("therun"), SOURCE):
                (folder / "tmp" / f".tmp-{os.getpid()}-x").write_text("half")
                (folder / "artifacts" / "therun").mkdir(0o700)
                (folder / "artifacts" / "therun" / f".tmp-{os.getpid()}-y").write_text("half")
                die()
    """)
    assert await ended(process) == -signal.SIGKILL
    findings = examine(folder)
    assert not seen(findings, Severity.DAMAGE)
    left = [text for text in seen(findings, Severity.INFO) if "was left by a process that died" in text]
    assert len(left) == 2
    assert any(finding.fix == "binex resume therun" for finding in findings)
    assert sum("was removed" in finding.message for finding in repair(folder)) == 3
    assert not any((folder / "locks").iterdir()) and not any((folder / "tmp").iterdir())


async def test_a_store_at_work_is_examined_but_not_operated_on(folder: Path, start: Any) -> None:
    process = start("""
        async with open_sqlite_store(folder) as store:
            async with store.open_run(make_run("therun"), SOURCE):
                say("owned")
                sys.stdin.readline()
    """)
    assert heard(process) == "owned"
    assert damage(folder) == []
    for act in (repair, salvage):
        with pytest.raises(RunOwnedError, match=f"run therun is executed by pid {process.pid}"):
            act(folder)


async def test_a_damaged_index_is_built_again(kept: list[Artifact], folder: Path, open_store: OpenStore) -> None:
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        # An index that lacks its rows: what a lost page of it comes to.
        connection.executescript("""
            CREATE TABLE twin (run INTEGER, task TEXT, attempt INTEGER, UNIQUE (run, task, attempt));
            UPDATE sqlite_schema SET rootpage =
                (SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_twin_1')
                WHERE name = 'sqlite_autoindex_records_1';
            DELETE FROM sqlite_schema WHERE tbl_name = 'twin';
        """)
    assert any("missing from index" in text for text in damage(folder))
    done = [finding.message for finding in repair(folder)]
    assert any(message.startswith("indexes were built again") for message in done)
    assert (folder / "backups" / "binex.db.damaged1").exists()
    assert not any("missing from index" in text for text in damage(folder))
    async with open_store() as store, store.take_run("therun"):
        assert len(await store.list_records("therun")) == 3
        await store.record(make_record("therun", "node0"))
        assert len(await store.list_records("therun")) == 3


@pytest.mark.parametrize("harm", [cut_to_nothing, replace_by_text, remove_database, overwrite_schema])
async def test_what_cannot_be_repaired_is_said_and_left_as_it_is(
    kept: list[Artifact], folder: Path, harm: Callable[[Path], None]
) -> None:
    harm(folder)
    before = content_of(folder)
    with pytest.raises(StoreDamagedError, match="store damaged") as caught:
        repair(folder)
    assert caught.value.fix and "--salvage" in caught.value.fix
    after = content_of(folder)
    assert {name: after.get(name) for name in before} == before


@pytest.mark.parametrize("harm", HARMS)
async def test_a_damaged_store_is_salvaged(open_store: OpenStore, folder: Path, harm: Callable[[Path], None]) -> None:
    artifacts: dict[str, Artifact] = {}
    for number in range(3):
        kept = await keep_run(open_store, make_run(f"run{number}", workflow=f"flow{number}"), tasks=40)
        artifacts |= {artifact.id: artifact for artifact in kept}
    harm(folder)
    before = content_of(folder).get("binex.db")
    report = salvage(folder)
    assert report
    assert content_of(folder).get("backups/binex.db.damaged1") == before
    assert not any("database" in text for text in damage(folder))
    async with open_store() as store:
        runs = await store.list_runs()
        assert {run.id for run in runs} == {"run0", "run1", "run2"}
        for run in runs:
            infos = await store.list_artifacts(run.id)
            assert len(infos) == 40
            for info in infos:
                assert await store.get(info.id) == artifacts[info.id]
        async with store.take_run("run0"), store.open_run(make_run(), SOURCE):
            pass


async def test_a_sound_store_is_the_same_after_a_salvage(
    kept: list[Artifact], folder: Path, open_store: OpenStore
) -> None:
    async with open_store() as store:
        before = (await store.list_runs(), await store.list_records("therun"), await store.list_artifacts("therun"))
        source = await store.get_source(before[0][0].workflow_hash)
    report = salvage(folder)
    assert not seen(report, Severity.DAMAGE)
    async with open_store() as store:
        after = (await store.list_runs(), await store.list_records("therun"), await store.list_artifacts("therun"))
        assert after == before
        assert await store.get_source(before[0][0].workflow_hash) == source
        for artifact in kept:
            assert await store.get(artifact.id) == artifact


async def test_a_salvage_of_one_lost_page_keeps_all_others(open_store: OpenStore, folder: Path) -> None:
    runs = [make_run(f"run{number}") for number in range(5)]
    for run in runs:
        await keep_run(open_store, run, tasks=60)
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        leaves = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'records' AND pagetype = 'leaf' ORDER BY pageno"
        ).fetchall()
    page = leaves[len(leaves) // 2][0]
    with (folder / "binex.db").open("r+b") as file:
        file.seek((page - 1) * page_bytes)
        file.write(os.urandom(page_bytes))
    assert damage(folder)
    salvage(folder)
    assert damage(folder) == []
    async with open_store() as store:
        assert await store.list_runs() == [
            run.model_copy(update={"status": RunStatus.COMPLETED}) for run in reversed(runs)
        ]
        records = [len(await store.list_records(run.id)) for run in runs]
        assert 300 > sum(records) > 250


async def test_what_an_artifact_file_says_is_checked_before_it_is_salvaged(
    kept: list[Artifact], folder: Path, open_store: OpenStore
) -> None:
    forged = artifact_file(folder, kept[1])
    forged.write_bytes(forged.read_bytes().replace(b"xxx", b"yyy"))
    (forged.parent / "therun~else~output.json").write_bytes(artifact_file(folder, kept[2]).read_bytes())
    (forged.parent / "nonsense.json").write_bytes(b"[]")
    cut_to_nothing(folder)
    lost = seen(salvage(folder), Severity.DAMAGE)
    assert sum("cannot be read as an artifact" in text for text in lost) == 3
    async with open_store() as store:
        assert {info.id for info in await store.list_artifacts("therun")} == {kept[0].id, kept[2].id}
        with pytest.raises(DamagedDataError):
            await store.get_source("")
