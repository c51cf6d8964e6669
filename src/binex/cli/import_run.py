"""``binex import``: a run from another machine or another person, or the trace of another program."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from binex.cli.options import directory_option, json_option

_LOOKED_AT = 1 << 16

if TYPE_CHECKING:
    from binex.cli.render.imported import NeededFunction
    from binex.stores.bundles.importing import Imported


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where its local functions are. Default: where they were, or else the current folder.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(("run", "otel")),
    help="What FILE is: a run (the default), or traces as OTLP, in JSON (known by its look), JSON lines or protobuf.",
)
@json_option
@directory_option
def command(file: Path, folder: Path | None, kind: str | None, as_json: bool, directory: Path | None) -> int:
    """Take the run in FILE, which 'binex export' wrote, into the store; - reads stdin.

    All of it is verified first, and nothing in it is executed. It comes in whole or not at all. A run that is there
    already, and is the same, stays as it is.

    With --format otel, FILE has traces of any program that speaks OpenTelemetry with the conventions of GenAI or
    OpenInference: each becomes a run that can be looked at, and not executed.
    """
    from binex.errors import InputError

    with _opened(file) as opened:
        if (kind or _kind_of(opened)) == "run":
            return _import_bundle(opened, folder, as_json=as_json, directory=directory)
        if folder is not None:
            raise InputError("--folder means nothing for a trace, which has no functions", fix="leave it out")
        from binex.cli.import_traces import import_file

        opened.seek(0)
        return import_file(opened, as_json=as_json, directory=directory)


def _kind_of(file: "IO[bytes]") -> str:
    """What a file is by its look: a trace only where it cannot be anything else."""
    from binex.telemetry.foreign.reading import is_trace

    file.seek(0)
    beginning = file.read(_LOOKED_AT)
    file.seek(0)
    return "otel" if is_trace(beginning) else "run"


def _import_bundle(opened: "IO[bytes]", folder: Path | None, *, as_json: bool, directory: Path | None) -> int:
    import asyncio

    from binex.cli.printing import print_json
    from binex.cli.reading import store_folder
    from binex.cli.render.imported import ImportReport, import_report
    from binex.cli.render.look import Look
    from binex.cli.render.text import escape
    from binex.cli.streams import write_note, write_result
    from binex.stores.backends.sqlite import open_sqlite_store
    from binex.stores.bundles.importing import Imported, bring_in
    from binex.stores.bundles.reading import Bundle

    home = None if folder is None else folder.absolute()

    def notice(message: str) -> None:
        write_note(escape(message))

    async def take(bundle: Bundle) -> Imported:
        async with open_sqlite_store(store_folder(directory), on_notice=notice) as store:
            return await bring_in(store, bundle, home)

    imported = asyncio.run(take(Bundle.open(opened)))
    report = ImportReport(
        run=imported.run,
        imported=imported.imported,
        present=imported.present,
        folder=imported.source.folder,
        recorded_folder=imported.recorded_folder,
        functions=tuple(_functions_of(imported)),
    )
    if as_json:
        print_json(report)
    else:
        write_result(import_report(report, Look.of(sys.stdout)))
    return 0


def _functions_of(imported: "Imported") -> "Iterator[NeededFunction]":
    """The local functions and tools that a workflow names, by what its text says; none is imported."""
    from binex.adapters.local_finding import ECHO, SCHEME, LocalName
    from binex.adapters.local_source import Sources
    from binex.adapters.tools.uris import PYTHON
    from binex.cli.render.imported import CodeState, NeededFunction
    from binex.errors import BinexError
    from binex.loader import load_source

    try:
        nodes = load_source(imported.source).nodes.values()
    except BinexError:  # what was recorded can be looked at all the same
        return
    sources = Sources()
    uris = {uri for node in nodes for uri in (node.agent, *node.tools) if uri.startswith((SCHEME, PYTHON))}
    for uri in sorted(uris - {f"{SCHEME}{ECHO}"}):
        then = imported.run.versions.handlers.get(uri)
        try:
            name = LocalName.of(uri.removeprefix(PYTHON))
            today = sources.hash_of(name.module, imported.source.folder)
        except BinexError:
            today = None
        if then is None and today is None:
            state = CodeState.ELSEWHERE
        elif today is None:
            state = CodeState.MISSING
        else:
            state = CodeState.SAME if today == then else CodeState.CHANGED
        yield NeededFunction(uri=uri, code=state)


@contextmanager
def _opened(file: Path) -> "Iterator[IO[bytes]]":
    """The file; stdin as one that can seek.

    Raises:
        InputError: it cannot be read.
    """
    import tempfile

    from binex.errors import InputError

    try:
        if str(file) == "-":
            with tempfile.TemporaryFile() as kept:
                _copy(sys.stdin.buffer, kept)
                yield kept
        else:
            if file.exists() and not file.is_file():
                raise InputError(f"'{file}' is not a file", fix="name a file that 'binex export' wrote")
            with file.open("rb") as opened:
                yield opened
    except OSError as error:
        raise InputError(f"cannot read '{file}': {error.strerror}") from error


def _copy(source: "IO[bytes]", target: "IO[bytes]") -> None:
    from binex.stores.bundles.layout import PIECE_BYTES, TOTAL_BYTES, BundleError

    left = TOTAL_BYTES
    while piece := source.read(PIECE_BYTES):
        left -= len(piece)
        if left < 0:
            raise BundleError(f"it has more than {TOTAL_BYTES:,} bytes")
        target.write(piece)
