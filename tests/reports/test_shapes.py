"""Every format can be written of every run, whatever became of it."""

import csv
import io
import json
from typing import Any

import pytest

from binex.models.run import Run, RunStatus
from binex.models.task import SkipReason, TaskStatus
from binex.reports.formats import FORMATS, ROWS, Order, Written, writer_of
from tests.analysis.conftest import Kin, Ledger, error

STATUSES = [status for status in RunStatus if status is not RunStatus.RUNNING]


async def written(ledger: Any, run: Run, kind: str, rows: str = "attempts") -> tuple[str, Written]:
    file = io.BytesIO()
    said = await writer_of(kind)(ledger.store, run, file, Order(rows=rows))
    return file.getvalue().decode(), said


async def a_run(ledger: Ledger, status: RunStatus, **fields: Any) -> Run:
    run = await ledger.run("1aaaaaaaaaaa", status=status, node_count=5, **fields)
    await ledger.attempt(run, "plan", 0, 10, makes={"a": "<b>&amp;"})
    await ledger.attempt(run, "each[0]", 10, 5, makes=1)
    failure: dict[str, Any] = {"status": TaskStatus.FAILED, "error": error("no <luck>")}
    await ledger.attempt(run, "each[1]", 10, 5, is_final=False, retry_in_ms=20, **failure)
    await ledger.attempt(run, "each[1]", 40, 5, attempt=2, **failure)
    await ledger.decided(run, "each", 50, TaskStatus.COMPLETED, attempt=1)
    await ledger.decided(run, "end", 50, TaskStatus.SKIPPED, skip_reason=SkipReason.BLOCKED, blocked_by="each[1]")
    return run


@pytest.mark.parametrize("status", STATUSES)
async def test_a_run_can_be_written_however_it_ended(ledger: Ledger, status: RunStatus) -> None:
    run = await a_run(ledger, status)
    for kind in ("json", "html"):
        text, said = await written(ledger, run, kind)
        assert said.counts["tasks"] == 5
        assert "no &lt;luck&gt;" in text if kind == "html" else json.loads(text)["run"]["status"] == status
    for rows in ROWS:
        text, said = await written(ledger, run, "csv", rows)
        assert len(list(csv.reader(io.StringIO(text, newline="")))) == said.counts[rows] + 1


async def test_a_run_can_be_written_while_it_is_executed(ledger: Ledger) -> None:
    run = await ledger.run("1aaaaaaaaaaa", status=RunStatus.RUNNING, is_alive=True, node_count=2)
    await ledger.attempt(run, "plan", 0, 10, makes=1)
    await ledger.store.note_running([ledger.started(run, "next", 10)])
    await ledger.store.flush()
    document = json.loads((await written(ledger, run, "json"))[0])
    assert {task["task"]: task["status"] for task in document["tasks"]} == {"plan": "completed", "next": "running"}
    assert "running" in (await written(ledger, run, "html"))[0]


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind in ("json", "csv", "html")])
async def test_a_run_of_which_nothing_is_recorded_can_be_written(ledger: Ledger, kind: str) -> None:
    run = await ledger.run("1aaaaaaaaaaa", status=RunStatus.INTERRUPTED)
    assert (await written(ledger, run, kind))[0]


async def test_the_tables_of_a_fork_and_a_replay_name_the_runs_that_did_it(kin: Kin) -> None:
    parent = await kin.run()
    fork = await kin.prompt(parent)
    text, _ = await written(kin, fork, "csv", "artifacts")
    made = {row["task"]: row["made_by_run"] for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert (made["plan"], made["think"]) == (parent.id, fork.id)
    replay = await kin.replay(parent)
    for run in (fork, replay):
        assert (await written(kin, run, "html"))[1].damage == ()
        assert (await written(kin, run, "json"))[1].damage == ()


async def test_a_lost_artifact_is_named_in_every_format_that_has_it(ledger: Ledger) -> None:
    run = await a_run(ledger, RunStatus.FAILED)
    await ledger.attempt(run, "lost", 60, 5, output_artifacts=("1aaaaaaaaaaa~lost~output",))
    for kind in ("json", "html"):
        text, said = await written(ledger, run, kind)
        assert "lost.output" in {damage.where for damage in said.damage}
        assert "1aaaaaaaaaaa~lost~output is not in the store" in text
