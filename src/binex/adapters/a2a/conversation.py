"""One attempt's conversation with a remote agent: a message, its events, and answers to what the agent asks."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, suppress
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from binex.adapters.a2a.address import AgentAddress
from binex.adapters.a2a.bookmark import ANSWERED, FAILED, NAME, Bookmark
from binex.adapters.a2a.exchange import Exchange, replay
from binex.adapters.a2a.message import Json, answer_id, answer_message, first_message
from binex.adapters.a2a.reading import FAILURES, TaskReading, bad_reply, parts_of, text_of
from binex.adapters.a2a.results import outputs_of
from binex.adapters.a2a.settings import Settings
from binex.adapters.attempt import Ask, AttemptContext
from binex.adapters.taped_calls import JSON, answer_of_tape
from binex.errors import AgentError, BadReplyError, RemoteError, UnansweredError
from binex.models.call import CallKind
from binex.models.json_value import encode_json
from binex.models.question import QuestionKind
from binex.models.task import Artifact, TaskNode

if TYPE_CHECKING:
    from binex.adapters.a2a.remote import RemoteAgent

CANCEL_S: Final = 1.5
"""How long an agent has to take note that it is no longer wanted."""
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 5.0
UNMOVED_S: Final = 60.0
"""How long an agent may take to look at an answer."""

_READ_OUT_S: Final = 0.2
"""How long a stream may go on after its last event that counts."""

Connect = Callable[[], AbstractAsyncContextManager["RemoteAgent"]]


class Conversation:
    """Speaks for one attempt at *task*. *connect* is called when something is really to be sent, once."""

    def __init__(
        self, task: TaskNode, address: AgentAddress, settings: Settings, attempt: AttemptContext, connect: Connect
    ) -> None:
        self._task = task
        self._address = address
        self._settings = settings
        self._attempt = attempt
        self._connect = connect
        self._stack = AsyncExitStack()
        self._agent: RemoteAgent | None = None
        kept = attempt.bookmarks.get(NAME)
        self._mark = Bookmark.of(kept, task, address.target)
        self._kept = kept

    async def hold(self) -> list[Artifact]:
        """Speak until the agent is done; its answer as the outputs of the task.

        Raises:
            AgentError: the agent failed, refused, cannot be reached, or answered something else than A2A.
        """
        async with self._stack:
            message = first_message(self._task, self._settings.metadata, self._settings.skill)
            reading = await self._exchange(message, None)
            while reading.is_interrupted:
                reading = await self._exchange(await self._ask(reading), reading)
            try:
                outputs = self._outcome(reading)
            except AgentError:
                await self._keep(self._mark.ending(FAILED))
                raise
            if self._task.output_schema is not None:
                await self._keep(self._mark.ending(ANSWERED))
            return outputs

    async def _exchange(self, message: Json, before: TaskReading | None) -> TaskReading:
        """Send *message*, or go on where it was sent before, until the agent is done or asks something."""
        recorder, target = self._attempt.recorder, self._address.target
        request = encode_json({"message": message})
        recorded = await answer_of_tape(recorder, CallKind.A2A, target, request)
        reading = TaskReading(self._address.host, before)
        with recorder.begin(CallKind.A2A, target, request, media_type=JSON) as taping:
            exchange = Exchange(reading, taping, self._attempt.stream)
            if recorded is not None:
                await replay(recorded, exchange)
                return reading
            try:
                await self._listen(message, exchange, is_first=before is None)
            except AgentError as error:
                exchange.note_failure(error)
                raise
            except asyncio.CancelledError:
                await self._cancel_remote(reading)
                raise
            return reading

    async def _listen(self, message: Json, exchange: Exchange, *, is_first: bool) -> None:
        agent = await self._connected()
        known = await self._find_known(agent) if is_first else None
        if known is not None:
            await self._note(exchange, known)
        else:
            number = self._mark.questions
            sent_id = self._mark.message_id if is_first else answer_id(self._mark.message_id, number)
            await self._send(agent, {"messageId": sent_id, **message}, exchange)
        if not exchange.has_begun:
            raise bad_reply(self._address.host, "the answer ended before anything was said")
        await self._poll(agent, exchange)

    async def _poll(self, agent: "RemoteAgent", exchange: Exchange) -> None:
        """Ask after the task, at growing intervals, until there is no sense in it any more."""
        reading, pause, began = exchange.reading, FIRST_PAUSE_S, time.monotonic()
        while not reading.is_settled:
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
            event = await agent.find(reading.task_id)
            if event is None:
                await self._keep(self._mark.forgotten())
                raise bad_reply(self._address.host, f"it no longer knows the task '{reading.task_id:.80}'")
            await self._note(exchange, event)
            if reading.is_unmoved and time.monotonic() - began > UNMOVED_S:
                await self._keep(self._mark.ending(FAILED))
                raise bad_reply(self._address.host, "it asks what was answered already")

    async def _send(self, agent: "RemoteAgent", message: Json, exchange: Exchange) -> None:
        """Send *message* and take in what comes back. Where a stream breaks, the task is asked after instead."""
        try:
            async with aclosing(agent.send(message)) as events:
                async for event in events:
                    await self._note(exchange, event)
                    if exchange.reading.is_settled:
                        await _read_out(events)
                        return
        except RemoteError as error:
            is_lost = error.is_retryable and error.status is None and not isinstance(error, BadReplyError)
            if not (is_lost and exchange.has_begun):
                raise

    async def _find_known(self, agent: "RemoteAgent") -> Json | None:
        """The remote task that an earlier attempt has started, where it still can become something."""
        if not self._mark.task_id:
            if self._kept is not None and self._mark.as_json() != self._kept:
                await self._keep(self._mark)  # the new id, before it is used
            return None
        known = await agent.find(self._mark.task_id)
        if known is None:
            await self._keep(self._mark.forgotten())
            return None
        trial = TaskReading(self._address.host)
        with suppress(BadReplyError):
            trial.take(known)
            if trial.state not in FAILURES:
                return known
        await self._keep(self._mark.anew(self._task))
        return None

    async def _note(self, exchange: Exchange, event: Json) -> None:
        reading = exchange.reading
        try:
            exchange.note(event)
        except BadReplyError:  # of this task nothing can become any more; what a proxy says in between is no event
            await self._keep(self._mark.ending(FAILED))
            raise
        if reading.task_id and reading.task_id != self._mark.task_id:
            await self._keep(self._mark.at(reading.task_id, reading.context_id))

    async def _ask(self, reading: TaskReading) -> Json:
        """What a person answers to the agent's question, as the next message.

        Nothing is cancelled where this is interrupted: the run may only wait, and the agent does that too.
        """
        message = reading.status_message or {}
        text = text_of(message) or (
            f"the agent at {self._address.host} wants "
            + ("to be allowed to go on" if reading.state == "AUTH_REQUIRED" else "more input")
        )
        await self._keep(self._mark.asking(reading.question_id))
        ask = Ask(
            kind=QuestionKind.AGENT,
            key=f"{reading.task_id}-{self._mark.questions}",
            text=text,
            shown=_data_in(message),
        )
        try:
            answer = await self._attempt.desk.ask(ask)
        except UnansweredError:
            await self._cancel_remote(reading)
            raise
        return answer_message(answer.value, reading.task_id, reading.context_id)

    def _outcome(self, reading: TaskReading) -> list[Artifact]:
        if reading.state in FAILURES:
            how = {"FAILED": "failed", "CANCELED": "cancelled the task", "REJECTED": "rejected the task"}[reading.state]
            host = self._address.host
            said = f": {reading.reason}" if reading.reason else ", and did not say why"
            raise RemoteError(f"the agent at {host} {how}{said}", host=host, is_retryable=reading.state != "REJECTED")
        return outputs_of(self._task, reading)

    async def _cancel_remote(self, reading: TaskReading) -> None:
        """Tell the agent to stop, and wait for it only so long; what it says to that does not matter any more."""
        task_id = reading.task_id or self._mark.task_id
        if self._agent is None or not task_id or reading.is_final:
            return
        telling = asyncio.create_task(self._agent.cancel(task_id))
        try:
            await asyncio.wait({telling}, timeout=CANCEL_S)
        finally:
            telling.cancel()
            telling.add_done_callback(_forget_failure)

    async def _connected(self) -> "RemoteAgent":
        if self._agent is None:
            self._agent = await self._stack.enter_async_context(self._connect())
        return self._agent

    async def _keep(self, mark: Bookmark) -> None:
        if mark != self._mark or self._kept is None:
            self._mark = mark
            self._kept = mark.as_json()
            await self._attempt.keep(NAME, self._kept)


def _data_in(message: Json) -> JsonValue:
    found = [part["data"] for part in parts_of(message) if isinstance(part, dict) and "data" in part]
    return {"data": found[0] if len(found) == 1 else found} if found else None


def _forget_failure(telling: "asyncio.Task[None]") -> None:
    if not telling.cancelled():
        telling.exception()


async def _read_out(events: AsyncIterator[Json]) -> None:
    """Let a stream come to its end, as it does at once after the last event: so the tape has all of it."""
    with suppress(TimeoutError, AgentError):
        async with asyncio.timeout(_READ_OUT_S):
            async for _ in events:
                pass
