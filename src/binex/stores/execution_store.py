"""What is kept of runs and of how their tasks ended."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from binex.models.event import TaskStarted
from binex.models.run import Run
from binex.models.task import ExecutionRecord
from binex.models.workflow_source import WorkflowSource


class Lease(Protocol):
    """The right to execute one run, held by one process at a time.

    The operating system ends it when the process dies. Should its holder be stopped (SIGSTOP) and another
    process take the run over, everything that the holder writes afterwards is refused.
    """

    @property
    def run_id(self) -> str: ...

    @property
    def epoch(self) -> int:
        """Grows by one with every holder."""
        ...

    async def wait_for_cancel(self) -> None:
        """Return when somebody, perhaps in another process, asks for the run to be cancelled."""
        ...


class ExecutionStore(Protocol):
    """Runs and records. What a method has returned from is durable, as far as the store was told to make it.

    Every method raises StoreError where the store cannot be read or written, and LostLeaseError where
    the run was taken over by another process.
    """

    async def record(self, execution_record: ExecutionRecord) -> None:
        """Keep how an attempt ended. The first record of an attempt stays; another for it changes nothing."""
        ...

    async def list_records(self, run_id: str) -> list[ExecutionRecord]:
        """Every record of a run, in the order in which they were kept; empty for an unknown run."""
        ...

    def open_run(self, run: Run, source: WorkflowSource) -> AbstractAsyncContextManager[Lease]:
        """Keep a new run and the snapshot of its workflow, and own it until the block ends.

        Raises:
            StoreError: there is a run with that id already.
        """
        ...

    def take_run(self, run_id: str) -> AbstractAsyncContextManager[Lease]:
        """Own a run whose owner died, ended or is stopped, until the block ends.

        Raises:
            InputError: there is no such run.
            RunOwnedError: a live process owns it; the message names it and since when.
        """
        ...

    async def is_owned(self, run_id: str) -> bool:
        """Whether a live process executes the run."""
        ...

    async def request_cancel(self, run_id: str) -> bool:
        """Ask the owner of a run to cancel it. False where nobody who could hear it owns the run."""
        ...

    async def save_run(self, run: Run) -> None:
        """Keep the state of a run that is in the store already."""
        ...

    async def get_run(self, run_id: str) -> Run | None:
        """The run with exactly that id."""
        ...

    async def list_runs(
        self, *, limit: int = 20, offset: int = 0, workflow: str | None = None, prefix: str = ""
    ) -> list[Run]:
        """Runs, newest first in the order of their creation, whatever the clock said."""
        ...

    async def get_source(self, workflow_hash: str) -> WorkflowSource:
        """The snapshot of a workflow.

        Raises:
            DamagedDataError: it is missing or not what was kept.
        """
        ...

    async def note_running(self, started: Sequence[TaskStarted]) -> None:
        """Keep that attempts are being executed, so that other processes can show it."""
        ...

    async def list_running(self, run_id: str) -> list[TaskStarted]:
        """Attempts that are known to have begun and have no record yet."""
        ...
