"""``binex cost``: what a run cost."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from binex.cli.options import directory_option, json_option, run_argument

if TYPE_CHECKING:
    from binex.models.budget import Budget
    from binex.models.run import Run
    from binex.stores.run_store import RunStore


@click.command("cost")
@run_argument
@json_option
@directory_option
def command(run: str, as_json: bool, directory: Path | None) -> int:
    """Show what the calls of models cost in RUN (default: latest), by node and by model."""
    from binex.analysis.cost import cost_of
    from binex.analysis.find import find_run
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.cost import cost_report
    from binex.cli.render.look import Look
    from binex.cli.streams import write_result
    from binex.models.cost import CostReport
    from binex.stores.run_store import RunStore

    async def ask(store: RunStore) -> CostReport:
        found = await find_run(store, run)
        return await cost_of(store, found, await _budgets_of(store, found))

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(cost_report(found, Look.of(sys.stdout)))
    return code


async def _budgets_of(store: "RunStore", run: "Run") -> "dict[str, Budget]":
    """The budgets of the nodes, by the workflow that the run was started with; none where that cannot be read."""
    from binex.errors import BinexError

    try:
        source = await store.get_source(run.workflow_hash)
        if "budget" not in source.text:
            return {}  # reading a workflow takes longer than all the rest
        from binex.loader import load_source

        nodes = load_source(source).nodes
    except BinexError:
        return {}
    return {node_id: node.budget for node_id, node in nodes.items() if node.budget is not None}
