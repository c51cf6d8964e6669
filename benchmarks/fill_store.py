"""Fill a store with finished runs through the Python API; run by our interpreter.

python fill_store.py FLOW STORE RUNS
"""

import asyncio
import sys

import binex


async def main(flow: str, store: str, runs: int) -> None:
    """Run *flow* *runs* times into *store*."""
    async with binex.open_session(store, durability="normal") as session:
        for _ in range(runs):
            await session.run(flow)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
