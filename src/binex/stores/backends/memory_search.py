"""Finding runs and texts in a store in memory: everything is looked through."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

from binex.models.call import NOT_MADE, BodyPart, Call, CallKind, Spend, outcome_of
from binex.models.names import node_of
from binex.models.run import Run, RunMode, RunStatus
from binex.models.run_query import AttemptFigures, CallFigures, FoundRuns, FoundText, RunFigures, RunOrigin, RunQuery
from binex.models.task import Artifact, ExecutionRecord, TaskStatus, final_records
from binex.stores.backends.run_filter import has_variable_of
from binex.stores.spoken import text_of_body
from binex.stores.wording import Phrase, decode_text, holds, read_search, words_of


class MemorySearch:
    """Finds runs and texts in what a store in memory has."""

    _runs: dict[str, Run]
    _leases: Mapping[str, object]
    _records: dict[str, dict[tuple[str, int], ExecutionRecord]]
    _artifacts: dict[str, dict[str, Artifact]]
    _calls: dict[str, dict[tuple[str, int, int], Call]]
    _parts: dict[str, BodyPart]

    async def index_texts(self, on_progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:  # noqa: ARG002 - nothing is to be done
        await asyncio.sleep(0)

    async def count_unindexed(self) -> int:
        return 0

    async def find_runs(self, query: RunQuery, *, limit: int = 20, offset: int = 0) -> FoundRuns:
        phrases = read_search(query.text) if query.text else ()
        found = [run for run in reversed(self._runs.values()) if self._is_asked_for(run, query, phrases)]
        offset = max(offset, 0)
        return FoundRuns(runs=tuple(found[offset : offset + max(limit, 0)]))

    async def find_texts(self, text: str, run_ids: Sequence[str], *, most: int = 3) -> list[FoundText]:
        phrases = read_search(text)
        return [
            found
            for run_id in run_ids
            if run_id in self._runs
            for found in list(self._texts_of(run_id, phrases))[:most]
        ]

    async def list_run_figures(self, query: RunQuery) -> list[RunFigures]:
        found = (await self.find_runs(query, limit=len(self._runs))).runs
        return [
            RunFigures(
                run.id, run.workflow, run.status.value, run.started_at.isoformat(), run.duration_ms, *_spent(run.spend)
            )
            for run in reversed(found)
        ]

    async def list_attempt_figures(self, query: RunQuery) -> AsyncIterator[list[AttemptFigures]]:
        for run in reversed((await self.find_runs(query, limit=len(self._runs))).runs):
            yield [
                AttemptFigures(
                    run.id, one.node_id, one.status.value, one.is_final, one.duration_ms, *_spent(one.spend or Spend())
                )
                for one in self._records[run.id].values()
                if one.attempt and one.reused_from is None and one.started_at is not None
            ]

    async def list_call_figures(self, query: RunQuery) -> AsyncIterator[list[CallFigures]]:
        for run in reversed((await self.find_runs(query, limit=len(self._runs))).runs):
            yield [
                CallFigures(run.id, call.target, outcome_of(call.error), call.duration_ms, *_spent(call.spend))
                for call in self._calls[run.id].values()
                if call.kind is CallKind.MODEL and call.priced_by != NOT_MADE
            ]

    def _is_asked_for(self, run: Run, query: RunQuery, phrases: tuple[Phrase, ...]) -> bool:
        status = run.status
        if status is RunStatus.RUNNING and run.id not in self._leases:
            status = RunStatus.INTERRUPTED
        return (
            (not query.statuses or status in query.statuses)
            and query.workflow in (None, run.workflow)
            and (query.since is None or run.started_at >= query.since)
            and (query.until is None or run.started_at < query.until)
            and (query.min_cost is None or run.spend.cost_usd >= query.min_cost)
            and (query.max_cost is None or run.spend.cost_usd <= query.max_cost)
            and query.origin in (None, *_origins_of(run))
            and not (query.is_whole and run.origin is not None)
            and not (query.is_live and run.origin is not None and run.origin.mode is RunMode.REPLAY)
            and all(has_variable_of(run.variables, name, value) for name, value in query.variables)
            and (query.failed_at is None or self._failed_at(run.id, query.failed_at))
            and (not phrases or next(self._texts_of(run.id, phrases), None) is not None)
        )

    def _failed_at(self, run_id: str, node: str) -> bool:
        records = final_records(self._records[run_id].values())
        failed = (
            path for path, record in records.items() if record.status in (TaskStatus.FAILED, TaskStatus.TIMED_OUT)
        )
        return any(node in (path, node_of(path)) for path in failed)

    def _texts_of(self, run_id: str, phrases: tuple[Phrase, ...]) -> Iterator[FoundText]:
        return (text for text in self._texts_in(run_id) if holds(words_of(text.text), phrases))

    def _texts_in(self, run_id: str) -> Iterator[FoundText]:
        for id, artifact in self._artifacts[run_id].items():
            text = decode_text(artifact.data, "application/json")
            yield FoundText(run_id=run_id, task=artifact.task, artifact=id, text=text)
        passed: set[str] = set()
        for call in self._calls[run_id].values():
            for body, is_response in ((call.request, False), (call.response, True)):
                at = "" if body is None else body.last
                while body is not None and at not in passed and (part := self._parts.get(at)) is not None:
                    passed.add(at)
                    at = part.previous
                    yield FoundText(
                        run_id=run_id,
                        task=call.task,
                        call=f"{call.task}:{call.attempt}.{call.number}",
                        is_response=is_response,
                        text=text_of_body(part.data, body.media_type),
                    )


def _spent(spend: Spend) -> tuple[float, int, int, int]:
    return spend.cost_usd, spend.unpriced_calls, spend.input_tokens, spend.output_tokens


def _origins_of(run: Run) -> Iterator[RunOrigin]:
    if run.is_imported:
        yield RunOrigin.IMPORTED
    if run.origin is not None and run.origin.mode is not RunMode.RUN:
        yield RunOrigin(run.origin.mode.value)
    elif not run.is_imported and run.origin is None:
        yield RunOrigin.RUN
