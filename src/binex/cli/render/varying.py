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
    is_steady = all(task.is_steady for task in own)
    what = f"not deterministic in {replays} of run {escape(found.parent)}"
    if is_steady:
        what = f"{replays} of run {escape(found.parent)} agree with each other, and not with it"
    lines = [f"{look.mark('failed')} {what}: {count(len(own), 'task')}"]
    for task in own:
        ways = "the same each time, but not as recorded" if task.is_steady else f"in {task.ways} ways"
        lines.append(f"  {look.paint(escape(task.task), 'strong')} came out {ways}")
    following = len(found.tasks) - len(own)
    if following:
        lines.append(look.paint(f"  and {count(following, 'task')} that follow from them", "faint"))
    if any(task.is_steady for task in own):
        lines.append(f"  'binex replay {escape(found.parent)}' shows what is different, and what may have led to it")
    if not is_steady:
        lines.append(
            "  what depends on the clock or on chance can go through binex.now(), binex.random() and binex.uuid()"
        )
    return "\n".join(lines)
