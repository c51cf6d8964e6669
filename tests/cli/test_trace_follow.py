"""``binex trace --follow``, and runs whose process goes on, or was killed, while they are looked at."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from binex.cli.render.text import width_of
from tests.cli.conftest import TIMEOUT_S, Shell, environment
from tests.cli.terminals import on_a_terminal

LIVE = """
name: live
inputs: {gate: {}}
nodes:
  a: {agent: local://gated.give, inputs: {value: 1}}
  b: {agent: local://gated.wait, inputs: {gate: "${user.gate}"}, depends_on: [a]}
  c: {agent: local://gated.CLOSING, inputs: {value: "${b}"}, retry_policy: {max_retries: 0}}
"""
GATED = """
import pathlib, time
def give(value): return value
def fail(value): raise ValueError("no luck")
def wait(gate):
    while not pathlib.Path(gate).exists():
        time.sleep(0.02)
    return "open"
"""


@contextmanager
def a_gated_run(shell: Shell, closing: str = "give") -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run of another process that goes on when a file is there."""
    shell.write("gated.py", GATED)
    shell.write("live.yaml", LIVE.replace("CLOSING", closing))
    gate = shell.folder / "gate"
    with subprocess.Popen(
        shell.command("run", "live.yaml", "--var", f"gate={gate}"),
        cwd=shell.folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "b  started" in line:
                    break
            yield process, gate
        finally:
            process.kill()
            process.communicate()


@contextmanager
def a_follower(shell: Shell, *options: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        shell.command("trace", "--follow", *options),
        cwd=shell.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(("closing", "code"), [("give", 0), ("fail", 1)])
def test_a_run_of_another_process_is_followed_to_its_end(shell: Shell, closing: str, code: int) -> None:
    with a_gated_run(shell, closing) as (_, gate), a_follower(shell) as follower:
        assert follower.stderr is not None
        seen = ""
        while "b  started" not in seen:
            seen += follower.stderr.readline()
        assert "a  completed" in seen
        gate.touch()
        out, err = follower.communicate(timeout=TIMEOUT_S)
    assert follower.returncode == code
    assert out == ""
    assert "b  completed" in err
    assert re.search(r"run \w+ (completed|failed) in ", err)
    assert ("no luck" in err) is (closing == "fail")


def test_followed_as_json_it_is_a_document_a_line_as_things_happen(shell: Shell) -> None:
    with a_gated_run(shell) as (_, gate), a_follower(shell, "--json") as follower:
        assert follower.stdout is not None
        events: list[dict[str, Any]] = []
        while not events or (events[-1]["event"], events[-1].get("task")) != ("task_started", "b"):
            events.append(json.loads(follower.stdout.readline()))
        gate.touch()
        out, _ = follower.communicate(timeout=TIMEOUT_S)
    events += [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in (events[0], events[-1])] == ["run_started", "run_ended"]
    settled = [event["record"]["task"] for event in events if event["event"] == "task_settled"]
    assert settled == ["a", "b", "c"]
    assert events[-1]["summary"]["run"]["status"] == "completed"


def test_a_run_whose_process_dies_is_interrupted(shell: Shell) -> None:
    with a_gated_run(shell) as (process, _), a_follower(shell) as follower:
        assert follower.stderr is not None
        while "b  started" not in follower.stderr.readline():
            pass
        process.kill()
        process.wait()
        _, err = follower.communicate(timeout=TIMEOUT_S)
    assert follower.returncode == 130
    assert "interrupted" in err
    assert "binex resume" in err


def test_an_interrupt_leaves_the_run_alone(shell: Shell) -> None:
    with a_gated_run(shell) as (process, gate), a_follower(shell) as follower:
        assert follower.stderr is not None
        while "b  started" not in follower.stderr.readline():
            pass
        begun = time.monotonic()
        follower.send_signal(signal.SIGINT)
        _, err = follower.communicate(timeout=TIMEOUT_S)
        assert time.monotonic() - begun < 5
        assert follower.returncode == 130
        assert "Traceback" not in err
        gate.touch()
        assert process.wait(TIMEOUT_S) == 0


def test_a_run_that_waits_ends_with_its_code(shell: Shell) -> None:
    shell.write("ask.yaml", 'nodes: {a: {agent: "human://input", inputs: {q: 1}}}')
    assert shell("run", "ask.yaml", "--no-wait", "-q").code == 75
    said = shell("trace", "--follow")
    assert said.code == 75
    assert "binex answer" in said.err
    assert "waits for a person" in shell("trace").out


def test_followed_on_a_terminal_it_is_drawn_in_place_until_it_ends(shell: Shell) -> None:
    with a_gated_run(shell) as (_, gate):
        code, seen = on_a_terminal(
            shell, 60, "trace", "--follow", upon=lambda so_far: gate.touch() if " b" in so_far else None
        )
    assert code == 0
    assert (
        seen.index("\x1b[?25l") < seen.index("1/3 nodes") < seen.rindex("\x1b[?25h")
    )  # the cursor is hidden while it is drawn anew
    during = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert re.search(r"run \w+ completed in ", during)
    assert max(width_of(line) for line in re.split(r"[\r\n]+", during) if "binex " not in line) <= 60


def test_a_run_whose_process_was_killed_says_what_its_records_do(shell: Shell) -> None:
    with a_gated_run(shell) as (process, gate):
        process.kill()
        process.wait()
        gate.touch()
    for view in (["trace"], ["debug"]):
        head = shell(*view).out.partition("\n\n")[0]
        assert re.fullmatch(r"‖ live \w+  interrupted in [1-9][\d.]* ms, .*\n  1 completed", head)
    found = shell("trace", "--json").json()["run"]
    assert shell("resume", "-q").code == 0
    assert shell("trace", "--json").json()["run"]["duration_ms"] > found["duration_ms"] > 0


def test_a_killed_run_that_is_cancelled_keeps_what_its_records_say(shell: Shell) -> None:
    with a_gated_run(shell) as (process, _):
        process.kill()
        process.wait()
    assert shell("cancel", "latest").code == 0
    head = shell("trace").out.partition("\n\n")[0]
    assert re.fullmatch(r"■ live \w+  cancelled in [1-9][\d.]* ms, .*\n  1 completed", head)
