"""A run as a bundle, which `binex import` takes in elsewhere: whole, or not at all."""

from typing import IO

from binex.errors import DamagedDataError
from binex.models.run import Run
from binex.reports.formats import Order, Written
from binex.stores.bundles.writing import write_bundle
from binex.stores.run_store import RunStore


async def write(store: RunStore, run: Run, file: IO[bytes], order: Order) -> Written:
    """Write *run* with all runs that it was made from.

    Raises:
        DamagedDataError: something of them cannot be read.
    """
    manifest = await write_bundle(store, run, file)
    if order.notices:
        message = f"run {run.id} cannot be exported: {order.notices[0]}"
        raise DamagedDataError(message, fix="see all of it with: binex doctor")
    return Written(counts={table.removesuffix(".jsonl"): number for table, number in manifest.counts.items()})
