"""What stands above all that is told of one task."""

from binex.cli.render.look import Look, words_of
from binex.cli.render.text import escape, width_of
from binex.models.task import TaskStatus


def task_title(path: str, status: TaskStatus, agent: str, look: Look, indent: int = 0) -> str:
    """``✗ plan  failed  local://plan.make``; where that is too wide, the agent stands below."""
    edge, name, said = " " * indent, escape(path), words_of(status)
    is_wide = look.is_terminal and indent + 6 + width_of(f"{name}{said}{escape(agent)}") > look.width
    gap = f"\n{edge}    " if is_wide else "  "
    return f"{edge}{look.mark(status)} {look.paint(name, 'strong')}  {said}{gap}{look.paint(escape(agent), 'faint')}"
