"""``binex stats``: how workflows, their nodes and models do over time."""

import sys
from datetime import datetime
from pathlib import Path

import click

from binex.cli.moments import read_moment
from binex.cli.options import directory_option, json_option

_TERMINAL = "-"


@click.command("stats")
@click.argument("workflow", required=False)
@click.option(
    "--by", type=click.Choice(("hour", "day", "week")), help="Into what the time is cut. Default: by its length."
)
@click.option("--since", callback=read_moment, metavar="WHEN", help="Only runs begun since then: 2h, 3d, 2026-11-20.")
@click.option("--until", callback=read_moment, metavar="WHEN", help="Only runs begun before then.")
@click.option("--models", "is_of_models", is_flag=True, help="Show the models that were asked, instead of workflows.")
@click.option("--forks", "has_forks", is_flag=True, help="Count forks too: what they executed was paid for.")
@click.option(
    "--plot",
    "plot",
    is_flag=False,
    flag_value=_TERMINAL,
    metavar="[FILE]",
    help="Draw it here, or into FILE, which ends with .png or .svg.",
)
@json_option
@directory_option
def command(  # noqa: PLR0913 - the options of the command
    *,
    workflow: str | None,
    by: str | None,
    since: datetime | None,
    until: datetime | None,
    is_of_models: bool,
    has_forks: bool,
    plot: str | None,
    as_json: bool,
    directory: Path | None,
) -> int:
    """Show how workflows do over time, or WORKFLOW and its nodes: success, latency, cost, retries and tokens.

    With --models it shows the models that were asked, in all runs or in those of WORKFLOW. Replays are left out, and so
    are forks without --forks. Latency is that of runs, tasks or calls that completed or failed.
    """
    from binex.analysis.statistics.report import StatsReport
    from binex.analysis.statistics.stats import find_stats
    from binex.analysis.statistics.time_buckets import Span
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.look import Look
    from binex.cli.render.stats import stats_table
    from binex.cli.streams import write_note, write_result
    from binex.errors import InputError
    from binex.stores.run_store import RunStore

    if since is not None and until is not None and since >= until:
        raise InputError("--since is not before --until", fix="--since 3d --until 1d is from three days ago to one")
    file = None if plot in (None, _TERMINAL) else Path(str(plot))
    if file is not None:
        from binex.analysis.statistics.plot import require_picture

        require_picture(file)

    async def ask(store: RunStore) -> StatsReport:
        if workflow is not None and not await store.list_runs(limit=1, workflow=workflow):
            raise InputError(f"no run of a workflow {workflow!r:.80}", fix="'binex stats' lists the workflows")
        return await find_stats(
            store,
            workflow,
            since=since,
            until=until,
            by=None if by is None else Span(by),
            is_of_models=is_of_models,
            has_forks=has_forks,
        )

    report, code = read(directory, ask)
    if file is not None:
        from binex.analysis.statistics.plot import write_plot

        write_plot(report, file)
        write_note(f"wrote {file}")
    look = Look.of(sys.stdout)
    if as_json:
        print_json(report)
    elif plot == _TERMINAL:
        from binex.cli.render.stats_plot import plot_lines

        write_result(plot_lines(report, look))
    else:
        write_result(stats_table(report, look))
    return code
