"""Why a task ran, or did not."""

import json
from collections.abc import Iterator, Mapping

from binex.cli.render.look import Look
from binex.cli.render.run_head import run_head
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import clip, escape
from binex.cli.render.units import ago, count
from binex.models.task import TaskStatus
from binex.models.why import Likeness, Nearest, Part, PartState, Verdict, Why

_FORMAT = "key"
"""The part that says how keys are made; it only ever differs between versions of Binex."""
_SENTENCES = {
    Verdict.EXECUTED: "was executed",
    Verdict.REUSED: "was not executed: its outcome is that of run {reused_from}",
    Verdict.SKIPPED: "was skipped: its condition was false",
    Verdict.BLOCKED: "was skipped: '{blocked_by}' failed, and it needs its output",
    Verdict.LEFT_OUT: "was skipped: only another task was asked for",
    Verdict.BY_HAND: "was skipped by hand",
    Verdict.UNKNOWN: "was not executed: its outcome was not known, and the run was to ask nobody",
    Verdict.UNUSABLE: "was not executed: it could not be put together",
    Verdict.JOINED: "is the list that its items made",
    Verdict.UNSETTLED: "has not ended",
}
_MOST_VALUE = 60


def why_text(found: Why, look: Look) -> str:
    """The run, what became of the task and why, and how its key compares with the nearest earlier one."""
    name = look.paint(escape(found.task), "strong")
    paragraphs = [run_head(found.run, look), "\n".join([f"{name} {escape(_verdict(found))}", *_details(found, look)])]
    if found.nearest is not None:
        paragraphs.append(_comparison(found, found.nearest, look))
    elif found.parts:
        paragraphs.append(f"No earlier task like it has completed.\n\n{_parts(found.parts, look)}")
    if found.items is not None:
        paragraphs.append("\n".join(_items(found)))
    return "\n\n".join(paragraphs)


def _verdict(found: Why) -> str:
    if found.verdict is Verdict.EXECUTED and found.status in (TaskStatus.FAILED, TaskStatus.TIMED_OUT):
        return "was executed, and failed"
    return _SENTENCES[found.verdict].format(reused_from=found.reused_from, blocked_by=found.blocked_by or "?")


def _details(found: Why, look: Look) -> Iterator[str]:
    if found.is_edited:
        yield "  a person changed what it was given, or what it made"
    if found.error is not None:
        room = look.width - 2 if look.is_terminal else 400
        yield "  " + clip(escape(" ".join(found.error.split())), room, ellipsis=look.glyph("…", "~"))
    if found.condition is not None:
        yield f"  when: {escape(found.condition.text)}"
        for reference, value in found.condition.values.items():
            yield f"    {escape(reference)} is {clip(escape(json.dumps(value, ensure_ascii=False)), _MOST_VALUE)}"


def _comparison(found: Why, nearest: Nearest, look: Look) -> str:
    place = f"{nearest.task} of run {nearest.run_id}, {ago(nearest.ended_at)}"
    differing = sum(part.state is not PartState.SAME for part in found.parts)
    if not differing:
        tail = "; this run did not take it from there ('cache: true', --cache)" if _is_ignored(found, nearest) else ""
        return f"All that counts is the same as in {escape(place)}{tail}\n\n{_parts(found.parts, look)}"
    what = "the same task before" if nearest.like is Likeness.TASK else "the last task of the same agent"
    verb = "differs" if differing == 1 else "differ"
    head = f"{count(differing, 'part')} of its key {verb} from {what}: {place}"
    return f"{escape(head)}\n\n{_parts(found.parts, look)}"


def _is_ignored(found: Why, nearest: Nearest) -> bool:
    """Whether the outcome could have been reused; a replay executes everything, and a fork what it was asked to."""
    return found.verdict is Verdict.EXECUTED and nearest.like is Likeness.KEY and found.run.origin is None


def _parts(parts: tuple[Part, ...], look: Look) -> str:
    shown = [part for part in parts if part.name != _FORMAT or part.state is not PartState.SAME]
    columns = [Column("PART", least=12), Column("")]
    rows = [
        [
            Cell(part.name, "plain" if part.state is PartState.SAME else "strong"),
            Cell(part.state, "faint" if part.state is PartState.SAME else "warn"),
        ]
        for part in shown
    ]
    if any(part.before is not None or part.after is not None for part in shown):
        columns += [Column("BEFORE", least=16), Column("HERE", least=16)]
        for part, row in zip(shown, rows, strict=True):
            row += [Cell(_in_one_line(part.before)), Cell(_in_one_line(part.after))]
    return table(columns, rows, look)


def _in_one_line(text: str | None) -> str:
    return "" if text is None else clip(" ".join(text.split()), _MOST_VALUE)


def _items(found: Why) -> Iterator[str]:
    items = found.items
    assert items is not None
    counts = ", ".join(f"{number:,} {verdict.value.replace('_', ' ')}" for verdict, number in items.verdicts.items())
    yield f"{count(sum(items.verdicts.values()), 'item')}: {counts}"
    yield from _listed(items.reused_from, "{} reused from run {}")
    yield from _listed(items.differing, "in {} executed, '{}' differs from the same item before")
    if items.new:
        yield f"  {items.new:,} executed, with no such item before"
    yield f"  one of them: binex why {found.run.id} '{escape(found.task)}[0]'"


def _listed(counts: Mapping[str, int], sentence: str) -> Iterator[str]:
    for name, number in sorted(counts.items(), key=lambda one: -one[1]):
        yield "  " + sentence.format(f"{number:,}", escape(name))
