"""How more than two runs compare: for every task, which of them came out alike."""

from collections.abc import Sequence
from string import ascii_uppercase

from binex.analysis.artifacts import Damage
from binex.analysis.differences.matching import match_tasks
from binex.analysis.differences.side import RunSide
from binex.analysis.differences.snapshots import Snapshots
from binex.analysis.hashes import Hashes
from binex.analysis.origin import change_in_words
from binex.analysis.tasks.values import Binds
from binex.models.base import Model
from binex.models.names import read_artifact_id
from binex.models.run import Run
from binex.models.task import TaskStatus
from binex.stores.run_store import RunStore


class MatrixColumn(Model):
    """One of the runs; its cost and duration are in it."""

    run: Run
    change: str = ""
    """What it has otherwise than the run that it was made from, in a few words."""
    different: int = 0
    """How many tasks came out otherwise than in the first run, or are in only one of both."""


class MatrixCell(Model):
    """One task in one run."""

    outcome: str
    """`A` as in the first run, else `B`, `C`, …: runs with the same letter made the same to the byte."""
    status: TaskStatus | None = None
    """How it ended; None where it has not."""
    task: str
    """What it is called in that run."""


class MatrixRow(Model):
    """One task in all of the runs."""

    task: str
    """Its path in the first run that has it."""
    cells: tuple[MatrixCell | None, ...]
    """By run; None where a run has no such task."""

    @property
    def is_equal(self) -> bool:
        """Whether it came out the same in all of them."""
        return all(cell is not None and cell.outcome == "A" for cell in self.cells)


class RunMatrix(Model):
    """Runs beside each other: rows are tasks, columns runs."""

    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]
    """Every task, in the order in which they ended in the first run."""
    damage: tuple[Damage, ...] = ()
    """What is missing, so that it could not be compared."""

    @property
    def is_equal(self) -> bool:
        """Whether every task came out the same in every run."""
        return all(row.is_equal for row in self.rows)


async def compare_all(store: RunStore, runs: Sequence[Run], bind: Binds) -> RunMatrix:
    """*runs* beside each other, each compared with the first one; contents are not read.

    Raises:
        StoreError: the store cannot be read.
    """
    table = _Table(store, len(runs))
    first = await RunSide.of(store, runs[0], Snapshots(store, bind))
    for column, run in enumerate(runs):
        side = first if column == 0 else await RunSide.of(store, run, Snapshots(store, bind))
        for pair in match_tasks(first, side):
            if pair.after is not None:
                await table.put(pair.before or f"+{pair.after}", column, side, pair.after)
    rows = tuple(table.rows())
    columns = tuple(
        MatrixColumn(
            run=run,
            change="" if run.origin is None else change_in_words(run.origin),
            different=sum(_is_different(row, column) for row in rows),
        )
        for column, run in enumerate(runs)
    )
    return RunMatrix(columns=columns, rows=rows, damage=tuple(table.damage.values()))


class _Table:
    """Cells by row and column; outcomes get their letters in the order in which they come."""

    def __init__(self, store: RunStore, width: int) -> None:
        self.damage: dict[str, Damage] = {}
        self._hashes = Hashes(store)
        self._width = width
        self._cells: dict[str, list[MatrixCell | None]] = {}
        self._letters: dict[str, dict[tuple[object, ...], str]] = {}

    async def put(self, row: str, column: int, side: RunSide, path: str) -> None:
        """Fill one cell. A row whose name begins with a plus is that of a task that the first run does not have."""
        cells = self._cells.setdefault(row, [None] * self._width)
        record, has_ended = side.last[path], path in side.final
        made = [await self._hash(side, path, id) for id in record.output_artifacts]
        kind = None if record.error is None else record.error.kind
        outcome = (has_ended, record.status, record.skip_reason, kind, tuple(made))
        letters = self._letters.setdefault(row, {})
        letter = letters.setdefault(outcome, letter_of(len(letters) + row.startswith("+")))
        cells[column] = MatrixCell(outcome=letter, status=record.status if has_ended else None, task=path)

    def rows(self) -> list[MatrixRow]:
        """The rows, those of the first run before all others."""
        return [MatrixRow(task=name.removeprefix("+"), cells=tuple(cells)) for name, cells in self._cells.items()]

    async def _hash(self, side: RunSide, path: str, artifact_id: str) -> tuple[str, str]:
        found = await self._hashes.find(artifact_id)
        output = read_artifact_id(artifact_id).output
        if found is None:
            where = f"{path}.{output} of run {side.run.id}"
            message = f"artifact {artifact_id} is missing"
            self.damage[where] = Damage(where=where, message=message, fix="binex doctor")
        return output, found or artifact_id


def letter_of(number: int) -> str:
    """``A`` for 0, ``Z`` for 25, ``AA`` for 26."""
    text = ""
    while number >= 0:
        number, letter = divmod(number, len(ascii_uppercase))
        text = ascii_uppercase[letter] + text
        number -= 1
    return text


def _is_different(row: MatrixRow, column: int) -> bool:
    first, cell = row.cells[0], row.cells[column]
    return (None if first is None else first.outcome) != (None if cell is None else cell.outcome)
