"""How the database of a store is opened: made, brought up to date or refused, as it has to be."""

import sqlite3
from pathlib import Path

from binex.errors import InputError, StoreDamagedError, StoreError
from binex.models.run import Durability
from binex.stores.backends import schema
from binex.stores.backends.failures import DAMAGE_FIX, shown
from binex.stores.backends.filesystem import ARTIFACTS, DATABASE, require_folder


def open_reading(database: Path) -> sqlite3.Connection:
    """A connection to a store that is there, and that this Binex understands; nothing is changed.

    Raises:
        InputError: there is nothing to be read.
        StoreError: it is damaged, or was written by a newer or an older Binex.
        sqlite3.Error: another process is in the way.
    """
    require_store(database)
    version = schema.find_version(database)
    schema.refuse_newer(database, version, len(schema.MIGRATIONS))
    if version < len(schema.MIGRATIONS):
        raise StoreError(
            f"{shown(database)} was written by an older Binex (version {version}) and is not upgraded by looking at it",
            fix="upgrade it, after a backup, with: binex doctor --repair",
        )
    return schema.connect_read_only(database)


def require_store(database: Path) -> None:
    """Refuse where no store is.

    Raises:
        InputError: there is none.
        StoreError: it is damaged, or cannot be used.
    """
    folder = database.parent
    require_folder(folder, for_writing=False)
    if not database.exists():
        _refuse_missing_database(folder)
        raise InputError(
            f"no {DATABASE} in {shown(folder)}: nothing has been run here", fix="run a workflow first (binex run)"
        )


def open_writing(database: Path, durability: Durability) -> sqlite3.Connection:
    """A connection to a store that is made or brought up to date first, where it has to be.

    Raises:
        StoreError: it cannot be written, is damaged or was written by a newer Binex.
        sqlite3.Error: another process is in the way.
    """
    if not database.exists():
        _refuse_missing_database(database.parent)
        schema.create(database, durability)
    schema.refuse_newer(database, schema.find_version(database), len(schema.MIGRATIONS))
    connection = schema.connect(database, durability)
    try:
        if schema.version_of(connection) != len(schema.MIGRATIONS):
            schema.migrate(connection, database)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_missing_database(folder: Path) -> None:
    if any((folder / ARTIFACTS).glob("*")):
        raise StoreDamagedError(
            f"store damaged: {shown(folder / DATABASE)} is gone, though there are artifacts beside it", fix=DAMAGE_FIX
        )
