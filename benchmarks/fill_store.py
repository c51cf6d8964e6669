"""Fill a store with finished runs through the Python API; run by our interpreter.

python fill_store.py FLOW STORE RUNS [VARIABLE]

With a VARIABLE each run is given another text for it.
"""

import asyncio
import sys

import binex

_AT_A_TIME = 8


async def main(flow: str, store: str, runs: int, variable: str = "") -> None:
    """Run *flow* *runs* times into *store*."""
    async with binex.open_session(store, durability="normal") as session:
        for first in range(0, runs, _AT_A_TIME):
            numbers = range(first, min(runs, first + _AT_A_TIME))
            given = [{variable: f"the subject with number {number}"} if variable else {} for number in numbers]
            await asyncio.gather(*(session.run(flow, vars=variables) for variables in given))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:]))
