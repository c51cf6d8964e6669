"""``binex runs --tree``: forks and replays under what they were made from."""

import sys
from pathlib import Path

from binex.analysis.family import FamilyPage, family_of, list_families
from binex.analysis.find import find_run
from binex.cli.printing import print_json
from binex.cli.reading import read
from binex.cli.render.look import Look
from binex.cli.render.run_tree import run_tree
from binex.cli.streams import write_result
from binex.models.run_query import RunQuery
from binex.stores.run_store import RunStore


def show_families(
    directory: Path | None, run: str | None, query: RunQuery, *, limit: int, page: int, as_json: bool
) -> int:
    """Show the family of *run*, or those in which there is a run that *query* asks for; the exit code."""

    async def ask(store: RunStore) -> FamilyPage:
        if run is not None:
            return await family_of(store, await find_run(store, run))
        return await list_families(store, query, limit=limit, page=page)

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(run_tree(found, Look.of(sys.stdout)))
    return code
