"""A run as spans of OpenTelemetry, in OTLP's form as JSON."""

from typing import IO

from binex.analysis.artifacts import Damage
from binex.models.run import Run
from binex.reports.formats import Order, Written
from binex.stores.run_store import RunStore
from binex.telemetry.otlp_json import write_json
from binex.telemetry.stored import StoredSpans


async def write(store: RunStore, run: Run, file: IO[bytes], order: Order) -> Written:
    """Write one request with all spans of *run*; what was said in its calls only where that is wanted."""
    spans = StoredSpans(store, run, with_content=order.with_content)
    count = await write_json(file, spans.read())
    damage = tuple(Damage(where="spans", message=message, fix="binex doctor") for message in spans.damage)
    return Written(counts={"spans": count}, damage=damage)
