"""When every call of a run was made, under the task that made it."""

from collections.abc import Sequence
from datetime import timedelta

from binex.analysis.calls import name_of
from binex.analysis.trace import Trace, trace
from binex.models.base import UNNOTED, AnyText, Model
from binex.models.call import Call, CallKind, Usage
from binex.models.run import Run
from binex.stores.run_store import RunStore


class CallTrace(Model):
    """One call. Times are in milliseconds; starts count from the start of the run."""

    name: str
    """What it is called within the run, as in `plan:1.2`."""
    task: str
    """The path of the task."""
    attempt: int
    """The attempt that made it."""
    depth: int
    """0, or 1 where it was made for another call, below which it stands."""
    kind: CallKind
    """With whom."""
    target: AnyText
    """Whom exactly."""
    start_ms: float
    """When it began."""
    duration_ms: float
    """How long it took."""
    usage: Usage | None = None
    """Tokens, for a model's call."""
    cost_usd: float | None = None
    """Its price; None where it is unknown or there is none."""
    status: int | None = None
    """The HTTP status."""
    error: AnyText | None = None
    """Why it failed."""
    is_complete: bool = True
    """Whether the response came to its end."""


class CallTimeline(Model):
    """The timeline of a run with its calls."""

    trace: Trace
    """The tasks."""
    calls: dict[str, tuple[CallTrace, ...]]
    """The calls of each task that was executed in the run, in the order in which they began."""


async def call_timeline(store: RunStore, run: Run) -> CallTimeline:
    """When every call of *run* was made."""
    timeline = await trace(store, run)
    by_task: dict[str, list[Call]] = {}
    for call in await store.list_calls(run.id):
        by_task.setdefault(call.task, []).append(call)
    return CallTimeline(
        trace=timeline,
        calls={task: tuple(_traced(run, own)) for task, own in by_task.items()},
    )


def _traced(run: Run, calls: Sequence[Call]) -> list[CallTrace]:
    """The calls of one task; those that were made for another one after that."""
    ordered = sorted(calls, key=lambda call: (call.attempt, call.parent or call.number, call.number))
    return [
        CallTrace.model_construct(
            UNNOTED,
            name=name_of(call),
            task=call.task,
            attempt=call.attempt,
            depth=int(call.parent is not None),
            kind=call.kind,
            target=call.target,
            start_ms=max(0.0, (call.started_at - run.started_at) / timedelta(milliseconds=1)),
            duration_ms=call.duration_ms,
            usage=call.usage,
            cost_usd=call.cost_usd,
            status=call.status,
            error=call.error,
            is_complete=call.is_complete,
        )
        for call in ordered
    ]
