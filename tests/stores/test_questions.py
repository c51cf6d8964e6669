"""What every store does with questions, and how processes hear of answers."""

import asyncio
import json
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from binex.errors import AnsweredError, InputError, StoreError
from binex.models.question import OnTimeout, QuestionKind, QuestionState
from binex.models.task import now
from binex.stores.run_store import RunStore
from tests.stores.making import (
    SOURCE,
    OpenStore,
    ended,
    finish,
    heard,
    make_answer,
    make_question,
    make_run,
)
from tests.stores.test_doctor import change


async def test_a_question_comes_back_as_it_was(store: RunStore) -> None:
    run = make_run()
    question = make_question(
        run.id,
        "gate[2]",
        kind=QuestionKind.CHOOSE,
        text="Which ü?\n\x1b[31m",
        shown={"draft": ["a", None]},
        choices=("a", "b"),
        default="a",
        on_timeout=OnTimeout.DEFAULT,
        deadline_at=now() + timedelta(hours=1),
    )
    async with store.open_run(run, SOURCE):
        assert await store.ask(question) == question
    assert await store.get_question(question.id) == question
    assert await store.get_question("unknown") is None


async def test_a_question_that_is_asked_again_stays_as_it_was(store: RunStore) -> None:
    run = make_run()
    first = make_question(run.id)
    async with store.open_run(run, SOURCE):
        await store.ask(first)
        assert await store.ask(make_question(run.id, text="another text")) == first
        answered = await store.answer(first.id, make_answer())
        assert await store.ask(first) == answered


async def test_a_question_of_no_run_is_refused(store: RunStore) -> None:
    with pytest.raises(StoreError, match="there is no run"):
        await store.ask(make_question("nothing"))


async def test_questions_are_listed_in_the_order_in_which_they_were_asked(store: RunStore) -> None:
    run, other = make_run(), make_run()
    questions = [make_question(run.id, "z"), make_question(other.id, "y"), make_question(run.id, "a")]
    async with store.open_run(run, SOURCE), store.open_run(other, SOURCE):
        for question in questions:
            await store.ask(question)
        ended = await store.close_question(questions[0].id, QuestionState.WITHDRAWN)
    assert await store.list_questions() == [ended, *questions[1:]]
    assert await store.list_questions(run.id) == [ended, questions[2]]
    assert await store.list_questions(only_open=True) == questions[1:]
    assert await store.list_questions(run.id, only_open=True) == [questions[2]]
    assert await store.list_questions("unknown") == []


async def test_the_first_answer_counts(store: RunStore) -> None:
    run = make_run()
    question = make_question(run.id)
    first = make_answer("rejected", feedback="shorter")
    async with store.open_run(run, SOURCE):
        await store.ask(question)
        answered = await store.answer(question.id, first)
        assert answered == question.model_copy(update={"state": QuestionState.ANSWERED, "answer": first})
        with pytest.raises(AnsweredError, match=f"was answered by ann at {first.at:%Y-%m-%dT%H:%M:%S}") as caught:
            await store.answer(question.id, make_answer(by="bob"))
        assert not caught.value.is_gone
        assert await store.close_question(question.id, QuestionState.TIMED_OUT) == answered
    assert await store.get_question(question.id) == answered


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (QuestionState.TIMED_OUT, "nobody answered it in time"),
        (QuestionState.WITHDRAWN, "its task ended without it"),
    ],
)
async def test_an_answer_that_comes_too_late_is_refused(store: RunStore, state: QuestionState, text: str) -> None:
    run = make_run()
    question = make_question(run.id, deadline_at=now())
    default = make_answer("approved", by="")
    async with store.open_run(run, SOURCE):
        await store.ask(question)
        closed = await store.close_question(question.id, state, default)
        assert (closed.state, closed.answer) == (state, default)
        with pytest.raises(AnsweredError, match=f"too late to answer question .*: {text}") as caught:
            await store.answer(question.id, make_answer())
    assert caught.value.is_gone
    assert await store.get_question(question.id) == closed


async def test_a_question_that_is_not_there_cannot_be_answered_or_closed(store: RunStore) -> None:
    with pytest.raises(InputError, match="no question 'nothing' in the store"):
        await store.answer("nothing", make_answer())
    with pytest.raises(InputError, match="no question 'nothing' in the store"):
        await store.close_question("nothing", QuestionState.WITHDRAWN)


@pytest.mark.parametrize("is_closed", [False, True])
async def test_all_who_wait_hear_of_an_end_in_their_own_process(store: RunStore, is_closed: bool) -> None:
    run = make_run()
    question = make_question(run.id)
    async with store.open_run(run, SOURCE):
        await store.ask(question)
        waiting = [asyncio.create_task(store.wait_for_answer(run.id)) for _ in range(3)]
        await asyncio.sleep(0)
        began = time.monotonic()
        if is_closed:
            await store.close_question(question.id, QuestionState.WITHDRAWN)
        else:
            await store.answer(question.id, make_answer())
        await asyncio.gather(*waiting)
        assert time.monotonic() - began < 1


async def test_an_answer_that_came_while_nobody_waited_is_heard_of_once(store: RunStore) -> None:
    run = make_run()
    question = make_question(run.id)
    async with store.open_run(run, SOURCE):
        await store.ask(question)
        await store.answer(question.id, make_answer())
        await asyncio.wait_for(store.wait_for_answer(run.id), 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.wait_for_answer(run.id), 0.1)


async def test_who_waits_looks_again_after_two_seconds(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        began = time.monotonic()
        await asyncio.gather(store.wait_for_answer(run.id), store.wait_for_answer("not executed here"))
        assert 1.9 < time.monotonic() - began < 10


# --- several processes --------------------------------------------------------------------------------------

ANSWER = """
    async with open_sqlite_store(folder) as store:
        say("ready")
        input()
        try:
            question = await store.answer(sys.argv[2], make_answer(by=sys.argv[3]))
        except AnsweredError as error:
            say(f"refused: {error.message}")
        else:
            say(f"kept: {question.answer.by}")
"""


async def test_an_answer_from_another_process_wakes_the_owner(open_store: OpenStore, start: Any) -> None:
    run = make_run()
    question = make_question(run.id)
    async with open_store() as store, store.open_run(run, SOURCE) as lease:
        await store.ask(question)
        other = start(ANSWER, question.id, "bob")
        assert await asyncio.to_thread(heard, other) == "ready"
        waiting = asyncio.create_task(store.wait_for_answer(run.id))
        cancelling = asyncio.create_task(lease.wait_for_cancel())
        await asyncio.sleep(0)
        began = time.monotonic()
        other.stdin.write("\n")
        other.stdin.flush()
        await waiting
        assert time.monotonic() - began < 1.5
        answered = await store.get_question(question.id)
        assert answered is not None and answered.answer is not None and answered.answer.by == "bob"
        assert not cancelling.done(), "an answer is no request to cancel"
        cancelling.cancel()
        assert await ended(other) == 0


async def test_of_two_processes_that_answer_at_once_one_wins(open_store: OpenStore, start: Any) -> None:
    run = make_run()
    questions = [make_question(run.id, key=str(number)) for number in range(3)]
    async with open_store() as store:
        async with store.open_run(run, SOURCE):
            for question in questions:
                await store.ask(question)
        for question in questions:
            others = [start(ANSWER, question.id, name) for name in ("ann", "bob")]
            assert [heard(other) for other in others] == ["ready", "ready"]
            for other in others:
                other.stdin.write("\n")
                other.stdin.flush()
            said = sorted(line for other in others for line in finish(other))
            assert len(said) == 2
            winner = said[0].removeprefix("kept: ")
            assert said[1].startswith(f"refused: question {question.id} was answered by {winner} at ")
            kept = await store.get_question(question.id)
            assert kept is not None and kept.answer is not None and kept.answer.by == winner


async def test_a_question_is_durable_when_it_has_been_asked(open_store: OpenStore, start: Any) -> None:
    run = make_run()
    question = make_question(run.id)
    process = start(
        """
        async with open_sqlite_store(folder) as store, store.open_run(make_run(sys.argv[2]), SOURCE):
            await store.ask(make_question(sys.argv[2]))
            await store.keep_bookmark(sys.argv[2], "gate", "seen", True)
            die()
        """,
        run.id,
    )
    await ended(process)
    async with open_store() as store:
        assert [one.id for one in await store.list_questions(only_open=True)] == [question.id]
        assert await store.list_bookmarks(run.id) == {"gate": {"seen": True}}
        answered = await store.answer(question.id, make_answer())  # nobody executes the run now
        assert answered.state is QuestionState.ANSWERED


@pytest.mark.parametrize(
    "pieces", [[b"answer\ncancel\n"], [b"can", b"cel\nans", b"wer\n"], [b"\n\nx" * 3000, b"\ncancel\nanswer\n"]]
)
async def test_words_to_the_owner_may_come_in_pieces_and_together(
    open_store: OpenStore, folder: Path, pieces: list[bytes]
) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE) as lease:
        waiting = [asyncio.create_task(store.wait_for_answer(run.id)), asyncio.create_task(lease.wait_for_cancel())]
        began = time.monotonic()
        control = os.open(folder / "locks" / f"{run.id}.{lease.epoch}.control", os.O_WRONLY | os.O_NONBLOCK)
        for piece in pieces:
            os.write(control, piece)
            await asyncio.sleep(0.01)
        os.close(control)
        await asyncio.gather(*waiting)
        assert time.monotonic() - began < 1.5


async def test_a_word_nobody_knows_means_nothing(open_store: OpenStore, folder: Path) -> None:
    run = make_run()
    async with open_store() as store, store.open_run(run, SOURCE) as lease:
        cancelling = asyncio.create_task(lease.wait_for_cancel())
        control = os.open(folder / "locks" / f"{run.id}.{lease.epoch}.control", os.O_WRONLY | os.O_NONBLOCK)
        os.write(control, b"answers\ncancel")
        os.close(control)
        _, pending = await asyncio.wait([cancelling], timeout=0.1)
        assert pending
        cancelling.cancel()


async def test_a_damaged_question_is_left_out_and_can_be_asked_again(
    open_store: OpenStore, folder: Path, notices: list[str]
) -> None:
    run = make_run()
    questions = [make_question(run.id, key=key) for key in "ab"]
    async with open_store() as store, store.open_run(run, SOURCE):
        for question in questions:
            await store.ask(question)
        change(folder, f"UPDATE questions SET doc = '{json.dumps({'kind': 1})}' WHERE id = '{questions[0].id}'")
        assert await store.list_questions(run.id) == questions[1:]
        assert questions[0].id in notices[0]
        assert await store.ask(questions[0]) == questions[0]
        assert await store.list_questions(run.id) == questions
