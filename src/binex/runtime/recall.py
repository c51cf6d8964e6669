"""Earlier outcomes that may stand for a task that is ready to run."""

from typing import Protocol

from binex.graph.scheduler import Work
from binex.models.task import Outcome
from binex.runtime.keys import TaskKey


class Recall(Protocol):
    """Is asked about every task before its agent is."""

    async def find(self, work: Work, key: TaskKey) -> Outcome | None:
        """The outcome that the task gets without being executed; None where its agent is to do it.

        Its record is one of this run and says in ``reused_from`` which run made it; its artifacts may be of that run,
        and are not kept again.

        Raises:
            DamagedDataError: it is known, and what it made is missing or altered.
        """
        ...
