"""Hands on what happens to everybody who follows: in order, numbered, and never slower than it happens.

What is told is put aside at once, in a few microseconds. At the next opportunity, but only some times a second, all of
it is written down, once for everybody, and given to the followers. One who does not read is left behind: he can come
back and go on after the last event that he has seen, as long as it is remembered.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from binex.models.event import Event, Streamed
from binex.server.refusals import RefusedError
from binex.server.told import MISSED, Told, tell

MOST_FOLLOWERS: Final = 64
MOST_WAITING_BYTES: Final = 1024 * 1024
"""How much may be put aside for one follower before he is left behind."""
_REMEMBERED: Final = 5_000
_REMEMBERED_BYTES: Final = 8 * 1024 * 1024
_MOST_PENDING: Final = 20_000
_PAUSE_S: Final = 0.04
_FOR_ALL: Final = ("run", "end", "question", "reset")
"""What those hear who follow no single run."""
RESET: Final = b"event: reset\ndata: " + MISSED.data + b"\n\n"


class _Entry(NamedTuple):
    id: int
    name: str
    run_id: str
    data: bytes


class Follower:
    """Somebody who follows: one run, or all of them in short."""

    def __init__(self, run_id: str | None, when_left_behind: Callable[[], None]) -> None:
        self.run_id = run_id
        self._when_left_behind = when_left_behind
        self.is_left_behind = False
        self._waiting: list[bytes] = []
        self._size = 0
        self._has_ended = False
        self._change = asyncio.Event()

    def wants(self, name: str, run_id: str) -> bool:
        """Whether an event is for them."""
        return name in _FOR_ALL if self.run_id is None else run_id in (self.run_id, "")

    def give(self, data: bytes) -> None:
        """Put *data* aside for them."""
        if self._size + len(data) > MOST_WAITING_BYTES:
            if not self.is_left_behind:
                self.is_left_behind = True
                self._when_left_behind()
            return self.end()
        self._waiting.append(data)
        self._size += len(data)
        self._change.set()
        return None

    def end(self) -> None:
        """Tell them nothing any more."""
        self._has_ended = True
        self._change.set()

    async def next(self, within_s: float) -> bytes | None:
        """What was put aside, after at most that many seconds; None where nothing more comes."""
        if not self._waiting and not self._has_ended:
            try:
                async with asyncio.timeout(within_s):
                    await self._change.wait()
            except TimeoutError:
                return b""
        self._change.clear()
        if self.is_left_behind or (self._has_ended and not self._waiting):
            return None
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        return data


class EventHub:
    """Belongs to the loop that it is made in. Numbers grow from one server to the next: they begin with the time."""

    def __init__(self) -> None:
        self._followers: set[Follower] = set()
        self._pending: list[Event | Told] = []
        self._remembered: deque[_Entry] = deque()
        self._size = 0
        self._first_id = self._last_id = time.time_ns() // 1_000_000
        self._known_from: dict[str, int] = {}
        self._flushing: asyncio.TimerHandle | None = None
        self._flushed_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._has_ended = False

    @property
    def last_id(self) -> int:
        """The number of the last event that was written down."""
        return self._last_id

    @property
    def followers(self) -> int:
        """How many there are."""
        return len(self._followers)

    def require_room(self) -> None:
        """Refuse one follower more where there are too many.

        Raises:
            RefusedError: there are, or the server ends.
        """
        if len(self._followers) >= MOST_FOLLOWERS or self._has_ended:
            raise RefusedError(503, "followers", f"{MOST_FOLLOWERS} pages follow already", "close some of them")

    def publish(self, event: Event | Told) -> None:
        """Tell something. A listener of a session; in this loop."""
        if len(self._pending) >= _MOST_PENDING:
            self._flush()
        self._pending.append(event)
        if self._flushing is None and not self._has_ended:
            self._flushing = self._loop.call_at(self._flushed_at + _PAUSE_S, self._flush)

    def watch_begins(self, run_id: str) -> None:
        """Note that from now on all is told of a run of another process, and that before some may have been missed."""
        self._flush()
        self._last_id += 1  # so that whoever has seen all until now is known to have missed what was not told
        self._known_from[run_id] = self._last_id

    def follow(self, run_id: str | None, after: int | None, when_left_behind: Callable[[], None]) -> Follower:
        """Somebody who follows from now on, or from behind the event *after*; told when they do not keep up.

        Raises:
            RefusedError: there are too many.
        """
        self.require_room()
        self._flush()
        follower = Follower(run_id, when_left_behind)
        if after is not None:
            missed = self._since(after, follower)
            follower.give(RESET if missed is None else b"".join(missed))
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """They are gone."""
        self._followers.discard(follower)

    def close(self) -> None:
        """Let everybody go."""
        self._flush()
        self._has_ended = True
        if self._flushing is not None:
            self._flushing.cancel()
        for follower in self._followers:
            follower.end()

    def _since(self, after: int, follower: Follower) -> list[bytes] | None:
        """What they have missed; None where that is not remembered."""
        oldest = self._remembered[0].id if self._remembered else self._last_id + 1
        known_from = max(self._first_id, self._known_from.get(follower.run_id or "", 0))
        if after > self._last_id or after < max(known_from, oldest - 1):
            return None
        found = [one.data for one in self._remembered if one.id > after and follower.wants(one.name, one.run_id)]
        return None if sum(map(len, found)) > MOST_WAITING_BYTES else found

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        pending, self._pending = self._pending, []
        if not pending:
            return
        self._flushed_at = self._loop.time()
        entries = [self._written(told) for told in _joined(pending)]
        for entry in entries:
            self._remember(entry)
        groups: dict[str | None, list[Follower]] = {}
        for follower in self._followers:
            groups.setdefault(follower.run_id, []).append(follower)
        for followers in groups.values():
            data = b"".join(one.data for one in entries if followers[0].wants(one.name, one.run_id))
            for follower in followers if data else ():
                follower.give(data)

    def _written(self, told: Told) -> _Entry:
        self._last_id += 1
        head = f"id: {self._last_id}\nevent: {told.name}\ndata: ".encode()
        return _Entry(self._last_id, told.name, told.run_id, head + told.data + b"\n\n")

    def _remember(self, entry: _Entry) -> None:
        self._remembered.append(entry)
        self._size += len(entry.data)
        while len(self._remembered) > _REMEMBERED or self._size > _REMEMBERED_BYTES:
            self._size -= len(self._remembered.popleft().data)


def _joined(pending: Sequence[Event | Told]) -> Iterator[Told]:
    """What is told, where all that one attempt says until something else happens is one piece."""
    spoken: dict[tuple[str, str, int], list[Streamed]] = {}
    for event in pending:
        if isinstance(event, Streamed):
            spoken.setdefault((event.run_id, event.task, event.attempt), []).append(event)
            continue
        yield from map(_spoken, spoken.values())
        spoken.clear()
        yield event if isinstance(event, Told) else tell(event)
    yield from map(_spoken, spoken.values())


def _spoken(pieces: Sequence[Streamed]) -> Told:
    return tell(pieces[0].model_copy(update={"text": "".join(piece.text for piece in pieces)}))
