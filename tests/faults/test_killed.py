"""A1 to A3, A6 to A8: a process that is killed, wherever it was, loses nothing that it claimed."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import Finished, Left, Project, at_once, check_complete, check_resumed
from tests.faults.tracing import FAMILIES, injecting, needs_strace

MakeProject = Callable[..., Project]


def _kill_at(project: Project, seconds: float) -> Finished:
    process = project.start("run", project.file)
    process.ends_within(seconds)
    process.kill_all()
    return process.wait()


def _measured(project: Project) -> float:
    """How long a whole run takes here and now."""
    began = time.monotonic()
    finished = project.run()
    assert finished.code == 0, finished
    return time.monotonic() - began


def _kill_and_resume(make_project: MakeProject, expected: Any, moments: list[float]) -> None:
    taken = _measured(make_project("measure"))

    def work(number: int) -> None:
        project = make_project(f"kill-{number}")
        check_resumed(project, Left.by(project, _kill_at(project, taken * moments[number])), expected)

    at_once(work, range(len(moments)))


def test_a_run_killed_at_30_random_moments_goes_on_without_loss_or_repetition(
    make_project: MakeProject, expected: Any
) -> None:
    chance = random.Random(20_260_731)
    _kill_and_resume(make_project, expected, [(number + chance.random()) / 29 for number in range(30)])


@pytest.mark.campaign
def test_a_run_killed_at_300_random_moments_goes_on_without_loss_or_repetition(
    make_project: MakeProject, expected: Any
) -> None:
    chance = random.Random(4711)
    _kill_and_resume(make_project, expected, [chance.random() * 1.05 for _ in range(300)])


def test_a_resume_that_is_killed_twice_never_falls_back(project: Project, expected: Any) -> None:
    """A3."""
    process = project.start("run", project.file)
    process.wait_for_text("completed in", count=10)
    process.kill_all()
    ended = [process.wait()]
    progress = [Left.by(project, *ended)]
    for _ in range(2):
        process = project.start("resume")
        process.wait_for_text("completed in", count=10)
        process.kill_all()
        ended.append(process.wait())
        progress.append(Left.by(project, *ended))
        before, now = progress[-2:]
        assert before.kept.settled <= now.kept.settled
        again = {line.split()[0] for line in project.effects()[before.effects :]} & before.kept.settled
        assert not again, f"executed again: {sorted(again)}"
    check_resumed(project, progress[-1], expected)


def test_the_attempt_after_a_crash_has_the_same_idempotency_key(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(
        "import os\n"
        "def work(task, artifacts):\n"
        "    known = os.path.exists('keys')\n"
        "    with open('keys', 'a') as file:\n"
        "        file.write(task.idempotency_key + '\\n')\n"
        "    if not known:\n"
        "        os.kill(os.getpid(), 9)\n"
    )
    (tmp_path / "flow.yaml").write_text("name: n\nnodes:\n  work: {agent: local://steps.work, inputs: {a: 1}}\n")
    project = Project(tmp_path)
    assert project.run().code == -signal.SIGKILL
    assert project.binex("resume").code == 0
    first, second = (tmp_path / "keys").read_text().split()
    assert first == second
    assert project.kept().records[0].idempotency_key == first


# --- before the N-th system call ----------------------------------------------------------------------------


def _kill_before(make_project: MakeProject, expected: Any, calls: str, number: int) -> bool:
    """Whether the run was killed before its N-th call, and not over before."""
    project = make_project(f"{calls.partition(',')[0]}-{number}", pace_s=0.005)
    finished = project.run(before=injecting(calls, f"signal=KILL:when={number}"))
    left = Left.by(project, finished)
    if finished.code == 0:
        check_complete(project, left, expected)
        return False
    assert finished.code == -signal.SIGKILL, finished
    check_resumed(project, left, expected)
    return True


SAMPLE = {
    "write": (1, 45, 140),
    "fsync": (1, 3),
    "fdatasync": (1, 2, 8),
    "rename": (1, 2, 12),
    "unlink": (1, 9),
    "mkdir": (2, 7),
    "link": (1,),
}


@needs_strace
def test_a_run_killed_before_its_nth_system_call_goes_on_without_loss_or_repetition(
    make_project: MakeProject, expected: Any
) -> None:
    """A2, a sample; the campaign has more of them."""

    def work(call: tuple[str, int]) -> None:
        family, number = call
        was_killed = _kill_before(make_project, expected, FAMILIES[family], number)
        assert was_killed, f"the run makes fewer than {number} calls of {family}"

    at_once(work, [(family, number) for family, numbers in SAMPLE.items() for number in numbers])


@needs_strace
@pytest.mark.campaign
@pytest.mark.parametrize("family", ["write", "fsync", "fdatasync", "rename", "unlink", "mkdir", "open"])
def test_a_run_killed_before_every_system_call_goes_on_without_loss_or_repetition(
    make_project: MakeProject, expected: Any, family: str
) -> None:
    step = {"write": 9, "fdatasync": 2, "rename": 3, "open": 60}.get(family, 1)
    started = 1 if family != "open" else 600  # what comes before is Python's own start

    def work(number: int) -> None:
        _kill_before(make_project, expected, FAMILIES[family], started + number * step)

    at_once(work, range(40))


@needs_strace
@pytest.mark.parametrize(("calls", "number"), [("fdatasync", 3)])
def test_a_resume_killed_before_its_nth_system_call_goes_on(
    project: Project, expected: Any, calls: str, number: int
) -> None:
    process = project.start("run", project.file)
    process.wait_for_text("completed in", count=15)
    process.kill_all()
    first = process.wait()
    second = project.binex("resume", before=injecting(calls, f"signal=KILL:when={number}"))
    assert second.code == -signal.SIGKILL, second
    check_resumed(project, Left.by(project, first, second), expected)
