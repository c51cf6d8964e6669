"""A run leaves one store and comes into another, whole and unchanged, or not at all."""

import io
import os
import sqlite3
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from binex.errors import DamagedDataError, InputError, RunError, RunOwnedError, StoreError
from binex.models.run import RunStatus
from binex.models.task import TaskStatus
from binex.stores.backends.memory import MemoryStore
from binex.stores.backends.sqlite import open_sqlite_store
from binex.stores.bundle_store import Content
from binex.stores.bundles.importing import bring_in
from binex.stores.bundles.layout import MEMBERS
from binex.stores.bundles.reading import Bundle
from binex.stores.bundles.writing import write_bundle
from binex.stores.doctor import Severity, examine, repair
from binex.stores.run_store import RunStore
from tests.stores.bundling import CHILD, LARGE, PARENT, exported, imported, keep_family, members_of
from tests.stores.making import (
    SOURCE,
    OpenStore,
    artifact_file,
    keep_exchange,
    make_artifact,
    make_call,
    make_record,
    make_run,
    other_process,
)


@pytest.fixture(params=["memory", "sqlite"])
async def other(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunStore]:
    """A store in another place."""
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield MemoryStore()
        else:
            yield await stack.enter_async_context(open_sqlite_store(tmp_path / "other"))


async def everything(store: RunStore, run_id: str) -> dict[str, Any]:
    """All that can be asked of a store about a run."""
    run = await store.get_run(run_id)
    assert run is not None
    infos = await store.list_artifacts(run_id)
    calls = await store.list_calls(run_id)
    return {
        "run": run.model_copy(update={"workflow_hash": "", "is_imported": False}),
        "source": (await store.get_source(run.workflow_hash)).model_copy(update={"folder": "", "file": ""}),
        "records": await store.list_records(run_id),
        "artifacts": [await store.get(info.id) for info in infos],
        "calls": calls,
        "bodies": [await store.read_body(body) for call in calls for body in (call.request, call.response) if body],
        "questions": await store.list_questions(run_id),
        "bookmarks": await store.list_bookmarks(run_id),
    }


def damages(folder: Path) -> list[str]:
    return [f"{found.subject}: {found.message}" for found in examine(folder) if found.severity is not Severity.INFO]


async def test_a_run_and_what_it_was_made_from_are_the_same_in_another_store(store: RunStore, other: RunStore) -> None:
    run = await keep_family(store)
    done = await imported(other, await exported(store, run))
    assert done.imported == (PARENT, CHILD)
    for run_id in (PARENT, CHILD):
        assert await everything(other, run_id) == await everything(store, run_id)
    assert [one.id for one in await other.list_runs()] == [CHILD, PARENT]


async def test_the_bundle_of_an_imported_run_has_the_same_bytes(store: RunStore, other: RunStore) -> None:
    here = SOURCE.folder
    data = await exported(store, await keep_family(store))
    assert data == await exported(store, (await store.list_runs())[0])
    await imported(other, data)
    again = members_of(await exported(other, (await other.list_runs())[0]))
    first = members_of(data)
    assert here not in str(Path.cwd())
    assert list(first) == list(again) == list(MEMBERS)
    different = {name for name in MEMBERS if first[name] != again[name]}
    assert different == {"runs.jsonl", "workflows.jsonl", "manifest.json"}  # the folder is another one


async def test_a_bundle_of_the_parent_alone_does_not_have_its_fork(store: RunStore, other: RunStore) -> None:
    await keep_family(store)
    parent = await store.get_run(PARENT)
    assert parent is not None
    assert (await imported(other, await exported(store, parent))).imported == (PARENT,)


async def test_the_doctor_finds_nothing_in_a_store_after_an_import(store: RunStore, tmp_path: Path) -> None:
    data = await exported(store, await keep_family(store))
    async with open_sqlite_store(tmp_path / "other") as other:
        await imported(other, data)
    assert damages(tmp_path / "other") == []
    assert list((tmp_path / "other" / "tmp").iterdir()) == []
    large = make_artifact(PARENT, "read[0]", "x" * LARGE)
    assert artifact_file(tmp_path / "other", large).stat().st_size > LARGE
    assert artifact_file(tmp_path / "other", make_artifact(CHILD, "write")).exists()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "other").glob("*/*/*")} <= {0o600, 0o700}


async def test_a_second_import_changes_nothing(store: RunStore, other: RunStore) -> None:
    data = await exported(store, await keep_family(store))
    await imported(other, data)
    before = await everything(other, CHILD)
    done = await imported(other, data)
    assert (done.imported, done.present) == ((), (PARENT, CHILD))
    assert await everything(other, CHILD) == before
    assert (await imported(store, data)).imported == ()


async def test_only_what_is_missing_comes_in(store: RunStore, other: RunStore) -> None:
    run = await keep_family(store)
    parent = await store.get_run(PARENT)
    assert parent is not None
    await imported(other, await exported(store, parent))
    done = await imported(other, await exported(store, run))
    assert (done.imported, done.present) == ((CHILD,), (PARENT,))
    assert await everything(other, CHILD) == await everything(store, CHILD)


async def test_another_run_with_the_same_id_is_refused_and_stays(store: RunStore, other: RunStore) -> None:
    data = await exported(store, await keep_family(store))
    async with other.open_run(make_run(PARENT, status=RunStatus.COMPLETED), SOURCE):
        await other.settle([make_record(PARENT, "plan")])
    with pytest.raises(RunError, match=f"there is a run {PARENT} already, and it is not the one in the bundle"):
        await imported(other, data)
    assert len(await other.list_records(PARENT)) == 1
    assert await other.get_run(CHILD) is None


async def test_a_run_whose_process_died_comes_in_as_interrupted(open_store: OpenStore, other: RunStore) -> None:
    run = make_run(CHILD)
    async with open_store() as store:
        async with store.open_run(run, SOURCE):
            await store.settle([make_record(CHILD)])
            with pytest.raises(RunOwnedError, match=f"run {CHILD} is being executed"):
                await exported(store, run)
        assert (await imported(other, await exported(store, run))).run.status is RunStatus.INTERRUPTED


async def test_an_imported_run_can_be_owned_and_gone_on_with(store: RunStore, other: RunStore) -> None:
    await imported(other, await exported(store, await keep_family(store)))
    async with other.take_run(CHILD):
        await other.settle([make_record(CHILD, "more")])
    assert [record.task for record in await other.list_records(CHILD)] == ["plan", "write", "more"]


async def test_the_workflow_is_where_the_import_says(store: RunStore, other: RunStore, tmp_path: Path) -> None:
    data = await exported(store, await keep_family(store))
    done = await imported(other, data, tmp_path)
    assert done.recorded_folder == SOURCE.folder
    assert done.source.folder == str(tmp_path)
    assert done.source.file == str(tmp_path / "flow.yaml")
    parent = await other.get_run(PARENT)
    assert parent is not None
    assert (await other.get_source(parent.workflow_hash)).folder == str(tmp_path)


async def test_a_folder_that_is_here_stays_and_another_becomes_the_current_one(
    store: RunStore, other: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gone = await exported(store, await keep_family(store))
    assert (await imported(other, gone)).source.folder == str(tmp_path)
    async with store.open_run(
        make_run("1here0000000", workflow_hash="aa" * 32), SOURCE.model_copy(update={"folder": "/tmp"})
    ):
        pass
    here = await store.get_run("1here0000000")
    assert here is not None
    assert (await imported(other, await exported(store, here))).source.folder == "/tmp"


async def test_the_file_of_a_workflow_is_in_its_folder_whatever_a_bundle_says(
    store: RunStore, other: RunStore, tmp_path: Path
) -> None:
    for number, (file, expected) in enumerate(
        {"/etc/passwd": "passwd", "../../x.yaml": "x.yaml", "a/..": "", "<memory>": "<memory>", "": ""}.items()
    ):
        source = SOURCE.model_copy(update={"file": file, "folder": str(tmp_path)})
        run = make_run(f"1run{number:08}", workflow_hash=f"{number:064x}")
        async with store.open_run(run, source):
            pass
        done = await imported(other, await exported(store, run))
        assert done.source.file == ("<memory>" if file == "<memory>" else str(tmp_path / expected))


async def test_a_snapshot_is_called_what_it_is_and_not_what_a_bundle_calls_it(store: RunStore, other: RunStore) -> None:
    """A name that is believed would let a bundle put another workflow in the place of one that is yet to come."""
    await imported(other, await exported(store, await keep_family(store)))
    for run in await other.list_runs():
        assert run.workflow_hash not in ("5e" * 32, "6f" * 32)
    with pytest.raises(DamagedDataError):
        await other.get_source("5e" * 32)


# --- what cannot be exported ----------------------------------------------------------------------------------


async def test_a_missing_artifact_is_named_and_there_is_no_bundle(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        run = await keep_family(store)
        large = artifact_file(folder, make_artifact(PARENT, "read[0]"))
        large.unlink()
        with pytest.raises(DamagedDataError, match=rf"artifact {PARENT}~read\[0\]~output is missing"):
            await exported(store, run)


async def test_an_altered_artifact_is_named_and_there_is_no_bundle(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        run = await keep_family(store)
        large = artifact_file(folder, make_artifact(PARENT, "read[0]"))
        large.write_bytes(large.read_bytes().replace(b"xxx", b"xyx", 1))
        with pytest.raises(DamagedDataError, match=rf"artifact {PARENT}~read\[0\]~output is not what was stored"):
            await exported(store, run)


async def test_a_run_that_names_what_is_not_there_has_no_bundle(store: RunStore) -> None:
    async with store.open_run(make_run(CHILD), SOURCE):
        await store.settle([make_record(CHILD, output_artifacts=(f"{CHILD}~plan~output",))])
    run = await store.get_run(CHILD)
    assert run is not None
    with pytest.raises(
        DamagedDataError, match=f"cannot be exported: a record names artifact {CHILD}~plan~output"
    ) as said:
        await exported(store, run)
    assert "imported" not in str(said.value)
    async with store.open_run(make_run(PARENT), SOURCE):
        await store.settle([make_record(PARENT, reused_from="1gone", status=TaskStatus.SKIPPED)])
    run = await store.get_run(PARENT)
    assert run is not None
    with pytest.raises(DamagedDataError, match=f"run {PARENT} was made from run 1gone, which is not in the store"):
        await exported(store, run)


# --- size -----------------------------------------------------------------------------------------------------


async def test_large_contents_are_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    size = 40 * 1024 * 1024
    async with open_sqlite_store(tmp_path / "one") as store, store.open_run(make_run(CHILD), SOURCE):
        await store.settle([], [make_artifact(CHILD, "big", "spam " * (size // 5))])
    with (tmp_path / "run.binex").open("w+b") as file:
        tracemalloc.start()
        try:
            async with open_sqlite_store(tmp_path / "one", read_only=True) as store:
                run = await store.get_run(CHILD)
                assert run is not None
                await write_bundle(store, run, file)
            async with open_sqlite_store(tmp_path / "two") as store:
                await bring_in(store, Bundle.open(file))
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert most < size / 2
    assert damages(tmp_path / "two") == []


async def test_what_packs_like_a_bomb_is_not_packed(folder: Path) -> None:
    size = 96 * 1024 * 1024
    store = MemoryStore()
    async with store.open_run(make_run(CHILD), SOURCE):
        await store.settle([], [make_artifact(CHILD, "big", " " * size)])
    data = await exported(store, make_run(CHILD))
    assert len(data) > size
    await imported(MemoryStore(), data)


# --- a death in the middle ------------------------------------------------------------------------------------

_DYING = """
import io
from binex.stores.bundle_store import Content
from binex.stores.bundles.importing import bring_in
from binex.stores.bundles.reading import Bundle

class Dying(Bundle):
    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name != sys.argv[3] or not Dying.is_armed:
            return found
        Dying.left -= 1
        if Dying.left:
            return found
        def die_at_once():
            die()
            yield
        return die_at_once

Dying.is_armed = False
Dying.left = int(sys.argv[4])
bundle = Dying.open(io.BytesIO(Path(sys.argv[2]).read_bytes()))
async with open_sqlite_store(folder) as store:
    Dying.is_armed = True
    await bring_in(store, bundle)
"""


@pytest.mark.parametrize(
    ("at", "nth"),
    [("artifacts", 1), ("blobs", 1), ("records", 1), ("artifacts", 2), ("blobs", 2), ("calls", 1), ("bookmarks", 1)],
)
async def test_an_import_that_is_killed_has_left_nothing_that_anybody_sees(at: str, nth: int, tmp_path: Path) -> None:
    """Killed while contents are staged, while rows are written, and after files were moved into their places."""
    file = tmp_path / "run.binex"
    store = MemoryStore()
    file.write_bytes(await exported(store, await keep_family(store)))
    place = tmp_path / "killed" / ".binex"
    place.parent.mkdir()
    async with open_sqlite_store(place):
        pass
    process = other_process(_DYING, place, str(file), at, str(nth))
    try:
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == -9
    assert damages(place) == []
    async with open_sqlite_store(place, read_only=True) as other:
        assert await other.list_runs() == []
    if at == "bookmarks":
        assert any("an import that has not ended" in found.message for found in examine(place))
        repair(place)
    else:
        async with open_sqlite_store(place):
            pass
    assert list((place / "tmp").iterdir()) == []
    assert list((place / "artifacts").iterdir()) == []
    async with open_sqlite_store(place) as other:
        await imported(other, file.read_bytes())
        assert await everything(other, CHILD) == await everything(store, CHILD)
    assert damages(place) == []


async def test_an_import_that_fails_leaves_nothing(store: RunStore, tmp_path: Path) -> None:
    """Something else than what was verified is read when it is written: the file was changed meanwhile."""
    data = await exported(store, await keep_family(store))
    file = io.BytesIO(data)
    bundle = Bundle.open(file)
    place = data.index(b"blobs.jsonl") + 60
    async with open_sqlite_store(tmp_path / "other") as other:
        file.getbuffer()[place : place + 20] = os.urandom(20)
        with pytest.raises(InputError, match="the bundle is refused"):
            await bring_in(other, bundle)
        assert await other.list_runs() == []
    assert list((tmp_path / "other" / "tmp").iterdir()) == []
    assert list((tmp_path / "other" / "artifacts").iterdir()) == []
    assert list((tmp_path / "other" / "blobs").glob("*/*")) == []
    assert damages(tmp_path / "other") == []


async def test_a_store_that_may_only_be_read_takes_nothing_in(
    store: RunStore, open_store: OpenStore, tmp_path: Path
) -> None:
    data = await exported(store, await keep_family(store))
    async with open_sqlite_store(tmp_path / "other"):
        pass
    async with open_sqlite_store(tmp_path / "other", read_only=True) as other:
        with pytest.raises(StoreError, match="opened for reading only"):
            await imported(other, data)
    assert list((tmp_path / "other" / "tmp").iterdir()) == []


async def test_what_was_said_comes_in_though_a_cleaning_removed_it_while_the_import_counted_on_it(
    open_store: OpenStore, folder: Path, other: RunStore
) -> None:
    class Cleaned(Bundle):
        """One that lets everything that was said be removed right after it was found to be there."""

        is_armed = False

        def blobs(self) -> Iterator[Content]:
            yield from super().blobs()
            for path in folder.glob("blobs/*/*") if self.is_armed else ():
                path.unlink()
                with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
                    for table in ("calls", "links", "blobs"):
                        connection.execute(f"DELETE FROM {table}")

    data = await exported(other, await keep_family(other))
    async with open_store() as store:
        async with store.open_run(make_run("1a"), SOURCE):
            keep_exchange(store, make_call("1a"), b"z" * LARGE)
        await store.flush()
        assert list(folder.glob("blobs/*/*"))
        bundle = Cleaned.open(io.BytesIO(data))
        Cleaned.is_armed = True
        await bring_in(store, bundle)
        assert await everything(store, PARENT) == await everything(other, PARENT)
    assert damages(folder) == []
