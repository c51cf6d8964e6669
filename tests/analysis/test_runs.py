"""Which runs there are."""

from binex.analysis.runs import list_runs
from binex.models.run import RunStatus
from binex.models.run_query import RunQuery
from tests.analysis.conftest import Ledger


async def test_runs_come_newest_first_and_in_pages(ledger: Ledger) -> None:
    for number in range(5):
        await ledger.run(f"1aaa{number}")
    page = await list_runs(ledger.store, limit=2)
    assert [run.id for run in page.runs] == ["1aaa4", "1aaa3"]
    assert (page.offset, page.has_more) == (0, True)
    last = await list_runs(ledger.store, limit=2, offset=4)
    assert [run.id for run in last.runs] == ["1aaa0"]
    assert not last.has_more


async def test_runs_are_picked_by_workflow(ledger: Ledger) -> None:
    await ledger.run("1aaa1", workflow="a")
    await ledger.run("1aaa2", workflow="b")
    assert [run.id for run in (await list_runs(ledger.store, RunQuery(workflow="a"))).runs] == ["1aaa1"]
    assert (await list_runs(ledger.store, RunQuery(workflow="c"))).runs == ()


async def test_a_run_whose_process_is_gone_is_listed_and_picked_as_interrupted(ledger: Ledger) -> None:
    await ledger.run("1aaa1", status=RunStatus.RUNNING)
    await ledger.run("1aaa2", status=RunStatus.RUNNING, is_alive=True)
    await ledger.run("1aaa3", status=RunStatus.INTERRUPTED)
    await ledger.run("1aaa4")
    found = {run.id: run.status for run in (await list_runs(ledger.store)).runs}
    assert found == {
        "1aaa1": RunStatus.INTERRUPTED,
        "1aaa2": RunStatus.RUNNING,
        "1aaa3": RunStatus.INTERRUPTED,
        "1aaa4": RunStatus.COMPLETED,
    }
    for status, ids in ((RunStatus.INTERRUPTED, ["1aaa3", "1aaa1"]), (RunStatus.RUNNING, ["1aaa2"])):
        assert [run.id for run in (await list_runs(ledger.store, RunQuery(statuses=(status,)))).runs] == ids


async def test_picking_by_status_goes_past_what_does_not_match_and_pages(ledger: Ledger) -> None:
    for number in range(210):
        status = RunStatus.FAILED if number % 70 == 0 else RunStatus.COMPLETED
        await ledger.run(f"1a{number:03}", status=status)
    page = await list_runs(ledger.store, RunQuery(statuses=(RunStatus.FAILED,)), limit=2)
    assert [run.id for run in page.runs] == ["1a140", "1a070"]
    assert page.has_more
    rest = await list_runs(ledger.store, RunQuery(statuses=(RunStatus.FAILED,)), limit=2, offset=2)
    assert [run.id for run in rest.runs] == ["1a000"]
    assert not rest.has_more
