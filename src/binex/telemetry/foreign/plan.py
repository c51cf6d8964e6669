"""What run a trace becomes: which spans are tasks, which are calls of those, and what came before what.

Every span is a task, with one attempt; but a request over HTTP is a call of the task around it, and what we have
exported ourselves becomes again what it was: tasks, their attempts, their calls.

What a task depends on is derived, since no trace says it: it had what those made that came right before it below
the same span, or, where nothing came before it, what the one around it had; and a span makes what it makes of what
those made that came last below it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from sys import intern
from typing import Final

from binex.models.names import RESERVED, is_name, node_of, parse_path
from binex.telemetry import conventions as names
from binex.telemetry.foreign.kinds import SCHEME, Cut, Kind, agent_of, fit_name, name_of
from binex.telemetry.foreign.spool import Outline, SpanFile
from binex.telemetry.foreign.tree import MOST_BEFORE, Branch, Tree

_CALLS: Final = (Kind.MODEL, Kind.TOOL, Kind.RETRIEVER, Kind.HTTP)
"""What a span is of that is a task with one call."""


@dataclass(slots=True, eq=False)
class PlannedCall:
    """A call, as it will be."""

    span: Outline
    kind: Kind
    attempt: int = 1


@dataclass(slots=True, eq=False)
class PlannedTask:
    """A task, as it will be."""

    path: str
    kind: Kind
    span: Outline
    agent: str
    attempts: list[Outline] = field(default_factory=list)
    calls: list[PlannedCall] = field(default_factory=list)
    needs: Sequence["PlannedTask"] = ()

    @property
    def node_id(self) -> str:
        return node_of(self.path)


@dataclass(slots=True)
class Plan:
    """A run, as it will be."""

    tasks: list[PlannedTask]
    """In an order in which none comes before what it needs."""
    tops: list[Outline]
    """The spans that nothing is around, the first one first; only that of the run, where we have exported it."""
    run: Outline | None
    """The span of the run itself, where we have exported it."""
    notes: list[str]


class _Names:
    """Names for tasks, each once."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self._paths: set[str] = set()
        self._counts: dict[str, int] = {}

    def own(self, path: str) -> str | None:
        """The path that one of our own spans says, if it can be one."""
        try:
            segments = parse_path(path) if len(path) < 100 else ()
        except ValueError:
            return None
        is_free = path not in self._paths and self.cut(path) == path and all(is_name(one.node_id) for one in segments)
        if len(segments) != 1 or not is_free or node_of(path) in RESERVED:
            return None
        self._paths.add(path)
        return path

    def new(self, text: str) -> str:
        """A name like *text* that nobody has."""
        base = fit_name(self.cut(text))
        base = base if is_name(base) and base not in RESERVED else f"_{base}"
        while True:
            count = self._counts[base] = self._counts.get(base, 0) + 1
            name = base if count == 1 else f"{base}-{count}"
            if name not in self._paths:
                self._paths.add(name)
                return name


def plan_of(tree: Tree, spans: SpanFile, cut: Cut) -> Plan:
    """The run that a trace becomes; *cut* leaves secrets out of what becomes a name."""
    own_run = next((root.span for root in tree.roots if root.span.own == "run"), None)
    known = _Names(cut)
    tasks: dict[int, PlannedTask] = {}
    branches = list(tree.each())
    for branch in sorted(branches, key=lambda one: (one.span.start_ns, -one.span.end_ns)):
        if branch.span is not own_run and _is_task(branch):
            tasks[id(branch)] = _task(branch.span, spans, known)
    if not tasks:  # nothing but a run, or a request
        first = tree.roots[0]
        tasks[id(first)] = _task(first.span, spans, known)
    for branch in branches:
        if id(branch) not in tasks and branch.span is not own_run:
            _attach(branch, spans, tasks)
    by_path = {task.path: task for task in tasks.values()}
    upstream = _upstream(branches, tasks)
    for branch in branches:
        task = tasks.get(id(branch))
        if task is not None:
            said = _said_inputs(task.span, spans, by_path)
            derived = (*upstream[id(branch)], *_last_below(branch, tasks))
            task.needs = tuple(_unique(derived, task)) if said is None else said
    ordered = [tasks[id(branch)] for branch in branches if id(branch) in tasks]
    tops = [root.span for root in tree.roots] if own_run is None else [own_run]
    return Plan(_sorted(ordered), tops, own_run, tree.notes)


def _sorted(tasks: list[PlannedTask]) -> list[PlannedTask]:
    """The tasks in an order in which none comes before what it needs; what would go in circles is not needed."""
    place = {task.path: at for at, task in enumerate(tasks)}
    missing = {task.path: len(task.needs) for task in tasks}
    needed_by: dict[str, list[str]] = {}
    for task in tasks:
        for one in task.needs:
            needed_by.setdefault(one.path, []).append(task.path)
    ready = [place[path] for path, needs in missing.items() if not needs]
    heapify(ready)
    done: list[PlannedTask] = []
    is_done: set[str] = set()
    rest = iter(tasks)
    while len(done) < len(tasks):
        if ready:
            task = tasks[heappop(ready)]
        else:  # a circle, which only a trace that pretends to be ours can have
            task = next(one for one in rest if one.path not in is_done)
            task.needs = tuple(one for one in task.needs if one.path in is_done)
        if task.path in is_done:
            continue
        done.append(task)
        is_done.add(task.path)
        for path in needed_by.get(task.path, ()):
            missing[path] -= 1
            if not missing[path]:
                heappush(ready, place[path])
    return done


def _is_task(branch: Branch) -> bool:
    span = branch.span
    if span.own in ("attempt", "call"):
        return branch.around is None
    return span.own == "task" or span.kind is not Kind.HTTP or branch.around is None


def _task(outline: Outline, spans: SpanFile, known: _Names) -> PlannedTask:
    span = spans.read(outline)
    if outline.own == "task":
        path = known.own(span.text(names.TASK)) or known.new(span.text(names.TASK))
        agent = f"{SCHEME}{fit_name(known.cut(span.text(names.AGENT)).replace('://', '.'))}"
        return PlannedTask(path, Kind.STEP, outline, intern(agent))
    kind = outline.kind
    path = known.new(name_of(span, kind))
    calls = [PlannedCall(outline, kind)] if kind in _CALLS else []
    return PlannedTask(path, kind, outline, intern(agent_of(span, kind, known.cut)), [outline], calls)


def _attach(branch: Branch, spans: SpanFile, tasks: dict[int, PlannedTask]) -> None:
    """Give an attempt or a call to the task that it is of: the nearest one around it."""
    around = branch.around
    while around is not None and id(around) not in tasks:
        around = around.around
    if around is None:
        return
    task, span = tasks[id(around)], branch.span
    if span.own == "attempt":
        task.attempts.append(span)
    else:
        attempt = spans.read(span).count(names.ATTEMPT) if span.own == "call" else None
        task.calls.append(PlannedCall(span, span.kind, attempt or 1))


def _upstream(branches: list[Branch], tasks: dict[int, PlannedTask]) -> dict[int, list[PlannedTask]]:
    """What came right before each branch; where that is nothing, what came before the one around it."""
    found: dict[int, list[PlannedTask]] = {}
    for branch in reversed(branches):  # those around come first
        before = [tasks[id(one)] for one in branch.before if id(one) in tasks]
        found[id(branch)] = before or ([] if branch.around is None else found[id(branch.around)])
    return found


def _last_below(branch: Branch, tasks: dict[int, PlannedTask]) -> list[PlannedTask]:
    """Of those below a branch, the ones that nothing followed."""
    followed = {id(one) for below in branch.below for one in below.before}
    last = [tasks[id(below)] for below in branch.below if id(below) in tasks and id(below) not in followed]
    return sorted(last, key=lambda task: -task.span.end_ns)[:MOST_BEFORE]


def _unique(found: Iterable[PlannedTask], task: PlannedTask) -> Iterator[PlannedTask]:
    seen = {task.path}
    for one in found:
        if one.path not in seen:
            seen.add(one.path)
            yield one


def _said_inputs(outline: Outline, spans: SpanFile, by_path: dict[str, PlannedTask]) -> Sequence[PlannedTask] | None:
    """What one of our own spans says that its task was given; None where a span is not ours."""
    if outline.own != "task":
        return None
    said = spans.read(outline).attributes.get(names.INPUT_ARTIFACTS)
    ids = [one for one in said if isinstance(one, str)] if isinstance(said, list) else []
    paths = dict.fromkeys(id.partition("~")[0].replace("+", "/") for id in ids)
    return tuple(by_path[path] for path in paths if path in by_path and by_path[path].span is not outline)
