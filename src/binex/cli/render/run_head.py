"""What every view of one run begins with."""

from binex.analysis.origin import change_in_words
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.run_list import counts
from binex.cli.render.text import escape
from binex.cli.render.units import ago, duration
from binex.models.run import Origin, Run, RunMode, RunStatus


def run_head(run: Run, look: Look, *, taken_over: int = 0) -> str:
    """The run, how it stands, how long it took, and what it was made from.

    *taken_over* is how many of its tasks were not executed in it.
    """
    status = look.paint(words_of(run.status), style_of(run.status))
    title = f"{look.mark(run.status)} {look.paint(escape(run.workflow), 'strong')} {run.id}  {status}"
    made_from = "" if run.origin is None else f"\n  {_made_from(run.origin)}"
    if run.status is RunStatus.RUNNING:
        return f"{title}  started {ago(run.started_at)}{made_from}"
    resumed = f", resumed {'once' if run.resumed == 1 else f'{run.resumed} times'}" if run.resumed else ""
    reused = f"; {taken_over:,} of them taken over" if taken_over else ""
    took = f"in {duration(run.duration_ms)}{resumed}, {ago(run.started_at)}"
    return f"{title} {took}{made_from}\n  {counts(run.counts)}{reused}"


def is_replay(run: Run) -> bool:
    """Whether its calls were answered from the tape of another run."""
    return run.origin is not None and run.origin.mode is RunMode.REPLAY


def _made_from(origin: Origin) -> str:
    change = change_in_words(origin)
    said = "" if change == origin.mode.value else f": {escape(change.removeprefix('replay; '))}"
    mode = "a replay of" if origin.mode is RunMode.REPLAY else "a fork of"
    return f"{mode} run {escape(origin.parent)}{said}"
