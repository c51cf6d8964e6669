"""``binex cost``: what a run cost."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from binex.cli.options import directory_option, json_option, run_argument

if TYPE_CHECKING:
    from binex.loader import Bound
    from binex.models.workflow_source import WorkflowSource


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

    def bind(source: "WorkflowSource") -> "Bound":
        from binex.loader import bind_source  # takes longer to load than all the rest, and few workflows need it

        return bind_source(source)

    async def ask(store: RunStore) -> CostReport:
        return await cost_of(store, await find_run(store, run), bind)

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(cost_report(found, Look.of(sys.stdout)))
    return code
