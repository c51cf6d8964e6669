"""What is wrong with a store, and what can be done about it.

:func:`examine` changes nothing. :func:`repair` sets right what can be set right without losing anything.
:func:`salvage` builds a new database from all that can still be read of a damaged one, which it keeps.
"""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from binex.errors import DamagedDataError, RunOwnedError, StoreDamagedError
from binex.models.run import Durability
from binex.stores.backends import schema
from binex.stores.backends.body_examination import remove_orphans
from binex.stores.backends.examination import (
    SALVAGE,
    dead_temporaries,
    findings_in,
    integrity,
    is_content,
    ours,
)
from binex.stores.backends.failures import shown, sqlite_failure
from binex.stores.backends.filesystem import (
    ARTIFACTS,
    BLOBS,
    DATABASE,
    LOCKS,
    Mirror,
    artifact_path,
    prepare_folder,
    read_content,
    reporting,
    require_folder,
)
from binex.stores.backends.findings import Finding, Severity, damage, info, of
from binex.stores.backends.importing import clear_unfinished, unfinished_imports
from binex.stores.backends.lease import live_owners, remove_lock
from binex.stores.backends.repair import Repair, UnconfirmedRun
from binex.stores.backends.salvage import rescue
from binex.stores.backends.searching import is_sound, rebuild, remake

__all__ = ["Finding", "Severity", "examine", "repair", "salvage"]


def examine(folder: Path) -> list[Finding]:
    """Everything that is wrong with the store in *folder*, worst first; nothing is changed.

    Raises:
        InputError: there is no store.
    """
    if not folder.is_symlink() and not folder.exists():
        require_folder(folder, for_writing=False)
    order = list(Severity)
    return sorted(findings_in(folder), key=lambda finding: order.index(finding.severity))


def repair(folder: Path) -> list[Finding]:
    """Set right what can be without losing anything; what was done.

    Restores missing artifact files from the database and lost contents in the database from their files, rebuilds
    damaged indexes, upgrades an older store, tightens permissions, removes what dead processes left: temporary files,
    locks, and the files of blobs that no commit names.

    Raises:
        InputError: there is no store.
        StoreError: the store cannot be written, or what is wrong cannot be repaired; the fix says what can be done.
        RunOwnedError: a live process executes a run.
    """
    require_folder(folder, for_writing=True)
    _require_quiet(folder)
    done = [*_tighten(folder), *_clear_away(folder)]
    database = folder / DATABASE
    if not database.exists() and not any((folder / ARTIFACTS).glob("*")):
        return done
    if not database.exists():
        raise StoreDamagedError(f"store damaged: {shown(database)} is gone and cannot be repaired", fix=SALVAGE)
    prepare_folder(folder)
    version = schema.find_version(database)
    schema.refuse_newer(database, version, len(schema.MIGRATIONS))
    try:
        with closing(schema.connect_read_only(database)) as connection:
            problems = integrity(connection)
        if problems:
            copy = schema.keep_damaged(database)
            done.append(info(shown(database), f"a copy of it, as it was, is {shown(copy)}"))
        with closing(schema.connect(database, Durability.FULL)) as connection:
            if version < len(schema.MIGRATIONS):
                schema.migrate(connection, database)
                message = f"upgraded from version {version} to {len(schema.MIGRATIONS)}"
                done.append(info(shown(database), f"{message}; the old one is in {shown(folder / 'backups')}"))
            if not is_sound(connection):
                connection.execute("BEGIN IMMEDIATE")
                remake(connection)
                connection.execute("COMMIT")
                done.append(info(shown(database), "its index of texts was emptied; the next search fills it again"))
            if problems:
                connection.execute("REINDEX")
                connection.execute("VACUUM")  # gives back the pages that belong to nothing now
                if integrity(connection):
                    raise StoreDamagedError(
                        f"store damaged: {shown(database)} cannot be repaired: {problems[0]}", fix=SALVAGE
                    )
                done.append(info(shown(database), f"indexes were built again; before: {problems[0]}"))
            with reporting("change", folder / ARTIFACTS):
                for path in clear_unfinished(connection, folder):
                    done.append(info(shown(path), "was removed: an import or a removal that died has left it"))
            done += _restore_contents(connection, folder)
            done += _restore_files(connection, folder)
            with reporting("change", folder / BLOBS):
                for path in remove_orphans(connection, folder):
                    done.append(info(shown(path), "was removed: no call names it"))
    except sqlite3.Error as error:
        raise sqlite_failure("repair", database, error) from error
    return done


def salvage(folder: Path) -> list[Finding]:
    """Build a new database from what can be read of the old one and of the artifact files; what was saved and lost.

    The old one is kept in ``backups``, as it is.

    Raises:
        InputError: there is no store.
        StoreError: the new one cannot be written; the old one stays where it is.
        RunOwnedError: a live process executes a run.
    """
    require_folder(folder, for_writing=True)
    _require_quiet(folder)
    prepare_folder(folder)
    report = rescue(folder)
    done = [info(shown(folder / DATABASE), line) for line in report.saved]
    done += [damage(shown(folder / DATABASE), line) for line in report.lost]
    return done


# --- repairing ----------------------------------------------------------------------------------------------


def _require_quiet(folder: Path) -> None:
    for owner in live_owners(folder):
        raise RunOwnedError(str(owner), fix=f"let it end, or stop it with: binex cancel {owner.run_id}")


def _tighten(folder: Path) -> Iterator[Finding]:
    for path in ours(folder):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode & 0o077 and not path.is_symlink():
            with reporting("change", path):
                path.chmod(mode & 0o700)
            yield info(shown(path), f"is its owner's alone now (its mode was {mode:04o})")


def _clear_away(folder: Path) -> Iterator[Finding]:
    marks = unfinished_imports(folder)  # they say whose files these are, which only the database can confirm
    for path in dead_temporaries(folder):
        if path in marks:
            continue
        path.unlink(missing_ok=True)
        yield info(shown(path), "was removed: its process is gone")
    locks = folder / LOCKS
    for name in sorted({path.name.removesuffix(".control") for path in locks.iterdir()} if locks.is_dir() else ()):
        run_id, _, epoch = name.rpartition(".")
        if epoch.isdecimal():
            remove_lock(folder, run_id, int(epoch))
            yield info(shown(locks / name), "was removed: its process is gone")


def _restore_contents(connection: sqlite3.Connection, folder: Path) -> list[Finding]:
    """Put contents back into the database whose copies in files are sound."""
    done = []
    restored = []
    bad = [
        (seq, f"{run_id}~{name}", run_id, size, sha256)
        for seq, run_id, name, size, sha256, content in connection.execute(
            "SELECT artifacts.seq, id, name, size, sha256, content FROM artifacts JOIN runs ON runs.seq = run"
            " WHERE content IS NOT NULL"
        )
        if not is_content(content, sha256)
    ]
    for seq, id, run_id, size, sha256 in bad:
        try:
            content = read_content(artifact_path(folder, run_id, id), id, size, sha256.hex())
        except DamagedDataError as error:
            done.append(of(error, id))
            continue
        restored.append((content, seq))
        done.append(info(id, "its content in the database was restored from its file"))
    if restored:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("UPDATE artifacts SET content = ? WHERE seq = ?", restored)
        rebuild(connection)  # it may have the words of what stood there
        connection.execute("COMMIT")
    return done


def _restore_files(connection: sqlite3.Connection, folder: Path) -> list[Finding]:
    done: list[Finding] = []
    mirror = Mirror(folder)
    work = Repair(connection, folder, mirror, lambda message: done.append(damage("row", message)))
    try:
        for row in connection.execute("SELECT seq, id, epoch FROM runs WHERE is_confirmed = 0").fetchall():
            run = UnconfirmedRun._make(row)
            with reporting("write", folder / ARTIFACTS / run.id):
                restored = work.restore(run)
            if restored:
                done.append(info(f"run {run.id}", f"{restored} artifact files were written again from the database"))
    finally:
        mirror.close()
    return done
