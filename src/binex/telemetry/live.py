"""Sends the spans of runs while they are executed: each soon after it has ended.

The listener only remembers what it is told. A task on the run's loop makes spans of it twice a second, since what
was said in a call can be read once it is durable, and puts them into a queue; a thread sends them. Nothing of this
can fail a run or hold it up: what cannot be sent is tried again, and counted as lost when the run is over.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Final, Protocol

from binex.errors import BinexError, RunError
from binex.models.call import Call
from binex.models.event import CallRecorded, Event, RunEnded, RunStarted, TaskRetrying, TaskSettled
from binex.models.run import Run
from binex.models.task import ExecutionRecord
from binex.stores.run_store import RunStore
from binex.tape.refusal import allowing_network
from binex.telemetry.call_spans import has_span
from binex.telemetry.run_spans import RunSpans
from binex.telemetry.sending import AT_ONCE, Collector, RejectedError
from binex.telemetry.span import Span
from binex.telemetry.stored import spans_of_calls

FLUSH_S: Final = 5.0
"""How long what is left may take to be sent when everything is over."""
TIMEOUT_S: Final = 4.0
"""How long a collector has to take some spans."""
MOST_WAITING: Final = 100_000
"""So many spans wait for a collector that is away; more are lost."""
_EVERY_S: Final = 0.5
_PAUSE_S: Final = 1.0
"""After which a collector that did not take something is tried again."""

Told = RunStarted | CallRecorded | TaskRetrying | TaskSettled | RunEnded


class Sender:
    """Sends spans in a thread of its own, in their order; they wait there while the collector is away."""

    def __init__(self, make: Callable[[], "TakesSpans"]) -> None:
        self._make = make
        self._waiting: deque[Span] = deque()
        self._condition = threading.Condition()
        self._is_closing = False
        self._collector: TakesSpans | None = None
        self.lost = 0
        """How many spans were never taken."""
        self.failure = ""
        """Why, the last time."""
        self._thread = threading.Thread(target=self._send_all, name="binex-otel", daemon=True)
        self._thread.start()

    def put(self, spans: list[Span]) -> None:
        """Send these when it is their turn."""
        with self._condition:
            room = max(0, MOST_WAITING - len(self._waiting))
            self._waiting.extend(spans[:room])
            if len(spans) > room:
                self.lost += len(spans) - room
                self.failure = f"more than {MOST_WAITING:,} spans were waiting"
            self._condition.notify()

    def close(self, within_s: float) -> None:
        """Send what is left, as far as that is possible *within_s*; what is not sent then is lost."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        self._thread.join(within_s)
        with self._condition:
            self.lost += len(self._waiting)
            if self._thread.is_alive():
                self.failure = self.failure or "it was too slow"
            self._waiting.clear()
        if self._collector is not None:
            self._collector.close()

    def _send_all(self) -> None:
        try:
            self._collector = self._make()
        except Exception as error:  # noqa: BLE001 - whatever is wrong there is no reason for a run to fail
            self.failure = str(error)
            return
        with allowing_network():
            while batch := self._next():
                try:
                    self._collector.send(batch)
                except RejectedError as error:
                    self.lost, self.failure = self.lost + error.count, error.message
                    self._drop(len(batch))
                except RunError as error:
                    self.failure = error.message
                    if not self._waits_for_next_try():
                        return
                except Exception as error:  # noqa: BLE001 - as above
                    self.failure = f"{type(error).__name__}: {error}"
                    if not self._waits_for_next_try():
                        return
                else:
                    self._drop(len(batch))

    def _next(self) -> list[Span]:
        """The spans whose turn it is, as soon as there are any; none where that was all."""
        with self._condition:
            while not self._waiting and not self._is_closing:
                self._condition.wait()
            return list(islice(self._waiting, AT_ONCE))

    def _drop(self, count: int) -> None:
        with self._condition:
            for _ in range(min(count, len(self._waiting))):
                self._waiting.popleft()

    def _waits_for_next_try(self) -> bool:
        """Wait before the next try; False where there is none."""
        with self._condition:
            if self._is_closing:
                return False
            self._condition.wait_for(lambda: self._is_closing, _PAUSE_S)
            return True


class TakesSpans(Protocol):
    """Where spans go to."""

    def send(self, spans: list[Span]) -> None: ...

    def close(self) -> None: ...


class LiveSpans:
    """A listener that has the spans of runs sent."""

    def __init__(self, store: RunStore, sender: Sender) -> None:
        self._store = store
        self._sender = sender
        self._told: deque[tuple[float, Told]] = deque()
        self._runs: dict[str, RunSpans] = {}

    def __call__(self, event: Event) -> None:
        """Remember what happened."""
        if isinstance(event, RunStarted | CallRecorded | TaskRetrying | TaskSettled | RunEnded):
            self._told.append((time.monotonic(), event))

    async def send_on(self, end: asyncio.Event) -> None:
        """Make spans of what happened, again and again until the *end*, and then of all that is left."""
        while not end.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_S):
                    await end.wait()
            # What has just happened may not be durable yet, and so not readable.
            await self._send_until(time.monotonic() - (0 if end.is_set() else _EVERY_S))

    async def _send_until(self, moment: float) -> None:
        """Make spans of what happened until *moment*, by the monotonic clock."""
        calls: list[Call] = []
        spans: list[Span] = []
        while self._told and self._told[0][0] <= moment:
            event = self._told.popleft()[1]
            match event:
                case RunStarted():
                    await self._begin(event.run)
                case CallRecorded():
                    if has_span(event.call):
                        calls.append(event.call)
                case TaskRetrying() | TaskSettled():
                    spans += self._of_record(event.record)
                case RunEnded():
                    run = event.summary.run
                    made = self._runs.pop(run.id, None)
                    spans += [] if made is None else [made.root(run, {})]
        for at in range(0, len(calls), AT_ONCE):
            spans += await spans_of_calls(self._store, calls[at : at + AT_ONCE])
        if spans:
            self._sender.put(spans)

    async def _begin(self, run: Run) -> None:
        made = self._runs[run.id] = RunSpans(run)
        if run.resumed:
            with suppress(BinexError):  # then only the lengths of what began before are not right
                for record in await self._store.list_records(run.id):
                    made.note(record)

    def _of_record(self, record: ExecutionRecord) -> list[Span]:
        made = self._runs.get(record.run_id)
        return [] if made is None else list(made.take(record, {}))


@asynccontextmanager
async def sending_spans(
    store: RunStore, listen: Callable[[LiveSpans], None], tell: Callable[[str], None], endpoint: str | None = None
) -> AsyncIterator[None]:
    """Send the spans of all runs on *store* in the block; *listen* is given the listener.

    When it ends, what is left is sent, for at most :data:`FLUSH_S`; what was lost is told to *tell*, once.
    """
    sender = Sender(lambda: Collector(endpoint, timeout_s=TIMEOUT_S))
    live = LiveSpans(store, sender)
    listen(live)
    end = asyncio.Event()
    sending = asyncio.create_task(live.send_on(end))
    try:
        yield
    finally:
        began = time.monotonic()
        end.set()
        await asyncio.wait([sending], timeout=FLUSH_S / 2)
        if sending.cancel() or sending.cancelled() or sending.exception() is not None:
            sender.failure = "not all of them could be made"
        await asyncio.to_thread(sender.close, max(0.1, FLUSH_S - (time.monotonic() - began)))
        if sender.lost:
            tell(f"{sender.lost:,} span{'' if sender.lost == 1 else 's'} were not sent: {sender.failure}")
