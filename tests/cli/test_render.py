"""Units, tables and timelines."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from binex.analysis.trace import AttemptTrace, Pause, TaskTrace, Trace
from binex.cli.render.errors import in_one_line
from binex.cli.render.live import LiveProgress
from binex.cli.render.look import Look
from binex.cli.render.stream import SpokenLines
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import width_of
from binex.cli.render.timeline import timeline
from binex.cli.render.units import ago, count, duration, size
from binex.models.event import RunStarted, Streamed, TaskStarted
from binex.models.run import Run, RunStatus, Versions
from binex.models.task import ErrorInfo, ErrorKind, SkipReason, TaskStatus, now


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0, "0 ms"),
        (0.04, "0 ms"),
        (0.36, "0.4 ms"),
        (12.4, "12 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (1234, "1.2 s"),
        (59_940, "59.9 s"),
        (59_990, "1 m 00 s"),
        (185_000, "3 m 05 s"),
        (3_599_600, "1 h 00 m"),
        (7_800_000, "2 h 10 m"),
        (273_600_000, "3 d 4 h"),
    ],
)
def test_durations_read_well(ms: float, shown: str) -> None:
    assert duration(ms) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10_240, "10 KiB"), (10 * 1024**2, "10 MiB")],
)
def test_sizes_read_well(number: int, shown: str) -> None:
    assert size(number) == shown


def test_times_past_read_well() -> None:
    for back, shown in (
        (timedelta(seconds=1), "just now"),
        (timedelta(seconds=30), "30 s ago"),
        (timedelta(minutes=5), "5 m ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(days=5), "5 d ago"),
        (timedelta(seconds=-5), "just now"),
    ):
        assert ago(now() - back) == shown
    assert ago(datetime(2020, 5, 5, 12, tzinfo=UTC)) == "2020-05-05"


def test_one_is_not_many() -> None:
    assert [count(n, "task") for n in (0, 1, 2, 1200)] == ["0 tasks", "1 task", "2 tasks", "1,200 tasks"]


COLUMNS = (Column("ID"), Column("NAME", least=6), Column("NOTE", weight=2), Column("N", is_right=True, weight=1))


def rows_of(*names: str) -> list[list[Cell]]:
    return [[Cell(f"id{i}"), Cell(name), Cell("a note"), Cell("10", mark="*")] for i, name in enumerate(names)]


def test_a_table_in_a_pipe_is_aligned_and_cut_nowhere() -> None:
    lines = table(COLUMNS, rows_of("x" * 300, "\u001b[31m\u4f60"), Look(width=40)).splitlines()
    assert len(lines) == 3
    assert "x" * 300 in lines[1]
    assert "\\x1b[31m\u4f60" in lines[2]
    assert len({width_of(line) for line in lines}) == 1


@pytest.mark.parametrize("width", [20, 30, 40, 80])
def test_a_table_on_a_terminal_fits_it(width: int) -> None:
    text = table(COLUMNS, rows_of("a rather long name of something", "b"), Look(width=width, is_terminal=True))
    assert all(width_of(line) <= width for line in text.splitlines())
    assert ("NOTE" in text) is (width >= 30)


def test_colours_do_not_change_the_alignment() -> None:
    rows = [[Cell("id", "strong"), Cell("name", "bad"), Cell("", "faint"), Cell("1", "good")]]
    assert "\u001b[" not in table(COLUMNS, rows, Look(is_terminal=True))
    assert "\u001b[31mname\u001b[0m" in table(COLUMNS, rows, Look(is_terminal=True, has_colour=True))


def a_run(**fields: Any) -> Run:
    kept = {"id": "1aaa1", "workflow": "flow", "workflow_hash": "0", "status": RunStatus.COMPLETED, "started_at": now()}
    return Run.model_validate({**kept, "versions": Versions(binex="0", python="3"), **fields})


def a_task(name: str, *attempts: tuple[float, float, TaskStatus], **fields: Any) -> TaskTrace:
    tried = tuple(
        AttemptTrace(attempt=i + 1, status=status, start_ms=start, duration_ms=took)
        for i, (start, took, status) in enumerate(attempts)
    )
    known: dict[str, Any] = {"task": name, "node_id": name, "agent": "local://x", "status": TaskStatus.COMPLETED}
    if tried:
        known |= {"start_ms": tried[0].start_ms, "duration_ms": tried[-1].end_ms - tried[0].start_ms}
    return TaskTrace.model_validate({**known, "attempts": tried, **fields})


DONE, FAILED = TaskStatus.COMPLETED, TaskStatus.FAILED
ERROR = ErrorInfo(kind=ErrorKind.CODE, type="ValueError", message="no\nluck")
LONG_ERROR = ErrorInfo(kind=ErrorKind.AGENT, type="RemoteError", message="nothing but trouble " * 20)


def some_items(count: int, failed: int) -> tuple[TaskTrace, ...]:
    """The items of node ``many``, one of them failed."""
    return tuple(
        a_task(f"many[{i}]", (i, 5, FAILED), status=FAILED, error=ERROR)
        if i == failed
        else a_task(f"many[{i}]", (i, 5, DONE))
        for i in range(count)
    )


def test_bars_stand_where_the_attempts_were() -> None:
    tasks = (
        a_task("a", (0, 50, DONE)),
        a_task("b", (50, 25, FAILED), (75, 25, DONE)),
        a_task("c", status=TaskStatus.SKIPPED, skip_reason=SkipReason.BLOCKED, blocked_by="x\u001b"),
    )
    found = Trace(run=a_run(), span_ms=100, tasks=tasks)
    head, first, second, third = timeline(found, Look(width=48, has_unicode=False)).splitlines()
    assert head.split() == ["0", "100", "ms"]
    assert first == "+ a  " + "=" * 16 + " " * 16 + "      50 ms"
    assert second == "+ b  " + " " * 16 + "x" * 8 + "=" * 8 + "      50 ms"
    assert third == "- c  skipped: 'x\\x1b' failed"


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("has_unicode", [True, False])
def test_a_timeline_fits_the_terminal(width: int, has_unicode: bool) -> None:
    tasks = (
        a_task("a_rather_long_name_of_a_node", (0, 0.001, DONE)),
        a_task("many", items=some_items(30, failed=3), start_ms=0, duration_ms=35),
        a_task("cut", (20, 10, TaskStatus.RUNNING), was_cut_off=True, status=TaskStatus.WAITING),
        a_task("\u4f60\u597d", (1, 99, DONE), queued_ms=1),
        a_task("wordy", (0, 1, FAILED), status=FAILED, error=LONG_ERROR),
        a_task("never", status=FAILED, error=LONG_ERROR),
    )
    look = Look(width=width, is_terminal=True, has_unicode=has_unicode)
    text = timeline(Trace(run=a_run(), span_ms=100, tasks=tasks, unsettled=2), look)
    assert all(width_of(line) <= max(width, 34) for line in text.splitlines())
    assert has_unicode or text.replace("\u4f60\u597d", "").isascii()
    assert "2 nodes not settled" in text
    assert "luck" not in text


def test_items_are_shown_when_asked_for_and_failed_ones_always() -> None:
    node = a_task("many", items=some_items(4, failed=2), start_ms=0, duration_ms=4)
    found = Trace(run=a_run(), span_ms=10, tasks=(node,))
    folded = timeline(found, Look())
    assert "many (4)" in folded
    assert "many[2]" in folded
    assert "many[1]" not in folded
    assert "many[1]" in timeline(found, Look(), with_items=True)


def test_a_long_pause_takes_little_room() -> None:
    night = 8 * 3600 * 1000.0
    tasks = (a_task("a", (0, 100, DONE)), a_task("b", (night, 100, DONE)))
    pause = Pause(start_ms=100, duration_ms=night - 100)
    found = Trace(run=a_run(), span_ms=night + 100, tasks=tasks, pauses=(pause,))
    head, first, second = timeline(found, Look(width=80, has_unicode=False)).splitlines()
    assert "pause)" in head
    assert first.count("=") > 20
    assert second.count("=") > 20


def test_nothing_started_says_so() -> None:
    assert timeline(Trace(run=a_run(), span_ms=0, tasks=()), Look()) == "  nothing has started"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LC_ALL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Look.of(Terminal()).has_colour
    assert not Look.of(io.StringIO()).has_colour
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert Look.of(io.StringIO()).has_colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Look.of(Terminal()).has_colour
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not Look.of(Terminal()).has_colour


def test_the_width_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert Look.of(Terminal()).width == 40
    monkeypatch.setenv("COLUMNS", "1")
    assert Look.of(Terminal()).width == 20
    monkeypatch.setenv("COLUMNS", "nonsense")
    assert Look.of(io.StringIO()).width == 100


def test_signs_are_plain_where_there_is_no_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    assert not Look.of(Terminal()).has_unicode
    assert all(Look(has_unicode=False).mark(status).isascii() for status in (*TaskStatus, *RunStatus))
    assert all(Look().mark(status) for status in (*TaskStatus, *RunStatus))


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("", ""),
        ("it broke\nfor a reason", "it broke"),
        ("it ended:", "it ended:"),
        ("it ended; its words:\n\nTraceback\n  KeyError: \x1b[31mno\n", "it ended; its words: KeyError: \\x1b[31mno"),
    ],
)
def test_an_error_in_one_line_says_the_last_words_that_it_announces(message: str, shown: str) -> None:
    assert in_one_line(message) == shown


@pytest.mark.parametrize("width", [1, 3, 4, 20])
def test_a_terminal_too_narrow_for_what_a_model_says_hangs_nothing(width: int) -> None:
    file = io.StringIO()
    console = Console(file=file, width=width)
    picture = LiveProgress(console, Look(), SpokenLines())
    picture(RunStarted(run=a_run(), node_count=1))
    picture(TaskStarted(run_id="r1", task="a", agent="llm://mock/m", attempt=1, at=now()))
    picture(Streamed(run_id="r1", task="a", attempt=1, text="two tides a day"))
    console.print(picture)
    assert "a day" in file.getvalue() or width < 20
