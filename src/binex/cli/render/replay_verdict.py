"""How a replay compares with its run."""

from collections.abc import Mapping

from binex.analysis.replayed import Difference, DifferenceKind, ReplayVerdict
from binex.cli.render.look import Look, words_of
from binex.cli.render.text import escape
from binex.cli.render.units import count
from binex.models.run import RunStatus

_FOLLOWING_SHOWN = 8
_STOPPED = (RunStatus.INTERRUPTED, RunStatus.WAITING)
_WHAT = {
    DifferenceKind.STATUS: "ended otherwise",
    DifferenceKind.ERROR: "failed in another way",
    DifferenceKind.OUTPUT: "made something else",
    DifferenceKind.MISSING: "never ended in the replay",
    DifferenceKind.ADDED: "never ended in the run",
}


def replay_verdict(verdict: ReplayVerdict, look: Look) -> str:
    """The verdict first, then the first difference and what led to it, then what else is different."""
    compared = f"{count(verdict.tasks, 'task')}, {count(verdict.artifacts, 'artifact')}"
    parent, replay, status = escape(verdict.parent), escape(verdict.run.id), verdict.run.status
    if status in _STOPPED:  # what it did not come to is no difference
        stopped = f"{look.mark(status)} replay {replay} of run {parent} is {words_of(status)}, and is not compared"
        return f"{stopped}\n  a replay only goes on as a whole: binex replay {parent}"
    if verdict.is_equal:
        lines = [f"{look.mark('completed')} equal: {compared} of run {parent} came out the same in replay {replay}"]
    else:
        different = count(len(verdict.differences), "difference")
        lines = [f"{look.mark('failed')} {different} in {compared} of run {parent}; the replay is {replay}"]
    if verdict.taken_over:
        lines.append(
            f"  {count(verdict.taken_over, 'task')} not executed: never carried to an end, or made by hand, in the run"
        )
    if verdict.first is not None:
        lines += _in_full(verdict.first, look)
        lines += _others(verdict, look)
    return "\n".join(lines)


def fault_verdict(verdict: ReplayVerdict, unmet: Mapping[str, int], look: Look) -> str:
    """Whether the run held under its faults, and what came out otherwise because of them."""
    missed = [
        f"{escape(task)} made no call that could meet {'a fault' if count == 1 else f'{count} faults'} more"
        for task, count in unmet.items()
    ]
    if missed and verdict.run.status is RunStatus.COMPLETED:
        lines = [f"{look.mark('failed')} run {escape(verdict.parent)} was not put to the test: {missed[0]}"]
        return "\n".join([*lines, *(f"  {said}" for said in missed[1:])])
    origin = verdict.run.origin
    changes = origin.changes if origin is not None else ()
    faults = ", ".join(f"{escape(change.node)} met {escape(str(change.value))}" for change in changes)
    held = verdict.run.status is RunStatus.COMPLETED
    mark, word = ("completed", "held") if held else ("failed", "did not hold")
    lines = [f"{look.mark(mark)} run {escape(verdict.parent)} {word}: {faults}"]
    if verdict.is_equal:
        lines.append(f"  all that was made is the same: {count(verdict.artifacts, 'artifact')}")
    elif verdict.first is not None:
        lines += _in_full(verdict.first, look)
        lines += _others(verdict, look)
    return "\n".join(lines)


def _in_full(found: Difference, look: Look) -> list[str]:
    what = f".{found.output}" if found.output not in ("", "output") else ""
    lines = ["", f"first difference: {look.paint(escape(found.task + what), 'strong')} {_WHAT[found.kind]}"]
    lines.append(f"  {look.paint('recorded', 'faint')}  {escape(found.before)}")
    lines.append(f"  {look.paint('replayed', 'faint')}  {escape(found.after)}")
    lines += [f"  {look.paint('led to it', 'faint')} {escape(cause)}" for cause in found.led_to_it]
    return lines


def _others(verdict: ReplayVerdict, look: Look) -> list[str]:
    others = [found for found in verdict.differences if found is not verdict.first]
    lines = [""] if others else []
    for found in others[:_FOLLOWING_SHOWN]:
        why = f", which follows from {escape(', '.join(found.follows_from[:3]))}" if found.follows_from else ""
        lines.append(f"  {escape(found.task)} {_WHAT[found.kind]}{why}")
    if len(others) > _FOLLOWING_SHOWN:
        lines.append(
            look.paint(f"  {look.glyph('…', '~')} and {len(others) - _FOLLOWING_SHOWN:,} more: --json", "faint")
        )
    return lines
