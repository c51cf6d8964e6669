"""Has runs executed, however they came to be: started, resumed, replayed or forked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from binex.adapters.registry import Registry
from binex.graph.dag import DAG
from binex.models.event import Notice
from binex.models.limits import Limits
from binex.models.names import artifact_id
from binex.models.run import Durability, Run, RunStatus, RunSummary
from binex.models.settings import ProjectSettings
from binex.models.task import SkipReason, TaskStatus
from binex.runtime.assembly import People, RunParts, plan_run
from binex.runtime.dispatcher import GRACE_S, Dispatcher
from binex.runtime.journal import Journal, TakenOver
from binex.runtime.orchestrator import Orchestrator
from binex.stores.run_store import RunStore
from binex.tape.hooks import install_hooks
from binex.tape.redaction import REDACTED, Redactor
from binex.tape.refusal import needing_network, refusing_network
from binex.tape.trace_context import passing_on_trace

_NOTHING = TakenOver()


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for every run of a session."""

    directory: Path
    durability: Durability = Durability.FULL
    limits: Limits = field(default_factory=Limits)
    allow_paths: tuple[Path, ...] = ()
    grace_s: float = GRACE_S
    """How long an agent that was told to stop may take before it is left behind, in seconds."""
    people: People = field(default_factory=People)
    project: ProjectSettings = field(default_factory=ProjectSettings)
    is_trusting: bool = False
    """Whether runs that were imported may execute functions and programs."""
    is_traced: bool = False
    """Whether spans are sent while a run is executed, so that requests name the one that they belong to."""


@dataclass(frozen=True, slots=True)
class Hermetic:
    """A run whose calls are answered by a tape alone."""

    is_timed: bool = False
    """Whether answers, and pauses between attempts, take as long as they did."""


class Executor:
    """What all runs of a session have in common."""

    def __init__(self, store: RunStore, settings: Settings, registry: Registry, journal: Journal) -> None:
        self.store = store
        self.settings = settings
        self.registry = registry
        self.journal = journal
        self._running: set[Orchestrator] = set()

    async def execute(
        self, parts: RunParts, taken: TakenOver = _NOTHING, *, hermetic: Hermetic | None = None
    ) -> RunSummary:
        """Execute a run until it ends; where it is *hermetic*, with the network refused."""
        settings = self.settings
        dispatcher = Dispatcher(
            self.registry,
            limits=settings.limits,
            grace_s=settings.grace_s,
            is_pausing=hermetic is None or hermetic.is_timed,
        )
        orchestrator = Orchestrator(dispatcher, self.journal)
        people = parts.people or settings.people
        plan = plan_run(parts, orchestrator, store=self.store, journal=self.journal, people=people)
        install_hooks()
        self._running.add(orchestrator)
        try:
            notice = partial(self.notice, parts.run.id)
            network = needing_network() if hermetic is None else refusing_network(notice)
            with network, passing_on_trace(is_wanted=settings.is_traced):
                summary = await orchestrator.run_workflow(plan, known=taken.known, inherited=taken.inherited)
        finally:
            self._running.discard(orchestrator)
            await self.registry.end_run(parts.run.id)
        return await self.with_outputs(summary, plan.dag)

    def interrupt(self) -> None:
        """End every run as ``interrupted``."""
        for orchestrator in list(self._running):
            orchestrator.stop(RunStatus.INTERRUPTED)

    def redactor(self, environment: Mapping[str, str]) -> Redactor:
        """Cuts the values of *environment* out, what looks like a key, and what the project says."""
        known = [value for value in environment.values() if value != REDACTED]
        return Redactor(known, custom=self.settings.project.redaction.patterns)

    def notice(self, run_id: str, message: str) -> None:
        """Tell people something about a run."""
        self.journal.tell(Notice(run_id=run_id, message=message))

    async def with_outputs(self, summary: RunSummary, dag: DAG) -> RunSummary:
        """The summary, with what the last nodes made."""
        outputs: dict[str, dict[str, JsonValue]] = {}
        elsewhere: dict[str, list[str]] | None = None
        shown = set(dag.shown)
        if left_out := await self._left_out(summary.run):
            shown |= {node_id for node_id, dependents in dag.dependents.items() if left_out.issuperset(dependents)}
        for node_id in filter(shown.__contains__, dag.nodes):
            for output in dag.nodes[node_id].spec.outputs:
                artifact = await self.store.get(artifact_id(summary.run_id, node_id, output))
                if artifact is None:
                    elsewhere = await self._taken_over(summary.run_id) if elsewhere is None else elsewhere
                    named = (id for id in elsewhere.get(node_id, ()) if id.endswith(f"~{output}"))
                    artifact = await self.store.get(next(named, ""))
                if artifact is not None:
                    outputs.setdefault(node_id, {})[output] = artifact.content
        return summary.model_copy(update={"outputs": outputs})

    async def _left_out(self, run: Run) -> set[str]:
        """The tasks that a fork left out, since another one alone was to be executed."""
        if run.origin is None or not run.counts.get(TaskStatus.SKIPPED):
            return set()
        records = await self.store.list_records(run.id)
        return {record.task for record in records if record.skip_reason is SkipReason.LEFT_OUT}

    async def _taken_over(self, run_id: str) -> dict[str, list[str]]:
        """The artifacts of other runs that tasks of this one have for outputs, by the task."""
        return {
            record.task: list(record.output_artifacts)
            for record in await self.store.list_records(run_id)
            if record.reused_from is not None
        }
