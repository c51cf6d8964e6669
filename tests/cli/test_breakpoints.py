"""``--break`` and ``--step``: stops on a terminal, through a pipe, and answered from elsewhere."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cli.conftest import TIMEOUT_S, Said, Shell, environment

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
BACK = """
name: back
nodes:
  a: {agent: local://steps.give, inputs: {value: words}}
  b: {agent: local://steps.give, inputs: {value: "${a.output}"}}
  c: {agent: local://steps.give, inputs: {value: "made of ${b}"}}
"""


@pytest.fixture
def flow(shell: Shell) -> Shell:
    shell.write("back.yaml", BACK)
    return shell


class Terminal:
    """A command on a terminal of its own, typed into by the test."""

    def __init__(self, shell: Shell, *arguments: str, env: dict[str, str]) -> None:
        self._own, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        become = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
        become += "; os.execv(sys.executable, [sys.executable, '-m', 'binex', *sys.argv[1:]])"
        self.process = subprocess.Popen(
            [sys.executable, "-c", become, *arguments],
            cwd=shell.folder,
            env=environment(**{"TERM": "xterm-256color", **env}),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self.seen = ""

    def wait_for(self, text: str, count: int = 1) -> None:
        """Read until *text* was written so often."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.seen.count(text) < count and time.monotonic() < deadline and self._read():
            pass
        assert self.seen.count(text) >= count, self.seen

    def type(self, text: str) -> None:
        os.write(self._own, text.encode())

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read():
            pass
        return self.process.wait(TIMEOUT_S)

    def close(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(TIMEOUT_S)
        os.close(self._own)

    def _read(self) -> bool:
        if not select.select([self._own], [], [], TIMEOUT_S)[0]:
            return False
        try:
            data = os.read(self._own, 65536)
        except OSError:  # nobody has the other side open any more
            return False
        self.seen += CONTROL.sub("", data.decode(errors="replace")).replace("\r", "")
        return bool(data)


@contextmanager
def on_a_terminal(shell: Shell, *arguments: str, **env: str) -> Iterator[Terminal]:
    terminal = Terminal(shell, *arguments, env=env)
    try:
        yield terminal
    finally:
        terminal.close()


def piped(shell: Shell, *arguments: str, says: str, **env: str) -> Said:
    """A command that is told everything at once, in a pipe."""
    return shell.process(*arguments, input=says, env=env)


def last_run(shell: Shell) -> dict[str, Any]:
    run: dict[str, Any] = shell("runs", "--json").json()["runs"][0]
    return run


# --- on a terminal --------------------------------------------------------------------------------------------


def test_a_terminal_shows_the_inputs_and_what_can_be_said(flow: Shell) -> None:
    with on_a_terminal(flow, "run", "back.yaml", "--break", "b") as terminal:
        terminal.wait_for("stopped> ")
        assert "── stopped before b (local://steps.give) ──\ninputs\n  value:\n    words\n" in terminal.seen
        assert "c continue · s step · e edit · k skip · f replay · q quit" in terminal.seen
        terminal.type("x\n")
        terminal.wait_for("'x' cannot be said at this stop")
        terminal.type("s\n")
        terminal.wait_for("stopped before c")
        terminal.type("c\n")
        assert terminal.end() == 0
    assert "made of words\n" in terminal.seen


def test_an_editor_changes_the_output_and_is_opened_again_after_a_mistake(flow: Shell) -> None:
    flow.write(
        "editor.py",
        """
        import pathlib, sys
        file = pathlib.Path(sys.argv[1])
        text = file.read_text()
        file.write_text('"better"' if "bad" in text else "bad JSON")
        """,
    )
    editor = f"{sys.executable} {flow.folder / 'editor.py'}"
    with on_a_terminal(flow, "run", "back.yaml", "--break", "a:after", EDITOR=editor) as terminal:
        terminal.wait_for("stopped> ")
        terminal.type("e\n")
        terminal.wait_for("that is not JSON")
        terminal.wait_for("stopped> ", 2)
        terminal.type("edit\n")
        assert terminal.end() == 0
    assert "made of better\n" in terminal.seen
    shown = flow("artifacts", "show", "latest", "a", "--json")
    assert '"edited": true' in shown.out


def test_an_editor_that_fails_changes_nothing(flow: Shell) -> None:
    with on_a_terminal(flow, "run", "back.yaml", "--break", "b", VISUAL="false") as terminal:
        terminal.wait_for("stopped> ")
        terminal.type("e\n")
        terminal.wait_for("the editor ended with exit code 1, so nothing is changed")
        terminal.type("c\n")
        assert terminal.end() == 0


def test_an_editor_that_removes_its_file_changes_nothing_and_fails_no_task(flow: Shell) -> None:
    with on_a_terminal(flow, "run", "back.yaml", "--break", "b", VISUAL="rm") as terminal:
        terminal.wait_for("stopped> ")
        terminal.type("e\n")
        terminal.wait_for("the editor left no file to read, so nothing is changed")
        terminal.type("c\n")
        assert terminal.end() == 0


def test_ctrl_c_at_a_stop_ends_the_run_and_resume_goes_on(flow: Shell) -> None:
    with on_a_terminal(flow, "run", "back.yaml", "--break", "b:after") as terminal:
        terminal.wait_for("stopped> ")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "binex resume" in terminal.seen
    assert "Traceback" not in terminal.seen
    run = last_run(flow)
    assert run["status"] == "interrupted"
    assert flow("answer", run["id"], "b", "continue").code == 0
    said = flow("resume", run["id"])
    assert (said.code, said.out) == (0, "made of words\n")
    assert "b  started" not in said.err


def test_ctrl_d_leaves_the_stop_open_for_another_terminal(flow: Shell) -> None:
    with on_a_terminal(flow, "run", "back.yaml", "--break", "b") as terminal:
        terminal.wait_for("stopped> ")
        terminal.type("\x04")
        assert terminal.end() == 75
    with on_a_terminal(flow, "answer", "latest", "b") as terminal:
        terminal.wait_for("stopped> ")
        terminal.type("k\n")
        assert terminal.end() == 0
    assert flow("resume").out == "made of null\n"


def test_another_terminal_may_be_first(flow: Shell) -> None:
    with on_a_terminal(flow, "run", "back.yaml", "--break", "b") as terminal:
        terminal.wait_for("stopped> ")
        said = flow("answer", "latest", "b", "edit", '{"value": "theirs"}')
        assert "the run goes on" in said.err
        assert terminal.end() == 0
    assert "made of theirs\n" in terminal.seen


def test_a_fork_from_here_is_shown_like_the_run_before(flow: Shell) -> None:
    with on_a_terminal(flow, "run", "back.yaml", "--break", "b") as terminal:
        terminal.wait_for("stopped> ")
        terminal.type("f\n")
        terminal.wait_for("stopped> ", 2)
        terminal.type("c\n")
        assert terminal.end() == 0
    assert "1 task already settled" in terminal.seen
    assert "made of words\n" in terminal.seen
    assert re.search(r"run \w+ completed in .*: 3 completed", terminal.seen)


# --- through a pipe -------------------------------------------------------------------------------------------


def test_what_is_piped_is_said_at_the_stops_one_line_after_the_other(flow: Shell) -> None:
    said = piped(flow, "run", "back.yaml", "--step", says='s\ne {"value": "other"}\nc')
    assert (said.code, said.out) == (0, "made of other\n")
    assert said.err.count("stopped before") == 3


def test_a_file_may_say_it_as_well(flow: Shell) -> None:
    script = flow.write("says.txt", "skip\n")
    with script.open() as says:
        said = flow.process("run", "back.yaml", "--break", "b", stdin=says)
    assert (said.code, said.out) == (0, "made of null\n")


def test_a_pipe_that_ends_leaves_the_run_waiting(flow: Shell) -> None:
    said = piped(flow, "run", "back.yaml", "--break", "a", "--break", "c", says="c\n")
    assert said.code == 75
    assert "waiting: binex answer" in said.err


@pytest.mark.parametrize(("typed", "code", "status"), [("q\n", 130, "interrupted"), ("", 75, "waiting")])
def test_a_replay_that_stops_is_not_called_different(flow: Shell, typed: str, code: int, status: str) -> None:
    assert flow("run", "back.yaml").code == 0
    said = piped(flow, "replay", "--break", "b", says=typed)
    assert said.code == code
    parent = flow("runs", "--json").json()["runs"][1]["id"]
    assert f"of run {parent} is {status}, and is not compared\n" in said.out
    assert f"binex replay {parent}\n" in said.out
    assert "difference" not in said.out


def test_quitting_ends_with_130_like_ctrl_c(flow: Shell) -> None:
    said = piped(flow, "run", "back.yaml", "--break", "b", says="q\n")
    assert (said.code, said.out) == (130, "")
    said = flow("resume")
    assert (said.code, said.out) == (0, "made of words\n")


def test_replay_from_here_is_a_fork_of_its_own(flow: Shell) -> None:
    said = piped(flow, "run", "back.yaml", "--break", "b:after", says="f\nc\n")
    assert (said.code, said.out) == (0, "made of words\n")
    fork, parent = flow("runs", "--json").json()["runs"]
    assert (fork["status"], parent["status"]) == ("completed", "interrupted")
    assert fork["origin"]["parent"] == parent["id"]


def test_json_and_quiet_leave_stdout_to_the_result(flow: Shell) -> None:
    said = piped(flow, "run", "back.yaml", "--break", "b", "--json", "--quiet", says="c\n")
    assert said.json()["outputs"]["c"]["output"] == "made of words"
    assert "stopped before b" in said.err


def test_resume_stops_as_well(flow: Shell) -> None:
    piped(flow, "run", "back.yaml", "--break", "b", says="q\n")
    said = piped(flow, "resume", "--break", "c:after if ${c.output} == 'made of words'", says='e "mine"\n')
    assert (said.code, said.out) == (0, "mine\n")


def test_a_replay_from_the_tape_can_be_stepped_through(flow: Shell) -> None:
    assert flow("run", "back.yaml", "-q").code == 0
    said = piped(flow, "replay", "latest", "--step", says="s\ns\ns\n")
    assert said.code == 0, said.err
    assert said.err.count("stopped before") == 3
    assert "equal" in said.out


def test_a_fork_stops_as_well(flow: Shell) -> None:
    assert flow("run", "back.yaml", "-q").code == 0
    said = piped(flow, "replay", "latest", "--from", "b", "--break", "b", says='e {"value": "other"}\n')
    assert (said.code, said.out) == (0, "made of other\n")


# --- nobody there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("--no-wait",), ("--quiet",)])
def test_where_nobody_is_there_the_run_waits_and_says_what_to_type(flow: Shell, arguments: tuple[str, ...]) -> None:
    said = flow.process("run", "back.yaml", "--break", "b", *arguments, stdin=subprocess.DEVNULL)
    assert said.code == 75
    run = last_run(flow)
    assert f"waiting: binex answer {run['id']} b" in said.err
    assert flow("resume", run["id"], "--no-wait").code == 75
    assert flow("answer", run["id"], "b", "continue").code == 0
    assert flow("resume", run["id"]).out == "made of words\n"


def test_a_stop_is_listed_with_what_can_be_said(flow: Shell) -> None:
    flow("run", "back.yaml", "--break", "b:after", "--no-wait")
    (question,) = flow("answer", "--json").json()
    assert question["kind"] == "breakpoint"
    assert question["shown"] == {"outputs": {"output": "words"}}
    listed = flow("answer").out
    assert "? b: stopped after b (local://steps.give), which completed" in listed
    assert "b continue   or: step, edit JSON, retry, replay, quit" in listed


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (("edit", "{x"), "what is edited is not JSON"),
        (("edit", "[1]"), "the inputs of a task are an object"),
        (("edit",), "write the JSON behind 'edit'"),
        (("retry",), "'retry' cannot be said at this stop"),
        (("skip", "1"), "unexpected extra argument"),
        (("skip", "--file", "back.yaml"), "twice"),
        (("edit", "{}", "--file", "back.yaml"), "twice"),
        (("continue", "--feedback", "x"), "goes with a rejection"),
    ],
)
def test_what_cannot_be_said_leaves_the_stop_open(flow: Shell, typed: tuple[str, ...], reason: str) -> None:
    flow("run", "back.yaml", "--break", "b", "--no-wait")
    said = flow("answer", "latest", "b", *typed)
    assert said.code == 2, said.err
    assert reason in said.err
    assert len(flow("answer", "--json").json()) == 1


def test_what_is_edited_may_come_from_a_file(flow: Shell) -> None:
    flow("run", "back.yaml", "--break", "b", "--no-wait")
    flow.write("inputs.json", json.dumps({"value": "of a file"}))
    assert flow("answer", "latest", "b", "edit", "--file", "inputs.json").code == 0
    assert flow("resume").out == "made of of a file\n"


def test_a_run_killed_at_a_stop_after_a_task_asks_again_and_executes_nothing_twice(flow: Shell) -> None:
    with on_a_terminal(flow, "run", "back.yaml", "--break", "b:after") as terminal:
        terminal.wait_for("stopped> ")
        os.kill(terminal.process.pid, signal.SIGKILL)
        terminal.end()
    said = flow("resume", "--no-wait")
    assert said.code == 75
    assert flow("answer", "latest", "b", "continue").code == 0
    said = flow("resume")
    assert (said.code, said.out) == (0, "made of words\n")
    assert "b  started" not in said.err


def test_a_run_killed_at_a_stop_before_a_task_asks_again(flow: Shell) -> None:
    with on_a_terminal(flow, "run", "back.yaml", "--break", "b") as terminal:
        terminal.wait_for("stopped> ")
        os.kill(terminal.process.pid, signal.SIGKILL)
        terminal.end()
    assert flow("resume", "--no-wait").code == 75
    assert flow("answer", "latest", "b", "skip").code == 0
    assert flow("resume").out == "made of null\n"


# --- faults ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("bb", "did you mean 'b'?"),
        ("b:afer", "did you mean 'after'?"),
        ("b[0]", "has no items"),
        ("b if ${user.text", "cannot read"),
        ("b if ${aa} == 1", "did you mean 'a'?"),
        ("", "is no breakpoint"),
        ("b if", "is no breakpoint"),
        ("a/b", "is no node of the workflow"),
    ],
)
def test_a_fault_in_a_breakpoint_is_bad_input_before_anything_is_made(flow: Shell, place: str, reason: str) -> None:
    said = flow("run", "back.yaml", "--break", place)
    assert said.code == 2
    assert reason in said.err
    assert not (flow.folder / ".binex").exists()


def test_a_fault_in_a_breakpoint_leaves_a_run_as_it_was(flow: Shell) -> None:
    piped(flow, "run", "back.yaml", "--break", "b", says="q\n")
    said = flow("resume", "--break", "bb")
    assert said.code == 2
    assert "did you mean 'b'?" in said.err
    assert last_run(flow)["status"] == "interrupted"


def test_a_task_skipped_by_hand_is_shown_as_that(flow: Shell) -> None:
    said = piped(flow, "run", "back.yaml", "--break", "b", says="k\n")
    assert "b  skipped by hand" in said.err
    assert "skipped by hand" in flow("trace").out
    assert "skipped by hand" in flow("debug").out
