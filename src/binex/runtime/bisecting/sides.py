"""The two runs as something to fork: their workflows as they were kept, and the code that is there today."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from binex.analysis.bisection.changes import Side
from binex.loader import bind_source, node_uses
from binex.models.run import Run
from binex.models.task import final_records
from binex.models.workflow_source import WorkflowSource
from binex.runtime.preparation import versions_of
from binex.runtime.session import Session


@dataclass(frozen=True, slots=True)
class Base:
    """A run that mixtures are forked from."""

    side: Side
    source: WorkflowSource
    today: Mapping[str, str]
    """The hash of the code of each agent and tool of both runs, as it is in this run's folder today."""

    @property
    def id(self) -> str:
        """The id of the run."""
        return self.side.run.id

    @property
    def code(self) -> Mapping[str, str]:
        """The same as it was when the run was made."""
        return self.side.run.versions.handlers

    def leads_to(self, targets: Collection[str]) -> set[str]:
        """*targets*, and all that they depend on."""
        found: set[str] = set()
        waiting = [target for target in targets if target in self.side.dag.nodes]
        while waiting:
            node_id = waiting.pop()
            if node_id not in found:
                found.add(node_id)
                waiting += self.side.dag.nodes[node_id].depends_on
        return found


async def open_sides(session: Session, good: Run, bad: Run) -> tuple[Base, Base]:
    """Both runs, ready to be compared and forked.

    Raises:
        DamagedDataError: what is kept of a workflow is missing or altered.
        WorkflowError: it can no longer be read.
    """
    sides, sources = [], []
    for run in (good, bad):
        source = await session.store.get_source(run.workflow_hash)
        spec, dag = bind_source(source, limits=session.settings.limits)
        sides.append(Side(run, spec, dag, final_records(await session.store.list_records(run.id))))
        sources.append(source)
    uses = [use for side in sides for use in node_uses(side.spec, side.dag).values()]
    bases = []
    for side, source in zip(sides, sources, strict=True):
        here = [replace(use, folder=Path(source.folder) if source.folder else None) for use in uses]
        today = await versions_of(session.registry, here, source)
        bases.append(Base(side, source, today.handlers))
    return bases[0], bases[1]
