"""What a run is recognised by, wherever it is: two runs with one id are the same if their digests are."""

import hashlib

from binex.models.base import Model
from binex.stores.bundles.rows import at_home


class Digests:
    """Sums up the rows of runs, table by table; their contents count by the hashes in the rows."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[str, hashlib._Hash]] = {}

    def add(self, run_id: str, table: str, row: Model) -> None:
        """Count the next row of a run in a table."""
        tables = self._sums.setdefault(run_id, {})
        sums = tables.get(table)
        if sums is None:
            sums = tables[table] = hashlib.sha256()
        line = at_home(row)
        sums.update(b"%d:" % len(line))
        sums.update(line)

    def of(self, run_id: str) -> dict[str, str]:
        """The digest of each table of a run that has rows."""
        return {table: sums.hexdigest() for table, sums in self._sums.get(run_id, {}).items()}
