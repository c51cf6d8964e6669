"""Puts together what a run is made of before it starts: its plan, its people, its money."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from binex.graph.scope import RunContext
from binex.loader import Bound
from binex.models.call import Spend
from binex.models.event import Notice
from binex.models.names import node_of
from binex.models.question import Question
from binex.models.run import Run, RunStatus, Versions
from binex.models.task import Outcome
from binex.runtime.account import Measures
from binex.runtime.budget import Past, RunLedger
from binex.runtime.course import Course
from binex.runtime.desk import Asker, Patience, RunDesk
from binex.runtime.journal import Journal, RunLog
from binex.runtime.keys import Keys
from binex.runtime.orchestrator import Orchestrator, RunPlan
from binex.runtime.recall import Recall
from binex.runtime.stops.held import EarlierStops
from binex.runtime.stops.holding import Holds
from binex.runtime.stops.stops import Places, Stops
from binex.runtime.surroundings import AnswersFor, RunSurroundings
from binex.stores.execution_store import Lease
from binex.stores.run_store import RunStore
from binex.tape.redaction import Redactor


@dataclass(frozen=True, slots=True)
class People:
    """Who can be asked while a run is executed."""

    asker: Asker | None = None
    """Asks somebody who is there."""
    patience: Patience = Patience.DEADLINE
    """How long to wait for others."""


@dataclass(frozen=True, slots=True)
class RunParts:
    """One run, with all that is known about it before it is executed."""

    run: Run
    bound: Bound
    context: RunContext
    redactor: Redactor
    lease: AbstractAsyncContextManager[Lease]
    past: Past = field(default_factory=Past)
    bookmarks: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    recall: Recall | None = None
    versions: Versions | None = None
    """What its tasks are executed with, where that is not what the run began with."""
    course: Course | None = None
    answers_for: AnswersFor = lambda *_: None
    people: People | None = None
    """Who can be asked, where that are not those of the session."""
    stops: Stops | None = None
    """Where somebody wants it to stop."""
    held: Mapping[str, Outcome] = field(default_factory=dict)
    """What came of tasks that it stopped after in an earlier session, and nobody decided about."""


def plan_run(
    parts: RunParts, orchestrator: Orchestrator, *, store: RunStore, journal: Journal, people: People
) -> RunPlan:
    """The plan by which *orchestrator* executes a run."""
    run, spec = parts.run, parts.bound.spec
    desk = RunDesk(
        store, run.id, tell=journal.tell, redactor=parts.redactor, asker=people.asker, patience=people.patience
    )
    measures = Measures(
        desk_of=desk.for_task,
        wind_down=lambda: orchestrator.wind_down(RunStatus.OVER_BUDGET),
        notice=lambda message: journal.tell(Notice(run_id=run.id, message=message)),
        note_change=orchestrator.look,
    )
    of_nodes = {node_id: node.budget for node_id, node in spec.nodes.items() if node.budget is not None}
    ledger = RunLedger(run.budget, of_nodes, measures, parts.past)

    def surround(log: RunLog) -> RunSurroundings:
        return RunSurroundings(
            log,
            store,
            desks=desk,
            ledgers=ledger,
            redactor=parts.redactor,
            bookmarks=parts.bookmarks,
            answers_for=parts.answers_for,
        )

    return RunPlan(
        spec=spec,
        dag=parts.bound.dag,
        run=run,
        context=parts.context,
        redactor=parts.redactor,
        lease=parts.lease,
        surround=surround,
        desk=desk,
        keys=Keys(parts.versions or run.versions, parts.redactor),
        holds=_holds_of(parts, store, desk),
        recall=parts.recall,
        course=parts.course,
        is_held_up=ledger.is_held_up,
        was_refused=ledger.was_refused,
    )


def _holds_of(parts: RunParts, store: RunStore, desk: RunDesk) -> Holds:
    stops, past = parts.stops or Stops(), parts.past
    return Holds(
        stops,
        Places(stops.breakpoints, *parts.bound, parts.context),
        parts.bound.dag,
        store=store,
        desk=desk,
        redactor=parts.redactor,
        earlier=EarlierStops(past.questions, parts.held, past.left_at),
    )


async def read_past(store: RunStore, run_id: str, left_at: datetime | None = None) -> Past:
    """What earlier sessions of a run have spent, and what people have said in it; also of one that was killed.

    What they decided from *left_at* on still has to be followed.
    """
    by_node: dict[str, Spend] = {}
    attempts: dict[str, int] = {}
    for call in await store.list_calls(run_id):
        attempts[call.task] = max(attempts.get(call.task, 0), call.attempt)
        node_id = node_of(call.task)
        by_node[node_id] = by_node.get(node_id, Spend()).plus(call.spend)
    questions: Sequence[Question] = await store.list_questions(run_id)
    total = Spend()
    for spent in by_node.values():
        total = total.plus(spent)
    return Past(total, by_node, tuple(questions), attempts, left_at)
