"""The graph of a run as a drawing: what comes first above, what depends on it below."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from binex.analysis.graph_fold import FoldedGraph, NodeGroup, fold, unfolded
from binex.analysis.run_graph import EdgeKind, GraphNode, RunGraph
from binex.models.task import TaskStatus
from binex.models.units import count, duration
from binex.reports.html.elements import Child, Markup, element, markup
from binex.reports.html.layers import Place, lay_out
from binex.reports.html.values import tone, words_of

_MOST_UNFOLDED: Final = 40
_MOST: Final = 200
"""More nodes than this are not drawn: nobody could follow the lines."""
_BOX: Final = (156, 46)
_STEP: Final = (180, 92)
_LONGEST_NAME: Final = 19


def graph(found: RunGraph, anchors: Mapping[str, str]) -> Markup:
    """The drawing, with a sentence in the place of what is too large for one."""
    folded = unfolded(found) if len(found.nodes) <= _MOST_UNFOLDED else fold(found)
    if not folded.parts:
        return element("p", "Nothing is known of its nodes.", class_="faint")
    if len(folded.parts) > _MOST:
        said = f"{count(len(folded.parts), 'node')} are too many to draw."
        return element("p", said, " In a terminal: ", element("code", f"binex trace {found.run.id} --graph"))
    return markup(
        element("div", _drawing(folded, anchors), class_="graph", tabindex=0, role="group", aria_label="Graph"),
        _about(folded),
    )


def _drawing(folded: FoldedGraph, anchors: Mapping[str, str]) -> Markup:
    order = _in_order(folded)
    layout = lay_out(order, [(edge.before, edge.after) for edge in folded.edges])
    width = layout.columns * _STEP[0] - (_STEP[0] - _BOX[0]) + 8
    height = layout.layers * _STEP[1] - (_STEP[1] - _BOX[1]) + 8
    kinds = {(edge.before, edge.after): edge for edge in folded.edges}
    lines = []
    for ends, route in layout.routes.items():
        edge = kinds[ends]
        is_order = edge.kinds == (EdgeKind.ORDER,)
        title = f"{ends[0]} to {ends[1]}" + (f": {', '.join(edge.references)}" if edge.references else "")
        said = element("title", title)
        lines.append(element("path", said, class_="edge order" if is_order else "edge", d=_path(route)))
        lines.append(_tip(route[-1]))
    boxes = [_box(part, layout.nodes[part.id], anchors) for part in folded.parts]
    return element(
        "svg",
        lines,
        boxes,
        role="img",
        aria_label=f"{count(len(boxes), 'node')} and what depends on what",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
    )


def _in_order(folded: FoldedGraph) -> list[str]:
    """Their names such that what depends on something comes after it."""
    waits: dict[str, set[str]] = {part.id: set() for part in folded.parts}
    for edge in folded.edges:
        if edge.before in waits and edge.after in waits:
            waits[edge.after].add(edge.before)
    order: dict[str, None] = {}
    while len(order) < len(waits):
        ready = [name for name, needed in waits.items() if name not in order and needed <= order.keys()]
        order |= dict.fromkeys(ready or [name for name in waits if name not in order])
    return list(order)


def _box(part: GraphNode | NodeGroup, place: Place, anchors: Mapping[str, str]) -> Markup:
    x, y = _corner(place)
    name = part.id if isinstance(part, GraphNode) else f"{len(part.nodes):,} of {part.agent}"
    status = "unknown" if part.status is None else part.status.value
    shown = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    middle = x + _BOX[0] / 2
    drawn = element(
        "g",
        element("title", f"{name}: {_state(part)}"),
        element("rect", class_="box", x=x, y=y, width=_BOX[0], height=_BOX[1], rx=6),
        element("text", shown, x=middle, y=y + 20, text_anchor="middle"),
        element("text", _state(part, short=True), x=middle, y=y + 36, text_anchor="middle", class_="about"),
        class_=tone(status),
    )
    return element("a", drawn, href=f"#{anchors[part.id]}") if part.id in anchors else drawn


def _state(part: GraphNode | NodeGroup, *, short: bool = False) -> str:
    if isinstance(part, NodeGroup):
        return _counted(part.counts, most=2 if short else None)
    if part.items:
        return _counted(part.items, most=2 if short else None)
    status = "unknown" if part.status is None else words_of(part.status)
    return f"{status}, {duration(part.duration_ms)}" if part.attempts else status


def _counted(counts: Mapping[TaskStatus, int] | Mapping[TaskStatus | None, int], *, most: int | None) -> str:
    said = [f"{number:,} {'unknown' if status is None else words_of(status)}" for status, number in counts.items()]
    return ", ".join(said[:most])


def _corner(place: Place) -> tuple[float, float]:
    return place.column * _STEP[0] + 4, place.layer * _STEP[1] + 4


def _path(route: Sequence[Place]) -> str:
    """Curves from the bottom of the first through the middle of what lies between to the top of the last."""
    points = []
    for index, place in enumerate(route):
        x, y = _corner(place)
        x += _BOX[0] / 2
        if index == 0:
            points.append((x, y + _BOX[1]))
        elif index == len(route) - 1:
            points.append((x, y - 7))
        else:
            points += [(x, y), (x, y + _BOX[1])]
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for (x1, y1), (x2, y2) in pairwise(points):
        half = (y2 - y1) / 2
        path += f"C{x1:g} {y1 + half:g} {x2:g} {y2 - half:g} {x2:g} {y2:g}"
    return path


def _tip(place: Place) -> Markup:
    x, y = _corner(place)
    x += _BOX[0] / 2
    return element("path", class_="tip", d=f"M{x:g} {y:g}l-4.5 -8h9z")


def _about(folded: FoldedGraph) -> Markup | None:
    said: list[Child] = []
    if any(edge.kinds == (EdgeKind.ORDER,) for edge in folded.edges):
        said.append("A broken line: it only comes after the other, and is given nothing of it. ")
    if folded.groups:
        said.append("Nodes with the same agent and the same neighbours stand as one.")
    return element("p", said, class_="notice") if said else None
