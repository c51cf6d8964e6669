"""The explorer on a real terminal, and where there is none."""

import fcntl
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
from collections.abc import Callable

import pytest

from tests.cli.conftest import TIMEOUT_S, Shell, environment

SLOW = """
name: slow
nodes:
  a: {agent: local://steps.give, inputs: {value: 1}}
  b: {agent: local://slow.wait, inputs: {value: "${a.output}"}}
"""
WAIT = """
import os, pathlib, time

def wait(value):
    if pathlib.Path("slow").exists():
        os.system("echo PRINTED BY A CHILD")
        print("PRINTED BY THE AGENT", flush=True)
        pathlib.Path("begun").touch()
        time.sleep(60)
    return value
"""


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, shell: Shell, *arguments: str, **env: str) -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            shell.command(*arguments),
            cwd=shell.folder,
            env=environment(TERM="xterm-256color", **env),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
        )
        self.seen = ""

    def until(self, is_so: Callable[[], bool]) -> None:
        """Read until something is so."""
        deadline = time.monotonic() + TIMEOUT_S
        while not is_so():
            assert time.monotonic() < deadline, self.seen
            if select.select([self._master], [], [], 0.05)[0]:
                self.seen += os.read(self._master, 65536).decode(errors="replace")

    def sees(self, text: str) -> None:
        self.until(lambda: text in re.sub(r"\x1b\[[0-9;?<]*[A-Za-z]", "", self.seen))

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """The exit code; the terminal is as it was before."""
        self.until(lambda: self.process.poll() is not None)
        while select.select([self._master], [], [], 0)[0]:
            self.seen += os.read(self._master, 65536).decode(errors="replace")
        assert termios.tcgetattr(self._slave) == self._before
        for is_on, is_off in (
            ("\x1b[?1049h", "\x1b[?1049l"),
            ("\x1b[?25l", "\x1b[?25h"),
            ("\x1b[?1003h", "\x1b[?1003l"),
        ):
            assert self.seen.rindex(is_off) > self.seen.rindex(is_on)
        os.close(self._master)
        os.close(self._slave)
        assert "Traceback" not in self.seen
        return self.process.returncode


@pytest.mark.parametrize(("keys", "code"), [("q", 0), ("\x03", 0)])
def test_a_run_is_seen_and_the_terminal_is_given_back(shell: Shell, keys: str, code: int) -> None:
    run = shell("run", "good.yaml", "--json").json()["run"]["id"]
    terminal = Terminal(shell, "explore", NO_COLOR="1")
    terminal.sees(run)
    terminal.sees("Help")
    terminal.press(keys)
    assert terminal.end() == code


def test_a_signal_ends_it_in_order(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    terminal = Terminal(shell, "explore", "latest")
    terminal.sees("Completed.")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.end() == 128 + signal.SIGTERM


def test_agents_print_nothing_over_the_screen_and_one_that_does_not_stop_holds_nobody_up(shell: Shell) -> None:
    shell.write("slow.yaml", SLOW)
    shell.write("slow.py", WAIT)
    assert shell("run", "slow.yaml", "-q").code == 0
    (shell.folder / "slow").touch()
    terminal = Terminal(shell, "explore", "latest")
    terminal.sees("✓ b")
    terminal.press("\x1b[B\x1b[Br")
    terminal.sees("Execute it")
    terminal.press("\r")
    terminal.until((shell.folder / "begun").exists)
    terminal.press("q")
    terminal.sees("Interrupt it and quit")
    began = time.monotonic()
    terminal.press("\r")
    assert terminal.end() == 0
    assert time.monotonic() - began < 6
    assert "PRINTED" not in terminal.seen
    assert shell("runs", "--json").json()["runs"][0]["status"] == "interrupted"


@pytest.mark.parametrize("run", ["nosuchrun", "latest~9"])
def test_a_run_that_is_not_there_is_no_screen(shell: Shell, run: str) -> None:
    shell("run", "good.yaml", "-q")
    terminal = Terminal(shell, "explore", run)
    terminal.sees("Error: no run")
    terminal.until(lambda: terminal.process.poll() is not None)
    assert terminal.process.returncode == 2


def test_where_there_is_no_terminal_it_says_what_lists_runs(shell: Shell) -> None:
    said = shell.process("explore", stdin=subprocess.DEVNULL)
    assert (said.code, said.out) == (2, "")
    assert said.err == "Error: explore needs a terminal\n  fix: 'binex runs' lists runs\n"


def test_where_nothing_was_run_it_says_so(shell: Shell) -> None:
    terminal = Terminal(shell, "explore")
    terminal.sees("nothing has been run here")
    terminal.until(lambda: terminal.process.poll() is not None)
    assert terminal.process.returncode == 2


def test_without_the_library_it_says_how_to_install_it(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    code = "import sys; sys.modules['textual'] = None; from binex.cli.main import main; sys.exit(main(['explore']))"
    shell.write("without.py", code)
    terminal = Terminal(Without(shell.folder, shell._capture), "without.py")
    terminal.sees("pip install 'binex[tui]'")
    terminal.until(lambda: terminal.process.poll() is not None)
    assert terminal.process.returncode == 2


class Without(Shell):
    """Starts Python itself."""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, *arguments]


@pytest.mark.parametrize("command", ["['--help']", "['runs']", "['explore', '--help']"])
def test_nothing_else_loads_the_library(shell: Shell, command: str) -> None:
    shell("run", "good.yaml", "-q")
    code = f"import sys; from binex.cli.main import main; main({command}); sys.exit('textual' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, cwd=shell.folder)
    assert done.returncode == 0, done.stderr
