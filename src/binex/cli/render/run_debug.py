"""Everything about a run, the verdict first."""

from collections.abc import Iterator
from pathlib import Path

from binex.analysis.debug import RunDebug, TaskDebug
from binex.cli.render.errors import brief
from binex.cli.render.look import Look, words_of
from binex.cli.render.question import question_list
from binex.cli.render.results import names
from binex.cli.render.run_head import run_head
from binex.cli.render.skipped import note_on, skipped
from binex.cli.render.steps import commands
from binex.cli.render.text import clip, escape, pad, pretty_json, width_of
from binex.cli.render.units import count, duration, moment, size
from binex.models.names import item_of
from binex.models.task import ErrorInfo, ErrorKind, ExecutionRecord, TaskStatus

_BODY_SHOWN = 400
"""So much of what a remote agent said stands beside its error; `binex calls show` has all of it."""


def run_debug(found: RunDebug, look: Look, directory: Path | None) -> str:
    """The whole of it as text."""
    head = run_head(found.run, look, taken_over=found.taken_over)
    parts = [f"{head}\n\n{look.paint(escape(found.verdict), 'strong')}"]
    failed = [task for task in found.tasks if _went_wrong(task)]
    for title, lines in (
        ("Damaged", [f"  {look.paint(escape(d.where), 'bad')}  {escape(d.message)}" for d in found.damage]),
        ("Waits for", question_list(found.questions, look, directory)),
        ("What went wrong", [line for task in failed for line in _failure(task, look)]),
        ("Tasks", list(_tasks(found, look))),
        ("Inputs", list(_variables(found, look))),
        ("Made with", list(_versions(found))),
        ("Next", commands([(step.command, step.purpose) for step in found.next_steps], look, directory)),
    ):
        if lines:
            parts.append("\n".join([look.paint(title, "strong"), *lines]))
    return "\n\n".join(parts)


def _went_wrong(task: TaskDebug) -> bool:
    return any(record.error is not None for record in task.records)


def _failure(task: TaskDebug, look: Look) -> Iterator[str]:
    timing = task.timing
    name = look.paint(escape(timing.task), "strong")
    yield f"  {look.mark(timing.status)} {name}  {words_of(timing.status)}  {look.paint(escape(timing.agent), 'faint')}"
    before: ErrorInfo | None = None
    for record in task.records:
        if record.error is None:
            continue
        yield f"    {_attempt(record)}"
        if before is not None and (record.error.message, record.error.type) == (before.message, before.type):
            yield look.paint("      the same error", "faint")
        else:
            yield from _error(record.error, look)
        before = record.error
    if task.blocked:
        yield f"    blocked {names(task.blocked, 20)}"


def _attempt(record: ExecutionRecord) -> str:
    if record.reused_from is not None:
        attempt = f"attempt {record.attempt} in" if record.attempt else "from"
        return f"{attempt} run {escape(record.reused_from)}: only how it ended was taken over"
    if record.started_at is None:
        is_join = record.error is not None and record.error.kind is ErrorKind.ITEMS
        return "after its items" if is_join else "before it could start"
    again = "" if record.retry_in_ms is None else f", tried again {duration(record.retry_in_ms)} later"
    return f"attempt {record.attempt}: {words_of(record.status)} in {duration(record.duration_ms)}{again}"


def _error(error: ErrorInfo, look: Look) -> Iterator[str]:
    if error.traceback:
        for line in escape(error.traceback, is_block=True).rstrip().splitlines():
            yield f"      {line}"
    else:
        for line in escape(f"{error.type}: {error.message}", is_block=True).splitlines():
            yield f"      {look.paint(line, 'bad')}"
    if error.body:
        said = clip(escape(error.body), _BODY_SHOWN, ellipsis=look.glyph("…", "~"))
        yield f"      {escape(error.host or 'it')} said: {look.paint(said, 'faint')}"
    if error.fix:
        yield f"      {look.paint('fix:', 'strong')} {escape(error.fix)}"


def _tasks(found: RunDebug, look: Look) -> Iterator[str]:
    shown = [task for task in found.tasks if item_of(task.timing.task) is None or _went_wrong(task)]
    width = min(max((width_of(_name(task)) for task in shown), default=0), max(12, look.width // 3))
    for task in shown:
        name = pad(clip(_name(task), width, ellipsis=look.glyph("…", "~")), width)
        line = f"  {look.mark(task.timing.status)} {name}  {pad(_took(task), 8, is_right=True)}  "
        room = max(8, look.width - width - 14)
        yield (line + look.paint(clip(_about(task, look), room, ellipsis=look.glyph("…", "~")), "faint")).rstrip()
    if found.unsettled:
        yield f"  {look.paint(look.glyph('·', '.'), 'faint')} {count(found.unsettled, 'node')} not settled"


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


def _versions(found: RunDebug) -> Iterator[str]:
    run = found.run
    commit = f", commit {escape(run.versions.git_commit[:12])}" if run.versions.git_commit else ""
    yield f"  binex {escape(run.versions.binex)}, Python {escape(run.versions.python)}{commit}"
    yield f"  workflow {run.workflow_hash[:12]}, durability {run.durability.value}, started {moment(run.started_at)}"
