"""What stands beside a node of the drawing, or beside a group of them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from binex.analysis.graph_fold import NodeGroup
from binex.analysis.run_graph import GraphNode
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.skipped import skipped
from binex.cli.render.text import clip, escape
from binex.cli.render.units import count, duration
from binex.models.task import TaskStatus

_LONGEST_AGENT: Final = 30
_NAMED: Final = 4
"""So many of those in a group that did not go well are named."""
_WORTH_NAMING: Final = (
    TaskStatus.FAILED,
    TaskStatus.TIMED_OUT,
    TaskStatus.CANCELLED,
    TaskStatus.RUNNING,
    TaskStatus.WAITING_FOR_HUMAN,
)


@dataclass(frozen=True, slots=True)
class Label:
    """The texts of one row, safe to show."""

    name: str
    status: TaskStatus | None
    about: str
    style: str = "faint"
    """The style of what is said about it."""


def label_of(part: GraphNode | NodeGroup, look: Look) -> Label:
    """What is said of a node or a group."""
    agent = clip(escape(part.agent), _LONGEST_AGENT, ellipsis=look.glyph("…", "~"))
    if isinstance(part, NodeGroup):
        said = [f"{count(len(part.nodes), 'node')}: {', '.join(_counted(part))}", agent]
        return Label(_range(part, look), part.status, ", ".join(said), _style(part.status))
    said = [text for text in _about(part) if text]
    return Label(escape(part.id), part.status, ", ".join([*said, agent]), _style(part.status))


def mark_of(status: TaskStatus | None, look: Look) -> str:
    """The sign of a status, also of one that nobody knows."""
    return "?" if status is None else look.mark(status)


def _style(status: TaskStatus | None) -> str:
    is_grave = status in (TaskStatus.FAILED, TaskStatus.TIMED_OUT, TaskStatus.CANCELLED, TaskStatus.WAITING_FOR_HUMAN)
    return style_of(status) if status is not None and is_grave else "faint"


def _range(group: NodeGroup, look: Look) -> str:
    first, last = escape(group.nodes[0].id), escape(group.nodes[-1].id)
    return f"{first} {look.glyph('…', '...')} {last}"


def _counted(group: NodeGroup) -> Iterator[str]:
    for status, number in group.counts.items():
        words = "not known" if status is None else words_of(status)
        names = group.ids(status) if status in _WORTH_NAMING and status is not None else []
        shown = ", ".join(map(escape, names[:_NAMED])) + (
            f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        )
        yield f"{number:,} {words}" + (f" ({shown})" if names else "")


def _about(node: GraphNode) -> Iterator[str]:
    if node.was_cut_off:
        yield "was being executed when the run stopped"
    elif node.skip_reason is not None:
        yield skipped(node)
    elif node.status is None:
        yield "not known"
    elif node.status is not TaskStatus.COMPLETED:
        yield words_of(node.status)
    if node.duration_ms:
        yield duration(node.duration_ms)
    if node.items:
        yield f"{count(sum(node.items.values()), 'item')}: {_states(node.items)}"
    if node.attempts > 1:
        yield f"{node.attempts} attempts"
    if node.is_edited:
        yield "edited"
    if node.reused_from is not None:
        yield f"taken over from run {escape(node.reused_from)}"
    if node.error is not None:
        yield escape(node.error)


def _states(items: Mapping[TaskStatus, int]) -> str:
    return ", ".join(f"{number:,} {words_of(status)}" for status, number in Counter(items).most_common())
