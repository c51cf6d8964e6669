"""What people are asked at the moment, and which question somebody means."""

from collections.abc import Sequence

from binex.errors import AnsweredError, InputError, RunError, suggest
from binex.models.question import Question, QuestionState
from binex.models.run import Run
from binex.models.task import now
from binex.stores.question_store import QuestionStore


def is_late(question: Question) -> bool:
    """Whether it is too late to answer, by the clock."""
    return question.deadline_at is not None and question.deadline_at <= now()


async def open_questions(store: QuestionStore, run_id: str | None = None) -> list[Question]:
    """What can be answered now, in one run or in all, in the order in which it was asked."""
    return [question for question in await store.list_questions(run_id, only_open=True) if not is_late(question)]


async def find_question(store: QuestionStore, run: Run, task: str) -> Question:
    """The question of *run* that the path of its task, or its id, means.

    One that has ended is found where there is no open one: whoever answers it is told how it ended.

    Raises:
        InputError: there is no such question, or the task asks several things.
        RunError: nobody is asked anything in this run.
    """
    every = await store.list_questions(run.id)
    if not every:
        raise RunError(f"run {run.id} waits for no answer")
    meant = [question for question in every if task in (question.task, question.id)]
    if not meant:
        tasks = {question.task for question in every}
        raise InputError(f"task '{task:.80}' of run {run.id} asks nothing", fix=suggest(task[:80], tasks, "asking"))
    still_open = [question for question in meant if question.state is QuestionState.OPEN]
    if len(still_open) > 1:
        raise InputError(f"task '{task:.80}' asks {len(still_open)} things", fix=f"name one: {_ids(still_open)}")
    return (still_open or meant)[-1]


def refuse_if_ended(question: Question) -> None:
    """Say how a question ended that nobody waits for any more.

    Raises:
        AnsweredError: it has ended.
    """
    if question.state is QuestionState.ANSWERED and question.answer is not None:
        at = question.answer.at.astimezone().isoformat(sep=" ", timespec="seconds")
        raise AnsweredError(f"task {question.task} was answered by {question.answer.by or 'somebody'} at {at}")
    if question.state is not QuestionState.OPEN or is_late(question):
        why = "nobody answered in time"
        if question.state is QuestionState.WITHDRAWN:
            why = "its task has ended"
        raise AnsweredError(f"what task {question.task} asked is no longer asked: {why}", is_gone=True)


def _ids(questions: Sequence[Question]) -> str:
    return ", ".join(question.id for question in questions)
