"""A9 to A11, B10: a run that is told to stop does so within five seconds, says how to go on, and can go on."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.faults.harness import Finished, Left, Project, at_once, check_resumed, prepared_by

STOP_WITHIN_S = 5.0
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}

STUBBORN = {
    "an async function that swallows its cancellation": (
        """
        import asyncio

        async def hang(**_):
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    pass
        """,
        "",
    ),
    "a plain function that sleeps": (
        """
        import time

        def hang(**_):
            time.sleep(3600)
        """,
        "",
    ),
    "a plain function that computes for ever": (
        """
        def hang(**_):
            while True:
                pass
        """,
        "",
    ),
    "a process that ignores SIGTERM": (
        """
        import signal, time

        def hang(**_):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            open("pid", "w").write("here")
            while True:
                time.sleep(3600)
        """,
        "isolation: process",
    ),
    "an async function in a pool of threads": (
        """
        import asyncio, time

        async def hang(**_):
            await asyncio.to_thread(time.sleep, 3600)
        """,
        "",
    ),
}


def check_stopped(finished: Finished, number: signal.Signals, took_s: float, project: Project) -> None:
    """It ended in time with the signal's code, said how to go on, and is recorded as interrupted."""
    assert finished.code == CODES[number], finished
    assert took_s < STOP_WITHIN_S, f"{took_s:.1f} s\n{finished}"
    assert "Traceback" not in finished.err, finished
    assert re.search(rf"binex resume {finished.run_id}\b", finished.err), finished
    kept = project.kept()
    assert kept.run is not None
    assert kept.run.status == "interrupted", kept.run
    assert not kept.is_owned


def stop(project: Project, number: signal.Signals, *, after: str = "completed in", count: int = 20) -> Finished:
    process = project.start("run", project.file)
    process.wait_for_text(after, count=count)
    began = time.monotonic()
    process.signal(number)
    finished = process.wait(STOP_WITHIN_S * 3)
    check_stopped(finished, number, time.monotonic() - began, project)
    return finished


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_one_signal_ends_a_run_as_interrupted_and_it_can_be_resumed(
    project: Project, expected: Any, number: signal.Signals
) -> None:
    finished = stop(project, number)
    check_resumed(project, Left.by(project, finished), expected)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_to_the_whole_group_as_a_terminal_sends_it_does_the_same(
    tmp_path: Path, number: signal.Signals
) -> None:
    project = small_project(
        tmp_path,
        "import time\ndef hang(**_):\n    time.sleep(3600)\n",
        "isolation: process",
    )
    process = project.start("run", project.file)
    process.wait_for_text("hang  started")
    began = time.monotonic()
    process.signal_group(number)
    check_stopped(process.wait(), number, time.monotonic() - began, project)


def test_a_second_signal_ends_the_process_at_once_and_the_run_can_be_resumed(
    make_project: Callable[..., Project], expected: Any
) -> None:
    project = make_project(pace_s=0.4)
    process = project.start("run", project.file)
    process.wait_for_text("completed in", count=2)
    began = time.monotonic()
    process.signal(signal.SIGINT)
    process.wait_for_text("stopping")
    process.signal(signal.SIGINT)
    finished = process.wait()
    assert finished.code == 130, finished
    assert time.monotonic() - began < STOP_WITHIN_S
    assert "Traceback" not in finished.err, finished
    (project.folder / "pace").write_text("0.01")
    check_resumed(project, Left.by(project, finished), expected)


PYTHON_ITSELF = re.compile(r"<frozen site>|Could not import runpy module|in _get_module_details")
"""What is said where Python itself had not started yet, and so no line of ours."""

OPEN_FILE_OF_AN_IMPORT = re.compile(
    r"Exception ignored in: .*\nTraceback \(most recent call last\):\n"
    r'  File "<frozen importlib._bootstrap_external>".*\nResourceWarning: .*\n'
)
"""What Python adds where the signal lands while it reads a module; only seen because warnings are errors here."""


def check_interrupted(finished: Finished, *, or_done: bool = False) -> None:
    """It ended by SIGINT without a traceback of ours; Python's own start may end with one of its own."""
    if not PYTHON_ITSELF.search(finished.err):
        assert finished.code in ((0,) if or_done else ()) + (130, -signal.SIGINT), finished
        assert "Traceback" not in OPEN_FILE_OF_AN_IMPORT.sub("", finished.err), finished


def test_a_signal_during_start_up_ends_the_process_without_a_traceback(
    make_project: Callable[..., Project], expected: Any
) -> None:
    """A10: during imports and while the store is made."""

    def work(moment: float) -> None:
        project = make_project(f"at-{moment}")
        process = project.start("run", project.file)
        process.ends_within(moment)
        process.signal(signal.SIGINT)
        finished = process.wait(STOP_WITHIN_S * 2)
        check_interrupted(finished)
        check_resumed(project, Left.by(project, finished), expected)

    at_once(work, (0.0, 0.1, 0.2, 0.3))


def test_two_signals_during_start_up_end_the_process_without_a_traceback(project: Project, expected: Any) -> None:
    process = project.start("run", project.file)
    process.ends_within(0.2)
    process.signal(signal.SIGINT)
    process.signal(signal.SIGINT)
    finished = process.wait(STOP_WITHIN_S * 2)
    check_interrupted(finished)
    check_resumed(project, Left.by(project, finished), expected)


def small_project(folder: Path, code: str, more: str = "") -> Project:
    """One node that runs ``steps.hang``, and another that needs it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "steps.py").write_text(dedent(code))
    (folder / "flow.yaml").write_text(
        dedent(
            f"""\
            name: small
            nodes:
              first:
                agent: local://echo
                inputs: {{a: 1}}
              hang:
                agent: local://steps.hang
                depends_on: [first]
                inputs: {{first: "${{first.output}}"}}
                {more or "concurrency_is_default: null"}
              last:
                agent: local://echo
                inputs: {{hang: "${{hang.output}}"}}
            """
        ).replace("    concurrency_is_default: null\n", "")
    )
    return Project(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_agent_that_does_not_stop_cannot_hold_up_the_end(tmp_path: Path, number: signal.Signals) -> None:
    """B6, B10: neither a thread nor a task nor a process keeps the command from ending."""

    def work(name: str) -> None:
        code, more = STUBBORN[name]
        stop(small_project(tmp_path / name, code, more), number, after="hang  started", count=1)

    at_once(work, STUBBORN, workers=5)


def test_an_agent_that_does_not_stop_at_its_deadline_is_left_behind_and_the_run_ends(tmp_path: Path) -> None:
    """B6: a process is killed; a thread or a task is left behind, which is told."""

    def work(name: str) -> None:
        code, more = STUBBORN[name]
        more = "\n                ".join(filter(None, ["deadline_ms: 300", more]))
        project = small_project(tmp_path / name, code, more)
        began = time.monotonic()
        finished = project.run(timeout=20)
        assert finished.code == 1, finished
        assert time.monotonic() - began < 10, finished
        records = {record.task: record for record in project.kept().records}
        assert records["hang"].status == "timed_out", records
        assert records["last"].status == "skipped", records

    at_once(work, STUBBORN, workers=5)


def test_sigint_to_a_command_that_only_reads_gives_130_and_no_traceback(project: Project) -> None:
    assert project.run().code == 0
    for moment in (0.05, 0.15, 0.25):
        process = project.start("debug", "latest")
        process.ends_within(moment)
        process.signal(signal.SIGINT)
        check_interrupted(process.wait(), or_done=True)


def test_a_run_under_nohup_does_not_hear_the_hangup(project: Project, expected: Any) -> None:
    deaf = prepared_by("import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)")
    process = project.start("run", project.file, before=deaf)
    process.wait_for_text("completed in", count=5)
    process.signal(signal.SIGHUP)
    assert process.wait().code == 0
    assert project.outputs() == expected
