"""Being told to stop: in five seconds, with the documented exit code, and with the command that goes on."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.conftest import TIMEOUT_S, Shell, environment


@contextmanager
def a_long_run(shell: Shell, *options: str, until: str = "b  started") -> Iterator[subprocess.Popen[str]]:
    """A run that was seen to have begun its long node."""
    with subprocess.Popen(
        shell.command("run", "long.yaml", *options),
        cwd=shell.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if until in line:
                    break
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_ends_the_run_as_interrupted_and_the_way_on_is_told(
    shell: Shell, number: signal.Signals, code: int
) -> None:
    with a_long_run(shell) as process:
        begun = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert time.monotonic() - begun < 5
    assert process.returncode == code
    assert out == ""
    assert "Traceback" not in err
    assert re.search(r"run \w+ interrupted in ", err)
    run = shell("runs", "--json").json()["runs"][0]
    assert run["status"] == "interrupted"
    assert f"  binex resume {run['id']}" in err
    assert shell("debug", "--json").json()["verdict"].startswith("Interrupted")


def test_an_interrupted_run_goes_on_and_repeats_nothing_that_completed(shell: Shell) -> None:
    with a_long_run(shell) as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT_S)
    shell.write("steps.py", "def give(value): return value\ndef rest(seconds): return 'rested at once'\n")
    said = shell("resume")
    assert (said.code, said.out) == (0, "rested at once\n")
    assert "  a  " not in said.err
    trace = shell("trace", "--json").json()
    assert [len(task["attempts"]) for task in trace["tasks"]] == [1, 2, 1]


def test_a_second_interrupt_leaves_at_once(shell: Shell) -> None:
    shell.write("steps.py", "import time\ndef give(value): return value\ndef rest(seconds): time.sleep(seconds)\n")
    with a_long_run(shell) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        for line in process.stderr:
            if "stopping" in line:
                break
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=TIMEOUT_S)
        assert time.monotonic() - begun < 1
        assert process.returncode in (130, 0)  # it may have ended by the first one before the second came
        assert "Traceback" not in process.stderr.read()
    assert shell("runs", "--json").json()["runs"][0]["status"] == "interrupted"


@pytest.mark.parametrize("delay_ms", [0, 40, 80, 120, 200, 300, 450])
def test_an_interrupt_while_starting_shows_no_traceback_of_binex(shell: Shell, delay_ms: int) -> None:
    with subprocess.Popen(
        shell.command("run", "long.yaml"),
        cwd=shell.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        time.sleep(delay_ms / 1000)  # the moment is the point of the test
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert "binex/" not in err
    if "Traceback" in err or process.returncode == -signal.SIGINT:
        return  # Python itself had not started yet
    assert process.returncode == 130


_INTERRUPTED = """
import sys
from binex.cli.main import main

class Interrupts:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt

class Finder:
    def find_spec(self, name, *_):
        if name == "binex.cli.runs":
            type("MadeMeanwhile", (), {"member": Interrupts()})

sys.meta_path.insert(0, Finder())
sys.exit(main(["runs"]))
"""


def test_an_interrupt_that_comes_while_a_class_is_made_is_one_as_well(shell: Shell) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], cwd=shell.folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_a_run_of_another_process_is_cancelled(shell: Shell) -> None:
    with a_long_run(shell) as process:
        said = shell("cancel", "latest")
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert said.code == 0
    assert re.fullmatch(r"run \w+ is cancelled\n", said.out)
    assert process.returncode == 1
    assert "cancelled in " in err


def test_a_run_of_another_process_is_shown_while_it_runs_and_cannot_be_taken_over(shell: Shell) -> None:
    with a_long_run(shell):
        assert shell("runs", "--json").json()["runs"][0]["status"] == "running"
        deadline = time.monotonic() + 10
        while (tasks := shell("trace", "--json").json()["tasks"])[-1]["task"] != "b" and time.monotonic() < deadline:
            pass
        assert [(task["task"], task["status"]) for task in tasks] == [("a", "completed"), ("b", "running")]
        assert "started" in shell("trace").out
        assert shell("debug", "--json").json()["next_steps"][0]["command"].startswith("cancel ")
        said = shell("resume")
        assert said.code == 1
        assert said.err.startswith("Error: run ")


def test_a_killed_run_is_shown_as_interrupted_and_goes_on(shell: Shell) -> None:
    with a_long_run(shell) as process:
        process.kill()
        process.wait(timeout=TIMEOUT_S)
    assert "interrupted" in shell("runs").out
    assert shell("runs", "--status", "interrupted", "--json").json()["runs"]
    assert "Interrupted: 2 of 3 nodes have not settled." in shell("debug").out


def test_a_signal_that_is_ignored_stays_ignored(shell: Shell) -> None:
    shell.write(
        "steps.py", "import time\ndef give(value): return value\ndef rest(seconds): time.sleep(1); return 'ok'\n"
    )
    with subprocess.Popen(
        ["nohup", *shell.command("run", "long.yaml")],
        cwd=shell.folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "b  started" in line:
                process.send_signal(signal.SIGHUP)
                break
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out) == (0, "ok\n")
