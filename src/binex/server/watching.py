"""Sees what happens in runs that other processes execute, as long as somebody follows them."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from binex.analysis.following import Watch, pause_after
from binex.analysis.questions import open_questions
from binex.analysis.runs import RunPage, list_runs
from binex.errors import BinexError
from binex.models.event import QuestionAsked, RunStarted
from binex.models.question import Question
from binex.models.run import Run, RunStatus
from binex.server.bound import bind_kept
from binex.server.event_hub import EventHub
from binex.server.reading import Reader
from binex.server.told import MISSED, Told, tell, tell_change
from binex.stores.run_store import RunStore

_OVERVIEW: Final = ""
_PAUSE_S: Final = 0.7
_SEEN: Final = 30
"""So many of the newest runs are looked at for those who follow all of them."""
_LINGER_S: Final = 10.0
"""How long a run is still watched when nobody follows it: they may come back."""


class _Watched(NamedTuple):
    task: asyncio.Task[None]
    begun: asyncio.Event
    """Set as soon as all is told that happens from now on."""


class _Overview(NamedTuple):
    """What was seen in one look, by ids."""

    runs: dict[str, Run]
    """The newest first."""
    questions: dict[str, Question]


class Watching:
    """Watches each run once, whoever follows it; in short all of them, for who follows none."""

    def __init__(self, reader: Reader, hub: EventHub, is_here: Callable[[str], bool]) -> None:
        """Watch with *reader* and tell *hub*; runs of which *is_here* is true tell it themselves."""
        self._reader = reader
        self._hub = hub
        self._is_here = is_here
        self._followers: Counter[str] = Counter()
        self._watches: dict[str, _Watched] = {}
        self._seen: dict[str, Watch] = {}
        self._lingering: set[asyncio.TimerHandle] = set()

    async def begin(self, run_id: str | None) -> None:
        """Watch for one follower more. On return all is told that happens from now on."""
        key = run_id or _OVERVIEW
        self._followers[key] += 1
        watched = self._watches.get(key)
        if watched is None or watched.task.done():
            if not self._is_here(key):  # of what runs here all was told, whoever followed
                self._hub.watch_begins(key)
            begun = asyncio.Event()
            task = asyncio.create_task(self._watch(key, begun), name=f"watch {key or 'all runs'}")
            watched = self._watches[key] = _Watched(task, begun)
        await watched.begun.wait()

    def end(self, run_id: str | None) -> None:
        """Watch for one follower less."""
        key = run_id or _OVERVIEW
        self._followers[key] -= 1
        loop = asyncio.get_running_loop()

        def drop() -> None:
            self._lingering.discard(timer)
            if not self._followers[key]:
                del self._followers[key]
                if (watched := self._watches.pop(key, None)) is not None:
                    watched.task.cancel()
                self._seen.pop(key, None)

        timer = loop.call_later(_LINGER_S, drop)
        self._lingering.add(timer)

    async def close(self) -> None:
        """Watch nothing any more."""
        for timer in self._lingering:
            timer.cancel()
        tasks = [watched.task for watched in self._watches.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)

    async def _watch(self, key: str, begun: asyncio.Event) -> None:
        try:
            if not key:
                await self._watch_all(begun)
            while True:
                try:
                    await self._watch_run(key, begun)
                except BinexError:  # whoever asks for the run itself is told what is wrong
                    if self._seen.pop(key, None) is not None:
                        self._hub.publish(MISSED._replace(run_id=key))  # what was being looked at may be lost
                begun.set()
                await asyncio.sleep(_PAUSE_S)
        finally:
            begun.set()

    async def _watch_run(self, run_id: str, begun: asyncio.Event) -> None:
        """Tell what happens in a run from now on, also where it has ended and goes on; the rest can be asked for."""
        loop = asyncio.get_running_loop()

        async def watch(store: RunStore) -> None:
            while (run := await store.get_run(run_id)) is not None:
                pause, began = _PAUSE_S, time.monotonic()
                seen = self._seen.get(run_id)
                if self._is_here(run_id):  # it tells all of it itself
                    self._seen.pop(run_id, None)
                elif seen is None:
                    seen = Watch(store, run, bind_kept)
                    await seen.begin()
                    self._seen[run_id] = seen
                else:
                    if events := await seen.look():
                        loop.call_soon_threadsafe(self._tell_all, [tell(event) for event in events])
                    if not seen.has_ended:
                        pause = pause_after(time.monotonic() - began)
                loop.call_soon_threadsafe(begun.set)
                await asyncio.sleep(pause)

        await self._reader.watch(watch)

    async def _watch_all(self, begun: asyncio.Event) -> None:
        """Tell which of the newest runs have changed, and what people are asked."""
        before: _Overview | None = None
        while True:
            with suppress(BinexError):  # what has changed until the store can be read again is told then
                now = _overview_of(*await self._reader.ask(_look))
                if before is not None:
                    self._tell_changes(before, now)
                before = now
            begun.set()
            await asyncio.sleep(_PAUSE_S)

    def _tell_changes(self, before: _Overview, now: _Overview) -> None:
        if len(before.runs) == _SEEN and before.runs.keys().isdisjoint(now.runs):
            self._hub.publish(MISSED)  # there were more in the meantime than are looked at
        for run in reversed(now.runs.values()):
            if before.runs.get(run.id) != run and not self._is_here(run.id):
                self._tell_all(_tell_run(run, before.runs.get(run.id)))
        for question in now.questions.values():
            if question.id not in before.questions and not self._is_here(question.run_id):
                self._hub.publish(QuestionAsked(question=question))

    def _tell_all(self, told: Sequence[Told]) -> None:
        for one in told:
            self._hub.publish(one)


def _overview_of(page: RunPage, questions: Sequence[Question]) -> _Overview:
    return _Overview({run.id: run for run in page.runs}, {question.id: question for question in questions})


async def _look(store: RunStore) -> tuple[RunPage, list[Question]]:
    return await list_runs(store, limit=_SEEN), await open_questions(store)


def _tell_run(run: Run, before: Run | None) -> list[Told]:
    """What is told of a run that is not as it was *before*: that it began, where it is new, and that it has ended."""
    told = [tell_change(run)]
    if before is None:
        told = [tell(RunStarted(run=run.model_copy(update={"counts": {}}), node_count=run.node_count))]
    is_over = run.status is not RunStatus.RUNNING
    if is_over and (before is None or before.status is RunStatus.RUNNING or before.resumed != run.resumed):
        told.append(tell_change(run)._replace(name="end"))
    return told
