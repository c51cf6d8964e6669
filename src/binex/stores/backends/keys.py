"""Finding records by their keys: an index that is brought up to date when somebody asks, and costs nothing before."""

import sqlite3
from typing import Any, Final

from binex.errors import DamagedDataError
from binex.models.task import ExecutionRecord
from binex.stores.backends import rows

_CHUNK: Final = 2000
"""How many records one transaction looks at: the event loop waits for it."""
_NEWEST: Final = 256
"""Of more outcomes with one key only so many are looked at: a loop without a cache may have made thousands."""
_NAME: Final = "keys"
_KEY: Final = """
    CASE WHEN json_valid(records.doc) AND json_valid(runs.doc)
        AND json_extract(records.doc, '$.status') = 'completed'
        AND json_extract(records.doc, '$.reused_from') IS NULL
        AND json_extract(records.doc, '$.is_edited') IS NULL
        AND json_extract(runs.doc, '$.is_imported') IS NULL
        AND json_extract(runs.doc, '$.origin.mode') IS NOT 'replay'
    THEN json_extract(records.doc, '$.key') END
"""
"""The key of a record whose outcome may stand for others: executed here, not from a tape, and changed by nobody."""
_ROW: Final = "runs.id, records.task, records.attempt, records.doc"
_OLDER: Final = "runs.seq < (SELECT seq FROM runs WHERE id = ?)"


def index_some(connection: sqlite3.Connection) -> bool:
    """Index the next records; whether there may be more."""
    last = indexed_to(connection)
    found = connection.execute(
        f"SELECT records.seq, {_KEY} FROM records LEFT JOIN runs ON runs.seq = run"
        " WHERE records.seq > ? ORDER BY records.seq LIMIT ?",
        (last, _CHUNK),
    ).fetchall()
    if not found:
        return False
    entries = ((_bytes(key), seq) for seq, key in found if key)
    connection.executemany(
        "INSERT OR IGNORE INTO keys (hash, record) VALUES (?, ?)", [entry for entry in entries if entry[0]]
    )
    connection.execute("INSERT OR REPLACE INTO indexed (name, last) VALUES (?, ?)", (_NAME, found[-1][0]))
    return len(found) == _CHUNK


def indexed_to(connection: sqlite3.Connection) -> int:
    """The number of the last record that is in the index, or could have been."""
    row = connection.execute("SELECT last FROM indexed WHERE name = ?", (_NAME,)).fetchone()
    return 0 if row is None else int(row[0])


def select_indexed(key: str, run_id: str, task: str, *, is_older: bool, limit: int) -> tuple[str, tuple[Any, ...]]:
    """The query for what is in the index."""
    query = (
        f"SELECT {_ROW} FROM (SELECT record FROM keys WHERE hash = ? ORDER BY record DESC LIMIT {_NEWEST}) AS found"
        " JOIN records ON records.seq = found.record JOIN runs ON runs.seq = records.run"
        f" WHERE {_OLDER if is_older else 'runs.id <> ?'}"
        " ORDER BY records.task = ? DESC, records.seq DESC LIMIT ?"
    )
    return query, (_bytes(key), run_id, task, limit)


def select_rest(key: str, run_id: str, *, is_older: bool, after: int, limit: int) -> tuple[str, tuple[Any, ...]]:
    """The query for what is not in the index, since its records came *after* it."""
    query = (
        f"SELECT {_ROW} FROM records JOIN runs ON runs.seq = records.run WHERE records.seq > ?"
        f" AND {_OLDER if is_older else 'runs.id <> ?'} AND {_KEY} = ?"
        " ORDER BY records.seq DESC LIMIT ?"
    )
    return query, (after, run_id, key, limit)


def select_alike(run_id: str, task: str, agent: str) -> tuple[str, tuple[Any, ...]]:
    """The query for an earlier task that completed, at the same path or of the same agent."""
    select = f"SELECT {_ROW} FROM records JOIN runs ON runs.seq = records.run WHERE {_OLDER}"
    has_key = f"{_field('key')} IS NOT NULL AND {_field('status')} = 'completed'"
    if not task:
        query = f"{select} AND {_field('agent')} = ? AND {has_key} ORDER BY records.seq DESC LIMIT 1"
        return query, (run_id, agent)
    query = (
        f"{select} AND runs.workflow = (SELECT workflow FROM runs WHERE id = ?) AND records.task = ? AND {has_key}"
        " ORDER BY runs.seq DESC, records.attempt DESC LIMIT 1"
    )
    return query, (run_id, run_id, task)


def _field(name: str) -> str:
    return f"CASE WHEN json_valid(records.doc) THEN json_extract(records.doc, '$.{name}') END"


def read_with_key(row: tuple[str, str, int, str], key: str) -> ExecutionRecord:
    """The record of a row, which must have the key that it was found by.

    Raises:
        DamagedDataError: it has another one, or cannot be read.
    """
    run_id, task, attempt, doc = row
    record = rows.read_record(run_id, (task, attempt, doc))
    if record.key != key:
        raise DamagedDataError(f"the record of {record.task} in run {run_id} is not the one that was indexed")
    return record


def _bytes(key: str) -> bytes:
    try:
        return bytes.fromhex(key)
    except ValueError:
        return b""
