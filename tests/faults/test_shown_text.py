"""I18: text that agents, people and files bring along never reaches a terminal as anything but text."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from textwrap import dedent

import pytest

from tests.faults.harness import Process, Project, at_once, environment

# ANSI colours and cursor, OSC (title, hyperlink, clipboard), C1, bell, backspace, CR, bidi overrides and marks, DEL,
# a zero byte, line and paragraph separators, and a tag character.
EVIL = (
    "\x1b[31mred\x1b[2J\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x1b\\\\\x9b31m\x9d0;x\x9c\x08\x7f\rfake line"
    "\u202egnp.exe\u2066x\u2069\u200f\u061c\u2028\u2029\x00end\U000e0041"
)
FORBIDDEN = [
    "\x1b[31mred", "\x1b[2J", "\x1b]", "\x07", "\x9b", "\x9d", "\x9c", "\x08", "\x7f", "\rfake", "\u202e", "\u2066",
    "\u2069", "\u200f", "\u061c", "\u2028", "\u2029", "\x00", "\U000e0041",
]  # fmt: skip

CODE = f"""
    EVIL = {EVIL.encode("unicode_escape").decode()!r}.encode().decode("unicode_escape")

    class Bad(Exception):
        pass

    Bad.__name__ = Bad.__qualname__ = "Bad" + EVIL.replace("\\0", "")

    def text():
        return EVIL

    def structure():
        return {{"key" + EVIL: [EVIL, {{"deep": EVIL}}]}}

    def fails():
        raise ValueError(EVIL)

    def fails_oddly():
        raise Bad(EVIL)

    def prints():
        return "quiet"
"""


@pytest.fixture
def evil(tmp_path: Path) -> Project:
    (tmp_path / "steps.py").write_text(dedent(CODE))
    nodes = "".join(
        f"  {name}: {{agent: local://steps.{name}}}\n" for name in ("text", "structure", "fails", "fails_oddly")
    )
    (tmp_path / "flow.yaml").write_text(
        f"name: {quoted('n' + EVIL)}\ndescription: {quoted(EVIL)}\n"
        f"inputs:\n  topic: {{type: string, description: {quoted(EVIL)}, default: {quoted(EVIL)}}}\n"
        f'nodes:\n{nodes}  blocked: {{agent: local://echo, inputs: {{x: "${{fails.output}}"}}}}\n'
    )
    return Project(tmp_path)


def quoted(text: str) -> str:
    """*text* as YAML writes it between double quotes."""
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'


def commands(run: str) -> list[list[str]]:
    looks = ["runs", "trace", "debug"]
    shown = [[look, *([run] if look != "runs" else [])] for look in looks]
    shown += [["artifacts", "list", run], *(["artifacts", "show", run, node] for node in ("text", "structure"))]
    return [
        *shown,
        ["doctor"],
        ["resume", run],
        ["runs", EVIL.replace("\x00", "")],
        ["debug", EVIL.replace("\x00", "")],
    ]


def check_escaped(text: str, what: object) -> None:
    found = [character for character in FORBIDDEN if character in text]
    assert not found, f"{what} shows {found!r} as it is:\n{text!r}"


def test_on_a_pipe_every_command_shows_control_characters_escaped(evil: Project) -> None:
    finished = evil.run()
    assert finished.code == 1, finished
    check_escaped(finished.out + finished.err, "run")
    assert "\\x1b[31m" in finished.out or "\\u001b[31m" in finished.out, finished

    def work(command: list[str]) -> None:
        shown = evil.binex(*command)
        check_escaped(shown.out + shown.err, command)
        assert "Traceback (most recent call last)" not in shown.err, shown

    at_once(work, commands(finished.run_id))


def test_with_json_every_command_prints_valid_json_that_a_terminal_does_not_obey(evil: Project) -> None:
    run = evil.run("--json")
    assert run.code == 1
    check_escaped(run.out + run.err, "run --json")
    content = json.loads(run.out)["outputs"]
    assert content["text"]["output"] == EVIL

    def work(command: list[str]) -> None:
        shown = evil.binex(*command, "--json")
        check_escaped(shown.out + shown.err, command)
        assert json.loads(shown.out), command

    at_once(work, commands(run.run_id)[:-2])


def on_a_terminal(project: Project, *arguments: str) -> str:
    """What a command writes to a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "binex", *arguments, "--dir", str(project.store)],
        cwd=project.folder,
        env=environment(TERM="xterm-256color"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    text, end = b"", time.monotonic() + 60
    try:
        while time.monotonic() < end:
            ready, _, _ = select.select([ours], [], [], 1.0)
            if not ready:
                continue
            try:
                data = os.read(ours, 65536)
            except OSError:  # EIO: the other side is closed
                break
            if not data:
                break
            text += data
    finally:
        os.close(ours)
        process.kill()
        process.wait(10)
    return text.decode(errors="surrogateescape")


OWN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What our own display is made of: colours and movements of the cursor, nothing else."""


def test_on_a_terminal_every_command_shows_control_characters_escaped(evil: Project) -> None:
    shown = on_a_terminal(evil, "run", "flow.yaml")
    assert "\x1b[" in shown, "nothing shows that this was a terminal"
    run = evil.kept().run
    assert run is not None
    check_terminal(shown, "run")
    at_once(lambda command: check_terminal(on_a_terminal(evil, *command), command), commands(run.id))


def check_terminal(text: str, command: object) -> None:
    check_escaped(text.replace("\r\n", "\n"), command)
    rest = OWN.sub("", text).replace("\r\n", "").replace("\r", "").replace("\n", "").replace("\t", "")
    odd = sorted({character for character in rest if not character.isprintable()})
    assert not odd, f"{command} shows {odd!r}"


def test_faults_of_a_workflow_file_are_shown_escaped(tmp_path: Path) -> None:
    evil = quoted(EVIL)
    (tmp_path / "flow.yaml").write_text(
        f"name: {evil}\n{evil}: 1\nnodes:\n  {evil}: {{agent: {evil}}}\n  a: {{agent: local://echo, {evil}: {evil}}}\n"
        f"  b: {{agent: {evil}, depends_on: [{evil}], when: {evil}}}\n"
    )
    project = Project(tmp_path)
    validate = Process([sys.executable, "-m", "binex", "validate", "flow.yaml"], cwd=tmp_path).wait()
    unknown = project.binex("run", EVIL.replace("\x00", "").replace("/", ""))
    for finished in (project.run(), validate, unknown):
        assert finished.code == 2, finished
        check_escaped(finished.out + finished.err, finished)


def test_artifacts_written_to_a_file_are_the_exact_bytes(evil: Project) -> None:
    run = evil.run()
    file = evil.folder / "out"
    finished = evil.binex("artifacts", "show", run.run_id, "text", "-o", str(file))
    assert finished.code == 0, finished
    assert file.read_bytes().decode() == EVIL
