"""``binex bisect`` as somebody types it: what it prints, how it exits, and Ctrl-C in between."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from binex.analysis.bisection.report import BisectReport
from binex.cli.render.bisect import bisect_report
from binex.cli.render.look import Look
from tests.cli.conftest import TIMEOUT_S, Shell, environment

TRIAGE = """
name: triage
inputs: {mail: {default: my parcel is late}}
nodes:
  read: {agent: local://triage.clean, inputs: {mail: "${user.mail}"}}
  label:
    agent: llm://mock/careful
    system_prompt: Name the topic.
    inputs: {mail: "${read.output}"}
    config:
      temperature: 0
      answers:
        - {text: delivery, when: {model: careful}, repeat: 100, price: 0.25}
        - {text: "other\\e[31m", when: {model: cheap}, repeat: 100, price: 0.25}
  reply: {agent: local://triage.answer, inputs: {topic: "${label.output}", tone: friendly}}
"""
STEPS = """
import random, time

def clean(mail): return mail.strip()

def answer(topic, tone): return f"{tone}: {topic}"

def judge(reply): return "delivery" in reply

def roll(): return random.random() < 0.5

def wait(seconds):
    time.sleep(seconds)
    return seconds
"""
EXPECT = ("--expect", '"delivery" in ${reply.output}')


@pytest.fixture
def triage(shell: Shell) -> Shell:
    """Two runs of a workflow: after the first one the model, the prompt, a setting and the tone were changed."""
    shell.write("triage.py", STEPS)
    shell.write("triage.yaml", TRIAGE)
    assert shell("run", "triage.yaml", "-q").code == 0
    changed = TRIAGE.replace("mock/careful", "mock/cheap").replace("Name the topic", "Name it")
    shell.write("triage.yaml", changed.replace("temperature: 0", "temperature: 1").replace("friendly", "formal"))
    assert shell("run", "triage.yaml", "-q").code == 0
    return shell


def test_the_change_is_named_first_with_what_it_was_and_is(triage: Shell) -> None:
    said = triage("bisect", "latest~1", "latest", *EXPECT)
    assert said.code == 0
    head, good, bad, *rest = said.out.splitlines()
    assert head == "✓ label: agent moves the outcome, if nothing in it is left to chance"
    assert good.split() == ["good", "llm://mock/careful"]
    assert bad.split() == ["bad", "llm://mock/cheap"]
    assert any("judged by" in line for line in rest)
    assert "4 things to swap" in said.err
    assert "nothing swapped" in said.err
    assert "\x1b" not in said.out + said.err
    assert r"\x1b[31m" in said.out


def test_json_is_the_whole_report(triage: Shell) -> None:
    said = triage("bisect", "latest~1", "latest", *EXPECT, "--json", "-q")
    report = BisectReport.model_validate(said.json())
    assert said.err == ""
    assert [culprit.changes for culprit in report.culprits] == [("label: agent",)]
    assert report.total.cost_usd == pytest.approx(0.25 * report.total.model_calls)
    assert all(trial.runs for trial in report.trials)


def test_the_plan_says_what_it_will_cost_and_executes_nothing(triage: Shell) -> None:
    before = triage("runs", "--json").out
    said = triage("bisect", "latest~1", "latest", *EXPECT, "--plan")
    assert said.code == 0
    assert "label: agent" in said.out
    assert "the good run again" in said.out
    assert "will probably cost $1.50 to $4.25 at the worst" in said.out
    assert triage("runs", "--json").out == before
    plan = triage("bisect", "latest~1", "latest", *EXPECT, "--plan", "--json").json()
    assert plan["swaps"][0]["change"] == "label: prompt"


def test_what_cannot_be_is_refused_with_a_way_out(triage: Shell) -> None:
    runs = ("latest~1", "latest")
    for arguments, words in (
        (("latest",), "two runs are bisected"),
        ((*runs, "HEAD", "HEAD~1"), "two runs are bisected"),
        (("latest", "latest~1", *EXPECT), "other way round"),
        ((*runs, "--expect", "${user.mail} != ''"), "the bad run passes as well"),
        ((*runs, "--expect", "${"), "--expect"),
        ((*runs, *EXPECT, "--by", "triage.judge"), "both judge"),
        ((*runs, *EXPECT, "--times", "3"), "can never tell"),
        ((*runs, *EXPECT, "--git"), "no git repository"),
        ((*runs, *EXPECT, "--git", "--plan"), "mixtures"),
        ((*runs, *EXPECT, "--stream"), "--stream"),
        (("latest~1", "nowhere"), "no run 'nowhere'"),
    ):
        said = triage("bisect", *arguments)
        assert said.code == 2, arguments
        assert words in said.err, said.err
        assert "Traceback" not in said.err


def test_a_function_may_judge(triage: Shell) -> None:
    said = triage("bisect", "latest~1", "latest", "--by", "triage.judge", "-q")
    assert said.code == 0
    assert said.out.startswith("✓ label: agent")
    assert "judged by: triage.judge" in said.out


def test_the_budget_ends_it_with_what_is_known(triage: Shell) -> None:
    said = triage("bisect", "latest~1", "latest", *EXPECT, "--budget", "0.8")
    assert said.code == 1
    assert "not done: the budget does not allow another execution" in said.out
    assert "so far it is known" in said.out


def test_chance_is_called_that(shell: Shell) -> None:
    shell.write("luck.py", STEPS)
    shell.write("luck.yaml", "name: luck\nnodes: {roll: {agent: local://luck.roll}}\n")
    found: dict[bool, str] = {}
    while len(found) < 2:
        run = json.loads(shell("run", "luck.yaml", "--json", "-q").out)
        found[run["outputs"]["roll"]["output"]] = run["run"]["id"]
    said = shell("bisect", found[True], found[False], "--expect", "${roll.output}", "--times", "12", "-q")
    # What it made of the same inputs is a thing that changed: held fast, it explains all; nothing is executed for it.
    assert said.code == 0
    assert "what roll made moves the outcome" in said.out
    assert "chance or the world outside" in said.out


def test_it_is_readable_in_forty_columns_and_without_unicode(triage: Shell) -> None:
    report = BisectReport.model_validate(triage("bisect", "latest~1", "latest", *EXPECT, "--json", "-q").json())
    text = bisect_report(report, Look(width=40, is_terminal=True, has_unicode=False))
    assert text.isascii()
    assert "label: agent" in text


# --- over commits ---------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    names = {f"GIT_{who}_{what}": "ada@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    command = ["git", "-C", str(folder), *arguments]
    environment = os.environ | names | {"GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repository(shell: Shell) -> Shell:
    """Four commits; at the third the code became worse. There is a run at the first and at the last."""
    text = "name: flow\nnodes: {reply: {agent: local://code.answer, inputs: {seconds: 0}}}\n"
    shell.write("flow.yaml", text)
    shell.write(".gitignore", ".binex\n__pycache__\n")
    git(shell.folder, "init", "--quiet")
    for number, answer in enumerate(("delivery", "delivery", "other", "other")):
        shell.write(
            "code.py", f"import time\ndef answer(seconds): time.sleep(seconds); return {answer!r}  # {number}\n"
        )
        git(shell.folder, "add", "--all")
        git(shell.folder, "commit", "--quiet", "-m", f"number {number} \x1b[31m")
        if number in (0, 3):
            assert shell("run", "flow.yaml", "-q").code == 0
    return shell


def test_the_first_bad_commit_is_shown(repository: Shell) -> None:
    said = repository("bisect", "latest~1", "latest", *EXPECT, "--git")
    assert said.code == 0
    head, subject, *_ = said.out.splitlines()
    assert head == f"✓ the first bad commit is {git(repository.folder, 'rev-parse', 'HEAD~1')[:12]}"
    assert subject.strip() == r"number 2 \x1b[31m"
    assert "changed code.py" in said.out
    assert "\x1b" not in said.out + said.err
    assert git(repository.folder, "status", "--porcelain") == ""
    assert len(git(repository.folder, "worktree", "list").splitlines()) == 1
    named = repository("bisect", "latest~1", "latest", *EXPECT, "--git")
    assert named.code == 2, "the latest runs are forks that were made in worktrees by now"


def test_ctrl_c_leaves_no_worktree_behind(repository: Shell, tmp_path: Path) -> None:
    good, bad = (run["id"] for run in reversed(json.loads(repository("runs", "--json").out)["runs"]))
    slow = (repository.folder / "flow.yaml").read_text().replace("seconds: 0", "seconds: 30")
    git(repository.folder, "checkout", "--quiet", "HEAD~2")
    (repository.folder / "flow.yaml").write_text(slow)
    git(repository.folder, "commit", "--quiet", "-am", "slow")
    slow_commit = git(repository.folder, "rev-parse", "HEAD").strip()
    command = repository.command("bisect", good, bad, "HEAD~1", slow_commit, *EXPECT, "--git")
    process = subprocess.Popen(
        command, cwd=repository.folder, env=environment(TMPDIR=str(tmp_path)), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    assert "commit" in process.stderr.readline()
    assert "1 of 1 pass" in process.stderr.readline()  # the good commit; the slow one is next
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert len(git(repository.folder, "worktree", "list").splitlines()) == 1
    assert [path for path in tmp_path.iterdir() if path.name.startswith("binex-bisect-")] == []


def test_an_imported_run_executes_nothing_of_this_machine_unless_it_is_trusted(triage: Shell, tmp_path: Path) -> None:
    there = ("--dir", str(tmp_path / "there"))
    names = []
    for number, run in enumerate(json.loads(triage("runs", "--json").out)["runs"]):
        names.insert(0, run["id"])
        assert triage("export", run["id"], "-o", f"{number}.binex").code == 0
        assert triage("import", f"{number}.binex", *there).code == 0
    for more in (EXPECT, ("--by", "triage.judge"), (*EXPECT, "--git")):
        said = triage("bisect", *names, *more, *there)
        assert (said.code, "--trust" in said.err) == (1, True), said.err
    said = triage("bisect", *names, *EXPECT, "--trust", *there)
    assert said.code == 0, said.err
    assert said.out.startswith("✓ label: agent")


def test_a_fork_of_each_mixture_is_in_the_tree(triage: Shell) -> None:
    found: Any = triage("bisect", "latest~1", "latest", *EXPECT, "--json", "-q").json()
    tree = triage("runs", "--tree").out
    assert all(run in tree for trial in found["trials"] for run in trial["runs"])
    assert "label: agent=llm://mock/cheap" in tree
