"""The page, as a part of the development environment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from binex.server.dev.environment import PageWish
from binex.server.extra import needing_extra


@asynccontextmanager
async def open_page(wish: PageWish) -> AsyncIterator[str]:
    """Serve the page on the environment's store while the block lasts; gives its address.

    Raises:
        InputError: what serves it is not installed.
        StoreError: the port is taken.
    """
    with needing_extra():
        from binex.server.serving import ServerOptions, serving
    options = ServerOptions(
        directory=wish.session.directory,
        folder=wish.folder,
        allow_paths=wish.allow_paths,
        port=wish.port or 0,
        who=wish.who,
        say=wish.say,
        stands_in=wish.stands_in,
    )
    async with serving(options) as served:
        wish.session.listen(served.executions.hear)
        yield served.url
