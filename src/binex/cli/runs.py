"""``binex runs``: which runs there are, newest first, or as families."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option

_STATUSES = ("running", "completed", "failed", "cancelled", "interrupted", "waiting", "over_budget")


@click.command("runs")
@click.argument("run", required=False)
@click.option("--tree", "is_tree", is_flag=True, help="Show forks and replays under what they were made from.")
@click.option("-n", "limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many.")
@click.option("--page", type=click.IntRange(1, 1_000_000), default=1, help="Which page of -n runs, from 1.")
@click.option("--workflow", help="Only runs of this workflow.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only runs in this state.")
@json_option
@directory_option
def command(  # noqa: PLR0913 - the options of the command
    *,
    run: str | None,
    is_tree: bool,
    limit: int,
    page: int,
    workflow: str | None,
    status: str | None,
    as_json: bool,
    directory: Path | None,
) -> int:
    """List runs, newest first; with --tree whole families of runs, or that of RUN."""
    from binex.analysis.family import FamilyPage, family_of, list_families
    from binex.analysis.find import find_run
    from binex.analysis.runs import RunPage, list_runs
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.look import Look
    from binex.cli.render.run_list import run_list
    from binex.cli.render.run_tree import run_tree
    from binex.cli.streams import write_result
    from binex.errors import InputError
    from binex.models.run import RunStatus
    from binex.stores.run_store import RunStore

    wanted = None if status is None else RunStatus(status)
    if run is not None and not is_tree:
        raise InputError("one run is no list", fix="--tree shows its family; 'binex debug' shows the run")
    if run is not None and (page != 1 or workflow is not None or wanted is not None):
        raise InputError("the family of one run is shown whole", fix="leave out --page, --workflow and --status")

    async def ask(store: RunStore) -> RunPage | FamilyPage:
        if run is not None:
            return await family_of(store, await find_run(store, run))
        if is_tree:
            return await list_families(store, limit=limit, page=page, workflow=workflow, status=wanted)
        return await list_runs(store, limit=limit, offset=(page - 1) * limit, workflow=workflow, status=wanted)

    found, code = read(directory, ask)
    look = Look.of(sys.stdout)
    if as_json:
        print_json(found)
    else:
        write_result(run_tree(found, look) if isinstance(found, FamilyPage) else run_list(found, page, look))
    return code
