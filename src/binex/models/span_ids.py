"""What runs, tasks, attempts and calls are called in distributed traces: ids that follow from their own names.

So the same run has the same spans however often and wherever it is exported from, and whoever makes a request can
name the span that it belongs to before that span exists. An id is the beginning of a SHA-256 (hexadecimal).
"""

from hashlib import sha256


def trace_id_of(run_id: str) -> str:
    """The trace of a run, 32 hexadecimal digits."""
    return _digest("trace", run_id)[:32]


def run_span_id(run_id: str) -> str:
    """The root span of a run, 16 hexadecimal digits like those of all spans."""
    return _digest("run", run_id)[:16]


def task_span_id(run_id: str, task: str) -> str:
    """The span of a task, or of a foreach node, whose items' spans are below it."""
    return _digest("task", run_id, task)[:16]


def attempt_span_id(run_id: str, task: str, attempt: int) -> str:
    """The span of one attempt at a task."""
    return _digest("attempt", run_id, task, str(attempt))[:16]


def call_span_id(run_id: str, task: str, attempt: int, number: int) -> str:
    """The span of one call of an attempt."""
    return _digest("call", run_id, task, str(attempt), str(number))[:16]


def traceparent_of(trace_id: str, span_id: str) -> str:
    """The header that makes what is requested a part of a trace: W3C Trace Context, level 1, sampled."""
    return f"00-{trace_id}-{span_id}-01"


def _digest(*names: str) -> str:
    return sha256("\n".join(("binex", *names)).encode()).hexdigest()
