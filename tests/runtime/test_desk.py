"""Questions of a run: durable before anyone sees them, answered once, closed by the clock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from binex.adapters.attempt import Ask
from binex.errors import AnsweredError, InputError, ReplayError, UnansweredError
from binex.models.call import CallKind
from binex.models.event import Event, QuestionAsked, QuestionSettled
from binex.models.question import Answer, OnTimeout, Question, QuestionKind, QuestionState
from binex.models.run import Run
from binex.models.task import TaskNode, now
from binex.runtime.answering import give_answer, withdraw_questions
from binex.runtime.desk import Asker, Patience, RunDesk
from binex.stores.backends.memory import MemoryStore
from binex.tape.recorder import Recorded, recording
from binex.tape.redaction import Redactor
from tests.attempts import FakeSurroundings
from tests.stores.making import SOURCE, make_run

APPROVE = Ask(QuestionKind.APPROVE, "Good?", shown={"draft": "words"})


@dataclass
class Office:
    """A store with one run, and desks on it."""

    store: MemoryStore
    run: Run
    events: list[Event] = field(default_factory=list)
    changes: int = 0

    @asynccontextmanager
    async def desk(
        self, *, asker: Asker | None = None, patience: Patience = Patience.DEADLINE, secrets: tuple[str, ...] = ()
    ) -> AsyncIterator[RunDesk]:
        """A desk, as one session of the run has it."""
        desk = RunDesk(
            self.store,
            self.run.id,
            tell=self.events.append,
            redactor=Redactor(secrets),
            asker=asker,
            patience=patience,
        )
        async with desk.open(self._note_change):
            yield desk

    def _note_change(self) -> None:
        self.changes += 1

    def task(self, path: str = "gate") -> TaskNode:
        return TaskNode(run_id=self.run.id, path=path, node_id=path, agent="human://approve", inputs={})

    async def question(self, key: str = "question") -> Question:
        found = await self.store.get_question(f"{self.run.id}~gate~{key}")
        assert found is not None
        return found

    async def answer(self, value: Any, by: str = "ada") -> Question:
        return await give_answer(self.store, await self.question(), Answer(value=value, by=by, at=now()))

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with AsyncExitStack() as stack:
        store, run = MemoryStore(), make_run()
        await stack.enter_async_context(store.open_run(run, SOURCE))
        yield Office(store, run)


async def until(is_so: Callable[[], object]) -> None:
    """Let the others go on until something is so."""
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0)


async def stopped(work: "asyncio.Task[Any]") -> None:
    work.cancel()
    await asyncio.wait({work})


async def test_a_question_is_kept_before_it_is_told(office: Office) -> None:
    async with office.desk() as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(APPROVE))
        await until(lambda: office.told(QuestionAsked))
        kept = await office.question()
        assert office.events == [QuestionAsked(question=kept)]
        assert (kept.id, kept.task, kept.text, kept.shown) == (
            f"{office.run.id}~gate~question", "gate", "Good?", {"draft": "words"},
        )  # fmt: skip
        assert list(desk.waiting) == ["gate"]
        await stopped(asking)


async def test_an_answer_from_elsewhere_reaches_the_task_that_waits(office: Office) -> None:
    async with office.desk() as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(APPROVE))
        await until(lambda: desk.waiting)
        await office.answer("approved")
        answer = await asking
        assert (answer.value, answer.by) == ("approved", "ada")
        assert not desk.waiting
        assert office.told(QuestionSettled) == [QuestionSettled(question=await office.question())]


async def test_what_was_answered_while_no_process_ran_is_not_asked_again(office: Office) -> None:
    async with office.desk() as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(APPROVE))
        await until(lambda: desk.waiting)
        await stopped(asking)
    first = await office.question()
    assert first.state is QuestionState.OPEN
    await office.answer("rejected")
    async with office.desk() as desk:
        answer = await desk.for_task(office.task()).ask(APPROVE)
    assert answer.value == "rejected"
    assert [question.id for question in await office.store.list_questions()] == [first.id]
    assert len(office.told(QuestionAsked)) == 1


async def test_a_question_that_is_still_open_is_the_same_question_later(office: Office) -> None:
    moments = []
    for _ in range(2):
        async with office.desk() as desk:
            asking = asyncio.create_task(
                desk.for_task(office.task()).ask(Ask(QuestionKind.INPUT, "?", deadline_ms=60_000))
            )
            await until(lambda: desk.waiting)
            moments.append((await office.question()).deadline_at)
            await stopped(asking)
    assert moments[0] == moments[1]  # the time to answer goes on


async def test_the_first_answer_counts(office: Office) -> None:
    async with office.desk() as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(APPROVE))
        await until(lambda: desk.waiting)
        results = await asyncio.gather(*(office.answer(v, v) for v in ("approved", "rejected")), return_exceptions=True)
        refused = [result for result in results if isinstance(result, AnsweredError)]
        assert len(refused) == 1
        assert f"answered by {(await asking).by} at" in refused[0].message


async def test_an_answer_that_is_none_leaves_the_question_open(office: Office) -> None:
    async with office.desk() as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(APPROVE))
        await until(lambda: desk.waiting)
        with pytest.raises(InputError, match="not one of the choices"):
            await office.answer("<b>perhaps</b>")
        assert desk.waiting
        await office.answer("approved")
        assert (await asking).value == "approved"


# --- the clock ----------------------------------------------------------------------------------------------


async def test_nobody_answers_and_the_default_is_taken(office: Office) -> None:
    ask = Ask(QuestionKind.INPUT, "?", default="nothing", on_timeout=OnTimeout.DEFAULT, deadline_ms=50)
    async with office.desk() as desk:
        answer = await desk.for_task(office.task()).ask(ask)
    assert (answer.value, answer.by) == ("nothing", "")
    assert (await office.question()).state is QuestionState.TIMED_OUT


async def test_nobody_answers_and_the_task_fails(office: Office) -> None:
    ask = Ask(QuestionKind.INPUT, "?", default="not taken", deadline_ms=50)
    async with office.desk() as desk:
        with pytest.raises(UnansweredError, match=r"nobody answered by .* \(deadline_ms\)") as caught:
            await desk.for_task(office.task()).ask(ask)
    assert "on_timeout: default" in (caught.value.fix or "")
    with pytest.raises(AnsweredError, match="too late") as late:
        await office.answer("me")
    assert late.value.is_gone


async def test_a_shorter_deadline_is_kept_to_while_a_longer_one_runs(office: Office) -> None:
    async with office.desk() as desk:
        long = asyncio.create_task(desk.ask("long", Ask(QuestionKind.INPUT, "?", deadline_ms=60_000)))
        await until(lambda: desk.waiting)
        async with asyncio.timeout(1):
            with pytest.raises(UnansweredError):
                await desk.ask("gate", Ask(QuestionKind.INPUT, "?", deadline_ms=50))
        await stopped(long)


async def test_an_answer_after_the_deadline_changes_nothing_though_no_process_closed_the_question(
    office: Office,
) -> None:
    async with office.desk() as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(Ask(QuestionKind.INPUT, "?", deadline_ms=60_000)))
        await until(lambda: desk.waiting)
        await stopped(asking)
    late = (await office.question()).model_copy(update={"deadline_at": now() - timedelta(seconds=1)})
    with pytest.raises(AnsweredError, match="too late"):
        await give_answer(office.store, late, Answer(value="me", at=now()))
    assert (await office.question()).answer is None


async def test_a_deadline_beyond_every_calendar_is_one_all_the_same(office: Office) -> None:
    async with office.desk() as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(Ask(QuestionKind.INPUT, "?", deadline_ms=10**30)))
        await until(lambda: desk.waiting or asking.done())
        assert (await office.question()).deadline_at is not None
        await stopped(asking)


async def test_a_task_that_is_tried_again_after_nobody_answered_asks_again(office: Office) -> None:
    ask = Ask(QuestionKind.INPUT, "?", deadline_ms=20)
    async with office.desk() as desk:
        with pytest.raises(UnansweredError):
            await desk.for_task(office.task()).ask(ask)
    async with office.desk() as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(APPROVE))
        await until(lambda: desk.waiting)
        second = await office.question("question.2")
        await give_answer(office.store, second, Answer(value="approved", at=now()))
        assert (await asking).value == "approved"


# --- the end of a task or of a run --------------------------------------------------------------------------


async def test_what_an_ended_task_asked_is_withdrawn(office: Office) -> None:
    async with office.desk() as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(APPROVE))
        await until(lambda: desk.waiting)
        await stopped(asking)
        assert desk.is_asking_for("gate")
        await desk.withdraw("other")
        assert desk.is_asking_for("gate")
        await desk.withdraw("gate")
        assert not desk.is_asking_for("gate")
    assert (await office.question()).state is QuestionState.WITHDRAWN
    with pytest.raises(AnsweredError) as caught:
        await office.answer("approved")
    assert caught.value.is_gone


async def test_what_a_cancelled_run_asked_is_withdrawn_without_its_process(office: Office) -> None:
    async with office.desk() as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(APPROVE))
        await until(lambda: desk.waiting)
        await stopped(asking)
    assert [question.state for question in await withdraw_questions(office.store, office.run.id)] == ["withdrawn"]


@pytest.mark.parametrize(
    ("patience", "deadline_ms", "expected"),
    [
        (Patience.DEADLINE, None, False),
        (Patience.DEADLINE, 60_000, True),
        (Patience.NONE, 60_000, False),
        (Patience.ENDLESS, None, True),
    ],
)
async def test_how_long_a_run_stays(
    office: Office, patience: Patience, deadline_ms: int | None, expected: bool
) -> None:
    async with office.desk(patience=patience) as desk:
        assert desk.has_hope
        asking = asyncio.create_task(desk.ask("gate", Ask(QuestionKind.INPUT, "?", deadline_ms=deadline_ms)))
        await until(lambda: desk.waiting)
        assert desk.has_hope is expected
        assert office.changes == 1
        await stopped(asking)


# --- somebody who is there ----------------------------------------------------------------------------------


async def test_whoever_is_there_is_asked_one_question_at_a_time(office: Office) -> None:
    asked: list[str] = []

    async def ask(question: Question) -> Answer | None:
        asked.append(f"{question.task} begins")
        await asyncio.sleep(0.01)
        asked.append(f"{question.task} ends")
        return Answer(value="approved", by="here", at=now())

    async with office.desk(asker=ask) as desk:
        answers = await asyncio.gather(*(desk.ask(path, APPROVE) for path in "abc"))
    assert [answer.by for answer in answers] == ["here"] * 3
    assert asked == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


async def test_whoever_is_there_is_left_alone_when_somebody_else_was_first(office: Office) -> None:
    was_interrupted = asyncio.Event()

    async def ask(question: Question) -> Answer | None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            was_interrupted.set()
        return None

    async with office.desk(asker=ask) as desk:
        asking = asyncio.create_task(desk.ask("gate", APPROVE))
        await until(lambda: desk.waiting)
        await office.answer("rejected", "elsewhere")
        assert (await asking).by == "elsewhere"
        await asyncio.wait_for(was_interrupted.wait(), 5)


async def test_whoever_was_slower_by_a_moment_is_not_heard(office: Office) -> None:
    async def ask(question: Question) -> Answer | None:
        await give_answer(office.store, question, Answer(value="rejected", by="elsewhere", at=now()))
        return Answer(value="approved", by="here", at=now())

    async with office.desk(asker=ask) as desk:
        assert (await desk.ask("gate", APPROVE)).by == "elsewhere"


async def test_whoever_is_there_and_says_nonsense_fails_that_task_and_no_other(office: Office) -> None:
    async def ask(question: Question) -> Answer | None:
        return Answer(value="perhaps" if question.task == "a" else "approved", at=now())

    async with office.desk(asker=ask) as desk:
        nonsense, sense = await asyncio.gather(*(desk.ask(path, APPROVE) for path in "ab"), return_exceptions=True)
    assert isinstance(nonsense, InputError)
    assert isinstance(sense, Answer)


async def test_whoever_asks_badly_fails_the_task_and_hangs_nothing(office: Office) -> None:
    async def ask(question: Question) -> Answer | None:
        raise TimeoutError("the window was closed")

    async with office.desk(asker=ask) as desk, asyncio.timeout(5):
        with pytest.raises(TimeoutError, match="window was closed"):
            await desk.ask("gate", APPROVE)


async def test_a_task_that_asks_two_things_waits_until_both_are_answered(office: Office) -> None:
    async with office.desk() as desk:
        asking = [asyncio.create_task(desk.ask("gate", replace(APPROVE, key=key))) for key in ("question", "other")]
        await until(lambda: office.changes == 2)
        await office.answer("approved")
        await asking[0]
        assert list(desk.waiting) == ["gate"]
        assert [question.id for question in desk.open_questions] == [f"{office.run.id}~gate~other"]
        await give_answer(office.store, desk.open_questions[0], Answer(value="approved", at=now()))
        await asking[1]
        assert not desk.waiting
        assert not desk.is_asking_for("gate")


async def test_who_leaves_is_not_asked_again_and_the_question_stays_open(office: Office) -> None:
    asked: list[str] = []

    async def ask(question: Question) -> Answer | None:
        asked.append(question.task)
        return None

    async with office.desk(asker=ask) as desk:
        waiting = [asyncio.create_task(desk.ask(path, APPROVE)) for path in "ab"]
        await until(lambda: not desk.has_hope)
        assert asked == ["a"]
        assert set(desk.waiting) == {"a", "b"}
        for task in waiting:
            await stopped(task)


# --- the tape and secrets -----------------------------------------------------------------------------------


async def test_a_question_is_one_call_on_the_tape(office: Office) -> None:
    around = FakeSurroundings()
    async with office.desk() as desk:
        for is_answered in (False, True):
            with around.attempt(office.task()):
                asking = asyncio.create_task(desk.for_task(office.task()).ask(APPROVE))
                await until(lambda: desk.waiting)
                if is_answered:
                    await office.answer("approved")
                    await asking
                else:
                    await stopped(asking)
    (call,) = around.calls
    assert (call.kind, call.target, call.error) == (CallKind.HUMAN, "human://approve", None)
    assert b'"text":"Good?"' in around.request_of(call)
    assert Answer.model_validate_json(around.response_of(call)).value == "approved"


async def test_a_question_that_nobody_answered_is_a_failed_call(office: Office) -> None:
    around = FakeSurroundings()
    async with office.desk() as desk:
        with around.attempt(office.task()), pytest.raises(UnansweredError):
            await desk.for_task(office.task()).ask(Ask(QuestionKind.INPUT, "?", deadline_ms=20))
    assert "nobody answered" in (around.calls[0].error or "")


class _Tape:
    """A recorder that knows answers."""

    is_playing = True

    def __init__(self, recorded: Recorded | None) -> None:
        self.recorded = recorded
        self.taping = FakeSurroundings()

    def answer(self, kind: CallKind, target: str, request: bytes = b"") -> Recorded | None:
        if self.recorded is None:
            raise ReplayError(f"nothing for {kind} {target} {request!r}")
        return self.recorded

    def begin(self, *given: Any, **named: Any) -> Any:
        task = TaskNode(run_id="r", path="gate", node_id="gate", agent="human://approve", inputs={})
        with self.taping.attempt(task) as context:
            return context.recorder.begin(*given, **named)


async def test_the_tape_answers_instead_of_people(office: Office) -> None:
    said = Answer(value="rejected", feedback="shorter", by="then", at=now())
    async with office.desk() as desk:
        with recording(_Tape(Recorded(said.model_dump_json().encode()))):
            assert await desk.for_task(office.task()).ask(APPROVE) == said
        with recording(_Tape(Recorded(b"", error="nobody answered"))), pytest.raises(UnansweredError):
            await desk.for_task(office.task()).ask(APPROVE)
        with recording(_Tape(None)), pytest.raises(ReplayError):
            await desk.for_task(office.task()).ask(APPROVE)
    assert await office.store.list_questions() == []


async def test_no_secret_is_kept_with_a_question_or_shown(office: Office) -> None:
    secret = "correct-horse-battery"
    ask = Ask(QuestionKind.INPUT, f"Use {secret}?", shown={"key": [secret]}, default=secret)
    async with office.desk(secrets=(secret,)) as desk:
        asking = asyncio.create_task(desk.for_task(office.task()).ask(ask))
        await until(lambda: desk.waiting)
        assert secret not in (await office.question()).model_dump_json()
        await stopped(asking)
