"""How questions end: answered by somebody, too late, or no longer wanted."""

from binex.adapters.human_answer import check_answer
from binex.analysis.questions import is_late
from binex.errors import AnsweredError
from binex.models.question import Answer, OnTimeout, Question, QuestionState
from binex.models.task import now
from binex.stores.question_store import QuestionStore


async def give_answer(store: QuestionStore, question: Question, answer: Answer) -> Question:
    """Keep *answer*, if it is one and nobody was first; whoever waits for it is woken.

    Raises:
        InputError: it is no answer to this question, which stays open.
        AnsweredError: somebody has answered already, or it is too late.
    """
    value = check_answer(question, answer.value, answer.feedback)
    if is_late(question):
        await close_late(store, question)
    return await store.answer(question.id, answer.model_copy(update={"value": value}))


async def close_late(store: QuestionStore, question: Question) -> Question:
    """End a question whose deadline has passed, with its default where that is to be taken."""
    default = None
    if question.on_timeout is OnTimeout.DEFAULT and question.default is not None:
        default = Answer(value=question.default, at=now())
    return await store.close_question(question.id, QuestionState.TIMED_OUT, default)


async def withdraw_questions(store: QuestionStore, run_id: str) -> list[Question]:
    """End every open question of a run that will not go on."""
    found = await store.list_questions(run_id, only_open=True)
    return [await store.close_question(question.id, QuestionState.WITHDRAWN) for question in found]


async def first_answer(store: QuestionStore, question: Question, answer: Answer) -> Question:
    """The question, answered with *answer* or with what somebody said before."""
    try:
        return await give_answer(store, question, answer)
    except AnsweredError:
        return await store.get_question(question.id) or question
