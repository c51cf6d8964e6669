"""Answers that several want at about the same time are made once: pages that follow a run all ask the same."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Sharing(Generic[T]):
    """Makes answers. Nobody gets one that was begun before they asked: it may lack what they ask because of."""

    def __init__(self) -> None:
        self._next: dict[Hashable, asyncio.Task[T]] = {}
        """Those that have not begun, for whoever asks the same until then."""
        self._begun: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The answer to the question *key*, which *make* finds; one at a time for each question."""
        answer = self._next.get(key)
        if answer is None:
            answer = asyncio.create_task(self._make(key, self._begun.get(key), make))
            answer.add_done_callback(_look_at)
            self._next[key] = answer
        return await asyncio.shield(answer)  # whoever leaves takes it from none of the others

    async def _make(self, key: Hashable, before: "asyncio.Task[T] | None", make: Callable[[], Awaitable[T]]) -> T:
        if before is not None:
            await asyncio.wait({before})
        this = self._begun[key] = self._next.pop(key)
        try:
            return await make()
        finally:
            if self._begun[key] is this:
                del self._begun[key]


def _look_at(answer: "asyncio.Task[T]") -> None:
    """Whoever wanted it may have left: an error is nobody's then."""
    if not answer.cancelled():
        answer.exception()
