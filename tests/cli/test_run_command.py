"""``binex run``, ``resume``, ``cancel`` and ``hello``: results on stdout, everything else on stderr."""

import json
import re
from pathlib import Path

import pytest

from binex.cli.hello import find_demo
from binex.errors import InputError
from tests.cli.conftest import Shell

TWO_ENDS = """
name: two
nodes:
  text: {agent: local://steps.give, inputs: {value: "line\\nline"}}
  data: {agent: local://steps.give, inputs: {value: {k: [1, null]}}, outputs: [numbers]}
"""


def test_a_single_text_is_printed_as_it_is(shell: Shell) -> None:
    said = shell("run", "good.yaml", "--var", "text=two\nlines")
    assert (said.code, said.out) == (0, "two\nlines\n")


def test_anything_else_is_printed_as_json(shell: Shell) -> None:
    shell.write("data.yaml", 'nodes: {a: {agent: "local://steps.give", inputs: {value: {k: [1, null]}}}}')
    said = shell("run", "data.yaml")
    assert json.loads(said.out) == {"k": [1, None]}


def test_several_results_stand_under_their_names(shell: Shell) -> None:
    shell.write("two.yaml", TWO_ENDS)
    said = shell("run", "two.yaml")
    assert said.out == '── text ──\nline\nline\n\n── data.numbers ──\n{\n  "k": [\n    1,\n    null\n  ]\n}\n'


def test_json_is_the_summary_and_nothing_else(shell: Shell) -> None:
    summary = shell("run", "good.yaml", "--json").json()
    assert summary["run"]["status"] == "completed"
    assert summary["outputs"] == {"b": {"output": "hello"}}
    assert summary["failures"] == []


def test_progress_is_a_line_an_event(shell: Shell) -> None:
    said = shell("run", "good.yaml")
    lines = said.err.splitlines()
    assert re.fullmatch(r"run \w+ of good: 2 nodes", lines[0])
    assert [re.sub(r"^ +\d+\.\d\d s  |[\d.]+ ms$", "", line) for line in lines[1:5]] == [
        "a  started",
        "a  completed in ",
        "b  started",
        "b  completed in ",
    ]
    assert re.fullmatch(r"run \w+ completed in [\d.]+ m?s: 2 completed", lines[5])
    assert len(lines) == 6


def test_a_failed_run_says_what_failed_why_what_it_blocked_and_what_to_type(shell: Shell) -> None:
    said = shell("run", "bad.yaml")
    assert said.code == 1
    assert said.out == ""
    ending = said.err[said.err.index("✗ b failed") :]
    run = re.findall(r"run (\w+) failed", said.err)[0]
    assert ending.splitlines()[:3] == ["✗ b failed", "    ValueError: no luck", "    blocked: c"]
    assert re.search(r"run \w+ failed in [\d.]+ m?s: 1 completed, 1 failed, 1 skipped", ending)
    assert f"  binex debug {run}" in ending
    assert f"  binex resume {run} --retry-failed" in ending
    assert "Traceback" not in said.err


def test_commands_to_type_name_the_folder_that_was_given(shell: Shell) -> None:
    said = shell("run", "bad.yaml", "--dir", "a folder/.binex")
    assert re.search(r"binex debug \w+ --dir 'a folder/.binex'", said.err)
    assert shell("runs", "--dir", "a folder/.binex").code == 0
    assert not (shell.folder / ".binex").exists()


def test_quiet_says_nothing_but_the_result(shell: Shell) -> None:
    said = shell("run", "good.yaml", "--quiet")
    assert (said.out, said.err) == ("hello\n", "")


def test_quiet_still_says_why_there_is_no_result(shell: Shell) -> None:
    said = shell("run", "bad.yaml", "-q")
    assert said.err.startswith("✗ b failed\n    ValueError: no luck\n")


def test_what_agents_print_is_not_part_of_the_result(shell: Shell) -> None:
    shell.write("loud.yaml", 'nodes: {a: {agent: "local://steps.loud", inputs: {value: result}}}')
    said = shell.process("run", "loud.yaml")
    assert said.out == "result\n"
    assert "printed by the agent" in said.err
    assert "printed by its child" in said.err
    assert shell("run", "loud.yaml").out == "result\n"


def test_what_agents_return_cannot_steer_the_terminal(shell: Shell) -> None:
    evil = "\\u001b]0;owned\\u0007\\u009b5m\\u202e[bold]x[/bold]"
    shell.write("evil.yaml", f'nodes: {{a: {{agent: "local://steps.give", inputs: {{value: "{evil}"}}}}}}')
    said = shell("run", "evil.yaml")
    assert said.out == "\\x1b]0;owned\\x07\\x9b5m\\u202e[bold]x[/bold]\n"
    said = shell("run", "evil.yaml", "--json")
    assert said.json()["outputs"]["a"]["output"] == "\u001b]0;owned\u0007\u009b5m\u202e[bold]x[/bold]"
    assert not set("\u001b\u0007\u009b\u202e") & set(said.out)


def test_text_that_is_no_unicode_is_shown_and_stays_valid_json(shell: Shell) -> None:
    shell.write("odd.py", "def half(): return '\\ud83d'")
    shell.write("odd.yaml", 'nodes: {a: {agent: "local://odd.half"}}')
    assert shell("run", "odd.yaml").out == "\\ud83d\n"
    assert shell("run", "odd.yaml", "--json").json()["outputs"]["a"]["output"] == "\ud83d"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--var", "text"], "'text' is not a variable"),
        (["--var", "text=1", "--var", "text=2"], "variable 'text' is given twice"),
        (["--var", "txet=1"], "txet"),
        (["--limit", "depth"], "--limit depth: there is no '='"),
        (["--limit", "dept=3"], "no limit 'dept'"),
        (["--limit", "depth=many"], "--limit depth: 'many' is not a number"),
        (["--limit", "depth=0"], "--limit depth: input should be greater than or equal to 1"),
        (["--durability", "none"], "'none' is not one of 'full', 'normal'"),
        (["--nonsense"], "No such option"),
        (["extra"], "unexpected extra argument"),
    ],
)
def test_a_wrong_option_is_bad_input_before_anything_runs(shell: Shell, arguments: list[str], message: str) -> None:
    said = shell("run", "good.yaml", *arguments)
    assert said.code == 2
    assert said.err.startswith("Error: ")
    assert message in said.err
    assert "\n  fix: " in said.err or "greater than" in said.err
    assert said.out == ""
    assert not list(shell.folder.glob(".binex/artifacts/*"))


def test_a_limit_is_heeded_and_takes_units(shell: Shell) -> None:
    said = shell("run", "good.yaml", "--var", "text=" + "x" * 3000, "--limit", "limits.output_bytes=2KiB")
    assert said.code == 1
    assert "2,048" in said.err or "2 KiB" in said.err
    assert shell("run", "good.yaml", "--limit", "output_bytes=20MiB").code == 0


def test_a_prompt_from_outside_needs_leave(shell: Shell) -> None:
    shell.write("../prompts/p.md", "Be brief.")
    shell.write(
        "flow/prompted.yaml",
        """
        nodes: {a: {agent: "local://echo", system_prompt: "file://../../prompts/p.md"}}
        """,
    )
    assert shell("run", "flow/prompted.yaml").code == 2
    assert shell("run", "flow/prompted.yaml", "--allow-path", "../prompts").code == 0


def test_all_faults_of_a_file_are_told_with_their_places(shell: Shell) -> None:
    shell.write(
        "faulty.yaml",
        """\
        nodes:
          a: {agnt: "local://echo"}
          b: {agent: "local://echo", depends_on: [c]}
        """,
    )
    said = shell("run", "faulty.yaml")
    assert said.code == 2
    assert len(re.findall(r"^Error: faulty\.yaml:\d+:\d+: ", said.err, re.MULTILINE)) >= 2
    assert "  fix: " in said.err


def test_resuming_a_completed_run_has_nothing_to_do(shell: Shell) -> None:
    shell("run", "good.yaml")
    said = shell("resume")
    assert said.code == 0
    assert "nothing to do: run" in said.err
    assert said.out == "hello\n"


def test_a_failed_run_can_be_tried_again(shell: Shell) -> None:
    shell("run", "bad.yaml")
    assert shell("resume", "latest").code == 1
    shell.write("steps.py", "def give(value): return value\ndef fail(value): return 'now it works'\n")
    said = shell("resume", "--retry-failed")
    assert (said.code, said.out) == (0, "now it works\n")
    assert "3 completed (1 of them before)" in said.err
    assert shell("runs", "--json").json()["runs"][0]["resumed"] == 1


def test_changed_code_can_be_refused(shell: Shell) -> None:
    shell("run", "bad.yaml")
    shell.write("steps.py", "def give(value): return value\ndef fail(value): return 'now it works'\n")
    said = shell("resume", "--retry-failed", "--strict")
    assert said.code == 1
    assert "has changed" in said.err


def test_a_run_that_has_ended_cannot_be_cancelled(shell: Shell) -> None:
    shell("run", "good.yaml")
    said = shell("cancel", "latest")
    assert said.code == 1
    assert "has ended already" in said.err


def test_the_demo_runs_and_says_what_to_type_next(shell: Shell) -> None:
    said = shell("hello")
    assert said.code == 0
    assert said.out.startswith("# Digest of ")
    assert said.err.startswith("Hello!")
    for command in ("binex trace", "binex debug", "binex artifacts list", "binex run "):
        assert f"\n  {command}" in said.err
    assert shell("runs", "--json").json()["runs"][0]["workflow"] == "digest"
    assert shell("artifacts", "show", "compare").code == 0


def test_the_demo_is_found(tmp_path: Path) -> None:
    assert find_demo().is_file()
    assert issubclass(InputError, Exception)
