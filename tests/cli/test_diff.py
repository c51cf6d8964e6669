"""What `binex diff` prints."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

FLOW = """
name: story
inputs: {{topic: {{default: tides}}}}
nodes:
  plan: {{agent: local://steps.give, inputs: {{value: "a plan about ${{user.topic}}"}}}}
  think:
    agent: llm://mock/a
    system_prompt: {prompt}
    inputs: {{plan: "${{plan.output}}"}}
    config: {{answers: [{{text: {answer}, price: {price}}}]}}
  write: {{agent: local://steps.give, inputs: {{value: "${{think.output}}"}}}}
"""
BEFORE = FLOW.format(prompt="Be brief", answer="a short story", price=0.25)
AFTER = FLOW.format(prompt="Be very brief", answer="a very short story", price=0.5)


@pytest.fixture
def story(shell: Shell) -> Shell:
    """Two runs, in the second of which a prompt and an answer are others."""
    for text in (BEFORE, AFTER):
        shell.write("story.yaml", text)
        assert shell("run", "story.yaml", "-q").code == 0
    return shell


def test_the_answer_comes_first(story: Shell) -> None:
    said = story("diff", "latest~1", "latest")
    assert said.code == 0
    head, cause, follows, *_ = said.out.split("\n\n")[0], *said.out.split("\n\n")[1].splitlines()[::5]
    assert head.startswith("2 of 3 tasks differ between run ")
    assert cause == "First cause: task 'think' — its prompt and config.answers changed"
    assert "  prompt          Be {+very +}brief" in said.out
    assert "  output          a {+very +}short story" in said.out
    assert follows == "What follows: write"
    assert "cost    $0.25         $0.50         +$0.25" in said.out


def test_one_run_alone_is_compared_with_the_previous_one_and_that_is_said(story: Shell) -> None:
    said = story("diff")
    assert "the previous run of the workflow 'story'" in said.err
    assert story("diff", "latest~1", "latest").out == said.out


def test_a_fork_alone_is_compared_with_the_run_it_was_made_from(story: Shell) -> None:
    assert story("replay", "latest", "--edit", "plan.output=by hand", "-q").code == 0
    said = story("diff")
    assert said.err.endswith("the run that it was made from\n")
    assert "First cause: task 'plan' — a person changed it by hand" in said.out


def test_the_first_run_has_nothing_to_be_compared_with(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    said = shell("diff")
    assert said.code == 2
    assert "there is no earlier run of workflow 'good'" in said.err
    assert "binex diff A B" in said.err


def test_exit_codes_are_those_of_git(story: Shell) -> None:
    assert story("diff", "latest~1", "latest", "--exit-code").code == 1
    assert story("diff", "latest", "latest", "--exit-code").code == 0
    assert story("diff", "latest", "latest").out.startswith("✓ run ")


def test_json_has_everything(story: Shell) -> None:
    found = story("diff", "latest~1", "latest", "--json").json()
    assert not found["is_equal"]
    assert not found["is_cut"]
    assert found["causes"][0]["kind"] == "changed"
    assert [task["state"] for task in found["tasks"]] == ["equal", "different", "different"]
    assert found["tasks"][1]["outputs"][0]["value"]["text"]["inserted"] == 1


def test_stat_is_one_line_a_task(story: Shell) -> None:
    said = story("diff", "latest~1", "latest", "--stat").out
    assert "!  think  output, prompt, config  +1 -0 words  $0.25 → $0.50" in said
    assert "!  write  output, inputs          +1 -0 words" in said
    assert "plan" not in said


def test_only_the_causes(story: Shell) -> None:
    said = story("diff", "latest~1", "latest", "--only-causes").out
    assert "First cause: task 'think'" in said
    assert "BEFORE" not in said


def test_full_has_what_follows_too(story: Shell) -> None:
    said = story("diff", "latest~1", "latest", "--full").out
    assert "write  output, inputs\n  follows from think\n  inputs.value (filled in)  a {+very +}short story" in said


def test_one_task_in_full(story: Shell) -> None:
    said = story("diff", "latest~1", "latest", "--node", "write").out
    assert "follows from think" in said
    assert "a {+very +}short story" in said
    equal = story("diff", "latest~1", "latest", "--node", "plan").out
    assert "plan is the same between run" in equal


def test_both_sides_stand_beside_each_other_where_there_is_room(story: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "130")
    said = story("diff", "latest~1", "latest", "--node", "think").out
    (line,) = [line for line in said.splitlines() if line.startswith("  Be brief")]
    assert [side.strip() for side in line.split("│")] == ["Be brief", "Be {+very +}brief"]


def test_what_a_model_was_told_is_compared_in_full(story: Shell) -> None:
    said = story("diff", "latest~1", "latest", "--node", "think").out
    assert "messages, as its model was given them" in said
    assert "[0].content: " in said


def test_a_task_that_is_not_there_is_suggested(story: Shell) -> None:
    said = story("diff", "latest~1", "latest", "--node", "thnk")
    assert said.code == 2
    assert "no task 'thnk'" in said.err
    assert "think" in said.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--stat", "--full"), "--full and --stat do not go together"),
        (("latest", "latest~1", "latest", "--stat"), "--stat compares two runs"),
        (("--family", "latest", "latest~1"), "--family is that of one run"),
        (("--family", "latest"), "nothing was made from run"),
        (("latest", "nothing"), "no run 'nothing'"),
    ],
)
def test_what_cannot_be_compared_is_refused(story: Shell, arguments: tuple[str, ...], message: str) -> None:
    said = story("diff", *arguments)
    assert said.code == 2
    assert message in said.err


def test_more_than_two_runs_are_a_matrix(story: Shell) -> None:
    assert story("run", "story.yaml", "-q").code == 0
    said = story("diff", "latest~2", "latest~1", "latest")
    assert said.out.startswith("2 of 3 tasks differ among 3 runs")
    assert "think  A  B  B" in said.out
    assert "plan" not in said.out
    found = story("diff", "latest~2", "latest~1", "latest", "--json").json()
    assert [cell["outcome"] for cell in found["rows"][1]["cells"]] == ["A", "B", "B"]
    assert story("diff", "latest~2", "latest~1", "latest", "--exit-code").code == 1


def test_a_family_is_a_matrix(story: Shell) -> None:
    assert story("replay", "latest", "--edit", "plan.output=by hand", "-q").code == 0
    said = story("diff", "--family")
    assert "edited plan.output" in said.out
    assert "plan  A  B" in said.out


def test_deletions_and_insertions_are_told_without_colour_and_with(
    story: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    said = story("diff", "latest~1", "latest").out
    assert "\x1b[32m{+very +}\x1b[0m" in said
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in story("diff", "latest~1", "latest").out


@pytest.mark.parametrize("width", [20, 40, 80])
def test_narrow_terminals_are_enough(story: Shell, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    said = story("diff", "latest~1", "latest", "--only-causes").out
    assert max(map(len, said.splitlines())) <= max(width, 28)


def test_what_agents_say_is_escaped(shell: Shell) -> None:
    for text in ("plain", "\\x1b[31mred"):
        shell.write("odd.yaml", f'name: odd\nnodes: {{a: {{agent: local://steps.give, inputs: {{value: "{text}"}}}}}}')
        assert shell("run", "odd.yaml", "-q").code == 0
    for option in ("--full", "--stat", "--node=a"):
        said = shell("diff", "latest~1", "latest", option).out
        assert "\x1b" not in said
    assert "\\x1b[31mred" in shell("diff").out


def test_damage_is_named_in_place_and_the_rest_is_shown(story: Shell) -> None:
    folder = story.folder / ".binex"
    with closing(sqlite3.connect(folder / "binex.db")) as database, database:
        database.execute("UPDATE artifacts SET content = x'00' WHERE name LIKE 'think~%'")
    for file in Path(folder / "artifacts").rglob("*~think~*"):
        file.write_text("?")
    said = story("diff", "latest~1", "latest")
    assert said.code == 4
    assert "damaged: think.output of run" in said.out
    assert "Be {+very +}brief" in said.out


def test_a_workflow_with_another_name_is_said(story: Shell) -> None:
    assert story("run", "good.yaml", "-q").code == 0
    assert "their workflows are different ones, 'story' and 'good'" in story("diff", "story", "good").out


ASKING = """
    name: asking
    nodes:
      ask: {agent: human://input, system_prompt: "Well?", inputs: {value: 1}}
      then: {agent: local://steps.give, inputs: {value: "${ask.output}"}}
"""


def test_a_run_that_waits_says_what_has_not_ended_in_it_and_what_follows(story: Shell) -> None:
    story.write("asking.yaml", ASKING)
    story("run", "asking.yaml", "-q")
    story("run", "asking.yaml", "-q")
    assert "equal so far: the only task of run" in story("diff").out
    story("answer", "latest~1", "ask", "hello")
    story("resume", "latest~1", "-q")
    said = story("diff", "latest~1", "latest").out
    assert "(after) is waiting, and in it never ended: ask, then" in " ".join(said.split())
    said = story("diff", "latest", "latest~1").out
    assert "(before) is waiting, and in it never ended: ask, then" in " ".join(said.split())
