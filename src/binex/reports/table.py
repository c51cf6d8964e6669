"""A run as CSV (RFC 4180), for spreadsheets and data frames: a row for each attempt, task, call or artifact."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import IO, Final, TypeVar

from binex.models.call import Spend
from binex.models.run import Run
from binex.reports.cells import Value, cell
from binex.reports.columns import ARTIFACTS, ATTEMPTS, CALLS, TASKS, ArtifactRow, TaskRow
from binex.reports.contents import Contents
from binex.reports.formats import Order, Written
from binex.stores.run_store import RunStore

_Of = TypeVar("_Of")


async def write(store: RunStore, run: Run, file: IO[bytes], order: Order) -> Written:
    """Write one table of *run*; *order* says what a row of it stands for."""
    contents = await Contents.of(store, run)
    text = io.TextIOWrapper(file, "utf-8", newline="")
    try:
        count = await _TABLES[order.rows](contents, text)
    finally:
        text.detach()
    return Written(counts={order.rows: count}, damage=tuple(contents.damage))


async def _attempts(contents: Contents, text: io.TextIOWrapper) -> int:
    return await _write(text, ATTEMPTS, _each(contents.records))


async def _tasks(contents: Contents, text: io.TextIOWrapper) -> int:
    return await _write(text, TASKS, _task_rows(contents))


async def _calls(contents: Contents, text: io.TextIOWrapper) -> int:
    return await _write(text, CALLS, contents.calls())


async def _artifacts(contents: Contents, text: io.TextIOWrapper) -> int:
    return await _write(text, ARTIFACTS, _artifact_rows(contents))


_TABLES: Final = {"attempts": _attempts, "tasks": _tasks, "calls": _calls, "artifacts": _artifacts}


async def _write(
    text: io.TextIOWrapper, columns: Mapping[str, Callable[[_Of], Value]], rows: AsyncIterator[_Of]
) -> int:
    """The names of *columns*, and a line for each of *rows*; how many these are."""
    writer = csv.writer(text)
    writer.writerow(columns)
    count = 0
    async for row in rows:
        writer.writerow([cell(read(row)) for read in columns.values()])
        count += 1
    return count


async def _each(values: Iterable[_Of]) -> AsyncIterator[_Of]:
    for value in values:
        yield value


async def _task_rows(contents: Contents) -> AsyncIterator[TaskRow]:
    spent: dict[str, Spend] = {}
    for record in contents.records:
        if record.spend is not None:
            spent[record.task] = spent.get(record.task, Spend()).plus(record.spend)
    for node in (await contents.timeline()).tasks:
        for task in (node, *node.items):
            yield TaskRow(contents.run, task, spent.get(task.task))


async def _artifact_rows(contents: Contents) -> AsyncIterator[ArtifactRow]:
    async for path, artifact in contents.artifacts():
        yield ArtifactRow(path, artifact)
