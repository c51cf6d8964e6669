"""An HTTP client that spreads its requests over several small ones. Imported with the libraries that use it.

A connection pool looks at each of its connections whenever a request begins or ends: at a thousand at a time that
alone takes some twenty milliseconds a request. Small pools do not notice.
"""

from collections.abc import Callable
from typing import Any, Final

import httpx2

from binex.adapters.llm.reply import Response

IN_ONE_POOL: Final = 16
"""How many requests share a pool, before another one is opened."""

Make = Callable[[Callable[[Response], None]], httpx2.AsyncClient]
"""Makes one of the small clients, which tells the function about each response that is over."""


class _Pool:
    """A small client, and the requests that it is busy with."""

    def __init__(self, make: Make) -> None:
        self.busy: set[int] = set()
        self.client = make(lambda response: self.busy.discard(id(response.request)))


class SpreadClient(httpx2.AsyncClient):
    """Sends every request with the first client that is not too busy, so that few at a time share connections."""

    def __init__(self, make: Make, **options: Any) -> None:
        super().__init__(**options)
        self._make = make
        self._pools: list[_Pool] = []

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send with one of the small clients."""
        pool = next((one for one in self._pools if len(one.busy) < IN_ONE_POOL), None)
        if pool is None:
            pool = _Pool(self._make)
            self._pools.append(pool)
        pool.busy.add(id(request))
        try:
            return await pool.client.send(request, **options)
        except BaseException:
            pool.busy.discard(id(request))
            raise

    async def aclose(self) -> None:
        """Close all of them."""
        pools, self._pools = self._pools, []
        for pool in pools:
            await pool.client.aclose()
        await super().aclose()
