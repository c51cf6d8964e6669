"""``binex keep``: runs that nothing removes, and names for them."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option


@click.command("keep")
@click.argument("run", required=False)
@click.option("--as", "name", metavar="NAME", help="A name, which may stand wherever a run is expected.")
@click.option("--undo", "is_undone", is_flag=True, help="Keep RUN no longer.")
@json_option
@directory_option
def command(run: str | None, name: str | None, is_undone: bool, as_json: bool, directory: Path | None) -> int:
    """Keep RUN for good, so that 'binex clean' never removes it; without RUN list those that are kept.

    A name that another run has moves to RUN, as a tag does; the other one stays kept.
    """
    import asyncio

    from binex.analysis.room.kept import KeptChange, keep, list_kept, release
    from binex.cli.printing import print_json
    from binex.cli.reading import read, store_folder
    from binex.cli.render.kept import kept_change, kept_list
    from binex.cli.render.look import Look
    from binex.cli.render.text import escape
    from binex.cli.streams import write_note, write_result
    from binex.errors import InputError
    from binex.stores.backends.filesystem import DATABASE
    from binex.stores.backends.opening import require_store
    from binex.stores.backends.sqlite import open_sqlite_store

    look = Look.of(sys.stdout)
    if run is None:
        if name is not None or is_undone:
            raise InputError("which run?", fix="binex keep RUN --as NAME, as in: binex keep latest --as baseline")
        found, code = read(directory, list_kept)
        if as_json:
            print_json(found)
        else:
            write_result(kept_list(found, look))
        return code
    if name is not None and is_undone:
        raise InputError("--as and --undo do different things", fix="leave one of them out")
    if name == "":
        raise InputError("a name has at least one character", fix="leave --as out to keep it without a name")

    async def change() -> KeptChange:
        folder = store_folder(directory)
        require_store(folder / DATABASE)
        async with open_sqlite_store(folder, on_notice=lambda message: write_note(escape(message))) as store:
            return await release(store, run) if is_undone else await keep(store, run, name or "")

    changed = asyncio.run(change())
    if as_json:
        print_json(changed)
    else:
        write_result(kept_change(changed, look))
    return 0
