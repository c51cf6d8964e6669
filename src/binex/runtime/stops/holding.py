"""Tasks that are held where their run stops, until somebody has said how to go on."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

from pydantic import JsonValue

from binex.graph import verdict
from binex.graph.dag import DAG
from binex.graph.scheduler import Work
from binex.models.breakpoint import Action, Moment, StopDecision, editable
from binex.models.names import node_of
from binex.models.task import Outcome, SkipReason, TaskStatus
from binex.runtime.attempt import Attempt
from binex.runtime.desk import RunDesk
from binex.runtime.journal import RunLog
from binex.runtime.keys import TaskKey
from binex.runtime.stops.edited import restored, with_inputs, with_outputs
from binex.runtime.stops.held import ENDED, HELD, EarlierStops, held_value, retried
from binex.runtime.stops.stop_desk import StopDesk, shown_after
from binex.runtime.stops.stops import Places, Stops
from binex.stores.call_store import CallStore
from binex.tape.redaction import Redactor


@dataclass(frozen=True, slots=True)
class Loop:
    """What can be done with the loop of a run."""

    log: RunLog
    settle: Callable[[Outcome], None]
    """Hands over how a task ended."""
    wake: Callable[[], None]
    """Has the loop look what it can do."""
    quit: Callable[[], None]
    """Ends the run as interrupted."""


@dataclass(slots=True)
class _Hold:
    """A task that is held: before it is executed, or with what came of it."""

    work: Work
    outcome: Outcome | None = None
    is_kept: bool = False
    """Whether the outcome is in the store already, so that nothing is lost where the process ends."""
    is_queued: bool = False
    """Whether it waits for its turn: who steps is asked about one task at a time."""
    deciding: "asyncio.Task[None] | None" = field(default=None)


class Holds:
    """Decides which tasks of one run are held, has somebody asked about them, and follows the answers.

    A task that is held takes its place as one that runs does, but for its deadline. What came of a task is kept
    before anybody is asked about it, so that no work is lost, however the process ends.
    """

    def __init__(  # noqa: PLR0913 - what a run has, each by its name
        self,
        stops: Stops,
        places: Places,
        dag: DAG,
        *,
        store: CallStore,
        desk: RunDesk,
        redactor: Redactor,
        earlier: EarlierStops,
    ) -> None:
        self._stops = stops
        self._places = places
        self._dag = dag
        self._store = store
        self._desk = StopDesk(desk)
        self._redactor = redactor
        self._earlier = earlier
        self._is_idle = not stops.is_any and not earlier.is_any
        self._loop: Loop | None = None
        self._by_path: dict[str, _Hold] = {}
        self._works: dict[str, Work] = {}  # of tasks that may have to stop when they have been executed
        self._edited: set[str] = set()
        self._again: set[str] = set()
        self._released: list[Work] = []
        self._deciding: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._has_left = False

    @asynccontextmanager
    async def open(self, loop: Loop) -> AsyncIterator[None]:
        """Hold tasks until the block ends."""
        self._loop = loop
        try:
            yield
        finally:
            self.leave()
            if self._deciding:
                await asyncio.wait(self._deciding)

    # --- what the loop of the run asks ------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._by_path)

    @property
    def asking(self) -> Collection[str]:
        """The paths of the tasks that somebody is asked about, or is about to be."""
        return [path for path, hold in self._by_path.items() if not hold.is_queued]

    def hold(self, work: Work) -> bool:
        """Whether *work* is held, or has become other work, instead of being done now."""
        if self._is_idle or work.task is None:
            return False
        path, task = work.path, work.task
        last = self._earlier.last_before(path)
        if last is not None and last.is_pending:
            why = self._places.why_stop(path, Moment.BEFORE, work.inputs)
            self._hold_before(work, why or "", last.number)
            return True
        followed = None if last is None else last.decision
        if followed is not None and followed.action is Action.EDIT:
            work = self._with_inputs(work, followed.edited)
        if (held := self._earlier.take_outcome(task)) is not None:
            self._hold_after(work, held, self._places.why_stop(path, Moment.AFTER, (*work.inputs, *held.artifacts)))
            return True
        why = self._places.why_stop(path, Moment.BEFORE, work.inputs)
        if why is not None or self._stops.is_stepping:
            self._hold_before(work, why or "", 1 if last is None else last.number + 1, is_step=why is None)
        elif followed is not None and followed.action in (Action.EDIT, Action.SKIP):
            self._follow_before(work, followed, is_new=False)
        else:
            self._note_start(work)
            return False
        return True

    def take_released(self) -> Sequence[Work]:
        """The tasks that may go on since the last call."""
        released, self._released = self._released, []
        return released

    def is_again(self, path: str) -> bool:
        """Whether somebody wants the task at *path* executed once more, whatever is known about it."""
        return path in self._again

    def take(self, outcome: Outcome) -> None:
        """Take in how the execution of a task ended, and hand that over, now or when somebody has decided."""
        path = outcome.path
        if path in self._edited:
            outcome = outcome.model_copy(update={"record": outcome.record.model_copy(update={"is_edited": True})})
        work = self._works.get(path)
        if work is not None and not self._has_left and outcome.status in ENDED:
            why = self._places.why_stop(path, Moment.AFTER, (*work.inputs, *outcome.artifacts))
            if why is not None:
                self._hold_after(work, outcome, why)
                return
        self._settle(outcome)

    def stop(self, path: str) -> None:
        """Let go of the task at *path*: nobody needs it any more."""
        hold = self._by_path.get(path)
        released = next((work for work in self._released if work.path == path), None)
        if hold is not None:
            self._cancel(hold)
        if hold is not None and hold.outcome is not None:
            self._settle(hold.outcome)
        elif work := hold.work if hold is not None else released:
            self._released = [other for other in self._released if other is not released]
            self._settle(work.decided or _cancelled(work))

    def leave(self, *, for_good: bool = False) -> None:
        """Hold nothing any more: the run ends. What is not decided is asked again when it goes on.

        *for_good* means that it will not, so that what came of tasks is handed over as it is.
        """
        self._has_left = True
        self._released.clear()
        while self._by_path:
            _, hold = self._by_path.popitem()
            self._cancel(hold)
            if hold.outcome is not None and (for_good or not hold.is_kept):
                self._settle(hold.outcome)

    # --- before a task ----------------------------------------------------------------------------------------

    def _hold_before(self, work: Work, why: str, number: int, *, is_step: bool = False) -> None:
        hold = self._by_path[work.path] = _Hold(work, is_queued=is_step)
        self._start(hold, partial(self._decide_step if is_step else self._decide_before, hold, why, number))

    async def _decide_step(self, hold: _Hold, why: str, number: int) -> None:
        async with self._turn:
            hold.is_queued = False
            if self._stops.is_stepping:
                await self._decide_before(hold, why, number)
                return
        self._release(hold.work)

    async def _decide_before(self, hold: _Hold, why: str, number: int) -> None:
        work = hold.work
        assert work.task is not None
        decision, is_new = await self._desk.ask_before(work.task, why, number)
        if decision.action is Action.EDIT:
            work = self._with_inputs(work, decision.edited)
        self._follow_before(work, decision, is_new=is_new)

    def _follow_before(self, work: Work, decision: StopDecision, *, is_new: bool) -> None:
        self._note_pace(decision, is_new=is_new)
        match decision.action:
            case Action.SKIP:
                node = self._dag.nodes[node_of(work.path)]
                assert work.task is not None
                outcome = verdict.skipped(work.task.run_id, node, work.path, SkipReason.BY_HAND)
                self._release(replace(work, task=None, inputs=(), decided=outcome))
            case Action.QUIT | Action.REPLAY:
                self._quit(work.path, decision)
            case _:
                self._release(work)

    def _with_inputs(self, work: Work, edited: JsonValue) -> Work:
        """The same work with the inputs that somebody wants, as far as they are any."""
        assert work.task is not None
        real = cast(JsonValue, work.task.inputs)
        inputs = restored(edited, self._redactor.redact_json(real, shapes=True), real)
        if not isinstance(inputs, dict):
            return work
        self._edited.add(work.path)
        return with_inputs(work, inputs)

    # --- after a task -----------------------------------------------------------------------------------------

    def _hold_after(self, work: Work, outcome: Outcome, why: str | None) -> None:
        is_kept = self._earlier.has_asked_after(outcome)
        if why is None and not is_kept:
            self._settle(outcome)
            return
        hold = self._by_path[work.path] = _Hold(work, outcome, is_kept)
        self._start(hold, partial(self._decide_after, hold, outcome, why or ""))

    async def _decide_after(self, hold: _Hold, outcome: Outcome, why: str) -> None:
        record, task = outcome.record, hold.work.task
        assert task is not None
        if not hold.is_kept:
            await self._store.keep_bookmark(record.run_id, record.task, HELD, held_value(outcome, self._redactor))
            hold.is_kept = True
        decision, is_new = await self._desk.ask_after(task, outcome, why)
        self._note_pace(decision, is_new=is_new)
        match decision.action:
            case Action.EDIT:
                real = shown_after(outcome)
                shown = self._redactor.redact_json(real, shapes=True)
                self._settle(with_outputs(outcome, restored(decision.edited, editable(shown), editable(real))))
            case Action.RETRY:
                self._retry(hold.work, outcome)
            case Action.QUIT if not is_new:
                self._settle(outcome)  # the run has ended since, and goes on now
            case Action.QUIT | Action.REPLAY:
                self._settle(outcome)  # first, so that it is recorded
                self._quit(record.task, decision)
            case _:
                self._settle(outcome)

    def _retry(self, work: Work, outcome: Outcome) -> None:
        """Have the task executed again; that it was executed before is on record, without what it made."""
        assert self._loop is not None
        assert work.task is not None
        self._loop.log.note_retry(retried(outcome.record))
        self._again.add(work.path)
        self._release(replace(work, task=work.task.model_copy(update={"attempt": outcome.record.attempt + 1})))

    # --- asking and going on ----------------------------------------------------------------------------------

    def _note_pace(self, decision: StopDecision, *, is_new: bool) -> None:
        if decision.action is Action.STEP:
            self._stops.is_stepping = True
        elif decision.action is Action.CONTINUE and is_new:  # what was said earlier does not undo today's --step
            self._stops.is_stepping = False

    def _start(self, hold: _Hold, decide: Callable[[], Awaitable[None]]) -> None:
        hold.deciding = asyncio.get_running_loop().create_task(self._or_fail(hold, decide))
        self._deciding.add(hold.deciding)
        hold.deciding.add_done_callback(self._deciding.discard)

    async def _or_fail(self, hold: _Hold, decide: Callable[[], Awaitable[None]]) -> None:
        """Decide about a task; where that fails, so does the task, unless it has been executed."""
        try:
            await decide()
        except Exception as error:  # noqa: BLE001 - where the store is to blame, the loop meets that as well
            if hold.outcome is not None:
                self._settle(hold.outcome)
            else:
                attempt = _attempt_at(hold.work)
                attempt.take(error)
                self._settle(attempt.outcome())

    def _release(self, work: Work) -> None:
        """Have *work* done; the time for which it was held does not count as waiting."""
        self._by_path.pop(work.path, None)
        work = replace(work, ready_at=time.monotonic())
        self._note_start(work)
        self._released.append(work)
        assert self._loop is not None
        self._loop.wake()

    def _note_start(self, work: Work) -> None:
        """Remember what a task was given, if it may have to be executed again; its agent may change its inputs."""
        if work.task is not None and self._places.is_after(work.task.node_id):
            self._works[work.path] = replace(work, task=work.task.model_copy(deep=True))

    def _settle(self, outcome: Outcome) -> None:
        self._by_path.pop(outcome.path, None)
        self._works.pop(outcome.path, None)
        self._edited.discard(outcome.path)
        self._again.discard(outcome.path)
        assert self._loop is not None
        self._loop.settle(outcome)

    def _quit(self, path: str, decision: StopDecision) -> None:
        self._by_path.pop(path, None)
        if decision.action is Action.REPLAY:
            self._stops.replay_from = path
        assert self._loop is not None
        self._loop.quit()

    def _cancel(self, hold: _Hold) -> None:
        if hold.deciding is not None:
            hold.deciding.cancel()


def _cancelled(work: Work) -> Outcome:
    attempt = _attempt_at(work)
    attempt.end_as(TaskStatus.CANCELLED)
    return attempt.outcome()


def _attempt_at(work: Work) -> Attempt:
    """The attempt at a task that never came to its agent."""
    assert work.task is not None
    return Attempt(work.task, work, TaskKey("", {}), 0)
