"""The command line, called in this process or as one of its own, in a folder of the test's own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from binex.cli.main import main

TIMEOUT_S = 60
_ODD = ("BINEX_DIR", "BINEX_DEBUG", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "PYTHONWARNINGS")


@dataclass(frozen=True)
class Said:
    """What a command said, and the exit code it ended with."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The whole of stdout as JSON."""
        return json.loads(self.out)


def environment(**extra: str) -> dict[str, str]:
    """The environment of a process: this one's, without what changes how Binex looks."""
    kept = {name: value for name, value in os.environ.items() if name not in _ODD}
    return kept | {"PYTHONWARNINGS": "error"} | extra


class Shell:
    """A folder in which commands are typed."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture

    def __call__(self, *arguments: str) -> Said:
        """A command in this process."""
        self._capture.readouterr()
        code = main(arguments)
        captured = self._capture.readouterr()
        return Said(code, captured.out, captured.err)

    def command(self, *arguments: str) -> list[str]:
        """The command line of a process."""
        return [sys.executable, "-m", "binex", *arguments]

    def process(self, *arguments: str, env: dict[str, str] | None = None, **options: Any) -> Said:
        """A command in a process of its own."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=environment(**(env or {})),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            **options,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path


STEPS = """
import subprocess, sys, time

def give(value): return value

def fail(value=None): raise ValueError("no luck")

def loud(value):
    print("printed by the agent")
    subprocess.run([sys.executable, "-c", "print('printed by its child')"], check=True)
    return value

async def rest(seconds):
    import asyncio
    await asyncio.sleep(seconds)
    return "rested"
"""
GOOD = """
name: good
inputs: {text: {default: hello}}
nodes:
  a: {agent: local://steps.give, inputs: {value: "${user.text}"}}
  b: {agent: local://steps.give, inputs: {value: "${a.output}"}}
"""
BAD = """
name: bad
nodes:
  a: {agent: local://steps.give, inputs: {value: 1}}
  b: {agent: local://steps.fail, inputs: {value: "${a.output}"}}
  c: {agent: local://steps.give, inputs: {value: "${b.output}"}}
"""
LONG = """
name: long
nodes:
  a: {agent: local://steps.give, inputs: {value: 1}}
  b: {agent: local://steps.rest, inputs: {seconds: 60}, depends_on: [a]}
  c: {agent: local://steps.give, inputs: {value: "${b.output}"}}
"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A folder with a workflow that completes, one that fails and one that takes long."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in _ODD:
        monkeypatch.delenv(name, raising=False)
    shell = Shell(folder, capsys)
    for name, text in (("steps.py", STEPS), ("good.yaml", GOOD), ("bad.yaml", BAD), ("long.yaml", LONG)):
        shell.write(name, text)
    return shell
