"""The part of a store in memory that keeps and removes runs; its sizes are those of contents and of what was said."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from binex.errors import InputError, RunError
from binex.models.call import BodyPart, Call
from binex.models.event import TaskStarted
from binex.models.question import Question, QuestionState
from binex.models.run import Run
from binex.models.task import Artifact, ExecutionRecord
from binex.models.workflow_source import WorkflowSource
from binex.stores.removal_store import FolderSizes, Freed, Kept, Moment, Stock, StoredBody, StoredRun


class MemoryRemoval:
    """Keeps and removes runs in dictionaries."""

    _runs: dict[str, Run]
    _sources: dict[str, WorkflowSource]
    _epochs: dict[str, int]
    _leases: Mapping[str, object]
    _records: dict[str, dict[tuple[str, int], ExecutionRecord]]
    _artifacts: dict[str, dict[str, Artifact]]
    _running: dict[str, dict[tuple[str, int], TaskStarted]]
    _calls: dict[str, dict[tuple[str, int, int], Call]]
    _bookmarks: dict[str, dict[str, dict[str, JsonValue]]]
    _parts: dict[str, BodyPart]
    _questions: dict[str, Question]
    _by_key: dict[str, list[ExecutionRecord]]

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}
        self._removals = 0

    async def keep_run(self, run_id: str, name: str = "") -> None:
        await asyncio.sleep(0)
        if run_id not in self._runs:
            raise InputError(f"no run {run_id!r:.80} in the store", fix="list the runs with: binex runs")
        for other, known in self._kept.items():
            if name and known == name:
                self._kept[other] = ""
        self._kept[run_id] = name

    async def release_run(self, run_id: str) -> bool:
        await asyncio.sleep(0)
        return self._kept.pop(run_id, None) is not None

    async def list_kept(self) -> list[Kept]:
        return [Kept(run_id, self._kept[run_id]) for run_id in reversed(self._runs) if run_id in self._kept]

    async def take_stock(self) -> Stock:
        places = {id: place for place, id in enumerate(self._parts)}
        runs = [self._stored(run, places) for run in self._runs.values()]
        epochs = {run.id: run.epoch for run in runs}
        return Stock(
            runs=runs,
            bodies=[StoredBody(len(part.data), 0) for part in self._parts.values()],
            shared_rows=0,
            folder=FolderSizes(),
            has_live_owner=any(run.is_owned for run in runs),
            moment=Moment(self._removals, len(self._runs), sum(map(len, self._records.values())), epochs),
        )

    async def remove_runs(self, run_ids: Sequence[str], moment: Moment) -> None:
        await asyncio.sleep(0)
        for run_id in run_ids:
            changed = moment.epochs.get(run_id) != self._epochs.get(run_id) or run_id in self._leases
            if changed or run_id in self._kept or any(run_id in self._needs(other) for other in self._runs):
                raise RunError(f"run {run_id} is needed, kept, or executed by now", fix="make a new plan")
            self._removals += 1
            tables: tuple[dict[str, Any], ...] = (
                *(self._runs, self._epochs, self._records, self._artifacts),
                *(self._running, self._calls, self._bookmarks),
            )
            for table in tables:
                table.pop(run_id, None)
            self._questions = {id: one for id, one in self._questions.items() if one.run_id != run_id}
            self._by_key = {
                key: left
                for key, records in self._by_key.items()
                if (left := [record for record in records if record.run_id != run_id])
            }

    async def remove_unneeded(self) -> Freed:
        await asyncio.sleep(0)
        for run_id in self._leases:
            return Freed(is_left=f"run {run_id} is executed by this process")
        used = {run.workflow_hash for run in self._runs.values()}
        self._sources = {name: source for name, source in self._sources.items() if name in used}
        before = len(self._parts)
        needed = {id for run_id in self._runs for id in self._said_in(run_id)}
        self._parts = {id: part for id, part in self._parts.items() if id in needed}
        return Freed(bodies=before - len(self._parts))

    async def give_back(self, *, is_rebuilt: bool) -> None:  # noqa: ARG002 - there is nothing to give back to
        await asyncio.sleep(0)

    def _stored(self, run: Run, places: Mapping[str, int]) -> StoredRun:
        artifacts = self._artifacts[run.id].values()
        return StoredRun(
            id=run.id,
            workflow=run.workflow,
            status=run.status,
            started_at=run.started_at,
            epoch=self._epochs[run.id],
            is_owned=run.id in self._leases,
            has_questions=any(
                one.run_id == run.id and one.state is QuestionState.OPEN for one in self._questions.values()
            ),
            kept_as=self._kept.get(run.id),
            parent=None if run.origin is None else run.origin.parent,
            takes_from=frozenset(self._taken_from(run.id)),
            rows=sum(artifact.size for artifact in artifacts),
            files=0,
            artifacts=len(artifacts),
            calls=len(self._calls[run.id]),
            bodies=sorted({places[id] for id in self._said_in(run.id)}),
        )

    def _needs(self, run_id: str) -> set[str]:
        origin = self._runs[run_id].origin
        return set(self._taken_from(run_id)) | ({origin.parent} if origin is not None else set())

    def _taken_from(self, run_id: str) -> Iterator[str]:
        for record in self._records[run_id].values():
            if record.reused_from is not None:
                yield record.reused_from
            for id in (*record.input_artifacts, *record.output_artifacts):
                if not id.startswith(f"{run_id}~"):
                    yield id.partition("~")[0]

    def _said_in(self, run_id: str) -> Iterator[str]:
        for call in self._calls[run_id].values():
            for body in (call.request, call.response):
                at = "" if body is None else body.last
                while at in self._parts:
                    yield at
                    at = self._parts[at].previous
