"""Agents that a project declares, well behaved and not; and that nothing of it all is left in the end."""

import os
import re
import signal
import socket
from itertools import groupby
from pathlib import Path

import pytest

from tests.dev.conftest import Dev, Project, is_there, wait_until

SMALL = "name: small\nnodes:\n  a: {agent: 'local://echo', inputs: {x: 1}}\n"
SLOW = """
name: slow
nodes:
  a: {agent: local://steps.slow}
"""
SLOW_STEPS = """
import os, time
from pathlib import Path

def slow():
    Path(__file__).with_name('began').touch()
    time.sleep(600)
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def children_of(pid: int) -> list[int]:
    """All processes below that one."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def assert_gone(pids: list[int]) -> None:
    assert pids
    wait_until(lambda: not any(map(is_there, pids)), 5)


def test_once_starts_the_agents_runs_the_workflow_and_stops_them(project: Project) -> None:
    port = free_port()
    project.declare(greeter="good")
    with (project.folder / "binex.toml").open("a") as file:
        file.write(f"port = {port}\n")
    project.write("greet.yaml", f"name: greet\nnodes:\n  a: {{agent: 'a2a://127.0.0.1:{port}', inputs: {{x: Ada}}}}\n")
    dev = project.dev("greet.yaml", "--once")
    assert dev.rest() == 0
    assert dev.told == ["agent_started", "agent_ready", "checked", "run_begins", "run_done", "stopped"]
    (ready,) = (event for event in dev.events if event["event"] == "agent_ready")
    assert ready["health"]["status"] == "ok"
    assert "hello" in str(next(event for event in dev.events if event["event"] == "run_done")["summary"]["outputs"])
    assert_gone(project.noted())


@pytest.mark.parametrize(
    ("workflow", "code"),
    [
        (SMALL, 0),
        ("name: w\nnodes:\n  a: {agent: local://steps.fails}\n", 1),
        ("name: w\nnodes:\n  a: {agent: local://steps.nothing}\n", 2),
        ("name: w\nnodes:\n  a: {agent: 'local://echo', inputs: {x: '${user.who}'}}\n", 2),
        ("name: w\nnodes:\n  a: {agent: human://approve, inputs: {x: 1}}\n", 75),
    ],
)
def test_once_ends_with_the_exit_code_of_the_run(project: Project, workflow: str, code: int) -> None:
    project.write("steps.py", "def fails():\n    raise ValueError\n")
    project.write("w.yaml", workflow)
    assert project.dev("w.yaml", "--once").rest() == code


def test_once_fails_where_an_agent_does_not_stay_and_tells_how_it_ended(project: Project) -> None:
    project.write("small.yaml", SMALL)
    project.declare(broken="never")
    dev = project.dev("small.yaml", "--once")
    assert dev.rest() == 1
    lost = [event for event in dev.events if event["event"] == "agent_lost"]
    assert [event["again_in_ms"] for event in lost] == [250, 500, 1000, 2000, 4000, None]
    assert {event["why"] for event in lost} == {"it ended with exit code 4"}
    assert "run_done" not in dev.told
    assert_gone(project.noted())


def test_an_agent_that_never_answers_is_told_and_started_again(project: Project) -> None:
    project.write("small.yaml", SMALL)
    project.declare(mute="silent")
    with (project.folder / "binex.toml").open("a") as file:
        file.write("ready_ms = 700\n")
    dev = project.dev("small.yaml")
    dev.next("run_done")  # the workflow is worked on all the same
    assert "did not answer in 0.7 s" in dev.next("agent_lost")["why"]
    assert dev.next("agent_started")["restarts"] == 1
    dev.stop()
    assert_gone(project.noted())


def test_an_agent_that_dies_is_started_again(project: Project) -> None:
    project.write("small.yaml", SMALL)
    project.declare(frail="dies")
    dev = project.dev("small.yaml")
    assert dev.next("agent_lost")["why"] == "it ended with exit code 3"
    assert dev.next("agent_started")["restarts"] == 1
    dev.stop()
    assert_gone(project.noted())


def test_a_program_that_is_not_there_and_a_port_that_is_taken_are_told(project: Project) -> None:
    project.write("small.yaml", SMALL)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        project.write(
            "binex.toml",
            f"""
            [dev.agents.missing]
            command = "no-such-program"
            [dev.agents.late]
            command = "{{python}}"
            port = {port}
            """,
        )
        dev = project.dev("small.yaml")
        found: dict[str, str] = {}
        while len(found) < 2:
            event = dev.next("agent_lost")
            found[event["agent"]] = event["why"]
    assert found == {
        "missing": "it ended with exit code 127",
        "late": f"port {port} is taken by another program",
    }
    assert any("no-such-program" in event["line"] for event in dev.events if event["event"] == "agent_said")


def test_a_port_of_the_page_that_is_taken_ends_it_at_once(project: Project) -> None:
    project.write("small.yaml", SMALL)
    project.declare(fine="card")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        dev = project.dev("small.yaml", "--port", str(taken.getsockname()[1]), page=True)
        assert dev.rest() == 3
    assert "cannot listen" in "".join(dev.notes)
    assert project.noted() == []


def test_what_an_agent_prints_cannot_touch_the_terminal(project: Project) -> None:
    import subprocess
    import sys

    project.write("small.yaml", SMALL)
    project.declare(loud="hostile")
    command = [sys.executable, "-m", "binex", "dev", "small.yaml", "--once"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", shown)
    assert rb"\x1b]0;owned" in shown
    assert shown.count(b"loud ") >= 5
    assert max(map(len, shown.split(b"\n"))) < 5_000
    assert_gone(project.noted())


def test_an_agent_that_prints_without_an_end_holds_nobody_up(project: Project) -> None:
    project.write("small.yaml", SMALL)
    project.declare(loud="floods")
    dev = project.dev("small.yaml")
    dev.next("run_done")
    project.write("small.yaml", SMALL.replace("x: 1", "x: 2"))
    dev.next("run_done")
    assert dev.stop()[1] < 5
    said = [event["line"] for event in dev.events if event["event"] == "agent_said"]
    seconds = [len(list(lines)) for is_rest, lines in groupby(said, lambda line: "lines more" in line) if not is_rest]
    assert len(seconds) > 1
    assert max(seconds) <= 200
    assert_gone(project.noted())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_that_was_started_within_five_seconds(project: Project, number: signal.Signals) -> None:
    project.write("slow.yaml", SLOW)
    project.write("steps.py", SLOW_STEPS)
    project.declare(good="card", stubborn="stubborn")
    is_whole = number is signal.SIGINT
    dev = project.dev("slow.yaml", *(["--mock-models"] if is_whole else []), page=is_whole)
    dev.wait_until((project.folder / "began").exists)
    below = children_of(dev.process.pid)
    assert len(project.noted()) == 3
    code, took = dev.stop(number)
    assert code == 128 + number
    assert took < 5
    assert dev.told[-1] == "stopped"
    assert [event["is_stopped"] for event in dev.events if event["event"] == "run_left"] == [True]
    assert not any(map(is_there, [*below, *project.noted()]))


def test_a_function_that_holds_everything_up_does_not_hold_up_the_end(project: Project) -> None:
    project.write("slow.yaml", SLOW)
    project.write("steps.py", SLOW_STEPS.replace("def slow", "async def slow"))
    project.declare(good="card")
    dev = project.dev("slow.yaml")
    dev.wait_until((project.folder / "began").exists)
    code, took = dev.stop()
    assert code == 130
    assert took < 5
    assert "held everything up" in "".join(dev.notes)
    assert_gone(project.noted())


def test_where_the_terminal_is_closed_nothing_is_left(project: Project) -> None:
    import subprocess
    import sys

    project.write("slow.yaml", SLOW)
    project.write("steps.py", SLOW_STEPS)
    project.declare(good="card")
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", "import os, sys; os.login_tty(0); os.execv(sys.executable, sys.argv[1:])"]
    command += [sys.executable, "-m", "binex", "dev", "slow.yaml", "--no-page"]
    with subprocess.Popen(command, cwd=project.folder, stdin=theirs) as process:
        os.close(theirs)
        wait_until((project.folder / "began").exists)
        os.close(ours)
        assert process.wait(40) == 128 + signal.SIGHUP
    assert_gone(project.noted())


def test_it_ends_nothing_that_it_has_not_started(project: Project) -> None:
    import subprocess
    import sys

    project.write("small.yaml", SMALL)
    project.declare(good="card")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        dev = project.dev("small.yaml")
        dev.next("run_done")
        dev.stop()
        assert bystander.poll() is None
        bystander.communicate(b"\n")
    assert bystander.returncode == 0


def test_nothing_is_left_where_it_is_killed(project: Project) -> None:
    project.write("slow.yaml", SLOW)
    project.write("steps.py", SLOW_STEPS)
    project.declare(good="card", stubborn="stubborn")
    dev = project.dev("slow.yaml")
    dev.wait_until((project.folder / "began").exists)
    below = children_of(dev.process.pid)
    dev.process.kill()
    dev.process.wait()
    assert_gone([*below, *project.noted()])


def test_nothing_is_left_where_a_keeper_is_killed(project: Project) -> None:
    project.write("small.yaml", SMALL)
    project.declare(good="card")
    dev = project.dev("small.yaml")
    keeper = dev.next("agent_started")["pid"]
    dev.next("agent_ready")
    (program,) = project.noted()
    os.kill(keeper, signal.SIGKILL)
    dev.next("agent_lost")
    assert_gone([program])
    dev.next("agent_ready")
    dev.stop()
    assert_gone(project.noted())


def test_a_second_signal_leaves_at_once_and_still_nothing_is_left(project: Project) -> None:
    project.write("slow.yaml", SLOW)
    project.write("steps.py", SLOW_STEPS)
    project.declare(stubborn="stubborn")
    dev = project.dev("slow.yaml")
    dev.wait_until((project.folder / "began").exists)
    dev.process.send_signal(signal.SIGINT)
    wait_until(lambda: any("stopping" in note for note in dev.notes), 5)
    dev.process.send_signal(signal.SIGINT)
    assert dev.rest(5) == 130
    assert_gone(project.noted())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[dev.agents.a]\n", "'dev.agents.a.command' is missing"),
        ("[dev.agents.a]\ncommand = 'x'\nprot = 1\n", "unknown key 'dev.agents.a.prot'"),
        ("[dev]\nagent = 1\n", "unknown key 'dev.agent'"),
        ("[dev.agents.a]\ncommand = 'x'\ncwd = '..'\n", "outside of the project"),
        ("[dev.agents.a]\ncommand = 'x'\nport = 0\n", "'dev.agents.a.port'"),
        ("[dev.agents.a]\ncommand = 'x'\nargs = 'y'\n", "'dev.agents.a.args' must be a list"),
    ],
)
def test_faults_in_what_is_declared_are_told_before_anything_starts(project: Project, text: str, said: str) -> None:
    project.write("small.yaml", SMALL)
    project.write("binex.toml", text)
    dev = project.dev("small.yaml")
    assert dev.rest() == 2
    assert said in "".join(dev.notes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.yaml",), "does not exist"),
        ((".",), "there is no workflow"),
        (("small.yaml", "--mock-models", "bad.yaml"), "unknown key 'txt'"),
        (("small.yaml", "--mock-models", "none.yaml"), "cannot be read"),
        (("--mock-models", "small.yaml"), "is a workflow"),
    ],
)
def test_what_cannot_be_started_is_told(project: Project, arguments: tuple[str, ...], said: str) -> None:
    project.write("empty/none.txt", "")
    if arguments != (".",):
        project.write("small.yaml", SMALL)
    project.write("bad.yaml", "- txt: typo\n")
    dev: Dev = project.dev(*arguments, "--once")
    assert dev.rest() == 2
    assert said in "".join(dev.notes) + str(dev.events)


def test_what_is_not_installed_is_named(project: Project) -> None:
    project.write("small.yaml", SMALL)
    project.write("missing/watchfiles.py", "raise ImportError(name='watchfiles')\n")
    places = (str(project.folder / "missing"), os.environ.get("PYTHONPATH", ""))
    dev = project.dev("small.yaml", PYTHONPATH=os.pathsep.join(filter(None, places)))
    assert dev.rest() == 2
    assert "pip install 'binex[ui]'" in "".join(dev.notes)


def test_a_folder_that_is_not_there_is_not_made(project: Project) -> None:
    dev = project.dev("nowhere/small.yaml")
    assert dev.rest() == 2
    assert "there is no folder" in "".join(dev.notes)
    assert not (project.folder / "nowhere").exists()
