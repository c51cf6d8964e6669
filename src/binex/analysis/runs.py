"""Which runs there are, and where in them something was said."""

from binex.analysis.search import TextHit, excerpt_of
from binex.analysis.state import as_seen
from binex.models.base import Model
from binex.models.run import Run
from binex.models.run_query import RunQuery
from binex.stores.run_store import RunStore


class RunPage(Model):
    """Some runs, newest first."""

    runs: tuple[Run, ...]
    """The runs; one whose process is gone counts as interrupted."""
    offset: int
    """How many newer ones were left out."""
    has_more: bool
    """Whether there are older ones."""
    hits: tuple[TextHit, ...] = ()
    """Where the text that was looked for was found: of each run a few places, in the order of the runs."""
    is_partial: bool = False
    """Whether older texts were not looked through, since the store has no index of them and could not get one."""


async def list_runs(store: RunStore, query: RunQuery | None = None, *, limit: int = 20, offset: int = 0) -> RunPage:
    """The runs that *query* asks for, or all; newest first.

    Raises:
        InputError: there is nothing in the text of the query that could be looked for.
    """
    if query is None or query.is_everything:
        found = await store.list_runs(limit=limit + 1, offset=offset)
        is_partial = False
    else:
        asked_for = await store.find_runs(query, limit=limit + 1, offset=offset)
        found, is_partial = list(asked_for.runs), asked_for.is_partial
    shown = found[:limit]
    hits: list[TextHit] = []
    if query is not None and query.text:
        texts = await store.find_texts(query.text, [run.id for run in shown])
        hits = [excerpt_of(text, query.text) for text in texts]
    return RunPage(
        runs=tuple([await as_seen(store, run) for run in shown]),
        offset=offset,
        has_more=len(found) > limit,
        hits=tuple(hits),
        is_partial=is_partial,
    )
