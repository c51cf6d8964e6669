"""What the duration of a run was made of."""

from collections.abc import Iterator

from binex.analysis.timing.critical_path import CriticalPath, Link
from binex.analysis.timing.time_parts import TimeKind, TimeParts
from binex.cli.render.blocks import sentence
from binex.cli.render.damage import damage_lines
from binex.cli.render.look import Look
from binex.cli.render.run_head import run_head
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import escape, pad
from binex.models.units import count, duration

_WORDS = {
    TimeKind.EXECUTED: "executed",
    TimeKind.QUEUED: "queued",
    TimeKind.RETRYING: "paused before a retry",
    TimeKind.HUMAN: "waited for a person",
    TimeKind.IDLE: "stopped until resumed",
    TimeKind.OWN: "Binex itself",
}
_STYLES = {TimeKind.EXECUTED: "good", TimeKind.OWN: "faint", TimeKind.QUEUED: "faint"}
_COLUMNS = (
    Column("FROM", is_right=True, weight=1),
    Column("TASK", least=10),
    Column("TOOK", is_right=True),
    Column("MADE OF", least=10),
)
_NARROW = 72
_LINKS_SHOWN = 40
_FASTER_SHOWN = 3
_WORTH_A_WORD_MS = 0.05
_WORTH_A_TRY = 0.005
"""What saves less is rounded to 0 %."""


def critical_path_text(found: CriticalPath, look: Look) -> str:
    """The sum by what it was, the chain, and where it would help to be faster."""
    head = run_head(found.run, look)
    if not found.links:
        return f"{head}\n\nnothing has started"
    blocks = [head, "\n".join(_sums(found, look)), _chain(found, look)]
    if faster := list(_faster(found, look)):
        blocks.append("\n".join(faster))
    blocks += damage_lines(found.damage, look)
    return "\n\n".join(blocks)


def _sums(found: CriticalPath, look: Look) -> Iterator[str]:
    yield look.paint(f"{duration(found.span_ms)} from start to end, made of", "strong")
    width = max(len(_WORDS[kind]) for kind in TimeKind if found.parts.of(kind) >= _WORTH_A_WORD_MS or kind == "own")
    columns = min(40, look.width - width - 19)
    for kind in TimeKind:
        took = found.parts.of(kind)
        if took < _WORTH_A_WORD_MS:
            continue
        share = took / max(found.span_ms, 0.001)
        bar = look.glyph("━", "=") * max(1, round(share * columns)) if columns > 0 else ""
        figures = f"{pad(duration(took), 9, is_right=True)} {share:4.0%}"
        yield f"  {pad(_WORDS[kind], width)} {figures}  {look.paint(bar, _STYLES.get(kind, 'warn'))}".rstrip()


def _chain(found: CriticalPath, look: Look) -> str:
    links = found.links
    if len(links) > _LINKS_SHOWN:
        longest = sorted(links, key=lambda link: -link.parts.total_ms)[:_LINKS_SHOWN]
        links = tuple(sorted(longest, key=lambda link: link.start_ms))
    if look.is_terminal and look.width < _NARROW:
        drawn = "\n".join(line for link in links for line in _in_two_lines(link, look))
    else:
        drawn = table(_COLUMNS, [_row(link, look) for link in links], look)
    left_out = len(found.links) - len(links)
    more = f"\n  and {count(left_out, 'task')} of the chain that took less" if left_out else ""
    return drawn + more


def _row(link: Link, look: Look) -> list[Cell]:
    return [
        Cell(duration(link.start_ms), "faint"),
        Cell(link.task, "strong", look.mark(link.status)),
        Cell(duration(link.parts.total_ms)),
        Cell(_made_of(link.parts), "faint"),
    ]


def _in_two_lines(link: Link, look: Look) -> Iterator[str]:
    yield f"{look.mark(link.status)} {escape(link.task)}  {duration(link.parts.total_ms)}"
    for line in sentence(_made_of(link.parts), look, 4):
        yield look.paint(line, "faint")


def _made_of(parts: TimeParts) -> str:
    kinds = sorted((kind for kind in TimeKind if parts.of(kind) >= _WORTH_A_WORD_MS), key=lambda kind: -parts.of(kind))
    return ", ".join(f"{_WORDS[kind]} {duration(parts.of(kind))}" for kind in kinds)


def _faster(found: CriticalPath, look: Look) -> Iterator[str]:
    least = max(_WORTH_A_WORD_MS, found.span_ms * _WORTH_A_TRY)
    helping = [one for one in found.speed_ups if one.saves_ms >= least][:_FASTER_SHOWN]
    if helping:
        yield look.paint("What it would help to make faster", "strong")
    for one in helping:
        share = one.saves_ms / max(found.span_ms, 0.001)
        said = f"'{escape(one.node)}': at most {duration(one.saves_ms)} ({share:.0%}) less, had it taken no time"
        yield from sentence(said, look, 2)
