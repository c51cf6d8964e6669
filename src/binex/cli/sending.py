"""Sends the spans of a stored run to a collector, all of them, and says how many were taken."""

import asyncio
from pathlib import Path

from binex.analysis.find import find_run
from binex.cli.reading import read
from binex.cli.render.text import escape, pretty_json
from binex.cli.render.units import count
from binex.cli.streams import write_note, write_result
from binex.errors import DamagedDataError, RunError
from binex.models.run import Run
from binex.stores.run_store import RunStore
from binex.telemetry.sending import AT_ONCE, Collector, endpoint_of, require_installed
from binex.telemetry.span import Span
from binex.telemetry.stored import StoredSpans

_MOST_BYTES = 8 << 20
"""How much of contents is sent with one request; many collectors take no more than that."""


def send_run(run: str, endpoint: str | None, *, with_content: bool, as_json: bool, directory: Path | None) -> int:
    """Send the spans of *run*; the exit code.

    Raises:
        InputError: there is no such run; *endpoint* is no address; or OpenTelemetry is not installed.
        RunError: the collector did not take all of them; the message says how many it has.
    """
    require_installed("--format otel without -o")
    collector = Collector(None if endpoint is None else endpoint_of(endpoint))
    damage: list[str] = []

    async def send(store: RunStore) -> tuple[Run, int]:
        found = await find_run(store, run)
        spans = StoredSpans(store, found, with_content=with_content)
        sent = await _send(collector, spans)
        damage.extend(spans.damage)
        return found, sent

    try:
        (found, sent), code = read(directory, send)
    finally:
        collector.close()
    for message in damage:
        write_note(f"damaged: {escape(message)}")
    if as_json:
        answer = {"run": found.model_dump(mode="json"), "endpoint": collector.address, "spans": sent, "damage": damage}
        write_result(pretty_json(answer))
    else:
        where = escape(collector.address)
        write_result(f"run {found.id} ({escape(found.workflow)}): {count(sent, 'span')} sent to {where}")
    return DamagedDataError.exit_code if damage else code


async def _send(collector: Collector, spans: StoredSpans) -> int:
    """Send all *spans*, some at a time; how many that were."""
    sent = size = 0
    batch: list[Span] = []

    async def send_batch() -> None:
        nonlocal sent
        try:
            await asyncio.to_thread(collector.send, batch)
        except RunError as error:
            before = f"; {sent:,} before them were taken" if sent else ""
            raise RunError(f"{error.message}{before}", fix=error.fix) from None
        sent += len(batch)

    async for span in spans.read():
        batch.append(span)
        size += sum(len(value) for value in span.attributes.values() if isinstance(value, str))
        if len(batch) >= AT_ONCE or size > _MOST_BYTES:
            await send_batch()
            batch, size = [], 0
    if batch:
        await send_batch()
    return sent
