"""Lets requests over HTTP say which trace they belong to, with the ``traceparent`` header of W3C Trace Context.

Only where somebody collects the spans of the run: otherwise nothing is added to what is sent. The header stands
neither on the tape nor in what calls are matched by; it follows from the names of the run, the task and the call.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

HEADER: Final = "traceparent"

_is_passed_on: ContextVar[bool] = ContextVar("binex_trace_is_passed_on", default=False)


def is_trace_passed_on() -> bool:
    """Whether requests that this code makes are to name their trace."""
    return _is_passed_on.get()


@contextmanager
def passing_on_trace(*, is_wanted: bool = True) -> Iterator[None]:
    """Let the requests of the block, and of whatever it starts, name their trace where that *is_wanted*."""
    token = _is_passed_on.set(is_wanted)
    try:
        yield
    finally:
        _is_passed_on.reset(token)
