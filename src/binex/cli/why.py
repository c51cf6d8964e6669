"""``binex why``: why a task ran, or did not."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option


@click.command("why")
@click.argument("which", nargs=-1, required=True, metavar="[RUN] TASK")
@json_option
@directory_option
def command(which: tuple[str, ...], as_json: bool, directory: Path | None) -> int:
    """Show why a task of RUN (default: latest) ran or did not: NODE, or NODE[3] for an item of a foreach.

    What its outcome depends on is compared, part by part, with the nearest earlier task.
    """
    from binex.analysis.find import find_run
    from binex.analysis.why import why
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.look import Look
    from binex.cli.render.why import why_text
    from binex.cli.streams import write_result
    from binex.errors import InputError
    from binex.models.why import Why
    from binex.stores.run_store import RunStore

    if len(which) > 2:
        raise InputError("too many arguments", fix="write binex why RUN TASK")

    async def ask(store: RunStore) -> Why:
        from binex.loader import bind_source

        run = await find_run(store, which[0] if which[1:] else "latest")
        return await why(store, run, which[-1], bind_source)

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(why_text(found, Look.of(sys.stdout)))
    return code
