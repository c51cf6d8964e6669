"""Runs made from other runs: replays, whose calls the tape answers, and forks, in which something is otherwise."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from binex.analysis.find import find_run
from binex.errors import InputError, RunError, WorkflowError, suggest
from binex.graph.dag import DAG
from binex.graph.reference import Source, as_text
from binex.graph.scope import RunContext
from binex.loader import (
    Bound,
    bind_source,
    bind_workflow,
    literal_secrets,
    node_uses,
    read_variables,
    redact_source,
    resolve_environment,
    resolve_variables,
)
from binex.models.call import Spend
from binex.models.change import Change, ChangeKind
from binex.models.collecting import collecting_later
from binex.models.fork import ForkPlan
from binex.models.names import new_run_id
from binex.models.run import Origin, Run, RunMode, RunStatus, RunSummary, Versions
from binex.models.task import ExecutionRecord, now
from binex.models.workflow import WorkflowSpec
from binex.models.workflow_source import WorkflowSource
from binex.runtime.account import with_maximum
from binex.runtime.assembly import People, RunParts
from binex.runtime.cache import recall_of as cached
from binex.runtime.course import RecordedCourse
from binex.runtime.desk import Patience
from binex.runtime.executor import Executor, Hermetic
from binex.runtime.forks.fork_plan import plan_of
from binex.runtime.forks.forking import Fork, take_over
from binex.runtime.forks.parent import ParentRecall, ParentRecords
from binex.runtime.forks.reach import Reach, find_reach, users_of
from binex.runtime.forks.request import ForkRequest, Told, origin_for
from binex.runtime.forks.starting import starts_of
from binex.runtime.forks.taped_run import TapedRun
from binex.runtime.preparation import hash_source, prepare_agents, restore_source, versions_of
from binex.runtime.recall import Recall
from binex.runtime.stops.stops import Stops
from binex.runtime.trust import require_executable, require_trust
from binex.stores.execution_store import Lease
from binex.tape.faults import Fault
from binex.tape.redaction import REDACTED, Redactor

_NOBODY = People(patience=Patience.NONE)


class Again:
    """Makes runs from other runs."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._store = executor.store
        self._registry = executor.registry
        self._limits = executor.settings.limits

    async def replay(
        self, run: str, *, is_timed: bool = False, faults: Sequence[Fault] = (), stops: Stops | None = None
    ) -> RunSummary:
        """See :meth:`Session.replay`."""
        parent = await self._parent(run)
        kept = await self._store.get_source(parent.workflow_hash)
        bound = bind_source(kept, limits=self._limits)
        require_trust(parent, bound.spec, is_trusting=self._executor.settings.is_trusting)
        if stops is not None:
            stops.check(*bound)
        uses = tuple(node_uses(*bound).values())
        await prepare_agents(self._registry, uses, kept, is_replay=True)
        environment = resolve_environment(*bound, os.environ, nodes=())
        versions = await versions_of(self._registry, uses, kept)
        self._compare_code(parent, versions)
        replayed = parent.model_copy(
            update=self._fresh() | {"versions": versions, "origin": _origin_of_replay(parent, faults)}
        )
        records = await self._store.list_records(parent.id)
        _require_tasks(faults, bound.dag, records)
        taped = TapedRun(self._store, parent, records, replayed.id, is_timed=is_timed, faults=faults)
        taken = await taped.settled_by_hand(bound.dag)
        parts = RunParts(
            replayed,
            bound,
            RunContext(replayed.id, kept.folder, parent.variables, environment),
            self._executor.redactor(environment),
            self._opening(replayed, kept),
            recall=taped,
            course=RecordedCourse(bound.dag, records),
            answers_for=taped.answers_for,
            # A fault may lead to a question that nobody was asked then.
            people=None if faults or (stops is not None and stops.is_any) else _NOBODY,
            stops=stops,
        )
        summary = await self._executor.execute(parts, taken, hermetic=Hermetic(is_timed))
        return summary.model_copy(update={"unmet_faults": taped.unmet()})

    async def workflow_of(self, run: str, request_file: Path | None = None) -> Bound:
        """The workflow that a fork of *run* begins with: the recorded one, or that of today's file."""
        parent = await self._parent(run)
        kept = await self._store.get_source(parent.workflow_hash)
        return self._changed(restore_source(kept, self._limits, None), ForkRequest(workflow=request_file))

    async def plan(self, run: str, request: ForkRequest) -> ForkPlan:
        """See :meth:`Session.plan_fork`."""
        fork = await self._prepare(run, request)
        return await plan_of(self._store, self._registry, fork)

    async def fork(
        self, run: str, request: ForkRequest, *, max_cost: float | None = None, stops: Stops | None = None
    ) -> RunSummary:
        """See :meth:`Session.fork`."""
        with collecting_later():
            fork = await self._prepare(run, request)
        if request.workflow is None:  # else it is somebody's own
            require_trust(fork.parent, fork.bound.spec, is_trusting=self._executor.settings.is_trusting)
        if stops is not None:
            stops.check(*fork.bound)
        environment = resolve_environment(*fork.bound, os.environ, nodes=fork.reach.executed)
        redactor = self._executor.redactor(environment)
        uses = [use for use in fork.uses if use.node_id in fork.reach.executed]
        await prepare_agents(self._registry, uses, fork.source)
        kept = fork.source
        if kept != fork.recorded:  # what was recorded has no secrets any more
            redactor.add(literal_secrets(kept))
            kept = redact_source(kept, redactor)
        forked = self._forked(fork, hash_source(kept), redactor, max_cost)
        edits = [replace(edit, value=redactor.redact_json(edit.value)) for edit in request.edits]
        with collecting_later():
            taken = await take_over(self._store, forked.id, fork.bound.dag, fork.reach, fork.records, edits)
        parts = RunParts(
            forked,
            fork.bound,
            RunContext(forked.id, fork.source.folder, fork.variables, environment),
            redactor,
            self._opening(forked, kept),
            recall=self._recall(forked, fork.records, fork.bound.spec),
            stops=stops,
        )
        return await self._executor.execute(parts, taken)

    async def recall_of(self, fork: Run, spec: WorkflowSpec) -> Recall | None:
        """What a fork that goes on later may recall; for any other run, what its nodes say.

        Raises:
            RunError: it is a replay, or its process died before it had taken anything over.
        """
        if fork.origin is None:
            return cached(self._store, spec.nodes, partial(self._executor.notice, fork.id))
        parent = await self._store.get_run(fork.origin.parent)
        if fork.origin.mode is RunMode.REPLAY:
            fix = f"replay it again: binex replay {fork.origin.parent}"
            raise RunError(f"run {fork.id} is a replay, and only goes on as a whole", fix=fix)
        if not await self._store.list_records(fork.id):  # it would go on without what was edited or left out
            fix = f"fork it again: binex replay {fork.origin.parent} …"
            raise RunError(f"run {fork.id} was stopped before it had begun, and nothing of it was kept", fix=fix)
        records = [] if parent is None else await self._store.list_records(parent.id)
        return self._recall(fork, ParentRecords(parent or fork, records), spec)

    def _recall(self, fork: Run, records: ParentRecords, spec: WorkflowSpec) -> ParentRecall:
        notice = partial(self._executor.notice, fork.id)
        points = fork.origin.fork_points if fork.origin is not None else ()
        return ParentRecall(self._store, records, points, spec.nodes, notice, cached(self._store, spec.nodes, notice))

    async def _prepare(self, run: str, request: ForkRequest) -> Fork:
        """Find out everything about a fork that can be known before it starts.

        Raises:
            InputError: something that is named does not exist, or the change makes the workflow unusable.
        """
        parent = await self._parent(run)
        kept = await self._store.get_source(parent.workflow_hash)
        before = restore_source(kept, self._limits, None)
        bound = self._changed(before, request)
        dag = bound.dag
        given: Mapping[str, JsonValue] = request.variables
        if request.are_variables_text:
            given = read_variables(bound.spec, {name: str(value) for name, value in given.items()}, dag)
        declared = bound.spec.inputs or {reference.name for _, reference in dag.references(Source.USER)}
        kept_values = {
            name: value
            for name, value in parent.variables.items()
            if name in declared and not _is_default(name, value, before.spec, bound.spec)
        }
        variables = resolve_variables(bound.spec, {**kept_values, **given}, from_text=False, dag=dag)
        records = ParentRecords(parent, await self._store.list_records(parent.id))
        source = bound.spec.source or kept
        uses = tuple(node_uses(*bound).values())
        versions = await versions_of(self._registry, uses, source)
        told = Told(
            variables=_changed_variables(parent, request, variables),
            code=versions.changed_since(parent.versions),
        )
        reach = find_reach(dag, starts_of(request, bound, before, records, told))
        _require_secrets(variables, dag, reach)
        return Fork(parent, request, kept, before, bound, source, uses, records, reach, variables, given, versions)

    def _changed(self, before: Bound, request: ForkRequest) -> Bound:
        """The workflow of the fork."""
        if request.workflow is not None:
            allowed = self._executor.settings.allow_paths
            before = bind_workflow(request.workflow, limits=self._limits, registry=self._registry, allow_paths=allowed)
        if not request.fields:
            return before
        for change in request.fields:
            if change.node not in before.spec.nodes:
                fix = suggest(change.node[:80], before.spec.nodes, "nodes")
                raise InputError(f"{change.option}: there is no node '{change.node:.80}'", fix=fix)
        source = before.spec.source
        assert source is not None
        changed = source.model_copy(update={"changes": (*source.changes, *request.fields)})
        try:
            return bind_source(changed, limits=self._limits, registry=self._registry)
        except WorkflowError as error:
            options = ", ".join(change.option for change in request.fields)
            said = "; ".join(fault.message for fault in error.faults)
            ways_out = [fault.fix for fault in error.faults if fault.fix]
            raise InputError(f"{options}: {said}", fix=ways_out[0] if ways_out else None) from error

    async def _parent(self, run: str) -> Run:
        """The run that something is made from.

        Raises:
            RunError: it is being executed, or cannot be.
        """
        parent = await find_run(self._store, run)
        require_executable(parent)
        if parent.status is RunStatus.RUNNING and await self._store.is_owned(parent.id):
            raise RunError(
                f"run {parent.id} is being executed", fix="let it end, or stop it with: binex cancel " + parent.id
            )
        return parent

    @asynccontextmanager
    async def _opening(self, run: Run, source: WorkflowSource) -> AsyncIterator[Lease]:
        """Keep a new run; what it was made from cannot be removed from then on, and must not have been before.

        Raises:
            RunError: it has been.
        """
        async with self._store.open_run(run, source) as lease:
            if run.origin is not None and await self._store.get_run(run.origin.parent) is None:
                raise RunError(f"run {run.origin.parent} has been removed meanwhile")
            yield lease

    def _fresh(self) -> dict[str, object]:
        """What a new run has otherwise than the one that it is made from."""
        return {
            "id": new_run_id(),
            "status": RunStatus.RUNNING,
            "started_at": now(),
            "ended_at": None,
            "duration_ms": 0.0,
            "durability": self._executor.settings.durability,
            "resumed": 0,
            "counts": {},
            "error": None,
            "spend": Spend(),
        }

    def _forked(self, fork: Fork, workflow_hash: str, redactor: Redactor, max_cost: float | None) -> Run:
        cut = {name: redactor.redact_json(value, shapes=True) for name, value in fork.variables.items()}
        spec = fork.bound.spec
        fields = [
            change.model_copy(update={"value": redactor.redact_json(change.value, shapes=True)})
            for change in fork.request.fields
        ]
        request = replace(fork.request, fields=tuple(fields))
        is_same_budget = spec.budget == fork.before.spec.budget  # then what was said about the parent holds on
        budget = fork.parent.budget if is_same_budget else spec.budget
        return fork.parent.model_copy(
            update=self._fresh()
            | {
                "workflow": spec.name,
                "workflow_hash": workflow_hash,
                "variables": cut,
                "versions": _versions_in(fork),
                "node_count": len(spec.nodes),
                "budget": with_maximum(budget, max_cost),
                "origin": origin_for(request, fork.parent, {name: cut[name] for name in fork.given}),
            }
        )

    def _compare_code(self, parent: Run, today: Versions) -> None:
        changed = sorted(today.changed_since(parent.versions))
        if changed:
            message = f"the code of {', '.join(changed)} has changed since run {parent.id}"
            self._executor.notice(parent.id, message)


def _origin_of_replay(parent: Run, faults: Sequence[Fault]) -> Origin:
    changes = [
        Change(kind=ChangeKind.FAULT, node=fault.node, value=f"{fault.kind}:{fault.count}", option="--fault")
        for fault in faults
    ]
    return Origin(parent=parent.id, mode=RunMode.REPLAY, changes=tuple(changes))


def _require_tasks(faults: Sequence[Fault], dag: DAG, records: Sequence[ExecutionRecord]) -> None:
    """Raise InputError where a fault is for a task that there was not."""
    names = [*dag.nodes, *(record.task for record in records if record.task not in dag.nodes)]
    for fault in faults:
        if fault.node not in names:
            fix = suggest(fault.node[:80], names, "tasks")
            raise InputError(f"--fault {fault.node[:80]}: there is no such task in the run", fix=fix)


def _changed_variables(parent: Run, request: ForkRequest, today: Mapping[str, JsonValue]) -> set[str]:
    """Those of the variables that are other than they were; what was cut out may only be given again for one node."""
    changed = {name for name, value in today.items() if value != parent.variables.get(name)}
    if request.only is None:
        return changed
    return {name for name in changed if REDACTED not in as_text(parent.variables.get(name))}


def _versions_in(fork: Fork) -> Versions:
    """What the fork is made with: where nothing is executed, what the parent was made with."""
    nodes = [fork.bound.spec.nodes[node_id] for node_id in fork.reach.executed]
    executed = {uri for node in nodes for uri in (node.agent, *node.tools)}
    kept = {uri: code for uri, code in fork.parent.versions.handlers.items() if uri not in executed}
    return fork.versions.model_copy(update={"handlers": {**fork.versions.handlers, **kept}})


def _is_default(name: str, value: JsonValue, before: WorkflowSpec, after: WorkflowSpec) -> bool:
    """Whether the value of a variable is only the default of a workflow whose default is another one today."""
    old, new = before.inputs.get(name), after.inputs.get(name)
    return old is not None and new is not None and value == old.default != new.default


def _require_secrets(variables: Mapping[str, JsonValue], dag: DAG, reach: Reach) -> None:
    """Raise InputError where something that is executed needs a variable that was cut out as a secret."""
    cut = {name for name, value in variables.items() if REDACTED in as_text(value)}
    for node_id, name in users_of(dag, cut).items():
        if node_id in reach.executed:
            raise InputError(
                f"the value of '{name}' looked like a secret and was not kept; node '{node_id}' needs it",
                fix=f"give it again: --var {name}=…",
            )
