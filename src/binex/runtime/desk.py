"""Where people are asked, for one run: every question is a record, and whoever answers first is heard."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeAlias

from binex.adapters.attempt import Ask, Desk
from binex.adapters.human_answer import check_answer
from binex.adapters.human_tape import ask_on_tape
from binex.analysis.questions import is_late
from binex.errors import UnansweredError
from binex.models.event import Event, QuestionAsked, QuestionSettled
from binex.models.question import Answer, Question, QuestionState
from binex.models.task import TaskNode, now
from binex.runtime.answering import close_late, first_answer, withdraw_questions
from binex.stores.question_store import QuestionStore
from binex.tape.redaction import Redactor

Asker: TypeAlias = Callable[[Question], Awaitable[Answer | None]]
"""Asks somebody who is there. None where that person wants to be left alone; nobody is there from then on."""

_LONGEST_MS: Final = 100 * 365 * 86_400_000
"""A hundred years: what is longer is no moment that a clock could show."""


class Patience(StrEnum):
    """How long a run whose tasks all wait for people stays."""

    NONE = "none"
    """It leaves at once, as ``waiting``."""
    DEADLINE = "deadline"
    """It stays while something will happen by itself: while a question has a deadline."""
    ENDLESS = "endless"
    """It stays until somebody has answered."""


@dataclass(slots=True)
class _Waiter:
    """A task that waits for the answer to a question."""

    question: Question
    settled: "asyncio.Future[Question]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    was_shown: bool = False
    """Whether the person who is there has been asked."""

    def fail(self, error: Exception) -> None:
        if not self.settled.done():
            self.settled.set_exception(error)


class RunDesk:
    """Puts the questions of one run to people, and gives the answers to the tasks that wait for them.

    A question stays open when its task is stopped, so that a run that goes on later finds it again, until
    :meth:`withdraw` says that the task has ended.
    """

    def __init__(
        self,
        store: QuestionStore,
        run_id: str,
        *,
        tell: Callable[[Event], None],
        redactor: Redactor,
        asker: Asker | None = None,
        patience: Patience = Patience.DEADLINE,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._tell = tell
        self._redactor = redactor
        self._asker = asker
        self._patience = patience
        self._open: dict[str, dict[str, Question]] = {}  # by task, then by id
        self._waiting: dict[str, _Waiter] = {}
        self._waiting_tasks: Counter[str] = Counter()
        self._work: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._note_change: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def open(self, note_change: Callable[[], None]) -> AsyncIterator[None]:
        """Serve tasks in the block; *note_change* is called when one more waits, or the person who was there leaves."""
        self._note_change = note_change
        try:
            yield
        finally:
            for work in self._work:
                work.cancel()
            if self._work:
                await asyncio.wait(self._work)

    def for_task(self, task: TaskNode) -> Desk:
        """The desk as one task sees it."""
        return _TaskDesk(self, task.path)

    @property
    def waiting(self) -> Collection[str]:
        """The paths of the tasks that wait for an answer now."""
        return self._waiting_tasks.keys()

    @property
    def open_questions(self) -> tuple[Question, ...]:
        """The questions of this session that nobody has answered."""
        return tuple(question for of_task in self._open.values() for question in of_task.values())

    def is_asking_for(self, path: str) -> bool:
        """Whether the task at *path* has asked something that nobody has answered."""
        return path in self._open

    @property
    def has_hope(self) -> bool:
        """Whether those who wait are worth staying for, by the patience that there is: an answer may come."""
        if self._asker is not None or not self._waiting:
            return True
        has_deadline = any(waiter.question.deadline_at is not None for waiter in self._waiting.values())
        return self._patience is Patience.ENDLESS or (self._patience is Patience.DEADLINE and has_deadline)

    async def look(self) -> None:
        """See what has been answered since the last look."""
        still_open = {question.id for question in await self._store.list_questions(self._run_id, only_open=True)}
        for waiter in [waiter for id_, waiter in self._waiting.items() if id_ not in still_open]:
            found = await self._store.get_question(waiter.question.id)
            if found is not None:
                self._settle(found)
        for waiter in [waiter for waiter in self._waiting.values() if is_late(waiter.question)]:
            self._settle(await close_late(self._store, waiter.question))

    async def withdraw(self, path: str) -> None:
        """Note that the task at *path* has ended: what it asked is no longer wanted."""
        for question in [*self._open.get(path, {}).values()]:
            self._settle(await self._store.close_question(question.id, QuestionState.WITHDRAWN))

    async def withdraw_all(self) -> None:
        """Note that the run has ended for good: what it asked, also in earlier sessions, is no longer wanted."""
        for question in await withdraw_questions(self._store, self._run_id):
            self._settle(question)

    async def ask(self, path: str, ask: Ask) -> Answer:
        """The answer to what the task at *path* asks; see :meth:`Desk.ask`."""
        return await ask_on_tape(self._without_secrets(ask), partial(self._ask_people, path))

    async def _ask_people(self, path: str, ask: Ask) -> Answer:
        question = await self._store.ask(self._question(path, ask, ask.key))
        number = 1
        while question.state is QuestionState.WITHDRAWN or _is_unanswered(question):
            number += 1  # its task failed with it, and is tried again
            question = await self._store.ask(self._question(path, ask, f"{ask.key}.{number}"))
        if question.state is QuestionState.OPEN:
            question = await self._wait(question)
        if question.answer is None:
            raise _unanswered(question)
        return question.answer

    async def _wait(self, question: Question) -> Question:
        waiter = self._waiting[question.id] = _Waiter(question)
        self._waiting_tasks[question.task] += 1
        self._open.setdefault(question.task, {})[question.id] = question
        self._tell(QuestionAsked(question=question))
        if self._watching is None or self._watching.done():
            self._watching = self._start(self._watch())
        if self._asker is not None and (self._asking is None or self._asking.done()):
            self._asking = self._start(self._show_in_turn(self._asker))
        self._note_change()
        try:
            while not waiter.settled.done():
                await asyncio.wait({waiter.settled}, timeout=_seconds_left(question))
                if is_late(question):
                    await self.look()
            return waiter.settled.result()
        finally:
            waiter.settled.cancel()
            self._no_longer_waits(question)

    def _start(self, work: "Awaitable[None]") -> "asyncio.Task[None]":
        task = asyncio.ensure_future(self._or_fail_all(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _or_fail_all(self, work: Awaitable[None]) -> None:
        """Do *work*; where it fails, those who wait get the error."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - it is raised in the tasks that wait
            for waiter in self._waiting.values():
                waiter.fail(error)

    async def _watch(self) -> None:
        """Look for answers as long as a task waits for one; costs nothing between two looks."""
        while self._waiting:
            await self.look()
            await self._store.wait_for_answer(self._run_id)

    async def _show_in_turn(self, asker: Asker) -> None:
        """Ask the person who is there, one question at a time."""
        while waiter := next((waiter for waiter in self._waiting.values() if not waiter.was_shown), None):
            waiter.was_shown = True
            asking = asyncio.ensure_future(asker(waiter.question))
            try:
                either: set[asyncio.Future[Any]] = {asking, waiter.settled}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not asking.done():
                    continue  # somebody else has answered
            finally:
                if not asking.done():
                    asking.cancel()
                    await asyncio.wait({asking})
            try:
                answer = asking.result()
                if answer is not None:
                    self._settle(await self._keep_answer(waiter.question, answer))
            except Exception as error:  # noqa: BLE001 - it is raised in the task that waits for this answer
                waiter.fail(error)
                continue
            if answer is None:
                self._asker = None
                self._note_change()
                return

    async def _keep_answer(self, question: Question, answer: Answer) -> Question:
        """The question, answered; without the secrets in it that are known, which only the task hears that waits."""
        cut = self._redactor
        feedback = answer.feedback and cut.redact_text(answer.feedback, shapes=True)
        kept = answer.model_copy(update={"value": cut.redact_json(answer.value), "feedback": feedback})
        settled = await first_answer(self._store, question, kept)
        is_ours = kept.value != answer.value and settled.answer is not None and settled.answer.at == answer.at
        if not is_ours:
            return settled
        heard = answer.model_copy(update={"value": check_answer(question, answer.value, answer.feedback)})
        return settled.model_copy(update={"answer": heard})

    def _settle(self, question: Question) -> None:
        """Hand on how a question ended."""
        of_task = self._open.get(question.task, {})
        if question.state is QuestionState.OPEN or of_task.pop(question.id, None) is None:
            return
        if not of_task:
            del self._open[question.task]
        waiter = self._no_longer_waits(question)
        self._tell(QuestionSettled(question=question))
        if waiter is not None and not waiter.settled.done():
            waiter.settled.set_result(question)

    def _no_longer_waits(self, question: Question) -> _Waiter | None:
        waiter = self._waiting.pop(question.id, None)
        if waiter is not None:
            self._waiting_tasks[question.task] -= 1
            if not self._waiting_tasks[question.task]:
                del self._waiting_tasks[question.task]
        return waiter

    def _question(self, path: str, ask: Ask, key: str) -> Question:
        moment = now()
        return Question(
            id=f"{self._run_id}~{path}~{key}",
            run_id=self._run_id,
            task=path,
            kind=ask.kind,
            text=ask.text,
            shown=ask.shown,
            choices=ask.choices,
            default=ask.default,
            on_timeout=ask.on_timeout,
            deadline_at=None if ask.deadline_ms is None else moment + _as_time(ask.deadline_ms),
            asked_at=moment,
        )

    def _without_secrets(self, ask: Ask) -> Ask:
        """The question as it may be kept and shown."""
        cut = self._redactor
        return replace(
            ask,
            text=cut.redact_text(ask.text, shapes=True),
            shown=cut.redact_json(ask.shown, shapes=True),
            choices=tuple(cut.redact_text(choice, shapes=False) for choice in ask.choices),
            default=cut.redact_json(ask.default),
        )


@dataclass(frozen=True, slots=True)
class _TaskDesk:
    """The desk for one task."""

    desk: RunDesk
    path: str

    async def ask(self, ask: Ask) -> Answer:
        return await self.desk.ask(self.path, ask)


def _is_unanswered(question: Question) -> bool:
    return question.state is QuestionState.TIMED_OUT and question.answer is None


def _seconds_left(question: Question) -> float | None:
    """How long there is still to answer; None where there is no end to it."""
    return None if question.deadline_at is None else (question.deadline_at - now()) / timedelta(seconds=1)


def _as_time(ms: int) -> timedelta:
    return timedelta(milliseconds=min(ms, _LONGEST_MS))


def _unanswered(question: Question) -> UnansweredError:
    if question.state is QuestionState.WITHDRAWN:
        return UnansweredError("the question was withdrawn")
    by = question.deadline_at.isoformat(timespec="seconds") if question.deadline_at is not None else "then"
    return UnansweredError(
        f"nobody answered by {by} (deadline_ms)",
        fix="allow more time (deadline_ms), or give a default and on_timeout: default",
    )
