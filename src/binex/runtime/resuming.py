"""Going on with a run that stopped: what has settled stays, and the rest is executed in the same run."""

import os
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field

from pydantic import JsonValue

from binex.analysis.find import find_original
from binex.analysis.state import as_left
from binex.errors import InputError, RunError, suggest
from binex.graph.dag import DAG
from binex.graph.reference import as_text
from binex.graph.scope import RunContext
from binex.loader import node_uses, resolve_environment
from binex.models.run import Run, RunStatus, RunSummary, Versions
from binex.runtime.account import with_maximum
from binex.runtime.assembly import RunParts, read_past
from binex.runtime.executor import Executor
from binex.runtime.forks.again import Again
from binex.runtime.forks.reach import users_of
from binex.runtime.journal import TakenOver
from binex.runtime.preparation import prepare_agents, restore_source, versions_of
from binex.runtime.replay import settled_outcomes
from binex.runtime.stops.held import read_held
from binex.runtime.stops.stops import Stops
from binex.runtime.trust import require_executable, require_trust
from binex.tape.redaction import REDACTED

_ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.OVER_BUDGET)


@dataclass(frozen=True, slots=True)
class ResumeOptions:
    """How to go on; see :meth:`Session.resume`."""

    retry_failed: bool = False
    strict: bool = False
    vars: Mapping[str, JsonValue] = field(default_factory=dict)
    max_cost: float | None = None
    stops: Stops | None = None


class Resuming:
    """Goes on with runs."""

    def __init__(self, executor: Executor, again: Again) -> None:
        self._executor = executor
        self._again = again
        self._store = executor.store

    async def resume(self, run: str, options: ResumeOptions) -> RunSummary:
        """See :meth:`Session.resume`."""
        found = await find_original(self._store, run, is_sample_meant=True)
        async with self._store.take_run(found.id) as lease:
            before = await self._store.get_run(found.id) or found
            if before.status is RunStatus.RUNNING:  # its process was killed
                before = as_left(before, await self._store.list_records(found.id))
            require_executable(before)
            kept = await self._store.get_source(before.workflow_hash)
            bound = restore_source(kept, self._executor.settings.limits, self._executor.registry)
            spec, dag = bound
            require_trust(before, spec, is_trusting=self._executor.settings.is_trusting)
            recall = await self._again.recall_of(before, spec)
            if options.stops is not None:
                options.stops.check(spec, dag)
            source = spec.source or kept
            known = await settled_outcomes(self._store, dag, before.id, retry_failed=options.retry_failed)
            left = dag.nodes.keys() - {outcome.path for outcome in known.outcomes}
            if not left and before.status in _ENDED:
                summary = RunSummary(run=before, reused=len(known.outcomes), was_done=True)
                return await self._executor.with_outputs(summary, dag)
            variables = _with_secrets_given_again(before, options.vars, dag, left)
            environment = resolve_environment(spec, dag, os.environ, nodes=left)
            uses = tuple(node_uses(spec, dag).values())
            await prepare_agents(self._executor.registry, [use for use in uses if use.node_id in left], source)
            versions = await versions_of(self._executor.registry, uses, source)
            self._compare_code(before, versions, strict=options.strict)
            # Who gives more money now no longer wants what was to be stopped meanwhile.
            past = await read_past(self._store, before.id, before.ended_at if options.max_cost is None else None)
            after = before.model_copy(
                update={
                    "status": RunStatus.RUNNING,
                    "ended_at": None,
                    "error": None,
                    "resumed": before.resumed + 1,
                    "durability": self._executor.settings.durability,
                    "budget": with_maximum(before.budget, options.max_cost),
                    "spend": past.spent,
                }
            )
            attempts = Counter(known.attempts) | Counter(past.attempts)  # the larger number of each
            context = RunContext(after.id, source.folder, variables, environment, attempts)
            bookmarks = await self._store.list_bookmarks(after.id)
            redactor = self._executor.redactor(environment)
            parts = RunParts(
                after,
                bound,
                context,
                redactor,
                nullcontext(lease),
                past,
                bookmarks,
                recall=recall,
                versions=versions,
                stops=options.stops,
                held=read_held(after.id, bookmarks, known.attempts),
            )
            await self._store.save_run(after)
            return await self._executor.execute(parts, TakenOver(known.outcomes, counted=known.records))

    def _compare_code(self, run: Run, today: Versions, *, strict: bool) -> None:
        changed = sorted(today.changed_since(run.versions))
        if not changed:
            return
        message = f"the code of {', '.join(changed)} has changed since run {run.id} began"
        if strict:
            raise RunError(message, fix="run the workflow again, or resume without --strict")
        self._executor.notice(run.id, f"{message}; what is left runs with today's")


def _with_secrets_given_again(
    run: Run, given: Mapping[str, JsonValue], dag: DAG, left: Collection[str]
) -> dict[str, JsonValue]:
    """The variables of a run, those included that were not kept, as far as the nodes that are left need them."""
    variables = {**run.variables, **given}
    cut = {name for name, value in variables.items() if REDACTED in as_text(value)}
    needed = sorted(name for node_id, name in users_of(dag, cut).items() if node_id in left)
    if needed:
        raise InputError(
            f"the value of '{needed[0]}' looked like a secret and was not kept",
            fix=f"give it again: --var {needed[0]}=…",
        )
    unknown = sorted(set(given) - set(run.variables))
    if unknown:
        raise InputError(
            f"run {run.id} has no variable '{unknown[0]}'", fix=suggest(unknown[0], run.variables, "variables")
        )
    return variables
