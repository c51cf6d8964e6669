"""How two runs differ: the first cause, what follows from it, cost and time; then what else there is."""

from collections.abc import Iterator, Sequence
from typing import Final

from binex.analysis.differences.model import (
    Aspect,
    Cause,
    CauseKind,
    NamedDiff,
    RunDiff,
    TaskDiff,
    TaskSide,
    TaskState,
)
from binex.cli.render.damage import damage_lines
from binex.cli.render.diff.marks import deleted, inserted, wrapped
from binex.cli.render.diff.names import folded
from binex.cli.render.diff.value import excerpt, labelled, part_note
from binex.cli.render.look import Look, words_of
from binex.cli.render.spending import cost_of
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import escape
from binex.cli.render.units import count, duration
from binex.models.call import Spend
from binex.models.money import dollars
from binex.models.run import Run
from binex.models.task import SkipReason

_CAUSES: Final = 6
_PARTS: Final = 3
_OUTPUTS: Final = 3
_NO_MONEY: Final = 1e-12
_NO_TIME_MS: Final = 0.05
_SIDES: Final = (Column(""), Column("BEFORE", least=12), Column("AFTER", least=12), Column("", weight=1))


def run_diff(found: RunDiff, look: Look, *, has_tasks: bool = False, has_only_causes: bool = False) -> str:
    """The answer first. With *has_tasks* every task that is different stands below it, with all of its differences."""
    paragraphs = ["\n".join(verdict(found, look))]
    paragraphs += ["\n".join(_cause(found, cause, number, look)) for number, cause in enumerate(found.causes[:_CAUSES])]
    if len(found.causes) > _CAUSES:
        paragraphs.append(f"{look.glyph('…', '...')} and {count(len(found.causes) - _CAUSES, 'more cause')}: --json")
    if not has_only_causes:
        if has_tasks:
            paragraphs += [
                "\n".join(task_lines(task, look)) for task in found.tasks if task.state is not TaskState.EQUAL
            ]
        elif unaffected := [task for task in found.tasks if task.state is TaskState.UNAFFECTED]:
            paragraphs.append("\n".join(_unaffected(unaffected, look)))
        paragraphs.append(comparison(found.before, found.after, look))
        if others := list(_others(found, look)):
            paragraphs.append("\n".join(others))
    if found.damage:
        paragraphs.append("\n".join(damage_lines(found.damage, look)))
    return "\n\n".join(paragraphs)


def verdict(found: RunDiff, look: Look) -> Iterator[str]:
    """Whether they differ at all, and whether they can be expected not to."""
    before, after = found.before.id, found.after.id
    tasks = count(len(found.tasks), "task")
    if before == after:
        said = f"{look.mark('completed')} run {after} is compared with itself"
    elif found.is_equal:
        all_of = f"all {tasks}" if len(found.tasks) != 1 else "the only task"
        have_ended = all(run.status.has_come_to_all for run in (found.before, found.after))
        equal = "equal" if have_ended else "equal so far"
        said = f"{look.mark('completed')} {equal}: {all_of} of run {before} came out the same in run {after}"
    else:
        different = len(found.different)
        verb = "differs" if different == 1 else "differ"
        said = f"{different:,} of {tasks} {verb} between run {before} and run {after}"
    yield from wrapped(said, look.width)
    if not found.is_same_workflow:
        names = f"'{escape(found.before.workflow)}' and '{escape(found.after.workflow)}'"
        sign = look.mark("waiting_for_human")
        yield from wrapped(f"{sign} their workflows are different ones, {names}: tasks go by their names", look.width)


def _cause(found: RunDiff, cause: Cause, number: int, look: Look) -> Iterator[str]:
    if cause.kind is CauseKind.STOPPED:
        for line in _stopped(found, cause):
            yield from wrapped(line, look.width)
        return
    rank = "First cause" if number == 0 else "Also a cause" if cause.follows_from else "Another first cause"
    dash = look.glyph("—", "-")
    text = escape(cause.text)
    if cause.kind is CauseKind.VARIABLE:
        yield from wrapped(
            f"{look.paint(f'{rank}: {text}', 'strong')} {dash} used by {folded(cause.tasks)}", look.width
        )
        for one in found.variables:
            if one.name in cause.parts:
                yield from excerpt(one.name, one.value, look, side=one.side)
    else:
        is_one = len(cause.tasks) == 1 or cause.node in cause.tasks
        what = "task" if is_one else f"{count(len(cause.tasks), 'item')} of"
        name = escape(cause.tasks[0] if is_one else cause.node)
        title = look.paint(f"{rank}: {what} '{name}'", "strong")
        yield from wrapped(f"{title} {dash} {text}", look.width)
    task = found.task(cause.tasks[0])
    if task is not None:
        yield from _evidence(task, cause, look)
    follows = f"What follows: {folded(cause.leads_to)}" if cause.leads_to else "Nothing follows from it."
    yield from wrapped(follows, look.width)


def _stopped(found: RunDiff, cause: Cause) -> Iterator[str]:
    """In which of the runs the tasks were not carried to their end."""
    known = {*cause.tasks, *cause.leads_to}
    tasks = [task for task in found.tasks if task.task in known]
    for run, name, sides in (
        (found.before, "before", [task.before for task in tasks]),
        (found.after, "after", [task.after for task in tasks]),
    ):
        missing = [task.task for task, side in zip(tasks, sides, strict=True) if side is None or side.status is None]
        left_out = [side.task for side in sides if side is not None and side.skip_reason is SkipReason.LEFT_OUT]
        if missing:
            yield f"Run {run.id} ({name}) is {words_of(run.status)}, and in it never ended: {folded(missing)}"
        if left_out:
            yield f"Run {run.id} ({name}) left out: {folded(left_out)}"


def _evidence(task: TaskDiff, cause: Cause, look: Look) -> Iterator[str]:
    """What shows it: the parts that were changed, how it ended, what it made."""
    own = [part for part in task.parts if part.name in cause.parts] if cause.kind is CauseKind.CHANGED else []
    for part in own[:_PARTS]:
        yield from excerpt(part.name, part.value, look, side=part.side)
    if len(own) > _PARTS:
        yield f"  {look.glyph('…', '...')} and {count(len(own) - _PARTS, 'more part')}"
    place = f"{task.task}." if cause.kind is CauseKind.VARIABLE or len(cause.tasks) > 1 else ""
    yield from _endings(task, look, place)
    for output in task.outputs[:_OUTPUTS]:
        yield from excerpt(place + output.output, output.value, look, side=output.side)


def _endings(task: TaskDiff, look: Look, place: str = "") -> Iterator[str]:
    """How it ended and why it failed, where that is different."""
    if Aspect.NAME in task.aspects and task.before is not None and task.after is not None:
        yield from labelled("name", [[deleted(escape(task.before.task)), inserted(escape(task.after.task))]], look)
    if Aspect.STATUS in task.aspects:
        yield from labelled(f"{place}status", [[deleted(_ending(task.before)), inserted(_ending(task.after))]], look)
    if task.error is not None:
        yield from excerpt(f"{place}error", task.error, look)
        return
    for side, mark in ((task.before, deleted), (task.after, inserted)):
        if side is not None and side.error is not None and Aspect.ERROR in task.aspects:
            said = mark(escape(" ".join(f"{side.error.type}: {side.error.message}".split())))
            yield from labelled(f"{place}error", [[said]], look)


def _ending(side: TaskSide | None) -> str:
    if side is None:
        return "not there"
    if side.status is None:
        return "not ended"
    reason = f" ({words_of(side.skip_reason)})" if side.skip_reason is not None else ""
    tries = f" after {count(side.attempts, 'attempt')}" if side.attempts > 1 else ""
    return f"{words_of(side.status)}{reason}{tries}"


def task_lines(task: TaskDiff, look: Look) -> Iterator[str]:
    """One task: in what it differs, what made it so, and each difference in a few lines."""
    yield f"{look.paint(escape(task.task), 'strong')}  {standing(task)}"
    if task.follows_from:
        yield from wrapped(f"  follows from {folded(task.follows_from)}", look.width)
    for part in task.parts:
        yield from excerpt(f"{part.name}{part_note(part)}", part.value, look, side=part.side)
    yield from _endings(task, look)
    for output in task.outputs:
        yield from excerpt(output.output, output.value, look, side=output.side)


def standing(task: TaskDiff) -> str:
    """In a few words what is different about it."""
    if task.state is TaskState.ADDED:
        return "only in the later run"
    if task.state is TaskState.REMOVED:
        return "only in the earlier run"
    aspects = ", ".join(task.aspects)
    return f"{aspects}; came out the same" if task.state is TaskState.UNAFFECTED else aspects or "the same"


def _unaffected(tasks: Sequence[TaskDiff], look: Look) -> Iterator[str]:
    """Tasks that came out the same although something about them is different, by what that is."""
    groups: dict[tuple[Aspect, ...], list[str]] = {}
    for task in tasks:
        groups.setdefault(task.aspects, []).append(task.task)
    for aspects, names in groups.items():
        yield from wrapped(f"Came out the same, with a difference in {', '.join(aspects)}: {folded(names)}", look.width)


def comparison(before: Run, after: Run, look: Look) -> str:
    """Both runs beside each other: how they ended, what they cost, how long they took."""
    rows = [
        [Cell("run", "faint"), Cell(before.id), Cell(after.id), Cell("")],
        [Cell("status", "faint"), Cell(words_of(before.status)), Cell(words_of(after.status)), Cell("")],
        *_numbers((before.spend, after.spend), (before.duration_ms, after.duration_ms)),
    ]
    return table(_SIDES, rows, look)


def comparison_of_task(task: TaskDiff, look: Look) -> str:
    """Both sides of a task beside each other."""
    sides = (task.before, task.after)
    rows = [
        [Cell("status", "faint"), *(Cell(_ending(side)) for side in sides), Cell("")],
        [Cell("agent", "faint"), *(Cell("" if side is None else side.agent) for side in sides), Cell("")],
    ]
    if task.before is not None and task.after is not None and task.before.task != task.after.task:
        rows.insert(0, [Cell("name", "faint"), Cell(task.before.task), Cell(task.after.task), Cell("")])
    taken = [side.reused_from if side is not None and side.reused_from else "" for side in sides]
    if any(taken):
        rows.append([Cell("taken from", "faint"), *(Cell(run) for run in taken), Cell("")])
    spends = [(None if side is None else side.spend) or Spend() for side in sides]
    rows += _numbers((spends[0], spends[1]), tuple(None if side is None else side.duration_ms for side in sides))
    return table(_SIDES, rows, look)


def _numbers(spends: tuple[Spend, Spend], times: Sequence[float | None]) -> Iterator[list[Cell]]:
    """The rows of cost, where there is any, and time."""
    if spends[0].model_calls or spends[1].model_calls:
        change = spends[1].cost_usd - spends[0].cost_usd
        said = f"{'+' if change > 0 else '-'}{dollars(abs(change))}" if abs(change) > _NO_MONEY else ""
        yield [Cell("cost", "faint"), *(Cell(cost_of(spend)) for spend in spends), Cell(said)]
    slower = 0.0 if times[0] is None or times[1] is None else times[1] - times[0]
    said = f"{'+' if slower > 0 else '-'}{duration(abs(slower))}" if abs(slower) >= _NO_TIME_MS else ""
    yield [Cell("time", "faint"), *(Cell("" if time is None else duration(time)) for time in times), Cell(said)]


def _others(found: RunDiff, look: Look) -> Iterator[str]:
    """What is different about the runs as a whole, and is no cause."""
    caused = {name for cause in found.causes if cause.kind is CauseKind.VARIABLE for name in cause.parts}
    for one in found.variables:
        if one.name not in caused:
            yield from _named("variable", one, look)
    for one in found.versions:
        yield from _named("version", one, look)
    if found.budget is not None:
        yield from excerpt("budget", found.budget.value, look, side=found.budget.side)
    if found.workflow is not None:
        words = f"{found.workflow.inserted:,} words added, {found.workflow.deleted:,} removed"
        yield from wrapped(f"  {look.paint('workflow', 'faint')} its file changed: {words}", look.width)
    if found.is_cut:
        yield from wrapped("  --full and --node NODE show the differences of the other tasks", look.width)


def _named(what: str, one: NamedDiff, look: Look) -> Iterator[str]:
    yield from excerpt(f"{what} {one.name}", one.value, look, side=one.side)
