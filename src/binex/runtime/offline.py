"""Runs in which only what is known counts: nobody outside is asked, and no function of this machine may ask either."""

from typing import Final

from binex.errors import OfflineError
from binex.graph.scheduler import Work
from binex.models.call import CallKind
from binex.models.task import ExecutionRecord, Outcome, TaskNode, TaskStatus, now
from binex.runtime.failure import describe
from binex.runtime.keys import TaskKey
from binex.runtime.recall import Recall
from binex.tape.asked import Asked

_OF_THIS_MACHINE: Final = ("local://", "human://output")
"""What asks nobody: functions, and what only shows."""
_FIX: Final = "run it once with --cache and without --offline; 'binex why' says what differs from earlier runs"


class OfflineRecall:
    """Lets a task that needs somebody fail where *known* does not know its outcome."""

    def __init__(self, known: Recall | None) -> None:
        self._known = known

    async def find(self, work: Work, key: TaskKey) -> Outcome | None:
        """What is known, or a failure; None for what is done on this machine."""
        outcome = None if self._known is None else await self._known.find(work, key)
        task = work.task
        if outcome is not None or task is None or task.agent.startswith(_OF_THIS_MACHINE):
            return outcome
        message = f"{task.agent} would have to be asked: no earlier task with the same key has completed"
        return Outcome(record=_refused(task, key, OfflineError(message, fix=_FIX)))


class OfflineAnswers:
    """Refuses what a function of this machine asks of the outside, its moments and random numbers excepted."""

    def answer(self, kind: CallKind, target: str, asked: Asked) -> None:
        """Leave values to who makes them.

        Raises:
            OfflineError: it is anything else.
        """
        if kind is not CallKind.VALUE:
            raise OfflineError(
                f"task '{asked.task}' would have to ask {target}, and its outcome is not known", fix=_FIX
            )


def _refused(task: TaskNode, key: TaskKey, error: OfflineError) -> ExecutionRecord:
    return ExecutionRecord(
        run_id=task.run_id,
        task=task.path,
        node_id=task.node_id,
        agent=task.agent,
        attempt=task.attempt,
        status=TaskStatus.FAILED,
        ended_at=now(),
        input_artifacts=task.input_artifacts,
        error=describe(error),
        key=key.hash,
        key_parts=dict(key.parts),
    )
