"""What every attempt of one run finds around it: its tape, people, money, and what earlier attempts have kept."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeAlias, cast

from pydantic import JsonValue

from binex.adapters.attempt import AttemptContext, Desk, Ledger
from binex.models.event import Streamed
from binex.models.task import TaskNode
from binex.runtime.dispatcher import EndAs, Ended
from binex.runtime.journal import RunLog
from binex.stores.call_store import CallStore
from binex.tape.live import StreamRedactor
from binex.tape.redaction import Redactor
from binex.tape.taping import Answers, AttemptRecorder

Bookmarks = Mapping[str, Mapping[str, JsonValue]]
"""By the task's path, then by name."""

AnswersFor: TypeAlias = Callable[[TaskNode, EndAs], Answers | None]
"""What answers the calls of an attempt instead of the outside; None where the outside does."""


class OpensDesks(Protocol):
    """Where people are asked, for the whole run."""

    def for_task(self, task: TaskNode) -> Desk: ...


class OpensLedgers(Protocol):
    """Where money is kept, for the whole run."""

    def for_task(self, task: TaskNode) -> Ledger: ...


class RunSurroundings:
    """Makes the surroundings of the attempts of one run."""

    def __init__(  # noqa: PLR0913 - what surrounds an attempt, each by its name
        self,
        log: RunLog,
        store: CallStore,
        *,
        desks: OpensDesks,
        ledgers: OpensLedgers,
        redactor: Redactor,
        bookmarks: Bookmarks,
        answers_for: AnswersFor,
    ) -> None:
        self._log = log
        self._store = store
        self._desks = desks
        self._ledgers = ledgers
        self._redactor = redactor
        self._bookmarks = {path: dict(kept) for path, kept in bookmarks.items()}
        self._answers_for = answers_for
        self._streams: dict[str, _Stream] = {}

    def enter(self, task: TaskNode, end_as: EndAs) -> AttemptContext:
        """An attempt at *task* begins."""
        stream = self._streams[task.path] = _Stream(self._redactor, partial(self._show, task), self._log.is_heard)
        return AttemptContext(
            recorder=AttemptRecorder(
                task.run_id,
                task.path,
                task.attempt,
                sink=self._log.take_call,
                redactor=self._redactor,
                player=self._answers_for(task, end_as),
            ),
            desk=self._desks.for_task(task),
            ledger=self._ledgers.for_task(task),
            stream=stream.feed,
            hide=self._hide,
            bookmarks=self._bookmarks.get(task.path, {}),
            keep=partial(self._keep, task),
        )

    def leave(self, context: AttemptContext) -> Ended:
        """An attempt has ended."""
        recorder = cast(AttemptRecorder, context.recorder)
        progress = recorder.progress
        recorder.close()
        stream = self._streams.pop(recorder.task, None)
        if stream is not None:
            stream.end()
        return Ended(recorder.spend, progress, "; ".join(recorder.refused))

    def _hide(self, secret: str) -> None:
        self._redactor.add([secret])

    def _show(self, task: TaskNode, text: str) -> None:
        self._log.tell(Streamed(run_id=task.run_id, task=task.path, attempt=task.attempt, text=text))

    async def _keep(self, task: TaskNode, name: str, value: JsonValue) -> None:
        cut = self._redactor.redact_json(value, shapes=True)
        self._bookmarks.setdefault(task.path, {})[name] = cut
        await self._store.keep_bookmark(task.run_id, task.path, name, cut)


class _Stream:
    """Live text on its way to the listeners, without secrets; made ready only where there is any, and *is_heard*."""

    def __init__(self, redactor: Redactor, show: Callable[[str], None], is_heard: bool) -> None:
        self._redactor = redactor
        self._show = show
        self._is_heard = is_heard
        self._cutter: StreamRedactor | None = None

    def feed(self, text: str) -> None:
        if not self._is_heard:
            return
        if self._cutter is None:
            self._cutter = StreamRedactor(self._redactor)
        self._pass_on(self._cutter.feed(text))

    def end(self) -> None:
        if self._cutter is not None:
            self._pass_on(self._cutter.end())

    def _pass_on(self, text: str) -> None:
        if text:
            self._show(text)
