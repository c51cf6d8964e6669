"""Brings the runs of a bundle into a store."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Final

from binex.errors import RunError
from binex.models.base import Model
from binex.models.call import Call
from binex.models.question import Question
from binex.models.run import Run, RunStatus
from binex.models.task import ArtifactInfo, ExecutionRecord
from binex.models.workflow_source import WorkflowSource
from binex.stores.bundle_store import Bookmark, Content, Link
from binex.stores.bundles.digest import Digests
from binex.stores.bundles.reading import Bundle
from binex.stores.bundles.rows import hash_of
from binex.stores.bundles.writing import as_exported, rows_of
from binex.stores.run_store import RunStore

_NO_FILE: Final = "<"
"""How the place of a workflow begins that was never a file."""


class Imported(Model):
    """What became of a bundle."""

    run: Run
    """The run that was exported, as it is in the store."""
    imported: tuple[str, ...] = ()
    """The ids of the runs that are new here."""
    present: tuple[str, ...] = ()
    """The ids of the runs that were here already."""
    source: WorkflowSource
    """The snapshot of its workflow."""
    recorded_folder: str
    """Where the workflow lay when it was run."""


async def bring_in(store: RunStore, bundle: Bundle, folder: Path | None = None) -> Imported:
    """Keep the runs of a bundle that are not there yet: all of them or none.

    Local functions are looked for in *folder*. Without it, where they were recorded, if there is such a folder here,
    and else in the current one. A run whose process had died, or was executing it, comes in as interrupted.

    Raises:
        RunError: there is a run with an id of the bundle's, and it is another one.
        StoreError: the store cannot be written.
    """
    new: list[Run] = []
    present: list[str] = []
    for run in bundle.runs.values():
        if await _is_present(store, bundle, run):
            present.append(run.id)
        else:
            new.append(run)
    placed = {name: _placed(source, folder) for name, source in bundle.sources.items()}
    if new:
        await store.take_in(_Arrivals(bundle, new, placed))
    main = await store.get_run(bundle.run.id)
    assert main is not None
    return Imported(
        run=main,
        imported=tuple(run.id for run in new),
        present=tuple(present),
        source=await store.get_source(main.workflow_hash),
        recorded_folder=bundle.sources[bundle.run.workflow_hash].folder,
    )


async def _is_present(store: RunStore, bundle: Bundle, run: Run) -> bool:
    here = await as_exported(store, run.id)
    if here is None:
        return False
    digests = Digests()
    async for table, row in rows_of(store, here):
        digests.add(run.id, table, row)
    ours, theirs = digests.of(run.id), bundle.digests.of(run.id)
    different = sorted(table for table in ours.keys() | theirs.keys() if ours.get(table) != theirs.get(table))
    if not different:
        return True
    what = ", ".join(table.removesuffix(".jsonl") for table in different)
    raise RunError(
        f"there is a run {run.id} already, and it is not the one in the bundle: they differ in {what};"
        " nothing was imported",
        fix="import the bundle into a store of its own, with --dir",
    )


def _placed(source: WorkflowSource, folder: Path | None) -> WorkflowSource:
    """The snapshot with a folder that is here, and its file in it: no bundle can point to another one."""
    if folder is None:
        folder = Path(source.folder) if _is_folder(source.folder) else Path.cwd()
    name = PurePath(source.file).name.removeprefix("..")
    file = source.file if source.file.startswith(_NO_FILE) else str(folder / name)
    return source.model_copy(update={"folder": str(folder), "file": file})


def _is_folder(path: str) -> bool:
    try:
        return PurePath(path).is_absolute() and Path(path).is_dir()
    except (OSError, ValueError):
        return False


class _Arrivals:
    """Those runs of a bundle that are to be kept, as they are to be kept."""

    def __init__(self, bundle: Bundle, runs: Sequence[Run], placed: Mapping[str, WorkflowSource]) -> None:
        # What a snapshot is called is computed here: a name that is believed could stand for another workflow.
        hashes = {name: hash_of(source) for name, source in placed.items()}
        self._bundle = bundle
        self._ids = {run.id for run in runs}
        self.runs = [_arrived(run, hashes[run.workflow_hash]) for run in runs]
        self.sources = {hashes[run.workflow_hash]: placed[run.workflow_hash] for run in runs}

    def records(self) -> Iterator[ExecutionRecord]:
        return (record for record in self._bundle.records() if record.run_id in self._ids)

    def artifacts(self) -> Iterator[tuple[ArtifactInfo, Content]]:
        return ((info, content) for info, content in self._bundle.artifacts() if info.run_id in self._ids)

    def calls(self) -> Iterator[Call]:
        return (call for call in self._bundle.calls() if call.run_id in self._ids)

    def links(self) -> Iterator[Link]:
        return self._bundle.links()

    def blobs(self) -> Iterator[Content]:
        return self._bundle.blobs()

    def questions(self) -> Iterator[Question]:
        return (question for question in self._bundle.questions() if question.run_id in self._ids)

    def bookmarks(self) -> Iterator[Bookmark]:
        return (bookmark for bookmark in self._bundle.bookmarks() if bookmark.run_id in self._ids)


def _arrived(run: Run, workflow_hash: str) -> Run:
    status = RunStatus.INTERRUPTED if run.status is RunStatus.RUNNING else run.status
    return run.model_copy(update={"status": status, "workflow_hash": workflow_hash, "is_imported": True})
