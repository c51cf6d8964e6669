"""Signals that end a command which goes on until it is told to stop, also where something holds its loop up."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HEARD_WITHIN_S: Final = 1.5
"""So long a function of the user's may hold the loop up before it is left where it is."""
_STOPPED_WITHIN_S: Final = 4.0


@contextmanager
def stop_signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Have the first signal call *stop* on the loop, and the second, or too long a wait, end the process at once.

    What was ignored before, as under nohup, stays ignored.
    """
    stopping = _Stopping(stop)
    loop = asyncio.get_running_loop()
    numbers = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, stopping.hear, number)
        signal.signal(number, stopping.receive)  # the loop is woken all the same
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
        stopping.end()


class _Stopping:
    """What has come in, and what came of it."""

    def __init__(self, stop: Callable[[int], None]) -> None:
        self._stop = stop
        self._is_received = False
        self._is_heard = threading.Event()
        self._has_ended = threading.Event()

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """A signal came, whatever the loop does."""
        if self._is_received:
            os._exit(128 + number)
        self._is_received = True
        threading.Thread(target=self._see_to_it, args=(number,), daemon=True).start()

    def hear(self, number: int) -> None:
        """The loop knows of the signal."""
        if not self._is_heard.is_set():
            self._is_heard.set()
            self._stop(number)

    def end(self) -> None:
        """All was ended that was to be."""
        self._has_ended.set()
        self._is_heard.set()

    def _see_to_it(self, number: int) -> None:
        if not self._is_heard.wait(_HEARD_WITHIN_S):
            os.write(2, b"stopped at once: a function of a workflow held everything up\n")
            os._exit(128 + number)
        if not self._has_ended.wait(_STOPPED_WITHIN_S - _HEARD_WITHIN_S):
            os._exit(128 + number)
