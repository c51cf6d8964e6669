"""Stores that earlier versions of Binex have made go on being used."""

import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from binex.errors import StoreError
from binex.models.run import RunStatus
from binex.models.run_query import RunQuery
from binex.stores.backends import schema
from binex.stores.doctor import Severity, examine, repair, salvage
from tests.stores.making import OpenStore, bodies_of, keep_exchange, make_call, make_question, make_record
from tests.stores.test_doctor import damage, seen

FIXTURES = Path(__file__).parent / "fixtures"
VERSION = len(schema.MIGRATIONS)
DONE, INTERRUPTED = "1p8t6y0b459y", "1p8t6ykmayr3"


def put(version: str, folder: Path) -> Path:
    shutil.copytree(FIXTURES / version, folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


@pytest.fixture
def old(folder: Path) -> Path:
    """A store of version 1, with one run that is done and one whose process died after its first task."""
    return put("v1", folder)


def version_of(database: Path) -> int:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return schema.version_of(connection)


async def test_a_store_of_version_1_is_upgraded_and_read(open_store: OpenStore, old: Path) -> None:
    async with open_store() as store:
        assert [run.id for run in await store.list_runs()] == [INTERRUPTED, DONE]
        assert [record.task for record in await store.list_records(DONE)] == ["first", "large", "last"]
        last = await store.get(f"{DONE}~last~output")
        assert last is not None and last.data == b'{"first":1,"large":"a text"}'
        assert await store.list_calls(DONE) == [] == await store.list_questions()
        assert await store.list_bookmarks(DONE) == {}
        async with store.take_run(INTERRUPTED):
            call = keep_exchange(store, make_call(INTERRUPTED), b"asked", b"told")
            await store.settle([make_record(INTERRUPTED)])
            await store.ask(make_question(INTERRUPTED))
        assert await bodies_of(store, call) == (b"asked", b"told")
    assert version_of(old / "binex.db") == VERSION
    backup = old / "backups" / "binex.db.v1"
    assert version_of(backup) == 1
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert damage(old) == []


def test_a_run_of_version_1_is_resumed(old: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from binex.cli.main import main; main()", "resume", INTERRUPTED, "--dir", str(old)],
        cwd=old.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"large": "a text"' in done.stdout
    with closing(sqlite3.connect(old / "binex.db")) as connection:
        tasks = connection.execute(
            "SELECT task, count(*) FROM records JOIN runs ON runs.seq = run WHERE id = ? GROUP BY task", (INTERRUPTED,)
        ).fetchall()
        status = connection.execute("SELECT status FROM runs WHERE id = ?", (INTERRUPTED,)).fetchone()
    assert (tasks, status) == ([("first", 1), ("large", 1), ("last", 1)], (RunStatus.COMPLETED,))


async def test_a_store_of_version_1_is_not_upgraded_by_reading(open_store: OpenStore, old: Path) -> None:
    with pytest.raises(StoreError, match=r"older Binex \(version 1\) and is not upgraded by looking at it") as caught:
        async with open_store(read_only=True):
            pytest.fail("it was opened")
    assert caught.value.fix == "upgrade it, after a backup, with: binex doctor --repair"
    assert version_of(old / "binex.db") == 1


async def test_the_doctor_upgrades_a_store_of_version_1(open_store: OpenStore, old: Path) -> None:
    findings = examine(old)
    assert not seen(findings, Severity.DAMAGE)
    assert any(
        f"has version 1; this Binex would upgrade it to {VERSION}" in text for text in seen(findings, Severity.INFO)
    )
    assert any(f"upgraded from version 1 to {VERSION}" in text for text in seen(repair(old), Severity.INFO))
    assert damage(old) == []
    async with open_store(read_only=True) as store:
        assert len(await store.list_runs()) == 2


async def test_a_store_of_version_1_is_salvaged(open_store: OpenStore, old: Path) -> None:
    assert not seen(salvage(old), Severity.DAMAGE)
    assert version_of(old / "binex.db") == VERSION
    async with open_store() as store:
        assert [run.id for run in await store.list_runs()] == [INTERRUPTED, DONE]
        assert await store.get(f"{DONE}~last~output") is not None


@pytest.mark.parametrize(
    ("version", "run", "made", "said"),
    [
        ("v1", DONE, "a text", None),
        ("v2", "1p9b5ytw8nvt", "in pieces", "refusal"),
        ("v3", "1p9ewf5cez6c", "uber der KUSTE", '"Ebbe und Flut"'),
    ],
)
async def test_a_store_of_an_earlier_version_is_upgraded_and_searched(
    open_store: OpenStore, folder: Path, version: str, run: str, made: str, said: str | None
) -> None:
    put(version, folder)
    async with open_store() as store:
        await store.index_texts()
        assert await store.count_unindexed() == 0
        for text in (made, said):
            if text is not None:
                assert run in [found.id for found in (await store.find_runs(RunQuery(text=text))).runs]
        assert (await store.find_texts(made, [run]))[0].artifact.startswith(f"{run}~")
        if said is not None:
            assert any(found.call for found in await store.find_texts(said, [run], most=99))
    assert version_of(folder / "binex.db") == VERSION
    assert version_of(folder / "backups" / f"binex.db.{version}") == int(version[1:])
    assert damage(folder) == []


async def test_a_store_of_version_3_keeps_its_runs_and_the_index_of_keys(open_store: OpenStore, folder: Path) -> None:
    put("v3", folder)
    parent, fork = "1p9ewf5cez6c", "1p9ewz636q6h"
    async with open_store() as store:
        runs = await store.list_runs()
        assert [run.id for run in runs] == [fork, parent]
        assert runs[0].origin is not None
        assert runs[0].origin.parent == parent
        key = next(record.key for record in await store.list_records(parent) if record.task == "plan")
        found = await store.find_by_key(key, run_id=fork)
        assert [record.id for record in found] == [f"{parent}~plan~1"]
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        assert connection.execute("SELECT count(*) FROM keys").fetchone()[0] == 6
        assert connection.execute("SELECT * FROM kept").fetchall() == []
