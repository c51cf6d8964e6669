"""``binex answer``, and runs that end because somebody has to answer first."""

import json
import subprocess
import sys

import pytest

from tests.cli.conftest import TIMEOUT_S, Said, Shell, environment

GATE = """
name: gate
nodes:
  draft: {agent: local://steps.give, inputs: {value: words}}
  gate:
    agent: human://approve
    inputs: {draft: "${draft}"}
    config: {text: "Is it good?"}
  publish: {agent: local://steps.give, when: "${gate} == approved", inputs: {value: "published ${draft}"}}
  revise: {agent: local://steps.give, when: "${gate} == rejected", inputs: {value: "${gate.feedback}"}}
"""
ALL = """
name: all
nodes:
  pick: {agent: human://choose, config: {text: Where to?, choices: [Rome, Oslo]}}
  words: {agent: human://input, config: {text: What to say?}}
  page: {agent: human://input, outputs: [title, body], config: {text: Write the page}}
  end: {agent: local://echo, inputs: {where: "${pick}", words: "${words}", title: "${page.title}"}}
"""


@pytest.fixture
def waiting(shell: Shell) -> str:
    """A run that has ended, since somebody has to approve; its id."""
    shell.write("gate.yaml", GATE)
    said = shell("run", "gate.yaml", "--json")
    assert said.code == 75, said.err
    run: str = said.json()["run"]["id"]
    return run


def status(shell: Shell, run: str) -> str:
    said: str = shell("debug", run, "--json").json()["run"]["status"]
    return said


def test_a_run_that_nobody_can_answer_ends_with_75_and_says_what_to_type(shell: Shell) -> None:
    shell.write("gate.yaml", GATE)
    said = shell("run", "gate.yaml")
    assert said.code == 75
    run = shell("runs", "--json").json()["runs"][0]
    assert run["status"] == "waiting"
    lines = said.err.splitlines()
    assert f"waiting: binex answer {run['id']} gate" in lines
    assert "? gate: Is it good?" in lines
    assert f"    binex answer {run['id']} gate approve   or: reject --feedback WHY" in lines
    assert any(f"binex resume {run['id']}" in line for line in lines)
    assert said.out == ""


def test_even_a_quiet_run_says_what_it_waits_for(shell: Shell) -> None:
    shell.write("gate.yaml", GATE)
    said = shell("run", "gate.yaml", "-q")
    assert said.code == 75
    assert "waiting: binex answer" in said.err


def test_an_approval_goes_on_with_resume(shell: Shell, waiting: str) -> None:
    said = shell("answer", waiting, "gate", "approve")
    assert (said.code, said.out) == (0, f"answered gate of run {waiting}\n")
    assert f"binex resume {waiting}" in said.err
    said = shell("resume", waiting)
    assert (said.code, said.out) == (0, "published words\n")
    assert "draft  started" not in said.err


def test_an_account_whose_name_is_no_text_may_answer(
    shell: Shell, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "\udcff")
    assert shell("answer", waiting, "gate", "approve", "--json").json()["answer"]["by"].startswith("\\udcff@")


def test_a_rejection_carries_its_feedback(shell: Shell, waiting: str) -> None:
    assert shell("answer", waiting, "gate", "reject", "--feedback", "shorter").code == 0
    said = shell("resume", waiting)
    assert (said.code, said.out) == (0, "shorter\n")


def test_feedback_is_there_and_null_when_something_was_approved(shell: Shell, waiting: str) -> None:
    shell("answer", waiting, "gate", "yes")
    shell("resume", waiting)
    assert shell("artifacts", "show", waiting, "gate.feedback").out == "null\n"


def test_a_run_that_is_resumed_too_early_asks_the_same_question(shell: Shell, waiting: str) -> None:
    first = shell("answer", "--json").json()
    said = shell("resume", waiting)
    assert said.code == 75
    assert shell("answer", "--json").json() == first
    assert shell("answer", waiting, "gate", "y").code == 0
    assert shell("resume", waiting).code == 0


def test_only_the_first_answer_counts(shell: Shell, waiting: str) -> None:
    shell("answer", waiting, "gate", "approve")
    said = shell("answer", waiting, "gate", "reject")
    assert said.code == 1
    assert "task gate was answered by " in said.err
    assert "@" in said.err


def test_what_a_cancelled_run_asked_is_no_longer_asked(shell: Shell, waiting: str) -> None:
    assert shell("cancel", waiting).code == 0
    said = shell("answer", waiting, "gate", "approve")
    assert said.code == 1
    assert "no longer asked: its task has ended" in said.err
    assert shell("answer").out == "nobody is asked anything\n"


def test_everything_that_is_asked_is_listed(shell: Shell, waiting: str) -> None:
    shell.write("all.yaml", ALL)
    shell("run", "all.yaml")
    said = shell("answer")
    assert said.code == 0
    heads = [line for line in said.out.splitlines() if line.startswith("?")]
    assert heads == ["? gate: Is it good?", "? pick: Where to?", "? words: What to say?", "? page: Write the page"]
    assert "1 Rome, 2 Oslo" in said.out
    assert [question["task"] for question in shell("answer", waiting, "--json").json()] == ["gate"]


def test_every_kind_of_answer_can_be_typed(shell: Shell) -> None:
    shell.write("all.yaml", ALL)
    assert shell("run", "all.yaml").code == 75
    shell.write("page.json", json.dumps({"title": "T", "body": ["long"]}) + "\n")
    assert shell("answer", "all", "pick", "2").code == 0
    assert shell("resume").code == 75
    assert shell("answer", "all", "words", "hello there").code == 0
    said = shell("answer", "all", "page", "--file", "page.json", "--json")
    assert said.json()["answer"]["value"] == {"title": "T", "body": ["long"]}
    said = shell("resume", "--json")
    assert said.code == 0
    assert said.json()["outputs"]["end"]["output"] == {"where": "Oslo", "words": "hello there", "title": "T"}


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (("pick", "Paris"), "not one of the choices"),
        (("page", '{"title": 1}'), "exactly the outputs"),
        (("page", "words"), "not JSON"),
        (("words", "x", "--feedback", "y"), "goes with a rejection"),
        (("wrods", "x"), "did you mean 'words'?"),
        (("words",), "what is the answer"),
        (("words", "x", "--file", "all.yaml"), "twice"),
        (("words", "--file", "missing.txt"), "does not exist"),
    ],
)
def test_what_is_no_answer_is_refused_and_the_question_stays(shell: Shell, typed: tuple[str, ...], reason: str) -> None:
    shell.write("all.yaml", ALL)
    shell("run", "all.yaml", "-q")
    said = shell("answer", "latest", *typed)
    assert said.code == 2
    assert reason in said.err
    assert len(shell("answer", "--json").json()) == 3


def test_an_answer_of_ten_megabytes_is_refused(shell: Shell, waiting: str) -> None:
    shell.write("large.txt", "x" * 10_000_000)
    said = shell("answer", waiting, "gate", "--file", "large.txt")
    assert said.code == 2
    assert "too large: more than 1,048,576 bytes" in said.err
    assert shell("answer", "--json").json()[0]["state"] == "open"


def test_an_answer_can_come_from_stdin(shell: Shell) -> None:
    shell.write("all.yaml", ALL)
    shell("run", "all.yaml", "-q")
    said = subprocess.run(
        [sys.executable, "-m", "binex", "answer", "latest", "words", "--file", "-", "--json"],
        input="what the pipe says\n",
        cwd=shell.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    assert json.loads(said.stdout)["answer"]["value"] == "what the pipe says"


def test_a_run_that_asks_nothing_says_so(shell: Shell) -> None:
    shell("run", "good.yaml")
    said = shell("answer", "latest", "a", "x")
    assert said.code == 1
    assert "waits for no answer" in said.err
    assert shell("answer", "latest").out == "nobody is asked anything\n"


def test_questions_and_answers_are_shown_without_what_a_terminal_obeys(shell: Shell) -> None:
    evil = "\\x1b]0;owned\\x07<script>"
    shell.write(
        "evil.yaml",
        f'nodes: {{ask: {{agent: "human://input", config: {{text: "{evil}"}}, inputs: {{"a\\x1b[31m": "{evil}"}}}}}}',
    )
    said = shell("run", "evil.yaml")
    listed = shell("answer")
    shell("answer", "latest", "ask", "\x1b[2J<b>hi</b>")
    again = shell("answer", "latest", "ask", "x")
    shown = shell("resume")
    for one in (said, listed, again, shown):
        assert "\x1b" not in one.out + one.err
    assert "\\x1b]0;owned\\x07<script>" in listed.out
    assert shown.out == "\\x1b[2J<b>hi</b>\n"


def test_a_deadline_is_waited_for_and_the_default_taken(shell: Shell) -> None:
    shell.write(
        "late.yaml",
        "nodes: {a: {agent: 'human://approve', deadline_ms: 200, config: {default: rejected, on_timeout: default}}}",
    )
    said = shell("run", "late.yaml")
    assert (said.code, said.out) == (0, "rejected\n")
    said = shell("answer", "latest", "a", "approve")
    assert said.code == 1
    assert "no longer asked: nobody answered in time" in said.err


def test_a_deadline_that_passes_fails_the_task(shell: Shell) -> None:
    shell.write("late.yaml", "nodes: {a: {agent: 'human://input', deadline_ms: 200, retry_policy: {max_retries: 3}}}")
    said = shell("run", "late.yaml")
    assert said.code == 1
    assert "nobody answered by" in said.err
    assert "attempt" not in said.err  # asking again would not help


def test_no_wait_leaves_though_there_is_a_deadline(shell: Shell) -> None:
    shell.write("late.yaml", "nodes: {a: {agent: 'human://input', deadline_ms: 60000}}")
    said: Said = shell("run", "late.yaml", "--no-wait")
    assert said.code == 75
    assert "until" in said.err


def test_a_deadline_that_passes_while_no_process_runs_has_passed(shell: Shell) -> None:
    shell.write("late.yaml", "nodes: {a: {agent: 'human://input', deadline_ms: 1, config: {default: nothing}}}")
    shell("run", "late.yaml", "--no-wait")
    said = shell("answer", "latest", "a", "something")
    assert said.code == 1
    assert "no longer asked" in said.err


def test_people_take_no_place_from_those_who_work(shell: Shell) -> None:
    gates = "".join(f"  g{number}: {{agent: human://input}}\n" for number in range(5))
    shell.write(
        "many.yaml", f"concurrency: 1\nnodes:\n{gates}  work: {{agent: local://steps.give, inputs: {{value: 1}}}}\n"
    )
    said = shell("run", "many.yaml", "--json")
    assert said.code == 75
    assert said.json()["run"]["counts"] == {"waiting_for_human": 5, "completed": 1}
    assert len(said.json()["questions"]) == 5


def test_items_of_a_fan_out_ask_one_by_one(shell: Shell) -> None:
    shell.write(
        "each.yaml",
        """
        nodes:
          list: {agent: local://echo, inputs: {items: [a, b]}}
          gate: {agent: human://approve, foreach: list, config: {text: "${item}?"}}
          end: {agent: local://echo, inputs: {verdicts: "${gate}", why: "${gate.feedback}"}}
        """,
    )
    assert shell("run", "each.yaml").code == 75
    assert "'gate[1]' reject" not in shell("answer").out
    assert "'gate[1]' approve" in shell("answer").out
    assert shell("answer", "latest", "gate[1]", "reject", "--feedback", "no").code == 0
    assert shell("answer", "latest", "gate[0]", "approve").code == 0
    said = shell("resume", "--json")
    assert said.json()["outputs"]["end"]["output"] == {"verdicts": ["approved", "rejected"], "why": [None, "no"]}
