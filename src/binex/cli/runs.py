"""``binex runs``: which runs there are, newest first, or as families."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option
from binex.cli.run_filters import RunFilters, run_filters


@click.command("runs")
@click.argument("run", required=False)
@click.option("--tree", "is_tree", is_flag=True, help="Show forks and replays under what they were made from.")
@click.option("--watch", "is_watched", is_flag=True, help="Go on showing them as they change, until Ctrl-C.")
@click.option("-n", "limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many.")
@click.option("--page", type=click.IntRange(1, 1_000_000), default=1, help="Which page of -n runs, from 1.")
@run_filters
@json_option
@directory_option
def command(  # noqa: PLR0913 - the options of the command
    *,
    run: str | None,
    is_tree: bool,
    is_watched: bool,
    limit: int,
    page: int,
    filters: RunFilters,
    as_json: bool,
    directory: Path | None,
) -> int:
    """List runs, newest first; with --tree whole families of runs, or that of RUN.

    All that is asked for must hold. --text finds runs in which all WORDS occur in one artifact or message: "in
    quotation marks" they must follow each other, and begin* finds all that begins so.
    """
    from binex.analysis.runs import RunPage, list_runs
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.look import Look
    from binex.cli.render.run_list import run_list
    from binex.cli.streams import write_note, write_result
    from binex.errors import InputError
    from binex.stores.run_store import RunStore

    query = filters.query()
    if run is not None and not is_tree:
        raise InputError("one run is no list", fix="--tree shows its family; 'binex debug' shows the run")
    if run is not None and (page != 1 or not query.is_everything):
        raise InputError("the family of one run is shown whole", fix="leave out --page, --status and the like")
    if is_watched and (is_tree or as_json):
        raise InputError("--watch shows a list", fix="leave out --tree and --json")
    if query.text:
        _prepare_search(directory, query.text)
    if is_watched:
        from binex.cli.watching import watch_runs

        return watch_runs(directory, query, limit=limit, page=page)
    look = Look.of(sys.stdout)
    if is_tree:
        from binex.cli.run_families import show_families

        return show_families(directory, run, query, limit=limit, page=page, as_json=as_json)

    async def ask(store: RunStore) -> RunPage:
        return await list_runs(store, query, limit=limit, offset=(page - 1) * limit)

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(run_list(found, page, look))
    if found.is_partial:
        write_note("only the newest texts were looked through: the store cannot be written, so it has no index of them")
    return code


def _prepare_search(directory: Path | None, text: str) -> None:
    """Index what came since the last search."""
    from binex.cli.reading import read, store_folder
    from binex.stores.run_store import RunStore
    from binex.stores.wording import read_search

    read_search(text)  # before anything is done for it

    async def count(store: RunStore) -> int:
        return await store.count_unindexed()

    if read(directory, count)[0]:
        from binex.cli.indexing import index_texts

        index_texts(store_folder(directory))
