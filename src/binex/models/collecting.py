"""Keeps the garbage collector from looking again and again at what is being made to stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collecting_later() -> Iterator[None]:
    """Collect no garbage in the block, which makes much at once that stays: a workflow, the records of a run.

    The block must not wait for anything that may take long: the collector is that of the whole process. Where two
    are in such a block, the first one that leaves it ends this for both.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
