"""Records by what their tasks are known by."""

from typing import Protocol

from binex.models.task import ExecutionRecord


class KeyStore(Protocol):
    """Finds outcomes of other runs. Raises StoreError where the store cannot be read or written."""

    async def index_keys(self) -> None:
        """Make quick to find what was recorded until now; costs what was recorded since the last time."""
        ...

    async def find_by_key(
        self, key: str, *, run_id: str, task: str = "", is_older: bool = False, limit: int = 4
    ) -> list[ExecutionRecord]:
        """Tasks of other runs than *run_id* that completed with that key, the newest first.

        Those at the path *task* come before the others. Only tasks of runs that may be reused, with nothing changed by
        hand; with *is_older* only those of runs that were begun before that one. Once
        :meth:`index_keys` was called, what is recorded later need not be found.
        """
        ...

    async def find_alike(self, run_id: str, *, task: str = "", agent: str = "") -> ExecutionRecord | None:
        """The newest task with a key that completed in a run older than *run_id*, reused ones included.

        With *task*, the one at that path in a run of the same workflow; with *agent*, one of that agent.
        """
        ...

    async def list_reusers(self, run_id: str) -> list[str]:
        """The other runs in which outcomes of that run stand for tasks: forks, and runs with a cache; oldest first."""
        ...
