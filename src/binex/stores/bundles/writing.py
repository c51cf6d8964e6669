"""Writes a bundle: a run, and every run that it was made from."""

import hashlib
import zipfile
from collections.abc import AsyncIterator, Sequence
from typing import IO, Final

from binex import __version__
from binex.errors import DamagedDataError, RunOwnedError
from binex.models.call import Call
from binex.models.run import Run, RunStatus
from binex.stores.bundle_store import Link
from binex.stores.bundles import layout
from binex.stores.bundles.archive import ATTRIBUTES
from binex.stores.bundles.layout import MANIFEST, MEMBERS, BundleError, Manifest, Member, is_too_dense
from binex.stores.bundles.reading import Bundle
from binex.stores.bundles.rows import BlobRow, BookmarkRow, LinkRow, Row, WorkflowRow, body_ends, line_of
from binex.stores.run_store import RunStore

_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The first one that the format knows; it says nothing."""
_LEVEL: Final = 6


async def write_bundle(store: RunStore, run: Run, file: IO[bytes]) -> Manifest:
    """Write *run* to *file*, which can be read and can seek; what it says of itself.

    What was written is read again as an import would, so that there is no bundle that cannot be imported.

    Raises:
        RunOwnedError: a live process executes the run, or one that it was made from.
        DamagedDataError: something that belongs to it is missing or not what was recorded.
    """
    family = await _family_of(store, run)
    await _Writing(store, family, file).write(run.id, zipfile.ZIP_DEFLATED)
    if is_too_dense(_unpacked(file), file.seek(0, 2)):
        file.seek(0)
        file.truncate()
        # What packs as well as this is refused when it is read: a small file must not be able to fill a disk.
        await _Writing(store, family, file).write(run.id, zipfile.ZIP_STORED)
    try:
        return Bundle.open(file).manifest
    except BundleError as error:
        raise DamagedDataError(
            f"run {run.id} cannot be exported: {error.reason}", fix="see what is damaged with: binex doctor"
        ) from error


async def rows_of(store: RunStore, run: Run) -> AsyncIterator[tuple[str, Row]]:
    """All rows of a run that an import compares, with their tables.

    Raises:
        DamagedDataError: the snapshot of its workflow is missing or not what was kept.
    """
    for table in (layout.RUNS, layout.WORKFLOWS, *_ROWS_OF_RUNS):
        for row in await _rows_in(store, run, table):
            yield table, row


async def as_exported(store: RunStore, run_id: str) -> Run | None:
    """The run as a bundle has it: one whose process died is interrupted.

    Raises:
        RunOwnedError: a live process executes it.
    """
    run = await store.get_run(run_id)
    if run is None:
        return None
    if await store.is_owned(run_id):
        raise RunOwnedError(
            f"run {run_id} is being executed", fix=f"let it end, or stop it with: binex cancel {run_id}"
        )
    status = RunStatus.INTERRUPTED if run.status is RunStatus.RUNNING else run.status
    return run.model_copy(update={"status": status, "is_imported": False})


_ROWS_OF_RUNS: Final = (layout.RECORDS, layout.ARTIFACTS, layout.CALLS, layout.QUESTIONS, layout.BOOKMARKS)


async def _rows_in(store: RunStore, run: Run, table: str) -> Sequence[Row]:
    rows: Sequence[Row]
    match table:
        case layout.RUNS:
            rows = [run]
        case layout.WORKFLOWS:
            rows = [WorkflowRow(hash=run.workflow_hash, source=await store.get_source(run.workflow_hash))]
        case layout.RECORDS:
            rows = await store.list_records(run.id)
        case layout.ARTIFACTS:
            rows = await store.list_artifacts(run.id)
        case layout.CALLS:
            rows = await store.list_calls(run.id)
        case layout.QUESTIONS:
            rows = await store.list_questions(run.id)
        case _:
            rows = [
                BookmarkRow(run_id=run.id, task=task, name=name, value=value)
                for task, named in (await store.list_bookmarks(run.id)).items()
                for name, value in named.items()
            ]
    return rows


async def _family_of(store: RunStore, run: Run) -> list[Run]:
    """The run, and before it all that it was made from: its parents, and whose outcomes and artifacts it names."""
    found: dict[str, Run] = {}
    wanted = {run.id: ""}
    while wanted:
        run_id, child = wanted.popitem()
        one = await as_exported(store, run_id)
        if one is None:
            raise DamagedDataError(
                f"run {child} was made from run {run_id}, which is not in the store",
                fix=f"import that run first, or export run {child} where it was made",
            )
        found[run_id] = one
        needed = {one.origin.parent} if one.origin is not None else set()
        for record in await store.list_records(run_id):
            needed |= {id.partition("~")[0] for id in (*record.input_artifacts, *record.output_artifacts)}
            needed |= {record.reused_from} if record.reused_from is not None else set()
        for info in await store.list_artifacts(run_id):
            needed |= {id.partition("~")[0] for id in info.lineage.derived_from}
        wanted |= dict.fromkeys(needed - found.keys(), run_id)
    main = found.pop(run.id)
    return [*(found[run_id] for run_id in sorted(found)), main]  # ids sort by time


class _Writing:
    """One archive that is being written."""

    def __init__(self, store: RunStore, runs: list[Run], file: IO[bytes]) -> None:
        self._store = store
        self._runs = runs
        self._file = file
        self._members: dict[str, Member] = {}
        self._counts: dict[str, int] = {}
        self._links: dict[str, Link] = {}
        self._blobs: dict[str, int] = {}

    async def write(self, run_id: str, method: int) -> None:
        with zipfile.ZipFile(self._file, "w", method, compresslevel=_LEVEL) as archive:
            for name in MEMBERS[:-1]:
                with archive.open(_entry(name, method), "w", force_zip64=True) as file:
                    member = _MemberWriter(file)
                    await self._write_member(name, member)
                self._members[name] = member.summary
            manifest = Manifest(
                format=layout.FORMAT,
                version=layout.VERSION,
                binex=__version__,
                run=run_id,
                counts=self._counts,
                members=self._members,
            )
            archive.writestr(_entry(MANIFEST, method), manifest.model_dump_json(indent=2) + "\n")

    async def _write_member(self, name: str, member: "_MemberWriter") -> None:
        if name == layout.CONTENTS:
            for run in self._runs:
                for info in await self._store.list_artifacts(run.id):
                    async for piece in self._store.read_pieces(info):
                        member.write(piece)
        elif name == layout.BODIES:
            for sha256 in dict.fromkeys(link.sha256 for link in self._links.values()):
                data = await self._store.read_blob(sha256)
                self._blobs[sha256] = len(data)
                member.write(data)
        else:
            count = 0
            async for row in self._rows(name):
                member.write(line_of(row) + b"\n")
                count += 1
            self._counts[name] = count

    async def _rows(self, table: str) -> AsyncIterator[Row]:
        match table:
            case layout.LINKS:
                for link in self._links.values():
                    yield LinkRow(id=link.id, previous=link.previous, sha256=link.sha256)
            case layout.BLOBS:
                for sha256, size in self._blobs.items():
                    yield BlobRow(sha256=sha256, size=size)
            case layout.WORKFLOWS:
                for run in {run.workflow_hash: run for run in self._runs}.values():
                    for row in await _rows_in(self._store, run, table):
                        yield row
            case _:
                for run in self._runs:
                    for row in await _rows_in(self._store, run, table):
                        yield row
                        if isinstance(row, Call):
                            await self._note_links(row)

    async def _note_links(self, call: Call) -> None:
        for body in body_ends(call):
            for link in await self._store.list_links(body.last, self._links):
                self._links[link.id] = link


class _MemberWriter:
    """Writes a member, and sums it up."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)

    @property
    def summary(self) -> Member:
        return Member(size=self._size, sha256=self._hash.hexdigest())


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system = 3  # Unix, also where this is none: the same run makes the same bytes
    entry.external_attr = ATTRIBUTES
    entry.compress_type = method
    return entry


def _unpacked(file: IO[bytes]) -> int:
    with zipfile.ZipFile(file) as archive:
        return sum(info.file_size for info in archive.infolist())
