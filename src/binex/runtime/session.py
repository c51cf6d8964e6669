"""Puts the parts together. The command line, servers and users of the library all start here."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from binex.adapters.base import AgentAdapter
from binex.adapters.registry import Registry
from binex.analysis.find import find_run
from binex.analysis.location import find_directory
from binex.analysis.state import as_left
from binex.errors import RunError
from binex.graph.dag import DAG
from binex.graph.scope import RunContext
from binex.loader import (
    Bound,
    bind_workflow,
    find_literal_keys,
    literal_secrets,
    load_settings,
    node_uses,
    redact_source,
    resolve_environment,
    resolve_variables,
)
from binex.models.event import Notice
from binex.models.limits import Limits
from binex.models.names import new_run_id
from binex.models.run import Durability, Run, RunStatus, RunSummary
from binex.models.task import now
from binex.models.workflow import WorkflowSpec
from binex.models.workflow_source import WorkflowSource
from binex.runtime.account import with_maximum
from binex.runtime.answering import withdraw_questions
from binex.runtime.assembly import People, RunParts
from binex.runtime.cache import recall_of
from binex.runtime.executor import Executor, Settings
from binex.runtime.journal import Journal, Listener
from binex.runtime.offline import OfflineAnswers, OfflineRecall
from binex.runtime.preparation import (
    hash_source,
    prepare_agents,
    versions_of,
)
from binex.runtime.stops.stops import Stops
from binex.stores.backends.sqlite import open_sqlite_store
from binex.stores.run_store import RunStore

if TYPE_CHECKING:  # loaded when they are first needed: most sessions only run a workflow
    from binex.models.fork import ForkPlan
    from binex.runtime.forks.again import Again
    from binex.runtime.forks.request import ForkRequest
    from binex.tape.faults import Fault

CANCEL_WITHIN_S = 5.0


def _folder_of(directory: Path | str | None) -> Path:
    return find_directory() if directory is None else Path(directory).absolute()


@asynccontextmanager
async def open_session(  # noqa: PLR0913 - what users may say, each by its name
    directory: Path | str | None = None,
    *,
    durability: Durability | str = Durability.FULL,
    listeners: Sequence[Listener] = (),
    adapters: Mapping[str, AgentAdapter] | None = None,
    limits: Limits | None = None,
    allow_paths: Sequence[Path] = (),
    read_only: bool = False,
    people: People | None = None,
    is_trusting: bool = False,
    is_traced: bool = False,
    stands_in: Mapping[str, AgentAdapter] | None = None,
) -> AsyncIterator["Session"]:
    """Open the store in *directory* (found like ``.git`` where none is given) and close it at the end.

    Prompt files must be inside the workflow's folder or one of *allow_paths*. *people* says who can be asked while
    a run is executed; without it a run that has to wait for an answer ends as ``waiting``, unless a question has a
    deadline. The file ``binex.toml`` beside the store's folder is read, if there is one. Runs that were imported only
    execute functions and programs of this machine where *is_trusting* is true. With *is_traced* the spans of runs are
    sent to a collector while they are executed, as the variables ``OTEL_EXPORTER_OTLP_*`` say. What *stands_in* for the
    adapter of a scheme takes its place, also where that is built in; the version that it names is kept with each run,
    and whoever has made it closes it.

    Raises:
        StoreError: the store cannot be opened.
        InputError: there is none, and it is only to be read; ``binex.toml`` cannot be used; or what sends spans is
            not installed.
    """
    folder = _folder_of(directory)
    settings = Settings(
        folder,
        Durability(durability),
        limits or Limits(),
        tuple(allow_paths),
        people=people or People(),
        project=load_settings(folder.parent),
        is_trusting=is_trusting,
        is_traced=is_traced,
    )

    def notice(message: str) -> None:
        for listener in listeners:
            listener(Notice(run_id="", message=message))

    async with open_sqlite_store(
        settings.directory,
        durability=settings.durability,
        read_only=read_only,
        on_notice=notice,
        patience_s=settings.limits.store_wait_ms / 1000,
    ) as store:
        registry = Registry(adapters, limits=settings.limits, project=settings.project, stands_in=stands_in)
        session = Session(store, settings, registry, listeners)
        async with _sending_spans(session, notice) if is_traced else nullcontext():
            try:
                yield session
            finally:
                await registry.close()


def _sending_spans(session: "Session", notice: Callable[[str], None]) -> AbstractAsyncContextManager[None]:
    from binex.telemetry.live import sending_spans
    from binex.telemetry.sending import require_installed

    require_installed("to send spans")
    return sending_spans(session.store, session.listen, notice)


class Session:
    """Runs workflows on one store; several at a time, if you like."""

    def __init__(
        self, store: RunStore, settings: Settings, registry: Registry, listeners: Sequence[Listener] = ()
    ) -> None:
        self.store = store
        self.settings = settings
        self.registry = registry
        self._journal = Journal(store, listeners)
        self._executor = Executor(store, settings, registry, self._journal)

    @cached_property
    def _again(self) -> "Again":
        """Makes runs from other runs."""
        from binex.runtime.forks.again import Again

        return Again(self._executor)

    @property
    def directory(self) -> Path:
        """The ``.binex`` folder."""
        return self.settings.directory

    def listen(self, listener: Listener) -> None:
        """Tell *listener* everything from now on."""
        self._journal.listen(listener)

    def load(self, workflow: Path | str) -> WorkflowSpec:
        """Read a workflow file.

        Raises:
            WorkflowError: it is not usable; with all its faults.
        """
        return self._bind(workflow).spec

    def _bind(self, workflow: Path | str | WorkflowSpec | Bound) -> Bound:
        if isinstance(workflow, Bound):
            return workflow
        if isinstance(workflow, WorkflowSpec):
            return Bound(workflow, DAG.from_workflow(workflow))
        return bind_workflow(
            workflow, limits=self.settings.limits, registry=self.registry, allow_paths=self.settings.allow_paths
        )

    async def run(  # noqa: PLR0913 - what users may say, each by its name
        self,
        workflow: Path | str | WorkflowSpec | Bound,
        *,
        vars: Mapping[str, JsonValue] | None = None,
        vars_are_text: bool = False,
        max_cost: float | None = None,
        cache: bool = False,
        offline: bool = False,
        stops: Stops | None = None,
    ) -> RunSummary:
        """Execute a workflow, given as a file or as what was read from one, from its start.

        *max_cost*, in US dollars, takes the place of the most that the workflow's own budget allows. With *cache*
        what tasks with the same key have made in earlier runs is taken from there; with *offline* as well, and what
        is not known and would have to be asked for outside this machine fails. *stops* says where the run is held
        until somebody has said how to go on.

        Raises:
            WorkflowError: the file is not usable; with all its faults.
            InputError: a variable is missing or does not fit.
            StoreError: something could not be kept.
        """
        bound = self._bind(workflow)
        spec, dag = bound
        if stops is not None:
            stops.check(spec, dag)
        source = spec.source or _source_of(spec)
        variables = resolve_variables(spec, vars or {}, from_text=vars_are_text, dag=dag)
        environment = resolve_environment(spec, dag, os.environ)
        redactor = self._executor.redactor(environment)
        uses = tuple(node_uses(spec, dag).values())
        await prepare_agents(self.registry, uses, source)
        redactor.add(literal_secrets(source))
        kept = redact_source(source, redactor)
        run = Run(
            id=new_run_id(),
            workflow=spec.name,
            workflow_hash=hash_source(kept),
            status=RunStatus.RUNNING,
            started_at=now(),
            variables={name: redactor.redact_json(value, shapes=True) for name, value in variables.items()},
            durability=self.settings.durability,
            versions=await versions_of(self.registry, uses, source),
            node_count=len(spec.nodes),
            budget=with_maximum(spec.budget, max_cost),
        )
        for key in find_literal_keys(source) if kept != source else ():
            place = f"{source.file}:{key.line}:{key.column}: " if key.line else ""
            self._journal.tell(Notice(run_id=run.id, message=f"{place}{key.message}; {key.fix}"))
        context = RunContext(run.id, source.folder, variables, environment)
        notice = partial(self._executor.notice, run.id)
        recall = recall_of(self.store, spec.nodes, notice, is_on=cache or offline)
        opening = self.store.open_run(run, kept)
        parts = RunParts(run, bound, context, redactor, opening, recall=recall, stops=stops)
        if offline:
            parts = replace(parts, recall=OfflineRecall(recall), answers_for=lambda *_: OfflineAnswers())
        return await self._executor.execute(parts)

    async def resume(
        self,
        run: str,
        *,
        retry_failed: bool = False,
        strict: bool = False,
        vars: Mapping[str, JsonValue] | None = None,
        max_cost: float | None = None,
        stops: Stops | None = None,
    ) -> RunSummary:
        """Go on with a run that stopped, with the workflow and the variables that it was started with.

        What is settled stays; with *retry_failed* failed tasks are tried again. With *strict* a run whose
        local functions have changed since is refused. *vars* gives again what was cut out as a secret. What was
        spent before counts towards the budget; *max_cost*, in US dollars, changes how much that is from now on.

        Raises:
            RunOwnedError: a live process executes the run.
            DamagedDataError: something that is needed was lost or altered.
        """
        from binex.runtime.resuming import ResumeOptions, Resuming

        options = ResumeOptions(retry_failed, strict, vars or {}, max_cost, stops)
        return await Resuming(self._executor, self._again).resume(run, options)

    async def replay(
        self, run: str, *, is_timed: bool = False, faults: "Sequence[Fault]" = (), stops: Stops | None = None
    ) -> RunSummary:
        """Execute a run again with nothing but its own record: every call is answered from its tape, as a new run.

        Nothing is asked of anybody, and the network is refused; whether the same came out is told by
        :func:`binex.analysis.replayed.compare_replay`. With *is_timed* answers take as long as they took. Calls that
        *faults* are for meet these instead of what was answered; people may be asked then.

        Raises:
            RunError: the run is being executed.
            DamagedDataError: something that was recorded is missing or altered.
        """
        return await self._again.replay(run, is_timed=is_timed, faults=faults, stops=stops)

    async def workflow_of(self, run: str, file: Path | None = None) -> Bound:
        """The workflow that a fork of a run begins with: what was recorded, or what *file* says today.

        Raises:
            WorkflowError: the file is not usable; with all its faults.
        """
        return await self._again.workflow_of(run, file)

    async def plan_fork(self, run: str, request: "ForkRequest") -> "ForkPlan":
        """What :meth:`fork` would do, and what that will probably cost.

        Raises:
            InputError: something that is named does not exist, or the change makes the workflow unusable.
        """
        return await self._again.plan(run, request)

    async def fork(
        self, run: str, request: "ForkRequest", *, max_cost: float | None = None, stops: Stops | None = None
    ) -> RunSummary:
        """Execute a part of a run again, or with something changed, as a new run; the rest is taken over.

        Raises:
            InputError: something that is named does not exist, or the change makes the workflow unusable.
            DamagedDataError: something that is taken over is missing or altered.
        """
        return await self._again.fork(run, request, max_cost=max_cost, stops=stops)

    async def cancel(self, run: str) -> Run:
        """Cancel a run, also one that another process executes; returns it in its final state.

        Raises:
            RunError: it has ended already, or its owner did not end it in time.
        """
        found = await find_run(self.store, run)
        if await self.store.request_cancel(found.id):
            return await self._wait_until_ended(found.id)
        async with self.store.take_run(found.id):
            found = await self.store.get_run(found.id) or found
            if found.status not in (RunStatus.RUNNING, RunStatus.INTERRUPTED, RunStatus.WAITING):
                raise RunError(f"run {found.id} has ended already: {found.status}")
            await withdraw_questions(self.store, found.id)
            if found.status is RunStatus.RUNNING:  # its process was killed
                found = as_left(found, await self.store.list_records(found.id))
            found = found.model_copy(update={"status": RunStatus.CANCELLED, "ended_at": now()})
            await self.store.save_run(found)
            return found

    def interrupt(self) -> None:
        """End every run of this session as ``interrupted``; they can be resumed."""
        self._executor.interrupt()

    async def _wait_until_ended(self, run_id: str) -> Run:
        try:
            async with asyncio.timeout(CANCEL_WITHIN_S):
                while True:
                    run = await self.store.get_run(run_id)
                    if run is not None and run.status is not RunStatus.RUNNING:
                        return run
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise RunError(
                f"run {run_id} was asked to stop and has not done so in {CANCEL_WITHIN_S:g} s",
                fix="look at its process with: binex debug " + run_id,
            ) from None


def _source_of(spec: WorkflowSpec) -> WorkflowSource:
    """The snapshot of a workflow that was put together in Python."""
    return WorkflowSource(
        file="<memory>", folder=str(Path.cwd()), text=spec.model_dump_json(exclude_defaults=True, indent=2)
    )
