"""Work that would hold up the event loop, given to a thread."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from binex.errors import StoreError

T = TypeVar("T")


def start_in_thread(action: Callable[[], T], doing: str) -> "asyncio.Future[T]":
    """Have *action* done by a thread of the event loop's pool; *doing* (as in "write x") says what for.

    Raises:
        StoreError: the machine gives no thread; *action* is not done, not even later.
    """
    is_wanted = True

    def act() -> T:
        if not is_wanted:  # the pool keeps what it found no thread for, and would come to it once another is free
            raise RuntimeError("refused")
        return action()

    try:
        return asyncio.get_running_loop().run_in_executor(None, act)
    except RuntimeError as error:
        if "new thread" not in str(error):
            raise
        is_wanted = False
        raise StoreError(
            f"cannot {doing}: the machine gives no more threads",
            fix="raise the limit of processes (ulimit -u) or of memory (ulimit -v), or lower the concurrency",
        ) from error
