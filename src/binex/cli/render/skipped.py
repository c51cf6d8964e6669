"""What became of a task without its agent, in words."""

from collections import Counter
from typing import TYPE_CHECKING

from binex.analysis.trace import TaskTrace
from binex.cli.render.text import escape
from binex.models.task import SkipReason

if TYPE_CHECKING:
    from binex.analysis.run_graph import GraphNode


def skipped(task: "TaskTrace | GraphNode") -> str:
    """``skipped: its condition was false``; nothing for a task that was not skipped."""
    match task.skip_reason:
        case None:
            return ""
        case SkipReason.BLOCKED:
            return f"skipped: '{escape(task.blocked_by or '?')}' failed"
        case SkipReason.WHEN:
            return "skipped: its condition was false"
        case SkipReason.LEFT_OUT:
            return "left out: the fork was to execute another task alone"
        case SkipReason.BY_HAND:
            return "skipped by hand"


def note_on(task: TaskTrace) -> str:
    """``edited, taken over from run 1k3x``; nothing for a task that was executed here and that nobody touched."""
    return ", ".join(part for part in ("edited" if task.is_edited else "", _taken_over(task)) if part)


def _taken_over(task: TaskTrace) -> str:
    """From which run; for a foreach node how many of its items were, where it was not itself."""
    if task.reused_from is not None:
        return f"taken over from run {escape(task.reused_from)}"
    runs = Counter(item.reused_from for item in task.items if item.reused_from is not None)
    if not runs:
        return ""
    number = f"{runs.total():,} of {len(task.items):,} items taken over from "
    return number + (f"run {escape(next(iter(runs)))}" if len(runs) == 1 else f"{len(runs):,} runs")
