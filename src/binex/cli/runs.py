"""``binex runs``: which runs there are, newest first."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option

_STATUSES = ("running", "completed", "failed", "cancelled", "interrupted", "waiting", "over_budget")


@click.command("runs")
@click.option("-n", "limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many.")
@click.option("--page", type=click.IntRange(1, 1_000_000), default=1, help="Which page of -n runs, from 1.")
@click.option("--workflow", help="Only runs of this workflow.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only runs in this state.")
@json_option
@directory_option
def command(
    limit: int,
    page: int,
    workflow: str | None,
    status: str | None,
    as_json: bool,
    directory: Path | None,
) -> int:
    """List runs, newest first."""
    from binex.analysis.runs import RunPage, list_runs
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.look import Look
    from binex.cli.render.run_list import run_list
    from binex.cli.streams import write_result
    from binex.models.run import RunStatus
    from binex.stores.run_store import RunStore

    wanted = None if status is None else RunStatus(status)

    async def ask(store: RunStore) -> RunPage:
        return await list_runs(store, limit=limit, offset=(page - 1) * limit, workflow=workflow, status=wanted)

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(run_list(found, page, Look.of(sys.stdout)))
    return code
