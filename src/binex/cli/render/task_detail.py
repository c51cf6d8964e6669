"""Everything about one task of a run."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from binex.analysis.calls import CallDetail, name_of
from binex.analysis.tasks.detail import TaskDetail
from binex.analysis.tasks.parts import AttemptDetail, Given, OutputDetail
from binex.cli.options import typed
from binex.cli.render.blocks import block, sentence, value_block
from binex.cli.render.call_list import cost_of, outcome_of, tokens_of
from binex.cli.render.conversation import conversation
from binex.cli.render.failure import error_lines, failure_lines
from binex.cli.render.look import Look, words_of
from binex.cli.render.results import names
from binex.cli.render.run_head import run_head
from binex.cli.render.skipped import note_on, skipped
from binex.cli.render.spending import spending
from binex.cli.render.task_title import task_title
from binex.cli.render.text import clip, escape, pad, width_of
from binex.models.question import QuestionState
from binex.models.task import TaskStatus
from binex.models.units import count, duration, size

_ITEMS_SHOWN = 20
_FAILED = (TaskStatus.FAILED, TaskStatus.TIMED_OUT)


def task_detail_text(
    found: TaskDetail, look: Look, directory: Path | None = None, *, failure_first: bool = False
) -> str:
    """What became of the task, what it was given, its attempts and what it made; its failure where that is asked."""
    failure = ("Why it failed", list(_failure(found, look, directory)))
    sections = [
        ("Condition", list(_condition(found, look))),
        ("Given", [line for given in found.inputs for line in _given(given, look)]),
        ("Set", [line for given in found.settings for line in _given(given, look)]),
        ("Attempts", [line for attempt in found.attempts for line in _attempt(attempt, look)]),
        ("Asked", list(_questions(found, look))),
        ("Items", list(_items(found, look))),
        ("Made", [line for output in found.outputs for line in _output(output, look)]),
        ("Damaged", [f"  {look.paint(escape(d.where), 'bad')}  {escape(d.message)}" for d in found.damage]),
    ]
    sections.insert(0 if failure_first else len(sections) - 1, failure)
    parts = [f"{run_head(found.run, look)}\n\n" + "\n".join(_title(found, look, directory))]
    parts += ["\n".join([look.paint(title, "strong"), *lines]) for title, lines in sections if lines]
    return "\n\n".join(parts)


def _title(found: TaskDetail, look: Look, directory: Path | None) -> Iterator[str]:
    timing = found.timing
    yield task_title(timing.task, timing.status, timing.agent, look)
    facts = [part for part in (skipped(timing), note_on(timing)) if part]
    if timing.start_ms is not None:
        facts.append(f"began after {duration(timing.start_ms)}, took {duration(timing.duration_ms)}")
        if timing.queued_ms >= 1:
            facts.append(f"queued {duration(timing.queued_ms)}")
    if len(timing.attempts) > 1:
        facts.append(count(len(timing.attempts), "attempt"))
    if found.spend.model_calls:
        facts.append(spending(found.spend))
    if facts:
        yield from sentence(", ".join(facts), look, 2)
    if found.was_executed_elsewhere:
        command = typed(f"trace {found.executed_run} --node {quote(found.executed_task)}", directory)
        yield from sentence(f"executed there: {escape(command)}", look, 2)
    if found.blocked:
        yield from sentence(f"blocked {names(found.blocked, 20)}", look, 2)
    if found.key:
        yield look.paint(f"  key {found.key[:16]}", "faint")


def _failure(found: TaskDetail, look: Look, directory: Path | None) -> Iterator[str]:
    if found.failure is not None:
        yield from failure_lines(found.failure, look, 2, found.executed_run, directory)
    for group in found.item_failures:
        yield from sentence(f"{count(len(group.tasks), 'item')}: {names(group.tasks, 4)}", look, 2)
        yield from failure_lines(group.example, look, 4, found.run.id, directory)


def _condition(found: TaskDetail, look: Look) -> Iterator[str]:
    if found.condition is None:
        return
    held = {None: "nobody asked", True: "true", False: "false"}[found.held]
    yield from sentence(f"when: {escape(found.condition.text)}  ({held})", look, 2)
    for reference, value in found.condition.values.items():
        yield f"  {escape(reference)} is"
        yield from value_block(value, look, 4)


def _given(given: Given, look: Look) -> Iterator[str]:
    name = look.paint(escape(given.name), "strong")
    is_plain = given.written == given.value and not given.artifacts
    written = "" if is_plain else f" = {look.paint(escape(_in_short(given), is_block=False), 'faint')}"
    implied = look.paint("  (not named in the workflow)", "faint") if given.is_implied else ""
    yield f"  {name}{written}{implied}"
    if given.is_readable:
        yield from value_block(given.value, look, 4)
    else:
        yield "    " + look.paint("can no longer be read", "bad")


def _in_short(given: Given) -> str:
    written = given.written if isinstance(given.written, str) else ", ".join(_references(given))
    return clip(" ".join(written.split()), 60)


def _references(given: Given) -> list[str]:
    """What stands in it, where it is longer than one reference."""
    return [id.partition("~")[2].replace("~", ".") for id in given.artifacts] or ["a value"]


def _attempt(attempt: AttemptDetail, look: Look) -> Iterator[str]:
    record = attempt.record
    if record.started_at is None:
        yield f"  {look.mark(record.status)} {words_of(record.status)} without an attempt"
    else:
        again = "" if record.retry_in_ms is None else f", again {duration(record.retry_in_ms)} later"
        said = f"attempt {record.attempt}: {words_of(record.status)} in {duration(record.duration_ms)}{again}"
        first, *more = sentence(said, look, 4)
        yield f"  {look.mark(record.status)} {first.lstrip()}"
        yield from more
    if record.error is not None:
        yield from error_lines(record.error, look, 4)
        if record.error.body:
            yield f"    {escape(record.error.host or 'the other side')} said:"
            yield from block(record.error.body, look, 6, "faint")
    yield from conversation(attempt.rounds, look, 4)
    spoken = {one.call for one in attempt.rounds}
    yield from _calls([call for call in attempt.calls if name_of(call.call) not in spoken], look)


def _calls(calls: Sequence[CallDetail], look: Look) -> Iterator[str]:
    for detail in calls:
        call = detail.call
        facts = [
            fact for fact in (duration(call.duration_ms), tokens_of(call), cost_of(call), outcome_of(call)) if fact
        ]
        said = f"{escape(name_of(call))}  {call.kind.value} {escape(call.target)}, {', '.join(facts)}"
        yield from sentence(said, look, 4)


def _questions(found: TaskDetail, look: Look) -> Iterator[str]:
    for question in found.questions:
        yield from block(question.text, look, 2)
        if question.answer is not None:
            by = f" ({escape(question.answer.by)})" if question.answer.by else ""
            yield f"    answered{by}:"
            yield from value_block(question.answer.value, look, 6)
        elif question.state is not QuestionState.OPEN:
            yield f"    {words_of(question.state.value)}"
        else:
            yield "    still open"


def _items(found: TaskDetail, look: Look) -> Iterator[str]:
    failed = [item for item in found.items if item.status in _FAILED]
    shown = failed[:_ITEMS_SHOWN] or list(found.items[:_ITEMS_SHOWN])
    for item in shown:
        took = pad("" if item.start_ms is None else duration(item.duration_ms), 8, is_right=True)
        why = item.cause or (f"taken over from run {item.reused_from}" if item.reused_from else "")
        line = f"{escape(item.task)} {took}"
        room = look.width - width_of(line) - 6 if look.is_terminal else width_of(why)
        said = clip(escape(why), max(8, room), ellipsis=look.glyph("…", "~"))
        yield f"  {look.mark(item.status)} {line}  {look.paint(said, 'faint')}".rstrip()
    if len(found.items) > len(shown):
        others = "others, none of which failed" if len(shown) == len(failed) else "more"
        yield f"  and {len(found.items) - len(shown):,} {others}"


def _output(output: OutputDetail, look: Look) -> Iterator[str]:
    made = output.artifact
    taken = f", made by run {escape(made.taken_from)}" if made.taken_from else ""
    yield f"  {look.paint(escape(made.output), 'strong')}  {look.paint(f'{size(made.size)}{taken}', 'faint')}"
    if output.is_readable:
        yield from value_block(output.value, look, 4)
    else:
        yield "    " + look.paint("can no longer be read", "bad")
