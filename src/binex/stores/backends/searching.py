"""The index of texts: brought up to date when somebody searches, so that executing a run pays nothing for it.

A text is the content of an artifact, or a blob: a part of what was said in calls, which many runs may share. The index
itself (FTS5, without the texts) is written in pieces, each a short transaction; what has to be read and cut into words
for a piece is read before. Rows of artifacts and calls are taken in the order of their numbers, and ``indexed`` says
which was the last one.

Texts cannot be taken out of an FTS5 table that does not have them. They need not be: the number of a text is never
given again, and what is no longer in ``places`` is not found. So whoever deletes runs, artifacts, calls or blobs calls
:func:`forget` in the same transaction, which also starts afresh where more has gone than is left.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from binex.errors import DamagedDataError, StoreError
from binex.stores.backends.bodies import Blob, read_blob
from binex.stores.backends.failures import is_busy
from binex.stores.backends.filesystem import artifact_path, read_content
from binex.stores.backends.statements import removals_in
from binex.stores.spoken import text_of_body
from binex.stores.wording import decode_text, words_of

ARTIFACTS: Final = "texts of artifacts"
CALLS: Final = "texts of calls"
_TABLES: Final = {ARTIFACTS: "artifacts", CALLS: "calls"}
_CHUNK: Final = 1000
"""So many artifacts, or calls, are looked at for one transaction."""
_CHUNK_BYTES: Final = 4 * 1024 * 1024
"""No more texts are taken into one transaction once they have so many bytes."""
_JSON: Final = "application/json"
_PLACE_OF_ARTIFACT: Final = (
    "INSERT INTO places (run, artifact) SELECT run, seq FROM artifacts WHERE run = ? AND seq = ?"
)
_PLACE_OF_BLOB: Final = "INSERT OR IGNORE INTO places (blob) SELECT seq FROM blobs WHERE seq = ?"


class Utterance(NamedTuple):
    """A part of what was said in a call."""

    call: int
    run: int
    is_response: bool
    blob: int
    media_type: str


class Piece(NamedTuple):
    """What one transaction adds to the index."""

    name: str
    removals: int
    """How often something had been removed from the store before it was read: numbers of rows are given again."""
    after: int
    last: int
    rows: int
    """How many artifacts or calls it is about."""
    artifacts: list[tuple[int, int, str]]
    """Of each its run, its number and its words."""
    heard: list[Utterance]
    blobs: dict[int, str]
    """The words of those that are new."""


def indexed_to(connection: sqlite3.Connection, name: str) -> int:
    """The number of the last artifact, or call, whose texts are in the index."""
    row = connection.execute("SELECT last FROM indexed WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def count_unindexed(connection: sqlite3.Connection) -> int:
    """How many artifacts and calls have come since."""
    return sum(count_after(connection, name, indexed_to(connection, name)) for name in _TABLES)


def count_after(connection: sqlite3.Connection, name: str, after: int) -> int:
    """How many artifacts, or calls, came after the one with that number."""
    return int(connection.execute(f"SELECT count(*) FROM {_TABLES[name]} WHERE seq > ?", (after,)).fetchone()[0])


def prepare_piece(connection: sqlite3.Connection, folder: Path) -> Piece | None:
    """The next piece; None where everything is in the index. Nothing is written yet."""
    return _prepare_artifacts(connection, folder) or _prepare_calls(connection, folder)


def keep_piece(connection: sqlite3.Connection, piece: Piece) -> None:
    """Add a piece to the index, unless another process was quicker, or has removed something meanwhile."""
    if indexed_to(connection, piece.name) != piece.after or removals_in(connection) != piece.removals:
        return
    for run, artifact, words in piece.artifacts:
        _keep_words(connection, _PLACE_OF_ARTIFACT, (run, artifact), words)
    for blob, words in piece.blobs.items():
        _keep_words(connection, _PLACE_OF_BLOB, (blob,), words)
    connection.executemany(
        "INSERT OR IGNORE INTO heard (blob, run, call, is_response)"
        " SELECT ?, run, seq, ? FROM calls WHERE seq = ? AND run = ?",
        [(one.blob, one.is_response, one.call, one.run) for one in piece.heard],
    )
    connection.execute("INSERT OR REPLACE INTO indexed (name, last) VALUES (?, ?)", (piece.name, piece.last))


def _keep_words(connection: sqlite3.Connection, place: str, values: tuple[int, ...], words: str) -> None:
    inserted = connection.execute(place, values)
    if inserted.rowcount:
        connection.execute("INSERT INTO texts (rowid, words) VALUES (?, ?)", (inserted.lastrowid, words))


def forget(connection: sqlite3.Connection) -> None:
    """Take out of the index what is no longer in the store. For the transaction that has deleted it, as its last step.

    Numbers of deleted rows may be given again, so that what is kept of them must go at once.
    """
    connection.execute(
        "DELETE FROM places WHERE (artifact IS NOT NULL AND artifact NOT IN (SELECT seq FROM artifacts))"
        " OR (blob IS NOT NULL AND blob NOT IN (SELECT seq FROM blobs))"
    )
    connection.execute(
        "DELETE FROM heard WHERE run NOT IN (SELECT seq FROM runs) OR blob NOT IN (SELECT seq FROM blobs)"
    )
    for name, table in _TABLES.items():
        connection.execute(
            f"UPDATE indexed SET last = min(last, (SELECT ifnull(max(seq), 0) FROM {table})) WHERE name = ?", (name,)
        )
    live = connection.execute("SELECT count(*) FROM places").fetchone()[0]
    if connection.execute("SELECT count(*) FROM texts_docsize").fetchone()[0] > 2 * live:
        rebuild(connection)


def rebuild(connection: sqlite3.Connection) -> None:
    """Empty the index; the next search fills it again."""
    connection.execute("INSERT INTO texts (texts) VALUES ('delete-all')")
    _forget_all(connection)


def _forget_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM places")
    connection.execute("DELETE FROM heard")
    connection.execute("DELETE FROM indexed WHERE name IN (?, ?)", (ARTIFACTS, CALLS))


def remake(connection: sqlite3.Connection) -> None:
    """Make the index empty where it cannot even be opened: with what a new one has in its tables."""
    connection.execute("CREATE VIRTUAL TABLE temp.new USING fts5 (words, content = '', tokenize = 'ascii')")
    for part in ("data", "idx", "docsize"):
        connection.execute(f"DELETE FROM main.texts_{part}")
        connection.execute(f"INSERT INTO main.texts_{part} SELECT * FROM temp.new_{part}")
    connection.execute("DROP TABLE temp.new")
    _forget_all(connection)


def is_sound(connection: sqlite3.Connection) -> bool:
    """Whether the index can be read to its end, which SQLite does not look at when it examines its file.

    Raises:
        sqlite3.Error: another process is in the way.
    """
    try:
        connection.execute("CREATE VIRTUAL TABLE temp.all_words USING fts5vocab (main, texts, row)")
        connection.execute("SELECT sum(cnt) FROM temp.all_words").fetchone()
        connection.execute("DROP TABLE temp.all_words")
    except sqlite3.DatabaseError as error:
        if is_busy(error):
            raise
        return False
    return True


# --- reading texts ------------------------------------------------------------------------------------------


def artifact_text(folder: Path, run_id: str, row: tuple[str, int, bytes, bytes | None]) -> str:
    """The text of an artifact from its row (name, size, sha256, content); empty where it cannot be read."""
    name, size, sha256, content = row
    if not isinstance(content, bytes):
        id = f"{run_id}~{name}"
        content = b""
        with suppress(DamagedDataError, StoreError, ValueError, AttributeError):
            content = read_content(artifact_path(folder, run_id, id), id, size, sha256.hex())
    return decode_text(content, _JSON)


def blob_text(connection: sqlite3.Connection, folder: Path, blob: int, media_type: str) -> str:
    """The text of a blob; empty where it cannot be read."""
    row = connection.execute("SELECT sha256, size, content FROM blobs WHERE seq = ?", (blob,)).fetchone()
    if row is None:
        return ""
    with suppress(DamagedDataError, StoreError, AttributeError):
        return text_of_body(read_blob(folder, Blob(row[0].hex(), row[1], row[2])), media_type)
    return ""


def utterances_of(connection: sqlite3.Connection, call: int, run: int, doc: str) -> Iterator[Utterance]:
    """What was said in a call, from the end of each of its bodies to its beginning."""
    return _Walk(connection).utterances(call, run, doc)


class _Walk:
    """Goes along the links of bodies, never twice along the same one for one run."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._links: dict[bytes, tuple[bytes, int] | None] = {}
        self._passed: set[tuple[int, bytes]] = set()

    def utterances(self, call: int, run: int, doc: str) -> Iterator[Utterance]:
        try:
            fields = json.loads(doc)
            bodies = [(fields.get(side) or {}, side == "response") for side in ("request", "response")]
            ends = [
                (bytes.fromhex(body["last"]), str(body.get("media_type", "")), told) for body, told in bodies if body
            ]
        except (ValueError, TypeError, AttributeError, KeyError):  # damaged; who asks for the call hears of it
            return
        for end, media_type, is_response in ends:
            at = end
            while at and (run, at) not in self._passed:
                self._passed.add((run, at))
                link = self._link(at)
                if link is None:
                    break
                at, blob = link
                yield Utterance(call, run, is_response, blob, media_type)

    def _link(self, id: bytes) -> tuple[bytes, int] | None:
        if id not in self._links:
            self._links[id] = self._connection.execute(
                "SELECT previous, blobs.seq FROM links JOIN blobs ON sha256 = blob WHERE id = ?", (id,)
            ).fetchone()
        return self._links[id]


def _prepare_artifacts(connection: sqlite3.Connection, folder: Path) -> Piece | None:
    removals, after = removals_in(connection), indexed_to(connection, ARTIFACTS)
    last = after
    artifacts: list[tuple[int, int, str]] = []
    rows = looked_at = 0
    for seq, run, run_id, *row in connection.execute(
        "SELECT artifacts.seq, run, id, name, size, sha256, content FROM artifacts LEFT JOIN runs ON runs.seq = run"
        " WHERE artifacts.seq > ? ORDER BY artifacts.seq LIMIT ?",
        (after, _CHUNK),
    ):
        last, rows = seq, rows + 1
        if isinstance(run_id, str):
            words = words_of(artifact_text(folder, run_id, (row[0], row[1], row[2], row[3])))
            artifacts.append((run, seq, words))
            looked_at += len(words)
        if looked_at > _CHUNK_BYTES:
            break
    return Piece(ARTIFACTS, removals, after, last, rows, artifacts, [], {}) if rows else None


def _prepare_calls(connection: sqlite3.Connection, folder: Path) -> Piece | None:
    removals, after = removals_in(connection), indexed_to(connection, CALLS)
    last = after
    walk = _Walk(connection)
    heard: list[Utterance] = []
    blobs: dict[int, str] = {}
    rows = looked_at = 0
    for seq, run, doc in connection.execute(
        "SELECT seq, run, doc FROM calls WHERE seq > ? ORDER BY seq LIMIT ?", (after, _CHUNK)
    ):
        last, rows = seq, rows + 1
        for one in walk.utterances(seq, run, doc):
            heard.append(one)
            if one.blob not in blobs and not _is_placed(connection, one.blob):
                blobs[one.blob] = words_of(blob_text(connection, folder, one.blob, one.media_type))
                looked_at += len(blobs[one.blob])
        if looked_at > _CHUNK_BYTES:
            break
    return Piece(CALLS, removals, after, last, rows, [], heard, blobs) if rows else None


def _is_placed(connection: sqlite3.Connection, blob: int) -> bool:
    return connection.execute("SELECT 1 FROM places WHERE blob = ?", (blob,)).fetchone() is not None
