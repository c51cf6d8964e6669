"""``binex export``: a run as one file, for another machine, another program or another person."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from binex.cli.options import directory_option, json_option, run_argument
from binex.reports.formats import FORMATS, ROWS

if TYPE_CHECKING:
    from binex.models.run import Run
    from binex.reports.formats import Written

_STDOUT = Path("-")


@click.command("export")
@run_argument
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    help="The file to write; - for stdout. Default: the run's id with the format's ending, here.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(tuple(FORMATS)),
    default="run",
    help="What to write. A run (the default) is all that 'binex import' needs to have it elsewhere; html is a page to"
    " read, json and csv are for programs, otel is for collectors of OpenTelemetry.",
)
@click.option("--endpoint", metavar="URL", help="For otel: where to send the spans. Default: OTEL_EXPORTER_OTLP_*.")
@click.option("--content", "with_content", is_flag=True, help="For otel: with what was said in calls, and artifacts.")
@click.option("--rows", type=click.Choice(ROWS), help="For csv: what a row stands for. Default: attempts.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
@directory_option
def command(  # noqa: PLR0913 - one parameter an option
    *,
    run: str,
    target: Path | None,
    kind: str,
    endpoint: str | None,
    with_content: bool,
    rows: str | None,
    force: bool,
    as_json: bool,
    directory: Path | None,
) -> int:
    """Write RUN (default: latest) to one file; with --format otel, and no -o, send its spans to a collector.

    As a run it comes with the runs that it was made from, and holds the workflow and its prompts, artifacts, calls with
    what was said in them, records, questions and bookmarks: what 'binex import' needs so that every command works on
    it, replay included. The code of local functions is not in it. The other formats have what can be known about the
    run itself. Secrets are cut out as they are in the store.
    """
    import asyncio

    from binex.analysis.find import find_run
    from binex.cli.new_file import new_file, stdout_file
    from binex.cli.reading import store_folder
    from binex.cli.render.exported import exported, exported_json
    from binex.cli.render.text import escape
    from binex.cli.streams import write_note, write_result
    from binex.errors import DamagedDataError, InputError
    from binex.reports.formats import Order, writer_of
    from binex.stores.backends.sqlite import open_sqlite_store

    if rows is not None and kind != "csv":
        raise InputError(f"--rows means nothing for --format {kind}", fix="add --format csv, or leave --rows out")
    if kind != "otel" and (endpoint is not None or with_content):
        option = "--content" if endpoint is None else "--endpoint"
        raise InputError(f"{option} means nothing for --format {kind}", fix=f"add --format otel, or leave {option} out")
    if kind == "otel" and target is None:
        from binex.cli.sending import send_run

        return send_run(run, endpoint, with_content=with_content, as_json=as_json, directory=directory)
    if endpoint is not None:
        raise InputError("--endpoint and -o cannot be had together", fix="leave one of them out")
    notices: list[str] = []
    order = Order(rows=rows or ROWS[0], with_content=with_content, notices=notices)
    format = FORMATS[kind]

    async def export() -> "tuple[Run, Path, int, Written]":
        async with open_sqlite_store(store_folder(directory), read_only=True, on_notice=notices.append) as store:
            found = await find_run(store, run)
            path = target or Path(f"{found.id}{f'-{order.rows}' if kind == 'csv' else ''}{format.suffix}")
            to_stdout = path == _STDOUT
            with (
                stdout_file(allows_terminal=format.is_readable) if to_stdout else new_file(path, replaces=force) as file
            ):
                written = await writer_of(kind)(store, found, file, order)
                size = file.seek(0, 2)
            return found, path, size, written

    found, path, size, written = asyncio.run(export())
    for message in [*notices, *(f"{damage.where}: {damage.message}" for damage in written.damage)]:
        write_note(f"damaged: {escape(message)}")
    said = (exported_json if as_json else exported)(found, str(path), size, written)
    (write_note if path == _STDOUT else write_result)(said)
    return DamagedDataError.exit_code if notices or written.damage else 0
