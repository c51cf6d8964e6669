"""``binex why``, and ``binex run`` with a cache: what is printed, and the exit codes."""

import re

import pytest

from binex.cli.table import COMMANDS
from tests.cli.conftest import Shell

FLOW = """
name: report
inputs: {tone: {default: dry}}
nodes:
  topics: {agent: local://echo, inputs: {list: [moon, sun]}}
  ask:
    foreach: "${topics.output}"
    agent: llm://mock/small
    system_prompt: Be ${user.tone}.
    inputs: {topic: "${item}"}
    config: {answers: [{text: A fine topic.}]}
  sum:
    agent: llm://mock/large
    inputs: {all: "${ask.output}"}
    config: {answers: [{text: All in all.}]}
    when: "${user.tone} != rude"
"""
RUN_ID = re.compile(r"\b1[0-9a-z]{10,12}\b")


@pytest.fixture
def report(shell: Shell) -> Shell:
    """A folder with a run of a workflow that asks models."""
    shell.write("report.yaml", FLOW)
    assert shell("run", "report.yaml", "-q").code == 0
    return shell


def run_id_of(shell: Shell, number: int = 0) -> str:
    return str(shell("runs", "--json").json()["runs"][number]["id"])


def cells(text: str) -> list[list[str]]:
    return [re.split(r" {2,}", line) for line in text.splitlines()]


def test_a_run_with_a_cache_says_what_it_reused(report: Shell) -> None:
    first = run_id_of(report)
    said = report("run", "report.yaml", "--cache")
    assert (said.code, said.out) == (0, "All in all.\n")
    assert f"sum  completed: reused from run {first}" in said.err
    assert "; 4 tasks reused from earlier runs" in said.err
    assert "model call" not in said.err
    assert report("run", "report.yaml", "--cache", "--json").json()["recalled"] == 4
    assert report("cost").out.splitlines()[-1] == "no calls of models"


def test_a_reused_task_is_shown_as_such_everywhere(report: Shell) -> None:
    first = run_id_of(report)
    report("run", "report.yaml", "--cache", "-q")
    for command in ("trace", "debug"):
        assert f"taken over from run {first}" in report(command).out


def test_a_run_that_is_offline_names_all_that_is_not_known(report: Shell) -> None:
    known = report("run", "report.yaml", "--offline")
    assert (known.code, known.out) == (0, "All in all.\n")
    said = report("run", "report.yaml", "--offline", "-v", "tone=warm")
    assert said.code == 1
    assert "offline: 1 node would have to ask, since nothing is known" in said.err
    assert "    ask (2 items): llm://mock/small would have to be asked" in said.err
    assert "    fix: run it once with --cache and without --offline" in said.err
    assert said.err.count("llm://mock/small would have to be asked") == 4  # each item, their list, and in the end


def test_a_foreach_that_goes_on_without_some_items_does_not_hide_that_they_were_not_known(report: Shell) -> None:
    report.write("report.yaml", FLOW.replace("[moon, sun]", "[moon, mars]").replace("large", "small"))
    report("run", "report.yaml", "-q")
    report.write("report.yaml", FLOW.replace("[moon, sun]", "[moon, venus]").replace('"${ask.output}"', "1"))
    said = report("run", "report.yaml", "--offline", "-q")
    assert said.code == 1
    assert "ask (1 item)" in said.err


def test_why_shows_the_parts_that_differ(report: Shell) -> None:
    report("run", "report.yaml", "--cache", "-q", "-v", "tone=warm")
    first, second = run_id_of(report, 1), run_id_of(report)
    said = report("why", "ask[1]")
    assert said.code == 0
    assert "ask[1] was executed" in said.out
    assert f"1 part of its key differs from the same task before: ask[1] of run {first}" in said.out
    assert ["prompt", "differs", "Be dry.", "Be warm."] in cells(said.out)
    assert ["inputs.topic", "same"] in cells(said.out)
    assert report("why", second, "ask[1]").out == said.out
    assert f"sum was not executed: its outcome is that of run {first}" in report("why", "sum").out


def test_why_sums_up_the_items_of_a_foreach(report: Shell) -> None:
    first = run_id_of(report)
    report.write("report.yaml", FLOW.replace("sun]", "mars]"))
    report("run", "report.yaml", "--cache", "-q")
    said = report("why", "ask")
    assert "ask is the list that its items made" in said.out
    assert "2 items: 1 reused, 1 executed" in said.out
    assert f"  1 reused from run {first}" in said.out
    assert "  in 1 executed, 'inputs.topic' differs from the same item before" in said.out


def test_why_shows_a_condition_with_its_values(report: Shell) -> None:
    report("run", "report.yaml", "-q", "-v", "tone=rude")
    said = report("why", "sum")
    assert (
        'sum was skipped: its condition was false\n  when: ${user.tone} != rude\n    ${user.tone} is "rude"' in said.out
    )


def test_why_says_what_failed_first(shell: Shell) -> None:
    shell("run", "bad.yaml", "-q")
    assert "b was executed, and failed\n  no luck" in shell("why", "b").out
    assert "c was skipped: 'b' failed" in shell("why", "c").out
    assert "No earlier task like it has completed." in shell("why", "a").out


def test_why_can_be_had_as_json(report: Shell) -> None:
    report("run", "report.yaml", "-q", "--cache", "-v", "tone=warm")
    found = report("why", "ask[0]", "--json").json()
    assert (found["verdict"], found["nearest"]["like"]) == ("executed", "task")
    assert {"name": "prompt", "group": "prompt", "state": "differs", "before": "Be dry.", "after": "Be warm."} in found[
        "parts"
    ]


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        (["smu"], "no task 'smu'", "did you mean 'sum'?"),
        (["ask[17]"], "no task 'ask[17]'", "did you mean 'ask[1]'?"),
        (["nowhere", "sum"], "no run 'nowhere'", "The newest are"),
        (["a", "b", "c"], "too many arguments", "binex why RUN TASK"),
        ([], "Missing argument", ""),
    ],
)
def test_what_is_not_there_is_bad_input(report: Shell, arguments: list[str], message: str, fix: str) -> None:
    said = report("why", *arguments)
    assert said.code == 2
    assert message in said.err and fix in said.err


ODD = """
inputs: {t: {}}
nodes:
  a:
    agent: local://echo
    inputs: {x: TEXT, "odd\\u0007": 1}
    when: "${user.t} == 1"
"""


def test_nothing_that_a_terminal_obeys_is_shown(shell: Shell) -> None:
    for text, value in ((r'"\e[31mred"', "1"), (r'"\e[32mgreen\nand\u202e"', "1"), ("2", "\x1b[5m")):
        shell.write("odd.yaml", ODD.replace("TEXT", text))
        shell("run", "odd.yaml", "-q", "-v", f"t={value}")
    skipped, shown = shell("why", "a"), shell("why", "latest~1", "a")
    assert "\\x1b[5m" in skipped.out or "\\u001b[5m" in skipped.out
    assert "\\x1b[32mgreen and" in shown.out and "odd\\x07" in shown.out
    for said in (skipped, shown):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", said.out)


def test_why_is_in_the_table_of_commands() -> None:
    assert COMMANDS["why"][0] == "Look"
