"""A question to a person: it is a record, so that it outlives the process that asked it."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from binex.models.base import AnyText, Model


class QuestionKind(StrEnum):
    """What sort of answer is wanted."""

    INPUT = "input"
    """Any text."""
    APPROVE = "approve"
    """`approved` or `rejected`, a rejection perhaps with feedback."""
    CHOOSE = "choose"
    """One of the choices."""
    OUTPUT = "output"
    """The outputs of the task, as JSON, made by a person: an input of several outputs, or with a schema."""
    BUDGET = "budget"
    """What to do about a budget that is used up."""
    AGENT = "agent"
    """What a remote agent wants to know before it goes on."""
    BREAKPOINT = "breakpoint"
    """How to go on where the run stopped, before a task or after it: one of the choices, or `{"edit": VALUE}`."""


class OnTimeout(StrEnum):
    """What happens when nobody answers in time."""

    DEFAULT = "default"
    FAIL = "fail"


class QuestionState(StrEnum):
    """Where a question stands."""

    OPEN = "open"
    ANSWERED = "answered"
    TIMED_OUT = "timed_out"
    """Nobody answered in time; an answer comes too late."""
    WITHDRAWN = "withdrawn"
    """Its task ended otherwise; an answer comes too late."""


class Answer(Model):
    """What somebody said."""

    value: JsonValue
    """The answer itself: text, a choice, `approved` or `rejected`, or the outputs."""
    feedback: str | None = None
    """Why something was rejected, and what should be different."""
    by: AnyText = ""
    """Who answered, as far as the machine knows."""
    at: datetime
    """When."""


class Question(Model):
    """Something that a person has to say before a task can go on."""

    id: str
    """Unique everywhere, and the same when the task is taken up again: `{run_id}~{task}~{key}`."""
    run_id: str
    task: str
    """The path of the task that waits."""
    kind: QuestionKind
    text: str
    """What is asked."""
    shown: JsonValue = None
    """What the person should look at, by name: the inputs of the task.

    At a breakpoint `{"inputs": …}`, or `{"outputs": …}`, or `{"error": …}`.
    """
    choices: tuple[str, ...] = ()
    default: JsonValue = None
    """The answer when nobody answers in time and `on_timeout` is `default`."""
    on_timeout: OnTimeout = OnTimeout.FAIL
    deadline_at: datetime | None = None
    """When it is too late to answer."""
    asked_at: datetime
    state: QuestionState = QuestionState.OPEN
    answer: Answer | None = Field(default=None)
