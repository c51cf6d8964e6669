"""The graph of a run, drawn: one node a row, with lines to all that depends on it."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from binex.analysis.graph_fold import FoldedGraph, fold, unfolded
from binex.analysis.run_graph import RunGraph
from binex.cli.render.damage import damage_lines
from binex.cli.render.graph.buses import Bus, Plan, plan_drawing, without_buses
from binex.cli.render.graph.label import Label, label_of, mark_of
from binex.cli.render.graph.lanes import Row, draw_rows
from binex.cli.render.look import Look
from binex.cli.render.table import GAP
from binex.cli.render.text import clip, width_of
from binex.cli.render.units import count

_MOST_NODES: Final = 30
"""A graph with more nodes is folded, as is one with more lines beside each other than there is room for."""
_MOST_LINES: Final = 40
"""So many lines may stand beside each other where no terminal says how many fit, before the graph is folded."""
_NAME: Final = 16
"""So much room is kept for names on a terminal."""
_ABOUT: Final = 14
"""So much room is kept for what is said beside the names."""


def graph(found: RunGraph, look: Look, *, is_unfolded: bool = False) -> str:
    """The drawing, and how to read it. With *is_unfolded* alike nodes stand each in a row of its own.

    On a terminal, lines that do not fit its width stand in words instead; in a pipe there is room for all.
    """
    below = ["", *damage_lines(found.damage, look)] if found.damage else []
    if not found.nodes:
        return "\n".join(["no nodes", *below])
    most = max(1, (look.width - _NAME) // 2) if look.is_terminal else None
    shown = unfolded(found)
    plan = _plan(shown)
    if not is_unfolded and (len(found.nodes) > _MOST_NODES or plan.width > (most or _MOST_LINES)):
        shown = fold(found)
        plan = _plan(shown)
    left_out: tuple[Bus, ...] = ()
    if most is not None:
        plan, left_out = without_buses(plan, most)
    lines = list(_lines(plan, {part.id: label_of(part, look) for part in shown.parts}, _in_words(left_out), look))
    return "\n".join([*lines, *_notes(shown, left_out, look), *below])


def _plan(shown: FoldedGraph) -> Plan:
    dependents: dict[str, list[str]] = {part.id: [] for part in shown.parts}
    for edge in shown.edges:
        dependents[edge.before].append(edge.after)
    return plan_drawing(dependents)


def _in_words(left_out: Sequence[Bus]) -> dict[str, list[str]]:
    """What nodes need that no line shows."""
    needs: dict[str, list[str]] = {}
    for bus in left_out:
        for target in bus.targets:
            needs.setdefault(target, []).extend(bus.sources)
    return needs


def _lines(plan: Plan, labels: Mapping[str, Label], needs: Mapping[str, Sequence[str]], look: Look) -> Iterator[str]:
    rows = list(draw_rows(plan, has_unicode=look.has_unicode))
    widths = {row.node: _width(row, labels[row.node], look) for row in rows if row.node is not None}
    widest, ellipsis = max(widths.values()), look.glyph("…", "~")
    if look.is_terminal:
        widest = min(widest, max(_NAME, look.width - _ABOUT - len(GAP)))
    for row in rows:
        if row.node is None:
            yield row.before
            continue
        label, width = labels[row.node], widths[row.node]
        name, about = _with_name(row, label, look), label.about
        if look.is_terminal:
            name = name if width <= look.width else clip(name, look.width, ellipsis=ellipsis)
            about = clip(about, max(0, look.width - max(width, widest) - len(GAP)), ellipsis=ellipsis)
        name = name.replace("\0", mark_of(label.status, look), 1)
        yield f"{name}{' ' * (widest - width)}{GAP}{look.paint(about, label.style)}".rstrip()
        if row.node in needs:
            yield from _needed(row, [labels[id].name for id in needs[row.node]], look)


def _with_name(row: Row, label: Label, look: Look) -> str:
    """A row up to its name; in the place of the mark, which has a colour, stands a null.

    Without Unicode some marks look like lines, and stand before the name.
    """
    sign, mark = ("\0", "") if look.has_unicode else ("o", "[\0] ")
    return f"{row.before}{sign}{row.after} {mark}{label.name}"


def _width(row: Row, label: Label, look: Look) -> int:
    """How many columns a row takes up to the end of its name; the characters of lines take one each."""
    return len(row.before) + len(row.after) + (2 if look.has_unicode else 6) + width_of(label.name)


def _needed(row: Row, names: Sequence[str], look: Look) -> Iterator[str]:
    """The lines below a node that say what it needs, beside the lines that go on."""
    room = max(_NAME - 4, look.width - len(row.below) - 3)
    for line in textwrap.wrap(f"needs {', '.join(names)}", room, break_on_hyphens=False):
        yield f"{row.below}   {line}"


def _notes(shown: FoldedGraph, left_out: Sequence[Bus], look: Look) -> list[str]:
    """How the drawing is to be read, and what of it is not drawn."""
    notes = []
    if shown.edges:
        across = look.glyph("─│─", "-|-")
        notes.append(
            "A line leads down: out of the node above the row in which it begins or is met, "
            f"into each node on whose row it turns off. {across} is a crossing: these do not meet."
        )
    if shown.groups:
        folded = sum(len(group.nodes) for group in shown.groups)
        what = f"{count(folded, 'node')} stand in {count(len(shown.groups), 'group')}"
        notes.append(f"{what}, each with the same edges as all of its group: --unfold shows every one.")
    if left_out:
        edges = sum(len(bus.sources) * len(bus.targets) for bus in left_out)
        notes.append(
            f"{count(edges, 'edge')} stand{'s' if edges == 1 else ''} in words (needs ...): "
            f"{look.width} columns have no room for more lines."
        )
    if not notes:
        return []
    width = look.width if look.is_terminal else 10_000
    return ["", *(look.paint(line, "faint") for note in notes for line in textwrap.wrap(note, width))]
