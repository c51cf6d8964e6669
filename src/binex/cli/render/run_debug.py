"""Everything about a run, the verdict first."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from binex.analysis.debug import RunDebug, TaskDebug
from binex.analysis.failures.kind import ADVICE, FailureKind
from binex.cli.render.blocks import sentence
from binex.cli.render.errors import brief
from binex.cli.render.failure import attempt_lines, failure_lines
from binex.cli.render.look import Look
from binex.cli.render.question import question_list
from binex.cli.render.results import names
from binex.cli.render.run_head import run_head
from binex.cli.render.skipped import note_on, skipped
from binex.cli.render.steps import commands
from binex.cli.render.task_title import task_title
from binex.cli.render.text import clip, escape, pad, pretty_json, width_of
from binex.cli.render.units import count, duration, moment, size
from binex.models.names import item_of
from binex.models.task import TaskStatus

_ITEMS_SHOWN = 10
_ERROR_LINES = 24
"""So many lines of an error; with `--errors` all."""


def run_debug(found: RunDebug, look: Look, directory: Path | None) -> str:
    """The whole of it as text."""
    head = run_head(found.run, look, taken_over=found.taken_over)
    verdict = "\n".join(look.paint(line, "strong") for line in sentence(escape(found.verdict), look, 0))
    parts = [f"{head}\n\n{verdict}"]
    for title, lines in (
        ("Damaged", [f"  {look.paint(escape(d.where), 'bad')}  {escape(d.message)}" for d in found.damage]),
        ("Waits for", question_list(found.questions, look, directory)),
        ("What went wrong", list(_wrongs(found, look, directory))),
        ("Tasks", list(_tasks(found, look))),
        ("Inputs", list(_variables(found, look))),
        ("Made with", list(_versions(found, look))),
        ("Next", commands([(step.command, step.purpose) for step in found.next_steps], look, directory)),
    ):
        if lines:
            parts.append("\n".join([look.paint(title, "strong"), *lines]))
    return "\n\n".join(parts)


def _went_wrong(task: TaskDebug) -> bool:
    return any(record.error is not None for record in task.records)


def _wrongs(found: RunDebug, look: Look, directory: Path | None) -> Iterator[str]:
    """One task of each cause; then those that went wrong on the way and did not fail in the end."""
    tasks = {task.timing.task: task for task in found.tasks}
    told: set[str] = set()
    if found.stopped_by is not None:
        kind = look.paint(found.stopped_by.value, "bad")
        yield from sentence(f"the run itself: {escape(found.run.error or '')}", look, 2)
        yield from sentence(f"{kind}, fix: {ADVICE[found.stopped_by]}", look, 4)
    for group in found.causes:
        told.update(group.tasks)
        first = tasks.get(group.tasks[0])
        if first is not None:
            yield _title(first, look)
            if len(group.tasks) > 1:
                alike = f"and {count(len(group.tasks) - 1, 'item')} alike: {names(group.tasks[1:])}"
                yield from sentence(alike, look, 4)
            if group.kind is not FailureKind.ITEMS:
                yield from failure_lines(group.example, look, 4, found.run.id, directory)
            yield from attempt_lines(first.records, look, known=group.cause, most=_ERROR_LINES)
        if group.blocked:
            yield from sentence(f"blocked {names(group.blocked, 20)}", look, 4)
    for task in found.tasks:
        if _went_wrong(task) and task.timing.task not in told:
            yield _title(task, look)
            yield from attempt_lines(task.records, look, most=_ERROR_LINES)


def _title(task: TaskDebug, look: Look) -> str:
    return task_title(task.timing.task, task.timing.status, task.timing.agent, look, 2)


def _tasks(found: RunDebug, look: Look) -> Iterator[str]:
    shown, hidden = _shown(found.tasks)
    width = min(max((width_of(_name(task)) for task in shown), default=0), max(12, look.width // 3))
    for task in shown:
        name = pad(clip(_name(task), width, ellipsis=look.glyph("…", "~")), width)
        line = f"  {look.mark(task.timing.status)} {name}  {pad(_took(task), 8, is_right=True)}  "
        room = max(8, look.width - width - 16)
        yield (line + look.paint(clip(_about(task, look), room, ellipsis=look.glyph("…", "~")), "faint")).rstrip()
        if left_out := hidden.get(task.timing.task, 0):
            yield f"      and {count(left_out, 'item')} more that went wrong"
    if found.unsettled:
        yield f"  {look.paint(look.glyph('·', '.'), 'faint')} {count(found.unsettled, 'node')} not settled"


def _shown(tasks: Sequence[TaskDebug]) -> tuple[list[TaskDebug], dict[str, int]]:
    """All nodes, each with the first items of it that went wrong; and how many more, by the last that is shown."""
    shown: list[TaskDebug] = []
    items: list[TaskDebug] = []
    hidden: dict[str, int] = {}
    for task in tasks:
        if item_of(task.timing.task) is None:
            shown.append(task)
            items = []
        elif _went_wrong(task):
            items.append(task)
            if len(items) <= _ITEMS_SHOWN:
                shown.append(task)
            else:
                hidden[shown[-1].timing.task] = len(items) - _ITEMS_SHOWN
    return shown, hidden


def _name(task: TaskDebug) -> str:
    indent = "  " if item_of(task.timing.task) is not None else ""
    return f"{indent}{escape(task.timing.task)}" + (f" ({task.item_count:,})" if task.item_count else "")


def _took(task: TaskDebug) -> str:
    return "" if task.timing.start_ms is None else duration(task.timing.duration_ms)


def _about(task: TaskDebug, look: Look) -> str:
    timing = task.timing
    if timing.was_cut_off:
        return "was being executed when the run stopped"
    if timing.status is TaskStatus.RUNNING:
        return f"running, attempt {len(timing.attempts)}" if len(timing.attempts) > 1 else "running"
    parts = [f"{len(timing.attempts)} attempts"] if len(timing.attempts) > 1 else []
    parts += [part for part in (skipped(timing), note_on(timing)) if part]
    if timing.error is not None:
        parts.append(brief(timing.error))
    parts += [f"{look.glyph('→', '->')} {escape(made.output)} {size(made.size)}" for made in task.artifacts]
    return ", ".join(parts)


def _variables(found: RunDebug, look: Look) -> Iterator[str]:
    for name, value in found.run.variables.items():
        text = pretty_json(value).replace("\n", " ")
        room = max(20, look.width - width_of(name) - 5)
        yield f"  {escape(name)} = {clip(text, room, ellipsis=look.glyph('…', '~'))}"


def _versions(found: RunDebug, look: Look) -> Iterator[str]:
    run = found.run
    commit = f", commit {escape(run.versions.git_commit[:12])}" if run.versions.git_commit else ""
    if run.is_trace:
        yield from sentence(f"another program, whose trace binex {escape(run.versions.binex)} imported", look, 2)
    else:
        made_with = f"binex {escape(run.versions.binex)}, Python {escape(run.versions.python)}{commit}"
        yield from sentence(made_with, look, 2)
    stored = f"workflow {run.workflow_hash[:12]}, durability {run.durability.value}"
    yield from sentence(f"{stored}, started {moment(run.started_at)}", look, 2)
