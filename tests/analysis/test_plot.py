"""Pictures of how workflows do."""

import struct
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from binex.analysis.statistics.plot import require_picture, write_plot
from binex.analysis.statistics.report import StatsReport
from binex.analysis.statistics.stats import find_stats
from binex.analysis.statistics.time_buckets import Span
from binex.errors import InputError, StoreError
from binex.models.run import RunStatus
from tests.analysis.conftest import Ledger

BEGAN = datetime(2026, 11, 2, 9).astimezone()


async def report_of(ledger: Ledger, workflow: str | None = None) -> StatsReport:
    for number in range(12):
        run = await ledger.run(
            f"1a{number:02}",
            workflow="digest $x^2$" if number % 2 else "triage",
            status=RunStatus.FAILED if number % 5 == 0 else RunStatus.COMPLETED,
            started_at=BEGAN + timedelta(days=number),
            duration_ms=1000.0 * (number + 1),
        )
        await ledger.attempt(run, "read", 0, 100)
    return await find_stats(ledger.store, workflow)


@pytest.mark.parametrize("workflow", [None, "triage"])
async def test_a_png_is_a_picture_of_the_size_that_was_meant(
    ledger: Ledger, tmp_path: Path, workflow: str | None
) -> None:
    file = tmp_path / "stats.png"
    write_plot(await report_of(ledger, workflow), file)
    data = file.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (1200, 1620 if workflow else 1320)


async def test_an_svg_has_its_titles_units_and_names_as_texts(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "stats.svg"
    write_plot(await report_of(ledger), file)
    texts = {(element.text or "").strip() for element in ElementTree.parse(file).iter() if element.text}
    assert {"2 workflows: runs by day", "Success", "% of runs", "Median duration", "seconds"} <= texts
    assert {"Cost by day", "US dollars", "triage", "digest $x^2$"} <= texts
    one = tmp_path / "one.svg"
    write_plot(await find_stats(ledger.store, "triage"), one)
    texts = {(element.text or "").strip() for element in ElementTree.parse(one).iter() if element.text}
    assert {"triage: runs by day", "completed", "failed", "95 % interval", "median", "read"} <= texts


async def test_a_single_part_of_a_single_workflow_is_drawn(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.run("1a", started_at=BEGAN, duration_ms=5)
    file = tmp_path / "stats.png"
    write_plot(await find_stats(ledger.store, "flow"), file)
    assert file.read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    for name, message in (("stats.gif", "no picture"), ("no/stats.png", "no folder")):
        with pytest.raises(InputError, match=message):
            require_picture(tmp_path / name)
    with pytest.raises(InputError, match="nothing to draw"):
        write_plot(StatsReport(by=Span.DAY), tmp_path / "stats.png")


async def test_a_file_that_cannot_be_written_is_named(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "stats.png").mkdir()
    with pytest.raises(StoreError, match=r"cannot write '.*stats\.png': Is a directory"):
        write_plot(await report_of(ledger), tmp_path / "stats.png")
