"""What became of a run, in one sentence."""

from collections.abc import Mapping, Sequence
from typing import Final

from binex.analysis.failures.groups import FailureGroup
from binex.analysis.failures.kind import FailureKind
from binex.analysis.trace import Trace
from binex.models.names import node_of
from binex.models.run import Run, RunStatus
from binex.models.task import TaskStatus

_SAID: Final = 3
"""So many causes are told; the others are counted."""


def verdict_of(run: Run, causes: Sequence[FailureGroup], timeline: Trace, *, is_damaged: bool = False) -> str:
    """What became of *run*, why, and what that blocked."""
    tasks = {task.task: task for node in timeline.tasks for task in (node, *node.items)}
    elsewhere = {path: task.reused_from for path, task in tasks.items()}
    timed_out = {path for path, task in tasks.items() if task.status is TaskStatus.TIMED_OUT}
    sentence = _sentence(run, _told(_told_of(causes), elsewhere, timed_out), timeline.unsettled)
    return f"{sentence} Parts of its record are damaged." if is_damaged else sentence


def _told_of(causes: Sequence[FailureGroup]) -> list[FailureGroup]:
    """The causes without nodes that failed since their items did: those say why."""
    of_items = {group.node for group in causes if node_of(group.tasks[0]) != group.tasks[0]}
    blocked = {group.node: group.blocked for group in causes if group.kind is FailureKind.ITEMS}
    return [
        group.model_copy(update={"blocked": blocked.pop(group.node, group.blocked)})
        if group.node in of_items
        else group
        for group in causes
        if group.kind is not FailureKind.ITEMS or group.node not in of_items
    ]


def _sentence(run: Run, cause: str, unsettled: int) -> str:
    left = f"{unsettled} of {run.node_count} nodes have not settled"
    more = f"; {cause}" if cause else ""
    match run.status:
        case RunStatus.COMPLETED:
            sentence = f"Completed, though {cause}" if cause else "Completed"
        case RunStatus.FAILED:
            sentence = f"Failed: {cause or run.error or 'no reason is recorded'}"
        case RunStatus.INTERRUPTED:
            sentence = f"Interrupted{f' ({run.error})' if run.error else ''}: {left}{more}"
        case RunStatus.WAITING:
            sentence = "Waiting for an answer"
        case _:
            sentence = f"{run.status.value.replace('_', ' ').capitalize()}: {left}{more}"
    return sentence + "."


def _told(causes: Sequence[FailureGroup], elsewhere: Mapping[str, str | None], timed_out: set[str]) -> str:
    """What failed, why, and what that blocked: ``8 items of 'fetch' failed (rate limited by host) and blocked 2``.

    *elsewhere* says in which other run a task was executed.
    """
    said = []
    for group in causes[:_SAID]:
        first = group.tasks[0]
        verb = "timed out" if first in timed_out else "failed"
        run_id = elsewhere.get(first)
        where = f", taken over from run {run_id}" if run_id is not None else ""
        blocked = f" and blocked {len(group.blocked)} more" if group.blocked else ""
        said.append(f"{subject(group)} {verb} ({group.cause}{where}){blocked}")
    if left := sum(len(group.tasks) for group in causes[_SAID:]):
        said.append(f"{left} more failed")
    return "; ".join(said)


def subject(group: FailureGroup) -> str:
    """``'plan'``, or ``8 items of 'fetch'``."""
    return f"'{group.tasks[0]}'" if len(group.tasks) == 1 else f"{len(group.tasks):,} items of '{group.node}'"
