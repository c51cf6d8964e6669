"""Traces on their way into a store, secrets cut out; what they are made of waits on disk."""

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from binex.models.call import BodyPart, Call
from binex.models.question import Question
from binex.models.run import Run
from binex.models.task import ArtifactInfo, ExecutionRecord
from binex.models.workflow_source import WorkflowSource
from binex.stores.bundle_store import Bookmark, Content, Link
from binex.telemetry.foreign.spool import Spool

_HASH: Final = 64
"""How long a hash is, in hexadecimal digits."""


class Shipment:
    """Runs with all that belongs to them; see :class:`binex.stores.bundle_store.Cargo`."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.sources: dict[str, WorkflowSource] = {}
        self._records = Spool()
        self._artifacts = Spool()
        self._calls = Spool()
        self._parts = Spool()
        self.nodes = Spool()
        """Room for the nodes of snapshots that are being written."""
        self._in_order: array[int] = array("q")

    def __enter__(self) -> "Shipment":
        return self

    def __exit__(self, *_: object) -> None:
        for spool in (self._records, self._artifacts, self._calls, self._parts, self.nodes):
            spool.close()

    def add(self, run: Run, source: WorkflowSource, records: Iterable[int]) -> None:
        """Let a run be among them; *records* say where its records are, in their order."""
        self.runs.append(run)
        self.sources[run.workflow_hash] = source
        self._in_order.extend(records)

    def keep_record(self, record: ExecutionRecord) -> int:
        """Keep a record; where it is."""
        return self._records.add(record.model_dump_json().encode())

    def keep_artifact(self, info: ArtifactInfo, data: bytes) -> None:
        """Keep what a task made."""
        self._artifacts.add(info.model_dump_json().encode())
        self._artifacts.add(data)

    def keep_call(self, call: Call) -> None:
        """Keep a call; its parts are kept by themselves."""
        self._calls.add(call.model_dump_json().encode())

    def keep_part(self, part: BodyPart) -> None:
        """Keep a part of what was said in calls."""
        self._parts.add(f"{part.id}{part.sha256}{part.previous}".encode())
        self._parts.add(part.data)

    def records(self) -> Iterator[ExecutionRecord]:
        return (ExecutionRecord.model_validate_json(self._records.read(place)) for place in self._in_order)

    def artifacts(self) -> Iterator[tuple[ArtifactInfo, Content]]:
        items = iter(self._artifacts)
        for info, data in zip(items, items, strict=True):
            artifact = ArtifactInfo.model_validate_json(info)
            yield artifact, Content(artifact.sha256, artifact.size, iter((data,)))

    def calls(self) -> Iterator[Call]:
        return (Call.model_validate_json(call) for call in self._calls)

    def links(self) -> Iterator[Link]:
        return (Link(id, previous, sha256) for id, sha256, previous, _ in self._kept_parts())

    def blobs(self) -> Iterator[Content]:
        return (Content(sha256, len(data), iter((data,))) for _, sha256, _, data in self._kept_parts())

    def questions(self) -> Iterator[Question]:
        return iter(())

    def bookmarks(self) -> Iterator[Bookmark]:
        return iter(())

    def _kept_parts(self) -> Iterator[tuple[str, str, str, bytes]]:
        items = iter(self._parts)
        for names, data in zip(items, items, strict=True):
            said = names.decode()
            yield said[:_HASH], said[_HASH : 2 * _HASH], said[2 * _HASH :], data
