"""F1 to F6: nobody answers, the process dies, several answer, too late, no terminal, hostile answers."""

import asyncio
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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import pytest

from binex.models.call import Call
from binex.models.question import Question
from binex.models.task import TaskStatus
from binex.runtime.session import open_session
from tests.faults.harness import TIMEOUT_S, Finished, Process, Project, check_sound, environment

GATE: Final = """
    name: gate
    nodes:
      draft: {agent: local://echo, inputs: {text: words}}
      gate: {agent: human://approve, inputs: {draft: "${draft}"}, config: {text: Good?}}
      end: {agent: local://echo, inputs: {verdict: "${gate}", why: "${gate.feedback}"}}
"""
CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], Project]:
    """Makes a project of one workflow text."""

    def make_one(text: str) -> Project:
        (tmp_path / "flow.yaml").write_text(dedent(text), "utf-8")
        return Project(tmp_path)

    return make_one


@pytest.fixture
def gate(make: Callable[[str], Project]) -> Project:
    return make(GATE)


def questions(project: Project) -> list[Question]:
    """Every question that the store holds."""

    async def read() -> list[Question]:
        async with open_session(project.store, read_only=True) as session:
            return await session.store.list_questions()

    return asyncio.run(read())


def start_waiting(project: Project, *options: str) -> Process:
    """A run that waits in its process for somebody to answer."""
    process = project.start("run", project.file, "--wait", *options)
    process.wait_for_text("^waiting: binex answer")
    return process


def cpu_seconds(pid: int) -> float:
    """How much of a processor a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def end_of(finished: Finished) -> Any:
    assert finished.code == 0, finished
    return json.loads(finished.out)


# --- F1: nobody answers -------------------------------------------------------------------------------------


def test_waiting_costs_no_processor_time(gate: Project) -> None:
    process = start_waiting(gate)
    time.sleep(0.5)  # what was going on at the moment of asking comes to rest
    before = cpu_seconds(process.pid)
    time.sleep(2.2)  # longer than the longest pause between two looks
    assert cpu_seconds(process.pid) - before <= 0.03
    process.signal(signal.SIGTERM)
    assert process.wait().code == 143


def test_what_waits_is_recorded_as_waiting_and_not_as_done(gate: Project) -> None:
    assert gate.run().code == 75
    kept = gate.kept()
    assert kept.run is not None
    assert kept.run.status == "waiting"
    assert kept.settled == {"draft"}
    (record,) = [record for record in kept.records if record.task == "gate"]
    assert (record.status, record.is_final, record.error) == (TaskStatus.WAITING_FOR_HUMAN, False, None)
    check_sound(gate)


def test_the_default_is_taken_when_nobody_answers(make: Callable[[str], Project]) -> None:
    config = "{default: [1], on_timeout: default}"
    project = make(
        f"nodes: {{end: {{agent: 'human://input', output_schema: {{}}, deadline_ms: 300, config: {config}}}}}"
    )
    assert end_of(project.run()) == [1]


# --- F2: the process dies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_died_waiting_has_the_same_question_and_is_not_asked_again(gate: Project, number: int) -> None:
    process = start_waiting(gate)
    (first,) = questions(gate)
    process.signal(number)
    assert process.wait().code in (-9, 143)
    assert gate.binex("resume").code == 75
    assert questions(gate) == [first]
    assert gate.binex("answer", "latest", "gate", "reject", "--feedback", "no").code == 0
    resumed = gate.binex("resume")
    assert end_of(resumed) == {"verdict": "rejected", "why": "no"}
    assert "waiting:" not in resumed.err
    assert [question.id for question in questions(gate)] == [first.id]
    check_sound(gate)


def test_an_answer_given_while_no_process_runs_is_used(gate: Project) -> None:
    process = start_waiting(gate)
    process.kill_all()
    process.wait()
    assert gate.binex("answer", "latest", "gate", "y").code == 0
    assert end_of(gate.binex("resume"))["verdict"] == "approved"


# --- F3: two answers ----------------------------------------------------------------------------------------


def test_another_process_answers_and_the_run_goes_on_at_once(gate: Project) -> None:
    process = start_waiting(gate)
    said = gate.binex("answer", "latest", "gate", "approve")
    assert said.code == 0
    assert "the run goes on" in said.err
    answered = time.monotonic()
    assert end_of(process.wait())["verdict"] == "approved"
    assert time.monotonic() - answered < 1.5, "the process was not woken"


def test_of_several_answers_at_once_one_counts_and_the_others_are_told_whose(gate: Project) -> None:
    process = start_waiting(gate)
    said = ["approve", "reject"] * 2
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda value: gate.binex("answer", "latest", "gate", value), said))
    assert sorted(answer.code for answer in answers) == [0, 1, 1, 1]
    for refused in answers:
        assert refused.code == 0 or re.search(r"was answered by \S+@\S+ at \d{4}-", refused.err), refused
    won = said[[answer.code for answer in answers].index(0)]
    assert end_of(process.wait())["verdict"] == {"approve": "approved", "reject": "rejected"}[won]


# --- F4: too late -------------------------------------------------------------------------------------------


def test_an_answer_after_the_deadline_changes_nothing(make: Callable[[str], Project]) -> None:
    project = make("nodes: {end: {agent: 'human://input', deadline_ms: 200, config: {default: early}}}")
    assert project.run().out == "early\n"
    before = questions(project)
    late = project.binex("answer", "latest", "end", "late")
    assert late.code == 1
    assert "no longer asked: nobody answered in time" in late.err
    assert questions(project) == before


def test_an_answer_after_the_end_of_a_cancelled_run_changes_nothing(gate: Project) -> None:
    process = start_waiting(gate)
    assert gate.binex("cancel", "latest").code == 0
    assert process.wait().code == 1
    before = questions(gate)
    assert [question.state for question in before] == ["withdrawn"]
    assert "no longer asked: its task has ended" in gate.binex("answer", "latest", "gate", "y").err
    assert questions(gate) == before


# --- F5: no terminal, or one that nobody sits at ------------------------------------------------------------


class Terminal:
    """A process on a terminal of its own, typed into by the test."""

    def __init__(self, project: Project, *arguments: str, is_in_front: bool = True) -> None:
        self._own, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        prepare = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
        if not is_in_front:  # the process that the terminal belongs to only waits for the one that runs
            prepare += "\nif child := os.fork(): sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
            prepare += "\nos.setpgid(0, 0)"
        become = "os.execv(sys.executable, [sys.executable, '-m', 'binex', *sys.argv[1:]])"
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{prepare}\n{become}", *arguments, "--dir", str(project.store)],
            cwd=project.folder,
            env=environment(TERM="xterm-256color"),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self.seen = ""

    def wait_for_text(self, text: str) -> None:
        """Read until *text* was written."""
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self.seen and time.monotonic() < deadline and self._read():
            pass
        assert text in self.seen, self.seen

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
def on_a_terminal(project: Project, *arguments: str, is_in_front: bool = True) -> Iterator[Terminal]:
    terminal = Terminal(project, *arguments, is_in_front=is_in_front)
    try:
        yield terminal
    finally:
        terminal.close()


def test_without_a_terminal_the_run_ends_with_75_and_says_how_to_answer(gate: Project) -> None:
    finished = gate.run()
    assert finished.code == 75
    assert re.search(rf"^waiting: binex answer {finished.run_id} gate --dir \S+$", finished.err, re.MULTILINE)


def test_a_terminal_is_simply_asked(gate: Project) -> None:
    with on_a_terminal(gate, "run", gate.file) as terminal:
        terminal.wait_for_text("approve? [y/n] ")
        assert "draft:\n  words\nGood?" in terminal.seen
        terminal.type("perhaps\n")
        terminal.wait_for_text("not one of the choices")
        terminal.type("n\n")
        terminal.wait_for_text("why? (feedback, may be empty) ")
        terminal.type("too short\n")
        assert terminal.end() == 0
        assert '"why": "too short"' in terminal.seen
    (question,) = questions(gate)
    assert question.answer is not None
    assert re.fullmatch(r"\S+@\S+", question.answer.by)


def test_choices_texts_and_json_are_typed_one_after_the_other(make: Callable[[str], Project]) -> None:
    project = make("""
        nodes:
          pick: {agent: human://choose, config: {text: Where to?, choices: [Rome, Oslo]}}
          words: {agent: human://input, config: {text: What to say?}}
          page: {agent: human://input, outputs: [title, body], config: {text: The page?}}
          end: {agent: local://echo, inputs: {where: "${pick}", words: "${words}", body: "${page.body}"}}
    """)
    with on_a_terminal(project, "run", project.file) as terminal:
        terminal.wait_for_text("which? ")
        assert "  1  Rome\n  2  Oslo\n" in terminal.seen
        terminal.type("2\n")
        terminal.wait_for_text("What to say?\n> ")
        terminal.type("\n")
        terminal.wait_for_text("an answer, please")
        terminal.type("Grüße\n")
        terminal.wait_for_text("JSON> ")
        terminal.type('{"title": "T", "body": [1]}\n')
        assert terminal.end() == 0
    assert project.outputs()[0] == {"where": "Oslo", "words": "Grüße", "body": [1]}


def test_the_end_of_input_leaves_the_question_open(gate: Project) -> None:
    with on_a_terminal(gate, "run", gate.file) as terminal:
        terminal.wait_for_text("approve? [y/n] ")
        terminal.type("\x04")
        assert terminal.end() == 75
        assert "Traceback" not in terminal.seen
    assert [question.state for question in questions(gate)] == ["open"]
    with on_a_terminal(gate, "answer", "latest") as terminal:
        terminal.wait_for_text("approve? [y/n] ")
        terminal.type("y\n")
        assert terminal.end() == 0
    assert end_of(gate.binex("resume"))["verdict"] == "approved"


def test_ctrl_c_while_asking_interrupts_the_run(gate: Project) -> None:
    with on_a_terminal(gate, "run", gate.file) as terminal:
        terminal.wait_for_text("approve? [y/n] ")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.seen
        assert "binex resume" in terminal.seen
    with on_a_terminal(gate, "answer", "latest", "gate") as terminal:
        terminal.wait_for_text("approve? [y/n] ")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "Traceback" not in terminal.seen
    assert [question.state for question in questions(gate)] == ["open"]


def test_a_terminal_is_asked_no_longer_when_somebody_else_has_answered(gate: Project) -> None:
    with on_a_terminal(gate, "run", gate.file) as terminal:
        terminal.wait_for_text("approve? [y/n] ")
        assert gate.binex("answer", "latest", "gate", "approve").code == 0
        assert terminal.end() == 0
        assert '"verdict": "approved"' in terminal.seen


def test_a_run_in_the_background_of_a_terminal_does_not_ask(gate: Project) -> None:
    with on_a_terminal(gate, "run", gate.file, is_in_front=False) as terminal:
        assert terminal.end() == 75
        assert "approve? [y/n]" not in terminal.seen


# --- F6: hostile answers ------------------------------------------------------------------------------------


def test_an_answer_of_ten_megabytes_is_refused_wherever_it_comes_from(gate: Project) -> None:
    (gate.folder / "large.txt").write_text("x" * 10_000_000)
    process = start_waiting(gate)
    said = gate.binex("answer", "latest", "gate", "--file", "large.txt")
    assert said.code == 2
    assert "too large" in said.err
    endless = gate.binex("answer", "latest", "gate", "--file", "/dev/zero")
    assert endless.code == 2
    assert [question.state for question in questions(gate)] == ["open"]
    process.signal(signal.SIGTERM)
    process.wait()


def test_escape_sequences_and_html_are_only_text(make: Callable[[str], Project]) -> None:
    evil = "\x1b]0;owned\x07<script>alert(1)</script>\u202e"
    project = make("""
        nodes:
          ask: {agent: human://input, inputs: {it: "\\x1b[2Jclear"}, config: {text: "\\x1b[31mred<b>"}}
          end: {agent: local://echo, inputs: {said: "${ask}"}}
    """)
    assert project.run().code == 75
    assert project.binex("answer", "latest", "ask", evil).code == 0
    outputs = [project.binex(*command) for command in (["resume"], ["answer"], ["debug"], ["trace"])]
    for one in outputs:
        assert one.code == 0
        assert "\x1b" not in one.out + one.err
        assert "\u202e" not in one.out + one.err
    assert project.outputs() == [evil]  # and nothing of it was lost
    with on_a_terminal(
        make("nodes: {end: {agent: 'human://input', config: {text: \"\\x1b]0;x\\x07?\"}}}"), "run", "flow.yaml"
    ) as terminal:
        terminal.wait_for_text("> ")
        assert "\\x1b]0;x\\x07?" in terminal.seen
        terminal.type("done\n")
        assert terminal.end() == 0


def test_what_people_were_asked_and_said_is_on_the_tape_without_a_secret(make: Callable[[str], Project]) -> None:
    project = make("""
        nodes:
          ask: {agent: human://input, inputs: {token: "${env.CANARY}"}, config: {text: "Is ${env.CANARY} right?"}}
          end: {agent: local://echo, inputs: {said: "${ask}"}}
    """)
    env = environment(CANARY="canary-5f2c9e71d0")
    assert project.run(env=env).code == 75
    assert project.binex("answer", "latest", "ask", "it is canary-5f2c9e71d0").code == 0
    resumed = project.binex("resume", env=env)
    assert resumed.code == 0, resumed
    assert "canary-5f2c9e71d0" not in resumed.out + resumed.err

    async def read() -> tuple[list[Call], bytes, bytes]:
        async with open_session(project.store, read_only=True) as session:
            (run,) = await session.store.list_runs()
            calls = await session.store.list_calls(run.id)
            bodies = [body for body in (calls[0].request, calls[0].response) if body is not None]
            asked, said = [await session.store.read_body(body) for body in bodies]
            return calls, asked, said

    calls, asked, said = asyncio.run(read())
    assert [(call.kind, call.target, call.task) for call in calls] == [("human", "human://input", "ask")]
    assert b" right?" in asked
    assert b"it is " in said
    assert b"canary" not in asked + said


def test_a_forged_answer_in_the_store_fails_the_task_and_no_more(gate: Project) -> None:
    assert gate.run().code == 75

    async def forge() -> None:
        from binex.models.question import Answer
        from binex.models.task import now

        async with open_session(gate.store) as session:
            (question,) = await session.store.list_questions()
            await session.store.answer(question.id, Answer(value={"__class__": "os.system"}, by="mallory", at=now()))

    asyncio.run(forge())
    finished = gate.binex("resume")
    assert finished.code == 1
    assert "the answer cannot be used" in finished.err
