"""How somebody is asked where a run stops."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from pydantic import JsonValue

from binex.adapters.attempt import Ask
from binex.errors import InputError
from binex.models.breakpoint import (
    INPUTS,
    OUTPUTS,
    Action,
    Moment,
    StopDecision,
    check_edited,
    read_stop_decision,
)
from binex.models.question import QuestionKind
from binex.models.task import Outcome, TaskNode, TaskStatus, now
from binex.runtime.desk import RunDesk

_BEFORE: Final = (Action.CONTINUE, Action.STEP, Action.EDIT, Action.SKIP, Action.REPLAY, Action.QUIT)
_AFTER: Final = (Action.CONTINUE, Action.STEP, Action.EDIT, Action.RETRY, Action.REPLAY, Action.QUIT)
_AFTER_FAILURE: Final = tuple(action for action in _AFTER if action is not Action.EDIT)


class Said(NamedTuple):
    """What somebody said at a stop."""

    decision: StopDecision
    is_new: bool
    """Whether it was said in this session of the run."""


class StopDesk:
    """Asks about one task at a time, for as long as what is said cannot be done."""

    def __init__(self, desk: RunDesk) -> None:
        self._desk = desk
        self._opened_at = now()

    async def ask_before(self, task: TaskNode, why: str, number: int) -> Said:
        """What is to become of *task*, which is the stop before it of that *number*."""
        text = f"stopped before {task.path} ({task.agent})"
        ask = _ask(text, why, f"{Moment.BEFORE}-{number}", {INPUTS: task.inputs}, _BEFORE)
        return await self._ask(task.path, ask, None)

    async def ask_after(self, task: TaskNode, outcome: Outcome, why: str) -> Said:
        """What is to become of what came of *task*."""
        record = outcome.record
        text = f"stopped after {record.task} ({record.agent}), which {record.status.value.replace('_', ' ')}"
        is_completed = outcome.status is TaskStatus.COMPLETED
        choices = _AFTER if is_completed else _AFTER_FAILURE
        ask = _ask(text, why, f"{Moment.AFTER}-{record.attempt}", shown_after(outcome), choices)
        return await self._ask(record.task, ask, task.output_schema)

    async def _ask(self, path: str, ask: Ask, schema: dict[str, JsonValue] | None) -> Said:
        first, number = ask, 1
        while True:
            answer = await self._desk.ask(path, ask)
            try:
                decision = read_stop_decision(answer.value, ask.choices)
                if decision.action is Action.EDIT:
                    check_edited(decision.edited, ask.shown)
                    _check_schema(schema, decision.edited)
                return Said(decision, answer.at >= self._opened_at)
            except InputError as error:
                number += 1
                text = f"{first.text}\nWhat was said before cannot be done: {error.message}"
                ask = replace(first, key=f"{first.key}-{number}", text=text)


def shown_after(outcome: Outcome) -> JsonValue:
    """What there is to look at after a task: its outputs, or why it failed."""
    if outcome.record.error is not None:
        return {"error": outcome.record.error.model_dump(mode="json", exclude_none=True)}
    return {OUTPUTS: {made.output: made.content for made in outcome.artifacts}}


def _ask(text: str, why: str, key: str, shown: JsonValue, choices: Sequence[Action]) -> Ask:
    text = f"{text}, {why}" if why else text
    return Ask(kind=QuestionKind.BREAKPOINT, text=text, key=key, shown=shown, choices=tuple(choices))


def _check_schema(schema: dict[str, JsonValue] | None, edited: JsonValue) -> None:
    """Refuse an output that does not fit the schema of its task.

    Raises:
        InputError: it does not.
    """
    if schema is not None:
        from binex.models.json_schema import find_misses  # only where there is a schema

        misses = find_misses(schema, edited)
        if misses:
            raise InputError(f"it does not fit output_schema: {'; '.join(misses[:5])}")
