"""``binex runs`` with its filters, its search and its watching."""

import os
import pty
import re
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing

import pytest

from tests.cli.conftest import TIMEOUT_S, Shell, environment


def ids(shell: Shell, *arguments: str) -> list[str]:
    said = shell("runs", "--json", *arguments)
    assert said.code == 0, said.err
    return [run["id"] for run in said.json()["runs"]]


@pytest.fixture
def three(shell: Shell) -> list[str]:
    """Three runs: of ``good`` with two texts, and of ``bad``; the newest first."""
    shell("run", "good.yaml", "-q", "--var", "text=ebb and \x1b[2J flow")
    shell("run", "good.yaml", "-q", "--var", "text=springtide")
    shell("run", "bad.yaml", "-q")
    return ids(shell)


def test_runs_are_picked_by_everything_that_can_be_asked(shell: Shell, three: list[str]) -> None:
    bad, spring, ebb = three
    assert ids(shell, "--status", "failed") == [bad]
    assert ids(shell, "--status", "failed", "--status", "completed") == three
    assert ids(shell, "--workflow", "good") == [spring, ebb]
    assert ids(shell, "--var", "text=springtide") == [spring]
    assert ids(shell, "--since", "1h") == three
    assert ids(shell, "--until", "1h") == []
    assert ids(shell, "--since", "2020-01-01", "--until", "2020-01-02T03:04:05+02:00") == []
    assert ids(shell, "--min-cost", "0.01") == []
    assert ids(shell, "--max-cost", "0") == three
    assert ids(shell, "--failed-at", "b") == [bad]
    assert ids(shell, "--origin", "fork") == []
    assert ids(shell, "--origin", "run", "-n", "1", "--page", "2") == [spring]
    assert ids(shell, "--status", "completed", "--text", "ebb") == [ebb]


def test_a_search_shows_under_each_run_where_the_words_stand(shell: Shell, three: list[str]) -> None:
    *_, ebb = three
    said = shell("runs", "--text", '"and flow"')
    assert said.code == 0
    assert said.out.splitlines() == ["no runs"]  # something stands between them
    said = shell("runs", "--text", "EBB flow")
    assert said.code == 0, said.err
    _, line, *hits = said.out.splitlines()
    assert line.startswith(ebb)
    assert hits == [f'  └ {node}.output: "ebb and \\x1b[2J flow"' for node in "ab"]
    found = shell("runs", "--json", "--text", "ebb").json()
    assert [(hit["run_id"], hit["task"], hit["artifact"]) for hit in found["hits"]] == [
        (ebb, node, f"{ebb}~{node}~output") for node in "ab"
    ]
    assert not found["is_partial"]


def test_a_message_is_found_with_the_call_that_it_belongs_to(shell: Shell) -> None:
    shell.write("ask.yaml", "nodes: {ask: {agent: 'llm://mock/m', system_prompt: 'Mind the swell', inputs: {x: 1}}}")
    assert shell("run", "ask.yaml", "-q").code == 0
    lines = shell("runs", "--text", '"mind the swell"').out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("  └ ask:1.1 request: ") or lines[2].startswith("  └ ask:1.1 request: ")


def test_families_are_picked_by_the_same(shell: Shell, three: list[str]) -> None:
    bad, *_ = three
    assert shell("replay", "latest").code in (0, 1)
    families = shell("runs", "--tree", "--json", "--origin", "replay").json()["families"]
    assert [family["root"] for family in families] == [bad]
    assert shell("runs", "--tree", "--text", "nowhere").out == "no runs\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "***"], "nothing to look for"),
        (["--text", " "], "--text is empty"),
        (["--since", "soon"], "'soon' is no time"),
        (["--since", "99999999w"], "is no time"),
        (["--since", "9999999w"], "is no time"),
        (["--until", "0001-01-01"], "is no time"),
        (["--since", "1h", "--until", "2h"], "--since is not before --until"),
        (["--min-cost", "nan"], "no amount of money"),
        (["--var", "text"], "has no value"),
        (["--watch", "--tree"], "--watch shows a list"),
        (["--status", "odd"], "odd"),
    ],
)
def test_what_cannot_be_asked_is_said_and_costs_no_traceback(shell: Shell, arguments: list[str], message: str) -> None:
    said = shell("runs", *arguments)
    if "0001" in "".join(arguments) and said.code != 2:
        pytest.skip("this year has a moment here")
    assert said.code == 2
    assert message in said.err


def test_watching_in_a_pipe_gives_a_line_for_each_change_of_other_processes(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    watcher = subprocess.Popen(
        shell.command("runs", "--watch"),
        cwd=shell.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    timer = threading.Timer(TIMEOUT_S, watcher.kill)
    timer.start()
    try:
        assert watcher.stdout is not None
        first = watcher.stdout.readline()
        assert re.match(r"\d\d:\d\d:\d\d  \w+  good  ✓ completed  tasks: 2  ", first)
        shell.process("run", "bad.yaml", "-q")
        lines = iter(watcher.stdout.readline, "")
        last = next(line for line in lines if "failed" in line)
        assert "  bad  ✗ failed  tasks: 3, 1 failed  " in last
        watcher.send_signal(signal.SIGINT)
        _, err = watcher.communicate()
        assert (watcher.returncode, err) == (130, "")
    finally:
        timer.cancel()
        watcher.kill()
        watcher.communicate()


def test_watching_ends_when_nobody_reads_any_more(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    watcher = subprocess.Popen(
        shell.command("runs", "--watch"), cwd=shell.folder, env=environment(), stdout=subprocess.PIPE
    )
    try:
        assert watcher.stdout is not None
        watcher.stdout.readline()
        watcher.stdout.close()
        shell.process("run", "good.yaml", "-q")
        assert watcher.wait(TIMEOUT_S) == 0
    finally:
        watcher.kill()
        watcher.wait()


def test_watching_on_a_terminal_draws_the_list_again(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    master, slave = pty.openpty()
    watcher = subprocess.Popen(
        shell.command("runs", "--watch"), cwd=shell.folder, env=environment(TERM="xterm"), stdout=slave, stderr=slave
    )
    os.close(slave)
    try:
        seen = b""
        while seen.count(b"\x1b[H") < 2:
            seen += os.read(master, 4096)
        assert b"completed" in seen
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(TIMEOUT_S) == 130
    finally:
        watcher.kill()
        watcher.wait()
        os.close(master)


def test_a_search_of_a_damaged_store_names_what_is_damaged(shell: Shell, three: list[str]) -> None:
    with closing(sqlite3.connect(shell.folder / ".binex" / "binex.db")) as connection:
        connection.execute("UPDATE runs SET doc = 'x' WHERE id = ?", (three[1],))
        connection.commit()
    said = shell("runs", "--workflow", "good", "--max-cost", "1")
    assert said.code == 4
    assert three[2] in said.out
    assert f"run {three[1]} cannot be read" in said.err
