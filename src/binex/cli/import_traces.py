"""Takes the traces in a file into the store, and says what they have become."""

import asyncio
import sys
from pathlib import Path
from typing import IO

from binex.cli.printing import print_json
from binex.cli.reading import store_folder
from binex.cli.render.imported_traces import imported_traces
from binex.cli.render.look import Look
from binex.cli.render.text import escape
from binex.cli.streams import write_note, write_result
from binex.loader import load_settings
from binex.stores.backends.sqlite import open_sqlite_store
from binex.telemetry.foreign.importing import ImportedTraces, import_traces


def import_file(file: IO[bytes], *, as_json: bool, directory: Path | None) -> int:
    """Import every trace in *file*; the exit code.

    Raises:
        TraceError: there are none, or none that can be taken in.
        RunError: one of them is there already, and was another one.
    """
    home = store_folder(directory)
    patterns = load_settings(home.parent).redaction.patterns

    def notice(message: str) -> None:
        write_note(escape(message))

    async def take() -> ImportedTraces:
        async with open_sqlite_store(home, on_notice=notice) as store:
            return await import_traces(store, file, patterns)

    report = asyncio.run(take())
    if as_json:
        print_json(report)
    else:
        write_result(imported_traces(report, Look.of(sys.stdout)))
    return 0
