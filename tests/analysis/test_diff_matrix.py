"""More than two runs beside each other, and the run that one alone is compared with."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from binex.analysis.differences.counterpart import Relation, find_counterpart
from binex.analysis.differences.matrix import RunMatrix, compare_all, letter_of
from binex.errors import InputError
from binex.loader import bind_source
from binex.models.run import RunStatus
from binex.models.task import TaskStatus
from tests.analysis.conftest import Kin, Ledger


def cells(found: RunMatrix, task: str) -> list[str]:
    (row,) = [row for row in found.rows if row.task == task]
    return ["" if cell is None else cell.outcome for cell in row.cells]


async def test_runs_that_came_out_alike_have_the_same_letter(ledger: Ledger) -> None:
    runs = []
    for number, made in enumerate(["x", "y", "x", "z"]):
        run = await ledger.run(f"r{number}")
        await ledger.attempt(run, "a", 0, 10, makes="same")
        await ledger.attempt(run, "b", 10, 10, makes=made)
        runs.append(run)
    found = await compare_all(ledger.store, runs, bind_source)
    assert cells(found, "a") == ["A", "A", "A", "A"]
    assert cells(found, "b") == ["A", "B", "A", "C"]
    assert [column.different for column in found.columns] == [0, 1, 0, 1]
    assert not found.is_equal


async def test_how_a_task_ended_counts_and_what_a_run_never_came_to_is_empty(ledger: Ledger) -> None:
    one, two, three = [await ledger.run(f"r{number}", status=RunStatus.FAILED) for number in range(3)]
    await ledger.attempt(one, "a", 0, 10, makes="x")
    await ledger.attempt(two, "a", 0, 10, status=TaskStatus.FAILED)
    await ledger.attempt(three, "only_there", 0, 10, makes="x")
    found = await compare_all(ledger.store, [one, two, three], bind_source)
    assert cells(found, "a") == ["A", "B", ""]
    assert cells(found, "only_there") == ["", "", "B"]
    assert [row.cells[1].status if row.cells[1] else None for row in found.rows] == [TaskStatus.FAILED, None]


async def test_a_family_of_forks_is_compared_with_its_first_run(kin: Kin) -> None:
    first = await kin.run()
    prompt, edit = await kin.prompt(first), await kin.edit(first)
    found = await compare_all(kin.store, [first, prompt, edit], bind_source)
    assert cells(found, "plan") == ["A", "A", "B"]
    assert cells(found, "think") == ["A", "A", "A"]
    assert found.columns[0].change == ""
    assert "edited plan.output" in found.columns[2].change


async def test_what_is_missing_is_named(ledger: Ledger) -> None:
    runs = []
    for number in range(2):
        run = await ledger.run(f"r{number}")
        await ledger.attempt(run, "a", 0, 10, makes="x")
        runs.append(run)
    await ledger.store.flush()
    with closing(sqlite3.connect(ledger.folder / "binex.db")) as database, database:
        database.execute("DELETE FROM artifacts")
    found = await compare_all(ledger.store, runs, bind_source)
    assert [damage.where for damage in found.damage] == ["a.output of run r0", "a.output of run r1"]


@pytest.mark.parametrize(("number", "letter"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (702, "AAA")])
def test_letters_do_not_end(number: int, letter: str) -> None:
    assert letter_of(number) == letter


async def test_a_fork_is_compared_with_the_run_it_was_made_from(kin: Kin) -> None:
    first, _ = await kin.run(), await kin.run()
    fork = await kin.edit(first)
    assert await find_counterpart(kin.store, fork) == (first, Relation.PARENT)


async def test_another_run_is_compared_with_the_previous_one_of_its_workflow(ledger: Ledger) -> None:
    for number in range(30):
        await ledger.run(f"a{number:02}")
    await ledger.run("b", workflow="other")
    runs = {run.id: run for run in await ledger.store.list_runs(limit=100)}
    found = await find_counterpart(ledger.store, runs["a05"])
    assert (found.run.id, found.relation) == ("a04", Relation.PREVIOUS)


async def test_the_first_run_of_a_workflow_has_nothing_to_be_compared_with(ledger: Ledger, tmp_path: Path) -> None:
    run = await ledger.run("a")
    with pytest.raises(InputError, match="no earlier run of workflow 'flow'"):
        await find_counterpart(ledger.store, run)
