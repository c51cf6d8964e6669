"""The demo, run as its readers run it."""

from pathlib import Path

import binex
from binex.models.run import RunStatus
from binex.models.task import TaskStatus

DIGEST = Path(__file__).parents[2] / "examples" / "digest" / "digest.yaml"


async def test_the_digest_reads_every_document_and_ends_in_a_report(tmp_path: Path) -> None:
    async with binex.open_session(tmp_path / ".binex") as session:
        run = await session.run(DIGEST)
        records = await session.store.list_records(run.run_id)
    assert run.status is RunStatus.COMPLETED
    documents = sorted((DIGEST.parent / "documents").glob("*.txt"))
    assert run.run.counts[TaskStatus.COMPLETED] == 10 + 5 * len(documents)
    report = run.outputs["report"]["report"]
    assert isinstance(report, str)
    assert report.count("\n### ") == len(documents)
    assert {record.task for record in records} >= {"list", "read", "read[0]", "report"}


async def test_variables_given_as_text_change_the_digest(tmp_path: Path) -> None:
    async with binex.open_session(tmp_path / ".binex") as session:
        run = await session.run(DIGEST, vars={"sentences": "1"}, vars_are_text=True)
    assert run.run.variables["sentences"] == 1
    assert run.status is RunStatus.COMPLETED


async def test_the_digest_is_the_same_each_time(tmp_path: Path) -> None:
    async with binex.open_session(tmp_path / ".binex") as session:
        first, second = [await session.run(DIGEST) for _ in range(2)]
        hashes = [
            {info.task: info.sha256 for info in await session.store.list_artifacts(run.run_id)}
            for run in (first, second)
        ]
    assert hashes[0] == hashes[1]
