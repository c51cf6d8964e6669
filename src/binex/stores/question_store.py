"""What is kept of questions to people."""

from typing import Protocol

from binex.models.question import Answer, Question, QuestionState


class QuestionStore(Protocol):
    """Questions by id. Raises StoreError where the store cannot be read or written."""

    async def ask(self, question: Question) -> Question:
        """Keep a question. One with its id that is there already stays as it is; returns what is kept."""
        ...

    async def get_question(self, question_id: str) -> Question | None:
        """The question with exactly that id."""
        ...

    async def list_questions(self, run_id: str | None = None, *, only_open: bool = False) -> list[Question]:
        """The questions of a run, or of all runs, in the order in which they were asked."""
        ...

    async def answer(self, question_id: str, answer: Answer) -> Question:
        """Keep the answer, if the question is open, and wake the process that waits for it, if there is one.

        Raises:
            InputError: there is no such question.
            AnsweredError: somebody has answered already, or it is too late; the message says who and when.
        """
        ...

    async def close_question(self, question_id: str, state: QuestionState, answer: Answer | None = None) -> Question:
        """End an open question without somebody's answer: ``timed_out`` (with the default as *answer* where that is
        taken) or ``withdrawn``. One that has ended stays as it is; returns what is kept."""
        ...

    async def wait_for_answer(self, run_id: str) -> None:
        """Return when something may have been answered in a run that this process executes, maybe by another process;
        at the latest after two seconds, so that whoever waits looks by himself now and then."""
        ...
