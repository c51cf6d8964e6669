"""What is seen on a real terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from tests.cli.conftest import TIMEOUT_S, Shell, environment

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(
    shell: Shell, *arguments: str, columns: int = 80, interrupt_after: str = "", env: dict[str, str] | None = None
) -> tuple[int, str]:
    """The exit code of a command and every byte that it wrote to its terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        shell.command(*arguments),
        cwd=shell.folder,
        env=environment(**{"TERM": "xterm-256color", **(env or {})}),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    seen = b""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 1)[0]:
            continue
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
        if interrupt_after and interrupt_after in seen.decode(errors="replace"):
            interrupt_after = ""
            process.send_signal(signal.SIGINT)
    os.close(master)
    return process.wait(timeout=TIMEOUT_S), seen.decode(errors="replace")


def lines_of(seen: str) -> list[str]:
    """What was written, without colours and movements."""
    return CONTROL.sub("", seen).replace("\r", "\n").split("\n")


def test_a_run_is_shown_live_and_ends_quietly(shell: Shell) -> None:
    shell.write(
        "steps.py", "import time\ndef give(value): return value\ndef rest(seconds): time.sleep(.6); return 'ok'\n"
    )
    code, seen = on_a_terminal(shell, "run", "long.yaml")
    lines = lines_of(seen)
    assert code == 0
    assert any(re.fullmatch(r"\S b +\d+ ms", line) for line in lines), seen  # it ran, with its time
    assert any("1/3 nodes" in line for line in lines)
    assert any(line.startswith("✓ a  ") for line in lines)
    assert any(re.fullmatch(r"run \w+ completed in [\d.]+ m?s: 3 completed", line) for line in lines)
    assert "ok" in lines
    assert "\u001b[?25h" in seen  # the cursor is back
    assert "Traceback" not in seen


@pytest.mark.parametrize("columns", [40, 80])
def test_a_failing_run_fits_the_terminal(shell: Shell, columns: int) -> None:
    code, seen = on_a_terminal(shell, "run", "bad.yaml", columns=columns)
    assert code == 1
    lines = lines_of(seen)
    assert "✗ b failed" in lines
    assert "    ValueError: no luck" in lines
    assert "    blocked: c" in lines


def test_what_agents_write_cannot_steer_the_terminal_nor_its_markup(shell: Shell) -> None:
    shell.write("evil.py", 'def boom(v): raise ValueError("\\x1b]0;owned\\x07[bold]x[/bold]\\x9b5m")')
    shell.write("evil.yaml", 'nodes: {a: {agent: "local://evil.boom", inputs: {v: 1}}}')
    for command in (["run", "evil.yaml"], ["trace"], ["debug"], ["runs"]):
        _, seen = on_a_terminal(shell, *command)
        assert "\u001b]0" not in seen
        assert "\u009b" not in seen
        if command[0] != "runs":
            assert "\\x1b]0;owned\\x07[bold]x[/bold]\\x9b5m" in seen.replace("\r\n", "")


def test_what_agents_print_appears_above_the_picture(shell: Shell) -> None:
    shell.write("loud.yaml", 'nodes: {a: {agent: "local://steps.loud", inputs: {value: result}}}')
    code, seen = on_a_terminal(shell, "run", "loud.yaml")
    assert code == 0
    assert "printed by the agent" in seen
    assert "result" in lines_of(seen)


def test_ctrl_c_gives_the_terminal_back(shell: Shell) -> None:
    code, seen = on_a_terminal(shell, "run", "long.yaml", interrupt_after="1/3 nodes")
    assert code == 130
    assert "Traceback" not in seen
    assert seen.rindex("\u001b[?25h") > seen.rindex("\u001b[?25l")
    assert re.search(r"binex resume \w+", seen)


@pytest.mark.parametrize("columns", [20, 40, 80, 160])
def test_views_fit_the_terminal(shell: Shell, columns: int) -> None:
    shell("run", "bad.yaml", "-q")
    for command in (["runs"], ["trace"]):
        code, seen = on_a_terminal(shell, *command, columns=columns)
        assert code == 0
        room = max(columns, 62 if command == ["trace"] else 36)  # the first line of a trace may wrap
        assert all(len(line) <= room for line in lines_of(seen))
        assert "\u001b[" in seen


def test_colours_can_be_turned_off(shell: Shell) -> None:
    shell("run", "bad.yaml", "-q")
    _, seen = on_a_terminal(shell, "trace", env={"NO_COLOR": "1"})
    assert "\u001b" not in seen


def test_a_dumb_terminal_gets_plain_lines(shell: Shell) -> None:
    code, seen = on_a_terminal(shell, "run", "good.yaml", env={"TERM": "dumb"})
    assert code == 0
    assert "\u001b" not in seen
    assert "a  completed" in seen
