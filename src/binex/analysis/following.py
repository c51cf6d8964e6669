"""What happens in a run that another process executes, as far as the store says it."""

import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final

from binex.analysis.debug import failures_of
from binex.analysis.questions import open_questions
from binex.analysis.state import as_seen
from binex.analysis.tasks.values import Binds, read_values
from binex.models.call import Call
from binex.models.event import (
    CallRecorded,
    Event,
    FanOutStarted,
    QuestionAsked,
    RunEnded,
    RunStarted,
    TaskRetrying,
    TaskSettled,
    TaskStarted,
)
from binex.models.names import node_of
from binex.models.run import Run, RunStatus, RunSummary
from binex.models.task import ExecutionRecord, final_records
from binex.stores.run_store import RunStore

SHORTEST_S: Final = 0.2
"""The pause between two looks."""
_SHARE: Final = 4
"""Looking may take a fifth of the time: the pause is so many times as long as a look took."""
_MOST_SINGLE: Final = 50
"""Of so many tasks the calls are asked for one by one; of more, those of the whole run at once."""


async def events_of(store: RunStore, run: Run, bind: Binds) -> AsyncIterator[list[Event]]:
    """What has happened in *run*, then whatever happens, several times a second until it ends; often nothing.

    The last event is the end of the run, however that came: a run whose process died is interrupted.
    """
    import asyncio

    watch = Watch(store, run, bind)
    while not watch.has_ended:
        began = time.monotonic()
        yield await watch.look()
        if not watch.has_ended:
            await asyncio.sleep(pause_after(time.monotonic() - began))


def pause_after(look_s: float) -> float:
    """How long to wait after a look that took so long."""
    return max(SHORTEST_S, _SHARE * look_s)


class Watch:
    """Looks at one run again and again, and remembers what it has told; also over its ends, where it goes on later."""

    def __init__(self, store: RunStore, run: Run, bind: Binds) -> None:
        self.has_ended = False
        self._store = store
        self._run = run
        self._bind = bind
        self._is_begun = False
        self._recorded: set[str] = set()
        self._started: set[str] = set()
        self._called: set[tuple[str, int, int]] = set()
        self._asked: set[str] = set()
        self._fanned_out: set[str] = set()

    async def begin(self) -> None:
        """Take what there is as told already."""
        store, id = self._store, self._run.id
        row = await store.get_run(id) or self._run  # before the records: none is missed
        self._run, self._is_begun = row, True
        self.has_ended = (await as_seen(store, row)).status is not RunStatus.RUNNING
        running = [] if self.has_ended else await store.list_running(id)
        records = await store.list_records(id)
        self._recorded = {record.id for record in records}
        self._started = {_attempt(event) for event in running}
        self._called = {_place(call) for call in await store.list_calls(id)}
        self._asked = {question.id for question in await open_questions(store, id)}
        paths = [*(record.task for record in records), *(event.task for event in running)]
        self._fanned_out = {node_of(path) for path in paths if node_of(path) != path}

    async def look(self) -> list[Event]:
        """What is new."""
        store, id = self._store, self._run.id
        row = await store.get_run(id)  # before the records: none is missed
        if self.has_ended and (row is None or await self._is_as_it_was(row)):
            return []
        is_taken_up = self.has_ended or not self._is_begun
        self._run, self._is_begun, self.has_ended = row or self._run, True, False
        run = await as_seen(store, self._run)
        running = [] if run.status.has_come_to_all else await store.list_running(id)
        records = await store.list_records(id)
        told: list[Event] = []
        if is_taken_up:
            told.append(RunStarted(run=run.model_copy(update={"counts": {}}), node_count=run.node_count))
        new = [record for record in records if record.id not in self._recorded]
        told += await self._fan_outs([*(r.task for r in new), *(event.task for event in running)], records)
        calls = await self._calls(dict.fromkeys([*(r.task for r in new), *(event.task for event in running)]))
        said: dict[tuple[str, int], list[Call]] = {}
        for call in calls:
            said.setdefault((call.task, call.attempt), []).append(call)
        for record in new:
            told += self._record(record, said.pop((record.task, record.attempt), ()))
        told += [event for event in running if self._is_new_start(event)]
        self._started |= {_attempt(event) for event in running}
        told += [CallRecorded(call=call) for rest in said.values() for call in rest]
        for question in await open_questions(store, id):
            if question.id not in self._asked:
                self._asked.add(question.id)
                told.append(QuestionAsked(question=question))
        if run.status is not RunStatus.RUNNING:
            self.has_ended = True
            told.append(RunEnded(summary=await self._summary(run, records)))
        return told

    async def _is_as_it_was(self, row: Run) -> bool:
        """Whether nobody has gone on with a run that had ended."""
        return row == self._run and (row.status is not RunStatus.RUNNING or not await self._store.is_owned(row.id))

    async def _calls(self, tasks: Mapping[str, None]) -> list[Call]:
        """The calls of *tasks* that were not told."""
        store, id = self._store, self._run.id
        if len(tasks) > _MOST_SINGLE:
            calls = await store.list_calls(id)
        else:
            calls = [call for task in tasks for call in await store.list_calls(id, task)]
        new = [call for call in calls if _place(call) not in self._called]
        self._called.update(map(_place, new))
        return new

    def _is_new_start(self, event: TaskStarted) -> bool:
        id = _attempt(event)
        return id not in self._started and id not in self._recorded

    def _record(self, record: ExecutionRecord, calls: Iterable[Call]) -> list[Event]:
        """That an attempt ended; before it that it began, where that was too short to be seen, and its *calls*."""
        told: list[Event] = []
        self._recorded.add(record.id)
        if record.started_at is not None and record.id not in self._started:
            start = record.model_dump(include={"run_id", "task", "agent", "attempt"})
            told.append(TaskStarted(**start, at=record.started_at))
        told += [CallRecorded(call=call) for call in calls]
        told.append(TaskSettled(record=record) if record.retry_in_ms is None else TaskRetrying(record=record))
        return told

    async def _fan_outs(self, paths: Sequence[str], records: Sequence[ExecutionRecord]) -> list[Event]:
        """How many items those nodes have whose first ones were seen."""
        nodes = dict.fromkeys(node_of(path) for path in paths if node_of(path) != path)
        told: list[Event] = []
        for node in nodes:
            if node in self._fanned_out:
                continue
            self._fanned_out.add(node)
            values = await read_values(self._store, self._run, node, final_records(records), self._bind)
            given = [] if values is None else [one.value for one in values.inputs if one.name == "foreach"]
            if given and isinstance(given[0], list):
                told.append(FanOutStarted(run_id=self._run.id, task=node, item_count=len(given[0])))
        return told

    async def _summary(self, run: Run, records: Sequence[ExecutionRecord]) -> RunSummary:
        questions = await open_questions(self._store, run.id)
        return RunSummary(run=run, failures=failures_of(records), questions=tuple(questions))


def _attempt(event: TaskStarted) -> str:
    """The id that the record of an attempt will have."""
    return f"{event.run_id}~{event.task}~{event.attempt}"


def _place(call: Call) -> tuple[str, int, int]:
    return call.task, call.attempt, call.number
