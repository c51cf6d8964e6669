"""What earlier sessions of a run have left where it stopped: outcomes that nobody decided about, and decisions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from pydantic import JsonValue, ValidationError

from binex.errors import InputError
from binex.models.breakpoint import Action, Moment, StopDecision, read_stop_decision
from binex.models.names import artifact_id, node_of
from binex.models.question import Question, QuestionKind, QuestionState
from binex.models.task import (
    Artifact,
    ArtifactInfo,
    ErrorInfo,
    ErrorKind,
    ExecutionRecord,
    Outcome,
    TaskNode,
    TaskStatus,
)
from binex.tape.redaction import Redactor

HELD: Final = "held"
"""The name of the bookmark that keeps what came of a task until somebody has decided about it."""
ENDED: Final = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.TIMED_OUT)
"""How the execution of a task can have ended that a run stops after."""

_MOST: Final = 2**31
"""Attempts have numbers below it."""
_KEY: Final = re.compile(rf"({Moment.BEFORE}|{Moment.AFTER})-([0-9]{{1,9}})(-[0-9]+)?(\.[0-9]+)?\Z")
"""The key of a question at a stop, as in ``before-1`` and ``after-2-3``."""


@dataclass(frozen=True, slots=True)
class EarlierStop:
    """The last stop before a task, in an earlier session of its run."""

    number: int
    """Which stop before this task it was, from 1."""
    is_pending: bool
    """Whether nobody has answered, or nobody has followed the answer."""
    decision: StopDecision | None
    """What somebody said; None where nobody did, or the run was to end."""


class EarlierStops:
    """Every stop of a run in its earlier sessions."""

    def __init__(
        self,
        questions: Sequence[Question] = (),
        held: Mapping[str, Outcome] | None = None,
        left_at: datetime | None = None,
    ) -> None:
        self._held = dict(held or {})
        self._left_at = left_at
        self._last_before: dict[str, Question] = {}
        self._after: set[tuple[str, int]] = set()
        for question in questions:
            if question.kind is not QuestionKind.BREAKPOINT or question.state is QuestionState.WITHDRAWN:
                continue
            place = _place_of(question)
            if place is None:
                continue
            moment, number = place
            if moment == Moment.BEFORE:
                self._last_before[question.task] = question
            else:
                self._after.add((question.task, number))

    @property
    def is_any(self) -> bool:
        """Whether there was any."""
        return bool(self._held or self._last_before or self._after)

    def take_outcome(self, task: TaskNode) -> Outcome | None:
        """What came of *task*, if it was held when the run ended, and was made from what the task is given now."""
        outcome = self._held.pop(task.path, None)
        if outcome is None or outcome.record.input_artifacts != task.input_artifacts:
            return None
        made_from = {id for artifact in outcome.artifacts for id in artifact.lineage.derived_from}
        return outcome if made_from <= set(task.input_artifacts) else None

    def has_asked_after(self, outcome: Outcome) -> bool:
        """Whether somebody was asked about this outcome."""
        return (outcome.path, outcome.record.attempt) in self._after

    def last_before(self, path: str) -> EarlierStop | None:
        """The last stop before the task at *path*."""
        question = self._last_before.get(path)
        place = None if question is None else _place_of(question)
        if question is None or place is None:
            return None
        _, number = place
        if question.answer is None:
            return EarlierStop(number, is_pending=question.state is QuestionState.OPEN, decision=None)
        try:
            decision = read_stop_decision(question.answer.value, question.choices)
        except InputError:
            return EarlierStop(number, is_pending=True, decision=None)  # its stop asks again
        is_followed = self._left_at is None or question.answer.at < self._left_at
        if decision.action is Action.QUIT or (decision.action is Action.REPLAY and is_followed):
            return EarlierStop(number, is_pending=False, decision=None)
        return EarlierStop(number, is_pending=not is_followed, decision=decision)


def read_held(
    run_id: str, bookmarks: Mapping[str, Mapping[str, JsonValue]], attempts: Mapping[str, int]
) -> dict[str, Outcome]:
    """What came of tasks that were held when the run ended, by path.

    *attempts* is the last recorded attempt at each task: what is on record was decided about.
    """
    found: dict[str, Outcome] = {}
    for path, kept in bookmarks.items():
        outcome = _read_outcome(kept[HELD]) if HELD in kept else None
        if outcome is None or not _is_of(outcome, run_id, path):
            continue
        if attempts.get(path, 0) < outcome.record.attempt < _MOST:
            found[path] = outcome
    return found


def _is_of(outcome: Outcome, run_id: str, path: str) -> bool:
    """Whether an outcome is one of that task: a bookmark of a run from elsewhere may say that it is another's."""
    record = outcome.record
    made = [artifact_id(run_id, path, artifact.output) for artifact in outcome.artifacts]
    return (
        (record.run_id, record.task, record.node_id) == (run_id, path, node_of(path))
        and record.status in ENDED
        and record.reused_from is None
        and all((artifact.run_id, artifact.task) == (run_id, path) for artifact in outcome.artifacts)
        and [artifact.id for artifact in outcome.artifacts] == made == list(record.output_artifacts)
    )


def held_value(outcome: Outcome, redactor: Redactor) -> JsonValue:
    """*outcome* as JSON, without secrets."""
    error = outcome.record.error
    return {
        "record": outcome.record.model_dump(mode="json", exclude={"error"}),
        "error": None if error is None else redactor.redact_json(error.model_dump(mode="json"), shapes=True),
        "artifacts": [
            {"info": made.info.model_dump(mode="json"), "content": redactor.redact_json(made.content)}
            for made in outcome.artifacts
        ],
    }


def _read_outcome(value: JsonValue) -> Outcome | None:
    """The outcome that was kept; None where it cannot be read, so that its task is executed again."""
    kept = cast(dict[str, JsonValue], value)
    try:
        record = ExecutionRecord.model_validate(kept["record"])
        if kept["error"] is not None:
            record = record.model_copy(update={"error": ErrorInfo.model_validate(kept["error"])})
        made = cast(list[dict[str, JsonValue]], kept["artifacts"])
        artifacts = tuple(_read_artifact(one) for one in made)
    except (ValidationError, KeyError, TypeError):
        return None
    return Outcome(record=record, artifacts=artifacts)


def _read_artifact(kept: dict[str, JsonValue]) -> Artifact:
    info = ArtifactInfo.model_validate(kept["info"])
    return Artifact(**info.model_dump(), data=b"").with_content(kept["content"])


def retried(record: ExecutionRecord) -> ExecutionRecord:
    """The record of an attempt that somebody wants made again: neither the task nor what is replayed builds on it."""
    error = record.error or ErrorInfo(
        kind=ErrorKind.CANCELLED, type="Retried", message="it completed, and somebody had it executed again"
    )
    status = TaskStatus.CANCELLED if record.status is TaskStatus.COMPLETED else record.status
    update = {"status": status, "error": error, "is_final": False, "output_artifacts": ()}
    return record.model_copy(update=update)


def _place_of(question: Question) -> tuple[str, int] | None:
    """The moment and the number that the key of a question names; None where no stop of ours has asked it."""
    key = _KEY.match(question.id.rpartition("~")[2])
    return None if key is None else (key[1], int(key[2]))
