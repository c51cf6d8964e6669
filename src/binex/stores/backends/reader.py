"""What can be asked of a store on disk. Every answer is one consistent snapshot, whoever writes meanwhile."""

import asyncio
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import JsonValue

from binex.errors import DamagedDataError
from binex.models.call import Body, Call
from binex.models.collecting import collecting_later
from binex.models.event import TaskStarted
from binex.models.question import Question
from binex.models.run import Run
from binex.models.task import Artifact, ArtifactInfo, ExecutionRecord
from binex.models.workflow_source import WorkflowSource
from binex.stores.backends import rows
from binex.stores.backends.bodies import blobs_of, find_links, join_blobs
from binex.stores.backends.failures import is_busy, shown, sqlite_failure
from binex.stores.backends.filesystem import DATABASE, artifact_path, read_content
from binex.stores.backends.keys import indexed_to, read_with_key, select_alike, select_indexed, select_rest
from binex.stores.backends.statements import SELECT_QUESTIONS
from binex.stores.backends.threads import start_in_thread

T = TypeVar("T")
_READ_IN_THREAD_BYTES: Final = 1024 * 1024
_LONGEST_PAUSE_S: Final = 0.05


async def patiently(action: Callable[[], T], verb: str, path: Path, patience_s: float) -> T:
    """Do *action*, again and again while another process is in the way, without holding up the loop.

    Raises:
        StoreError: it failed, or the other process was in the way for *patience_s*.
    """
    end = time.monotonic() + patience_s
    pause_s = 0.001
    while True:
        try:
            return action()
        except sqlite3.Error as error:
            if not is_busy(error) or time.monotonic() > end:
                raise sqlite_failure(verb, path, error) from error
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


class SqliteReader:
    """The reading half of a store on disk.

    A row that cannot be read is an error for who asks for it by name; a listing leaves it out, and
    ``on_notice`` hears of it.
    """

    def __init__(
        self, folder: Path, connection: sqlite3.Connection, *, patience_s: float, on_notice: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self._database = folder / DATABASE
        self._connection = connection
        self._patience_s = patience_s
        self._on_notice = on_notice
        self._is_indexed = False  # whether what is not in the index of keys may be left out

    async def get_run(self, run_id: str) -> Run | None:
        found = await self._read("SELECT id, workflow, status, doc FROM runs WHERE id = ?", run_id)
        return rows.read_run(found[0]) if found else None

    async def list_runs(
        self, *, limit: int = 20, offset: int = 0, workflow: str | None = None, prefix: str = ""
    ) -> list[Run]:
        conditions, values = ["1"], []
        if workflow is not None:
            conditions.append("workflow = ?")
            values.append(workflow)
        if prefix:
            # A range, because the index knows nothing of LIKE; no id has a character beyond "z".
            conditions.append("id >= ? AND id < ?")
            values += [prefix, f"{prefix}\U0010ffff"]
        found = await self._read(
            f"SELECT id, workflow, status, doc FROM runs WHERE {' AND '.join(conditions)}"
            " ORDER BY seq DESC LIMIT ? OFFSET ?",
            *values,
            max(limit, 0),
            max(offset, 0),
        )
        return self._readable(found, rows.read_run)

    async def list_records(self, run_id: str) -> list[ExecutionRecord]:
        return await self._list(
            lambda row: rows.read_record(run_id, row),
            "SELECT task, attempt, doc FROM records WHERE run = (SELECT seq FROM runs WHERE id = ?) ORDER BY seq",
            run_id,
        )

    async def list_artifacts(self, run_id: str) -> list[ArtifactInfo]:
        return await self._list(
            lambda row: rows.read_artifact(run_id, row),
            "SELECT name, size, sha256, doc FROM artifacts WHERE run = (SELECT seq FROM runs WHERE id = ?)"
            " ORDER BY seq",
            run_id,
        )

    async def list_hashes(self, run_id: str) -> dict[str, str]:
        found = await self._read(
            "SELECT name, sha256 FROM artifacts WHERE run = (SELECT seq FROM runs WHERE id = ?)", run_id
        )
        return {f"{run_id}~{name}": rows.as_hexadecimal(sha256) for name, sha256 in found}

    async def list_running(self, run_id: str) -> list[TaskStarted]:
        found = await self._read(
            "SELECT task, attempt, doc FROM running AS one"
            " WHERE run = (SELECT seq FROM runs WHERE id = ?)"
            " AND NOT EXISTS (SELECT 1 FROM records WHERE run = one.run AND task = one.task"
            " AND attempt >= one.attempt) ORDER BY seq",
            run_id,
        )
        return self._readable(found, lambda row: rows.read_started(run_id, row))

    async def get_source(self, workflow_hash: str) -> WorkflowSource:
        found = await self._read("SELECT sha256, doc FROM workflows WHERE hash = ?", workflow_hash)
        return rows.read_source(workflow_hash, found[0] if found else None)

    async def get(self, artifact_id: str) -> Artifact | None:
        run_id, _, name = artifact_id.partition("~")
        found = await self._read(
            "SELECT name, size, sha256, doc, content FROM artifacts"
            " WHERE run = (SELECT seq FROM runs WHERE id = ?) AND name = ?",
            run_id,
            name,
        )
        if not found:
            return None
        *row, content = found[0]
        info = rows.read_artifact(run_id, tuple(row))
        if not (isinstance(content, bytes) and hashlib.sha256(content).hexdigest() == info.sha256):
            # Confirmed, too large for the database, or damaged in it: the file has it.
            path = artifact_path(self.folder, run_id, artifact_id)
            arguments = (path, artifact_id, info.size, info.sha256)
            if info.size > _READ_IN_THREAD_BYTES:
                content = await start_in_thread(lambda: read_content(*arguments), f"read {shown(path)}")
            else:
                content = read_content(*arguments)
        fields = {field: getattr(info, field) for field in ArtifactInfo.model_fields}
        return Artifact.model_construct(**fields, data=content)

    async def list_calls(self, run_id: str, task: str | None = None) -> list[Call]:
        return await self._list(
            lambda row: rows.read_call(run_id, row),
            "SELECT task, attempt, number, doc FROM calls WHERE run = (SELECT seq FROM runs WHERE id = ?)"
            f"{'' if task is None else ' AND task = ?'} ORDER BY task, seq",
            run_id,
            *(() if task is None else (task,)),
        )

    async def read_body(self, body: Body) -> bytes:
        (data,) = await self.read_bodies([body])
        return data

    async def read_bodies(self, bodies: Sequence[Body]) -> list[bytes]:
        links = await patiently(lambda: find_links(self._connection, bodies), "read", self._database, self._patience_s)
        data = []
        for body in bodies:
            blobs = blobs_of(body, links)
            if body.size > _READ_IN_THREAD_BYTES:
                reading = partial(join_blobs, self.folder, body, blobs)
                data.append(await start_in_thread(reading, "read the body of a call"))
            else:
                data.append(join_blobs(self.folder, body, blobs))
        return data

    async def list_bookmarks(self, run_id: str) -> dict[str, dict[str, JsonValue]]:
        found = await self._read(
            "SELECT task, name, doc FROM bookmarks WHERE run = (SELECT seq FROM runs WHERE id = ?) ORDER BY seq",
            run_id,
        )
        bookmarks: dict[str, dict[str, JsonValue]] = {}
        for task, name, value in self._readable(found, lambda row: rows.read_bookmark(run_id, row)):
            bookmarks.setdefault(task, {})[name] = value
        return bookmarks

    async def find_by_key(
        self, key: str, *, run_id: str, task: str = "", is_older: bool = False, limit: int = 4
    ) -> list[ExecutionRecord]:
        found: list[Any] = []
        if not self._is_indexed:
            last = await patiently(lambda: indexed_to(self._connection), "read", self._database, self._patience_s)
            query, values = select_rest(key, run_id, is_older=is_older, after=last, limit=limit)
            found = await self._read(query, *values)
        query, values = select_indexed(key, run_id, task, is_older=is_older, limit=limit)
        found += await self._read(query, *values)
        records = self._readable(found, lambda row: read_with_key(row, key))
        return sorted(records, key=lambda record: record.task != task)[:limit]

    async def find_alike(self, run_id: str, *, task: str = "", agent: str = "") -> ExecutionRecord | None:
        query, values = select_alike(run_id, task, agent)
        found = self._readable(await self._read(query, *values), lambda row: rows.read_record(row[0], tuple(row[1:])))
        return found[0] if found else None

    async def list_reusers(self, run_id: str) -> list[str]:
        found = await self._read(
            "SELECT id FROM runs WHERE seq IN (SELECT run FROM records WHERE instr(doc, ?)) AND id <> ? ORDER BY seq",
            f'"reused_from":{json.dumps(run_id)}',
            run_id,
        )
        return [id for (id,) in found]

    async def get_question(self, question_id: str) -> Question | None:
        found = await self._read(f"{SELECT_QUESTIONS} WHERE questions.id = ?", question_id)
        return rows.read_question(found[0]) if found else None

    async def list_questions(self, run_id: str | None = None, *, only_open: bool = False) -> list[Question]:
        conditions = ["1"] + ["runs.id = ?"] * (run_id is not None) + ["state = 'open'"] * only_open
        found = await self._read(
            f"{SELECT_QUESTIONS} WHERE {' AND '.join(conditions)} ORDER BY questions.seq",
            *(() if run_id is None else (run_id,)),
        )
        return self._readable(found, rows.read_question)

    def _readable(self, found: Iterable[Any], read: Callable[[Any], T]) -> list[T]:
        result, damaged = [], []
        with collecting_later():
            for row in found:
                try:
                    result.append(read(row))
                except DamagedDataError as error:
                    damaged.append(f"{error.message}; {error.fix}")
        for message in damaged:  # only now: a row that cannot be decoded has them all read once more
            self._on_notice(message)
        return result

    async def _list(self, read: Callable[[Any], T], query: str, *values: str | float | bytes) -> list[T]:
        """What *read* makes of each row that answers a query, which are let go one by one: a large run has many.

        Raises:
            StoreError: the database cannot be read, or another process is in the way for too long.
        """

        make = partial(self._answer, lambda found: self._readable(found, read), query, values)
        return await patiently(make, "read", self._database, self._patience_s)

    async def _read(self, query: str, *values: str | float | bytes) -> list[Any]:
        """All rows that answer a query.

        Raises:
            StoreError: the database cannot be read, or another process is in the way for too long.
        """
        make = partial(self._answer, list, query, values)
        return await patiently(make, "read", self._database, self._patience_s)

    def _answer(
        self, take: Callable[[Iterable[Any]], list[T]], query: str, values: Sequence[str | float | bytes]
    ) -> list[T]:
        """What *take* makes of the rows that answer a query; it may be given them a second time, from the first on."""
        try:
            return take(self._connection.execute(query, values))
        except (UnicodeEncodeError, OverflowError):  # not a text, or a number, that any row could have
            return []
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) is not None:
                raise
        # Some text is not UTF-8. Read it in a form that its model refuses, so that it spoils one row only.
        self._connection.text_factory = lambda data: data.decode(errors="surrogateescape")
        try:
            return take(self._connection.execute(query, values))
        finally:
            self._connection.text_factory = str
