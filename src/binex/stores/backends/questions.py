"""What changes a question, each as one part of a transaction."""

import sqlite3
from collections.abc import Callable
from typing import Final

from binex.errors import AnsweredError, DamagedDataError, InputError
from binex.models.question import Answer, Question, QuestionState
from binex.stores.backends import rows
from binex.stores.backends.statements import SELECT_QUESTIONS, key_of

LONGEST_WAIT_S: Final = 2.0
"""How long who waits for an answer relies on being told of it."""


def asking(question: Question) -> Callable[[sqlite3.Connection], Question]:
    """What keeps a question, unless it is there; one that is damaged is replaced. Its result is what is kept."""
    values = (question.task, question.state, rows.question_doc(question))

    def ask(connection: sqlite3.Connection) -> Question:
        key = key_of(connection, question.run_id)
        inserted = connection.execute(
            "INSERT OR IGNORE INTO questions (id, run, task, state, doc) VALUES (?, ?, ?, ?, ?)",
            (question.id, key, *values),
        )
        if inserted.rowcount:
            return question
        try:
            return _find(connection, question.id)
        except DamagedDataError:  # without this, its task could never ask again
            connection.execute(
                "UPDATE questions SET run = ?, task = ?, state = ?, doc = ? WHERE id = ?", (key, *values, question.id)
            )
            return question

    return ask


def answering(question_id: str, answer: Answer) -> Callable[[sqlite3.Connection], Question]:
    """What keeps an answer, once; its result is the question with it."""

    def keep(connection: sqlite3.Connection) -> Question:
        question = _find(connection, question_id)
        require_open(question)
        return _end(connection, question, QuestionState.ANSWERED, answer)

    return keep


def closing(question_id: str, state: QuestionState, answer: Answer | None) -> Callable[[sqlite3.Connection], Question]:
    """What ends a question without somebody's answer, unless it has ended; its result is what is kept."""

    def close(connection: sqlite3.Connection) -> Question:
        question = _find(connection, question_id)
        return _end(connection, question, state, answer) if question.state is QuestionState.OPEN else question

    return close


def require_open(question: Question) -> None:
    """Raise AnsweredError where an answer to *question* comes too late."""
    answer = question.answer
    match question.state:
        case QuestionState.OPEN:
            return
        case QuestionState.ANSWERED if answer is not None:
            by = answer.by or "somebody"
            raise AnsweredError(
                f"question {question.id} was answered by {by} at {answer.at.isoformat(timespec='seconds')}",
                fix="only the first answer counts; see it with: binex debug " + question.run_id,
            )
        case QuestionState.TIMED_OUT:
            until = question.deadline_at
            why = "nobody answered it in time" + (f", until {until.isoformat(timespec='seconds')}" if until else "")
        case _:
            why = "its task ended without it"
    raise AnsweredError(
        f"it is too late to answer question {question.id}: {why}",
        fix=f"see how it went on with: binex debug {question.run_id}",
        is_gone=True,
    )


def unknown(question_id: str) -> InputError:
    """The error for a question that is not there."""
    return InputError(f"no question {question_id!r:.200} in the store", fix="see what is asked: binex runs")


def _find(connection: sqlite3.Connection, question_id: str) -> Question:
    row = connection.execute(f"{SELECT_QUESTIONS} WHERE questions.id = ?", (question_id,)).fetchone()
    if row is None:
        raise unknown(question_id)
    return rows.read_question(row)


def _end(connection: sqlite3.Connection, question: Question, state: QuestionState, answer: Answer | None) -> Question:
    ended = question.model_copy(update={"state": state, "answer": answer})
    connection.execute(
        "UPDATE questions SET state = ?, doc = ? WHERE id = ?", (state, rows.question_doc(ended), question.id)
    )
    return ended
