"""How much room runs take: what is a run's alone, and what it shares with others."""

from collections.abc import Iterable

from binex.stores.removal_store import Stock, StoredRun


class Rooms:
    """Measures the runs of one store, and what each gives back that goes.

    Rows take their share of the database: indexes and half-empty pages are spread over them by their bytes.
    """

    def __init__(self, stock: Stock) -> None:
        self._stock = stock
        rows = sum(run.rows for run in stock.runs) + sum(body.rows for body in stock.bodies) + stock.shared_rows
        used = max(0, stock.folder.database - stock.folder.free)
        self._spread = used / rows if rows and used else 1.0
        self._rooms = [self.spread(body.rows) + body.files for body in stock.bodies]
        self._users = [0] * len(stock.bodies)
        for run in stock.runs:
            for body in run.bodies:
                self._users[body] += 1

    def rows_of(self, run: StoredRun) -> int:
        """What its rows take in the database."""
        return self.spread(run.rows)

    def exclusive_bodies_of(self, run: StoredRun) -> int:
        """What the bodies take that no other run has said."""
        return sum(self._rooms[body] for body in run.bodies if self._users[body] == 1)

    def shared_bodies_of(self, run: StoredRun) -> int:
        """What the bodies take that other runs have said as well."""
        return sum(self._rooms[body] for body in run.bodies if self._users[body] > 1)

    def all_bodies(self) -> int:
        """What all bodies take that some run has said, each counted once."""
        return sum(self._rooms[body] for body, users in enumerate(self._users) if users)

    def unused_files(self) -> int:
        """What the files of bodies take that no run needs."""
        return sum(body.files for body, users in zip(self._stock.bodies, self._users, strict=True) if not users)

    def bodies_of(self, runs: Iterable[StoredRun]) -> int:
        """What the bodies take that any of these runs has said, each counted once."""
        return sum(self._rooms[body] for body in {body for run in runs for body in run.bodies})

    def exclusive_bodies_of_all(self, runs: Iterable[StoredRun]) -> int:
        """What the bodies take that nobody but these runs has said."""
        users: dict[int, int] = {}
        for run in runs:
            for body in run.bodies:
                users[body] = users.get(body, 0) + 1
        return sum(self._rooms[body] for body, count in users.items() if count == self._users[body])

    def take_away(self, run: StoredRun) -> int:
        """What is given back when a run goes after those that were taken away before; it counts no longer."""
        freed = self.rows_of(run) + run.files
        for body in run.bodies:
            self._users[body] -= 1
            if not self._users[body]:
                freed += self._rooms[body]
        return freed

    def spread(self, rows: int) -> int:
        """What rows with so many bytes take in the database, with their part of all that is not rows."""
        return round(rows * self._spread)


def total_of(stock: Stock) -> int:
    """What the whole folder takes on the disk."""
    folder = stock.folder
    return (
        folder.database
        + folder.log
        + folder.backups
        + folder.temporary
        + folder.orphans
        + folder.other
        + sum(run.files for run in stock.runs)
        + sum(body.files for body in stock.bodies)
    )
