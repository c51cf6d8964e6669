"""The event loop of a command that executes agents: it ends even where an agent does not."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from binex.cli.streams import flush_streams

T = TypeVar("T")

_PATIENCE_S: Final = 0.5
"""How long what was left behind may take to end by itself, after it was told to before."""


class CommandLoop:
    """Does what ``asyncio.run`` does, but does not wait for agents that do not stop when told to."""

    def __init__(self) -> None:
        self._threads_before = set(threading.enumerate())
        self._has_tasks_left = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do *work* and return what it returns."""
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(work)
        finally:
            self._has_tasks_left = loop.run_until_complete(_wind_up(loop))
            if not self._has_tasks_left:  # one with tasks complains when it is closed
                asyncio.set_event_loop(None)
                loop.close()

    def leave_if_needed(self, exit_code: int) -> None:
        """End the process here and now where something would keep it from ending by itself."""
        if self.has_left_something():
            flush_streams()
            os._exit(exit_code)

    def has_left_something(self) -> bool:
        """Whether a task or a thread that the work started is still there."""
        threads = [t for t in threading.enumerate() if t not in self._threads_before and not t.daemon]
        return self._has_tasks_left or bool(threads)


async def _wind_up(loop: asyncio.AbstractEventLoop) -> bool:
    """End what can be ended soon. Whether a task is left that does not."""
    left = {task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        _, left = await asyncio.wait(left, timeout=_PATIENCE_S)
    await loop.shutdown_asyncgens()
    closing = loop.create_task(loop.shutdown_default_executor())
    _, waiting = await asyncio.wait({closing}, timeout=_PATIENCE_S)
    return bool(left or waiting)
