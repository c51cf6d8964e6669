"""Failures that are alike, together: `8 items of 'fetch': rate limited by api.host`."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from binex.analysis.failures.classes import FailureClass, classify
from binex.analysis.failures.kind import FailureKind, is_of_a_request
from binex.analysis.failures.user_frame import last_user_frame
from binex.models.base import AnyText, Model
from binex.models.names import node_of
from binex.models.task import ErrorInfo, ErrorKind, ExecutionRecord, SkipReason, TaskStatus
from binex.stores.run_store import RunStore

_FAILED: Final = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)
_NUMBER: Final = re.compile(r"\d+")
_STATUS: Final = re.compile(r"\b[45]\d\d\b")


class FailureGroup(Model):
    """Tasks of one node that failed for the same reason."""

    node: str
    """The node."""
    tasks: tuple[str, ...]
    """The paths of the tasks, in the order in which they failed: the node itself, or items of it."""
    kind: FailureKind
    """What sort of failure it was."""
    cause: AnyText
    """What it was, in a few words."""
    example: FailureClass
    """The first of them, with its evidence."""
    blocked: tuple[str, ...] = ()
    """The tasks that were skipped because of them."""


def failed_records(records: Sequence[ExecutionRecord]) -> list[ExecutionRecord]:
    """How the tasks in *records* ended that failed, in the order in which they did.

    What the budget stopped is among them, though a resume tries it again.
    """
    last = {record.task: record for record in records}
    failed = [record for record in last.values() if record.status in _FAILED and record.error is not None]
    ended = [one for one in failed if one.is_final or (one.error and one.error.kind is ErrorKind.BUDGET)]
    return sorted(ended, key=lambda record: record.ended_at)


async def group_failures(store: RunStore, records: Sequence[ExecutionRecord]) -> tuple[FailureGroup, ...]:
    """Why the tasks in *records* failed that did, in the order in which the first of each group did.

    The calls of one task of each sort are read, however many there are.
    """
    by_task: dict[str, list[ExecutionRecord]] = {}
    for record in records:
        by_task.setdefault(record.task, []).append(record)
    alike: dict[tuple[str, ...], list[ExecutionRecord]] = {}
    for record in failed_records(records):
        if record.error is not None:
            alike.setdefault(_signature(record, record.error), []).append(record)
    groups: dict[tuple[str, FailureKind, str], FailureGroup] = {}
    blocked = blocked_tasks(kept[-1] for kept in by_task.values())
    for of_sort in alike.values():
        first = of_sort[0]
        calls = await store.list_calls(*first.executed_as)
        found = classify(first, calls, by_task[first.task])
        tasks = tuple(record.task for record in of_sort)
        key = (node_of(first.task), found.kind, found.cause)
        known = groups.get(key)
        groups[key] = FailureGroup(
            node=node_of(first.task),
            tasks=tasks if known is None else known.tasks + tasks,
            kind=found.kind,
            cause=found.cause,
            example=found if known is None else known.example,
            blocked=tuple(dict.fromkeys(path for task in tasks for path in blocked.get(task, ())))
            + (() if known is None else known.blocked),
        )
    return tuple(groups.values())


def _signature(record: ExecutionRecord, error: ErrorInfo) -> tuple[str, ...]:
    """What two failures have in common that will be classified alike."""
    frame = last_user_frame(error.traceback) if error.traceback else None
    said = _NUMBER.sub("#", error.message.partition("\n")[0])
    if frame is not None:
        said = frame.place
    if is_of_a_request(error):
        said += "".join(_STATUS.findall(error.message))
    return (node_of(record.task), error.kind, error.type, error.host or "", str(error.status), said)


def blocked_tasks(last: Iterable[ExecutionRecord]) -> dict[str, list[str]]:
    """The tasks that were skipped because of another one, by that one; *last* says how each task ended."""
    found: dict[str, list[str]] = {}
    for record in last:
        if record.skip_reason is SkipReason.BLOCKED and record.blocked_by is not None:
            found.setdefault(record.blocked_by, []).append(record.task)
    return found
