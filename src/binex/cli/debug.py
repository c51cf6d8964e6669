"""``binex debug``: everything about a run."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option, run_argument


@click.command("debug")
@run_argument
@json_option
@directory_option
def command(run: str, as_json: bool, directory: Path | None) -> int:
    """Show everything about RUN (default: latest): what failed, why, what it blocked, and what to type next."""
    from binex.analysis.debug import RunDebug, debug
    from binex.analysis.find import find_run
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.look import Look
    from binex.cli.render.run_debug import run_debug
    from binex.cli.streams import write_result
    from binex.errors import DamagedDataError
    from binex.stores.run_store import RunStore

    async def ask(store: RunStore) -> RunDebug:
        return await debug(store, await find_run(store, run))

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(run_debug(found, Look.of(sys.stdout), directory))
    return DamagedDataError.exit_code if found.damage else code
