"""Finding runs and texts in a store on disk, and bringing its indexes up to date."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from binex.models.names import read_artifact_id
from binex.models.run_query import AttemptFigures, CallFigures, FoundRuns, FoundText, RunFigures, RunQuery
from binex.stores.backends import rows
from binex.stores.backends.bundles import BundleReader
from binex.stores.backends.figures import (
    RUNS_AT_ONCE,
    SELECT_ATTEMPTS,
    SELECT_CALLS,
    read_attempts,
    read_calls,
    select_runs,
)
from binex.stores.backends.filesystem import LOCKS, reporting
from binex.stores.backends.keys import index_some
from binex.stores.backends.lease import find_owner
from binex.stores.backends.reader import patiently
from binex.stores.backends.run_filter import Condition, conditions_of, has_variable
from binex.stores.backends.searching import (
    ARTIFACTS,
    CALLS,
    Piece,
    artifact_text,
    blob_text,
    count_after,
    count_unindexed,
    indexed_to,
    keep_piece,
    prepare_piece,
    utterances_of,
)
from binex.stores.backends.writer import Writer
from binex.stores.wording import Phrase, holds, read_search, words_of

_MOST_SCANNED: Final = 20_000
"""So many artifacts, and so many calls, are looked through where there is no index of them."""
_MATCHING: Final = "texts CROSS JOIN places ON places.seq = texts.rowid"  # in this order: see "cross join" in SQLite
_RUNS_WITH: Final = f"""
    SELECT run FROM {_MATCHING} WHERE texts MATCH :asked AND run IS NOT NULL
    UNION SELECT heard.run FROM {_MATCHING} CROSS JOIN heard ON heard.blob = places.blob WHERE texts MATCH :asked
"""
_ARTIFACTS: Final = (
    "SELECT artifacts.run, runs.id, name, size, sha256, content FROM artifacts JOIN runs ON runs.seq = artifacts.run"
)
_CALLS: Final = (
    "SELECT calls.seq, calls.run, runs.id, calls.doc, task, attempt, number"
    " FROM calls JOIN runs ON runs.seq = calls.run"
)


_HITS: Final = f"""
    SELECT artifact, blob FROM {_MATCHING} WHERE texts MATCH :asked AND (run IN (SELECT value FROM json_each(:runs))
        OR blob IN (SELECT blob FROM heard WHERE run IN (SELECT value FROM json_each(:runs))))
"""


class _Hits(NamedTuple):
    """What the index has found, as JSON lists of numbers, the form in which a query takes many."""

    artifacts: str
    blobs: str


class SearchReader(BundleReader):
    """Finds runs and texts; what is not in the index of texts is looked through."""

    _writer: Writer

    async def count_unindexed(self) -> int:
        return await patiently(lambda: count_unindexed(self._connection), "read", self._database, self._patience_s)

    async def index_keys(self) -> None:
        while await self._writer.submit(index_some):
            pass
        self._is_indexed = True

    async def index_texts(self, on_progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        def prepare() -> Piece | None:
            return prepare_piece(self._connection, self.folder)

        everything, done = await self.count_unindexed(), 0
        while piece := await patiently(prepare, "read", self._database, self._patience_s):
            await self._writer.submit(partial(keep_piece, piece=piece))
            done += piece.rows
            on_progress(done, max(done, everything))

    async def find_runs(self, query: RunQuery, *, limit: int = 20, offset: int = 0) -> FoundRuns:
        condition, is_partial = await self._condition_of(query)
        found = await self._read(
            f"SELECT id, workflow, status, doc FROM runs WHERE {condition.sql} ORDER BY seq DESC LIMIT ? OFFSET ?",
            *condition.values,
            max(limit, 0),
            max(offset, 0),
        )
        return FoundRuns(runs=tuple(self._readable(found, rows.read_run)), is_partial=is_partial)

    async def list_run_figures(self, query: RunQuery) -> list[RunFigures]:
        condition, _ = await self._condition_of(query)
        return [RunFigures(*row) for row in await self._read(select_runs(condition.sql), *condition.values)]

    async def list_attempt_figures(self, query: RunQuery) -> AsyncIterator[list[AttemptFigures]]:
        async for rows_of_some in self._in_runs(query, SELECT_ATTEMPTS):
            yield read_attempts(rows_of_some)

    async def list_call_figures(self, query: RunQuery) -> AsyncIterator[list[CallFigures]]:
        async for rows_of_some in self._in_runs(query, SELECT_CALLS):
            yield read_calls(rows_of_some)

    async def _in_runs(self, query: RunQuery, select: str) -> AsyncIterator[list[Any]]:
        """What *select* finds in the runs that are asked for, some runs at a time."""
        condition, _ = await self._condition_of(query)
        runs = [seq for (seq,) in await self._read(f"SELECT seq FROM runs WHERE {condition.sql}", *condition.values)]
        for start in range(0, len(runs), RUNS_AT_ONCE):
            yield await self._read(select, json.dumps(runs[start : start + RUNS_AT_ONCE]))

    async def _condition_of(self, query: RunQuery) -> tuple[Condition, bool]:
        """What has to hold for the row of a run, and whether not all texts could be looked through for it."""
        conditions = conditions_of(query, await self._alive() if query.asks_who_is_alive else [])
        is_partial = False
        if query.text:
            phrases = read_search(query.text)
            seqs, is_partial = await patiently(
                lambda: self._runs_with(phrases), "read", self._database, self._patience_s
            )
            conditions.append(Condition("runs.seq IN (SELECT value FROM json_each(?))", (json.dumps(seqs),)))
        if query.variables:
            self._connection.create_function("has_variable", 3, has_variable, deterministic=True)
        values = tuple(value for condition in conditions for value in condition.values)
        return Condition(" AND ".join(condition.sql for condition in conditions) or "1", values), is_partial

    async def find_texts(self, text: str, run_ids: Sequence[str], *, most: int = 3) -> list[FoundText]:
        phrases = read_search(text)

        def find() -> list[FoundText]:
            runs = self._numbers_of(run_ids)
            hits = self._hits_in(list(runs), phrases)
            return [found for run in runs for found in self._texts_of(run, hits, phrases, most)]

        return await patiently(find, "read", self._database, self._patience_s)

    async def _alive(self) -> list[str]:
        """The ids of the runs that a live process executes."""
        marked = await self._read("SELECT id, epoch FROM runs WHERE status = 'running'")
        with reporting("read", self.folder / LOCKS):
            return [run_id for run_id, epoch in marked if find_owner(self.folder, run_id, epoch) is not None]

    # --- texts ----------------------------------------------------------------------------------------------

    def _runs_with(self, phrases: tuple[Phrase, ...]) -> tuple[list[int], bool]:
        """The numbers of the runs with a text in which all is found, and whether some texts were not looked at."""
        found = {seq for (seq,) in self._connection.execute(_RUNS_WITH, {"asked": _expression(phrases)})}
        is_partial = False
        for name, scan in ((ARTIFACTS, self._scan_artifacts), (CALLS, self._scan_calls)):
            after = indexed_to(self._connection, name)
            is_partial |= count_after(self._connection, name, after) > _MOST_SCANNED
            found |= {run for run, words in scan(after) if holds(words, phrases)}
        return sorted(found), is_partial

    def _scan_artifacts(self, after: int) -> Iterator[tuple[int, str]]:
        """The run and the words of each artifact that is not in the index, the newest first."""
        query = f"{_ARTIFACTS} WHERE artifacts.seq > ? ORDER BY artifacts.seq DESC LIMIT ?"
        for run, run_id, name, size, sha256, content in self._connection.execute(query, (after, _MOST_SCANNED)):
            yield run, words_of(artifact_text(self.folder, run_id, (name, size, sha256, content)))

    def _scan_calls(self, after: int) -> Iterator[tuple[int, str]]:
        """The run and the words of each part of a call that is not in the index, the newest calls first."""
        words: dict[int, str] = {}
        query = f"{_CALLS} WHERE calls.seq > ? ORDER BY calls.seq DESC LIMIT ?"
        for seq, run, _, doc, *_ in self._connection.execute(query, (after, _MOST_SCANNED)):
            for one in utterances_of(self._connection, seq, run, doc):
                if one.blob not in words:
                    if len(words) > _MOST_SCANNED:
                        words.clear()
                    words[one.blob] = words_of(blob_text(self._connection, self.folder, one.blob, one.media_type))
                yield run, words[one.blob]

    def _numbers_of(self, run_ids: Sequence[str]) -> list[int]:
        """The numbers of runs, in the order of their ids; those that are not there left out."""
        query = "SELECT seq FROM json_each(?) AS asked JOIN runs ON runs.id = asked.value ORDER BY asked.key"
        return [seq for (seq,) in self._connection.execute(query, (json.dumps(list(run_ids)),))]

    def _hits_in(self, runs: Sequence[int], phrases: tuple[Phrase, ...]) -> _Hits:
        """What the index has found in some runs."""
        found = self._connection.execute(_HITS, {"asked": _expression(phrases), "runs": json.dumps(runs)}).fetchall()
        return _Hits(
            json.dumps([artifact for artifact, _ in found if artifact is not None]),
            json.dumps([blob for _, blob in found if blob is not None]),
        )

    def _texts_of(self, run: int, hits: _Hits, phrases: tuple[Phrase, ...], most: int) -> list[FoundText]:
        """The first texts of a run in which all is found: those that it made before those that were said."""
        candidates = chain(self._made(run, hits.artifacts), self._said(run, hits.blobs))
        # Their words are compared: what is not in the index was not, and rows may have changed since.
        return list(islice((text for text in candidates if holds(words_of(text.text), phrases)), most))

    def _made(self, run: int, hits: str) -> Iterator[FoundText]:
        """The artifacts of a run that the index has found, and those that are not in it."""
        query = (
            f"{_ARTIFACTS} WHERE artifacts.run = ?"
            " AND (artifacts.seq > ? OR artifacts.seq IN (SELECT value FROM json_each(?))) ORDER BY artifacts.seq"
        )
        after = indexed_to(self._connection, ARTIFACTS)
        for _, run_id, name, *row in self._connection.execute(query, (run, after, hits)):
            id = f"{run_id}~{name}"
            text = artifact_text(self.folder, run_id, (name, row[0], row[1], row[2]))
            yield FoundText(run_id=run_id, task=read_artifact_id(id).task, artifact=id, text=text)

    def _said(self, run: int, hits: str) -> Iterator[FoundText]:
        """The parts of calls of a run that the index has found, and those of calls that are not in it."""
        query = (
            "SELECT calls.seq, heard.run, runs.id, calls.doc, calls.task, attempt, number, blob FROM heard"
            " JOIN calls ON calls.seq = heard.call JOIN runs ON runs.seq = heard.run"
            " WHERE heard.run = ? AND blob IN (SELECT value FROM json_each(?)) ORDER BY calls.seq"
        )
        for *row, blob in self._connection.execute(query, (run, hits)):
            yield from (said for at, said in self._messages(row) if at == blob)
        after = indexed_to(self._connection, CALLS)
        query = f"{_CALLS} WHERE calls.run = ? AND calls.seq > ? ORDER BY calls.seq"
        for row in self._connection.execute(query, (run, after)):
            yield from (said for _, said in self._messages(row))

    def _messages(self, row: Sequence[Any]) -> Iterator[tuple[int, FoundText]]:
        """What was said in a call (a row as in ``_CALLS``), with the number of its blob."""
        call, run, run_id, doc, task, attempt, number = row
        for said in utterances_of(self._connection, call, run, doc):
            yield (
                said.blob,
                FoundText(
                    run_id=run_id,
                    task=task,
                    call=f"{task}:{attempt}.{number}",
                    is_response=said.is_response,
                    text=blob_text(self._connection, self.folder, said.blob, said.media_type),
                ),
            )


def _expression(phrases: tuple[Phrase, ...]) -> str:
    """What FTS5 is asked for; words have no quotation marks in them. See https://www.sqlite.org/fts5.html, 3."""
    return " AND ".join(f'"{" ".join(one.words)}"' + "*" * one.is_beginning for one in phrases)
