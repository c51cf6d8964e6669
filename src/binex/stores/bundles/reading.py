"""A bundle that is being read: nothing of it is given to anybody before all of it was verified."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, TypeVar

from binex import __version__
from binex.models.base import Model
from binex.models.call import Call
from binex.models.question import Question
from binex.models.run import Run
from binex.models.task import ArtifactInfo, ExecutionRecord
from binex.models.workflow_source import WorkflowSource
from binex.stores.bundle_store import Bookmark, Content, Link
from binex.stores.bundles import layout
from binex.stores.bundles.archive import Archive, MemberReader
from binex.stores.bundles.digest import Digests
from binex.stores.bundles.json_text import JsonText, require_json
from binex.stores.bundles.layout import PIECE_BYTES, BundleError, Manifest
from binex.stores.bundles.rows import (
    BlobRow,
    BookmarkRow,
    LinkRow,
    WorkflowRow,
    body_ends,
    hash_of,
    read_row,
    require_artifact,
    require_bookmark,
    require_call,
    require_link,
    require_question,
    require_record,
    require_run,
    require_source,
    run_of,
)

R = TypeVar("R", bound=Model)
_READ_AT_ONCE: Final = 1024 * 1024


class Bundle:
    """A verified bundle. Made by :meth:`open`, which reads all of it once; what is asked for later is read again."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.digests = Digests()
        """What its runs are recognised by."""
        self.runs: dict[str, Run] = {}
        """Its runs, those first that others were made from."""
        self.sources: dict[str, WorkflowSource] = {}
        """The snapshots of their workflows, by the hashes that the runs name."""

    @classmethod
    def open(cls, file: IO[bytes]) -> "Bundle":
        """Verify all that is in *file*, which can seek and must stay open.

        Raises:
            InputError: it is not a bundle, not a whole one, made to do harm, or one of a newer Binex.
        """
        bundle = cls(Archive.open(file))
        try:
            bundle._verify()
        except BundleError as error:
            if bundle.manifest.binex != __version__:
                error.fix = (
                    f"Binex {bundle.manifest.binex:.40} wrote it, and this is {__version__}: upgrade the older one"
                )
            raise
        return bundle

    @property
    def manifest(self) -> Manifest:
        return self._archive.manifest

    @property
    def run(self) -> Run:
        """The run that was exported; the others are those that it was made from."""
        return self.runs[self.manifest.run]

    # --- rows and contents ------------------------------------------------------------------------------------

    def records(self) -> Iterator[ExecutionRecord]:
        return self._rows(ExecutionRecord, layout.RECORDS)

    def artifacts(self) -> Iterator[tuple[ArtifactInfo, Content]]:
        with self._archive.member(layout.CONTENTS) as member:
            for info in self._rows(ArtifactInfo, layout.ARTIFACTS):
                with _content(member, info.sha256, info.size) as content:
                    yield info, content
            member.end()

    def calls(self) -> Iterator[Call]:
        return self._rows(Call, layout.CALLS)

    def links(self) -> Iterator[Link]:
        for row in self._rows(LinkRow, layout.LINKS):
            yield Link(row.id, row.previous, row.sha256)

    def blobs(self) -> Iterator[Content]:
        with self._archive.member(layout.BODIES) as member:
            for row in self._rows(BlobRow, layout.BLOBS):
                with _content(member, row.sha256, row.size) as content:
                    yield content
            member.end()

    def questions(self) -> Iterator[Question]:
        return self._rows(Question, layout.QUESTIONS)

    def bookmarks(self) -> Iterator[Bookmark]:
        for row in self._rows(BookmarkRow, layout.BOOKMARKS):
            yield Bookmark(row.run_id, row.task, row.name, row.value)

    def _rows(self, model: type[R], table: str) -> Iterator[R]:
        count = 0
        for line in self._archive.rows(table):
            count += 1
            if count > layout.ROWS:
                raise BundleError(f"{table} has more than {layout.ROWS:,} rows")
            yield read_row(model, line, table)
        if count != self.manifest.counts[table]:
            raise BundleError(f"{table} has {count:,} rows, and its manifest says {self.manifest.counts[table]:,}")

    # --- verifying --------------------------------------------------------------------------------------------

    def _verify(self) -> None:
        self._verify_runs()
        self._verify_outcomes()
        self._verify_calls()
        for table, model, require in _TABLES_OF_RUNS:
            seen: set[Any] = set()
            for row in self._of_runs(model, table):
                require(row)
                key = row.id if isinstance(row, Question) else (row.run_id, row.task, row.name)
                _once(seen, key, table)
                seen.add(key)

    def _verify_runs(self) -> None:
        for run in self._rows(Run, layout.RUNS):
            require_run(run)
            _once(self.runs, run.id, layout.RUNS)
            self.runs[run.id] = run
            self.digests.add(run.id, layout.RUNS, run)
        if self.manifest.run not in self.runs:
            raise BundleError("the run that it is a bundle of is not in it")
        for run in self.runs.values():
            if run.origin is not None:
                self._require_run(run.origin.parent)
        self._require_no_circle()
        for row in self._rows(WorkflowRow, layout.WORKFLOWS):
            require_source(row)
            _once(self.sources, row.hash, layout.WORKFLOWS)
            self.sources[row.hash] = row.source
        if self.sources.keys() != {run.workflow_hash for run in self.runs.values()}:
            raise BundleError("its workflows are not those of its runs")
        for run in self.runs.values():
            source = self.sources[run.workflow_hash]
            self.digests.add(run.id, layout.WORKFLOWS, WorkflowRow(hash=hash_of(source), source=source))

    def _require_no_circle(self) -> None:
        """Who looks for the run that one was made from at first must come to an end."""
        rooted: set[str] = set()
        for run in self.runs.values():
            passed: dict[str, None] = {}
            while run.id not in rooted and run.id not in passed:
                passed[run.id] = None
                if run.origin is not None:
                    run = self.runs[run.origin.parent]  # noqa: PLW2901 - upwards
            if run.id in passed and run.origin is not None:
                raise BundleError(f"run {run.id} would have been made from itself")
            rooted |= passed.keys()

    def _verify_outcomes(self) -> None:
        artifacts: set[str] = set()
        needed: set[str] = set()
        for info, content in self.artifacts():
            self._require_run(info.run_id)
            require_artifact(info)
            _once(artifacts, info.id, layout.ARTIFACTS)
            for id in info.lineage.derived_from:
                self._require_run(run_of(id))
            _require_json_content(info.id, content)
            self.digests.add(info.run_id, layout.ARTIFACTS, info)
            artifacts.add(info.id)
        attempts: set[tuple[str, str, int]] = set()
        for record in self._of_runs(ExecutionRecord, layout.RECORDS):
            require_record(record)
            _once(attempts, (record.run_id, record.task, record.attempt), layout.RECORDS)
            attempts.add((record.run_id, record.task, record.attempt))
            for id in (*record.input_artifacts, *record.output_artifacts):
                self._require_run(run_of(id))
            if record.reused_from is not None:
                self._require_run(record.reused_from)
            needed.update(record.output_artifacts)
        for id in sorted(needed - artifacts)[:1]:
            raise BundleError(f"a record names artifact {id}, which is not in it")

    def _verify_calls(self) -> None:
        sizes: dict[bytes, int] = {}
        for blob in self.blobs():
            sha256 = bytes.fromhex(_verified(blob))
            _once(sizes, sha256, layout.BLOBS)
            sizes[sha256] = blob.size
        lengths: dict[bytes, int] = {b"": 0}
        used: set[bytes] = set()
        said: set[bytes] = set()
        for row in self._rows(LinkRow, layout.LINKS):
            require_link(row)
            id, previous, sha256 = bytes.fromhex(row.id), bytes.fromhex(row.previous), bytes.fromhex(row.sha256)
            _once(lengths, id, layout.LINKS)
            if previous not in lengths or sha256 not in sizes:
                raise BundleError(f"what link {row.id[:12]} needs is not in it")
            lengths[id] = lengths[previous] + sizes[sha256]
            used.add(previous)
            said.add(sha256)
        seen: set[tuple[str, str, int, int]] = set()
        for call in self._of_runs(Call, layout.CALLS):
            require_call(call)
            _once(seen, (call.run_id, call.task, call.attempt, call.number), layout.CALLS)
            seen.add((call.run_id, call.task, call.attempt, call.number))
            for body in body_ends(call):
                if lengths.get(bytes.fromhex(body.last)) != body.size:
                    raise BundleError(f"what was said in call {call.id} is not in it")
                used.add(bytes.fromhex(body.last))
        if lengths.keys() - used - {b""} or sizes.keys() - said:
            raise BundleError("it holds what belongs to no call")

    def _of_runs(self, model: type[R], table: str) -> Iterator[R]:
        """The rows of a table that has some of every run."""
        for row in self._rows(model, table):
            run_id: str = row.run_id  # type: ignore[attr-defined] # all of these have one
            self._require_run(run_id)
            self.digests.add(run_id, table, row)
            yield row

    def _require_run(self, run_id: str) -> None:
        if run_id not in self.runs:
            raise BundleError(f"it speaks of run {run_id!r:.80}, which is not in it")


_TABLES_OF_RUNS: Final[tuple[tuple[str, type[Any], Callable[[Any], None]], ...]] = (
    (layout.QUESTIONS, Question, require_question),
    (layout.BOOKMARKS, BookmarkRow, require_bookmark),
)


def _once(seen: Collection[Any], key: object, table: str) -> None:
    if key in seen:
        raise BundleError(f"{table} has two rows for one thing: {key!r:.120}")


@contextmanager
def _content(member: MemberReader, sha256: str, size: int) -> Iterator[Content]:
    """The next *size* bytes of a member, which must have the hash; what nobody reads is passed over."""
    left = size
    found = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        nonlocal left
        while left:
            piece = member.read(min(left, PIECE_BYTES))
            if not piece:
                raise BundleError(f"the content {sha256[:12]} is cut off")
            left -= len(piece)
            found.update(piece)
            yield piece
        if found.hexdigest() != sha256:
            raise BundleError(f"the content {sha256[:12]} is not what its hash says")

    reading = pieces()
    yield Content(sha256, size, reading)
    for _ in reading:
        pass


def _require_json_content(id: str, content: Content) -> None:
    try:
        if content.size <= _READ_AT_ONCE:
            require_json(b"".join(content.pieces))
            return
        text = JsonText()
        for piece in content.pieces:
            text.feed(piece)
        text.end()
    except ValueError as error:
        raise BundleError(f"artifact {id} is not JSON: {error}") from error


def _verified(content: Content) -> str:
    for _ in content.pieces:
        pass
    return content.sha256
