"""One workflow that is being worked on: what it depends on, and how it is executed again after a save."""

import asyncio
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from binex.adapters.llm.naming import SCHEME as MODEL
from binex.analysis.differences.compare import diff_runs
from binex.errors import BinexError, InputError, WorkflowError
from binex.loader import Bound, bind_source, bind_workflow
from binex.models.complaint import Complaint, faults_of
from binex.models.event import Event, RunStarted
from binex.models.fork import Decision, ForkPlan
from binex.models.run import Run, RunSummary
from binex.models.task import TaskStatus
from binex.runtime.forks.request import ForkRequest
from binex.runtime.session import Session
from binex.server.dev.told import FileChecked, NothingToRun, RunBegins, RunDone, RunLeft, Tell, Trouble
from binex.server.mock_models.script import LiveScript

_MOCK: Final = f"{MODEL}mock/"
_PROMPT: Final = "file://"
_AGAIN: Final = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)
_current: ContextVar["DevWorkflow | None"] = ContextVar("_current", default=None)
"""The workflow in whose task an event is told."""


def note_start(event: Event) -> None:
    """A listener of the session: lets each workflow know its run."""
    workflow = _current.get()
    if isinstance(event, RunStarted) and workflow is not None:
        workflow.started = event.run.id


@dataclass(frozen=True, slots=True)
class Bench:
    """What all workflows are executed with."""

    session: Session
    tell: Tell
    variables: Mapping[str, str] = field(default_factory=dict)
    live_script: LiveScript | None = None
    """What scripted models answer from, where they stand in for real ones."""

    @property
    def script(self) -> Path | None:
        """The file of that."""
        return None if self.live_script is None else self.live_script.path

    def script_fault(self, changed: Collection[Path]) -> InputError | None:
        """What is wrong with it, where it is among the files that have changed."""
        if self.live_script is not None and self.script in changed:
            try:
                self.live_script.backend()
            except InputError as error:
                return error
        return None


class DevWorkflow:
    """A workflow file, its last run, and the one that goes on."""

    def __init__(self, file: Path, bench: Bench) -> None:
        self.file = file
        self.started: str | None = None
        """The run that goes on, once it has begun."""
        self._bench = bench
        self._bound: Bound | None = None
        self._faults: tuple[Complaint, ...] = ()
        self._files: set[Path] = {file}
        self._parent: Run | None = None
        """What the next run is made from: the last one, also where that was interrupted."""
        self._before: Run | None = None
        """What the next run is compared with: the last one that was not interrupted."""
        self._pending: set[Path] = set()
        """What was saved since the last run began."""
        self._taken: set[Path] = set()
        """What was saved before, and no run has come to its end since."""
        self._saved_at = 0.0
        self._running: asyncio.Task[RunSummary | None] | None = None

    @property
    def has_run(self) -> bool:
        """Whether it was executed, or began to be."""
        return self._parent is not None or self._running is not None

    @property
    def is_there(self) -> bool:
        """Whether there still is such a file."""
        return self.file.exists()

    @property
    def files(self) -> Collection[Path]:
        """What it is made of, besides code."""
        return self._files

    def concerns(self, file: Path) -> bool:
        """Whether it may be about this workflow, also as something that it was found to lack."""
        if file in self._files or file == self._bench.script:
            return True
        is_near = file.is_relative_to(self.file.parent)
        return is_near and (file.suffix == ".py" or any(file.name in fault.message for fault in self._faults))

    def check(self) -> bool:
        """Read it again; what is wrong is told. Whether it can be executed."""
        session = self._bench.session
        try:
            settings = session.settings
            allowed = settings.allow_paths
            bound = bind_workflow(self.file, limits=settings.limits, registry=session.registry, allow_paths=allowed)
        except WorkflowError as error:
            self._bound = None
            self._tell_faults(error)
            return False
        self._bound, self._faults = bound, ()
        self._files = {self.file, *_files_of(bound, self.file.parent)}
        spec = bound.spec
        self._bench.tell(FileChecked(file=str(self.file), name=spec.name, node_count=len(spec.nodes)))
        return True

    async def save(self, files: Collection[Path], at: float) -> None:
        """Something was saved: read it, interrupt what goes on, and execute what the change reaches."""
        self._pending |= set(files)
        self._saved_at = at
        if self.check():
            await self.leave()
            self.start()

    def start(self) -> "asyncio.Task[RunSummary | None]":
        """Have it executed, in a task of its own; None comes of it where nothing was to be done, or could be."""
        self._running = asyncio.create_task(self._run())
        self._running.add_done_callback(self._tell_defect)
        return self._running

    async def leave(self, *, is_stopped: bool = False) -> None:
        """Interrupt the run that goes on, if one does."""
        running, self._running = self._running, None
        if running is None or running.done():
            return
        running.cancel()
        await asyncio.wait({running})
        if not running.cancelled():
            return  # it came to its end just now
        self._bench.tell(RunLeft(file=str(self.file), run=self.started, is_stopped=is_stopped))
        if self.started is None:
            return
        store = self._bench.session.store
        if not is_stopped and await store.list_questions(self.started, only_open=True):
            await self._bench.session.cancel(self.started)  # nobody should answer what no run waits for
        if await store.list_records(self.started):
            self._parent = await store.get_run(self.started) or self._parent

    async def _run(self) -> RunSummary | None:
        """Execute what the change reaches; the first time, all."""
        _current.set(self)
        self.started = None
        self._taken, self._pending = self._taken | self._pending, set()
        assert self._bound is not None
        try:
            summary = await self._execute(self._bound)
            if summary is not None:
                await self._conclude(summary)
            self._taken = set()
        except WorkflowError as error:
            self._tell_faults(error)
            return None
        except BinexError as error:
            self._bench.tell(Trouble(message=error.message, fix=error.fix))
            return None
        return summary

    async def _execute(self, bound: Bound) -> RunSummary | None:
        """A fork of the last run, or else a run of the whole workflow."""
        bench, session = self._bench, self._bench.session
        parent = self._parent
        if parent is not None:
            parent = await session.store.get_run(parent.id)  # somebody may have removed it
        if parent is None:
            bench.tell(RunBegins(file=str(self.file)))
            return await session.run(bound, vars=bench.variables, vars_are_text=True)
        request = await self._request(bound, parent)
        plan = await session.plan_fork(parent.id, request)
        if not _does_something(plan):
            bench.tell(NothingToRun(file=str(self.file)))
            return None
        bench.tell(RunBegins(file=str(self.file), plan=plan))
        return await session.fork(parent.id, request)

    async def _request(self, bound: Bound, parent: Run) -> ForkRequest:
        """The workflow as it is now; what failed, and what answers from a script that was saved, is asked again."""
        records = await self._bench.session.store.list_records(parent.id)
        again = {record.task: None for record in records if record.is_final and record.status in _AGAIN}
        again |= dict.fromkeys(self._scripted(bound))
        known = {record.task for record in records}
        declared = bound.spec.inputs
        new = {name: text for name, text in self._bench.variables.items() if name in declared}
        return ForkRequest(
            from_=tuple(name for name in again if name in bound.spec.nodes and name in known),
            variables={name: text for name, text in new.items() if name not in parent.variables},
            are_variables_text=True,
            workflow=self.file,
        )

    def _scripted(self, bound: Bound) -> list[str]:
        """The nodes whose model answers from a script that was saved."""
        is_ours_saved = self._bench.script in self._taken
        found = []
        for node_id, node in bound.spec.nodes.items():
            script = node.config.get("script")
            is_own = isinstance(script, str) and (self.file.parent / script).resolve() in self._taken
            if is_own or (is_ours_saved and node.agent.startswith(MODEL) and not node.agent.startswith(_MOCK)):
                found.append(node_id)
        return found

    async def _conclude(self, summary: RunSummary) -> None:
        """Tell how it went, and how that differs from the time before."""
        store, before = self._bench.session.store, self._before
        if before is not None:
            before = await store.get_run(before.id)
        diff = None if before is None else await diff_runs(store, before, summary.run, bind_source, most=0)
        self._parent = self._before = summary.run
        since, self._saved_at = self._saved_at, 0.0
        took = (asyncio.get_running_loop().time() - since) * 1000 if since else None
        self._bench.tell(RunDone(file=str(self.file), summary=summary, diff=diff, since_save_ms=took))

    def _tell_defect(self, running: "asyncio.Task[RunSummary | None]") -> None:
        """What nobody foresaw ends a run, and not the work on it."""
        error = None if running.cancelled() else running.exception()
        if error is not None:
            self._bench.tell(Trouble(message=f"internal error: {type(error).__name__}: {error}"))

    def _tell_faults(self, error: WorkflowError) -> None:
        self._faults = faults_of(error)
        self._bench.tell(FileChecked(file=str(self.file), faults=self._faults))


def _files_of(bound: Bound, folder: Path) -> set[Path]:
    """The prompts and scripts that a workflow names."""
    source = bound.spec.source
    names = [name.removeprefix(_PROMPT) for name in source.prompts] if source is not None else []
    scripts = (node.config.get("script") for node in bound.spec.nodes.values())
    names += [script for script in scripts if isinstance(script, str)]
    return {(folder / name).resolve() for name in names}


def _does_something(plan: ForkPlan) -> bool:
    """Whether anything is executed, or nodes have come or gone."""
    runs = any(node.decision in (Decision.RUN, Decision.MAY_RUN) for node in plan.nodes)
    return runs or bool(plan.added or plan.removed)
