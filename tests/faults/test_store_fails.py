"""A14, A15, C5: a store that cannot be written ends the run with exit code 3; nothing is claimed that is not kept."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import Finished, Left, Project, at_once, check_commands, check_resumed, prepared_by
from tests.faults.project import write_project
from tests.faults.tracing import FAMILIES, injecting, needs_strace

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")

REASONS = {"ENOSPC": "No space left on device", "EDQUOT": "Disk quota exceeded", "EIO": "Input/output error"}


def check_refused(project: Project, finished: Finished, reason: str) -> Left:
    """Exit code 3, the resource and the way to go on named; what was told as completed is kept."""
    assert finished.code == 3, finished
    assert "Traceback" not in finished.err, finished
    assert "completed in" not in finished.err.rpartition("Error:")[2], finished
    assert re.search(rf"^Error: .*{re.escape(project.store.name)}.*({reason})", finished.err, re.MULTILINE), finished
    left = Left.by(project, finished)
    if left.kept.run is not None:
        assert left.kept.run.status != "completed"
        assert f"binex resume {left.kept.run.id}" in finished.err, f"no way to go on is named\n{finished}"
    return left


CALLS = [
    ("pwrite64", "ENOSPC", 12, "binex.db-wal"),
    ("pwrite64", "ENOSPC", 150, "binex.db-wal"),
    ("pwrite64", "EIO", 60, "binex.db-wal"),
    ("pwrite64", "EDQUOT", 61, "binex.db-wal"),
    ("fdatasync", "EIO", 1, "binex.db-wal"),
    ("fdatasync", "EIO", 9, "binex.db-wal"),
    ("fdatasync", "ENOSPC", 10, "binex.db-wal"),
    (FAMILIES["rename"], "ENOSPC", 1, None),  # the lock
    (FAMILIES["rename"], "EDQUOT", 2, None),  # an artifact's file
    (FAMILIES["rename"], "EIO", 30, None),
    (FAMILIES["mkdir"], "ENOSPC", 7, None),  # the folder of the run's artifacts
    ("fsync", "EIO", 3, None),  # the folder of the new database, or a large artifact
]


@needs_strace
def test_a_store_call_that_fails_once_ends_the_run_with_exit_code_3_and_it_can_be_resumed(
    make_project: Callable[..., Project], expected: Any
) -> None:
    """A14, and A15 for the syncs: a sync that failed once is never repeated and believed."""

    def work(call: tuple[str, str, int, str | None]) -> None:
        calls, error, number, name = call
        project = make_project(f"{calls.partition(',')[0]}-{error}-{number}")
        paths = [project.store / name] if name is not None else []
        finished = project.run(before=injecting(calls, f"error={error}:when={number}", paths=paths))
        # SQLite keeps the number of the error to itself; a full quota is a full disk to it.
        reasons = [REASONS[error], *((REASONS["ENOSPC"], REASONS["EIO"]) if name is not None else ())]
        check_resumed(project, check_refused(project, finished, "|".join(reasons)), expected)

    at_once(work, CALLS)


@needs_strace
@pytest.mark.campaign
@pytest.mark.parametrize("error", REASONS)
@pytest.mark.parametrize("calls", ["pwrite64", "fdatasync", "fsync", FAMILIES["rename"], FAMILIES["mkdir"]])
def test_a_store_call_that_fails_at_any_point_ends_the_run_with_exit_code_3(
    make_project: Callable[..., Project], expected: Any, calls: str, error: str
) -> None:
    failures = []
    for number in [*range(1, 12), *range(15, 60, 6)]:
        project = make_project(f"{number}", pace_s=0.005)
        finished = project.run(before=injecting(calls, f"error={error}:when={number}"))
        if finished.code == 0:
            continue
        try:
            check_resumed(project, check_refused(project, finished, ""), expected)
        except AssertionError as problem:
            failures.append(f"{calls} {error} {number}: {problem}")
    assert not failures, "\n\n".join(failures)


@needs_strace
@pytest.mark.campaign
def test_a_sync_that_fails_at_any_commit_leaves_no_run_that_is_called_completed(
    make_project: Callable[..., Project], expected: Any
) -> None:
    """A15, up to the last commit, which holds the final status: it is not durable, so nobody is told that it is."""
    outcomes = []
    for number in range(1, 80):
        project = make_project(f"sync-{number}", pace_s=0)
        paths = [project.store / "binex.db-wal"]
        finished = project.run(before=injecting("fdatasync", f"error=EIO:when={number}", paths=paths))
        outcomes.append(finished.code)
        if finished.code == 0:  # the run makes fewer commits than that
            break
        check_resumed(project, check_refused(project, finished, REASONS["EIO"]), expected)
    assert outcomes[-1] == 0
    assert len(outcomes) > 10


# --- a small disk -------------------------------------------------------------------------------------------


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts small file systems."""
    mounted: list[Path] = []

    def make(options: str) -> Path:
        place = tmp_path / f"disk-{len(mounted)}"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def on_disk(tmp_path: Path, disk: Path, **options: Any) -> Project:
    write_project(tmp_path / "project", **options)
    project = Project(tmp_path / "project")
    project.store = disk / ".binex"
    return project


@needs_root
@pytest.mark.parametrize("size", ["200k", pytest.param("600k", marks=pytest.mark.campaign), "2m"])
def test_a_full_disk_ends_the_run_with_exit_code_3_and_a_larger_one_lets_it_go_on(
    tmp_path: Path, mount: Callable[[str], Path], expected: Any, size: str
) -> None:
    disk = mount(f"size={size}")
    project = on_disk(tmp_path, disk)
    finished = project.run()
    left = check_refused(project, finished, "No space left on device")
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    check_resumed(project, left, expected)


@needs_root
def test_a_disk_without_room_for_more_files_ends_the_run_with_exit_code_3(
    tmp_path: Path, mount: Callable[[str], Path], expected: Any
) -> None:
    disk = mount("size=64m,nr_inodes=64")
    project = on_disk(tmp_path, disk)
    left = check_refused(project, project.run(), "No space left on device")
    subprocess.run(["mount", "-o", "remount,nr_inodes=10000", str(disk)], check=True)
    check_resumed(project, left, expected)


@needs_root
def test_a_full_disk_can_still_be_looked_at(tmp_path: Path, mount: Callable[[str], Path]) -> None:
    disk = mount("size=600k")
    project = on_disk(tmp_path, disk)
    check_refused(project, project.run(), "No space left on device")
    check_commands(project, ["runs"], ["debug", "latest"], ["trace", "latest"], ["artifacts", "list", "latest"])


# --- limits of the process ----------------------------------------------------------------------------------


def limited(what: str, value: int) -> list[str]:
    return prepared_by(f"import resource\nresource.setrlimit(resource.RLIMIT_{what}, ({value}, {value}))")


@pytest.mark.parametrize("files", [16, 64])
def test_few_open_files_are_enough_or_named(project: Project, expected: Any, files: int) -> None:
    finished = project.run(before=limited("NOFILE", files))
    assert "Traceback" not in finished.err, finished
    left = Left.by(project, finished)
    if finished.code:
        assert finished.code in (1, 3), finished
        assert re.search(r"[Tt]oo many open files|ulimit -n", finished.err), finished
        if finished.code == 3:
            check_resumed(project, left, expected)
    else:
        assert project.outputs() == expected


def test_a_file_size_limit_is_named_like_a_full_disk(project: Project, expected: Any) -> None:
    """RLIMIT_FSIZE: the kernel sends SIGXFSZ, which Python ignores, and writes fail with EFBIG."""
    finished = project.run(before=limited("FSIZE", 300_000))
    left = check_refused(project, finished, "")
    check_resumed(project, left, expected)


@pytest.mark.parametrize("megabytes", [96, 256])
def test_little_memory_ends_the_run_without_a_false_success(project: Project, expected: Any, megabytes: int) -> None:
    """A13 for the runtime itself, with RLIMIT_AS."""
    finished = project.run(before=limited("AS", megabytes * 1024 * 1024))
    left = Left.by(project, finished)
    if finished.code == 0:
        assert project.outputs() == expected
        return
    assert finished.code in (1, 3, 127) or finished.code < 0, finished
    if left.kept.run is None or left.kept.run.status != "failed":
        check_resumed(project, left, expected)
