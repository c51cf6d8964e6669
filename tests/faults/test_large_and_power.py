"""A4 to A8: large artifacts and power loss, as far as they can be tried without a power switch."""

import contextlib
import os
import re
import select
import signal
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.faults.harness import Finished, Left, Project, check_commands, check_sound
from tests.faults.tracing import injecting, needs_strace, watching


@pytest.fixture
def large(tmp_path: Path) -> Project:
    """A small node, one whose artifact is too large for the database, and one that needs it."""
    return large_project(tmp_path, 1)


def large_project(tmp_path: Path, megabytes: int) -> Project:
    (tmp_path / "steps.py").write_text(
        dedent(
            f"""
            import os

            def note(name):
                log = os.open("effects.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                os.write(log, name.encode() + b"\\n")
                os.close(log)

            def make(small):
                note("make")
                return "x" * ({megabytes} << 20)

            def measure(text):
                note("measure")
                return len(text)
            """
        )
    )
    (tmp_path / "flow.yaml").write_text(
        dedent(
            """
            name: large
            nodes:
              small: {agent: local://echo, inputs: {a: 1}}
              make: {agent: local://steps.make, inputs: {small: "${small.output}"}}
              end: {agent: local://steps.measure, inputs: {text: "${make.output}"}}
            """
        )
    )
    return Project(tmp_path)


LIMIT = ("--limit", "output_bytes=100MiB")


def check_whole(project: Project, left: Left, *, ran: list[str], megabytes: int = 1) -> None:
    """Every command works on what is left; a resume does the rest, once."""
    assert left.kept.run is not None
    if "make" not in left.kept.completed:
        assert left.acknowledged <= {"small"}
    check_commands(project, ["runs"], ["trace"], ["debug"], ["artifacts", "list"])
    finished = project.binex("resume", *LIMIT)
    assert finished.code == 0, finished
    assert project.outputs() == [megabytes << 20]
    assert project.effects() == ran
    assert project.temporaries() == [], "the temporary file is left"
    check_sound(project)


def is_being_written(project: Project) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return any(path.stat().st_size > 50 << 20 for path in project.temporaries())
    return False


@needs_strace
def test_a_kill_while_50_mb_are_written_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    """A6: strace holds every sync back for a second, so that the file is seen while it is being written."""
    large = large_project(tmp_path, 50)
    process = large.start("run", large.file, *LIMIT, before=injecting("fsync", "delay_enter=1000000"))
    process.wait_for_text("make  started")
    end = time.monotonic() + 30
    while not is_being_written(large):
        assert time.monotonic() < end, process.err
        assert not process.ends_within(0.001), process.err
    process.kill_all()
    left = Left.by(large, process.wait())
    assert is_being_written(large)
    assert not list((large.store / "artifacts").rglob("*make~output.json"))
    check_whole(large, left, ran=["make", "make", "measure"], megabytes=50)


NEVER_WAITS = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:])
print("child", child.pid, file=sys.stderr, flush=True)
time.sleep(3600)
"""


@needs_strace
def test_a_dead_writer_that_nobody_has_reaped_counts_as_dead(large: Project) -> None:
    """A6 in a container whose first process does not reap: the id of the dead one stays taken."""
    nursery = [*injecting("fsync", "delay_enter=1000000"), sys.executable, "-c", NEVER_WAITS]
    process = large.start("run", large.file, *LIMIT, before=nursery)
    process.wait_for_text("make  started")
    end = time.monotonic() + 30
    while not any((large.store / "artifacts").rglob(".tmp-*")):
        assert time.monotonic() < end, process.err
        assert not process.ends_within(0.001), process.err
    pid = int(re.findall(r"^child (\d+)$", process.err, re.MULTILINE)[0])
    handle = os.pidfd_open(pid)
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    assert select.select([handle], [], [], 10)[0]
    os.close(handle)
    finished = large.binex("resume", *LIMIT)
    assert finished.code == 0, finished
    assert Path(f"/proc/{pid}").exists(), "it was reaped, and nothing was tried"
    assert large.temporaries() == [], "the temporary file is left"


@needs_strace
def test_a_kill_before_the_large_file_is_synced_leaves_nothing_under_the_final_name(large: Project) -> None:
    """A6, at the exact place: the file is written whole, and not yet renamed."""
    assert large.binex("run", "flow.yaml", *LIMIT).code == 0
    (large.folder / "effects.log").unlink()
    finished = large.run(*LIMIT, before=injecting("fsync", "signal=KILL:when=1"))
    assert finished.code == -signal.SIGKILL, finished
    left = Left.by(large, finished)
    assert left.kept.run is not None
    folder = large.store / "artifacts" / left.kept.run.id
    assert not list(folder.glob("*make~output.json"))
    assert left.kept.completed == {"small"}
    check_whole(large, left, ran=["make", "make", "measure"])


@needs_strace
def test_a_kill_between_the_rename_and_the_commit_leaves_an_orphan_that_nobody_sees(large: Project) -> None:
    """A7."""
    assert large.binex("run", "flow.yaml", *LIMIT).code == 0
    (large.folder / "effects.log").unlink()
    finished = large.run(*LIMIT, before=injecting("fsync", "signal=KILL:when=2"))
    assert finished.code == -signal.SIGKILL, finished
    left = Left.by(large, finished)
    assert left.kept.run is not None
    assert list((large.store / "artifacts" / left.kept.run.id).glob("*make~output.json")), "killed too early"
    assert left.kept.completed == {"small"}
    listed = large.json("artifacts", "list")
    assert [artifact["task"] for artifact in listed["artifacts"]] == ["small"]
    check_whole(large, left, ran=["make", "make", "measure"])


@needs_strace
@pytest.mark.parametrize("line", [3, 7])
def test_a_kill_between_the_commit_and_the_line_about_it_loses_nothing(large: Project, line: int) -> None:
    """A8: lines 3 and 7 on stderr tell of the completion of the first and the last node."""
    script = large.folder / "run.sh"
    errors = large.folder / "stderr"
    script.write_text('#!/bin/sh\nexec "$@" 2>>"$ERRORS"\n')
    script.chmod(0o700)
    from tests.faults.harness import environment

    errors.touch()
    finished = large.run(
        *LIMIT,
        before=[*injecting("write", f"signal=KILL:when={line}", paths=[errors]), str(script)],
        env=environment(ERRORS=str(errors)),
    )
    assert finished.code == -signal.SIGKILL, finished
    finished = Finished(finished.code, finished.out, errors.read_text())
    left = Left.by(large, finished)
    done = ["small", "make", "end"][: (line - 1) // 2]
    assert left.kept.completed == set(done), finished
    assert finished.acknowledged == set(done[:-1]), finished
    shown = {task["timing"]["task"]: task for task in large.json("debug")["tasks"]}
    assert [shown[task]["timing"]["status"] for task in done] == ["completed"] * len(done)
    check_whole(large, left, ran=["make", "measure"])


# --- power loss ---------------------------------------------------------------------------------------------

CALL = re.compile(
    r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*?)(?:\) += +(?P<result>-?\d+).*| <unfinished \.\.\.>)$"
)
RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>.*\) += +(?P<result>-?\d+)")


def calls_of(trace: Path) -> list[tuple[str, str]]:
    """The calls in the order in which they returned: (name, arguments)."""
    calls, begun = [], {}
    for line in trace.read_text(errors="replace").splitlines():
        if found := RESUMED.match(line):
            calls.append((found["name"], begun.pop(found["pid"], "")))
        elif found := CALL.match(line):
            if found["result"] is None:
                begun[found["pid"]] = found["arguments"]
            else:
                calls.append((found["name"], found["arguments"]))
    return calls


def traced(project: Project, *options: str) -> tuple[Finished, list[tuple[str, str]]]:
    trace = project.folder / "trace"
    families = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,mkdir,link"
    finished = project.run(*options, before=watching(trace, families))
    assert finished.code == 0, finished
    return finished, calls_of(trace)


def is_completion(name: str, arguments: str) -> bool:
    return name == "write" and arguments.startswith("2<") and "completed in" in arguments


@needs_strace
def test_with_full_durability_every_completion_is_synced_before_it_is_told(project: Project) -> None:
    """A4: nothing that was written to the log of the database is unsynced when a completion is told."""
    _, calls = traced(project)
    unsynced, told, syncs = 0, 0, 0
    for name, arguments in calls:
        if name == "pwrite64" and "binex.db-wal" in arguments.partition(",")[0]:
            unsynced += 1
        elif name in ("fdatasync", "fsync") and "binex.db-wal" in arguments:
            unsynced, syncs = 0, syncs + 1
        elif is_completion(name, arguments):
            told += 1
            assert unsynced == 0, f"told with {unsynced} writes unsynced: {arguments}"
    assert told >= 70
    assert syncs >= 10


@needs_strace
def test_with_full_durability_large_files_and_their_folders_are_synced_before_they_are_told(large: Project) -> None:
    """A4: file, rename, folder; and every folder above that is new."""
    _, calls = traced(large, *LIMIT)
    position = dict.fromkeys(("synced", "renamed", "folder", "above", "told"), -1)
    run_folder = ""
    for number, (name, arguments) in enumerate(calls):
        if name == "fsync" and "/.tmp-" in arguments and "new.db" not in arguments:
            position["synced"] = number
        elif name.startswith("rename") and arguments.endswith('make~output.json"'):
            position["renamed"] = number
            run_folder = arguments.rpartition("/artifacts/")[2].partition("/")[0]
        elif name == "fsync" and run_folder and arguments.endswith(f"/artifacts/{run_folder}>"):
            position["folder"] = number
        elif name == "fsync" and arguments.endswith("/.binex/artifacts>"):
            position["above"] = number
        elif is_completion(name, arguments) and " make " in arguments:
            position["told"] = number
    assert -1 < position["synced"] < position["renamed"] < position["folder"] < position["told"], position
    assert -1 < position["above"] < position["told"], f"the entry of the run's folder was not synced: {position}"


@needs_strace
def test_with_full_durability_the_new_store_itself_is_synced_before_anything_is_told(large: Project) -> None:
    """A4: the entries of binex.db in .binex, and of .binex in the folder above."""
    _, calls = traced(large, *LIMIT)
    first = next(number for number, call in enumerate(calls) if is_completion(*call))
    made = next(n for n, (name, text) in enumerate(calls) if name == "link" and text.endswith('/binex.db"'))
    synced = [text.partition("<")[2].rstrip(">") for name, text in calls[:first] if name == "fsync"]
    after = [text.partition("<")[2].rstrip(">") for name, text in calls[made:first] if name == "fsync"]
    assert str(large.store) in after, synced
    assert str(large.folder) in synced, f"the entry of .binex was not synced: {synced}"


@pytest.mark.parametrize("count", [3, 65])
def test_with_normal_durability_a_kill_leaves_no_record_without_its_artifact(
    project: Project, expected: Any, count: int
) -> None:
    """A5, as far as a kill can try it: reading the store verifies every artifact that a record names."""
    process = project.start("run", project.file, "--durability", "normal")
    process.wait_for_text("completed in", count=count)
    process.kill_all()
    left = Left.by(project, process.wait())
    assert len(left.kept.completed) >= count
    finished = project.binex("resume", "--durability", "normal")
    assert finished.code == 0, finished
    assert project.outputs() == expected
    check_sound(project)


def test_the_log_of_a_database_that_lost_its_tail_is_read_up_to_there(project: Project, expected: Any) -> None:
    """A5: what power loss may do with `normal`: the end of the log is gone. What remains is consistent."""
    process = project.start("run", project.file, "--durability", "normal")
    process.wait_for_text("completed in", count=40)
    process.kill_all()
    process.wait()
    log = project.store / "binex.db-wal"
    whole = log.read_bytes()
    for part in (0.9, 0.5, 0.2):
        log.write_bytes(whole[: int(len(whole) * part)])
        kept = project.kept()
        assert kept.run is None or len(kept.completed) < 75
    finished = project.binex(
        "resume" if project.kept().run is not None else "run", *([] if kept.run else ["flow.yaml"])
    )
    assert finished.code == 0, finished
    assert project.outputs() == expected
    check_sound(project)
