"""Bringing the index of texts up to date before a search, while the screen goes on."""

from collections.abc import Callable

from binex.cli.explore_screen.place import Place
from binex.errors import StoreError
from binex.stores.backends.sqlite import open_sqlite_store


async def index_texts(place: Place, say: Callable[[int, int], None]) -> None:
    """Index what came since the last search; *say* hears how far it is.

    Where the store cannot be written, nothing is done: a search then looks through what is not in the index.
    """
    if not await place.store.count_unindexed():
        return
    try:
        async with open_sqlite_store(place.folder, patience_s=5.0) as store:
            await store.index_texts(say)
    except StoreError:  # the search says itself what it could not look through
        return
