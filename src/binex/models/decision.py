"""What somebody decided about a budget that is used up."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from binex.errors import InputError
from binex.models.names import node_of
from binex.models.question import Question, QuestionKind, QuestionState

RUN_KEY: Final = "budget"
"""What the keys of questions about the run's budget begin with: ``budget-1``."""
NODE_KEY: Final = "node-budget"
"""What those about a node's budget begin with."""

HOW: Final = "answer 'raise to AMOUNT' (US dollars in all), 'cheaper llm://provider/model' or 'stop'"

_RAISE: Final = re.compile(r"(?:raise(?:\s+to)?\s+)?\$?\s*(\d{1,12}(?:\.\d{1,9})?|\.\d{1,9})\s*(?:usd)?", re.IGNORECASE)
_CHEAPER: Final = re.compile(r"cheaper:?\s+(?:llm://)?([^\s/…]+/\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RaiseTo:
    """More may be spent: *max_cost* in all."""

    max_cost: float


@dataclass(frozen=True, slots=True)
class GoOnWith:
    """Another model does what is left; *model* is its URI."""

    model: str


@dataclass(frozen=True, slots=True)
class Stop:
    """It was enough."""


Decision = RaiseTo | GoOnWith | Stop


def read_decision(said: JsonValue) -> Decision:
    """What the answer to a question about a budget means: ``raise to 5``, ``cheaper llm://x/y`` or ``stop``.

    Raises:
        InputError: it means none of them.
    """
    text = str(said).strip() if isinstance(said, str | int | float) and not isinstance(said, bool) else ""
    if text.lower() == "stop":
        return Stop()
    if amount := _RAISE.fullmatch(text):
        return RaiseTo(float(amount[1]))
    if model := _CHEAPER.fullmatch(text):
        return GoOnWith(f"llm://{model[1]}")
    raise InputError(f"'{text:.80}' is no answer to that", fix=HOW)


def decisions_about(questions: Iterable[Question], node_id: str | None = None) -> list[Decision]:
    """What was decided so far about the budget of the run, or of a node; what meant nothing is left out."""
    wanted = RUN_KEY if node_id is None else NODE_KEY
    found: list[Decision] = []
    for question in questions:
        key = question.id.rpartition("~")[2].rpartition("-")[0]
        is_meant = question.kind is QuestionKind.BUDGET and key == wanted
        if is_meant and question.answer is not None and node_id in (None, node_of(question.task)):
            try:
                found.append(read_decision(question.answer.value))
            except InputError:
                continue
    return found


def count_ended(questions: Iterable[Question], node_id: str | None = None) -> int:
    """How many questions about the budget of the run, or of a node, have ended in whatever way."""
    wanted = RUN_KEY if node_id is None else NODE_KEY
    return sum(
        question.kind is QuestionKind.BUDGET
        and question.state is not QuestionState.OPEN
        and question.id.rpartition("~")[2].rpartition("-")[0] == wanted
        and node_id in (None, node_of(question.task))
        for question in questions
    )


def highest(max_cost: float, decisions: Iterable[Decision]) -> float:
    """The budget that is in force after *decisions*."""
    return max([max_cost, *(one.max_cost for one in decisions if isinstance(one, RaiseTo))], default=math.inf)
