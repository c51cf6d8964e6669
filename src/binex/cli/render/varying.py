"""What does not come out the same each time."""

from binex.analysis.varying import Variation
from binex.cli.render.look import Look
from binex.cli.render.text import escape
from binex.cli.render.units import count


def varying(found: Variation, look: Look) -> str:
    """The nodes that are not deterministic, and those that only follow from them."""
    replays = count(len(found.replays), "replay")
    if found.is_deterministic:
        return f"{look.mark('completed')} deterministic: {replays} of run {escape(found.parent)} came out as it did"
    own = [task for task in found.tasks if not task.follows_from]
    lines = [
        f"{look.mark('failed')} not deterministic in {replays} of run {escape(found.parent)}: {count(len(own), 'task')}"
    ]
    lines += [f"  {look.paint(escape(task.task), 'strong')} came out in {task.ways} ways" for task in own]
    following = len(found.tasks) - len(own)
    if following:
        lines.append(look.paint(f"  and {count(following, 'task')} that follow from them", "faint"))
    lines.append("  what depends on the clock or on chance can go through binex.now(), binex.random() and binex.uuid()")
    return "\n".join(lines)
