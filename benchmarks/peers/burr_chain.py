"""The chain in Burr with its SQLitePersister, everything else at its default.

python burr_chain.py NODES DATABASE [SYNCHRONOUS]      (with SYNCHRONOUS also a write-ahead log)
"""

import itertools
import sys

from burr.core import ApplicationBuilder, State, action  # type: ignore[import-not-found]
from burr.core.persistence import SQLitePersister  # type: ignore[import-not-found]


@action(reads=["n"], writes=["n"])  # type: ignore[untyped-decorator]
def step(state: State) -> State:
    """One link of the chain."""
    return state.update(n=state["n"] + 1)


def main(nodes: int, database: str, synchronous: str | None = None) -> None:
    """Build the chain, run it once and check what arrived."""
    persister = SQLitePersister.from_values(database)
    persister.initialize()
    if synchronous is not None:
        persister.connection.execute("PRAGMA journal_mode = WAL")
        persister.connection.execute(f"PRAGMA synchronous = {synchronous}")
    names = [f"n{number}" for number in range(nodes)]
    app = (
        ApplicationBuilder()
        .with_actions(**dict.fromkeys(names, step))
        .with_transitions(*itertools.pairwise(names))
        .with_state(n=0)
        .with_entrypoint(names[0])
        .with_identifiers(app_id="1")
        .with_state_persister(persister)
        .build()
    )
    _, _, state = app.run(halt_after=[names[-1]])
    if state["n"] != nodes:
        raise SystemExit(f"the chain arrived at {state['n']}")
    persister.connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
