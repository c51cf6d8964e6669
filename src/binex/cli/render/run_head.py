"""What every view of one run begins with."""

from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.run_list import counts
from binex.cli.render.text import escape
from binex.cli.render.units import ago, duration
from binex.models.run import Run, RunStatus


def run_head(run: Run, look: Look) -> str:
    """The run, how it stands, and how long it took."""
    status = look.paint(words_of(run.status), style_of(run.status))
    title = f"{look.mark(run.status)} {look.paint(escape(run.workflow), 'strong')} {run.id}  {status}"
    if run.status is RunStatus.RUNNING:
        return f"{title}  started {ago(run.started_at)}"
    resumed = f", resumed {'once' if run.resumed == 1 else f'{run.resumed} times'}" if run.resumed else ""
    return f"{title} in {duration(run.duration_ms)}{resumed}, {ago(run.started_at)}\n  {counts(run.counts)}"
