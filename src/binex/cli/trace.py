"""``binex trace``: when everything in a run happened."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option, run_argument


@click.command("trace")
@run_argument
@click.option("--items", "with_items", is_flag=True, help="Show every item of a foreach, not only those that failed.")
@json_option
@directory_option
def command(run: str, with_items: bool, as_json: bool, directory: Path | None) -> int:
    """Show when everything in RUN happened (default: latest).

    A line is a task, a bar an attempt. Dotted: it waited for its turn, or for its next attempt.
    What was taken over from another run took no time in this one, and has no bar.
    """
    from binex.analysis.find import find_run
    from binex.analysis.trace import Trace, trace
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.look import Look
    from binex.cli.render.run_head import run_head
    from binex.cli.render.timeline import timeline
    from binex.cli.streams import write_result
    from binex.stores.run_store import RunStore

    async def ask(store: RunStore) -> Trace:
        return await trace(store, await find_run(store, run))

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        look = Look.of(sys.stdout)
        head = run_head(found.run, look, taken_over=found.taken_over)
        write_result(f"{head}\n\n{timeline(found, look, with_items=with_items)}")
    return code
