"""The workflows of the runs that are compared, each read once and only where it is asked for."""

from typing import TypeAlias

from binex.analysis.artifacts import Damage
from binex.analysis.tasks.values import Binds
from binex.errors import BinexError
from binex.graph.dag import DAG
from binex.models.run import Run
from binex.models.workflow import WorkflowSpec
from binex.models.workflow_source import WorkflowSource
from binex.stores.run_store import RunStore

Bound: TypeAlias = tuple[WorkflowSpec, DAG]


class Snapshots:
    """Reads the snapshots of workflows; one that is damaged is named once, and otherwise unknown."""

    def __init__(self, store: RunStore, bind: Binds) -> None:
        self.damage: dict[str, Damage] = {}
        """What cannot be read, by the hash of the workflow."""
        self._store = store
        self._bind = bind
        self._sources: dict[str, WorkflowSource] = {}
        self._bound: dict[str, Bound] = {}

    async def source(self, run: Run) -> WorkflowSource | None:
        """The snapshot of the workflow of *run*."""
        key = run.workflow_hash
        if key not in self._sources and key not in self.damage:
            try:
                self._sources[key] = await self._store.get_source(key)
            except BinexError as error:
                self._note(run, error)
        return self._sources.get(key)

    async def bound(self, run: Run) -> Bound | None:
        """The workflow of *run* and its graph."""
        key = run.workflow_hash
        if key not in self._bound and key not in self.damage:
            source = await self.source(run)
            if source is not None:
                try:
                    self._bound[key] = self._bind(source)
                except BinexError as error:
                    self._note(run, error)
        return self._bound.get(key)

    def _note(self, run: Run, error: BinexError) -> None:
        where = f"workflow of run {run.id}"
        self.damage[run.workflow_hash] = Damage(where=where, message=error.message, fix=error.fix)
