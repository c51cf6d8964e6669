"""A12, A16 to A18, B1 to B3, B7, B8: processes, clocks and locks that are in each other's way."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from binex.adapters.registry import Registry
from binex.errors import StoreError
from binex.runtime.session import Session, Settings
from binex.stores.backends.sqlite import open_sqlite_store
from tests.faults.harness import Left, Process, Project, at_once, check_resumed, check_sound, environment

# --- A12: an owner that is stopped, and goes on later --------------------------------------------------------


def test_a_stopped_owner_can_be_taken_over_from_and_records_nothing_afterwards(
    make_project: Callable[..., Project], expected: Any
) -> None:
    project = make_project(pace_s=0.1)
    owner = project.start("run", project.file)
    owner.wait_for_text("completed in", count=10)
    stop_between_commits(project, owner)
    left = Left.by(project)
    (project.folder / "pace").write_text("0.01")
    check_resumed(project, left, expected)
    before = project.kept()
    owner.signal(signal.SIGCONT)
    finished = owner.wait()
    assert finished.code == 3, finished
    assert "took run" in finished.err or "lost lease" in finished.err, finished
    assert "Traceback" not in finished.err, finished
    after = project.kept()
    assert after.run == before.run
    assert after.records == before.records
    assert project.outputs() == expected
    check_sound(project)


def stop_between_commits(project: Project, owner: Process) -> None:
    """Stop *owner*, and not in the middle of a commit, where it would hold the database's lock as long as it sleeps."""
    for _ in range(100):
        owner.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, owner.pid, os.WSTOPPED)
        try:
            with contextlib.closing(sqlite3.connect(project.store / "binex.db", timeout=0)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.rollback()
        except sqlite3.OperationalError:
            owner.signal(signal.SIGCONT)
            os.waitid(os.P_PID, owner.pid, os.WCONTINUED)
        else:
            return
    raise AssertionError("the owner is always in a commit")


def test_an_owner_that_was_only_paused_goes_on(make_project: Callable[..., Project], expected: Any) -> None:
    project = make_project(pace_s=0.05)
    owner = project.start("run", project.file)
    owner.wait_for_text("completed in", count=10)
    owner.signal(signal.SIGSTOP)
    os.waitid(os.P_PID, owner.pid, os.WSTOPPED | os.WNOWAIT)
    owner.signal(signal.SIGCONT)
    assert owner.wait().code == 0
    assert project.outputs() == expected


# --- B1, B2 -------------------------------------------------------------------------------------------------


def test_ten_processes_run_in_the_same_folder_at_once_without_a_lock_error(
    make_project: Callable[..., Project], expected: Any
) -> None:
    project = make_project(pace_s=0.001)
    processes = [project.start("run", project.file) for _ in range(10)]
    finished = [process.wait(120) for process in processes]
    assert [one.code for one in finished] == [0] * 10, "\n".join(map(str, finished))
    assert len({one.run_id for one in finished}) == 10
    assert project.executed() == Counter(dict.fromkeys(project.executed(), 10))
    for one in finished:
        assert "lock" not in re.sub(r"note: waiting for the store.*", "", one.err), one
        assert project.outputs(one.run_id) == expected
    check_sound(project)


def test_of_two_resumes_at_once_one_wins_and_the_other_names_it(
    make_project: Callable[..., Project], expected: Any
) -> None:
    project = make_project(pace_s=0.05)
    process = project.start("run", project.file)
    process.wait_for_text("completed in", count=10)
    process.kill_all()
    left = Left.by(project, process.wait())
    both = [project.start("resume") for _ in range(2)]
    finished = [one.wait() for one in both]
    assert sorted(one.code for one in finished) == [0, 1], "\n".join(map(str, finished))
    winner, loser = (both[0], finished[1]) if finished[0].code == 0 else (both[1], finished[0])
    assert re.search(rf"is executed by pid {winner.pid} since \d{{4}}-", loser.err), loser
    assert "Traceback" not in loser.err
    ran = Counter(line.split()[0] for line in project.effects()[left.effects :])
    assert max(ran.values()) == 1, ran
    assert not set(ran) & left.kept.settled
    assert project.outputs() == expected


def test_a_run_that_is_alive_cannot_be_resumed(make_project: Callable[..., Project]) -> None:
    project = make_project(pace_s=0.2)
    owner = project.start("run", project.file)
    owner.wait_for_text("completed in", count=2)
    finished = project.binex("resume")
    assert finished.code == 1, finished
    assert f"pid {owner.pid}" in finished.err
    (project.folder / "pace").write_text("0")
    owner.signal(signal.SIGINT)
    owner.wait()


def test_a_run_is_cancelled_from_another_process_within_five_seconds(make_project: Callable[..., Project]) -> None:
    project = make_project(pace_s=0.2)
    owner = project.start("run", project.file)
    owner.wait_for_text("completed in", count=2)
    began = time.monotonic()
    finished = project.binex("cancel", "latest")
    assert finished.code == 0, finished
    ended = owner.wait()
    assert time.monotonic() - began < 5
    assert ended.code == 1, ended
    kept = project.kept()
    assert kept.run is not None
    assert kept.run.status == "cancelled"


# --- B3 -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(project: Project, seconds: float | None = None) -> Any:
    """Hold the database's lock, as a careless program would."""
    connection = sqlite3.connect(project.store / "binex.db", isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(seconds or 3600, connection.rollback)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join(0 if seconds is None else seconds + 1)
        connection.close()


def test_a_foreign_lock_of_three_seconds_is_waited_for_and_told(project: Project, expected: Any) -> None:
    process = project.start("run", project.file)
    process.wait_for_text("completed in", count=10)
    with _locked(project, 3.0):
        process.wait_for_text("waiting for the store: another process holds the lock")
        finished = process.wait()
    assert finished.code == 0, finished
    assert project.outputs() == expected


async def test_a_foreign_lock_past_the_patience_ends_the_run_and_nothing_is_claimed(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        "name: n\nnodes:\n  a: {agent: local://echo, inputs: {x: 1}}\n"
        "  b: {agent: local://steps.wait, depends_on: [a]}\n"
    )
    os.mkfifo(tmp_path / "gate")
    (tmp_path / "steps.py").write_text(
        f"import os\ndef wait(**_):\n    os.read(os.open({str(tmp_path / 'gate')!r}, os.O_RDONLY), 1)\n    return 1\n"
    )
    project = Project(tmp_path)
    notices: list[str] = []
    async with open_sqlite_store(project.store, patience_s=1.5, on_notice=notices.append) as store:
        session = Session(store, Settings(project.store), Registry())
        running = asyncio.create_task(session.run(tmp_path / "flow.yaml"))
        gate = await asyncio.to_thread(os.open, tmp_path / "gate", os.O_WRONLY)  # opens when b reads
        with _locked(project):
            os.write(gate, b"x")
            with pytest.raises(StoreError, match="another process held its lock"):
                await running
        os.close(gate)
    assert any("waiting for the store" in notice for notice in notices)
    kept = await project._kept(None)
    assert kept.run is not None
    assert kept.run.status != "completed"
    assert kept.completed == {"a"}


@pytest.mark.campaign
def test_a_foreign_lock_past_60_seconds_ends_the_command_with_exit_code_3(project: Project, expected: Any) -> None:
    process = project.start("run", project.file)
    process.wait_for_text("completed in", count=10)
    with _locked(project):
        finished = process.wait(90)
    assert finished.code == 3, finished
    assert "another process held its lock" in finished.err
    check_resumed(project, Left.by(project, finished), expected)


# --- A16, A17 -----------------------------------------------------------------------------------------------

needs_faketime = pytest.mark.skipif(
    shutil.which("faketime") is None, reason="libfaketime is not installed (apt-get install faketime)"
)


def _faked(moment: str) -> dict[str, str]:
    library = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime*.so.1"))), None)
    library = library or next(iter(sorted(Path("/usr/lib").glob("faketime/libfaketime*.so.1"))), None)
    if library is None:
        pytest.skip("libfaketime.so.1 was not found below /usr/lib")
    return environment(
        LD_PRELOAD=str(library), FAKETIME_NO_CACHE="1", FAKETIME_TIMESTAMP_FILE=moment, DONT_FAKE_MONOTONIC="1"
    )


@needs_faketime
@pytest.mark.parametrize("jump", ["-1d", "+365d"])
def test_a_clock_that_jumps_during_a_run_spoils_neither_durations_nor_order_nor_latest(
    make_project: Callable[..., Project], expected: Any, jump: str
) -> None:
    project = make_project(pace_s=0.03)
    assert project.run().code == 0
    moment = project.folder / "moment"
    moment.write_text("+0d")
    process = project.start("run", project.file, env=_faked(str(moment)))
    process.wait_for_text("completed in", count=15)
    replacement = project.folder / "moment.new"
    replacement.write_text(jump)
    replacement.replace(moment)
    finished = process.wait()
    assert finished.code == 0, finished
    kept = project.kept()
    assert kept.run is not None
    assert kept.run.id == finished.run_id, "latest is another run"
    started = [record.started_at for record in kept.records if record.started_at is not None]
    jumped = max(started) - min(started)
    assert abs(jumped.total_seconds()) > 3600, "the clock did not jump"
    assert all(record.duration_ms >= 0 for record in kept.records)
    assert all((record.queued_ms or 0) >= 0 for record in kept.records)
    assert 0 <= kept.run.duration_ms < 60_000
    order = [record.task for record in kept.records]
    assert order.index("seed") == 0
    assert order[-1] == "end"
    for command in (["trace"], ["runs"]):
        shown = project.binex(*command)
        assert shown.code == 0, shown
        assert not re.search(r"(?<![\w.])-\d+(\.\d+)? ?(ms|s|m|h|d)\b", shown.out), shown
    # A run that is started when the clock is right again is the latest, even after one from the future.
    later = project.run()
    assert later.code == 0, later
    assert project.json("runs")["runs"][0]["id"] == later.run_id
    assert project.outputs() == expected


@needs_faketime
def test_a_run_of_a_machine_whose_clock_was_wrong_is_resumed(project: Project, expected: Any) -> None:
    moment = project.folder / "moment"
    moment.write_text("+365d")
    process = project.start("run", project.file, env=_faked(str(moment)))
    process.wait_for_text("completed in", count=15)
    process.kill_all()
    check_resumed(project, Left.by(project, process.wait()), expected)


def test_a_lock_that_names_a_living_process_of_another_boot_is_seen_as_dead(project: Project, expected: Any) -> None:
    """A17: the process id of the owner is in use again, by somebody else."""
    process = project.start("run", project.file)
    process.wait_for_text("completed in", count=10)
    process.kill_all()
    finished = process.wait()
    locks = [path for path in (project.store / "locks").iterdir() if not path.name.endswith(".control")]
    assert len(locks) == 1
    text = locks[0].read_text()
    assert f'"pid": {process.pid}' in text, text
    locks[0].write_text(text.replace(f'"pid": {process.pid}', f'"pid": {os.getpid()}'))
    check_resumed(project, Left.by(project, finished), expected)


# --- A13, A18: processes of isolated nodes ------------------------------------------------------------------

ISOLATED = """
    import os, subprocess, sys, time

    def family(**_):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        grandchild = os.fork()
        if grandchild == 0:
            time.sleep(3600)
            os._exit(0)
        with open("pids.new", "w") as file:
            file.write(f"{os.getpid()} {child.pid} {grandchild}")
        os.rename("pids.new", "pids")
        print("the family is here", file=sys.stderr, flush=True)
        time.sleep(3600)

    def answers(**_):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        with open("pids", "w") as file:
            file.write(str(child.pid))
        return 1

    def killed(**_):
        os.kill(os.getpid(), 9)

    def hungry(**_):
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))
        return len("x" * (1 << 30))
"""


def isolated(folder: Path, function: str, more: str = "") -> Project:
    (folder / "steps.py").write_text(dedent(ISOLATED).replace('"pids', f'"{folder}/pids'))
    (folder / "flow.yaml").write_text(
        "name: isolated\nnodes:\n"
        f"  work: {{agent: local://steps.{function}, isolation: process{more}}}\n"
        "  other: {agent: local://echo, inputs: {x: 1}}\n"
        '  after: {agent: local://echo, inputs: {x: "${work.output}"}}\n'
    )
    return Project(folder)


def check_gone(folder: Path, seconds: float = 5.0) -> None:
    """None of the processes is left; a pidfd tells of the end of one as an event."""
    import select

    for text in (folder / "pids").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(int(text))
            try:
                ended, _, _ = select.select([descriptor], [], [], seconds)
            finally:
                os.close(descriptor)
            assert ended, f"process {text} is left: {Path(f'/proc/{text}/cmdline').read_bytes()!r}"


def test_killing_binex_leaves_no_process_of_an_isolated_node_behind(tmp_path: Path) -> None:
    project = isolated(tmp_path, "family")
    process = project.start("run", project.file)
    process.wait_for_text("the family is here")
    process.signal(signal.SIGKILL)
    process.ends_within(10)
    check_gone(tmp_path)
    process.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_stopping_binex_leaves_no_process_of_an_isolated_node_behind(tmp_path: Path, number: signal.Signals) -> None:
    project = isolated(tmp_path, "family")
    process = project.start("run", project.file)
    process.wait_for_text("the family is here")
    process.signal(number)
    assert process.ends_within(5)
    check_gone(tmp_path)
    assert process.wait().code == 128 + number


def test_a_deadline_leaves_no_process_of_an_isolated_node_behind(tmp_path: Path) -> None:
    project = isolated(tmp_path, "family", ", deadline_ms: 1500")
    process = project.start("run", project.file)
    process.wait_for_text("timed out")
    assert process.ends_within(10)
    check_gone(tmp_path)
    assert process.wait().code == 1


def test_an_isolated_node_that_answers_leaves_no_process_behind(tmp_path: Path) -> None:
    project = isolated(tmp_path, "answers")
    process = project.start("run", project.file)
    assert process.ends_within(30)
    check_gone(tmp_path)
    assert process.wait().code == 0


def test_a_killed_process_of_an_isolated_node_fails_its_node_and_says_by_which_signal(tmp_path: Path) -> None:
    """A13."""
    project = isolated(tmp_path, "killed")
    finished = project.run()
    assert finished.code == 1, finished
    assert "killed by signal 9 (out of memory?)" in finished.err, finished
    records = {record.task: record for record in project.kept().records}
    assert records["work"].status == "failed"
    assert records["other"].status == "completed"
    assert records["after"].status == "skipped"


def test_a_process_that_runs_out_of_memory_fails_its_node_and_no_other(tmp_path: Path) -> None:
    """A13, RLIMIT_AS."""
    project = isolated(tmp_path, "hungry")
    finished = project.run()
    assert finished.code == 1, finished
    records = {record.task: record for record in project.kept().records}
    assert records["work"].error is not None
    assert "MemoryError" in records["work"].error.type + records["work"].error.message
    assert records["other"].status == "completed"


# --- B5, B7, B8 ---------------------------------------------------------------------------------------------


def test_a_function_that_blocks_holds_up_neither_its_neighbours_nor_its_deadline(tmp_path: Path) -> None:
    """B5."""
    (tmp_path / "steps.py").write_text(
        "import time\ndef block(**_):\n    time.sleep(8)\n\nasync def quick(**_):\n    return 1\n"
    )
    nodes = "".join(f"  n{i}: {{agent: local://steps.quick, depends_on: [n{i - 1}]}}\n" for i in range(1, 20))
    (tmp_path / "flow.yaml").write_text(
        "name: n\nnodes:\n  slow: {agent: local://steps.block, deadline_ms: 700}\n"
        f"  n0: {{agent: local://steps.quick}}\n{nodes}"
    )
    project = Project(tmp_path)
    began = time.monotonic()
    finished = project.run()
    assert time.monotonic() - began < 6, finished
    assert finished.code == 1, finished
    records = {record.task: record for record in project.kept().records}
    assert records["slow"].status == "timed_out"
    assert 690 <= records["slow"].duration_ms < 3500
    ended = [records[f"n{number}"].ended_at for number in range(20)]
    assert max(ended) < records["slow"].ended_at, "the neighbours waited"


SPANS = """
    import os, time

    def span(**_):
        log = os.open(os.path.join(os.path.dirname(__file__), "effects.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, b"+\\n")
        time.sleep(0.02)
        os.write(log, b"-\\n")
        os.close(log)
"""


@pytest.mark.parametrize("cap", [1, 3])
def test_never_more_tasks_are_executed_at_once_than_allowed(tmp_path: Path, cap: int) -> None:
    """B7."""
    (tmp_path / "steps.py").write_text(dedent(SPANS))
    nodes = "".join(f"  n{number}: {{agent: local://steps.span}}\n" for number in range(20))
    (tmp_path / "flow.yaml").write_text(f"name: n\nconcurrency: {cap}\nnodes:\n{nodes}")
    project = Project(tmp_path)
    assert project.run().code == 0
    running = most = 0
    for line in project.effects():
        running += 1 if line == "+" else -1
        most = max(most, running)
    assert most == cap
    assert len(project.effects()) == 40


def test_a_concurrency_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    """B7."""

    def work(wrong: str) -> None:
        folder = tmp_path / f"={wrong}"
        folder.mkdir()
        (folder / "flow.yaml").write_text(f"name: n\nconcurrency: {wrong}\nnodes:\n  a: {{agent: local://echo}}\n")
        finished = Project(folder).run()
        assert finished.code == 2, finished
        assert "flow.yaml:2:" in finished.err, finished
        assert not (folder / ".binex" / "binex.db").exists()

    at_once(work, ("0", "-1", "abc", "1.5"))


def test_a_race_of_completion_deadline_and_cancel_gives_one_terminal_record_per_attempt(tmp_path: Path) -> None:
    """B8."""
    (tmp_path / "steps.py").write_text(
        "import asyncio, time\n"
        "async def soft(**_):\n    await asyncio.sleep(0.03)\n    return 1\n"
        "def hard(**_):\n    time.sleep(0.03)\n    return 1\n"
    )
    nodes = "".join(
        f"  n{number}: {{agent: local://steps.{('soft', 'hard')[number % 2]}, deadline_ms: {28 + number % 6},"
        " retry_policy: {max_retries: 2, backoff: fixed, delay_ms: 1}}\n"
        for number in range(60)
    )
    (tmp_path / "flow.yaml").write_text(f"name: n\nconcurrency: 10\nnodes:\n{nodes}")
    project = Project(tmp_path)
    process = project.start("run", project.file)
    process.wait_for_text(r"completed in|timed out", count=30)
    cancelled = project.binex("cancel", "latest")
    assert cancelled.code in (0, 1), cancelled
    finished = process.wait()
    assert finished.code in (0, 1), finished
    kept = project.kept()
    attempts = Counter((record.task, record.attempt) for record in kept.records)
    assert max(attempts.values()) == 1
    finals = Counter(record.task for record in kept.records if record.is_final)
    assert max(finals.values()) == 1
    by_task: dict[str, list[Any]] = {}
    for record in kept.records:
        by_task.setdefault(record.task, []).append(record)
    for task, records in by_task.items():
        assert [record.attempt for record in records] == list(range(1, len(records) + 1)), task
        assert [record.is_final for record in records] == [False] * (len(records) - 1) + [True], task
    check_sound(project)
