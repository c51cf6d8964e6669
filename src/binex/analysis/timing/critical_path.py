"""What the duration of a run was made of: the chain of tasks of which each began because the one before it settled."""

from collections.abc import Mapping

from pydantic import Field

from binex.analysis.artifacts import Damage
from binex.analysis.lineage.upstream import Upstream, read_upstream
from binex.analysis.state import as_seen
from binex.analysis.tasks.values import Binds
from binex.analysis.timing.speed_up import SpeedUp, find_speed_ups
from binex.analysis.timing.time_parts import Meter, TimeParts
from binex.analysis.timing.waits import Waits
from binex.analysis.trace import TaskTrace, Trace, trace_of
from binex.models.base import Model
from binex.models.run import Run, RunStatus
from binex.models.task import TaskStatus
from binex.stores.run_store import RunStore


class Link(Model):
    """One task of the chain. Times are in milliseconds; starts count from the start of the run."""

    task: str
    """The path of the task."""
    agent: str
    """The agent's URI."""
    status: TaskStatus
    """Where it stands."""
    after: str | None = None
    """The task before it, which had to settle first; None for the first one."""
    start_ms: float
    """When the one before it settled, which is when its own part of the run begins."""
    end_ms: float
    """When it settled."""
    parts: TimeParts
    """What its part of the run was made of."""


class CriticalPath(Model):
    """What the duration of a run was made of. The parts of all links and those of the ending make up ``span_ms``."""

    run: Run
    """The run as it is now."""
    span_ms: float
    """From its start to its end, or to now, by the clock on the wall."""
    links: tuple[Link, ...] = ()
    """The chain, in the order of time."""
    ending: TimeParts
    """What came after the last task of it."""
    parts: TimeParts
    """The sum of all."""
    speed_ups: tuple[SpeedUp, ...] = Field(default=())
    """Which nodes it would help to make faster, and how much at most; those that help most first."""
    damage: tuple[Damage, ...] = ()
    """What is missing; without the workflow, what depends on what is only known by the artifacts that were given."""


async def critical_path(store: RunStore, run: Run, bind: Binds) -> CriticalPath:
    """What the duration of *run* was made of; *bind* reads the snapshot of its workflow (`loader.bind_source`).

    Raises:
        DamagedDataError: its records cannot be read.
    """
    run = await as_seen(store, run)
    records = await store.list_records(run.id)
    running = [] if run.status.has_come_to_all else await store.list_running(run.id)
    questions = await store.list_questions(run.id)
    timeline = trace_of(run, records, running, questions)
    upstream = await read_upstream(store, run, records, bind)
    return path_of(timeline, upstream, Waits(run, questions, timeline.span_ms))


def path_of(timeline: Trace, upstream: Upstream, waits: Waits) -> CriticalPath:
    """The same from what was read already."""
    tasks = {task.task: task for node in timeline.tasks for task in (node, *node.items)}
    settled = {path: _settled(task, timeline.span_ms) for path, task in tasks.items()}
    chain = _chain(tasks, settled, upstream)
    run = timeline.run
    has_pauses = run.resumed > 0 or run.status in (RunStatus.INTERRUPTED, RunStatus.WAITING)
    meter = Meter(timeline.span_ms, waits, has_pauses=has_pauses)
    ending = meter.take_gap(_end_of(chain, settled))
    links: list[Link] = []
    for i, path in enumerate(chain):
        before = chain[i + 1] if i + 1 < len(chain) else None
        end = meter.at
        parts = meter.take_task(tasks[path], until=settled.get(before or "", 0.0))
        task = tasks[path]
        links.append(
            Link(
                task=path,
                agent=task.agent,
                status=task.status,
                after=before,
                start_ms=meter.at,
                end_ms=end,
                parts=parts,
            )
        )
    links.reverse()
    total = sum((link.parts for link in links), ending)
    return CriticalPath(
        run=run,
        span_ms=timeline.span_ms,
        links=tuple(links),
        ending=ending,
        parts=total,
        speed_ups=find_speed_ups(links, tasks, settled, upstream),
        damage=upstream.damage,
    )


def _settled(task: TaskTrace, span_ms: float) -> float:
    """When it settled; for what runs, or was cut off, as far as it is known to have come."""
    if task.settled_ms is not None and not task.items:
        return max(task.settled_ms, task.end_ms or 0.0)
    if task.status in (TaskStatus.RUNNING, TaskStatus.WAITING_FOR_HUMAN):
        return span_ms
    ends = [end for one in (task, *task.items) for end in (one.settled_ms, one.end_ms) if end is not None]
    return max(ends, default=0.0)


def _chain(tasks: Mapping[str, TaskTrace], settled: Mapping[str, float], upstream: Upstream) -> list[str]:
    """The paths, from the task that settled last back to one that waited for none."""
    begun = [path for path, task in tasks.items() if not task.items]
    if not begun:
        return []
    path = max(begun, key=lambda one: (settled[one], -(tasks[one].start_ms or 0.0)))
    chain = [path]
    while before := [_last_item(tasks[one], settled) for one in upstream.of(path) if one in tasks]:
        path = max(before, key=lambda one: settled[one])
        chain.append(path)
    return chain


def _last_item(task: TaskTrace, settled: Mapping[str, float]) -> str:
    """The item of a foreach node that settled last, with which the node did; the task itself where it has none."""
    return max((item.task for item in task.items), key=lambda item: settled[item], default=task.task)


def _end_of(chain: list[str], settled: Mapping[str, float]) -> float:
    return settled[chain[0]] if chain else 0.0
