"""What people are asked, and what they answer: once."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.responses import Response

from binex.analysis.questions import open_questions, refuse_if_ended
from binex.models.base import Model
from binex.models.question import Answer, Question
from binex.models.task import now
from binex.runtime.answering import give_answer
from binex.server.answers import answer, named_run
from binex.server.parts import Parts
from binex.server.refusals import MissingError
from binex.stores.run_store import RunStore


class Questions(Model):
    """What can be answered now."""

    questions: tuple[Question, ...]
    """In the order in which it was asked."""


class AnswerBody(BaseModel):
    """What somebody says."""

    model_config = ConfigDict(extra="forbid")

    answer: JsonValue
    feedback: Annotated[str | None, Field(max_length=1_000_000)] = None


class Settled(Model):
    """A question that was answered."""

    question: Question
    goes_on: bool
    """Whether a process executes the run, which goes on by itself then."""


def routes(parts: Parts) -> APIRouter:
    """The routes of questions."""
    router = APIRouter(prefix="/api/questions", tags=["questions"])

    @router.get("", response_model=Questions)
    async def questions(run: Annotated[str | None, Query(max_length=1_000)] = None) -> Response:
        async def ask(store: RunStore) -> Response:
            run_id = None if run is None else (await named_run(store, run)).id
            return answer(Questions(questions=tuple(await open_questions(store, run_id))))

        return await parts.reader.ask(ask)

    @router.post("/{id}/answer", response_model=Settled)
    async def settle(id: str, said: AnswerBody) -> Response:
        if await parts.reader.ask(lambda store: store.get_question(id)) is None:
            raise MissingError(f"no question '{id:.80}'")
        store = (await parts.executions.session()).store
        question = await store.get_question(id)
        if question is None:
            raise MissingError(f"no question '{id:.80}'")
        refuse_if_ended(question)
        given = Answer(value=said.answer, feedback=said.feedback, by=parts.who, at=now())
        settled = await give_answer(store, question, given)
        return answer(Settled(question=settled, goes_on=await store.is_owned(question.run_id)))

    return router
