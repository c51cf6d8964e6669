"""The database: its tables, how an older one is brought up to date, and how a connection to it is opened.

One JSON document a row, a column only for what a query filters or sorts by. Child tables refer to a run by
its number, which is short; an artifact is named by its id without the run's, for the same reason. What was said in
calls belongs to no run: bodies that begin alike share their links, and links their blobs. Keys are an index that is
brought up to date when somebody looks for one; ``indexed`` says which record was the last one then.

So is the index of texts: ``texts`` knows the words of each, ``places`` which artifact or blob a text is, and ``heard``
in which runs a blob was said, first in which call. See ``searching.py``, which also says how rows leave it again.
"""

import itertools
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from binex.errors import RunOwnedError, StoreDamagedError, StoreError, StoreVersionError
from binex.models.run import Durability
from binex.stores.backends.failures import DAMAGE_FIX, is_busy, os_failure, reason_of_refusal, shown, sqlite_failure
from binex.stores.backends.filesystem import (
    BACKUPS,
    DATABASE,
    TEMPORARY,
    create_private_file,
    make_private_folder,
    reporting,
    sync_folder,
    temporary_name,
)
from binex.stores.backends.lease import live_owners

APPLICATION_ID: Final = 0x42696E78  # "Binx"
_PAGE_BYTES: Final = 2048
"""A small outcome touches five pages, and every page that is touched is summed and written whole: half of SQLite's
usual page makes its commit a fifth quicker. Smaller ones would make contents of many kilobytes dearer."""
_LOG_BYTES: Final = 16 * 1024 * 1024

MIGRATIONS: Final = (
    """
    CREATE TABLE runs (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        workflow TEXT NOT NULL,
        status TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        is_confirmed INTEGER NOT NULL DEFAULT 0,
        doc TEXT NOT NULL
    );
    CREATE INDEX runs_of_workflow ON runs (workflow);
    CREATE INDEX runs_unconfirmed ON runs (seq) WHERE is_confirmed = 0;
    CREATE TABLE workflows (
        hash TEXT PRIMARY KEY,
        sha256 BLOB NOT NULL,
        doc TEXT NOT NULL
    );
    CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (seq),
        task TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        doc TEXT NOT NULL,
        UNIQUE (run, task, attempt)
    );
    CREATE TABLE artifacts (
        seq INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (seq),
        name TEXT NOT NULL,
        place TEXT NOT NULL,
        is_confirmed INTEGER NOT NULL,
        size INTEGER NOT NULL,
        file_size INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        doc TEXT NOT NULL,
        content BLOB,
        UNIQUE (run, name)
    );
    CREATE TABLE running (
        seq INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (seq),
        task TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        doc TEXT NOT NULL,
        UNIQUE (run, task, attempt)
    );
    """,
    """
    CREATE TABLE calls (
        seq INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (seq),
        task TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        number INTEGER NOT NULL,
        doc TEXT NOT NULL,
        UNIQUE (run, task, attempt, number)
    );
    CREATE TABLE links (
        id BLOB PRIMARY KEY,
        previous BLOB NOT NULL,
        blob BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE blobs (
        seq INTEGER PRIMARY KEY,
        sha256 BLOB NOT NULL UNIQUE,
        size INTEGER NOT NULL,
        content BLOB
    );
    CREATE TABLE questions (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        run INTEGER NOT NULL REFERENCES runs (seq),
        task TEXT NOT NULL,
        state TEXT NOT NULL,
        doc TEXT NOT NULL
    );
    CREATE INDEX questions_of_run ON questions (run);
    CREATE INDEX questions_open ON questions (seq) WHERE state = 'open';
    CREATE TABLE bookmarks (
        seq INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (seq),
        task TEXT NOT NULL,
        name TEXT NOT NULL,
        doc TEXT NOT NULL,
        UNIQUE (run, task, name)
    );
    """,
    """
    CREATE TABLE keys (
        hash BLOB NOT NULL,
        record INTEGER NOT NULL REFERENCES records (seq),
        PRIMARY KEY (hash, record)
    ) WITHOUT ROWID;
    CREATE TABLE indexed (
        name TEXT PRIMARY KEY,
        last INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE kept (run INTEGER PRIMARY KEY REFERENCES runs (seq), name TEXT UNIQUE);
    CREATE VIRTUAL TABLE texts USING fts5 (words, content = '', tokenize = 'ascii');
    CREATE TABLE places (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        run INTEGER,
        artifact INTEGER,
        blob INTEGER
    );
    CREATE UNIQUE INDEX places_of_blobs ON places (blob) WHERE blob IS NOT NULL;
    CREATE INDEX places_of_runs ON places (run) WHERE run IS NOT NULL;
    CREATE TABLE heard (
        blob INTEGER NOT NULL,
        run INTEGER NOT NULL,
        call INTEGER NOT NULL,
        is_response INTEGER NOT NULL,
        PRIMARY KEY (blob, run)
    ) WITHOUT ROWID;
    CREATE INDEX heard_in_runs ON heard (run);
    """,
)
"""What brings a database from version N to N + 1, at index N. A released entry is never changed."""


# --- before anything is opened ------------------------------------------------------------------------------


def find_version(database: Path) -> int:
    """The version of the schema in *database*, which is not touched.

    Raises:
        sqlite3.Error: another process is in the way.
        StoreDamagedError: it is empty or not a database.
        StoreError: it is a database, but not one of Binex, or cannot be read.
    """
    with reporting("read", database):
        size = database.stat().st_size
    if size == 0:
        raise StoreDamagedError(f"store damaged: {shown(database)} is empty (0 bytes)", fix=DAMAGE_FIX)
    # Through SQLite, because closing a file of our own would end the locks of other connections in this process.
    try:
        with closing(connect_read_only(database, leave_untouched=True)) as connection:
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = version_of(connection)
    except sqlite3.Error as error:
        if is_busy(error):
            raise
        raise sqlite_failure("read", database, error) from error
    if application != APPLICATION_ID:
        raise StoreError(
            f"{shown(database)} is a database, but it was not made by this generation of Binex",
            fix="move it away, or use another folder with --dir",
        )
    return version


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the schema."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_newer(database: Path, version: int, known: int) -> None:
    """Raise StoreVersionError where *version* is beyond the *known* one."""
    if version > known:
        raise StoreVersionError(
            f"{shown(database)} was written by a newer Binex: it has version {version}, this one knows {known};"
            " nothing was touched",
            fix="upgrade Binex (pip install --upgrade binex); the artifacts beside it can be read as they are,"
            f" one JSON file each, below {shown(database.with_name('artifacts'))}",
        )


# --- making and upgrading -----------------------------------------------------------------------------------


def create(database: Path, durability: Durability, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Make a new database, complete from the first moment that it has its name; leave one that is there.

    Raises:
        StoreError: it cannot be written.
    """
    temporary = database.parent / TEMPORARY / temporary_name("new.db")
    try:
        file = create_private_file(temporary)
        try:
            with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous=OFF")
                connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                _upgrade(connection, 0, migrations)
                connection.execute("PRAGMA journal_mode=WAL")
            if durability is Durability.FULL:
                os.fsync(file)
            with suppress(FileExistsError):  # another process was quicker
                os.link(temporary, database)
        finally:
            os.close(file)
            temporary.unlink(missing_ok=True)
        if durability is Durability.FULL:
            sync_folder(database.parent)
            with suppress(PermissionError):  # a folder may be written and not opened
                sync_folder(database.parent.parent)  # where the store's folder may be new as well
    except OSError as error:
        raise os_failure("write", database, error) from error
    except sqlite3.Error as error:
        raise sqlite_failure("write", database, error) from error


def migrate(connection: sqlite3.Connection, database: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring an older database up to date, whole or not at all, after a backup beside it.

    Raises:
        sqlite3.Error: the database is busy or cannot be written; it is as it was.
        RunOwnedError: a live process executes a run in it, and would not understand the new version.
        StoreError: the backup cannot be written.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection)
        refuse_newer(database, version, len(migrations))
        if version < len(migrations):
            for owner in live_owners(database.parent):
                raise RunOwnedError(
                    f"{shown(database)} has version {version} and must be upgraded to {len(migrations)}, but {owner}",
                    fix="let that run end first, or cancel it",
                )
            _back_up(database, version)
            _upgrade(connection, version, migrations)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _upgrade(connection: sqlite3.Connection, version: int, migrations: Sequence[str]) -> None:
    for script in migrations[version:]:
        for statement in script.split(";"):
            if statement.strip():
                connection.execute(statement)
    connection.execute(f"PRAGMA user_version={len(migrations)}")


def _back_up(database: Path, version: int) -> None:
    """Copy the database as it was last committed, to ``backups/binex.db.v{version}``."""
    backup = database.parent / BACKUPS / f"{DATABASE}.v{version}"
    temporary = database.parent / TEMPORARY / temporary_name("backup.db")
    with reporting("write", backup):
        make_private_folder(database.parent / TEMPORARY)
        make_private_folder(backup.parent)
        temporary.unlink(missing_ok=True)
        file = create_private_file(temporary)
        try:
            with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(temporary)) as target:
                source.backup(target)
            os.fsync(file)
            temporary.rename(backup)
            sync_folder(backup.parent)
        finally:
            os.close(file)
            temporary.unlink(missing_ok=True)


def keep_damaged(database: Path) -> Path:
    """Copy a database with its log to ``backups``, byte for byte; where to.

    Raises:
        OSError: it cannot be copied.
    """
    folder = database.parent / BACKUPS
    make_private_folder(folder)
    number = next(n for n in itertools.count(1) if not (folder / f"{DATABASE}.damaged{n}").exists())
    copy = folder / f"{DATABASE}.damaged{number}"
    for end in ("-wal", "-shm", ""):
        if Path(f"{database}{end}").exists():
            os.close(create_private_file(Path(f"{copy}{end}")))
            shutil.copyfile(f"{database}{end}", f"{copy}{end}")
    return copy


# --- connections --------------------------------------------------------------------------------------------


def connect(database: Path, durability: Durability) -> sqlite3.Connection:
    """A connection for writing, which never waits by itself: who uses it decides how to wait.

    Raises:
        sqlite3.Error: the database is busy or cannot be opened.
        StoreError: it can only be read.
    """
    if not (os.access(database, os.R_OK | os.W_OK) and os.access(database.parent, os.W_OK)):
        raise os_failure("write", database, reason_of_refusal(database))  # SQLite would quietly open it for reading
    connection = sqlite3.connect(
        f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute(f"PRAGMA synchronous={'FULL' if durability is Durability.FULL else 'NORMAL'}")
        # A checkpoint syncs twice, whatever it moves; seldom is cheaper. In return the log grows to 16 MB.
        connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_BYTES // _PAGE_BYTES}")
        connection.execute("PRAGMA journal_size_limit=67108864")
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":  # doctor and other tools may have left it otherwise
            connection.execute("PRAGMA journal_mode=WAL")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(database: Path, *, leave_untouched: bool = False) -> sqlite3.Connection:
    """A connection that cannot write; works in a folder that cannot be written, too.

    With *leave_untouched* it makes no files beside the database either, for as long as nobody writes to it.

    Raises:
        sqlite3.Error: the database cannot be opened.
    """
    address = f"{database.absolute().as_uri()}?mode=ro"
    log = Path(f"{database}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    if leave_untouched and not has_log:
        return _connect_reading(f"{address}&immutable=1")
    try:
        return _connect_reading(address)
    except sqlite3.OperationalError as error:
        # Without a place for SQLite's shared index, only a database without a log can be read where it lies.
        refused = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR)
        if error.sqlite_errorcode & 0xFF not in refused or has_log:
            raise
        return _connect_reading(f"{address}&immutable=1")


def _connect_reading(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
