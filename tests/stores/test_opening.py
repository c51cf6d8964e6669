"""Opening a store: what is made, what is upgraded, and what is refused untouched."""

import hashlib
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from binex.errors import BinexError, InputError, RunOwnedError, StoreDamagedError, StoreError, StoreVersionError
from binex.models.run import Durability
from binex.stores.backends import schema
from binex.stores.backends.sqlite import open_sqlite_store
from tests.stores.making import SOURCE, OpenStore, ended, finish, heard, keep_run, make_record, make_run

OLD = "CREATE TABLE runs (id TEXT, note TEXT)"
NEW = "ALTER TABLE runs ADD COLUMN seq INTEGER; UPDATE runs SET seq = rowid; CREATE TABLE records (doc TEXT)"


def content_of(folder: Path) -> dict[str, str]:
    """The hash of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")
    }


async def refused(open_store: OpenStore, error: type[BinexError], text: str, **options: Any) -> BinexError:
    with pytest.raises(error, match=text) as caught:
        async with open_store(**options) as store:
            await store.list_runs()
            for run in await store.list_runs(limit=100):
                await store.list_records(run.id)
                await store.list_artifacts(run.id)
    return caught.value


# --- a new store --------------------------------------------------------------------------------------------


async def test_a_store_is_made_where_there_is_none(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        assert await store.list_runs() == []
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
        assert connection.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert list((folder / "tmp").iterdir()) == []


async def test_a_store_is_made_below_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    from binex.stores.backends.sqlite import open_sqlite_store

    async with open_sqlite_store(tmp_path / "a" / "b" / ".binex") as store:
        assert await store.list_runs() == []


def test_processes_that_make_a_store_at_once_make_the_same_one(folder: Path, start: Any) -> None:
    body = """
        say("ready")
        sys.stdin.readline()
        async with open_sqlite_store(folder) as store:
            async with store.open_run(make_run(), SOURCE):
                pass
    """
    processes = [start(body) for _ in range(4)]
    for process in processes:
        assert heard(process) == "ready"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        finish(process)
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (4,)


# --- what is no store ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_file_a_link_and_a_stranger_s_folder_are_refused(
    open_store: OpenStore, folder: Path, tmp_path: Path, read_only: bool
) -> None:
    folder.write_text("mine")
    await refused(open_store, StoreError, r"\.binex is a file, not a folder", read_only=read_only)
    assert folder.read_text() == "mine"
    folder.unlink()
    (tmp_path / "real").mkdir()
    folder.symlink_to(tmp_path / "real")
    await refused(open_store, StoreError, r"\.binex is a symbolic link", read_only=read_only)
    assert list((tmp_path / "real").iterdir()) == []
    folder.unlink()
    folder.symlink_to(tmp_path / "nowhere")
    await refused(open_store, StoreError, r"\.binex is a symbolic link", read_only=read_only)


async def test_a_place_where_no_folder_can_be_made_is_named_with_the_reason(
    folder: Path,
) -> None:
    folder.parent.joinpath("taken").write_text("mine")
    with pytest.raises(StoreError, match=r"^cannot write .*taken/deep/\.binex: Not a directory$"):
        async with open_sqlite_store(folder.parent / "taken" / "deep" / ".binex"):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
async def test_a_folder_of_another_user_is_only_read(open_store: OpenStore, folder: Path) -> None:
    await keep_run(open_store, make_run())
    os.chown(folder, 65534, 65534)
    await refused(open_store, StoreError, r"\.binex belongs to another user \(uid 65534\)")
    async with open_store(read_only=True) as store:
        assert len(await store.list_runs()) == 1


async def test_nothing_to_read_is_said_and_nothing_is_made(open_store: OpenStore, folder: Path) -> None:
    error = await refused(open_store, InputError, r"no \.binex folder in .*: nothing has been run here", read_only=True)
    assert error.exit_code == 2 and error.fix
    assert not folder.exists()
    folder.mkdir()
    await refused(open_store, InputError, r"no binex\.db in .*: nothing has been run here", read_only=True)
    assert list(folder.iterdir()) == []


async def test_another_program_s_database_is_refused_untouched(open_store: OpenStore, folder: Path) -> None:
    folder.mkdir()
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        connection.execute("CREATE TABLE executions (id TEXT)")
    before = content_of(folder)["binex.db"]
    for read_only in (True, False):
        await refused(open_store, StoreError, "was not made by this generation of Binex", read_only=read_only)
    assert content_of(folder)["binex.db"] == before


# --- reading only -------------------------------------------------------------------------------------------


async def test_reading_writes_nothing(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    (artifact, *_) = await keep_run(open_store, run)
    before = content_of(folder)
    async with open_store(read_only=True) as store:
        assert (await store.list_runs())[0].id == run.id
        assert await store.get(artifact.id) == artifact
        for writing in (store.record(make_record(run.id)), store.save_run(run), store.store(artifact)):
            with pytest.raises(StoreError, match="was opened for reading only"):
                await writing
        with pytest.raises(StoreError, match="was opened for reading only"):
            async with store.take_run(run.id):
                pytest.fail("it was taken")
        await store.flush()
    assert {name: hash for name, hash in content_of(folder).items() if not name.endswith("-wal")} == before


async def test_what_another_process_commits_is_read_at_once(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    async with open_store() as writer, writer.open_run(run, SOURCE), open_store(read_only=True) as reader:
        for number in range(3):
            await writer.record(make_record(run.id, f"t{number}"))
            assert len(await reader.list_records(run.id)) == number + 1


@pytest.mark.parametrize("has_log", [False, True])
async def test_a_folder_that_cannot_be_written_is_read_and_says_why_it_is_not_written(
    mount: Any, has_log: bool, start: Any
) -> None:
    from binex.stores.backends.sqlite import open_sqlite_store

    folder = mount("size=4m") / ".binex"
    async with open_sqlite_store(folder) as store, store.open_run(make_run("therun"), SOURCE):
        await store.record(make_record("therun"))
    if has_log:
        process = start("""
            async with open_sqlite_store(Path(sys.argv[2])) as store:
                async with store.take_run("therun"):
                    await store.record(make_record("therun", "more"))
                    die()
        """, str(folder))  # fmt: skip
        assert await ended(process) == -signal.SIGKILL
    mount.read_only()
    with pytest.raises(StoreError, match=r"cannot write .*: Read-only file system") as caught:
        async with open_sqlite_store(folder):
            pytest.fail("it was opened")
    assert caught.value.fix and "--dir" in caught.value.fix
    async with open_sqlite_store(folder, read_only=True) as store:
        assert [run.id for run in await store.list_runs()] == ["therun"]
        assert len(await store.list_records("therun")) == (2 if has_log else 1)


async def test_a_second_store_in_one_process_does_not_take_the_first_one_s_locks_away(
    open_store: OpenStore, folder: Path, start: Any
) -> None:
    run = make_run()
    async with open_store() as first, first.open_run(run, SOURCE):
        for read_only in (True, False):
            async with open_store(read_only=read_only) as second:
                assert await second.get_run(run.id) == run
        # Would this process think that it is alone, it would remove the log at its end.
        finish(start("async with open_sqlite_store(folder) as store: pass"))
        assert (folder / "binex.db-wal").exists()
        await first.record(make_record(run.id))
    async with open_store(read_only=True) as store:
        assert len(await store.list_records(run.id)) == 1


# --- older and newer stores ---------------------------------------------------------------------------------


def make_old(folder: Path) -> Path:
    """A store of an earlier version, with something in it."""
    folder.mkdir()
    (folder / "tmp").mkdir()
    database = folder / "binex.db"
    schema.create(database, Durability.NORMAL, [OLD])
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO runs VALUES ('a', 'x'), ('b', 'y')")
    return database


def is_old(database: Path) -> bool:
    """Whether the database is whole and of the earlier version; the later one otherwise, as whole."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
        assert columns == ["id", "note"] + ["seq"] * (version == 2)
        assert tables == {"runs", "records"} if version == 2 else {"runs"}
        assert connection.execute("SELECT id, note FROM runs").fetchall() == [("a", "x"), ("b", "y")]
        return bool(version == 1)


def test_an_older_store_is_upgraded_after_a_backup(folder: Path) -> None:
    database = make_old(folder)
    with closing(schema.connect(database, Durability.NORMAL)) as connection:
        schema.migrate(connection, database, [OLD, NEW])
        assert connection.execute("SELECT id, note, seq FROM runs").fetchall() == [("a", "x", 1), ("b", "y", 2)]
    assert not is_old(database)
    backup = folder / "backups" / "binex.db.v1"
    assert is_old(backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert list((folder / "tmp").iterdir()) == []


def test_an_upgrade_that_fails_changes_nothing(folder: Path) -> None:
    database = make_old(folder)
    connection = schema.connect(database, Durability.NORMAL)
    with closing(connection), pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, database, [OLD, NEW + "; CREATE NONSENSE"])
    assert is_old(database)


@pytest.mark.parametrize("step", ["start", "middle", "end"])
async def test_an_upgrade_that_is_killed_leaves_the_old_store(folder: Path, start: Any, step: str) -> None:
    database = make_old(folder)
    parts = NEW.split(";")
    parts.insert({"start": 0, "middle": 2, "end": 3}[step], "SELECT kill_me()")
    process = start(
        """
        from binex.stores.backends import schema
        connection = schema.connect(folder / "binex.db", Durability.FULL)
        connection.create_function("kill_me", 0, die)
        schema.migrate(connection, folder / "binex.db", sys.argv[2:])
        """,
        OLD,
        ";".join(parts),
    )
    assert await ended(process) == -signal.SIGKILL
    assert is_old(database)
    assert is_old(folder / "backups" / "binex.db.v1")
    with closing(schema.connect(database, Durability.FULL)) as connection:
        schema.migrate(connection, database, [OLD, NEW])
    assert not is_old(database)


def test_of_two_processes_that_upgrade_one_does_and_both_go_on(folder: Path, start: Any) -> None:
    database = make_old(folder)
    body = """
        from binex.stores.backends import schema
        from binex.stores.backends.reader import patiently
        def upgrade():
            connection = schema.connect(folder / "binex.db", Durability.FULL)
            try:
                schema.migrate(connection, folder / "binex.db", sys.argv[2:])
            finally:
                connection.close()
        await patiently(upgrade, "write", folder / "binex.db", 20)
    """
    processes = [start(body, OLD, NEW) for _ in range(2)]
    for process in processes:
        finish(process)
    assert not is_old(database)
    assert is_old(folder / "backups" / "binex.db.v1")


def test_a_store_is_not_upgraded_under_a_live_run(folder: Path, tmp_path: Path, start: Any) -> None:
    owner = start("""
        async with open_sqlite_store(folder) as store:
            async with store.open_run(make_run("therun"), SOURCE):
                say("owned")
                sys.stdin.readline()
    """)
    assert heard(owner) == "owned"
    database = folder / "binex.db"
    text = f"must be upgraded .* run therun is executed by pid {owner.pid}"
    connection = schema.connect(database, Durability.NORMAL)
    with closing(connection), pytest.raises(RunOwnedError, match=text):
        schema.migrate(connection, database, [*schema.MIGRATIONS, "CREATE TABLE more (x)"])
    owner.communicate("end\n")
    with closing(schema.connect(database, Durability.NORMAL)) as connection:
        schema.migrate(connection, database, [*schema.MIGRATIONS, "CREATE TABLE more (x)"])


@pytest.mark.parametrize("in_log_only", [False, True])
async def test_a_newer_store_is_refused_byte_for_byte_untouched(
    open_store: OpenStore, folder: Path, start: Any, in_log_only: bool
) -> None:
    await keep_run(open_store, make_run())
    newer = len(schema.MIGRATIONS) + 1
    process = start(
        f"""
        import sqlite3
        connection = sqlite3.connect(folder / "binex.db", isolation_level=None)
        connection.execute("PRAGMA user_version={newer}")
        {"die()" if in_log_only else "connection.close()"}
        """
    )
    await ended(process)
    assert ((folder / "binex.db-wal").exists() and (folder / "binex.db-wal").stat().st_size > 0) == in_log_only
    before = content_of(folder)
    for read_only in (True, False):
        error = await refused(
            open_store,
            StoreVersionError,
            rf"was written by a newer Binex: it has version {newer}, this one knows {newer - 1}; nothing was touched",
            read_only=read_only,
        )
        assert error.exit_code == 3 and error.fix and "upgrade Binex" in error.fix
    assert content_of(folder) == before


async def test_an_older_store_is_not_upgraded_by_reading(open_store: OpenStore, folder: Path) -> None:
    database = make_old(folder)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version=0")
    before = content_of(folder)
    await refused(open_store, StoreError, "was written by an older Binex", read_only=True)
    assert content_of(folder) == before


# --- damaged stores -----------------------------------------------------------------------------------------


def cut_to_nothing(folder: Path) -> None:
    (folder / "binex.db").write_bytes(b"")


def replace_by_text(folder: Path) -> None:
    (folder / "binex.db").write_bytes(b"not a database, but long enough to be looked at as if it were one. " * 100)


def cut_short(folder: Path) -> None:
    database = folder / "binex.db"
    database.write_bytes(database.read_bytes()[:5000])


def overwrite_pages(folder: Path) -> None:
    whole = bytearray((folder / "binex.db").read_bytes())
    page_bytes = int.from_bytes(whole[16:18])
    for at in range(2 * page_bytes, len(whole), page_bytes):
        whole[at : at + 200] = b"\xa5" * 200
    (folder / "binex.db").write_bytes(whole)


def overwrite_header(folder: Path) -> None:
    whole = bytearray((folder / "binex.db").read_bytes())
    whole[16:60] = b"\xff" * 44
    (folder / "binex.db").write_bytes(whole)


def overwrite_schema(folder: Path) -> None:
    whole = bytearray((folder / "binex.db").read_bytes())
    page_bytes = int.from_bytes(whole[16:18])
    whole[100:page_bytes] = os.urandom(page_bytes - 100)
    (folder / "binex.db").write_bytes(whole)


def remove_database(folder: Path) -> None:
    (folder / "binex.db").unlink()


HARMS: list[Callable[[Path], None]] = [
    cut_to_nothing, replace_by_text, cut_short, overwrite_pages, overwrite_header, overwrite_schema, remove_database,
]  # fmt: skip


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("harm", HARMS)
async def test_a_damaged_store_is_named_and_not_overwritten(
    open_store: OpenStore, folder: Path, harm: Callable[[Path], None], read_only: bool
) -> None:
    await keep_run(open_store, make_run(), tasks=30)
    harm(folder)
    before = content_of(folder)
    error = await refused(open_store, StoreDamagedError, r"^store damaged: .*binex\.db", read_only=read_only)
    assert error.exit_code == 3
    assert error.fix and "binex doctor --repair" in error.fix and "--salvage" in error.fix
    after = {name: hash for name, hash in content_of(folder).items() if not name.endswith("-wal")}
    assert after == before


@pytest.mark.parametrize("part", ["header", "half", "all"])
async def test_a_cut_log_loses_what_it_held_and_is_told(
    open_store: OpenStore, folder: Path, start: Any, notices: list[str], part: str
) -> None:
    async with open_store() as store, store.open_run(make_run("therun"), SOURCE):
        pass
    process = start("""
        async with open_sqlite_store(folder) as store:
            async with store.take_run("therun"):
                for number in range(20):
                    artifact = make_artifact("therun", f"t{number}")
                    await store.settle([make_record("therun", artifact.task)], [artifact])
                    await store.flush()
                die()
    """)
    assert await ended(process) == -signal.SIGKILL
    log = folder / "binex.db-wal"
    whole = log.read_bytes()
    log.write_bytes(whole[: {"header": 20, "half": len(whole) // 2, "all": 0}[part]])
    async with open_store() as store, store.take_run("therun"):
        kept = await store.list_records("therun")
        assert len(kept) < 20
        for info in await store.list_artifacts("therun"):
            assert await store.get(info.id) is not None
    (notice,) = notices
    assert notice.startswith(f"run therun: {20 - len(kept)} artifact files have no record; their commits were lost")


async def test_a_copy_made_while_a_run_goes_on_is_whole(open_store: OpenStore, folder: Path, tmp_path: Path) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE):
        await store.record(make_record(run.id, "a"))
        source, target = sqlite3.connect(folder / "binex.db"), sqlite3.connect(tmp_path / "copy.db")
        with closing(source), closing(target):
            source.backup(target)
        await store.record(make_record(run.id, "b"))
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT task FROM records").fetchall() == [("a",)]


def test_importing_the_store_loads_nothing_heavy() -> None:
    import subprocess

    code = "import sys, binex.stores.backends.sqlite; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"click", "rich", "yaml", "multiprocessing", "http", "urllib.request"} & set(loaded)
