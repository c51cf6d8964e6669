"""What every view of one run begins with."""

from binex.analysis.origin import change_in_words
from binex.cli.render.blocks import sentence
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.run_list import counts
from binex.cli.render.text import escape, width_of
from binex.cli.render.units import ago, duration
from binex.models.run import Origin, Run, RunMode, RunStatus


def run_head(run: Run, look: Look, *, taken_over: int = 0) -> str:
    """The run, how it stands, how long it took, and what it was made from.

    *taken_over* is how many of its tasks were not executed in it.
    """
    status = look.paint(words_of(run.status), style_of(run.status))
    name, took = escape(run.workflow), _took(run)
    is_wide = look.is_terminal and 6 + width_of(f"{name}{run.id}{words_of(run.status)}{took}") > look.width
    gap = "\n  " if is_wide else "  "
    lines = [f"{look.mark(run.status)} {look.paint(name, 'strong')} {run.id}{gap}{status}{took}"]
    if run.origin is not None:
        lines += sentence(_made_from(run.origin), look, 2)
    if run.status is not RunStatus.RUNNING:
        reused = f"; {taken_over:,} of them taken over" if taken_over else ""
        lines += sentence(f"{counts(run.counts)}{reused}", look, 2)
    return "\n".join(lines)


def is_replay(run: Run) -> bool:
    """Whether its calls were answered from the tape of another run."""
    return run.origin is not None and run.origin.mode is RunMode.REPLAY


def _took(run: Run) -> str:
    """How long, and when."""
    if run.status is RunStatus.RUNNING:
        return f"  started {ago(run.started_at)}"
    resumed = f", resumed {'once' if run.resumed == 1 else f'{run.resumed} times'}" if run.resumed else ""
    return f" in {duration(run.duration_ms)}{resumed}, {ago(run.started_at)}"


def _made_from(origin: Origin) -> str:
    change = change_in_words(origin)
    said = "" if change == origin.mode.value else f": {escape(change.removeprefix('replay; '))}"
    mode = "a replay of" if origin.mode is RunMode.REPLAY else "a fork of"
    return f"{mode} run {escape(origin.parent)}{said}"
