"""``binex trace`` and ``binex debug`` with everything that can be asked of them."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from binex.cli.render.text import width_of
from tests.cli.conftest import TIMEOUT_S, Shell, environment

FAULTS = """
name: faults
nodes:
  list: {agent: local://steps.give, inputs: {value: [1, 2, 3]}}
  each: {foreach: "${list}", agent: local://steps.fail, inputs: {value: "${item}"}, retry_policy: {max_retries: 0}}
  ask:
    agent: llm://mock/a
    system_prompt: Be brief
    inputs: {q: "${list}"}
    config: {answers: [{text: "a rather long answer to a question that nobody asked", price: 0.5,
                        usage: {input_tokens: 1234, output_tokens: 5}}]}
  limited:
    agent: llm://mock/a
    inputs: {q: hi}
    retry_policy: {max_retries: 1, delay_ms: 400}
    config: {answers: [{error: {status: 429, body: slow down}}]}
  after: {agent: local://steps.give, inputs: {value: "${limited}"}}
"""


@pytest.fixture
def faults(shell: Shell) -> Shell:
    shell.write("faults.yaml", FAULTS)
    assert shell("run", "faults.yaml", "-q").code == 1
    return shell


VIEWS = [
    ["trace"],
    ["trace", "--items"],
    ["trace", "--calls"],
    ["trace", "--critical-path"],
    ["trace", "--graph"],
    ["trace", "--node", "ask"],
    ["trace", "--node", "each"],
    ["trace", "--node", "each[1]"],
    ["trace", "--node", "after"],
    ["debug"],
    ["debug", "--errors"],
    ["debug", "--node", "limited"],
]


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
@pytest.mark.parametrize("width", [80, 40])
def test_every_view_is_readable_at_any_width(
    faults: Shell, view: list[str], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    command, *options = view
    said = faults(command, "latest", *options)
    assert (said.code, said.err) == (0, "")
    assert "faults" in said.out
    assert "\x1b" not in said.out


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_every_view_has_its_model_as_json(faults: Shell, view: list[str]) -> None:
    command, *options = view
    found = faults(command, *options, "--json").json()
    assert (found.get("run") or found["trace"]["run"])["workflow"] == "faults"


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_every_view_works_in_an_old_terminal(faults: Shell, view: list[str]) -> None:
    command, *options = view
    said = faults.process(command, *options, env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "COLUMNS": "40"})
    assert (said.code, said.err) == (0, "")
    said.out.encode("ascii")


@pytest.mark.parametrize(
    "options",
    [
        ("--node", "ask", "--calls"),
        ("--graph", "--critical-path"),
        ("--follow", "--node", "ask"),
        ("--items", "--graph"),
        ("--unfold",),
    ],
)
def test_what_excludes_each_other_is_bad_usage(faults: Shell, options: tuple[str, ...]) -> None:
    said = faults("trace", *options)
    assert (said.code, said.out) == (2, "")
    assert "Traceback" not in said.err
    assert options[0] in said.err


def test_errors_and_node_exclude_each_other(faults: Shell) -> None:
    assert faults("debug", "--errors", "--node", "ask").code == 2


@pytest.mark.parametrize("command", ["trace", "debug"])
@pytest.mark.parametrize("task", ["asc", "each[99]", "", "../x", "\x1b[31m", "a" * 5000])
def test_an_unknown_task_is_bad_input_and_the_nearest_is_told(faults: Shell, command: str, task: str) -> None:
    said = faults(command, "--node", task)
    assert (said.code, said.out) == (2, "")
    assert "\x1b" not in said.err
    assert len(said.err) < 2000
    assert "tasks: " in said.err


def test_a_timeline_shows_retries_and_says_what_the_sign_means(faults: Shell) -> None:
    text = faults("trace").out
    assert "┈" in text
    assert "pause before a retry" in text


def test_calls_stand_under_their_task_with_tokens_and_cost(faults: Shell) -> None:
    lines = faults("trace", "--calls").out.splitlines()
    at = next(i for i, line in enumerate(lines) if "✓ ask" in line)
    assert "model 1.1" in lines[at + 1]
    assert re.search(r"mock/a, at \d+ ms, 1,234/5 tokens, \$0\.50", lines[at + 2])


def test_the_critical_path_names_its_parts_and_what_to_speed_up(faults: Shell) -> None:
    said = faults("trace", "--critical-path")
    assert "from start to end, made of" in said.out
    assert "limited" in said.out
    assert "What it would help to make faster" in said.out
    found = faults("trace", "--critical-path", "--json").json()
    parts = [link["parts"] for link in found["links"]] + [found["ending"]]
    assert sum(sum(one.values()) for one in parts) == pytest.approx(found["span_ms"])


def test_a_node_shows_what_it_was_given_and_what_was_said(faults: Shell) -> None:
    text = faults("trace", "--node", "ask").out
    for told in ("q = ${list}", "[1, 2, 3]", "Be brief", "system", "a rather long answer", "$0.50", "attempt 1"):
        assert told in text


def test_the_verdict_groups_what_is_alike_and_says_why(faults: Shell) -> None:
    verdict = faults("debug", "--json").json()["verdict"]
    assert "3 items of 'each' failed (ValueError at steps.py:" in verdict
    assert "'limited' failed (rate limited by mock) and blocked 1 more" in verdict


def test_errors_shows_every_failed_task_with_its_evidence_and_no_other(faults: Shell) -> None:
    text = faults("debug", "--errors").out
    assert [line for line in text.splitlines() if line.startswith("✗ each[")].__len__() == 3
    for told in ("rate limit  rate limited by mock", "mock said: slow down", "2 attempts in", "fix: ", "Traceback"):
        assert told in text
    assert "✓ ask" not in text
    tasks = faults("debug", "--errors", "--json").json()["tasks"]
    assert {task["failure"]["kind"] for task in tasks} == {"code", "items", "rate_limit"}


def test_errors_of_a_run_without_any_says_so(shell: Shell) -> None:
    assert shell("run", "good.yaml", "-q").code == 0
    said = shell("debug", "--errors")
    assert (said.code, said.out.splitlines()[-1]) == (0, "no task failed")


def test_debug_of_a_node_says_first_why_it_failed(faults: Shell) -> None:
    debug, trace = faults("debug", "--node", "limited").out, faults("trace", "--node", "limited").out
    assert debug.index("Why it failed") < debug.index("Attempts")
    assert trace.index("Why it failed") > trace.index("Attempts")


def test_what_agents_say_cannot_obey_the_terminal(shell: Shell) -> None:
    shell.write("steps.py", 'def fail(value): raise ValueError("\\x1b]0;owned\\x07 " + value)\n')
    shell.write("evil.yaml", 'nodes: {a: {agent: local://steps.fail, inputs: {value: "\\u001b[31mred\\u202e"}}}')
    assert shell("run", "evil.yaml", "-q").code == 1
    for view in (["trace"], ["trace", "--node", "a"], ["debug"], ["debug", "--errors"], ["debug", "--node", "a"]):
        said = shell(*view)
        assert not set("\x1b\x07\u202e") & set(said.out + said.err)
        assert "owned" in said.out


def test_damaged_pieces_are_named_and_the_rest_is_shown(shell: Shell) -> None:
    shell.write("steps.py", 'def blow(): return "x" * 100_000\n')
    shell.write(
        "big.yaml", 'nodes: {big: {agent: local://steps.blow}, next: {agent: local://echo, inputs: {v: "${big}"}}}'
    )
    assert shell("run", "big.yaml", "-q").code == 0
    run = shell("runs", "--json").json()["runs"][0]["id"]
    (shell.folder / ".binex" / "artifacts" / run / f"{run}~big~output.json").write_bytes(b"[9]")
    for view in (["trace", "--node", "next"], ["trace", "--node", "big"], ["debug"], ["debug", "--node", "big"]):
        said = shell(*view)
        assert said.code == 4
        assert "big.output" in said.out
        assert "Traceback" not in said.err
    node = shell("trace", "--node", "next")
    assert "can no longer be read" in node.out
    assert "xxxxx" in node.out  # what it made itself is there


def test_a_terminals_lines_are_no_wider_than_it(faults: Shell) -> None:
    import os
    import pty

    for view in (["trace", "--critical-path"], ["debug", "--errors"], ["trace", "--calls"]):
        master, slave = pty.openpty()
        with subprocess.Popen(
            faults.command(*view),
            cwd=faults.folder,
            env=environment(COLUMNS="40", NO_COLOR="1", TERM="xterm"),
            stdout=slave,
            stderr=subprocess.STDOUT,
        ) as process:
            os.close(slave)
            seen = b""
            try:
                while piece := os.read(master, 65536):
                    seen += piece
            except OSError:
                pass
            assert process.wait(TIMEOUT_S) == 0
        os.close(master)
        lines = [line for line in seen.decode().splitlines() if "binex calls show" not in line]
        assert max(width_of(line) for line in lines) <= 60 if view[0] == "debug" else 40


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
        events = []
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


def test_a_run_that_has_ended_is_told_at_once(faults: Shell) -> None:
    said = faults("trace", "--follow")
    assert (said.code, said.out) == (1, "")
    assert "limited  failed" in said.err
    assert "each  has 3 items" in said.err


def test_a_run_that_waits_ends_with_its_code(shell: Shell) -> None:
    shell.write("ask.yaml", 'nodes: {a: {agent: "human://input", inputs: {q: 1}}}')
    assert shell("run", "ask.yaml", "--no-wait", "-q").code == 75
    said = shell("trace", "--follow")
    assert said.code == 75
    assert "binex answer" in said.err
    assert "waits for a person" in shell("trace").out
