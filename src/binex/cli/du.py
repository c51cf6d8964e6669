"""``binex du``: what the store takes on the disk."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option


@click.command("du")
@click.argument("run", required=False)
@click.option("-n", "limit", type=click.IntRange(0, 100_000), default=10, show_default=True, help="How many runs.")
@json_option
@directory_option
def command(run: str | None, limit: int, as_json: bool, directory: Path | None) -> int:
    """Show what the store takes on the disk: by kind, by workflow, and the largest runs; or what RUN takes."""
    from binex.analysis.find import find_run
    from binex.analysis.room.usage import RunUsageDetail, StoreUsage, measure, measure_run
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.look import Look
    from binex.cli.render.usage import run_usage, store_usage
    from binex.cli.streams import write_result
    from binex.stores.run_store import RunStore

    async def ask(store: RunStore) -> StoreUsage | RunUsageDetail:
        wanted = None if run is None else (await find_run(store, run)).id
        stock = await store.take_stock()
        return measure(stock) if wanted is None else measure_run(stock, wanted)

    found, code = read(directory, ask)
    look = Look.of(sys.stdout)
    if as_json:
        print_json(found)
    else:
        write_result(store_usage(found, limit, look) if isinstance(found, StoreUsage) else run_usage(found, look))
    return code
