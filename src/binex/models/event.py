"""What listeners are told, in order. An event about a task comes after what it says is durable."""

from datetime import datetime

from binex.models.base import Model
from binex.models.call import Call
from binex.models.question import Question
from binex.models.run import Run, RunSummary
from binex.models.task import ExecutionRecord


class RunStarted(Model):
    """A run began, or was taken up again."""

    run: Run
    node_count: int
    reused: int = 0
    """How many outcomes are already known."""


class FanOutStarted(Model):
    """A foreach node knows its list."""

    run_id: str
    task: str
    item_count: int


class TaskStarted(Model):
    """An attempt begins."""

    run_id: str
    task: str
    agent: str
    attempt: int
    at: datetime


class TaskRetrying(Model):
    """An attempt failed and will be repeated after ``record.retry_in_ms``."""

    record: ExecutionRecord


class TaskSettled(Model):
    """A task ended, and its record is durable."""

    record: ExecutionRecord


class Streamed(Model):
    """A model said something more; told as it comes in, and kept only as a part of its call."""

    run_id: str
    task: str
    attempt: int
    text: str


class CallRecorded(Model):
    """An attempt has finished a call; it becomes durable within moments, at the latest with the task's record."""

    call: Call


class QuestionAsked(Model):
    """A task waits for a person; the question is durable."""

    question: Question


class QuestionSettled(Model):
    """A question was answered, or nobody will be heard any more."""

    question: Question


class Notice(Model):
    """Something that a person should know: a wait for a lock, a thread left behind."""

    run_id: str
    message: str


class RunEnded(Model):
    """A run ended; its final status is durable."""

    summary: RunSummary


Event = (
    RunStarted
    | FanOutStarted
    | TaskStarted
    | TaskRetrying
    | TaskSettled
    | Streamed
    | CallRecorded
    | QuestionAsked
    | QuestionSettled
    | Notice
    | RunEnded
)
