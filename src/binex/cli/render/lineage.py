"""Where an artifact comes from and where it went, as two trees."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from binex.analysis.lineage.model import ArtifactLineage, LineageKind, LineageNode, LinkKind
from binex.cli.render.damage import damage_lines
from binex.cli.render.look import Look, words_of
from binex.cli.render.text import clip, escape, width_of
from binex.cli.render.units import count, size
from binex.models.names import item_of, node_of

_DEEPEST = 12
"""So many steps are drawn with all their lines; what is deeper says how deep it is."""
_MOST_ITEMS = 8
"""So many items of a foreach stand below one thing."""
_LINKS = {LinkKind.CONDITION: "only asked for", LinkKind.ORDER: "only came before"}


class _Step(NamedTuple):
    """One row of a tree, still to be drawn."""

    id: str
    own: str
    """What stands before itself."""
    lines: str
    """What stands before its children."""
    depth: int
    kind: LinkKind | None = None
    left_out: int = 0
    """How many items of the same node it stands for, itself not drawn."""


def lineage_text(found: ArtifactLineage, look: Look, *, is_up: bool = True, is_down: bool = True) -> str:
    """The artifact, what it was made from and what it became; each thing once."""
    nodes = {node.id: node for node in found.nodes}
    above: dict[str, list[tuple[str, LinkKind]]] = {}
    below: dict[str, list[tuple[str, LinkKind]]] = {}
    for link in found.links:
        above.setdefault(link.after, []).append((link.before, link.kind))
        below.setdefault(link.before, []).append((link.after, link.kind))
    parts = [_row(nodes[found.artifact], look, found, "", is_start=True)]
    for is_asked, links, title, nothing in (
        (is_up, above, "Made from", "nothing that is known"),
        (is_down, below, "Reached", "nothing else"),
    ):
        if is_asked:
            rows = list(_tree(found, nodes, links, look))
            parts.append("\n".join([look.paint(title, "strong"), *(rows or [f"  {nothing}"])]))
    if found.damage:
        parts.append("\n".join(damage_lines(found.damage, look)))
    return "\n\n".join(parts)


def _tree(
    found: ArtifactLineage,
    nodes: Mapping[str, LineageNode],
    links: Mapping[str, Sequence[tuple[str, LinkKind]]],
    look: Look,
) -> Iterator[str]:
    cut, shown = set(found.cut), {found.artifact}
    more = look.glyph("…", "...")
    waiting = _children(_Step(found.artifact, "", "  ", 0), nodes, links, look)
    while waiting:
        step = waiting.pop()
        node = nodes[step.id]
        if step.left_out:
            name = f"{more} {count(step.left_out, 'item')} more of {escape(node_of(node.task))}: --json shows all"
            yield f"{step.own}{look.paint(name, 'faint')}"
            continue
        note = _LINKS.get(step.kind, "") if step.kind else ""
        has_more = bool(links.get(step.id))
        if step.id in shown and has_more:
            note = ", ".join(part for part in (note, f"{more} see above") if part)
        elif step.id in cut and not has_more:
            note = ", ".join(part for part in (note, f"{more} more: --depth") if part)
        yield _row(node, look, found, step.own, note)
        if step.id not in shown:
            shown.add(step.id)
            waiting += _children(step, nodes, links, look)


def _children(
    step: _Step,
    nodes: Mapping[str, LineageNode],
    links: Mapping[str, Sequence[tuple[str, LinkKind]]],
    look: Look,
) -> list[_Step]:
    """Its children, the last one first; of many items of one node only some, but those that are special."""
    through, blank = look.glyph("│  ", "|  "), "   "
    branch, last = look.glyph("├─ ", "|- "), look.glyph("└─ ", "`- ")
    before = step.lines if step.depth < _DEEPEST else f"  {look.glyph('…', '...')}{step.depth} "
    items: Counter[str] = Counter()
    left_out: dict[str, tuple[str, int]] = {}
    children: list[tuple[str, LinkKind, int]] = []
    for id, kind in links.get(step.id, ()):
        node = nodes[id]
        of_node = f"{node.run_id}~{node_of(node.task)}" if item_of(node.task) is not None else ""
        items[of_node] += 1
        if of_node and items[of_node] > _MOST_ITEMS and not (node.damage or node.is_edited or node.status):
            left_out[of_node] = (id, left_out.get(of_node, ("", 0))[1] + 1)
        else:
            children.append((id, kind, 0))
    children += [(id, LinkKind.ITEM, number) for id, number in left_out.values()]
    found = []
    for index, (id, kind, number) in enumerate(children):
        is_last = index == len(children) - 1
        own, lines = before + (last if is_last else branch), before + (blank if is_last else through)
        found.append(_Step(id, own, lines, step.depth + 1, kind, number))
    return found[::-1]


def _row(
    node: LineageNode, look: Look, found: ArtifactLineage, lines: str, note: str = "", *, is_start: bool = False
) -> str:
    name = escape(node.name)
    about = [text for text in _about(node, found, is_start=is_start) if text]
    room = max(8, look.width - width_of(lines)) if look.is_terminal else 10_000
    name = clip(name, room, ellipsis=look.glyph("…", "~"))
    said = clip("  ".join([*([note] if note else []), *about]), max(0, room - width_of(name) - 2))
    style = (
        "bad" if node.damage or node.status is not None else "strong" if node.kind is LineageKind.ARTIFACT else "plain"
    )
    return f"{lines}{look.paint(name, style)}  {look.paint(said, 'faint')}".rstrip()


def _about(node: LineageNode, found: ArtifactLineage, *, is_start: bool) -> Iterator[str]:
    match node.kind:
        case LineageKind.INPUT:
            yield "input of the workflow"
        case LineageKind.VALUE:
            yield "written in the workflow"
        case LineageKind.PROMPT:
            yield "prompt"
        case LineageKind.TASK:
            yield f"was given it, and {words_of(node.status or 'ended')}"
        case LineageKind.ARTIFACT:
            pass
    if node.damage:
        yield "damaged"
    elif node.kind is not LineageKind.TASK:
        yield size(node.size)
    if node.is_edited:
        yield "edited by hand"
    if node.run_id != found.run.id or is_start:
        yield f"in run {escape(node.run_id)}"
    if node.also_in:
        shown = ", ".join(escape(run) for run in node.also_in[:3])
        yield f"also in {shown}" + (f" and {len(node.also_in) - 3} more" if len(node.also_in) > 3 else "")
    if node.agent and not node.is_edited:
        yield escape(node.agent)
