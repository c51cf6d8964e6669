"""A run once more, with nothing but its own record: the tape answers the calls of every task."""

from collections.abc import Mapping, Sequence
from functools import partial

from binex.graph.dag import DAG
from binex.graph.scheduler import Work
from binex.models.call import Call
from binex.models.names import node_of
from binex.models.run import Run
from binex.models.task import ErrorInfo, ErrorKind, ExecutionRecord, Outcome, SkipReason, TaskNode, TaskStatus, now
from binex.runtime.dispatcher import EndAs
from binex.runtime.forks.recorded_calls import RecordedCalls
from binex.runtime.inheritance import inherited, read_artifacts
from binex.runtime.journal import TakenOver
from binex.runtime.keys import TaskKey
from binex.stores.run_store import RunStore
from binex.tape.faults import Fault
from binex.tape.faulty_player import FaultyTask
from binex.tape.player import Player
from binex.tape.taping import Answers


class TapedRun:
    """Answers for the tasks of one run what those of *parent* were answered.

    Not executed are tasks that were not carried to their end then (the record says how they ended), and those whose
    outcome somebody made by hand. Calls of the tasks that *faults* are for meet these first.
    """

    def __init__(
        self,
        store: RunStore,
        parent: Run,
        records: Sequence[ExecutionRecord],
        run_id: str,
        *,
        is_timed: bool = False,
        faults: Sequence[Fault] = (),
    ) -> None:
        self._faults = faults
        self._faulty: dict[str, FaultyTask] = {}
        self._store = store
        self._parent = parent
        self._run_id = run_id
        self._is_timed = is_timed
        self._chains = chains_of(records)
        self._tapes: dict[str, RecordedCalls] = {}
        self._bodies: dict[str, dict[str, bytes]] = {}
        self._playing: dict[str, list[tuple[ExecutionRecord, list[Call]]]] = {}

    async def find(self, work: Work, key: TaskKey) -> Outcome | None:  # noqa: ARG002 - a replay compares nothing
        """The outcome of a task that is not executed again; for every other one, its tape is made ready."""
        chain = self._chains.get(work.path)
        if chain is None:
            if self._parent.status.has_come_to_all:
                return None  # nothing of it is on the tape, and its calls will say so
            return self._left_out(work)
        last = chain[-1]
        if _was_not_carried_out(last) or _is_by_hand(last):
            return await self._as_it_was(last)
        await self._load(work, chain)
        return None

    async def settled_by_hand(self, dag: DAG) -> TakenOver:
        """The nodes that somebody decided about, with their items: nothing before them can make them otherwise."""
        ends = {path: chain[-1] for path, chain in self._chains.items()}
        nodes = {path for path, end in ends.items() if path in dag.nodes and _is_by_hand(end)}
        taken = {path: await self._as_it_was(end) for path, end in ends.items() if node_of(path) in nodes}
        return TakenOver([outcome for path, outcome in taken.items() if path in nodes], list(taken.values()))

    def unmet(self) -> dict[str, int]:
        """How many faults no call has met: by the task's path, or by what they are for where that was not executed."""
        unmet = {path: faulty.to_come for path, faulty in self._faulty.items() if faulty.to_come}
        for fault in self._faults:
            if not any(fault.is_for(path) for path in self._faulty):
                unmet[fault.node] = unmet.get(fault.node, 0) + fault.count
        return unmet

    def answers_for(self, task: TaskNode, end_as: EndAs) -> Answers:
        """Who answers the calls of an attempt: those of the attempt that was made in its place."""
        if any(fault.is_for(task.path) for fault in self._faults):
            return self._faulty_task(task).player(task.attempt)
        attempts = self._playing.get(task.path, [])
        record, calls = attempts[task.attempt - 1] if task.attempt <= len(attempts) else (None, [])
        was_late = record is not None and record.status is TaskStatus.TIMED_OUT
        bodies = self._bodies.get(task.path, {})
        if task.attempt >= len(attempts):  # the last one: nothing else needs them
            self._playing.pop(task.path, None)
            self._bodies.pop(task.path, None)
        return Player(
            calls,
            lambda body: bodies[body.last],
            is_timed=self._is_timed,
            end_attempt=partial(end_as, TaskStatus.TIMED_OUT) if was_late else None,
            is_kept_here=True,
        )

    def _faulty_task(self, task: TaskNode) -> FaultyTask:
        if task.path not in self._faulty:
            bodies = self._bodies.pop(task.path, {})
            self._faulty[task.path] = FaultyTask(
                [fault for fault in self._faults if fault.is_for(task.path)],
                [calls for _, calls in self._playing.pop(task.path, [])],
                lambda body: bodies[body.last],
                has_schema=task.output_schema is not None or len(task.outputs) > 1,
            )
        return self._faulty[task.path]

    async def _as_it_was(self, record: ExecutionRecord) -> Outcome:
        artifacts = await read_artifacts(self._store, record, record.task)
        return Outcome(record=inherited(record, self._run_id), artifacts=artifacts)

    async def _load(self, work: Work, chain: Sequence[ExecutionRecord]) -> None:
        """Have all that was said in the attempts at a task at hand: a player cannot wait."""
        end, path = chain[-1], work.path
        run_id, task = end.executed_as
        if run_id != end.run_id:
            records = [record for record in await self._store.list_records(run_id) if record.task == task]
            if end.status is not TaskStatus.COMPLETED:  # that run may have gone on since, and tried again
                records = [record for record in records if record.attempt <= end.attempt]
            chain = chains_of(records).get(task, chain)
        chain = chain[-1 - work.retry_policy.max_retries :]  # each session of a run begins to count anew
        recorded = self._recorded(run_id)
        calls = await recorded.of(task)
        self._playing[path] = [(record, [call for call in calls if call.attempt == record.attempt]) for record in chain]
        self._bodies[path] = await recorded.bodies_of(task)

    def _recorded(self, run_id: str) -> RecordedCalls:
        if run_id not in self._tapes:
            ends = [chain[-1] for chain in self._chains.values() if not _is_by_hand(chain[-1])]
            order = [end.task for end in ends if end.executed_as == (run_id, end.task)]
            self._tapes[run_id] = RecordedCalls(self._store, run_id, order)
        return self._tapes[run_id]

    def _left_out(self, work: Work) -> Outcome:
        assert work.task is not None
        message = f"run {self._parent.id} ended before this task did"
        return Outcome(
            record=ExecutionRecord(
                run_id=self._run_id,
                task=work.path,
                node_id=work.task.node_id,
                agent=work.task.agent,
                attempt=0,
                status=TaskStatus.CANCELLED,
                ended_at=now(),
                error=ErrorInfo(kind=ErrorKind.CANCELLED, type="NotRecorded", message=message),
                reused_from=self._parent.id,
            )
        )


def _was_not_carried_out(record: ExecutionRecord) -> bool:
    """Whether a task was stopped, or refused because somebody would have had to be asked."""
    is_refused = record.error is not None and record.error.kind is ErrorKind.OFFLINE
    return is_refused or record.status is TaskStatus.CANCELLED


def _is_by_hand(record: ExecutionRecord) -> bool:
    """Whether somebody decided what came of a task."""
    return record.is_edited or record.skip_reason in (SkipReason.BY_HAND, SkipReason.LEFT_OUT)


def chains_of(records: Sequence[ExecutionRecord]) -> Mapping[str, list[ExecutionRecord]]:
    """For every task that ended, the attempts that led to its end, one after the other.

    What a stop of the run has cut off, and what a resumed run did not build on, is left out.
    """
    by_task: dict[str, list[ExecutionRecord]] = {}
    for record in sorted(records, key=lambda record: record.attempt):
        by_task.setdefault(record.task, []).append(record)
    chains: dict[str, list[ExecutionRecord]] = {}
    for path, attempts in by_task.items():
        if not attempts[-1].is_final:
            continue
        chain = [attempts.pop()]
        while attempts and attempts[-1].retry_in_ms is not None:
            chain.insert(0, attempts.pop())
        chains[path] = chain
    return chains
